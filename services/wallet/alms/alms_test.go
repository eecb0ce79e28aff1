package alms

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book/booktest"
	"github.com/aielon/edge/services/wallet/compliance"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
	"github.com/aielon/edge/services/wallet/zakat"
)

type world struct {
	*booktest.World
	alms *Alms
}

func newWorld(t testing.TB) *world {
	w := &world{}
	w.World = booktest.New(t, func(l *ledger.Ledger) booktest.Part {
		rules, _ := compliance.New()
		w.alms = New(l, rules)
		return w.alms
	})
	return w
}

// price sets gold at 51 euros a gram and silver at 46 cents: the example of islam-trieste.it, in minor units.
func (w *world) price() {
	w.T.Helper()
	if err := w.Do("put_metal_price", &walletv1.PutMetalPriceRequest{Asset: booktest.Asset, Gold: "5100", Silver: "46"}, &walletv1.MetalPrice{}); err != nil {
		w.T.Fatal(err)
	}
}

// Prices follow each other, and nisab follows them.
func TestPrice(t *testing.T) {
	w := newWorld(t)
	w.Refuses(w.Try("get_nisab", &walletv1.GetNisabRequest{Asset: "IDR"}, &walletv1.Nisab{}), edge.NotFound, CodePrice)
	w.price()
	n := &walletv1.Nisab{}
	if w.Ask("get_nisab", &walletv1.GetNisabRequest{Asset: "IDR"}, n); len(n.Sets) < 4 || n.Sets[0].Amount != "433500" || n.Sets[0].Rate != "1/40" {
		t.Error(n)
	}
	for name, c := range map[string]struct {
		in   *walletv1.PutMetalPriceRequest
		kind edge.Kind
		code string
	}{
		"nothing":      {&walletv1.PutMetalPriceRequest{Gold: "0", Silver: "46"}, edge.Invalid, amount.CodeInvalid},
		"a fraction":   {&walletv1.PutMetalPriceRequest{Gold: "1.5", Silver: "46"}, edge.Invalid, amount.CodeScale},
		"too heavy":    {&walletv1.PutMetalPriceRequest{Gold: "1", GoldMg: 2e12, Silver: "46"}, edge.Invalid, ledger.CodeInvalid},
		"not yet":      {&walletv1.PutMetalPriceRequest{Gold: "1", Silver: "1", Time: timestamppb.New(w.State.Time.Add(2 * time.Hour))}, edge.Invalid, ledger.CodeInvalid},
		"older":        {&walletv1.PutMetalPriceRequest{Gold: "1", Silver: "1", Time: timestamppb.New(w.State.Time.Add(-time.Hour))}, edge.Conflict, CodeOldPrice},
		"not currency": {&walletv1.PutMetalPriceRequest{Asset: "ZZZ", Gold: "1", Silver: "1"}, edge.NotFound, ledger.CodeAsset},
	} {
		if c.in.Asset == "" {
			c.in.Asset = "IDR"
		}
		t.Run(name, func(t *testing.T) { w.Refuses(w.Do("put_metal_price", c.in, &walletv1.MetalPrice{}), c.kind, c.code) })
	}
}

// The worked example: 85 grams at 51 are 4335, of which 108.375 are due.
func TestAssess(t *testing.T) {
	w := newWorld(t)
	w.price()
	in := &walletv1.AssessZakatRequest{Asset: "IDR", Wealth: &walletv1.Wealth{Gold: []*walletv1.MetalPiece{{Milligrams: 85_000, Fineness: 1000}}}}
	out := &walletv1.Assessment{}
	if w.Ask("assess_zakat", in, out); out.Due != "10838" || !out.Reached || out.ExactNum == "" || len(out.Lines) == 0 {
		t.Error(out)
	}
	w.By("a")
	saved := &walletv1.Assessment{}
	w.Must("save_assessment", &walletv1.SaveAssessmentRequest{Id: w.ID(), Person: "a", Assess: in}, saved)
	for range maxKept + 3 {
		if err := w.Do("save_assessment", &walletv1.SaveAssessmentRequest{Id: w.ID(), Person: "a", Assess: in}, saved); err != nil {
			t.Fatal(err)
		}
	}
	list := &walletv1.ListAssessmentsResponse{}
	if w.Ask("list_assessments", &walletv1.ListAssessmentsRequest{Person: "a", PageSize: 200}, list); len(list.Assessments) != maxKept {
		t.Error(len(list.Assessments))
	}
	if w.Ask("list_assessments", &walletv1.ListAssessmentsRequest{Person: "b"}, list); len(list.Assessments) != 0 {
		t.Error("others see it")
	}
	for _, bad := range []*walletv1.AssessZakatRequest{{Asset: "IDR", Set: "none/1"}, {Asset: "IDR", Wealth: &walletv1.Wealth{Cash: "-1"}}, {Asset: "IDR", Wealth: &walletv1.Wealth{Gold: []*walletv1.MetalPiece{{Milligrams: 1, Fineness: 1001}}}}} {
		if err := w.Try("assess_zakat", bad, out); !edge.IsKind(err, edge.Invalid) {
			t.Error(err)
		}
	}
	w.Refuses(w.Do("save_assessment", &walletv1.SaveAssessmentRequest{Person: "a/b", Assess: in}, out), edge.Invalid, ledger.CodeInvalid)
}

