package giving

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book/booktest"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

const roof = "sadaqah:roof"

func newWorld(t testing.TB) *booktest.World {
	w := booktest.New(t, func(l *ledger.Ledger) booktest.Part { return New(l) })
	w.Fund(&walletv1.PutFundRequest{Id: roof, Public: true, Purpose: "A roof"})
	return w
}

// A gift moves between funds, is counted once, and cash follows it when it is carried.
func TestGive(t *testing.T) {
	w := newWorld(t)
	desk := w.Desk("amanah")
	a := w.Open(walletv1.AccountKind_MEMBER, "", "a")
	w.Send(desk, a, "1000")
	c := &walletv1.Campaign{}
	if err := w.Do("put_campaign", &walletv1.PutCampaignRequest{Id: "roof-2026", Fund: roof, Title: "Roof", Public: true, Goal: "5000", GoalAsset: "IDR"}, c); err != nil {
		t.Fatal(err)
	}
	out := &walletv1.Gift{}
	w.Must("give", &walletv1.GiveRequest{Id: w.ID(), From: a, Campaign: "roof-2026", Amount: "300", Memo: "for my mother"}, out)
	if out.Fund != roof || out.Asset != "IDR" {
		t.Error(out)
	}
	w.Must("give", &walletv1.GiveRequest{Id: w.ID(), From: a, Fund: roof, Amount: "50"}, out)
	w.Stands(a, "650")
	if got := w.House(walletv1.AccountKind_INCOME, roof); got != "350" {
		t.Error(got)
	}
	w.Ask("get_campaign", &walletv1.GetCampaignRequest{Id: "roof-2026"}, c)
	if len(c.Totals) != 1 || c.Totals[0].Given != "300" || c.Totals[0].Gifts != 1 {
		t.Error(c)
	}
	if w.Told(EventGiven, "mother") != 2 {
		t.Error("gifts are not told of")
	}
	chest, s := w.Desk(roof), &walletv1.Settlement{}
	settle := &walletv1.SettleFundsRequest{Id: w.ID(), From: desk, To: chest, Amount: "200"}
	w.Must("settle_funds", settle, s)
	if s.Left != "150" {
		t.Error(s)
	}
	w.Refuses(w.Do("settle_funds", &walletv1.SettleFundsRequest{Id: w.ID(), From: desk, To: chest, Amount: "151"}, s), edge.Refused, CodeSettled)
	w.Refuses(w.Do("settle_funds", &walletv1.SettleFundsRequest{Id: w.ID(), From: chest, To: desk, Amount: "1"}, s), edge.Refused, CodeSettled)
	settle.Amount = "100"
	w.Refuses(w.Do("settle_funds", settle, s), edge.Conflict, ledger.CodeConflict)
	w.Check()
}

