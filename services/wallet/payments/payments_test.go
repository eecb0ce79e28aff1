package payments

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/gateway"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A world is a wallet in memory with three ways to be paid.
type world struct {
	t     testing.TB
	led   *ledger.Ledger
	mux   *edge.Mux
	state *edgetest.State
	n     int

	desk, bank, suspense, a, b string
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, led: ledger.New(nil), mux: edge.NewMux(), state: edgetest.New(edge.Actor{Kind: edge.Person, ID: "officer"}, time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC))}
	w.led.Register(w.mux)
	New(w.led).Register(w.mux)
	w.desk, w.bank, w.suspense = w.open(walletv1.AccountKind_CASH), w.open(walletv1.AccountKind_BANK), w.open(walletv1.AccountKind_PAYABLE)
	w.a, w.b = w.open(walletv1.AccountKind_MEMBER), w.open(walletv1.AccountKind_MEMBER)
	for name, g := range map[string]*walletv1.PutGatewayRequest{
		"desk": {Kind: walletv1.GatewayKind_GATEWAY_CASH, Accounts: []*walletv1.GatewayAccount{{Account: w.desk, Suspense: w.suspense}}},
		"bank": {Kind: walletv1.GatewayKind_GATEWAY_BANK, Accounts: []*walletv1.GatewayAccount{{Account: w.bank, Suspense: w.suspense}}},
		"card": {Kind: walletv1.GatewayKind_GATEWAY_CARD, Accounts: []*walletv1.GatewayAccount{{Account: w.bank, Suspense: w.suspense}}, Base: "https://pay.example", Key: "sk_test_of_a_test", SigningSecret: "whsec_of_a_test_1"},
	} {
		g.Name = name
		if err := w.do("wallet.put_gateway", g, &walletv1.Gateway{}); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) id() string {
	w.n++
	var x edge.ID
	copy(x[:], fmt.Sprintf("test-id-%08d", w.n))
	return x.String()
}

func (w *world) open(kind walletv1.AccountKind) string {
	w.t.Helper()
	in, a := &walletv1.OpenAccountRequest{Id: w.id(), Kind: kind, Asset: "IDR", Fund: "amanah"}, &walletv1.Account{}
	if kind == walletv1.AccountKind_MEMBER {
		in.Owner = "person-" + in.Id
	}
	if err := w.do("wallet.open_account", in, a); err != nil {
		w.t.Fatal(err)
	}
	return a.Id
}

// do evaluates a command as a site does.
func (w *world) do(op string, in, out proto.Message) error {
	w.t.Helper()
	h, err := w.mux.Handler(op)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := proto.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	w.state.Time = w.state.Time.Add(time.Second)
	return w.state.Try(func(tx edge.Tx) error {
		reply, err := h(tx, body)
		if err != nil {
			return err
		}
		return proto.Unmarshal(reply, out)
	})
}

func (w *world) ask(op string, in, out proto.Message) {
	w.t.Helper()
	a, err := w.mux.Asker(op)
	if err != nil {
		w.t.Fatal(err)
	}
	body, _ := proto.Marshal(in)
	reply, err := a(w.state, body)
	if err != nil || proto.Unmarshal(reply, out) != nil {
		w.t.Fatal(err)
	}
}

// tell is what a node does when a processor speaks.
func (w *world) tell(in Told) error {
	w.t.Helper()
	h, err := w.mux.Handler(OpTell)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := json.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	w.state.By = edge.Actor{Kind: edge.Node, ID: "n"}
	defer func() { w.state.By = edge.Actor{Kind: edge.Person, ID: "officer"} }()
	return w.state.Try(func(tx edge.Tx) error { _, err := h(tx, body); return err })
}

func (w *world) pay(gateway, account, sum string) *walletv1.Payment {
	w.t.Helper()
	p := &walletv1.Payment{}
	if err := w.do("wallet.create_payment", &walletv1.CreatePaymentRequest{Id: w.id(), Gateway: gateway, Account: account, Amount: sum}, p); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) get(id string) *walletv1.Payment {
	w.t.Helper()
	p := &walletv1.Payment{}
	w.ask("wallet.get_payment", &walletv1.GetPaymentRequest{Id: id}, p)
	return p
}

func (w *world) posted(account string) string {
	w.t.Helper()
	a := &walletv1.Account{}
	w.ask("wallet.get_account", &walletv1.GetAccountRequest{Id: account}, a)
	return a.Balance.Posted
}

func (w *world) stands(account, want string) {
	w.t.Helper()
	if got := w.posted(account); got != want {
		w.t.Errorf("%s stands at %s, want %s", account, got, want)
	}
}

