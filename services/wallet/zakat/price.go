package zakat

import (
	"strconv"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A Price is what pure metal costs, in minor units of the currency that everything else is counted in: Amount for
// Milligrams. A price by the troy ounce is that of 10,000 ounces for 311,034,768 mg. The zero Price is none.
type Price struct {
	Amount     amount.Amount
	Milligrams uint64 // at most 1e12
	At         time.Time
}

// Prices are those of one currency.
type Prices struct{ Gold, Silver Price }

func (p Prices) of(m Metal) Price {
	if m == Gold {
		return p.Gold
	}
	return p.Silver
}

const maxPer = 1e12

// value is what mg milligrams are worth, where a thousandth of each is fine parts pure metal: mg is of thousandths.
func (p Price) value(m Metal, thousandths uint64, r Rounding) (amount.Amount, error) {
	if p.Amount.IsZero() || p.Milligrams == 0 {
		return amount.Amount{}, invalid("there is no price of %s", m).WithHint("enter the price of today")
	}
	if p.Milligrams > maxPer {
		return amount.Amount{}, invalid("the price of %s is for too large a weight", m)
	}
	a, ok := p.Amount.MulDiv(thousandths, p.Milligrams*1000, amount.Rounding(r))
	if !ok {
		return a, tooLarge()
	}
	return a, nil
}

// Flags of an answer that people should look at before they rely on it.
const (
	FlagStale  = "price_stale"     // a price it rests on is older than the set allows
	FlagFuture = "price_in_future" // a price it rests on bears a time that has not come: a clock is wrong
)

// flags of p at now.
func (s Set) flags(p Price, now time.Time) []string {
	switch age := now.Sub(p.At); {
	case age < 0:
		return []string{FlagFuture}
	case age > time.Duration(s.StaleDays)*24*time.Hour:
		return []string{FlagStale}
	}
	return nil
}

func (p Price) facts(m Metal) []edge.Fact {
	return []edge.Fact{{Name: "metal", Value: string(m)}, {Name: "price", Value: p.Amount.String()}, {Name: "per_mg", Value: count(p.Milligrams)}, {Name: "price_at", Value: p.At.UTC().Format(time.RFC3339)}}
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

// NisabOf is the threshold of a set at prices, in minor units, rounded up: wealth, which is a whole number of units,
// reaches the exact threshold where it reaches this. It fails with edge.Invalid where the price is missing.
func NisabOf(s Set, p Prices) (amount.Amount, error) {
	return p.of(s.Nisab).value(s.Nisab, s.nisabMg()*1000, Rounding(amount.Up))
}

func (s Set) nisabMg() uint64 {
	if s.Nisab == Gold {
		return s.GoldMg
	}
	return s.SilverMg
}
