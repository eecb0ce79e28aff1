package ledger

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/services/wallet/walletv1"
)

const (
	memberKind = walletv1.AccountKind_MEMBER
	cashKind   = walletv1.AccountKind_CASH
)

// A world is a ledger in memory.
type world struct {
	t     tester
	s     *Ledger
	mux   *edge.Mux
	state *edgetest.State
}

// A tester is a test, or one case of a property.
type tester interface {
	Helper()
	Fatal(args ...any)
	Error(args ...any)
	Errorf(format string, args ...any)
	Context() context.Context
}

func newWorld(t tester) *world {
	w := &world{t: t, s: New(nil), mux: edge.NewMux(), state: edgetest.New(edge.Actor{Kind: edge.Person, ID: "officer"}, time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC))}
	w.s.Register(w.mux)
	return w
}

// do evaluates a command as a site does: of one that fails nothing is kept, unless its refusal is.
func do[Out proto.Message](w *world, op string, in proto.Message, out Out) error {
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

func ask[Out proto.Message](w *world, op string, in proto.Message, out Out) error {
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

// id is the same identifier for the same number.
func id(n int) string {
	var x edge.ID
	copy(x[:], fmt.Sprintf("test-id-%08d", n))
	return x.String()
}

func (w *world) open(n int, kind walletv1.AccountKind, fund string) string {
	w.t.Helper()
	in := &walletv1.OpenAccountRequest{Id: id(n), Kind: kind, Asset: "IDR", Fund: fund, Name: fmt.Sprint("account ", n)}
	if kind == memberKind {
		in.Owner = fmt.Sprint("person-", n)
	}
	a := &walletv1.Account{}
	if err := do(w, "wallet.open_account", in, a); err != nil {
		w.t.Fatal(err)
	}
	return a.Id
}

func (w *world) send(n int, from, to, amount string) (*walletv1.Transfer, error) {
	w.t.Helper()
	return w.transfer(&walletv1.NewTransfer{Id: id(n), Debit: from, Credit: to, Amount: amount})
}

func (w *world) transfer(in *walletv1.NewTransfer) (*walletv1.Transfer, error) {
	w.t.Helper()
	out := &walletv1.Transfer{}
	err := do(w, "wallet.create_transfer", &walletv1.CreateTransferRequest{Transfer: in}, out)
	return out, err
}

// stands asserts the three balances of an account.
func (w *world) stands(account, posted, pending, available string) {
	w.t.Helper()
	a := &walletv1.Account{}
	if err := ask(w, "wallet.get_account", &walletv1.GetAccountRequest{Id: account}, a); err != nil {
		w.t.Fatal(err)
	}
	if b := a.Balance; b.Posted != posted || b.Pending != pending || b.Available != available {
		w.t.Errorf("%s stands at %s, pending %s, available %s; want %s, %s, %s", account, b.Posted, b.Pending, b.Available, posted, pending, available)
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
func (w *world) check() Report {
	w.t.Helper()
	rep, err := w.s.Check(w.t.Context(), w.state, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range rep.Problems {
		w.t.Error(p)
	}
	return rep
}
