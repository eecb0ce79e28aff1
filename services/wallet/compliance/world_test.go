package compliance

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A world is a ledger with rules, in memory.
type world struct {
	t     testing.TB
	s     *Service
	l     *ledger.Ledger
	mux   *edge.Mux
	state *edgetest.State
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, mux: edge.NewMux(), state: edgetest.New(edge.Actor{Kind: edge.Person, ID: "desk"}, time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC))}
	w.s, w.l = New()
	w.l.Register(w.mux)
	w.s.Register(w.mux)
	return w
}

// as has somebody else ask from now on.
func (w *world) as(who string) *world {
	w.state.By = edge.Actor{Kind: edge.Person, ID: who}
	return w
}

// do evaluates a command as a site does: of one that fails nothing is kept, unless its refusal is.
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
	var kept error
	err = w.state.Try(func(tx edge.Tx) error {
		reply, err := h(tx, body)
		if k, ok := err.(*edge.Kept); ok {
			kept = k
			return nil
		}
		if err != nil {
			return err
		}
		return proto.Unmarshal(reply, out)
	})
	if kept != nil {
		return kept
	}
	return err
}

func (w *world) ask(op string, in, out proto.Message) error {
	w.t.Helper()
	a, err := w.mux.Asker(op)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := proto.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	reply, err := a(w.state, body)
	if err != nil {
		return err
	}
	return proto.Unmarshal(reply, out)
}

// must is do for what cannot be refused.
func (w *world) must(op string, in, out proto.Message) {
	w.t.Helper()
	if err := w.do(op, in, out); err != nil {
		w.t.Fatalf("%s: %v", op, err)
	}
}

// id is the same identifier for the same number.
func id(n int) string {
	var x edge.ID
	copy(x[:], fmt.Sprintf("test-id-%08d", n))
	return x.String()
}

func (w *world) open(n int, kind walletv1.AccountKind, asset, fund string) string {
	w.t.Helper()
	in := &walletv1.OpenAccountRequest{Id: id(n), Kind: kind, Asset: asset, Fund: fund}
	if kind == walletv1.AccountKind_MEMBER {
		in.Owner = fmt.Sprint("person-", n)
	}
	a := &walletv1.Account{}
	w.must("wallet.open_account", in, a)
	return a.Id
}

func (w *world) transfer(in *walletv1.NewTransfer) (*walletv1.Transfer, error) {
	w.t.Helper()
	out := &walletv1.Transfer{}
	err := w.do("wallet.create_transfer", &walletv1.CreateTransferRequest{Transfer: in}, out)
	return out, err
}

func (w *world) send(n int, from, to, amount string) (*walletv1.Transfer, error) {
	w.t.Helper()
	return w.transfer(&walletv1.NewTransfer{Id: id(n), Debit: from, Credit: to, Amount: amount})
}

// stands asserts what is posted and what is available on an account.
func (w *world) stands(account, posted, available string) {
	w.t.Helper()
	a := &walletv1.Account{}
	if err := w.ask("wallet.get_account", &walletv1.GetAccountRequest{Id: account}, a); err != nil {
		w.t.Fatal(err)
	}
	if b := a.Balance; b.Posted != posted || b.Available != available {
		w.t.Errorf("%s stands at %s, available %s; want %s, %s", account, b.Posted, b.Available, posted, available)
	}
}

// refuses asserts the kind and the code of a refusal.
func (w *world) refuses(err error, k edge.Kind, code string) {
	w.t.Helper()
	if !edge.IsKind(err, k) || edge.CodeOf(err) != code {
		w.t.Errorf("%v (%s, %s), want %s, %s", err, edge.KindOf(err), edge.CodeOf(err), k, code)
	}
}

// check asserts that everything recomputes.
func (w *world) check() {
	w.t.Helper()
	rep, err := w.l.Check(w.t.Context(), w.state, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range rep.Problems {
		w.t.Error(p)
	}
}
