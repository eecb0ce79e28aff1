package wallet_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet"
	"github.com/aielon/edge/services/wallet/book/booktest"
	"github.com/aielon/edge/services/wallet/qr"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/walletv1"
)

const (
	cash   = walletv1.AccountKind_CASH
	bank   = walletv1.AccountKind_BANK
	income = walletv1.AccountKind_INCOME
	deny   = walletv1.RuleAct_RULE_DENY
	review = walletv1.RuleAct_RULE_REVIEW
	info   = walletv1.RuleAct_RULE_INFO
	route  = walletv1.RuleAct_RULE_ROUTE
)

var paper = strings.Repeat("0c", 32)

// A town is the whole wallet, with people and funds that have money.
type town struct {
	*booktest.World
	a, b, shop, desk, till, sales string // members; desks of members' money and of the house; its income
}

func newTown(t *testing.T) *town {
	s := wallet.New()
	w := &town{World: booktest.Over(t, s.Ledger, s.Compliance, s.Giving, s.Alms, s.Deals, s.Invoices)}
	for _, f := range []*walletv1.PutFundRequest{{Id: "waqf_yield:well"}, {Id: "waqf_corpus:well"}, {Id: "waqf_yield:tree", Allowed: []string{"upkeep"}}, {Id: "waqf_yield:bare"}} {
		w.Fund(f)
	}
	w.desk, w.till, w.sales = w.Desk("amanah"), w.Desk(""), w.Open(income, "", "")
	w.a, w.b, w.shop = w.Member("a", "0"), w.Member("b", "0"), w.Member("shop", "0")
	w.Send(w.desk, w.a, "1000000000")
	w.Send(w.till, w.sales, "1000000")
	return w
}

// of is a desk of a fund with money that came in.
func (w *town) of(fund string) string {
	w.T.Helper()
	desk := w.Desk(fund)
	w.Send(desk, w.Open(income, fund, ""), "8000")
	return desk
}

// A deed prepares what somebody asks for. What it returns asks for it: the identifier under which the rules decide, and
// what came of it.
type deed func(w *town) asks

type asks func() (id string, err error)

// ask asks for one thing.
func (w *town) ask(op, id string, in, out proto.Message) asks {
	return func() (string, error) { return id, w.Do(op, in, out) }
}

// pay is a transfer between two members.
func pay(change func(w *town, in *walletv1.NewTransfer)) deed {
	return func(w *town) asks {
		in := &walletv1.NewTransfer{Id: w.ID(), Debit: w.a, Credit: w.b, Amount: "10"}
		if change(w, in); len(in.Legs) > 0 {
			in.Debit, in.Credit, in.Amount = "", "", ""
		}
		return w.ask("create_transfer", in.Id, &walletv1.CreateTransferRequest{Transfer: in}, &walletv1.Transfer{})
	}
}

// purposed is pay for a purpose.
func purposed(purpose string) deed {
	return pay(func(_ *town, in *walletv1.NewTransfer) { in.Purpose = purpose })
}

// scan pays by the code of a merchant, who wrote the category into it.
func scan(mcc string) deed {
	return func(w *town) asks {
		code := &walletv1.PaymentCode{}
		w.Ask("encode_qr", &walletv1.EncodeQrRequest{Account: w.shop, Mcc: "5411", Name: "A", City: "B", Country: "ID"}, code)
		m, err := qr.DecodeMerchant(code.Text)
		if err != nil {
			w.T.Fatal(err)
		}
		m.MCC = mcc
		in := &walletv1.PayQrRequest{Id: w.ID(), From: w.a, Amount: "10"}
		if in.Text, err = m.Encode(); err != nil {
			w.T.Fatal(err)
		}
		return w.ask("pay_qr", in.Id, in, &walletv1.QrPayment{})
	}
}

// release asks for money of a fund to go to an account.
func release(fund string, change func(w *town, in *walletv1.RequestReleaseRequest)) deed {
	return func(w *town) asks {
		in := &walletv1.RequestReleaseRequest{Id: w.ID(), FromAccount: w.of(fund), ToAccount: w.till, Amount: "10", Reason: "as the board said", Document: paper}
		change(w, in)
		return w.ask("request_release", in.Id, in, &walletv1.Release{})
	}
}