// What is refused moves nothing.
func TestGiveRefused(t *testing.T) {
	w := newWorld(t)
	a, zakatDesk := w.Member("a", "100"), w.Desk("zakat")
	w.Fund(&walletv1.PutFundRequest{Id: "waqf_yield:well"})
	w.Fund(&walletv1.PutFundRequest{Id: "sadaqah:old", Ends: timestamppb.New(w.State.Time.Add(time.Minute))})
	for _, c := range []*walletv1.PutCampaignRequest{{Id: "soon", Fund: roof, Title: "t", Begins: timestamppb.New(w.State.Time.Add(time.Hour))}, {Id: "past", Fund: roof, Title: "t", Ends: timestamppb.New(w.State.Time.Add(30 * time.Second))}} {
		if err := w.Do("put_campaign", c, &walletv1.Campaign{}); err != nil {
			t.Fatal(err)
		}
	}
	w.State.Time = w.State.Time.Add(2 * time.Minute)
	for name, c := range map[string]struct {
		in   *walletv1.GiveRequest
		kind edge.Kind
		code string
	}{
		"more than there is":      {&walletv1.GiveRequest{From: a, Fund: roof, Amount: "101"}, edge.Refused, ledger.CodeFunds},
		"nothing":                 {&walletv1.GiveRequest{From: a, Fund: roof, Amount: "0"}, edge.Invalid, amount.CodeInvalid},
		"no fund":                 {&walletv1.GiveRequest{From: a, Amount: "1"}, edge.Invalid, ledger.CodeInvalid},
		"unknown fund":            {&walletv1.GiveRequest{From: a, Fund: "sadaqah:none", Amount: "1"}, edge.NotFound, ledger.CodeFund},
		"zakat has its own":       {&walletv1.GiveRequest{From: a, Fund: "zakat", Amount: "1"}, edge.Invalid, ledger.CodeInvalid},
		"no gifts to a yield":     {&walletv1.GiveRequest{From: a, Fund: "waqf_yield:well", Amount: "1"}, edge.Invalid, ledger.CodeInvalid},
		"fund ended":              {&walletv1.GiveRequest{From: a, Fund: "sadaqah:old", Amount: "1"}, edge.Refused, ledger.CodeFundEnded},
		"campaign not begun":      {&walletv1.GiveRequest{From: a, Campaign: "soon", Amount: "1"}, edge.Refused, CodeEnded},
		"campaign over":           {&walletv1.GiveRequest{From: a, Campaign: "past", Amount: "1"}, edge.Refused, CodeEnded},
		"no campaign":             {&walletv1.GiveRequest{From: a, Campaign: "none", Amount: "1"}, edge.NotFound, CodeCampaign},
		"campaign of another":     {&walletv1.GiveRequest{From: a, Campaign: "soon", Fund: "general", Amount: "1"}, edge.Invalid, ledger.CodeInvalid},
		"zakat is not free to go": {&walletv1.GiveRequest{From: zakatDesk, Fund: roof, Amount: "1"}, edge.Refused, ledger.CodeRestricted},
		"no account":              {&walletv1.GiveRequest{From: w.ID(), Fund: roof, Amount: "1"}, edge.NotFound, ledger.CodeAccount},
	} {
		c.in.Id = w.ID()
		before := w.House(walletv1.AccountKind_INCOME, roof)
		w.Refuses(w.Do("give", c.in, &walletv1.Gift{}), c.kind, c.code)
		if got := w.House(walletv1.AccountKind_INCOME, roof); got != before {
			t.Errorf("%s: %s came in", name, got)
		}
	}
	// an identifier that was refused for good stays refused
	in := &walletv1.GiveRequest{Id: w.ID(), From: a, Fund: roof, Amount: "101"}
	w.Refuses(w.Do("give", in, &walletv1.Gift{}), edge.Refused, ledger.CodeFunds)
	w.Send(w.Desk("amanah"), a, "500")
	w.Refuses(w.Do("give", in, &walletv1.Gift{}), edge.Conflict, ledger.CodeFailed)
	w.Check()
}

// Days and months add up to the same, whatever the zone, and a public page shows totals and nobody.
func TestIncome(t *testing.T) {
	w := newWorld(t)
	a := w.Member("a", "100000")
	now := time.Now().UTC()
	w.State.Time = time.Date(now.Year(), now.Month(), 1, 22, 30, 0, 0, time.UTC).AddDate(0, -2, 0)
	for range 40 {
		if err := w.Do("give", &walletv1.GiveRequest{Id: w.ID(), From: a, Fund: roof, Amount: "10"}, &walletv1.Gift{}); err != nil {
			t.Fatal(err)
		}
		w.State.Time = w.State.Time.Add(7 * time.Hour)
	}
	for step, off := range map[walletv1.IncomeStep]int32{walletv1.IncomeStep_DAY: 420, walletv1.IncomeStep_MONTH: -300, walletv1.IncomeStep_HOUR: 0} {
		out := &walletv1.Income{}
		w.Ask("get_income", &walletv1.GetIncomeRequest{Fund: roof, Asset: "IDR", Step: step, UtcOffsetMinutes: off, Until: timestamppb.New(w.State.Time)}, out)
		var sum amount.Amount
		for i, p := range out.Parts {
			x, err := amount.Parse(p.Income)
			if err != nil || i > 0 && out.Parts[i-1].From >= p.From {
				t.Error(p, err)
			}
			sum, _ = sum.Add(x)
		}
		if out.Income != "400" || sum.String() != "400" || len(out.Parts) == 0 {
			t.Errorf("%s: %s, %s", step, out.Income, sum)
		}
		if step == walletv1.IncomeStep_DAY && out.Parts[0].From[8:] != "02" { // 22:30 is 05:30 of the next day there
			t.Error(out.Parts[0])
		}
	}
	list := &walletv1.ListPublicFundsResponse{}
	w.Fund(&walletv1.PutFundRequest{Id: "sadaqah:quiet"})
	w.Ask("list_public_funds", &walletv1.ListPublicFundsRequest{}, list)
	if len(list.Funds) != 1 || list.Funds[0].Totals[0].Income != "400" {
		t.Error(list)
	}
	p := &walletv1.PublicFund{}
	w.Ask("get_public_fund", &walletv1.GetPublicFundRequest{Id: roof}, p)
	if len(p.Totals[0].Months) == 0 {
		t.Error(p)
	}
	for _, id := range []string{"sadaqah:quiet", "amanah", "sadaqah:none", "../x"} {
		w.Refuses(w.Try("get_public_fund", &walletv1.GetPublicFundRequest{Id: id}, p), edge.NotFound, ledger.CodeFund)
	}
	w.Refuses(w.Try("get_income", &walletv1.GetIncomeRequest{Fund: roof, Asset: "IDR", Step: 9}, &walletv1.Income{}), edge.Invalid, ledger.CodeInvalid)
	w.Check()
}

