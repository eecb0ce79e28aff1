// Package contract keeps schedules of what is owed: good loans (qard hasan), which come back as they were lent, and
// sales at cost and markup (murabaha), whose price is fixed. It is pure; encodings are stored and stay.
package contract

import (
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A Kind is a kind of contract. Numbers are stored: never reorder.
type Kind uint8

const (
	Qard Kind = iota + 1
	Murabaha
)

// MaxInstalments is how many instalments a schedule may have: monthly for forty years.
const MaxInstalments = 480

// An Instalment is due on a day.
type Instalment struct {
	Due    time.Time // midnight UTC
	Amount amount.Amount
}

// A Schedule is what was agreed and what became of it. Amounts are minor units of one currency.
type Schedule struct {
	Kind        Kind
	Cost        amount.Amount // what was lent, or what the thing cost the seller
	Markup      amount.Amount // disclosed; nothing for a Qard
	Fee         amount.Amount // of a Qard: flat, paid apart from the instalments
	ActualCost  amount.Amount // of lending, documented
	Instalments []Instalment  // in order of their days; they add up to Owed

	Paid    amount.Amount // towards the instalments, in order
	Forgave amount.Amount // of a Qard: what the lender does not ask for any more
	Rebated amount.Amount // of a Murabaha: separate gifts of the seller, which nobody was promised
}

// Terms are what a schedule is made of.
type Terms struct {
	Count int                                             // how many instalments, from 1
	First time.Time                                       // the day of the first; its time of day does not count
	Next  func(first time.Time, n int) (time.Time, error) // the day of the one n after the first; nil: Monthly
}

// Monthly is the same day n months later, in the Gregorian calendar, and the last of the month where it is too short.
func Monthly(first time.Time, n int) (time.Time, error) {
	y, m, d := first.Date()
	last := time.Date(y, m+time.Month(n)+1, 0, 0, 0, 0, 0, time.UTC)
	return last.AddDate(0, 0, min(d, last.Day())-last.Day()), nil
}

// NewQard is the schedule of a good loan: equal instalments that add up to the principal exactly, the units that do
// not divide in the earliest. It fails with Refused where the fee is above the documented actual cost, and with Invalid
// for other terms that cannot be kept.
func NewQard(principal, fee, actualCost amount.Amount, t Terms) (*Schedule, error) {
	return newSchedule(Schedule{Kind: Qard, Cost: principal, Fee: fee, ActualCost: actualCost}, t)
}

// NewMurabaha is the schedule of a sale at cost and markup, in equal instalments that add up to the price exactly. It
// fails with Invalid for terms that cannot be kept.
func NewMurabaha(cost, markup amount.Amount, t Terms) (*Schedule, error) {
	return newSchedule(Schedule{Kind: Murabaha, Cost: cost, Markup: markup}, t)
}

func newSchedule(s Schedule, t Terms) (*Schedule, error) {
	owed, ok := s.Cost.Add(s.Markup)
	if !ok || s.Cost.IsZero() {
		return nil, invalid("the contract needs an amount")
	}
	if t.Count < 1 || t.Count > MaxInstalments {
		return nil, invalid("a schedule has 1 to %d instalments", MaxInstalments)
	}
	shares := slices.Repeat([]uint64{1}, t.Count)
	parts, err := amount.Split(owed, shares)
	if err != nil {
		return nil, err
	}
	next := t.Next
	if next == nil {
		next = Monthly
	}
	for i, part := range parts {
		due, err := next(day(t.First), i)
		if err != nil {
			return nil, err
		}
		s.Instalments = append(s.Instalments, Instalment{day(due), part})
	}
	return &s, s.Validate()
}

func day(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// Owed is what the instalments add up to: the principal of a loan, the price of a sale. It never changes.
func (s *Schedule) Owed() amount.Amount {
	sum, _ := s.Cost.Add(s.Markup) // Validate holds it to fit
	return sum
}

// Validate holds a schedule to what makes it permissible: instalments above nothing, in order of their days, that add
// up to what is owed exactly; a loan without markup or rebate and with a fee of at most its documented actual cost; a
// sale without fee; never more settled than was owed. It fails with Refused where the terms are not permissible, codes
// shariah_riba_1, shariah_riba_4 and shariah_mura_1, and with Invalid where they make no sense.
func (s *Schedule) Validate() error {
	owed, ok := s.Cost.Add(s.Markup)
	if !ok || s.Cost.IsZero() || len(s.Instalments) == 0 || len(s.Instalments) > MaxInstalments {
		return invalid("the contract needs an amount and 1 to %d instalments", MaxInstalments)
	}
	if err := s.kind(); err != nil {
		return err
	}
	sum, err := s.sum()
	if err != nil {
		return err
	}
	if sum != owed {
		if s.Kind == Qard {
			return refused("shariah_riba_1", "the instalments of a loan come to exactly what was lent", fact("principal", owed), fact("schedule_sum", sum))
		}
		return refused("shariah_mura_1", "the instalments of a sale come to exactly its price", fact("price", owed), fact("schedule_sum", sum))
	}
	if settled, ok := s.settled(); !ok || owed.Less(settled) {
		return invalid("more was settled than is owed")
	}
	return nil
}

// sum adds up the instalments.
func (s *Schedule) sum() (sum amount.Amount, err error) {
	for i, in := range s.Instalments {
		var ok bool
		if sum, ok = sum.Add(in.Amount); !ok || in.Amount.IsZero() {
			return sum, invalid("instalment %d needs an amount that is more than nothing", i+1)
		}
		if in.Due != day(in.Due) || in.Due.Unix() < 0 || in.Due.Year() > 9999 {
			return sum, invalid("instalment %d needs a day", i+1)
		}
		if i > 0 && !in.Due.After(s.Instalments[i-1].Due) {
			return sum, invalid("instalment %d is not due after the one before", i+1)
		}
	}
	return sum, nil
}

// kind checks what one kind has and the other lacks.
func (s *Schedule) kind() error {
	switch s.Kind {
	case Qard:
		if !s.Markup.IsZero() || !s.Rebated.IsZero() {
			return refused("shariah_riba_1", "a loan has no markup", fact("markup", s.Markup))
		}
		if s.ActualCost.Less(s.Fee) {
			return refused("shariah_riba_4", "the fee of a loan is at most what lending it costs", fact("fee", s.Fee), fact("actual_cost", s.ActualCost))
		}
	case Murabaha:
		if !s.Fee.IsZero() || !s.ActualCost.IsZero() || !s.Forgave.IsZero() {
			return refused("shariah_mura_1", "the price of a murabaha is cost and markup; it has no fee", fact("fee", s.Fee))
		}
	default:
		return invalid("this kind of contract is not known")
	}
	return nil
}

func invalid(format string, args ...any) error {
	return edge.E(edge.Invalid, format, args...).WithHint("look at the terms again").WithCode("invalid_request")
}

func refused(code, words string, facts ...edge.Fact) error {
	return edge.E(edge.Refused, "%s", words).WithCode(code, facts...)
}

func fact(name string, a amount.Amount) edge.Fact { return edge.Fact{Name: name, Value: a.String()} }