// zakat asks for a grant of zakat to a member.
func zakat(category, whom, sum, purpose string) deed {
	return release("zakat", func(w *town, in *walletv1.RequestReleaseRequest) {
		in.ToAccount, in.CashAccount, in.Category, in.Beneficiary, in.Amount, in.Purpose = w.b, w.desk, category, whom, sum, purpose
	})
}

// A meeting is an operation that meets a rule.
type meeting struct {
	rule    string
	what    string
	do      deed
	act     walletv1.RuleAct // of the decision; 0: DENY
	code    string           // of the refusal, where it is not shariah_ and the rule
	without []string         // rules that speak first, and are not in the site's set therefore
	silent  string           // why no decision is kept
	moves   bool             // it is allowed
}

// meetings are what the test walks over: each rule of the set that comes with the program, at least once.
func meetings() []meeting {
	return []meeting{
		{rule: "RIBA-1", what: "interest", do: purposed("interest")},
		{rule: "RIBA-2", what: "a fine to income", act: route, do: pay(func(w *town, in *walletv1.NewTransfer) {
			in.Debit, in.Credit, in.Purpose = w.till, w.sales, "late_payment"
		})},
		{rule: "RIBA-3", what: "the cost of collecting", act: review, do: pay(func(_ *town, in *walletv1.NewTransfer) { in.Purpose, in.Document = "collection_cost", paper })},
		{rule: "RIBA-4", what: "a fee above its cost", do: loan(func(in *walletv1.OpenQardRequest) { in.Fee, in.ActualCost, in.Document = "3", "2", paper })},
		{rule: "RIBA-4", what: "a fee nobody proved", do: loan(func(in *walletv1.OpenQardRequest) { in.Fee, in.ActualCost = "2", "2" })},
		{rule: "RIBA-4", what: "a gift to the lender", do: gift},
		{rule: "SARF-1", what: "an exchange that waits", do: swap("EUR", "10", true)},
		{rule: "SARF-2", what: "more for the same", do: swap("IDR", "9", false)},
		{rule: "GHARAR-1", what: "an invoice that says nothing", do: func(w *town) asks {
			in := &walletv1.IssueInvoiceRequest{Id: w.ID(), Payee: w.shop}
			return w.ask("issue_invoice", in.Id, in, &walletv1.Invoice{})
		}},
		{rule: "GHARAR-2", what: "a sale of what is not owned", do: sale(func(in *walletv1.OpenMurabahaRequest) { in.Document, in.OwnedSince = "", nil })},
		{rule: "GHARAR-2", what: "a sale of what will be owned", do: sale(func(in *walletv1.OpenMurabahaRequest) {
			in.OwnedSince = timestamppb.New(in.OwnedSince.AsTime().AddDate(1, 0, 0))
		})},
		{rule: "MURA-1", what: "an instalment of no sale", do: purposed("murabaha_instalment")},
		{rule: "MURA-1", what: "a rebate that was promised", do: rebate},
		{rule: "MAYSIR-1", what: "a casino", do: scan("7995")},
		{rule: "MCC-D", what: "a liquor shop", do: scan("5921")},
		{rule: "MCC-R", what: "a pawn shop", act: review, do: scan("5933")},
		{rule: "MCC-A", what: "a funeral", moves: true, silent: "what is allowed is not kept; ScreenMcc tells the rule", do: scan("7261")},
		{rule: "SCREEN-1", what: "shares, no figures", act: review, do: purposed("share_purchase")},
		{rule: "SCREEN-2", what: "shares, no figures", act: review, without: []string{"SCREEN-1"}, do: purposed("share_purchase")},
		{rule: "SCREEN-3", what: "shares, no figures", act: review, without: []string{"SCREEN-1", "SCREEN-2"}, do: purposed("share_purchase")},
		{rule: "PURIFY-1", what: "purification kept", act: route, do: purposed("purification")},
		{rule: "FUND-1", what: "charity to the house", do: release("charity", func(*town, *walletv1.RequestReleaseRequest) {})},
		{rule: "FUND-1", what: "not in the deed", do: yield("well", "salary")},
		{rule: "FUND-1", what: "not what the fund is for", do: yield("tree", "salary")},
		{rule: "FUND-1", what: "neither a deed nor a purpose", do: yield("bare", "upkeep")},
		{rule: "WAQF-2", what: "not in the deed", without: []string{"FUND-1"}, do: yield("well", "salary")},
		{rule: "WAQF-2", what: "from hand to hand", do: pay(func(w *town, in *walletv1.NewTransfer) {
			in.Debit, in.Credit = w.Open(walletv1.AccountKind_MEMBER, "waqf_yield:well", "c"), w.Open(walletv1.AccountKind_MEMBER, "waqf_yield:well", "d")
		})},
		{rule: "WAQF-1", what: "a swap for less", do: istibdal},
		{rule: "ASNAF-1", what: "zakat to nobody", do: zakat("faqir", "", "10", "")},
		{rule: "ASNAF-2", what: "zakat for a roof", do: zakat("faqir", "b", "10", "upkeep")},
		{rule: "ASNAF-3", what: "more than an eighth", do: zakat("amil", "b", "1001", "")},
		{rule: "FITR-1", what: "after the prayer", act: info, moves: true, do: func(w *town) asks {
			in := &walletv1.PayFitrRequest{Id: w.ID(), From: w.a, Persons: 1, Rate: "45", AfterPrayer: true}
			return w.ask("pay_fitr", in.Id, in, &walletv1.ZakatPayment{})
		}},
		{rule: "AMANAH-1", what: "money nobody brought", silent: "the ledger keeps it by itself, whatever set is in force", do: pay(func(w *town, in *walletv1.NewTransfer) {
			in.Debit = w.Open(walletv1.AccountKind_EQUITY, "amanah", "")
		})},
		{rule: "AML-1", what: "too much for a day", code: "aml_limit", do: pay(func(_ *town, in *walletv1.NewTransfer) { in.Amount = "200000001" })},
		{rule: "AML-2", what: "a name on a list", act: review, do: listed},
		{rule: "AML-3", what: "cash below the threshold, again", act: review, do: structured},
	}
}

