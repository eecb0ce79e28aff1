package ledger

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Whatever is asked of a ledger, in whatever order, and however often: it does what the model does, every balance
// recomputes, what was answered once is answered again, and another leader, who begins with an empty memory, goes on
// as the one before would have. `go test -run TestHistories -rapid.checks=10000` is the long run.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		for range rapid.IntRange(5, 40).Draw(t, "length") {
			h.next()
		}
		h.compare()
	})
}

// A history is a ledger, its model, and what was asked so far.
type history struct {
	t     *rapid.T
	w     *world
	m     *model
	names []string // accounts
	ids   []string
	items [][]modelStep // every item so far
	n     int
}

func newHistory(t *rapid.T) *history {
	h := &history{t: t, w: newWorld(t), m: newModel()}
	for i, k := range []struct{ kind, fund string }{{"cash", "amanah"}, {"member", "amanah"}, {"member", "amanah"}, {"expense", "amanah"}, {"bank", "general"}, {"income", "general"}, {"member", "general"}} {
		h.open(i, k.kind, k.fund)
	}
	return h
}

func (h *history) open(i int, kind, fund string) {
	in := &walletv1.OpenAccountRequest{Id: id(i), Kind: walletv1.AccountKind(walletv1.AccountKind_value[map[string]string{"cash": "CASH", "member": "MEMBER", "expense": "EXPENSE", "bank": "BANK", "income": "INCOME"}[kind]]), Asset: "IDR", Fund: fund, Owner: "p"}
	a := &modelAccount{kind: kind, fund: fund}
	if kind == "member" {
		a.floor = new(int64)
	}
	if rapid.IntRange(0, 3).Draw(h.t, "bounded") == 0 {
		most := rapid.Int64Range(10, 300).Draw(h.t, "ceiling")
		text := strconv.FormatInt(most, 10)
		in.Ceiling, a.ceiling = &text, &most
	}
	if err := do(h.w, "wallet.open_account", in, &walletv1.Account{}); err != nil {
		h.t.Fatal(err)
	}
	h.m.accounts[id(i)] = a
	h.names = append(h.names, id(i))
}

// next does one thing.
func (h *history) next() {
	switch rapid.IntRange(0, 11).Draw(h.t, "what") {
	case 0:
		h.pass()
	case 1:
		h.freeze()
	case 2:
		h.w.s = New(nil) // another node leads
		h.w.mux = edge.NewMux()
		h.w.s.Register(h.w.mux)
	case 3, 4:
		if len(h.items) > 0 { // sent again, alone or among others
			h.batch([][]modelStep{rapid.SampledFrom(h.items).Draw(h.t, "again")})
		}
	case 5, 6, 7:
		h.single()
	default:
		var items [][]modelStep
		for range rapid.IntRange(1, 6).Draw(h.t, "items") {
			var steps []modelStep
			for range rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(h.t, "steps") {
				steps = append(steps, h.step())
			}
			items = append(items, steps)
		}
		h.batch(items)
	}
}

// newID is mostly a new identifier, sometimes one that was used.
func (h *history) newID() string {
	if len(h.ids) > 0 && rapid.IntRange(0, 9).Draw(h.t, "used") == 0 {
		return h.some()
	}
	h.n++
	x := id(1000 + h.n)
	h.ids = append(h.ids, x)
	return x
}

// some is mostly an identifier that was used.
func (h *history) some() string {
	if len(h.ids) == 0 {
		return id(999)
	}
	return rapid.SampledFrom(h.ids).Draw(h.t, "some")
}

// holding is mostly a hold that is open.
func (h *history) holding() string {
	var open []string
	for name, x := range h.m.holds {
		if x.state == "" {
			open = append(open, name)
		}
	}
	return h.among(open)
}

// moved is mostly something that moved money and was not moved back.
func (h *history) moved() string {
	var moved []string
	for name, kind := range h.m.kinds {
		if (kind == "transfer" || kind == "post") && !h.m.backs[name] {
			moved = append(moved, name)
		}
	}
	return h.among(moved)
}

func (h *history) among(names []string) string {
	if len(names) == 0 || rapid.IntRange(0, 4).Draw(h.t, "any") == 0 {
		return h.some()
	}
	slices.Sort(names)
	return rapid.SampledFrom(names).Draw(h.t, "one")
}