// A deed binds: it is written once, and allows what it names and nothing else.
func TestDeed(t *testing.T) {
	w := newWorld(t)
	w.Fund(&walletv1.PutFundRequest{Id: "waqf_corpus:well"})
	doc := "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	in := &walletv1.PutDeedRequest{Id: "well", Purposes: []string{"upkeep", "waqf_spend", "upkeep"}, Document: doc}
	w.Refuses(w.Do("put_deed", in, &walletv1.Deed{}), edge.NotFound, ledger.CodeFund)
	w.Fund(&walletv1.PutFundRequest{Id: "waqf_yield:well"})
	d := &walletv1.Deed{}
	w.Must("put_deed", in, d)
	if len(d.Purposes) != 2 {
		t.Error(d)
	}
	w.Refuses(w.Do("put_deed", &walletv1.PutDeedRequest{Id: "well", Purposes: []string{"salary"}, Document: doc}, d), edge.Conflict, ledger.CodeExists)
	for fund, purposes := range map[string]map[string]bool{"waqf_yield:well": {"upkeep": true, "salary": false}, "waqf_yield:none": {"upkeep": false}, "waqf_corpus:well": {"upkeep": false}} {
		for p, want := range purposes {
			if got, written, err := DeedAllows(w.State, fund, p); err != nil || got != want || written != (fund == "waqf_yield:well") {
				t.Error(fund, p, got, err)
			}
		}
	}
	list := &walletv1.ListDeedsResponse{}
	if w.Ask("list_deeds", &walletv1.ListDeedsRequest{}, list); len(list.Deeds) != 1 {
		t.Error(list)
	}
}

// A campaign keeps what was given through changes, is changed as it was seen, and keeps to its fund.
func TestCampaign(t *testing.T) {
	w := newWorld(t)
	a := w.Member("a", "100")
	put := func(in *walletv1.PutCampaignRequest) (*walletv1.Campaign, error) {
		c := &walletv1.Campaign{}
		return c, w.Do("put_campaign", in, c)
	}
	if _, err := put(&walletv1.PutCampaignRequest{Id: "x", Fund: roof, Title: "t"}); err != nil {
		t.Fatal(err)
	}
	w.Must("give", &walletv1.GiveRequest{Id: w.ID(), From: a, Campaign: "x", Amount: "7"}, &walletv1.Gift{})
	c, err := put(&walletv1.PutCampaignRequest{Id: "x", Fund: roof, Title: "T", IfVersion: 1})
	if err != nil || c.Version != 2 || c.Totals[0].Given != "7" {
		t.Fatal(c, err)
	}
	_, err = put(&walletv1.PutCampaignRequest{Id: "x", Fund: roof, Title: "T", IfVersion: 1})
	w.Refuses(err, edge.Conflict, ledger.CodeExists)
	_, err = put(&walletv1.PutCampaignRequest{Id: "x", Fund: "general", Title: "T", IfVersion: 2})
	w.Refuses(err, edge.Invalid, ledger.CodeInvalid)
	for _, bad := range []*walletv1.PutCampaignRequest{{Id: "y", Fund: "zakat", Title: "t"}, {Id: "y", Fund: roof, Title: "t", Ends: timestamppb.New(w.State.Time.Add(-time.Hour))}} {
		_, err = put(bad)
		w.Refuses(err, edge.Invalid, ledger.CodeInvalid)
	}
	for i := range 3 {
		if _, err := put(&walletv1.PutCampaignRequest{Id: "z" + string(rune('0'+i)), Fund: "general", Title: "t"}); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for token := ""; ; {
		out := &walletv1.ListCampaignsResponse{}
		w.Ask("list_campaigns", &walletv1.ListCampaignsRequest{Fund: "general", PageSize: 2, PageToken: token}, out)
		for _, c := range out.Campaigns {
			ids = append(ids, c.Id)
		}
		if token = out.NextPageToken; token == "" {
			break
		}
	}
	if len(ids) != 3 || ids[0] != "z0" || ids[2] != "z2" {
		t.Error(ids)
	}
}
