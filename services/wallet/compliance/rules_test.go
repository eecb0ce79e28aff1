package compliance

import (
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A town is a world with the accounts that rules are about.
type town struct {
	*world
	desk, a, b                          string // of members' money
	house, sales, costs                 string // of the general fund
	zakat, poor, charity, fines, pure   string
	yield, mosque, roof, tiles, corpus  string
	spent, eur, euros, idrSwap, eurSwap string
}

const (
	kindMember   = walletv1.AccountKind_MEMBER
	kindCash     = walletv1.AccountKind_CASH
	kindBank     = walletv1.AccountKind_BANK
	kindIncome   = walletv1.AccountKind_INCOME
	kindExpense  = walletv1.AccountKind_EXPENSE
	kindExchange = walletv1.AccountKind_EXCHANGE
)

func newTown(t testing.TB) *town {
	w := &town{world: newWorld(t)}
	for _, f := range []*walletv1.PutFundRequest{{Id: "sadaqah:roof", Name: "Roof", Allowed: []string{"upkeep"}}, {Id: "waqf_yield:well", Name: "Well", Allowed: []string{"waqf_spend"}}, {Id: "waqf_corpus:well", Name: "Well"}} {
		w.must("wallet.put_fund", f, &walletv1.Fund{})
	}
	n := 0
	open := func(k walletv1.AccountKind, asset, fund string) string { n++; return w.open(n, k, asset, fund) }
	w.desk, w.a, w.b = open(kindCash, "IDR", "amanah"), open(kindMember, "IDR", ""), open(kindMember, "IDR", "")
	w.house, w.sales, w.costs = open(kindCash, "IDR", ""), open(kindIncome, "IDR", ""), open(kindExpense, "IDR", "")
	w.zakat, w.poor = open(kindCash, "IDR", "zakat"), open(kindExpense, "IDR", "zakat")
	w.charity, w.fines, w.pure = open(kindCash, "IDR", "charity"), open(kindIncome, "IDR", "charity"), open(kindIncome, "IDR", "purification")
	w.yield, w.mosque = open(kindCash, "IDR", "waqf_yield:well"), open(kindExpense, "IDR", "waqf_yield:well")
	w.roof, w.tiles = open(kindCash, "IDR", "sadaqah:roof"), open(kindExpense, "IDR", "sadaqah:roof")
	w.corpus, w.spent = open(kindBank, "IDR", "waqf_corpus:well"), open(kindExpense, "IDR", "waqf_corpus:well")
	w.eur, w.euros = open(kindCash, "EUR", ""), open(kindMember, "EUR", "")
	w.idrSwap, w.eurSwap = open(kindExchange, "IDR", ""), open(kindExchange, "EUR", "")
	for i, pair := range [][2]string{{w.desk, w.a}, {w.house, w.sales}} {
		if _, err := w.send(100+i, pair[0], pair[1], "1000000"); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func leg(debit, credit, amount string) *walletv1.Leg {
	return &walletv1.Leg{Debit: debit, Credit: credit, Amount: amount}
}

// Each rule that can be met by a transfer, through the ledger's own door: what it denies moves nothing, spends the
// identifier, and is kept with an explanation in five languages; what it wants looked at is held.
func TestRules(t *testing.T) {
	doc := strings.Repeat("ab", 32)
	for name, tc := range map[string]struct {
		rule, code string // of a denial
		review     bool
		info       bool
		in         func(w *town) *walletv1.NewTransfer
	}{
		"a transfer":          {in: func(w *town) *walletv1.NewTransfer { return &walletv1.NewTransfer{Debit: w.a, Credit: w.b} }},
		"a withdrawal":        {in: func(w *town) *walletv1.NewTransfer { return &walletv1.NewTransfer{Debit: w.a, Credit: w.desk} }},
		"house spends":        {in: func(w *town) *walletv1.NewTransfer { return &walletv1.NewTransfer{Debit: w.costs, Credit: w.house} }},
		"zakat comes in":      {in: func(w *town) *walletv1.NewTransfer { return &walletv1.NewTransfer{Debit: w.zakat, Credit: w.poor} }},
		"interest":            {rule: "RIBA-1", in: purposed("interest")},
		"overdraft interest":  {rule: "RIBA-1", in: purposed("overdraft_interest")},
		"a loan, no schedule": {rule: "RIBA-1", in: purposed("qard_disbursement")},
		"a fine to income": {rule: "RIBA-2", in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Debit: w.house, Credit: w.sales, Purpose: "late_payment"}
		}},
		"a fine to charity": {in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Debit: w.charity, Credit: w.fines, Purpose: "late_payment"}
		}},
		"pay for delay":           {rule: "RIBA-2", in: purposed("delay_compensation")},
		"collecting, no document": {rule: "RIBA-3", in: purposed("collection_cost")},
		"collecting": {rule: "RIBA-3", review: true, in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Debit: w.a, Credit: w.b, Purpose: "collection_cost", Document: doc}
		}},
		"loan fee": {rule: "RIBA-4", in: purposed("qard_fee")},
		"half an exchange": {rule: "SARF-1", in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Debit: w.house, Credit: w.idrSwap, Purpose: "transfer"}
		}},
		"an exchange that waits": {rule: "SARF-1", in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Hold: true, Legs: []*walletv1.Leg{leg(w.house, w.idrSwap, "170000"), leg(w.eurSwap, w.eur, "1000")}}
		}},
		"an exchange at once": {in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Legs: []*walletv1.Leg{leg(w.house, w.idrSwap, "170000"), leg(w.eurSwap, w.eur, "1000")}}
		}},
		"more for the same": {rule: "SARF-2", in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Legs: []*walletv1.Leg{leg(w.house, w.idrSwap, "100"), leg(w.idrSwap, w.sales, "101")}}
		}},
		"a sale, nothing said": {rule: "GHARAR-1", in: purposed("sale")},
		"a murabaha":           {rule: "GHARAR-1", in: purposed("murabaha_sale")},
		"an instalment":        {rule: "MURA-1", in: purposed("murabaha_instalment")},
		"a rebate":             {rule: "MURA-1", in: purposed("murabaha_rebate")},
		"a bet":                {rule: "MAYSIR-1", in: purposed("bet")},
		"a casino":             {rule: "MAYSIR-1", in: merchant("7995")},
		"lottery tickets":      {rule: "MAYSIR-1", in: merchant("9406")},
		"a raffle":             {rule: "MAYSIR-1", in: purposed("raffle_ticket")},
		"a bar":                {rule: "MCC-D", in: merchant("5813")},
		"tobacco":              {rule: "MCC-D", in: merchant("5993")},
		"a pawn shop":          {rule: "MCC-R", review: true, in: merchant("5933")},
		"no known merchant":    {rule: "MCC-R", review: true, in: merchant("9999")},
		"a funeral":            {in: merchant("7261")},
		"a grocer":             {in: merchant("5411")},
		"shares, no figures":   {rule: "SCREEN-1", review: true, in: purposed("share_purchase")},
		"purification kept":    {rule: "PURIFY-1", in: purposed("purification")},
		"zakat to nobody": {rule: "ASNAF-1", in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Debit: w.poor, Credit: w.zakat}
		}},
		"zakat for a roof": {rule: "ASNAF-1", in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Debit: w.poor, Credit: w.zakat, Purpose: "upkeep"}
		}},
		"a campaign's purpose": {in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Debit: w.tiles, Credit: w.roof, Purpose: "upkeep"}
		}},
		"another purpose": {rule: "FUND-1", in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Debit: w.tiles, Credit: w.roof, Purpose: "salary"}
		}},
		"the deed's purpose": {in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Debit: w.mosque, Credit: w.yield, Purpose: "waqf_spend"}
		}},
		"not in the deed": {rule: "FUND-1", in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Debit: w.mosque, Credit: w.yield, Purpose: "salary"}
		}},
		"the endowment": {rule: "FUND-1", in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Debit: w.spent, Credit: w.corpus}
		}},
		"not backed": {code: "shariah_amanah_1", in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Debit: w.openEquity(), Credit: w.b}
		}},
		"too much for a day": {code: "aml_limit", rule: "AML-1", in: func(w *town) *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Debit: w.a, Credit: w.b, Amount: "200000001"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			in := tc.in(w)
			if in.Id = id(500); len(in.Legs) == 0 && in.Amount == "" {
				in.Amount = "10"
			}
			before := w.balances()
			got, err := w.transfer(in)
			switch {
			case tc.review:
				if err != nil || got.Status != walletv1.TransferStatus_UNDER_REVIEW || got.RuleSet != "aaoifi-core/1" {
					t.Fatal(got, err)
				}
				w.explained(in.Id, tc.rule, walletv1.RuleAct_RULE_REVIEW)
			case tc.rule != "" || tc.code != "":
				if tc.code == "" {
					tc.code = "shariah_" + strings.ToLower(strings.ReplaceAll(tc.rule, "-", "_"))
				}
				w.refuses(err, edge.Refused, tc.code)
				if now := w.balances(); now != before {
					t.Errorf("something moved:\n%s\n%s", before, now)
				}
				for range 2 { // the identifier is spent, also for the same once more
					_, again := w.transfer(in)
					w.refuses(again, edge.Conflict, ledger.CodeFailed)
				}
				if tc.rule != "" {
					w.explained(in.Id, tc.rule, 0)
				}
			default:
				if err != nil || got.Status != walletv1.TransferStatus_POSTED || got.RuleSet != "aaoifi-core/1" {
					t.Fatal(got, err)
				}
				w.refuses(w.ask("wallet.get_decision", &walletv1.GetDecisionRequest{Id: in.Id}, &walletv1.RuleDecision{}), edge.NotFound, CodeDecision)
			}
			w.check()
		})
	}
}