func (w *world) check() {
	w.t.Helper()
	rep, err := w.led.Check(w.t.Context(), w.state, nil)
	if err != nil || len(rep.Problems) > 0 {
		w.t.Fatal(rep.Problems, err)
	}
}

func (w *world) refuses(err error, k edge.Kind, code string) {
	w.t.Helper()
	if !edge.IsKind(err, k) || edge.CodeOf(err) != code {
		w.t.Errorf("%v (%s, %s), want %s, %s", err, edge.KindOf(err), edge.CodeOf(err), k, code)
	}
}

// Over the counter: each command twice, and money moves once each way.
func TestDesk(t *testing.T) {
	w := newWorld(t)
	in := &walletv1.CreatePaymentRequest{Id: w.id(), Gateway: "desk", Account: w.a, Amount: "500"}
	p := &walletv1.Payment{}
	for range 2 {
		if err := w.do("wallet.create_payment", in, p); err != nil || p.State != walletv1.PaymentState_PAYMENT_CREATED {
			t.Fatal(p, err)
		}
	}
	other := proto.Clone(in).(*walletv1.CreatePaymentRequest)
	other.Amount = "501"
	w.refuses(w.do("wallet.create_payment", other, p), edge.Conflict, CodeConflict)
	paid, back := w.id(), w.id()
	for range 2 {
		if err := w.do("wallet.confirm_payment", &walletv1.ConfirmPaymentRequest{Id: in.Id, Event: paid, Amount: "500"}, p); err != nil || p.State != walletv1.PaymentState_PAYMENT_CONFIRMED {
			t.Fatal(p, err)
		}
	}
	w.stands(w.a, "500")
	w.stands(w.desk, "-500")
	for range 2 {
		if err := w.do("wallet.refund_payment", &walletv1.RefundPaymentRequest{Id: in.Id, Event: back, Amount: "200"}, p); err != nil || p.Returned != "200" {
			t.Fatal(p, err)
		}
	}
	w.stands(w.a, "300")
	w.refuses(w.do("wallet.refund_payment", &walletv1.RefundPaymentRequest{Id: in.Id, Event: w.id(), Amount: "301"}, p), edge.Refused, ledger.CodeFunds)
	w.refuses(w.do("wallet.confirm_payment", &walletv1.ConfirmPaymentRequest{Id: in.Id, Event: w.id(), Amount: "0"}, p), edge.Invalid, amount.CodeInvalid)

	// The same desk counts money a second time: a person decides, once.
	if err := w.do("wallet.confirm_payment", &walletv1.ConfirmPaymentRequest{Id: in.Id, Event: w.id(), Amount: "500"}, p); err != nil || len(p.Conflicts) != 1 || p.Conflicts[0].Reason != "paid_twice" {
		t.Fatal(p, err)
	}
	l := &walletv1.ListConflictsResponse{}
	if w.ask("wallet.list_conflicts", &walletv1.ListConflictsRequest{}, l); len(l.Payments) != 1 {
		t.Error(l)
	}
	for range 2 {
		if err := w.do("wallet.decide_conflict", &walletv1.DecideConflictRequest{Id: in.Id, Accept: true}, p); err != nil {
			t.Fatal(err)
		}
	}
	w.refuses(w.do("wallet.decide_conflict", &walletv1.DecideConflictRequest{Id: in.Id}, p), edge.Conflict, CodeConflict)
	w.stands(w.a, "800")
	l = &walletv1.ListConflictsResponse{}
	if w.ask("wallet.list_conflicts", &walletv1.ListConflictsRequest{}, l); len(l.Payments) != 0 {
		t.Error(l)
	}
	f := w.pay("desk", w.a, "9")
	if err := w.do("wallet.fail_payment", &walletv1.FailPaymentRequest{Id: f.Id, Event: w.id()}, f); err != nil || f.State != walletv1.PaymentState_PAYMENT_FAILED {
		t.Error(f, err)
	}
	w.check()
}

func card(id, money string, kind paygate.Kind, sum uint64) paygate.Event {
	return paygate.Event{ID: id, Source: paygate.Webhook, Kind: kind, Money: money, Amount: amount.Of(sum), Currency: "IDR", At: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)}
}

