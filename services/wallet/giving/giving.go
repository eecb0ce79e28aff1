// Package giving takes gifts in for funds and campaigns, keeps deeds of endowments, and shows what came in and where it
// went, to anyone where a fund is public, and without names.
package giving

import (
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A Giving is that of one site. All it keeps is in the state of the site.
type Giving struct {
	led   *ledger.Ledger
	money book.Money
}

// New returns the giving of a site over its ledger.
func New(l *ledger.Ledger) *Giving { return &Giving{l, book.Money{Ledger: l}} }

// Codes of refusals.
const (
	CodeCampaign = "campaign_not_found"
	CodeEnded    = "campaign_ended"
	CodeDeed     = "deed_not_found"
	CodeSettled  = "nothing_to_settle"
)

// Types of events. Bodies are JSON and name nobody.
const (
	EventGiven    = "wallet.given"
	EventCampaign = "wallet.campaign_changed"
	EventDeed     = "wallet.deed_written"
	EventSettled  = "wallet.funds_settled"
)

// Register adds the operations.
func (g *Giving) Register(m *edge.Mux) {
	edge.Handle(m, g.putCampaign)
	edge.Answer(m, getCampaign)
	edge.Answer(m, listCampaigns)
	edge.Handle(m, g.give)
	edge.Answer(m, g.getIncome)
	edge.Answer(m, g.getPublicFund)
	edge.Answer(m, g.listPublicFunds)
	edge.Handle(m, g.putDeed)
	edge.Answer(m, getDeed)
	edge.Answer(m, listDeeds)
	edge.Handle(m, g.settleFunds)
}

// gifts are kept so that a retry is shown what its first try came to.
var gifts = book.Table{Prefix: "wgif/", What: "gift", Lost: "gift_not_found"}

// purposeOf is what a gift to a fund is for, as the rules know it; empty where gifts to it have an operation of their
// own or there are none.
func purposeOf(fund string) string {
	switch kind, _, _ := strings.Cut(fund, ":"); kind {
	case "general", "sadaqah", "building", "charity", "qard_pool", "waqf_corpus":
		return "donation"
	case "qurban", "purification":
		return kind
	}
	return ""
}

// give moves money from an account into a fund for good.
func (g *Giving) give(tx edge.Tx, in *walletv1.GiveRequest) (*walletv1.Gift, error) {
	a, again, err := book.Begin(tx, "give", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	out := &walletv1.Gift{}
	if again {
		return out, gifts.Find(tx, a.Text, out)
	}
	c, fund, err := target(tx, in)
	if err != nil {
		return nil, err
	}
	purpose := purposeOf(fund)
	if purpose == "" {
		return nil, book.Invalid("gifts to this fund are not made so").WithHint("zakat, zakat al-fitr and fidya have operations of their own; the yield of an endowment and members' money take no gifts")
	}
	from, sum, err := g.giver(tx, in.GetFrom(), fund, in.GetAmount())
	if err != nil {
		return nil, err
	}
	if err := g.money.Into(tx, a.ID, from, fund, sum, purpose, in.GetMemo()); err != nil {
		return nil, err
	}
	out = &walletv1.Gift{Id: a.Text, Fund: fund, Campaign: in.GetCampaign(), Asset: from.Asset, Amount: sum.String(), Time: timestamppb.New(tx.Now())}
	if c != nil {
		if err := count(c, from.Asset, sum); err != nil {
			return nil, err
		}
		if err := campaigns.Save(tx, c.Id, c); err != nil {
			return nil, err
		}
	}
	a.Done(tx)
	book.Emit(tx, EventGiven, "fund:"+fund, edge.Personal, map[string]any{"id": a.Text, "fund": fund, "campaign": in.GetCampaign(), "account": from.ID.String(), "asset": from.Asset, "amount": sum.String()})
	return out, gifts.Save(tx, a.Text, out)
}

// giver is the account that gives, and how much.
func (g *Giving) giver(v edge.View, account, fund, text string) (from ledger.AccountInfo, sum amount.Amount, err error) {
	if sum, err = book.ParseAmount(text); err != nil {
		return from, sum, err
	}
	if from, err = g.money.Find(v, account); err == nil {
		err = book.Own(from, fund)
	}
	return from, sum, err
}

// settleFunds lets cash follow what had moved between two funds on paper.
func (g *Giving) settleFunds(tx edge.Tx, in *walletv1.SettleFundsRequest) (*walletv1.Settlement, error) {
	a, again, err := book.Begin(tx, "settle", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	out := &walletv1.Settlement{}
	if again {
		return out, settlements.Find(tx, a.Text, out)
	}
	sum, err := book.ParseAmount(in.GetAmount())
	if err != nil {
		return nil, err
	}
	from, err := g.desk(tx, in.GetFrom())
	if err != nil {
		return nil, err
	}
	to, err := g.desk(tx, in.GetTo())
	if err != nil {
		return nil, err
	}
	if from.Fund == to.Fund || from.Asset != to.Asset {
		return nil, book.Invalid("cash is carried between two funds, in one currency")
	}
	if err := g.open(tx, from, to, sum); err != nil {
		return nil, err
	}
	outward, inward := ledger.HouseID(walletv1.AccountKind_TRANSIT, from.Asset, from.Fund), ledger.HouseID(walletv1.AccountKind_TRANSIT, to.Asset, to.Fund)
	if err := g.money.Move(tx, ledger.Move{ID: a.ID, Kind: ledger.Deal, Purpose: "fund_release", Judged: true,
		Postings: []ledger.Posting{{Debit: outward, Credit: from.ID, Amount: sum}, {Debit: to.ID, Credit: inward, Amount: sum}}}); err != nil {
		return nil, err
	}
	left, err := g.led.Find(tx, outward)
	if err != nil {
		return nil, err
	}
	out = &walletv1.Settlement{Id: a.Text, Asset: from.Asset, FromFund: from.Fund, ToFund: to.Fund, Amount: sum.String(), Left: left.Posted.String()}
	a.Done(tx)
	book.Emit(tx, EventSettled, "fund:"+from.Fund, edge.SiteOnly, map[string]any{"id": a.Text, "from": from.Fund, "to": to.Fund, "asset": from.Asset, "amount": sum.String()})
	return out, settlements.Save(tx, a.Text, out)
}

var settlements = book.Table{Prefix: "wset/", What: "settlement", Lost: "settlement_not_found"}

func (g *Giving) desk(v edge.View, id string) (ledger.AccountInfo, error) {
	a, err := g.money.Find(v, id)
	if err == nil && !book.IsDesk(a) {
		err = book.Invalid("cash is carried between desks and bank accounts").WithHint("name a desk or a bank account of each fund")
	}
	return a, err
}

// open fails where less waits to be carried from one fund to the other.
func (g *Giving) open(tx edge.Tx, from, to ledger.AccountInfo, sum amount.Amount) error {
	out, err := g.money.House(tx, walletv1.AccountKind_TRANSIT, from.Asset, from.Fund)
	if err != nil {
		return err
	}
	in, err := g.money.House(tx, walletv1.AccountKind_TRANSIT, to.Asset, to.Fund)
	if err != nil {
		return err
	}
	least := amount.Signed{Amount: sum}
	if owed, due := out.Posted, in.Posted.Negated(); owed.Cmp(least) < 0 || due.Cmp(least) < 0 {
		return edge.E(edge.Refused, "less than that waits to be carried between the two funds").WithHint("carry at most what moved between them on paper").
			WithCode(CodeSettled, edge.Fact{Name: "from_waits", Value: owed.String()}, edge.Fact{Name: "to_waits", Value: due.String()})
	}
	return nil
}
