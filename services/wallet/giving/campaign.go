package giving

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

var campaigns = book.Table{Prefix: "wcam/", What: "campaign", Lost: CodeCampaign}

// putCampaign opens or changes a campaign. Its fund never changes, and what was given stays.
func (g *Giving) putCampaign(tx edge.Tx, in *walletv1.PutCampaignRequest) (*walletv1.Campaign, error) {
	old := &walletv1.Campaign{}
	found, err := campaigns.Load(tx, in.GetId(), old)
	switch {
	case err != nil:
		return nil, err
	case old.Version != in.GetIfVersion():
		return nil, edge.E(edge.Conflict, "the campaign was changed meanwhile").WithHint("look at it again, then change it").WithCode(ledger.CodeExists)
	case found && old.Fund != in.GetFund():
		return nil, book.Invalid("a campaign collects for one fund for good").WithHint("open another campaign")
	}
	c := &walletv1.Campaign{Id: in.GetId(), Fund: in.GetFund(), Title: in.GetTitle(), Text: in.GetText(), Goal: in.GetGoal(), GoalAsset: in.GetGoalAsset(),
		Begins: in.GetBegins(), Ends: in.GetEnds(), Public: in.GetPublic(), Version: old.Version + 1, Totals: old.Totals}
	if c.Begins == nil {
		if c.Begins = old.Begins; c.Begins == nil {
			c.Begins = timestamppb.New(tx.Now())
		}
	}
	if err := g.sound(tx, c); err != nil {
		return nil, err
	}
	if !found {
		campaigns.Under(tx, c.Fund, c.Id)
	}
	book.Emit(tx, EventCampaign, "campaign:"+c.Id, edge.SiteOnly, map[string]any{"campaign": c.Id, "fund": c.Fund, "version": c.Version})
	return c, campaigns.Save(tx, c.Id, c)
}

// sound refuses a campaign that makes no sense.
func (g *Giving) sound(v edge.View, c *walletv1.Campaign) error {
	if _, err := g.led.ShowFund(v, c.Fund); err != nil {
		return err
	}
	if purposeOf(c.Fund) == "" {
		return book.Invalid("no campaign collects for this fund").WithHint("collect for sadaqah:<name>, building, general, qurban or an endowment")
	}
	if !c.Begins.IsValid() || c.Ends != nil && (!c.Ends.IsValid() || !c.Ends.AsTime().After(c.Begins.AsTime())) {
		return book.Invalid("a campaign ends after it begins")
	}
	if c.Goal == "" && c.GoalAsset == "" {
		return nil
	}
	if _, err := book.ParseAmount(c.Goal); err != nil {
		return err
	}
	_, err := ledger.Scale(v, c.GoalAsset)
	return err
}

// runs fails with Refused while a campaign takes nothing in.
func runs(c *walletv1.Campaign, now time.Time) error {
	if now.Before(c.Begins.AsTime()) || over(c, now) {
		return edge.E(edge.Refused, "the campaign takes nothing in now").WithHint("give to its fund, or to another campaign").WithCode(CodeEnded, edge.Fact{Name: "campaign", Value: c.Id})
	}
	return nil
}

func over(c *walletv1.Campaign, now time.Time) bool {
	return c.Ends != nil && !now.Before(c.Ends.AsTime())
}

// target is the fund of a gift, and its campaign where it names one.
func target(tx edge.Tx, in *walletv1.GiveRequest) (c *walletv1.Campaign, fund string, err error) {
	if in.GetCampaign() == "" {
		if in.GetFund() == "" {
			return nil, "", book.Invalid("a gift needs a fund or a campaign")
		}
		return nil, in.GetFund(), nil
	}
	c = &walletv1.Campaign{}
	if err := campaigns.Find(tx, in.GetCampaign(), c); err != nil {
		return nil, "", err
	}
	if in.GetFund() != "" && in.GetFund() != c.Fund {
		return nil, "", book.Invalid("the campaign collects for another fund").WithHint("leave the fund out")
	}
	return c, c.Fund, runs(c, tx.Now())
}

// maxCurrencies bounds in how many currencies a campaign keeps totals.
const maxCurrencies = 64

// count adds a gift to the totals of a campaign.
func count(c *walletv1.Campaign, asset string, a amount.Amount) error {
	for _, t := range c.Totals {
		if t.Asset != asset {
			continue
		}
		was, err := amount.Parse(t.Given)
		sum, ok := was.Add(a)
		if err != nil || !ok {
			return edge.E(edge.Refused, "the sum of the campaign would become larger than can be kept").WithCode(ledger.CodeOverflow)
		}
		t.Given, t.Gifts = sum.String(), t.Gifts+1
		return nil
	}
	if len(c.Totals) == maxCurrencies {
		return edge.E(edge.Refused, "the campaign has gifts in as many currencies as it can keep").WithHint("give to its fund").WithCode(ledger.CodeCurrency)
	}
	c.Totals = append(c.Totals, &walletv1.CampaignTotal{Asset: asset, Given: a.String(), Gifts: 1})
	return nil
}

func getCampaign(v edge.View, in *walletv1.GetCampaignRequest) (*walletv1.Campaign, error) {
	c := &walletv1.Campaign{}
	return c, campaigns.Find(v, in.GetId(), c)
}

func listCampaigns(v edge.View, in *walletv1.ListCampaignsRequest) (out *walletv1.ListCampaignsResponse, err error) {
	out = &walletv1.ListCampaignsResponse{}
	out.NextPageToken, err = book.List(v, campaigns, book.Page{Under: in.GetFund(), After: in.GetPageToken(), Size: in.GetPageSize()},
		func() *walletv1.Campaign { return &walletv1.Campaign{} }, func(c *walletv1.Campaign) (bool, error) {
			out.Campaigns = append(out.Campaigns, c)
			return true, nil
		})
	return out, err
}
