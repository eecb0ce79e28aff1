package site

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// An event that is as long as an event may be, but longer than a store's longest value, is refused before it is
// replicated: met in the log it would stop every replica.
func TestEventThatNoStoreTakes(t *testing.T) {
	_, sites := testSites(t, 2, func(o *Options) {
		sh, err := OpenShelf(context.Background(), state.Options{Name: "site", Key: make([]byte, 32), InMemory: true, MemTable: 32 << 20})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { sh.Close() })
		o.Shelf, o.MaxBytes = sh, 2<<20
	})
	for _, tc := range []struct {
		bytes int
		kind  edge.Kind
		ok    bool
	}{{900 << 10, 0, true}, {edge.MaxBody, edge.Invalid, false}, {edge.MaxBody + 1, edge.Invalid, false}, {1 << 10, 0, true}} {
		body, err := json.Marshal(map[string]int{"Bytes": tc.bytes})
		if err != nil {
			t.Fatal(err)
		}
		out, err := sites[0].Propose(t.Context(), edge.Command{ID: edge.NewID(), Type: "tell", Body: body, Actor: edge.Actor{Kind: edge.Person, ID: "p"}})
		if err != nil {
			t.Fatalf("%d bytes: %v", tc.bytes, err)
		}
		if tc.ok != (out.Err == nil) || !tc.ok && out.Err.Kind != tc.kind {
			t.Errorf("%d bytes: %v", tc.bytes, out.Err)
		}
		for i, s := range sites {
			if err := s.Err(); err != nil {
				t.Fatalf("replica %d after %d bytes: %v", i, tc.bytes, err)
			}
		}
	}
}