// A processor tells everything twice and in every order; what comes of it is the same.
func TestProcessorInAnyOrder(t *testing.T) {
	events := []paygate.Event{card("e1", "", paygate.Submitted, 0), card("e2", "pi_1", paygate.Paid, 700), card("e3", "re_1", paygate.Returned, 300)}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		w := newWorld(t)
		p := w.pay("card", w.a, "700")
		for _, i := range append(order, order...) {
			if err := w.tell(Told{Gateway: "card", Payment: p.Id, Known: "pi_1", Event: events[i]}); err != nil {
				t.Fatal(order, err)
			}
		}
		if err := w.tell(Told{Gateway: "card", Known: "pi_1", Event: events[1]}); err != nil { // found by its own id
			t.Error(err)
		}
		if got := w.get(p.Id); got.Confirmed != "700" || got.Returned != "300" || got.Suspended || len(got.Conflicts) > 0 {
			t.Errorf("%v: %v", order, got)
		}
		w.stands(w.a, "400")
		w.stands(w.bank, "-400")
		w.check()
	}
}

// Money that came is never dropped: what the account does not take stands in suspense.
func TestSuspense(t *testing.T) {
	w := newWorld(t)
	p, q := w.pay("card", w.a, "700"), w.pay("card", w.b, "50")
	if err := w.do("wallet.freeze_account", &walletv1.FreezeAccountRequest{Id: w.a, Reason: "a test"}, &walletv1.Account{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.tell(Told{Gateway: "card", Payment: p.Id, Event: card("e", "pi", paygate.Paid, 700)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.get(p.Id); !got.Suspended || got.State != walletv1.PaymentState_PAYMENT_CONFIRMED {
		t.Error(got)
	}
	w.stands(w.a, "0")
	w.stands(w.suspense, "700")
	// Money was spent before the processor took it back.
	if err := w.tell(Told{Gateway: "card", Payment: q.Id, Event: card("e", "pi2", paygate.Paid, 50)}); err != nil {
		t.Fatal(err)
	}
	if err := w.do("wallet.create_transfer", &walletv1.CreateTransferRequest{Transfer: &walletv1.NewTransfer{Id: w.id(), Debit: w.b, Credit: w.desk, Amount: "40"}}, &walletv1.Transfer{}); err != nil {
		t.Fatal(err)
	}
	if err := w.tell(Told{Gateway: "card", Payment: q.Id, Event: card("r", "re2", paygate.Returned, 50)}); err != nil {
		t.Fatal(err)
	}
	w.stands(w.b, "10")
	w.stands(w.suspense, "650")
	w.check()
}

// A refund by a processor is asked for once and counted once, by whoever tells first.
func TestRefundByCard(t *testing.T) {
	w := newWorld(t)
	p := w.pay("card", w.a, "700")
	if err := w.tell(Told{Gateway: "card", Payment: p.Id, Known: "pi_1", Event: card("e", "pi_1", paygate.Paid, 700)}); err != nil {
		t.Fatal(err)
	}
	in := &walletv1.RefundPaymentRequest{Id: p.Id, Event: w.id(), Amount: "100"}
	for range 2 {
		if err := w.do("wallet.refund_payment", in, p); err != nil || p.Refunding != "100" {
			t.Fatal(p, err)
		}
	}
	w.refuses(w.do("wallet.refund_payment", &walletv1.RefundPaymentRequest{Id: p.Id, Event: w.id(), Amount: "1"}, p), edge.Conflict, "refund_under_way")
	work, names, err := Refunds(w.state, 10)
	if err != nil || len(work) != 1 || names[0] != "card" || work[0].Known != "pi_1" || work[0].Amount != amount.Of(100) {
		t.Fatal(work, names, err)
	}
	for i, told := range []Told{{Gateway: "card", Known: "pi_1", Event: card("hook", "re_1", paygate.Returned, 100)}, {Gateway: "card", Payment: p.Id, Event: card("answer", "re_1", paygate.Returned, 100), Work: &work[0]}} {
		if err := w.tell(told); err != nil {
			t.Fatal(i, err)
		}
		w.stands(w.a, "600")
	}
	if err := w.do("wallet.refund_payment", in, p); err != nil || p.Refunding != "" {
		t.Error(p, err)
	}
	if work, _, err := Refunds(w.state, 10); err != nil || len(work) != 0 {
		t.Error(work, err)
	}
	w.check()
}

func TestRefused(t *testing.T) {
	w := newWorld(t)
	p := &walletv1.Payment{}
	create := func(gateway, account, sum, asset string) error {
		return w.do("wallet.create_payment", &walletv1.CreatePaymentRequest{Id: w.id(), Gateway: gateway, Account: account, Amount: sum, Asset: asset}, p)
	}
	w.refuses(create("none", w.a, "1", ""), edge.NotFound, CodeGateway)
	w.refuses(create("desk", w.id(), "1", ""), edge.NotFound, ledger.CodeAccount)
	w.refuses(create("desk", w.a, "1.5", ""), edge.Invalid, amount.CodeScale)
	w.refuses(create("desk", w.a, "0", ""), edge.Invalid, ledger.CodeInvalid)
	w.refuses(create("desk", w.a, "1", "USD"), edge.Refused, ledger.CodeCurrency)
	b := w.pay("bank", w.a, "10")
	if !strings.HasPrefix(b.Reference, "RF") {
		t.Error(b)
	}
	w.refuses(w.do("wallet.confirm_payment", &walletv1.ConfirmPaymentRequest{Id: b.Id, Event: w.id(), Amount: "10"}, p), edge.Refused, CodeNotHere)
	h, _ := w.mux.Handler(OpTell)
	if _, err := h(w.state, []byte(`{"gateway":"bank","event":{}}`)); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a person speaks for the processor: %v", err)
	}
	g := &walletv1.PutGatewayRequest{Name: "card", Kind: walletv1.GatewayKind_GATEWAY_CARD, Base: "https://pay.example", SigningSecret: "whsec_of_a_test_2", Rotate: true, IfVersion: 1, Accounts: []*walletv1.GatewayAccount{{Account: w.bank, Suspense: w.suspense}}}
	out := &walletv1.Gateway{}
	if err := w.do("wallet.put_gateway", g, out); err != nil || out.SigningSecrets != 2 || !out.HasKey {
		t.Error(out, err)
	}
	if text := fmt.Sprintf("%v %+v", out, w.state.Events); strings.Contains(text, "whsec") || strings.Contains(text, "sk_test") {
		t.Error("secrets are shown")
	}
	w.refuses(w.do("wallet.put_gateway", g, out), edge.Conflict, ledger.CodeExists)
	for name, change := range map[string]func(*walletv1.PutGatewayRequest){
		"address": func(g *walletv1.PutGatewayRequest) { g.Base = "http://pay.example" }, "kind": func(g *walletv1.PutGatewayRequest) { g.Kind = walletv1.GatewayKind_GATEWAY_CASH },
		"short secret": func(g *walletv1.PutGatewayRequest) { g.SigningSecret = "short" }, "a desk": func(g *walletv1.PutGatewayRequest) { g.Accounts[0].Account = w.desk },
		"no account": func(g *walletv1.PutGatewayRequest) { g.Accounts = nil }, "twice": func(g *walletv1.PutGatewayRequest) { g.Accounts = append(g.Accounts, g.Accounts[0]) },
	} {
		bad := proto.Clone(g).(*walletv1.PutGatewayRequest)
		bad.IfVersion = 2
		if change(bad); w.do("wallet.put_gateway", bad, out) == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// Whatever is told in whatever order, what stands at the bank is what came less what went back, and the books hold.
func TestBooksHold(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		var list []*walletv1.Payment
		for range rapid.IntRange(1, 3).Draw(r, "payments") {
			list = append(list, w.pay("card", []string{w.a, w.b}[rapid.IntRange(0, 1).Draw(r, "to")], fmt.Sprint(rapid.IntRange(1, 3).Draw(r, "sum")*100)))
		}
		for i := range rapid.IntRange(1, 25).Draw(r, "events") {
			p := list[rapid.IntRange(0, len(list)-1).Draw(r, "which")]
			kind := rapid.SampledFrom([]paygate.Kind{paygate.Submitted, paygate.Paid, paygate.Paid, paygate.Returned, paygate.Declined}).Draw(r, "kind")
			n := rapid.IntRange(0, 3).Draw(r, "money")
			e := card(fmt.Sprint("e", kind, n), fmt.Sprint("m", n), kind, uint64(rapid.IntRange(1, 3).Draw(r, "amount")*100))
			if err := w.tell(Told{Gateway: "card", Payment: p.Id, Event: e}); err != nil {
				r.Fatal(i, err)
			}
			if now := w.get(p.Id); len(now.Conflicts) > 0 && rapid.Bool().Draw(r, "decide") {
				w.do("wallet.decide_conflict", &walletv1.DecideConflictRequest{Id: p.Id, Number: int32(len(now.Conflicts) - 1), Accept: rapid.Bool().Draw(r, "accept")}, now) // some cannot be accepted
			}
		}
		var here amount.Signed
		for _, p := range list {
			now := w.get(p.Id)
			in, _ := amount.Parse(now.Confirmed)
			out, _ := amount.Parse(now.Returned)
			here, _ = here.Add(amount.Diff(out, in))
		}
		if got := w.posted(w.bank); got != here.String() {
			r.Fatalf("the bank stands at %s, the payments come to %s", got, here)
		}
		w.check()
	})
}