func purposed(p string) func(*town) *walletv1.NewTransfer {
	return func(w *town) *walletv1.NewTransfer {
		return &walletv1.NewTransfer{Debit: w.a, Credit: w.b, Purpose: p}
	}
}

func merchant(code string) func(*town) *walletv1.NewTransfer {
	return func(w *town) *walletv1.NewTransfer {
		return &walletv1.NewTransfer{Debit: w.a, Credit: w.b, Mcc: code, Purpose: "purchase"}
	}
}

func (w *town) openEquity() string {
	return w.open(90, walletv1.AccountKind_EQUITY, "IDR", "amanah")
}

// balances is every balance there is, as text.
func (w *world) balances() string {
	out := &walletv1.ListAccountsResponse{}
	if err := w.ask("wallet.list_accounts", &walletv1.ListAccountsRequest{PageSize: 500}, out); err != nil {
		w.t.Fatal(err)
	}
	var b strings.Builder
	for _, a := range out.Accounts {
		b.WriteString(a.Id + " " + a.Balance.Posted + " " + a.Balance.Available + "\n")
	}
	return b.String()
}

// explained asserts that a decision is kept, and says why in each language.
func (w *world) explained(id, rule string, act walletv1.RuleAct) {
	w.t.Helper()
	seen := map[string]bool{}
	for _, lang := range []string{"en", "id", "ms", "ur-PK", "ar"} {
		d := &walletv1.RuleDecision{}
		if err := w.ask("wallet.get_decision", &walletv1.GetDecisionRequest{Id: id, Language: lang}, d); err != nil {
			w.t.Fatal(err)
		}
		if d.Rule != rule || act != 0 && d.Act != act || d.SetName != "aaoifi-core" || d.SetVersion != 1 || d.Actor != "desk" || d.Language != lang[:2] || len(d.Text) < 20 || seen[d.Text] {
			w.t.Errorf("%s: %v", lang, d)
		}
		seen[d.Text] = true
	}
	list := &walletv1.ListDecisionsResponse{}
	if err := w.ask("wallet.list_decisions", &walletv1.ListDecisionsRequest{}, list); err != nil || len(list.Decisions) != 1 || list.Decisions[0].Id != id {
		w.t.Error(list, err)
	}
	told := 0
	for _, e := range w.state.Events {
		if e.Type == EventDecided && strings.Contains(string(e.Body), `"rule":"`+rule+`"`) {
			told++
		}
	}
	if told != 1 {
		w.t.Errorf("told %d times", told)
	}
}

