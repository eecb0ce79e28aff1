// Package booktest is a wallet in memory, for tests of the parts of the wallet that stand on the ledger.
package booktest

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Asset is the currency of all accounts.
const Asset = "IDR"

// A World is a ledger and what is registered beside it.
type World struct {
	T      testing.TB
	Ledger *ledger.Ledger
	Mux    *edge.Mux
	State  *edgetest.State
	next   int
}

// A Part is something that adds operations.
type Part interface{ Register(*edge.Mux) }

// New returns a wallet whose parts are made over its ledger. An officer asks, on 1 November 2026.
func New(t testing.TB, parts ...func(*ledger.Ledger) Part) *World {
	l := ledger.New(nil)
	made := make([]Part, len(parts))
	for i, p := range parts {
		made[i] = p(l)
	}
	return Over(t, l, made...)
}

// Over is New on a ledger that is there, such as one that asks rules.
func Over(t testing.TB, l *ledger.Ledger, parts ...Part) *World {
	w := &World{T: t, Ledger: l, Mux: edge.NewMux(), State: edgetest.New(edge.Actor{Kind: edge.Person, ID: "officer"}, time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC))}
	w.Ledger.Register(w.Mux)
	for _, p := range parts {
		p.Register(w.Mux)
	}
	return w
}

// By has somebody else ask from now on.
func (w *World) By(id string) { w.State.By = edge.Actor{Kind: edge.Person, ID: id} }

