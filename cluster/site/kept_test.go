package site

import (
	"reflect"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// A refusal that is kept is the answer for good, with its code and facts, and what its handler wrote and emitted
// stays, on every replica; a hook sees what it was refused with.
func TestKeptRefusal(t *testing.T) {
	no := edge.E(edge.Refused, "there is not enough on the account").WithHint("ask for less").WithCode("insufficient_funds", edge.Fact{Name: "account", Value: "a"}, edge.Fact{Name: "available", Value: "7"})
	var saw *edge.Error
	_, sites := testSites(t, 2, func(o *Options) {
		edge.Do(o.Mux, edge.Op{Name: "burn"}, func(tx edge.Tx, _ struct{}) (struct{}, error) {
			tx.Set([]byte("burnt"), []byte("yes"))
			tx.Emit(edge.Event{Type: "test.refused", Subject: "s", Urgency: edge.Ledger})
			return struct{}{}, &edge.Kept{Err: no}
		})
		o.Mux.OnDone(func(_ edge.Tx, _ edge.Op, _ edge.Command, _ []edge.Event, refused *edge.Error) error {
			saw = refused
			return nil
		})
	})
	c := edge.Command{ID: edge.NewID(), Type: "burn", Body: []byte("{}")}
	for try := range 2 {
		out, err := sites[0].Propose(t.Context(), c)
		if err != nil || out.Err == nil || out.Again != (try > 0) {
			t.Fatalf("try %d: %+v, %v", try, out, err)
		}
		if out.Err.Kind != no.Kind || out.Err.Msg != no.Msg || out.Err.Hint != no.Hint || out.Err.Code != no.Code || !reflect.DeepEqual(out.Err.Facts, no.Facts) {
			t.Errorf("try %d: %+v", try, out.Err)
		}
	}
	if saw != no {
		t.Errorf("the hook saw %v", saw)
	}
	for i, s := range sites {
		v := s.View()
		if b, err := v.Get([]byte("burnt")); string(b) != "yes" {
			t.Errorf("replica %d: %q, %v", i, b, err)
		}
		v.Close()
		n := 0
		for _, err := range s.Journal(edge.Ledger).Read(t.Context(), edge.Pos{}) {
			if n++; err != nil {
				t.Fatal(err)
			}
		}
		if n != 1 {
			t.Errorf("replica %d: %d records", i, n)
		}
	}
}