// day lets days pass and the leading node look at everybody each day.
func (w *world) day(n int) {
	w.T.Helper()
	for range n {
		w.State.Time = w.State.Time.Add(24 * time.Hour)
		by := w.State.By
		w.State.By = edge.Actor{Kind: edge.Node, ID: "node"}
		for {
			waits, err := w.alms.Waits(w.State, w.State.Time)
			if err != nil {
				w.T.Fatal(err)
			}
			if !waits {
				break
			}
			if _, err := w.alms.follow(w.State, struct{}{}); err != nil {
				w.T.Fatal(err)
			}
		}
		w.State.By = by
	}
}

// A lunar year passes over what is on accounts and what was declared; zakat falls due once, and paying settles it.
func TestYear(t *testing.T) {
	w := newWorld(t)
	if waits, err := w.alms.Waits(w.State, w.State.Time); err != nil || waits {
		t.Error("nobody is followed, and somebody waits", err)
	}
	a := w.Member("a", "400000")
	h := &walletv1.HawlYear{}
	w.Must("declare_wealth", &walletv1.DeclareWealthRequest{Person: "a", Asset: "IDR", Wealth: &walletv1.Wealth{Cash: "40000"}}, h)
	if h.Problem != CodePrice || h.Since != "" {
		t.Error(h)
	}
	w.price()
	w.day(1)
	w.Ask("get_hawl", &walletv1.GetHawlRequest{Person: "a"}, h)
	if h.Problem != "" || h.Since == "" || h.Wealth != "440000" || h.Next == "" {
		t.Fatal(h)
	}
	w.day(353)
	w.Ask("get_hawl", &walletv1.GetHawlRequest{Person: "a"}, h)
	if len(h.Dues) != 0 {
		t.Error(h)
	}
	w.day(3)
	w.Ask("get_hawl", &walletv1.GetHawlRequest{Person: "a"}, h)
	if len(h.Dues) != 1 || h.Dues[0].Zakat != "11000" || w.Told(EventDue, "440000", "11000") != 1 {
		t.Fatal(h)
	}
	w.Must("pay_zakat", &walletv1.PayZakatRequest{Id: w.ID(), From: a, Amount: "6000"}, &walletv1.ZakatPayment{})
	w.Must("pay_zakat", &walletv1.PayZakatRequest{Id: w.ID(), From: a, Amount: "6000"}, &walletv1.ZakatPayment{})
	w.Ask("get_hawl", &walletv1.GetHawlRequest{Person: "a"}, h)
	if h.Dues[0].Paid != "11000" {
		t.Error(h)
	}
	if got := w.House(walletv1.AccountKind_INCOME, fundZakat); got != "12000" {
		t.Error(got)
	}
	if err := w.Do("declare_wealth", &walletv1.DeclareWealthRequest{Person: "a", Stop: true}, h); err != nil {
		t.Fatal(err)
	}
	w.Refuses(w.Try("get_hawl", &walletv1.GetHawlRequest{Person: "a"}, h), edge.NotFound, "hawl_not_found")
	w.Check()
}

