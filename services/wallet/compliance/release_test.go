package compliance

import (
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

var paper = strings.Repeat("0c", 32)

// filled is a town whose funds have money.
func filled(t *testing.T) *town {
	w := newTown(t)
	for i, x := range [][2]string{{w.zakat, "zakat"}, {w.yield, "waqf_yield:well"}, {w.roof, "sadaqah:roof"}, {w.charity, "charity"}, {w.corpus, "waqf_corpus:well"}} {
		in := w.open(60+i, kindIncome, "IDR", x[1])
		if _, err := w.send(600+i, x[0], in, "8000"); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) approve(id string) (*walletv1.Release, error) {
	out := &walletv1.Release{}
	err := w.do("wallet.approve_release", &walletv1.ApproveReleaseRequest{Id: id}, out)
	return out, err
}

// The matrix of funds: what no approval makes possible is refused at once; all else waits for two people who did not ask.
func TestReleases(t *testing.T) {
	for name, tc := range map[string]struct {
		rule string // that denies it
		in   func(w *town) *walletv1.RequestReleaseRequest
	}{
		"general to charity":      {in: func(w *town) *walletv1.RequestReleaseRequest { return betweenFunds(w.house, w.charity) }},
		"charity to a campaign":   {in: func(w *town) *walletv1.RequestReleaseRequest { return betweenFunds(w.charity, w.roof) }},
		"charity to general":      {rule: "FUND-1", in: func(w *town) *walletv1.RequestReleaseRequest { return betweenFunds(w.charity, w.house) }},
		"a campaign that goes on": {rule: "FUND-1", in: func(w *town) *walletv1.RequestReleaseRequest { return betweenFunds(w.roof, w.house) }},
		"the purpose of a campaign": {in: func(w *town) *walletv1.RequestReleaseRequest {
			r := betweenFunds(w.roof, w.house)
			r.Purpose = "upkeep"
			return r
		}},
		"an endowment": {rule: "FUND-1", in: func(w *town) *walletv1.RequestReleaseRequest { return betweenFunds(w.corpus, w.house) }},
		"not in the deed": {rule: "FUND-1", in: func(w *town) *walletv1.RequestReleaseRequest {
			return betweenFunds(w.yield, w.house)
		}},
		"in the deed": {in: func(w *town) *walletv1.RequestReleaseRequest {
			r := betweenFunds(w.yield, w.house)
			r.Purpose = "waqf_spend"
			return r
		}},
		"zakat to somebody": {in: func(w *town) *walletv1.RequestReleaseRequest { return w.grant("faqir", "person-9", "10") }},
		"zakat to nobody":   {rule: "ASNAF-1", in: func(w *town) *walletv1.RequestReleaseRequest { return w.grant("", "person-9", "10") }},
		"zakat, no category": {rule: "ASNAF-1", in: func(w *town) *walletv1.RequestReleaseRequest {
			return w.grant("faqir", "", "10")
		}},
		"zakat for a roof": {rule: "ASNAF-2", in: func(w *town) *walletv1.RequestReleaseRequest {
			r := w.grant("faqir", "person-9", "10")
			r.Purpose = "upkeep"
			return r
		}},
		"amil, an eighth": {in: func(w *town) *walletv1.RequestReleaseRequest { return w.grant("amil", "person-9", "1000") }},
		"amil, more":      {rule: "ASNAF-3", in: func(w *town) *walletv1.RequestReleaseRequest { return w.grant("amil", "person-9", "1001") }},
	} {
		t.Run(name, func(t *testing.T) {
			w := filled(t)
			in := tc.in(w)
			in.Id, in.Reason, in.Document = id(700), "as the board said", paper
			out, before := &walletv1.Release{}, w.balances()
			err := w.do("wallet.request_release", in, out)
			if tc.rule != "" {
				w.refuses(err, edge.Refused, "shariah_"+strings.ToLower(strings.ReplaceAll(tc.rule, "-", "_")))
				w.explained(in.Id, tc.rule, walletv1.RuleAct_RULE_DENY)
				if w.balances() != before {
					t.Error("something moved")
				}
				return
			}
			if err != nil || out.State != walletv1.ReleaseState_RELEASE_WAITING || out.ApprovalsNeeded != 2 {
				t.Fatal(out, err)
			}
			if err := w.do("wallet.request_release", in, out); err != nil || w.balances() != before {
				t.Fatal("asked again:", err)
			}
			_, err = w.approve(in.Id)
			w.refuses(err, edge.Denied, CodeApproval)
			for range 2 { // one person is one approval
				if got, err := w.as("second").approve(in.Id); err != nil || got.State != walletv1.ReleaseState_RELEASE_WAITING || len(got.Approvals) != 1 || w.balances() != before {
					t.Fatal(got, err)
				}
			}
			for range 2 {
				if got, err := w.as("third").approve(in.Id); err != nil || got.State != walletv1.ReleaseState_RELEASE_DONE {
					t.Fatal(got, err)
				}
			}
			w.refuses(w.do("wallet.reject_release", &walletv1.RejectReleaseRequest{Id: in.Id, Reason: "too late"}, out), edge.Conflict, CodeDecided)
			_, err = w.as("fourth").approve(in.Id)
			w.refuses(err, edge.Conflict, CodeDecided)
			t1, err := w.l.ShowTransfer(w.state, edge.ID([]byte("test-id-00000700")))
			if err != nil || len(t1.Legs) != 4 || t1.Document != paper {
				t.Error(t1, err)
			}
			w.level()
			w.check()
		})
	}
}

func betweenFunds(from, to string) *walletv1.RequestReleaseRequest {
	return &walletv1.RequestReleaseRequest{FromAccount: from, ToAccount: to, Amount: "10"}
}

func (w *town) grant(category, whom, sum string) *walletv1.RequestReleaseRequest {
	return &walletv1.RequestReleaseRequest{FromAccount: w.zakat, ToAccount: w.b, CashAccount: w.desk, Amount: sum, Category: category, Beneficiary: whom}
}

// level asserts that accounts of kind transit are back where they began.
func (w *world) level() {
	w.t.Helper()
	out := &walletv1.ListAccountsResponse{}
	if err := w.ask("wallet.list_accounts", &walletv1.ListAccountsRequest{PageSize: 500, Kind: walletv1.AccountKind_TRANSIT}, out); err != nil {
		w.t.Fatal(err)
	}
	for _, a := range out.Accounts {
		if a.Balance.Posted != "0" {
			w.t.Errorf("%s of %s stands at %s", a.Asset, a.Fund, a.Balance.Posted)
		}
	}
}

// A second share for those who work on zakat counts with the first; the beneficiary does not approve; what the ledger
// refuses can be approved again; what nobody decides is over.
func TestReleaseLimits(t *testing.T) {
	w := filled(t)
	ask := func(n int, in *walletv1.RequestReleaseRequest) error {
		in.Id, in.Reason, in.Document = id(n), "as the board said", paper
		return w.as("desk").do("wallet.request_release", in, &walletv1.Release{})
	}
	both := func(n int) error {
		if _, err := w.as("second").approve(id(n)); err != nil {
			return err
		}
		_, err := w.as("third").approve(id(n))
		return err
	}
	for n := 700; n < 702; n++ { // each fits by itself
		if err := ask(n, w.grant("amil", "person-9", "600")); err != nil {
			t.Fatal(err)
		}
	}
	if err := both(700); err != nil {
		t.Fatal(err)
	}
	w.refuses(both(701), edge.Refused, "shariah_asnaf_3")
	w.refuses(ask(702, w.grant("amil", "person-9", "401")), edge.Refused, "shariah_asnaf_3")

	if err := ask(703, w.grant("faqir", "second", "5")); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"second", "person-3"} {
		_, err := w.as(who).approve(id(703))
		w.refuses(err, edge.Denied, CodeApproval)
	}

	// A desk may go below nothing, members' money may not.
	if err := ask(704, betweenFunds(w.desk, w.charity)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.refuses(both(704), edge.Refused, "shariah_amanah_1")
	}
	w.state.Time = w.state.Time.Add(31 * 24 * time.Hour)
	_, err := w.as("third").approve(id(704))
	w.refuses(err, edge.Conflict, CodeDecided)
	if due, err := w.s.Due(w.state, w.state.Time); err != nil || !due {
		t.Fatal(due, err)
	}
	w.state.By = edge.Actor{Kind: edge.Node, ID: "n"}
	if out, err := w.s.tidy(w.state, struct{}{}); err != nil || out.Waiting != 3 {
		t.Error(out, err)
	}
	if due, err := w.s.Due(w.state, w.state.Time); err != nil || due {
		t.Error(due, err)
	}
	w.level()
	w.check()
}

// What a waqf consists of is swapped for at least its value, with two approvals, and the books stay whole.
func TestIstibdal(t *testing.T) {
	w := filled(t)
	w.must("wallet.define_asset", &walletv1.DefineAssetRequest{Code: "LAND_M2", Scale: 0, Name: "Land"}, &walletv1.Asset{})
	land := w.open(80, kindBank, "LAND_M2", "waqf_corpus:well")
	in := &walletv1.RequestIstibdalRequest{Id: id(700), FromAccount: w.corpus, Amount: "8000", ToAccount: land, AmountIn: "20", ValueOut: "8000", ValueIn: "7999", Reason: "the well is dry", Document: paper}
	w.refuses(w.do("wallet.request_istibdal", in, &walletv1.Release{}), edge.Refused, "shariah_waqf_1")
	in.Id, in.ValueIn = id(701), "8000"
	if err := w.do("wallet.request_istibdal", in, &walletv1.Release{}); err != nil {
		t.Fatal(err)
	}
	for i, who := range []string{"second", "third"} {
		if got, err := w.as(who).approve(in.Id); err != nil || (got.State == walletv1.ReleaseState_RELEASE_DONE) != (i == 1) {
			t.Fatal(got, err)
		}
	}
	w.stands(w.corpus, "0", "0")
	w.stands(land, "-20", "-20")
	w.check()
}

func TestExchange(t *testing.T) {
	w := newTown(t)
	in := &walletv1.ExchangeRequest{Id: id(700), FromAccount: w.house, AmountFrom: "170000", ToAccount: w.eur, AmountTo: "1000"}
	for range 2 {
		if got := (&walletv1.Transfer{}); w.do("wallet.exchange", in, got) != nil || got.Status != walletv1.TransferStatus_POSTED || len(got.Legs) != 2 {
			t.Fatal(got)
		}
	}
	w.stands(w.eur, "1000", "1000")
	same := &walletv1.ExchangeRequest{Id: id(701), FromAccount: w.house, AmountFrom: "10", ToAccount: w.sales, AmountTo: "11"}
	w.refuses(w.do("wallet.exchange", same, &walletv1.Transfer{}), edge.Refused, "shariah_sarf_2")
	w.refuses(w.do("wallet.exchange", same, &walletv1.Transfer{}), edge.Conflict, ledger.CodeFailed)
	w.explained(same.Id, "SARF-2", walletv1.RuleAct_RULE_DENY)
	cross := &walletv1.ExchangeRequest{FromAccount: w.zakat, AmountFrom: "10", ToAccount: w.eur, AmountTo: "1"}
	w.refuses(w.do("wallet.exchange", cross, &walletv1.Transfer{}), edge.Refused, ledger.CodeRestricted)
	w.check()
}

func TestPurifyDividend(t *testing.T) {
	w := newTown(t)
	in := &walletv1.PurifyDividendRequest{Id: id(700), Account: w.a, Dividend: "1001", Impermissible: "3", Income: "100"}
	for range 2 {
		if got := (&walletv1.Transfer{}); w.do("wallet.purify_dividend", in, got) != nil || got.Legs[1].Amount != "31" { // 30.03
			t.Fatal(got)
		}
	}
	w.stands(w.a, "999969", "999969")
	in.Id, in.Account = id(701), w.house
	w.refuses(w.do("wallet.purify_dividend", in, &walletv1.Transfer{}), edge.Invalid, ledger.CodeInvalid)
	w.check()
}
