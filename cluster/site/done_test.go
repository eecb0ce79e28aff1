package site

import (
	"errors"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// What a hook adds is kept together with the change or not at all; where the hook fails, so does the command.
func TestHookIsPartOfTheCommand(t *testing.T) {
	var fail error
	_, sites := testSites(t, 2, func(o *Options) {
		o.Mux.OnDone(func(tx edge.Tx, op edge.Op, c edge.Command, facts []edge.Event, refused *edge.Error) error {
			for _, f := range facts {
				tx.Emit(edge.Event{Type: "hook.saw", Subject: f.Subject, Urgency: edge.Ledger, Body: []byte(op.Name + " " + c.Actor.ID)})
			}
			return fail
		})
	})
	by := edge.Actor{Kind: edge.Person, ID: "p"}
	for _, tc := range []struct {
		fail error
		body string
		kept bool
	}{{nil, `{"Key":"a","Value":"1"}`, true}, {edge.E(edge.Exhausted, "no room for the record"), `{"Key":"b","Value":"1"}`, false}, {errors.New("odd"), `{"Key":"c","Value":"1"}`, false}, {nil, `{"Key":"d","Value":"1"}`, true}} {
		fail = tc.fail
		out, err := sites[0].Propose(t.Context(), edge.Command{ID: edge.NewID(), Type: "put", Body: []byte(tc.body), Actor: by})
		if err != nil || tc.kept != (out.Err == nil) {
			t.Fatalf("%s: %v %v", tc.body, err, out.Err)
		}
	}
	for i, s := range sites {
		var saw []string
		for r, err := range s.Journal(edge.Ledger).Read(t.Context(), edge.Pos{}) {
			if err != nil {
				t.Fatal(err)
			}
			saw = append(saw, r.Type+" "+r.Subject)
			if r.Type == "hook.saw" && string(r.Body) != "put p" {
				t.Errorf("replica %d: %q", i, r.Body)
			}
		}
		want := []string{"test.put a", "hook.saw a", "test.put d", "hook.saw d"}
		if len(saw) != len(want) {
			t.Fatalf("replica %d: %q", i, saw)
		}
		for k := range want {
			if saw[k] != want[k] {
				t.Errorf("replica %d: %q", i, saw)
			}
		}
	}
}