func (h *history) step() modelStep {
	s := modelStep{kind: rapid.SampledFrom([]string{"transfer", "transfer", "transfer", "transfer", "hold", "hold", "post", "post", "void"}).Draw(h.t, "kind")}
	switch s.kind {
	case "post":
		s.about, s.id = h.holding(), h.newID()
		if rapid.Bool().Draw(h.t, "partly") {
			s.part = rapid.Int64Range(1, 120).Draw(h.t, "part")
		}
		return s
	case "void":
		s.about, s.id = h.holding(), h.newID()
		return s
	case "hold":
		s.timeout = rapid.SampledFrom([]int64{0, 5, 60}).Draw(h.t, "timeout")
	}
	s.id = h.newID()
	n := rapid.SampledFrom([]int{1, 1, 1, 2, 4}).Draw(h.t, "legs")
	for range n {
		l := modelLeg{h.account(), h.account(), rapid.Int64Range(1, 120).Draw(h.t, "amount")}
		if l.debit == l.credit {
			l.credit = h.names[(slices.Index(h.names, l.debit)+1)%len(h.names)]
		}
		s.legs = append(s.legs, l)
	}
	s.balance = n == 1 && rapid.IntRange(0, 7).Draw(h.t, "balancing") == 0
	return s
}

// account is one there is, those of one fund more often than not, and seldom one there is not.
func (h *history) account() string {
	if rapid.IntRange(0, 40).Draw(h.t, "nobody") == 0 {
		return id(998)
	}
	return h.names[rapid.SampledFrom([]int{0, 0, 1, 1, 2, 2, 3, 4, 5, 6}).Draw(h.t, "account")%len(h.names)]
}

func (s modelStep) transfer() *walletv1.NewTransfer {
	out := &walletv1.NewTransfer{Id: s.id, Hold: s.kind == "hold", TimeoutSeconds: uint32(s.timeout), Balancing: s.balance}
	for _, l := range s.legs {
		out.Legs = append(out.Legs, &walletv1.Leg{Debit: l.debit, Credit: l.credit, Amount: fmt.Sprint(l.amount)})
	}
	return out
}

func (s modelStep) post() *walletv1.NewPost {
	p := &walletv1.NewPost{Id: s.id, Hold: s.about}
	if s.part > 0 {
		p.Amount = fmt.Sprint(s.part)
	}
	return p
}

// batch sends items and compares what became of each.
func (h *history) batch(items [][]modelStep) {
	in := &walletv1.CreateTransfersRequest{}
	for _, steps := range items {
		i := &walletv1.Item{}
		switch s := steps[0]; s.kind {
		case "post":
			i.Action = &walletv1.Item_Post{Post: s.post()}
		case "void":
			i.Action = &walletv1.Item_Void{Void: &walletv1.NewVoid{Id: s.id, Hold: s.about}}
		default:
			i.Action = &walletv1.Item_Transfer{Transfer: s.transfer()}
		}
		for _, s := range steps[1:] {
			l := &walletv1.Step{}
			switch s.kind {
			case "post":
				l.Action = &walletv1.Step_Post{Post: s.post()}
			case "void":
				l.Action = &walletv1.Step_Void{Void: &walletv1.NewVoid{Id: s.id, Hold: s.about}}
			default:
				l.Action = &walletv1.Step_Transfer{Transfer: s.transfer()}
			}
			i.Linked = append(i.Linked, l)
		}
		in.Items = append(in.Items, i)
	}
	out, lost := &walletv1.CreateTransfersResponse{}, &walletv1.CreateTransfersResponse{}
	h.forgotten("wallet.create_transfers", in, lost)
	if err := do(h.w, "wallet.create_transfers", in, out); err != nil {
		h.t.Fatal(err)
	}
	if !proto.Equal(out, lost) {
		h.t.Fatalf("evaluated twice on the same state: %v and %v", lost, out)
	}
	h.m.now = h.w.state.Time.Unix()
	for i, steps := range items {
		want, after := h.m.item(steps)
		got := append([]*walletv1.StepResult{out.Items[i].Result}, out.Items[i].Linked...)
		for k := range steps {
			if got[k].Code != want[k] || (got[k].Status == walletv1.TransferStatus_REFUSED) != (want[k] != "") {
				h.t.Fatalf("item %d, step %d %+v: %v, want %q", i, k, steps[k], got[k], want[k])
			}
		}
		h.m = after
		h.items = append(h.items, steps)
	}
}

// forgotten evaluates a command whose batch another leader's overtook: nothing of it is kept.
func (h *history) forgotten(op string, in proto.Message, out proto.Message) {
	rows, events, now := maps.Clone(h.w.state.Rows), len(h.w.state.Events), h.w.state.Time
	if err := do(h.w, op, in, out); err != nil && edge.CodeOf(err) == "" {
		h.t.Fatal(err)
	}
	h.w.state.Rows, h.w.state.Events, h.w.state.Time = rows, h.w.state.Events[:events], now
}

