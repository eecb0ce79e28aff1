package shariah

import "slices"

// interest forbids charges for the use of money, and schedules of loans that come to more or less than was lent.
type interest struct {
	standard
	Classes []Class   `json:"classes"`
	Loans   []Purpose `json:"loans"`
}

func (c *interest) valid() error {
	if err := list("classes", c.Classes); err != nil {
		return err
	}
	return some("loans", c.Loans)
}

func (c *interest) when() trigger {
	t := trigger{purposes: slices.Clone(c.Loans)}
	for p := range purposes {
		if slices.Contains(c.Classes, p.Class()) && !slices.Contains(c.Loans, p) {
			t.purposes = append(t.purposes, p)
		}
	}
	return t
}

func (c *interest) judge(f *Facts) verdict {
	if !slices.Contains(c.Classes, f.Purpose.Class()) && f.ScheduleSum == f.Principal && !f.Principal.IsZero() {
		return pass
	}
	return hit
}

func (c *interest) tells() []string { return []string{"purpose", "principal", "schedule_sum"} }

func (c *interest) used(f *Facts) []fact {
	return []fact{{Name: "purpose", Value: f.Purpose.String()}, {Name: "principal", Value: f.Principal.String()}, {Name: "schedule_sum", Value: f.ScheduleSum.String()}}
}

// lateAmount sends what a late debtor pays to a fund that is nobody's income, and forbids pay for the delay itself.
type lateAmount struct {
	Purposes []Purpose `json:"purposes"`
	Never    []Purpose `json:"never"`
	Fund     FundKind  `json:"fund"`
}

func (c *lateAmount) valid() error {
	if err := fundFor(c.Fund); err != nil {
		return err
	}
	if err := list("purposes", c.Purposes); err != nil {
		return err
	}
	return some("never", c.Never)
}

func fundFor(k FundKind) error {
	if k == NoFund || k.Labelled() {
		return wrong("fund must name a fund that needs no label")
	}
	return nil
}

func (c *lateAmount) mayBe(a Act) bool      { return a == Route || a == Deny || a == Review }
func (c *lateAmount) destination() FundKind { return c.Fund }
func (c *lateAmount) when() trigger         { return trigger{purposes: slices.Concat(c.Purposes, c.Never)} }

func (c *lateAmount) judge(f *Facts) verdict {
	switch {
	case slices.Contains(c.Never, f.Purpose):
		return refuse
	case f.To.Kind == c.Fund:
		return pass
	}
	return hit
}

func (c *lateAmount) tells() []string { return []string{"purpose", "to", "fund"} }

func (c *lateAmount) used(f *Facts) []fact {
	return []fact{{Name: "purpose", Value: f.Purpose.String()}, {Name: "to", Value: f.To.String()}, {Name: "fund", Value: c.Fund.String()}}
}

// collectionCost lets an officer look at the documented cost of collecting a debt, and forbids any other.
type collectionCost struct {
	standard
	Purposes []Purpose `json:"purposes"`
}

func (c *collectionCost) valid() error  { return list("purposes", c.Purposes) }
func (c *collectionCost) when() trigger { return trigger{purposes: c.Purposes} }

func (c *collectionCost) judge(f *Facts) verdict {
	if !f.Document || f.ActualCost.Less(f.AmountOut) {
		return refuse
	}
	return hit
}

func (c *collectionCost) tells() []string { return []string{"amount", "actual_cost", "document"} }

func (c *collectionCost) used(f *Facts) []fact {
	return []fact{{Name: "amount", Value: f.AmountOut.String()}, {Name: "actual_cost", Value: f.ActualCost.String()}, {Name: "document", Value: yes(f.Document)}}
}

// loanFee bounds the fee of a good loan by its cost, and forbids gifts to a lender who is still owed.
type loanFee struct {
	standard
	Fees  []Purpose `json:"fees"`
	Gifts []Purpose `json:"gifts"`
}

func (c *loanFee) valid() error {
	if err := list("fees", c.Fees); err != nil {
		return err
	}
	return some("gifts", c.Gifts)
}

func (c *loanFee) when() trigger { return trigger{purposes: slices.Concat(c.Fees, c.Gifts)} }

func (c *loanFee) judge(f *Facts) verdict {
	fee := slices.Contains(c.Fees, f.Purpose) && (!f.FeeFlat || f.ActualCost.Less(f.AmountOut))
	gift := slices.Contains(c.Gifts, f.Purpose) && f.OwesPayee
	if fee || gift {
		return hit
	}
	return pass
}

func (c *loanFee) tells() []string {
	return []string{"purpose", "amount", "actual_cost", "flat", "open_loan"}
}

func (c *loanFee) used(f *Facts) []fact {
	return []fact{
		{Name: "purpose", Value: f.Purpose.String()}, {Name: "amount", Value: f.AmountOut.String()}, {Name: "actual_cost", Value: f.ActualCost.String()},
		{Name: "flat", Value: yes(f.FeeFlat)}, {Name: "open_loan", Value: yes(f.OwesPayee)},
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
