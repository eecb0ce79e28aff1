package giving

import (
	"slices"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

const (
	maxParts    = 2000 // of one plot
	maxMinutes  = 14 * 60
	maxCampaign = 50  // campaigns shown with a public fund
	maxPublic   = 100 // public funds in one list
)

// layouts name parts by where they begin.
var layouts = map[walletv1.IncomeStep]string{walletv1.IncomeStep_HOUR: "2006-01-02T15", walletv1.IncomeStep_DAY: "2006-01-02", walletv1.IncomeStep_MONTH: "2006-01"}

func (g *Giving) getIncome(v edge.View, in *walletv1.GetIncomeRequest) (*walletv1.Income, error) {
	if _, err := g.led.ShowFund(v, in.GetFund()); err != nil {
		return nil, err
	}
	if _, err := ledger.Scale(v, in.GetAsset()); err != nil {
		return nil, err
	}
	step, until := in.GetStep(), time.Now()
	if step == 0 {
		step = walletv1.IncomeStep_DAY
	}
	if t := in.GetUntil(); t != nil {
		until = t.AsTime()
	}
	from := in.GetFrom().AsTime()
	off := time.Duration(in.GetUtcOffsetMinutes()) * time.Minute
	if layouts[step] == "" || in.GetFrom() != nil && !in.GetFrom().IsValid() || in.GetUntil() != nil && !in.GetUntil().IsValid() || off.Abs() > maxMinutes*time.Minute {
		return nil, book.Invalid("the span of time cannot be read").WithHint("give from and until as times, and a step of HOUR, DAY or MONTH")
	}
	return g.income(v, in.GetFund(), in.GetAsset(), from, until, step, off)
}

// income adds hours up to parts.
func (g *Giving) income(v edge.View, fund, asset string, from, until time.Time, step walletv1.IncomeStep, off time.Duration) (*walletv1.Income, error) {
	out := &walletv1.Income{Fund: fund, Asset: asset}
	var all, part ledger.Flow
	name := ""
	flush := func() {
		if name != "" {
			out.Parts = append(out.Parts, &walletv1.IncomePart{From: name, Income: part.Income.String(), Spent: part.Spent.String()})
		}
	}
	for f, err := range g.led.Flows(v, asset, fund, from, until) {
		if err != nil {
			return nil, err
		}
		if n := partName(f.From.Add(off), step); n != name {
			if flush(); len(out.Parts) == maxParts {
				return nil, book.Invalid("the plot would have more than %d parts", maxParts).WithHint("ask for a shorter span, or for months")
			}
			name, part = n, ledger.Flow{}
		}
		if !add(&part, f) || !add(&all, f) {
			return nil, edge.E(edge.Corrupt, "the sums of a fund are larger than can be")
		}
	}
	flush()
	out.Income, out.Spent = all.Income.String(), all.Spent.String()
	return out, nil
}

// partName is where the part begins that holds a moment of some zone's clock.
func partName(t time.Time, step walletv1.IncomeStep) string {
	name := t.Format(layouts[step])
	if step == walletv1.IncomeStep_MONTH {
		name += "-01"
	}
	return name
}

func add(to *ledger.Flow, f ledger.Flow) bool {
	var a, b bool
	to.Income, a = to.Income.Add(f.Income)
	to.Spent, b = to.Spent.Add(f.Spent)
	return a && b
}

// getPublicFund answers as if a fund were not there where it is not public.
func (g *Giving) getPublicFund(v edge.View, in *walletv1.GetPublicFundRequest) (*walletv1.PublicFund, error) {
	f, err := g.led.ShowFund(v, in.GetId())
	if err != nil && !edge.IsKind(err, edge.NotFound) {
		return nil, err
	}
	if err != nil || !f.Public {
		return nil, edge.E(edge.NotFound, "there is no such fund here").WithHint("the list of public funds says which there are").WithCode(ledger.CodeFund)
	}
	out, err := g.public(v, f)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	if out.Campaigns, err = publicCampaigns(v, f.Id, now); err != nil {
		return nil, err
	}
	for _, t := range out.Totals {
		months, err := g.income(v, f.Id, t.Asset, time.Date(now.Year(), now.Month()-11, 1, 0, 0, 0, 0, time.UTC), now.Add(time.Hour), walletv1.IncomeStep_MONTH, 0)
		if err != nil {
			return nil, err
		}
		t.Months = months.Parts
	}
	return out, nil
}

// public is what anyone may know of a fund: what came in and went out, and neither what is owed nor to whom.
func (g *Giving) public(v edge.View, f *walletv1.Fund) (*walletv1.PublicFund, error) {
	out := &walletv1.PublicFund{Id: f.Id, Name: f.Name, Purpose: f.Purpose, Ends: f.Ends, Goal: f.Goal, GoalAsset: f.GoalAsset}
	for _, t := range f.Totals {
		scale, err := ledger.Scale(v, t.Asset)
		if err != nil {
			return nil, err
		}
		out.Totals = append(out.Totals, &walletv1.PublicTotal{Asset: t.Asset, Scale: int32(scale), Income: t.Income, Spent: t.Spent})
	}
	slices.SortFunc(out.Totals, func(a, b *walletv1.PublicTotal) int { return strings.Compare(a.Asset, b.Asset) })
	return out, nil
}

// publicCampaigns lists campaigns of a fund that are public and not over.
func publicCampaigns(v edge.View, fund string, now time.Time) (list []*walletv1.Campaign, err error) {
	_, err = book.List(v, campaigns, book.Page{Under: fund, Size: maxCampaign}, func() *walletv1.Campaign { return &walletv1.Campaign{} }, func(c *walletv1.Campaign) (bool, error) {
		show := c.Public && !over(c, now)
		if show {
			list = append(list, c)
		}
		return show, nil
	})
	return list, err
}

func (g *Giving) listPublicFunds(v edge.View, _ *walletv1.ListPublicFundsRequest) (*walletv1.ListPublicFundsResponse, error) {
	funds, err := g.led.ShowFunds(v)
	if err != nil {
		return nil, err
	}
	out := &walletv1.ListPublicFundsResponse{}
	for _, f := range funds {
		if !f.Public || len(out.Funds) == maxPublic {
			continue
		}
		p, err := g.public(v, f)
		if err != nil {
			return nil, err
		}
		out.Funds = append(out.Funds, p)
	}
	return out, nil
}
