package shariah

import (
	"math/big"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// Figures are of a company, in minor units of one currency, from its published accounts.
type Figures struct {
	MarketCap           amount.Amount
	Debt                amount.Amount // that bears interest
	Deposits            amount.Amount // that bear interest
	Income              amount.Amount // all of it
	ImpermissibleIncome amount.Amount
}

// shareRatio bounds one figure of a company by another.
type shareRatio struct {
	standard
	Purposes []Purpose `json:"purposes"`
	Figure   string    `json:"figure"` // debt, deposits or impermissible_income
	Of       string    `json:"of"`     // market_cap or income
	Most     ratio     `json:"most"`
}

func (c *shareRatio) valid() error {
	if _, ok := new(Figures).figure(c.Figure); !ok {
		return wrong("figure is debt, deposits or impermissible_income, not %q", c.Figure)
	}
	if _, ok := new(Figures).whole(c.Of); !ok {
		return wrong("of is market_cap or income, not %q", c.Of)
	}
	if err := c.Most.valid(); err != nil {
		return wrong("most: %w", err)
	}
	return list("purposes", c.Purposes)
}

func (g *Figures) figure(name string) (amount.Amount, bool) {
	switch name {
	case "debt":
		return g.Debt, true
	case "deposits":
		return g.Deposits, true
	case "impermissible_income":
		return g.ImpermissibleIncome, true
	}
	return amount.Amount{}, false
}

func (g *Figures) whole(name string) (amount.Amount, bool) {
	switch name {
	case "market_cap":
		return g.MarketCap, true
	case "income":
		return g.Income, true
	}
	return amount.Amount{}, false
}

func (c *shareRatio) when() trigger { return trigger{purposes: c.Purposes} }

// judge asks an officer where there are no figures.
func (c *shareRatio) judge(f *Facts) verdict {
	if f.Shares == nil {
		return ask
	}
	part, _ := f.Shares.figure(c.Figure)
	whole, _ := f.Shares.whole(c.Of)
	if !whole.IsZero() && !c.Most.of(whole).Less(part) {
		return pass
	}
	return hit
}

func (c *shareRatio) tells() []string { return []string{"figure", "of", "part", "whole", "most"} }

func (c *shareRatio) used(f *Facts) []fact {
	part, whole := "-", "-"
	if f.Shares != nil {
		p, _ := f.Shares.figure(c.Figure)
		w, _ := f.Shares.whole(c.Of)
		part, whole = p.String(), w.String()
	}
	return []fact{
		{Name: "figure", Value: c.Figure}, {Name: "of", Value: c.Of}, {Name: "part", Value: part}, {Name: "whole", Value: whole}, {Name: "most", Value: c.Most.String()},
	}
}

// purify sends impermissible income to the fund through which it leaves.
type purify struct {
	Purposes []Purpose `json:"purposes"`
	Fund     FundKind  `json:"fund"`
}

func (c *purify) valid() error {
	if err := fundFor(c.Fund); err != nil {
		return err
	}
	return list("purposes", c.Purposes)
}

func (c *purify) mayBe(a Act) bool      { return a == Route || a == Deny || a == Review }
func (c *purify) destination() FundKind { return c.Fund }
func (c *purify) when() trigger         { return trigger{purposes: c.Purposes} }

func (c *purify) judge(f *Facts) verdict {
	if f.To.Kind == c.Fund {
		return pass
	}
	return hit
}

func (c *purify) tells() []string { return []string{"purpose", "to", "fund"} }

func (c *purify) used(f *Facts) []fact {
	return []fact{{Name: "purpose", Value: f.Purpose.String()}, {Name: "to", Value: f.To.String()}, {Name: "fund", Value: c.Fund.String()}}
}

// A Screened is what one rule of a set says of a company.
type Screened struct {
	Rule string // whether it passed or not
	Decision
}

// Screen looks at a company's figures by every rule of the set that compares such figures, in order of their ids. The
// shares may be bought where none of the decisions is Deny.
func (c *Compiled) Screen(g Figures) []Screened {
	var out []Screened
	f := Facts{Purpose: SharePurchase, Shares: &g}
	for i := range c.rules {
		if _, ok := c.rules[i].check.(*shareRatio); !ok {
			continue
		}
		d := c.decision(&c.rules[i], c.rules[i].Act, &f)
		if c.rules[i].check.judge(&f) == pass {
			d.Act, d.Rule, d.rule = Allow, "", nil // it spoke against nothing; the figures stay
		}
		out = append(out, Screened{c.rules[i].ID, d})
	}
	return out
}

// Purify is how much of a dividend has to be given away: its share of impermissible income in all income of the
// company, rounded up to a whole minor unit. It fails with Invalid where there is no income, or less than the
// impermissible.
func Purify(dividend, impermissible, income amount.Amount) (amount.Amount, error) {
	if income.IsZero() || income.Less(impermissible) {
		return amount.Amount{}, edge.E(edge.Invalid, "the impermissible income must be a part of all income").WithHint("take both from the same accounts of the company").WithCode("invalid_request")
	}
	d, part, all := wide(dividend), wide(impermissible), wide(income)
	quo, rem := new(big.Int).QuoRem(d.Mul(d, part), all, new(big.Int))
	if rem.Sign() > 0 {
		quo.Add(quo, big.NewInt(1))
	}
	lo := new(big.Int).And(quo, new(big.Int).SetUint64(^uint64(0))).Uint64()
	return amount.Amount{Hi: quo.Rsh(quo, 64).Uint64(), Lo: lo}, nil // at most the dividend, so it fits
}

func wide(a amount.Amount) *big.Int {
	n := new(big.Int).SetUint64(a.Hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(a.Lo))
}