// single sends one transfer, post, void or reversal by an operation of its own.
func (h *history) single() {
	s := h.step()
	if rapid.IntRange(0, 3).Draw(h.t, "back") == 0 {
		s = modelStep{kind: "reverse", about: h.moved(), id: h.newID()}
	}
	var err error
	out := &walletv1.Transfer{}
	switch s.kind {
	case "post":
		p := s.post()
		err = do(h.w, "wallet.post_hold", &walletv1.PostHoldRequest{Transfer: p.Hold, Id: p.Id, Amount: p.Amount}, out)
	case "void":
		err = do(h.w, "wallet.void_hold", &walletv1.VoidHoldRequest{Transfer: s.about, Id: s.id}, out)
	case "reverse":
		err = do(h.w, "wallet.reverse_transfer", &walletv1.ReverseTransferRequest{Transfer: s.about, Id: s.id, Reason: "wrong"}, out)
	default:
		err = do(h.w, "wallet.create_transfer", &walletv1.CreateTransferRequest{Transfer: s.transfer()}, out)
	}
	h.m.now = h.w.state.Time.Unix()
	want, after := h.m.item([]modelStep{s})
	if edge.CodeOf(err) != want[0] || err == nil && out.Id != s.id {
		h.t.Fatalf("%+v: %v, %v; want %q", s, out, err, want[0])
	}
	h.m = after
	if s.kind != "reverse" {
		h.items = append(h.items, []modelStep{s})
	}
}

// pass lets time go on, and ends what is over.
func (h *history) pass() {
	h.w.state.Time = h.w.state.Time.Add(time.Duration(rapid.IntRange(1, 40).Draw(h.t, "seconds")) * time.Second)
	by := h.w.state.By
	h.w.state.By = edge.Actor{Kind: edge.Node, ID: "n"}
	defer func() { h.w.state.By = by }()
	h.m.now = h.w.state.Time.Unix()
	over := 0
	for name, hold := range h.m.holds {
		if hold.state == "" && hold.expires > 0 && hold.expires <= h.m.now {
			over++
			if code := h.m.end(modelStep{kind: "expire", about: name}); code != "" {
				h.t.Fatal(code)
			}
		}
	}
	delete(h.m.done, "")
	out, err := h.w.s.tick(h.w.state, struct{}{})
	if err != nil || out.Expired != over {
		h.t.Fatalf("%d holds ended, %v; want %d", out.Expired, err, over)
	}
}

// freeze freezes an account, or lets money move on it again.
func (h *history) freeze() {
	name := rapid.SampledFrom(h.names).Draw(h.t, "frozen")
	a := h.m.accounts[name]
	var err error
	if a.state == "" {
		err = do(h.w, "wallet.freeze_account", &walletv1.FreezeAccountRequest{Id: name, Reason: "asked for"}, &walletv1.Account{})
		a.state = CodeFrozen
	} else {
		err = do(h.w, "wallet.unfreeze_account", &walletv1.UnfreezeAccountRequest{Id: name, Reason: "asked for"}, &walletv1.Account{})
		a.state = ""
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// compare asserts that the ledger recomputes, stands where the model does, and remembers every identifier.
func (h *history) compare() {
	rep, err := h.w.s.Check(h.t.Context(), h.w.state, nil)
	if err != nil || len(rep.Problems) > 0 {
		h.t.Fatal(err, rep.Problems)
	}
	var sum int64
	for name, a := range h.m.accounts {
		got := &walletv1.Account{}
		if err := ask(h.w, "wallet.get_account", &walletv1.GetAccountRequest{Id: name}, got); err != nil {
			h.t.Fatal(err)
		}
		want := fmt.Sprint(a.dr, a.cr, a.drHeld, a.crHeld)
		if b := got.Balance; strings.Join([]string{b.DebitsPosted, b.CreditsPosted, b.DebitsPending, b.CreditsPending}, " ") != want {
			h.t.Fatalf("%s: %v, want %s", name, b, want)
		}
		sum += a.cr - a.dr
	}
	if sum != 0 {
		h.t.Fatalf("the model itself came to %d", sum)
	}
	for name, code := range h.m.ids {
		got := &walletv1.Transfer{}
		if err := ask(h.w, "wallet.get_transfer", &walletv1.GetTransferRequest{Id: name}, got); err != nil || got.Code != code {
			h.t.Fatalf("%s: %v, %v; want %q", name, got, err, code)
		}
	}
	if _, found := h.m.ids[""]; found {
		h.t.Fatal("the model took an empty identifier")
	}
}