// beyond lists rules that no operation meets, and why. There are none.
var beyond = map[string]string{}

// Every rule of the set is met by an operation: what it denies moves nothing, what it wants looked at is held and moves
// nothing, and the decision is kept with its rule and a text in each language.
func TestEveryRule(t *testing.T) {
	set, err := shariah.Parse(shariah.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	todo := map[string]bool{}
	for _, r := range set.Rules {
		todo[r.ID] = beyond[r.ID] == ""
	}
	for _, m := range meetings() {
		if _, known := todo[m.rule]; !known {
			t.Errorf("there is no rule %s", m.rule)
		}
		todo[m.rule] = false
		t.Run(m.rule+" "+m.what, func(t *testing.T) { newTown(t).meets(m) })
	}
	for _, id := range slices.Sorted(maps.Keys(todo)) {
		if todo[id] {
			t.Errorf("no operation meets %s", id)
		}
	}
}

func (w *town) meets(m meeting) {
	w.T.Helper()
	if len(m.without) > 0 {
		w.enforce(func(rules []any) []any {
			return slices.DeleteFunc(rules, func(r any) bool { return slices.Contains(m.without, r.(map[string]any)["id"].(string)) })
		})
	}
	if m.code == "" {
		m.code = "shariah_" + strings.ToLower(strings.ReplaceAll(m.rule, "-", "_"))
	}
	if m.act == 0 {
		m.act = deny
	}
	ask := m.do(w)
	before, id := w.posted(), ""
	var err error
	if m.moves || m.act == review {
		if id, err = ask(); err != nil {
			w.T.Fatal(err)
		}
	} else {
		w.Untouched(func() { id, err = ask() })
		w.Refuses(err, edge.Refused, m.code)
	}
	if moved := w.posted() != before; moved != m.moves {
		w.T.Errorf("moved: %v", moved)
	}
	w.explained(id, m)
	w.Check()
}

// explained asserts what is kept of a decision.
func (w *town) explained(id string, m meeting) {
	w.T.Helper()
	for _, lang := range []string{"en", "id", "ms", "ur", "ar"} {
		d := &walletv1.RuleDecision{}
		err := w.Try("get_decision", &walletv1.GetDecisionRequest{Id: id, Language: lang}, d)
		if m.silent != "" {
			w.Refuses(err, edge.NotFound, "decision_not_found")
			continue
		}
		if err != nil {
			w.T.Fatal(err)
		}
		if d.Rule != m.rule || d.Act != m.act || len(d.Text) < 20 || d.Language != lang || d.Actor == "" {
			w.T.Errorf("%v, want %s %s", d, m.act, m.rule)
		}
	}
}

// posted is what has moved: the sums of every account that has any.
func (w *town) posted() string {
	out := &walletv1.ListAccountsResponse{}
	w.Ask("list_accounts", &walletv1.ListAccountsRequest{PageSize: 500}, out)
	var b strings.Builder
	for _, a := range out.Accounts {
		if a.Balance.Posted != "0" {
			b.WriteString(a.Id + " " + a.Balance.Posted + "\n")
		}
	}
	return b.String()
}

// enforce brings a set of the site's own into force: the one that comes with the program, changed.
func (w *town) enforce(change func(rules []any) []any) {
	w.T.Helper()
	var doc map[string]any
	if err := json.Unmarshal(shariah.Builtin(), &doc); err != nil {
		w.T.Fatal(err)
	}
	doc["version"] = 2
	doc["rules"] = change(doc["rules"].([]any))
	text, err := json.Marshal(doc)
	if err != nil {
		w.T.Fatal(err)
	}
	set, err := shariah.Parse(text)
	if err != nil {
		w.T.Fatal(err)
	}
	k := ed25519.NewKeyFromSeed(make([]byte, 32))
	sig, err := shariah.Sign(set, k)
	if err != nil {
		w.T.Fatal(err)
	}
	key := &walletv1.RuleKey{Name: "board", Key: hex.EncodeToString(k.Public().(ed25519.PublicKey))}
	if err := w.Do("set_rule_keys", &walletv1.SetRuleKeysRequest{Keys: []*walletv1.RuleKey{key}, Needed: 1}, &walletv1.RuleKeys{}); err != nil {
		w.T.Fatal(err)
	}
	w.Must("put_rule_set", &walletv1.PutRuleSetRequest{Document: string(text), Signatures: [][]byte{sig}}, &walletv1.RuleSet{})
	w.By("second")
	w.Must("decide_rule_set", &walletv1.DecideRuleSetRequest{Id: "aaoifi-core.2", Approve: true, Reason: "read"}, &walletv1.RuleSet{})
	w.By("officer")
}

func loan(change func(*walletv1.OpenQardRequest)) deed {
	return func(w *town) asks {
		in := &walletv1.OpenQardRequest{Id: w.ID(), Creditor: w.a, Debtor: w.b, Principal: "100", Instalments: 2, First: timestamppb.New(w.State.Time.AddDate(0, 1, 0))}
		change(in)
		return w.ask("open_qard", in.Id, in, &walletv1.Contract{})
	}
}

// agreed is a contract that b accepted.
func (w *town) agreed(do deed) (id string) {
	w.T.Helper()
	id, err := do(w)()
	if err == nil {
		err = w.Do("accept_contract", &walletv1.AcceptContractRequest{Contract: id, Id: w.ID(), Debtor: w.b}, &walletv1.Contract{})
	}
	if err != nil {
		w.T.Fatal(err)
	}
	return id
}

// gift is one to a lender who is still owed.
func gift(w *town) asks {
	w.agreed(loan(func(*walletv1.OpenQardRequest) {}))
	return pay(func(w *town, in *walletv1.NewTransfer) { in.Debit, in.Credit, in.Purpose = w.b, w.a, "gift" })(w)
}

func sale(change func(*walletv1.OpenMurabahaRequest)) deed {
	return func(w *town) asks {
		in := &walletv1.OpenMurabahaRequest{Id: w.ID(), Creditor: w.a, Debtor: w.b, Cost: "100", Markup: "10", Instalments: 2, First: timestamppb.New(w.State.Time.AddDate(0, 1, 0)),
			Description: "a sewing machine", Document: paper, OwnedSince: timestamppb.New(w.State.Time.AddDate(0, -1, 0))}
		change(in)
		return w.ask("open_murabaha", in.Id, in, &walletv1.Contract{})
	}
}

func rebate(w *town) asks {
	in := &walletv1.RebateMurabahaRequest{Contract: w.agreed(sale(func(*walletv1.OpenMurabahaRequest) {})), Id: w.ID(), Creditor: w.a, Amount: "5", Promised: true}
	return w.ask("rebate_murabaha", in.Id, in, &walletv1.Contract{})
}

// swap gives 10 rupiah of the house for something.
func swap(asset, back string, hold bool) deed {
	return func(w *town) asks {
		open := func(kind walletv1.AccountKind, asset string) string {
			a := &walletv1.Account{}
			w.Must("open_account", &walletv1.OpenAccountRequest{Id: w.ID(), Kind: kind, Asset: asset}, a)
			return a.Id
		}
		out, in, to := open(walletv1.AccountKind_EXCHANGE, "IDR"), open(walletv1.AccountKind_EXCHANGE, asset), open(cash, asset)
		return pay(func(w *town, x *walletv1.NewTransfer) {
			x.Hold, x.Legs = hold, []*walletv1.Leg{{Debit: w.till, Credit: out, Amount: "10"}, {Debit: in, Credit: to, Amount: back}}
		})(w)
	}
}

// yield asks for the yield of an endowment to be spent. The deed of the well allows upkeep.
func yield(of, purpose string) deed {
	return func(w *town) asks {
		w.Must("put_deed", &walletv1.PutDeedRequest{Id: "well", Purposes: []string{"upkeep"}, Document: paper}, &walletv1.Deed{})
		return release("waqf_yield:"+of, func(_ *town, in *walletv1.RequestReleaseRequest) { in.Purpose = purpose })(w)
	}
}

// istibdal swaps what an endowment holds for something of less value.
func istibdal(w *town) asks {
	from, to := w.Open(bank, "waqf_corpus:well", ""), &walletv1.Account{}
	w.Must("open_account", &walletv1.OpenAccountRequest{Id: w.ID(), Kind: bank, Asset: "EUR", Fund: "waqf_corpus:well"}, to)
	in := &walletv1.RequestIstibdalRequest{Id: w.ID(), FromAccount: from, ToAccount: to.Id, Amount: "100", AmountIn: "90", ValueOut: "100", ValueIn: "99", Reason: "a better plot", Document: paper}
	return w.ask("request_istibdal", in.Id, in, &walletv1.Release{})
}

// listed opens an account for somebody whose name is like one on a list.
func listed(w *town) asks {
	w.Must("put_sanction_names", &walletv1.PutSanctionNamesRequest{List: "list", Edition: 1, Entries: []*walletv1.SanctionEntry{{Id: "e1", Name: "Generic Listed Name"}}}, &walletv1.PutSanctionNamesResponse{})
	w.Must("use_sanction_list", &walletv1.UseSanctionListRequest{List: "list", Edition: 1, Entries: 1}, &walletv1.SanctionList{})
	return func() (string, error) {
		a, out := &walletv1.Account{}, &walletv1.ListReviewsResponse{}
		if err := w.Do("open_account", &walletv1.OpenAccountRequest{Id: w.ID(), Kind: walletv1.AccountKind_MEMBER, Asset: "IDR", Owner: "somebody", Name: "Generic Listed Name"}, a); err != nil {
			return "", err
		}
		if w.Ask("list_reviews", &walletv1.ListReviewsRequest{}, out); len(out.Reviews) != 1 || a.State != walletv1.AccountState_FROZEN {
			w.T.Fatal(out, a)
		}
		return out.Reviews[0].Id, nil
	}
}

// structured brings cash in for the third time just below the threshold.
func structured(w *town) asks {
	for range 2 {
		w.Send(w.desk, w.b, "46000000000")
	}
	return pay(func(w *town, in *walletv1.NewTransfer) { in.Debit, in.Amount = w.desk, "46000000000" })(w)
}
