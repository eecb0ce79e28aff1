package join

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
)

// proposer evaluates commands at once, keeps nothing of those that fail, and remembers answers by ID.
type proposer struct {
	mu    sync.Mutex
	mux   *edge.Mux
	tx    *edgetest.State
	done  map[edge.ID]edge.Outcome
	fault []string // for the next calls: "lost" = not evaluated, "through" = evaluated but not answered
}

func newProposer() *proposer {
	p := &proposer{mux: edge.NewMux(), tx: edgetest.New(edge.Actor{}, testStart), done: map[edge.ID]edge.Outcome{}}
	Register(p.mux)
	return p
}

func (p *proposer) Propose(_ context.Context, c edge.Command) (edge.Outcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fault := ""
	if len(p.fault) > 0 {
		fault, p.fault = p.fault[0], p.fault[1:]
	}
	if fault == "lost" {
		return edge.Outcome{}, edge.E(edge.Unavailable, "no leader")
	}
	if o, ok := p.done[c.ID]; ok {
		return o, nil
	}
	h, err := p.mux.Handler(c.Type)
	if err != nil {
		return edge.Outcome{}, err
	}
	var o edge.Outcome
	p.tx.By = c.Actor
	err = p.tx.Try(func(tx edge.Tx) (err error) {
		o.Reply, err = h(tx, c.Body)
		return err
	})
	if err != nil {
		e, ok := err.(*edge.Error)
		if !ok {
			e = edge.E(edge.KindOf(err), "%w", err)
		}
		o.Reply, o.Err = nil, e
	}
	p.done[c.ID] = o
	if fault == "through" {
		return edge.Outcome{}, edge.E(edge.Unavailable, "leadership lost")
	}
	return o, nil
}

var _ Codes = SiteCodes{}

func TestCodesInTheSitesState(t *testing.T) {
	p := newProposer()
	admin := edge.Actor{Kind: edge.Person, ID: "amina"}
	keep := SiteCodes{Site: p, Self: edge.Actor{Kind: edge.Node, ID: "n1"}}
	code, err := Invite(t.Context(), p, admin, edge.NodeID{1}, pki.JoinNode, "", 0)
	check(t, err)
	for k, v := range p.tx.Rows {
		if bytes.Contains(v, code.Secret[:]) || strings.Contains(k+string(v), code.String()[68:]) {
			t.Error("the secret is in the state")
		}
	}
	wrong := code
	wrong.Secret[0] ^= 1
	alice, bob := edge.NodeID{'a'}, edge.NodeID{'b'}
	_, err = keep.Spend(t.Context(), code.Key(), wrong.Hash(), bob)
	refusedAs(t, err, edge.Denied)
	if rec := must(get(p.tx.Rows[codePrefix+code.Key()])); rec.Tries != 1 {
		t.Errorf("a wrong try was not counted: %+v", rec)
	}
	rec, err := keep.Spend(t.Context(), code.Key(), code.Hash(), alice)
	check(t, err)
	if rec.By != "amina" || rec.Role != pki.JoinNode {
		t.Errorf("%+v", rec)
	}
	_, err = keep.Spend(t.Context(), code.Key(), code.Hash(), bob)
	refusedAs(t, err, edge.Denied)
	_, err = keep.Spend(t.Context(), "00000000", code.Hash(), bob)
	refusedAs(t, err, edge.Denied)
	_, err = keep.Spend(t.Context(), "x", code.Hash(), bob)
	refusedAs(t, err, edge.Denied)

	ask := must(p.mux.Asker(OpCodes))
	var listed []pki.CodeRecord
	check(t, json.Unmarshal(must(ask(p.tx, []byte("{}"))), &listed))
	if len(listed) != 1 || listed[0].Hash != [32]byte{} || listed[0].UsedBy != alice {
		t.Errorf("%+v", listed)
	}
	p.tx.Time = testStart.Add(keepDead + 2*time.Hour)
	_, err = Invite(t.Context(), p, admin, edge.NodeID{1}, pki.JoinSite, "clinic-a", time.Hour)
	check(t, err)
	if len(p.tx.Rows) != 1 {
		t.Error("dead codes are kept for ever")
	}
}

// The site's answer is lost before and after the code was burned; the retry under the same ID sorts it out.
func TestSpendingWithLostAnswers(t *testing.T) {
	for _, fault := range [][]string{{"lost"}, {"through"}, {"lost", "through", "lost"}} {
		p := newProposer()
		code := must(Invite(t.Context(), p, edge.Actor{ID: "amina"}, edge.NodeID{1}, pki.JoinNode, "", 0))
		p.fault = fault
		keep := SiteCodes{Site: p}
		_, err := keep.Spend(t.Context(), code.Key(), code.Hash(), edge.NodeID{'a'})
		check(t, err)
		_, err = keep.Spend(t.Context(), code.Key(), code.Hash(), edge.NodeID{'b'})
		refusedAs(t, err, edge.Denied)
	}
	p := newProposer()
	p.fault = slices.Repeat([]string{"lost"}, 1000)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := SiteCodes{Site: p}.Spend(ctx, "00000000", [32]byte{}, edge.NodeID{})
	refusedAs(t, err, edge.Unavailable)
}

func TestInvitationsRefused(t *testing.T) {
	p := newProposer()
	h := must(p.mux.Handler(OpInvite))
	good := Invitation{Key: pki.Code{}.Key(), Hash: make([]byte, 32), Role: pki.JoinNode, Life: 60}
	with := func(f func(*Invitation)) []byte { i := good; f(&i); return must(json.Marshal(i)) }
	for what, body := range map[string][]byte{
		"no key":         with(func(i *Invitation) { i.Key = "" }),
		"a bad key":      with(func(i *Invitation) { i.Key = "../../etc" }),
		"a short hash":   with(func(i *Invitation) { i.Hash = i.Hash[1:] }),
		"no role":        with(func(i *Invitation) { i.Role = "" }),
		"no life":        with(func(i *Invitation) { i.Life = 0 }),
		"a long life":    with(func(i *Invitation) { i.Life = 3601 }),
		"endless life":   with(func(i *Invitation) { i.Life = 1 << 62 }),
		"a bad site":     with(func(i *Invitation) { i.Site = "A B" }),
		"unknown fields": []byte(`{"key":"x","admin":true}`),
	} {
		if _, err := h(p.tx, body); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must(h(p.tx, with(func(*Invitation) {})))
	_, err := h(p.tx, with(func(*Invitation) {}))
	refusedAs(t, err, edge.Conflict)
	for i := range maxCodes {
		c := pki.Code{ID: [5]byte{1, byte(i >> 8), byte(i)}}
		_, err = h(p.tx, with(func(i *Invitation) { i.Key = c.Key() }))
	}
	refusedAs(t, err, edge.Exhausted)
}