// Everybody is looked at once a day, however many they are, and only a node may ask.
func TestFollowInRounds(t *testing.T) {
	w := newWorld(t)
	w.price()
	const people = 2*maxLooks + 7
	for i := range people {
		p := fmt.Sprintf("p%03d", i)
		if err := w.Do("declare_wealth", &walletv1.DeclareWealthRequest{Person: p, Asset: "IDR", Wealth: &walletv1.Wealth{Cash: "500000"}}, &walletv1.HawlYear{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.alms.follow(w.State, struct{}{}); !edge.IsKind(err, edge.Denied) {
		t.Error(err)
	}
	before := &walletv1.HawlYear{}
	w.Ask("get_hawl", &walletv1.GetHawlRequest{Person: "p106"}, before)
	w.day(1)
	for _, p := range []string{"p000", "p050", "p106"} {
		h := &walletv1.HawlYear{}
		if w.Ask("get_hawl", &walletv1.GetHawlRequest{Person: p}, h); h.Last == before.Last {
			t.Error(p, "was not looked at")
		}
	}
}

// Zakat al-fitr and fidya go to their funds; after the prayer it counts as sadaqah.
func TestFitrAndFidya(t *testing.T) {
	w := newWorld(t)
	a := w.Member("a", "1000")
	out := &walletv1.ZakatPayment{}
	w.Must("pay_fitr", &walletv1.PayFitrRequest{Id: w.ID(), From: a, Persons: 4, Rate: "45"}, out)
	if out.Amount != "180" || out.CountsAs != "fitr" || out.Fund != "fitr" || len(out.Lines) == 0 {
		t.Error(out)
	}
	if w.Must("pay_fitr", &walletv1.PayFitrRequest{Id: w.ID(), From: a, Persons: 1, Rate: "45", AfterPrayer: true}, out); out.CountsAs != "sadaqah" {
		t.Error(out)
	}
	if w.Must("pay_fidya", &walletv1.PayFidyaRequest{Id: w.ID(), From: a, Days: 3, Rate: "30"}, out); out.Amount != "90" || out.Fund != "fidya" {
		t.Error(out)
	}
	w.Stands(a, "685")
	w.Refuses(w.Do("pay_fidya", &walletv1.PayFidyaRequest{Id: w.ID(), From: a, Days: 3, Rate: "300"}, out), edge.Refused, ledger.CodeFunds)
	w.Refuses(w.Do("pay_fitr", &walletv1.PayFitrRequest{Id: w.ID(), From: a, Persons: 0, Rate: "45"}, out), edge.Invalid, ledger.CodeInvalid)
	w.Refuses(w.Do("pay_fitr", &walletv1.PayFitrRequest{Id: w.ID(), From: w.Desk("general"), Persons: 1, Rate: "45"}, out), edge.Refused, ledger.CodeRestricted)
	w.Check()
}

// apply has somebody apply.
func (w *world) apply(person, need string) *walletv1.ZakatCase {
	w.T.Helper()
	w.By(person)
	c := &walletv1.ZakatCase{}
	w.Must("apply_for_zakat", &walletv1.ApplyForZakatRequest{Id: w.ID(), Person: person, Asset: "IDR", Need: need, Household: 4, Reason: "the roof fell in"}, c)
	return c
}

func (w *world) approve(c *walletv1.ZakatCase, category, sum string) {
	w.T.Helper()
	w.By("assessor")
	w.Must("assess_case", &walletv1.AssessCaseRequest{Case: c.Id, Category: category, Amount: sum, Notes: "saw the roof"}, c)
	w.By("decider")
	w.Must("decide_case", &walletv1.DecideCaseRequest{Case: c.Id, Approve: true, Reason: "as seen"}, c)
}

// A case goes its way, with four eyes, and what people wrote is told to nobody.
func TestCase(t *testing.T) {
	w := newWorld(t)
	giver := w.Member("giver", "5000")
	w.Must("pay_zakat", &walletv1.PayZakatRequest{Id: w.ID(), From: giver, Amount: "1000"}, &walletv1.ZakatPayment{})
	poor := w.Open(walletv1.AccountKind_MEMBER, "", "poor")
	c := w.apply("poor", "900")
	if owner, err := w.alms.Owner(w.State, c.Id); err != nil || owner != "poor" {
		t.Error(owner, err)
	}
	assess := &walletv1.AssessCaseRequest{Case: c.Id, Category: "miskin", Amount: "800", Notes: "saw the roof"}
	w.Refuses(w.Do("assess_case", assess, c), edge.Denied, ledger.CodeApproval) // still the applicant
	decide := &walletv1.DecideCaseRequest{Case: c.Id, Approve: true, Amount: "700", Reason: "as seen"}
	w.By("decider")
	w.Refuses(w.Do("decide_case", decide, c), edge.Conflict, CodeState) // nobody looked into it
	grant := &walletv1.GrantZakatRequest{Case: c.Id, Id: w.ID(), Amount: "500", Account: poor}
	w.Refuses(w.Do("grant_zakat", grant, c), edge.Conflict, CodeState)
	w.By("assessor")
	w.Must("assess_case", assess, c)
	w.Refuses(w.Do("decide_case", decide, c), edge.Denied, ledger.CodeApproval)
	w.By("poor")
	w.Refuses(w.Do("decide_case", decide, c), edge.Denied, ledger.CodeApproval)
	w.By("decider")
	decide.Amount = "801"
	w.Refuses(w.Do("decide_case", decide, c), edge.Refused, CodeGranted)
	decide.Amount = "700"
	w.Must("decide_case", decide, c)
	w.By("poor")
	w.Refuses(w.Do("withdraw_case", &walletv1.WithdrawCaseRequest{Case: c.Id}, c), edge.Conflict, CodeState)
	w.Refuses(w.Do("grant_zakat", grant, c), edge.Denied, ledger.CodeApproval)
	w.By("cashier")
	w.Must("grant_zakat", grant, c)
	if c.State != walletv1.CaseState_CASE_APPROVED || c.Paid != "500" {
		t.Error(c)
	}
	w.Refuses(w.Do("grant_zakat", &walletv1.GrantZakatRequest{Case: c.Id, Id: w.ID(), Amount: "201", Account: poor}, c), edge.Refused, CodeGranted)
	w.Refuses(w.Do("grant_zakat", &walletv1.GrantZakatRequest{Case: c.Id, Id: w.ID(), Account: giver}, c), edge.Refused, zakat.CodeAsnaf)
	w.Must("grant_zakat", &walletv1.GrantZakatRequest{Case: c.Id, Id: w.ID(), Account: poor}, c)
	if c.State != walletv1.CaseState_CASE_PAID || len(c.Grants) != 2 {
		t.Error(c)
	}
	w.Stands(poor, "700")
	w.Refuses(w.Do("reverse_transfer", &walletv1.ReverseTransferRequest{Transfer: c.Grants[0].Id, Id: w.ID(), Reason: "by mistake"}, &walletv1.Transfer{}), edge.Conflict, ledger.CodeNotReversible)
	if w.Told(EventCase, "roof", "seen") != 5 {
		t.Error("not each step is told of once")
	}
	w.Check()
}

// Somebody at the desk writes an application down for a person, and may look into it, but not decide it.
func TestCaseAtTheDesk(t *testing.T) {
	w := newWorld(t)
	w.By("officer")
	c := &walletv1.ZakatCase{}
	w.Must("apply_for_zakat", &walletv1.ApplyForZakatRequest{Id: w.ID(), Person: "poor", Asset: "EUR", Need: "900", Household: 2, Reason: "the rent"}, c)
	if c.Person != "poor" || c.AppliedBy != "officer" {
		t.Error(c)
	}
	assess := &walletv1.AssessCaseRequest{Case: c.Id, Category: "faqir", Amount: "800"}
	decide := &walletv1.DecideCaseRequest{Case: c.Id, Approve: true, Reason: "as seen"}
	w.By("second")
	w.Refuses(w.Do("withdraw_case", &walletv1.WithdrawCaseRequest{Case: c.Id}, c), edge.Denied, ledger.CodeApproval)
	w.Must("assess_case", assess, c)
	w.By("officer")
	w.Refuses(w.Do("decide_case", decide, c), edge.Denied, ledger.CodeApproval)
	w.Must("assess_case", assess, c)
	w.Refuses(w.Do("decide_case", decide, c), edge.Denied, ledger.CodeApproval)
	w.By("second")
	w.Must("decide_case", decide, c)
	if c.State != walletv1.CaseState_CASE_APPROVED || c.AppliedBy != "officer" {
		t.Error(c)
	}
	w.Check()
}

// What the rules about the eight groups and the fund itself forbid is not paid.
func TestGrantRefused(t *testing.T) {
	w := newWorld(t)
	giver := w.Member("giver", "100000")
	w.Must("pay_zakat", &walletv1.PayZakatRequest{Id: w.ID(), From: giver, Amount: "8000"}, &walletv1.ZakatPayment{})
	poor := w.Open(walletv1.AccountKind_MEMBER, "", "poor")
	for name, c := range map[string]struct {
		category, sum string
		building      bool
		code          string
	}{
		"more than there is": {"faqir", "8001", false, ledger.CodeFunds},
		"building":           {"fi_sabilillah", "10", true, zakat.CodeBuilding},
		"workers":            {"amil", "1001", false, zakat.CodeAmil},
	} {
		t.Run(name, func(t *testing.T) {
			x := w.apply("poor", "9000")
			w.By("assessor")
			w.Must("assess_case", &walletv1.AssessCaseRequest{Case: x.Id, Category: c.category, Amount: c.sum, Building: c.building}, x)
			w.By("decider")
			w.Must("decide_case", &walletv1.DecideCaseRequest{Case: x.Id, Approve: true, Reason: "yes"}, x)
			w.By("cashier")
			w.Refuses(w.Do("grant_zakat", &walletv1.GrantZakatRequest{Case: x.Id, Id: w.ID(), Account: poor}, x), edge.Refused, c.code)
		})
	}
	w.Stands(poor, "0")
	x := &walletv1.ZakatCase{}
	w.By("poor")
	w.Refuses(w.Do("apply_for_zakat", &walletv1.ApplyForZakatRequest{Id: w.ID(), Person: "poor", Asset: "IDR", Need: "1", Reason: "more"}, x), edge.Conflict, CodeTooMany)
	w.By("assessor")
	c := w.apply("other", "1")
	w.By("assessor")
	if err := w.Do("assess_case", &walletv1.AssessCaseRequest{Case: c.Id, Category: "rich", Amount: "1"}, x); !edge.IsKind(err, edge.Invalid) {
		t.Error(err)
	}
	list := &walletv1.ListCasesResponse{}
	if w.Ask("list_cases", &walletv1.ListCasesRequest{Person: "poor"}, list); len(list.Cases) != 3 {
		t.Error(len(list.Cases))
	}
	if w.Ask("list_cases", &walletv1.ListCasesRequest{State: walletv1.CaseState_CASE_APPLIED}, list); len(list.Cases) != 1 {
		t.Error(len(list.Cases))
	}
	w.Check()
}

// The workers' share is of the Hijri year, over all cases.
func TestAmilShare(t *testing.T) {
	w := newWorld(t)
	giver := w.Member("giver", "100000")
	w.Must("pay_zakat", &walletv1.PayZakatRequest{Id: w.ID(), From: giver, Amount: "8000"}, &walletv1.ZakatPayment{})
	worker := w.Open(walletv1.AccountKind_MEMBER, "", "worker")
	c, d := w.apply("worker", "600"), w.apply("worker", "600")
	w.approve(c, "amil", "600")
	w.approve(d, "amil", "600")
	w.By("cashier")
	w.Must("grant_zakat", &walletv1.GrantZakatRequest{Case: c.Id, Id: w.ID(), Account: worker}, c)
	rest := &walletv1.GrantZakatRequest{Case: d.Id, Id: w.ID(), Account: worker}
	w.Refuses(w.Do("grant_zakat", rest, d), edge.Refused, zakat.CodeAmil)
	w.State.Time = w.State.Time.AddDate(1, 0, 0)
	w.Refuses(w.Do("grant_zakat", rest, d), edge.Refused, zakat.CodeAmil) // nothing has come in this year
	w.Must("pay_zakat", &walletv1.PayZakatRequest{Id: w.ID(), From: giver, Amount: "4800"}, &walletv1.ZakatPayment{})
	w.Must("grant_zakat", rest, d)
	w.Stands(worker, "1200")
	w.Check()
}

// Cash handed out of the zakat desk needs no account.
func TestGrantAtTheDesk(t *testing.T) {
	w := newWorld(t)
	desk, income := w.Desk("zakat"), ledger.HouseID(walletv1.AccountKind_INCOME, "IDR", "zakat").String()
	if _, err := w.Ledger.House(w.State, walletv1.AccountKind_INCOME, "IDR", "zakat"); err != nil {
		t.Fatal(err)
	}
	w.Send(desk, income, "500")
	c := w.apply("poor", "300")
	w.approve(c, "faqir", "300")
	w.By("cashier")
	w.Must("grant_zakat", &walletv1.GrantZakatRequest{Case: c.Id, Id: w.ID(), Account: desk}, c)
	w.Stands(desk, "-200")
	// an account of the person cannot get what is not in the members' drawers
	poor := w.Open(walletv1.AccountKind_MEMBER, "", "poor")
	d := w.apply("poor", "100")
	w.approve(d, "faqir", "100")
	w.By("cashier")
	w.Refuses(w.Do("grant_zakat", &walletv1.GrantZakatRequest{Case: d.Id, Id: w.ID(), Account: poor}, d), edge.Refused, "shariah_amanah_1")
	w.Check()
}

// number reads a small amount; nothing where there is none.
func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// Whatever is asked in whatever order, and asked again: no case is paid more than was granted, the fund never goes below
// nothing, and the ledger recomputes.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		giver := w.Member("giver", "3000")
		accounts := map[string]string{"p": w.Open(walletv1.AccountKind_MEMBER, "", "p"), "q": w.Open(walletv1.AccountKind_MEMBER, "", "q")}
		var ids []string
		var last func() error
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			who := rapid.SampledFrom([]string{"p", "q", "x", "y"}).Draw(rt, "who")
			w.By(who)
			sum := fmt.Sprint(rapid.IntRange(1, 400).Draw(rt, "sum"))
			id, pick, key := "", "p", w.ID()
			if len(ids) > 0 {
				id = rapid.SampledFrom(ids).Draw(rt, "case")
			}
			if who == "q" {
				pick = "q"
			}
			c := &walletv1.ZakatCase{}
			ask := func(op string, in proto.Message) func() error { return func() error { return w.Do(op, in, c) } }
			do := map[string]func() error{
				"pay": func() error {
					return w.Do("pay_zakat", &walletv1.PayZakatRequest{Id: key, From: giver, Amount: sum}, &walletv1.ZakatPayment{})
				},
				"apply":  ask("apply_for_zakat", &walletv1.ApplyForZakatRequest{Id: key, Person: pick, Asset: "IDR", Need: sum, Reason: "need"}),
				"assess": ask("assess_case", &walletv1.AssessCaseRequest{Case: id, Category: rapid.SampledFrom([]string{"faqir", "amil"}).Draw(rt, "category"), Amount: sum}),
				"decide": ask("decide_case", &walletv1.DecideCaseRequest{Case: id, Approve: rapid.Bool().Draw(rt, "yes"), Reason: "because"}),
				"grant":  ask("grant_zakat", &walletv1.GrantZakatRequest{Case: id, Id: key, Amount: rapid.SampledFrom([]string{"", sum}).Draw(rt, "part"), Account: accounts[pick]}),
				"back":   ask("withdraw_case", &walletv1.WithdrawCaseRequest{Case: id}),
			}
			op := rapid.SampledFrom([]string{"pay", "apply", "assess", "decide", "grant", "grant", "back", "again"}).Draw(rt, "op")
			f := do[op]
			if op == "again" {
				if f = last; f == nil {
					continue
				}
			}
			if err := f(); err != nil && edge.IsKind(err, edge.Internal) {
				rt.Fatal(op, err)
			}
			if last = f; op == "apply" && c.Id != "" {
				ids = append(ids, c.Id)
			}
		}
		paid := map[string]int{}
		for _, id := range ids {
			c := &walletv1.ZakatCase{}
			w.Ask("get_case", &walletv1.GetCaseRequest{Case: id}, c)
			sum, most := 0, number(c.Approved)
			for _, g := range c.Grants {
				sum += number(g.Amount)
			}
			if fmt.Sprint(sum) != c.Paid || sum > most {
				rt.Fatalf("case %v was paid %d", c, sum)
			}
			paid[c.Person] += sum
		}
		for p, a := range accounts {
			w.Stands(a, fmt.Sprint(paid[p]))
		}
		came, went := number(w.House(walletv1.AccountKind_INCOME, "zakat")), -number(w.House(walletv1.AccountKind_EXPENSE, "zakat"))
		if went > came || went != paid["p"]+paid["q"] {
			rt.Fatalf("%d came in, %d was given", came, went)
		}
		w.Check()
	})
}
