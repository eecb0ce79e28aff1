package contract

import (
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// settled is what was paid, forgiven and given.
func (s *Schedule) settled() (amount.Amount, bool) {
	sum, ok := s.Paid.Add(s.Forgave)
	all, fits := sum.Add(s.Rebated)
	return all, ok && fits
}

// Remaining is what is still to be paid. It is never more than the day before: nothing is added for time.
func (s *Schedule) Remaining() amount.Amount {
	settled, _ := s.settled()
	rest, _ := s.Owed().Sub(settled) // Validate holds it to be at most what is owed
	return rest
}

// Pay takes an amount towards the instalments, the earliest first; paying early is always allowed. It fails with
// Refused, code overpaid, where it is more than remains, and changes nothing then.
func (s *Schedule) Pay(a amount.Amount) error { return s.take(&s.Paid, a) }

// Forgive lets a debtor off a part of a loan, the latest instalments first. It fails like Pay, and with Invalid for a
// sale, where it is a Rebate.
func (s *Schedule) Forgive(a amount.Amount) error {
	if s.Kind != Qard {
		return invalid("a loan is forgiven; the price of a sale is rebated")
	}
	return s.take(&s.Forgave, a)
}

// Rebate records a gift of the seller to a buyer who pays early: a separate credit, which the price knows nothing of.
// It fails like Pay, with Invalid for a loan, and with Refused, code shariah_mura_1, where it was promised.
func (s *Schedule) Rebate(a amount.Amount, promised bool) error {
	if s.Kind != Murabaha {
		return invalid("the price of a sale is rebated; a loan is forgiven")
	}
	if promised {
		return refused("shariah_mura_1", "a rebate is a gift that was not promised", fact("rebate", a))
	}
	return s.take(&s.Rebated, a)
}

func (s *Schedule) take(into *amount.Amount, a amount.Amount) error {
	rest := s.Remaining()
	if a.IsZero() {
		return invalid("an amount is needed")
	}
	if rest.Less(a) {
		return edge.E(edge.Refused, "this is more than is still owed").WithHint("pay what remains").WithCode("overpaid", fact("amount", a), fact("remaining", rest))
	}
	*into, _ = into.Add(a) // at most what is owed
	return nil
}

// Late is what should have been paid before a day and was not, with the day of the earliest instalment that is open.
// What was forgiven or given takes from the latest instalments. It is what is owed, and stays so: no charge follows
// from it.
func (s *Schedule) Late(on time.Time) (late amount.Amount, since time.Time) {
	off, _ := s.Forgave.Add(s.Rebated)
	reach, _ := s.Owed().Sub(off) // instalments beyond it need not be paid
	var due amount.Amount
	for _, in := range s.Instalments {
		if !in.Due.Before(day(on)) {
			break
		}
		due, _ = due.Add(in.Amount)
		if reach.Less(due) {
			due = reach
		}
		if since.IsZero() && s.Paid.Less(due) {
			since = in.Due
		}
	}
	if late, ok := due.Sub(s.Paid); ok && !late.IsZero() {
		return late, since
	}
	return amount.Amount{}, time.Time{}
}

// Done reports whether nothing remains.
func (s *Schedule) Done() bool { return s.Remaining().IsZero() }
