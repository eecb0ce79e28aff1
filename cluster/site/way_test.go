package site

import (
	"context"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// How a command came is told to the hooks where it is evaluated here. What another node is to evaluate leaves once that is on
// record here, and not before.
func TestWay(t *testing.T) {
	l, seen := &testLog{}, map[edge.NodeID]*edge.Way{}
	forward := testForward(t, l, nil)
	sites := openSites(t, l, 2, func(o *Options) {
		forward(o)
		node := o.Node
		o.Mux.OnDone(func(_ edge.Tx, _ edge.Op, c edge.Command, _ []edge.Event, _ *edge.Error) error {
			seen[node] = c.Way
			return nil
		})
	})
	left := 0
	var full error
	way := &edge.Way{Door: "rest", Leave: func(context.Context) error { left++; return full }}
	ask := func(from int) (edge.Outcome, error) {
		c := command("add", addIn{"x"})
		c.Way = way
		return sites[from].Propose(t.Context(), c)
	}
	if o, err := ask(0); err != nil || o.Err != nil || left != 0 || seen[edge.NodeID{1}] != way {
		t.Fatalf("%+v %v, left %d times, by %+v", o, err, left, seen)
	}
	if o, err := ask(1); err != nil || o.Err != nil || left != 1 || seen[edge.NodeID{1}] != nil || string(o.Reply) != "2" {
		t.Fatalf("%+v %v, left %d times, by %+v", o, err, left, seen)
	}
	full = edge.E(edge.Exhausted, "there is no room for the record")
	if _, err := ask(1); !edge.IsKind(err, edge.Exhausted) || left != 2 {
		t.Fatalf("%v, left %d times", err, left)
	}
	full = nil
	if o, err := ask(1); err != nil || string(o.Reply) != "3" { // nothing was added in between
		t.Fatalf("%+v %v", o, err)
	}
}