// Do evaluates a command as a site does: of one that fails nothing is kept, unless its refusal is. A second passes before.
func (w *World) Do(op string, in, out proto.Message) error {
	w.T.Helper()
	h, err := w.Mux.Handler("wallet." + op)
	if err != nil {
		w.T.Fatal(err)
	}
	body, err := proto.Marshal(in)
	if err != nil {
		w.T.Fatal(err)
	}
	w.State.Time = w.State.Time.Add(time.Second)
	var kept error
	err = w.State.Try(func(tx edge.Tx) error {
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

// Must is Do that must go through. The same request again must change nothing but the time, and say the same: the first
// answer may have been lost.
func (w *World) Must(op string, in, out proto.Message) {
	w.T.Helper()
	if err := w.Do(op, in, out); err != nil {
		w.T.Fatalf("%s: %v", op, err)
	}
	rows, events, second := len(w.State.Rows), len(w.State.Events), out.ProtoReflect().New().Interface()
	if err := w.Do(op, in, second); err != nil {
		w.T.Fatalf("%s again: %v", op, err)
	}
	if rows != len(w.State.Rows) || events != len(w.State.Events) || !proto.Equal(out, second) {
		w.T.Fatalf("%s changes something the second time: %d rows, then %d; %d events, then %d", op, rows, len(w.State.Rows), events, len(w.State.Events))
	}
}

// Ask answers a query that must go through.
func (w *World) Ask(op string, in, out proto.Message) {
	w.T.Helper()
	if err := w.Try(op, in, out); err != nil {
		w.T.Fatalf("%s: %v", op, err)
	}
}

// Try answers a query.
func (w *World) Try(op string, in, out proto.Message) error {
	w.T.Helper()
	a, err := w.Mux.Asker("wallet." + op)
	if err != nil {
		w.T.Fatal(err)
	}
	body, err := proto.Marshal(in)
	if err != nil {
		w.T.Fatal(err)
	}
	reply, err := a(w.State, body)
	if err != nil {
		return err
	}
	return proto.Unmarshal(reply, out)
}

// ID is a new identifier: the same in each run.
func (w *World) ID() string {
	w.next++
	var x edge.ID
	copy(x[:], fmt.Sprintf("test-id-%08d", w.next))
	return x.String()
}

// Fund opens a fund.
func (w *World) Fund(in *walletv1.PutFundRequest) {
	w.T.Helper()
	if in.Name == "" {
		in.Name = in.Id
	}
	if err := w.Do("put_fund", in, &walletv1.Fund{}); err != nil {
		w.T.Fatal(err)
	}
}

// Open opens an account: a member's belongs to owner.
func (w *World) Open(kind walletv1.AccountKind, fund, owner string) string {
	w.T.Helper()
	a := &walletv1.Account{}
	if err := w.Do("open_account", &walletv1.OpenAccountRequest{Id: w.ID(), Kind: kind, Asset: Asset, Fund: fund, Owner: owner}, a); err != nil {
		w.T.Fatal(err)
	}
	return a.Id
}

// Member opens an account of somebody and has money come in on it at a desk.
func (w *World) Member(owner, amount string) string {
	w.T.Helper()
	a := w.Open(walletv1.AccountKind_MEMBER, "", owner)
	if amount != "0" {
		w.Send(w.Desk("amanah"), a, amount)
	}
	return a
}

// Desk is a new cash desk of a fund.
func (w *World) Desk(fund string) string {
	w.T.Helper()
	return w.Open(walletv1.AccountKind_CASH, fund, "")
}

// Send moves money by a plain transfer.
func (w *World) Send(from, to, amount string) string {
	w.T.Helper()
	t := &walletv1.Transfer{}
	if err := w.Do("create_transfer", &walletv1.CreateTransferRequest{Transfer: &walletv1.NewTransfer{Id: w.ID(), Debit: from, Credit: to, Amount: amount}}, t); err != nil {
		w.T.Fatal(err)
	}
	return t.Id
}

// Stands asserts what can be spent of an account.
func (w *World) Stands(account, available string) {
	w.T.Helper()
	a := &walletv1.Account{}
	w.Ask("get_account", &walletv1.GetAccountRequest{Id: account}, a)
	if a.Balance.Available != available {
		w.T.Errorf("%s stands at %s, want %s", account, a.Balance.Available, available)
	}
}

// House is what is posted on the house's own account of a kind; nothing where it was never opened.
func (w *World) House(kind walletv1.AccountKind, fund string) string {
	w.T.Helper()
	a := &walletv1.Account{}
	err := w.Try("get_account", &walletv1.GetAccountRequest{Id: ledger.HouseID(kind, Asset, fund).String()}, a)
	if edge.IsKind(err, edge.NotFound) {
		return "0"
	} else if err != nil {
		w.T.Fatal(err)
	}
	return a.Balance.Posted
}

// Refuses asserts the kind and the code of a refusal.
func (w *World) Refuses(err error, k edge.Kind, code string) {
	w.T.Helper()
	if !edge.IsKind(err, k) || edge.CodeOf(err) != code {
		w.T.Errorf("%v (%s, %s), want %s, %s", err, edge.KindOf(err), edge.CodeOf(err), k, code)
	}
}

// Untouched asserts that f moves and holds nothing: entries, holds and totals stay as they are.
func (w *World) Untouched(f func()) {
	w.T.Helper()
	before := w.rows()
	f()
	if !maps.Equal(before, w.rows()) {
		w.T.Error("something moved or was held")
	}
}

func (w *World) rows() map[string]string {
	out := map[string]string{}
	for _, under := range []string{"wl/l/", "wl/d/", "wl/p/", "wl/s/"} {
		for k, row := range w.State.Scan([]byte(under)) {
			out[string(k)] = string(row)
		}
	}
	return out
}

// Check asserts that the whole ledger recomputes.
func (w *World) Check() {
	w.T.Helper()
	rep, err := w.Ledger.Check(w.T.Context(), w.State, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	for _, p := range rep.Problems {
		w.T.Error(p)
	}
}

// Told counts events of a type, and fails where one holds a text that belongs in none.
func (w *World) Told(typ string, never ...string) (n int) {
	w.T.Helper()
	for _, e := range w.State.Events {
		if e.Type == typ {
			n++
		}
		for _, text := range never {
			if strings.Contains(string(e.Body), text) {
				w.T.Errorf("the event %s tells %q", e.Type, text)
			}
		}
	}
	return n
}