// A purpose nobody knows is refused with the ones there are.
func TestPurposes(t *testing.T) {
	w := newTown(t)
	_, err := w.transfer(&walletv1.NewTransfer{Id: id(500), Debit: w.a, Credit: w.b, Amount: "1", Purpose: "fun"})
	w.refuses(err, edge.Invalid, ledger.CodeInvalid)
	if !strings.Contains(err.Error(), "zakat_grant") {
		t.Error(err)
	}
}

// What moves is counted over a day and over thirty, and what was refused or taken back is not.
func TestVelocity(t *testing.T) {
	w := newTown(t)
	w.fund(w.a, "1900000000")
	n := 1000
	move := func(sum string) error {
		n++
		_, err := w.send(n, w.a, w.b, sum)
		return err
	}
	if err := move("150000000"); err != nil {
		t.Fatal(err)
	}
	w.refuses(move("50000001"), edge.Refused, "aml_limit")
	chain := &walletv1.CreateTransfersResponse{} // counted within a batch as well, and taken back with its item
	if err := w.do("wallet.create_transfers", &walletv1.CreateTransfersRequest{Items: []*walletv1.Item{
		{Action: &walletv1.Item_Transfer{Transfer: &walletv1.NewTransfer{Id: id(2000), Debit: w.a, Credit: w.b, Amount: "30000000"}},
			Linked: []*walletv1.Step{{Action: &walletv1.Step_Transfer{Transfer: &walletv1.NewTransfer{Id: id(2001), Debit: w.a, Credit: w.b, Amount: "30000000"}}}}},
		{Action: &walletv1.Item_Transfer{Transfer: &walletv1.NewTransfer{Id: id(2002), Debit: w.a, Credit: w.b, Amount: "50000000"}}},
		{Action: &walletv1.Item_Transfer{Transfer: &walletv1.NewTransfer{Id: id(2003), Debit: w.a, Credit: w.b, Amount: "1"}}},
	}}, chain); err != nil {
		t.Fatal(err)
	}
	for i, code := range []string{ledger.CodeLinked, "", "aml_limit"} {
		if chain.Items[i].Result.Code != code {
			t.Errorf("item %d: %v", i, chain.Items[i])
		}
	}
	for day := range 4 { // to the limit of thirty days
		w.state.Time = w.state.Time.Add(25 * time.Hour)
		if err := move("200000000"); err != nil {
			t.Fatal(day, err)
		}
	}
	w.state.Time = w.state.Time.Add(25 * time.Hour)
	w.refuses(move("1"), edge.Refused, "aml_limit")
	w.state.Time = w.state.Time.Add(27 * 24 * time.Hour) // the first day is out of it
	if err := move("150000000"); err != nil {
		t.Fatal(err)
	}
	w.check()
}

