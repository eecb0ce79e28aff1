package zakat

import (
	"math/bits"
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// Assets are what one owner has on the day, in minor units of one currency.
type Assets struct {
	edge.Redacted
	Cash        amount.Amount // in hand and in accounts
	Gold        []Piece
	Silver      []Piece
	TradeGoods  amount.Amount // at what they would sell for today
	Receivables amount.Amount // owed to the owner by those who will pay
	Debts       amount.Amount // owed by the owner and due
}

// A Piece is metal of one fineness.
type Piece struct {
	Milligrams uint64
	Fineness   uint16 // thousandths of pure metal, 1 to 1000: 24 carat is 1000, 22 carat 917, 18 carat 750
	Worn       bool   // jewellery in use
}

// maxPieces is how many entries of one metal an assessment takes.
const maxPieces = 1000

// A Calendar says by which year wealth was counted.
type Calendar uint8

// Calendars.
const (
	LunarYear Calendar = iota
	SolarYear
)

// A Fraction is an exact number of minor units: Num/Den.
type Fraction struct {
	Num amount.Amount
	Den uint64
}

// A Line is one step of a calculation: which, by a name that pages have words for, what it comes to, and the figures it
// rests on.
type Line struct {
	Step   string
	Amount amount.Signed // in minor units; 0 where the step is none of money
	Facts  []edge.Fact
}

// Steps of a calculation.
const (
	LineCash        = "cash"
	LineGold        = "gold"
	LineSilver      = "silver"
	LineTradeGoods  = "trade_goods"
	LineReceivables = "receivables"
	LineDebts       = "debts"           // taken off
	LineDebtsKept   = "debts_not_taken" // the set takes none off
	LineWorn        = "worn_not_counted"
	LineTotal       = "total"
	LineNisab       = "nisab"
	LineBelow       = "below_nisab"
	LineRate        = "rate"
	LineDue         = "due"
)

// An Assessment is an answer with its reasons.
type Assessment struct {
	edge.Redacted
	Set     string // "core/1"
	Lines   []Line // in the order of the calculation
	Total   amount.Signed
	Nisab   amount.Amount
	Reached bool          // Total is at Nisab or above
	Exact   Fraction      // before rounding; 0/1 below nisab
	Due     amount.Amount // in minor units, rounded as the set says
	Flags   []string
}

// Assess computes what is due on assets whose year is complete (see Hawl) at prices. It fails with edge.Invalid where a
// price is missing or an amount out of reason.
func Assess(s Set, a Assets, p Prices, c Calendar, now time.Time) (Assessment, error) {
	if err := s.Check(); err != nil {
		return Assessment{}, err
	}
	out := Assessment{Set: s.String(), Exact: Fraction{Den: 1}}
	if err := out.wealth(s, a, p, now); err != nil {
		return Assessment{}, err
	}
	var err error
	if out.Nisab, err = NisabOf(s, p); err != nil {
		return Assessment{}, err
	}
	price := p.of(s.Nisab)
	out.flag(s.flags(price, now))
	out.line(LineNisab, amount.Signed{Amount: out.Nisab}, append(price.facts(s.Nisab), edge.Fact{Name: "mg", Value: count(s.nisabMg())})...)
	out.Reached = !out.Total.Neg && !out.Total.Amount.Less(out.Nisab)
	if !out.Reached {
		out.line(LineBelow, amount.Signed{})
		return out, nil
	}
	return out, out.charge(s, c)
}

// charge applies the rate to a total that reaches nisab.
func (out *Assessment) charge(s Set, c Calendar) error {
	rate := s.Lunar
	if c == SolarYear {
		rate = s.Solar
	}
	var ok, ok2 bool
	out.Exact.Den = rate.Den
	out.Exact.Num, ok = out.Total.MulDiv(rate.Num, 1, amount.Down)
	out.Due, ok2 = out.Total.MulDiv(rate.Num, rate.Den, amount.Rounding(s.Rounding))
	if !ok || !ok2 {
		return tooLarge()
	}
	out.line(LineRate, amount.Signed{}, edge.Fact{Name: "rate", Value: rate.String()}, edge.Fact{Name: "exact", Value: out.Exact.Num.String() + "/" + count(rate.Den)}, edge.Fact{Name: "rounding", Value: s.Rounding.String()})
	out.line(LineDue, amount.Signed{Amount: out.Due})
	return nil
}

// wealth adds up what counts.
func (out *Assessment) wealth(s Set, a Assets, p Prices, now time.Time) error {
	if err := out.add(LineCash, a.Cash); err != nil {
		return err
	}
	if err := out.metal(s, LineGold, Gold, a.Gold, p.Gold, now); err != nil {
		return err
	}
	if err := out.metal(s, LineSilver, Silver, a.Silver, p.Silver, now); err != nil {
		return err
	}
	if err := out.add(LineTradeGoods, a.TradeGoods); err != nil {
		return err
	}
	if err := out.add(LineReceivables, a.Receivables); err != nil {
		return err
	}
	if !a.Debts.IsZero() {
		debts := amount.Signed{Amount: a.Debts}
		if s.Debts {
			out.Total = amount.Diff(out.Total.Amount, a.Debts) // nothing before could take it below zero
			out.line(LineDebts, debts.Negated())
		} else {
			out.line(LineDebtsKept, debts)
		}
	}
	out.line(LineTotal, out.Total)
	return nil
}

func (out *Assessment) add(step string, a amount.Amount, facts ...edge.Fact) error {
	if a.IsZero() && facts == nil {
		return nil
	}
	total, ok := out.Total.Add(amount.Signed{Amount: a})
	if !ok {
		return tooLarge()
	}
	out.Total = total
	out.line(step, amount.Signed{Amount: a}, facts...)
	return nil
}

// metal adds the pieces of one metal, rounded once.
func (out *Assessment) metal(s Set, step string, m Metal, pieces []Piece, p Price, now time.Time) error {
	if len(pieces) > maxPieces {
		return invalid("an assessment takes at most %d pieces of %s", maxPieces, m)
	}
	counted, worn, err := weigh(s, m, pieces)
	if err != nil {
		return err
	}
	if counted > 0 {
		value, err := p.value(m, counted, s.Rounding)
		if err != nil {
			return err
		}
		out.flag(s.flags(p, now))
		if err := out.add(step, value, append(p.facts(m), edge.Fact{Name: "pure_mg", Value: decimal(counted)})...); err != nil {
			return err
		}
	}
	if worn > 0 {
		out.line(LineWorn, amount.Signed{}, edge.Fact{Name: "metal", Value: string(m)}, edge.Fact{Name: "pure_mg", Value: decimal(worn)})
	}
	return nil
}

// weigh is the pure metal in pieces, in thousandths of a milligram: what counts, and what is worn and does not.
func weigh(s Set, m Metal, pieces []Piece) (counted, worn uint64, err error) {
	for _, piece := range pieces {
		if piece.Fineness == 0 || piece.Fineness > 1000 {
			return 0, 0, invalid("the fineness of %s is 1 to 1000 thousandths", m).WithHint("24 carat is 1000, 22 carat 917, 18 carat 750")
		}
		to := &counted
		if piece.Worn && !s.Worn {
			to = &worn
		}
		high, pure := bits.Mul64(piece.Milligrams, uint64(piece.Fineness))
		sum, carry := bits.Add64(*to, pure, 0)
		if high|carry != 0 {
			return 0, 0, invalid("there is more %s than anybody has", m)
		}
		*to = sum
	}
	return counted, worn, nil
}

// decimal writes thousandths.
func decimal(thousandths uint64) string {
	return amount.Signed{Amount: amount.Of(thousandths)}.Decimal(3)
}

func (out *Assessment) line(step string, a amount.Signed, facts ...edge.Fact) {
	out.Lines = append(out.Lines, Line{step, a, facts})
}

func (out *Assessment) flag(flags []string) {
	for _, f := range flags {
		if !slices.Contains(out.Flags, f) {
			out.Flags = append(out.Flags, f)
		}
	}
}