// fund brings cash in.
func (w *town) fund(account, sum string) {
	w.t.Helper()
	if _, err := w.send(9000+len(w.state.Events), w.desk, account, sum); err != nil {
		w.t.Fatal(err)
	}
}

// Cash again and again just below the threshold is looked at.
func TestStructuring(t *testing.T) {
	w := newTown(t)
	for n, want := range []walletv1.TransferStatus{1, 1, 3, 1} {
		if n == 3 {
			w.state.Time = w.state.Time.AddDate(0, 0, 8)
		}
		got, err := w.send(1000+n, w.desk, w.b, "46000000000")
		if err != nil || got.Status != want {
			t.Fatal(n, got, err)
		}
		if want == walletv1.TransferStatus_UNDER_REVIEW {
			w.explained(got.Id, "AML-3", walletv1.RuleAct_RULE_REVIEW)
		}
	}
}

func TestScreenMcc(t *testing.T) {
	w := newWorld(t)
	for code, want := range map[string]walletv1.RuleAct{"5921": 4, "7995": 4, "5933": 3, "7261": 0, "5411": 0, "9999": 3} {
		v := &walletv1.MccVerdict{}
		if err := w.ask("wallet.screen_mcc", &walletv1.ScreenMccRequest{Mcc: code, Language: "id"}, v); err != nil || v.Act != want || v.SetVersion != 1 || want != 0 && v.Text == "" {
			t.Errorf("%s: %v, %v", code, v, err)
		}
	}
}
