package gateway

import (
	"context"
	"fmt"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// A command that its own record tells of leaves none here. Any other answer than its success does, before it is given: and is
// not given where it cannot be recorded. So it is with other nodes that evaluate it.
func TestWhoWasLetInIsOnRecord(t *testing.T) {
	for name, c := range map[string]struct {
		fail  func(n int) (lost bool, err error)
		code  int // of the answer
		notes int
	}{
		"done":     {nil, 200, 0},
		"refused":  {func(int) (bool, error) { return false, edge.E(edge.Refused, "there is not enough") }, 422, 1},
		"unknown":  {func(int) (bool, error) { return false, edge.E(edge.Unavailable, "nobody knows") }, 503, 1},
		"not done": {func(int) (bool, error) { return true, edge.E(edge.Unavailable, "no quorum") }, 503, 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := &guard{}
			b := guardedLedger(t, g, &people{})
			b.ledger.fail = c.fail
			body := `{"from":"a","to":"b","amount":"1"}`
			if w := b.do("POST", "/v1/sample/moves", "good", body, "Idempotency-Key", "k"); w.Code != c.code || len(g.notes) != c.notes {
				t.Fatalf("%d %s, records %q", w.Code, w.Body, g.notes)
			}
			if name == "done" {
				if way := b.ledger.done[0].Way; way == nil || way.Door != "rest" {
					t.Fatalf("it came by %+v", way)
				}
				if err := b.ledger.done[0].Way.Leave(t.Context()); err != nil || len(g.notes) != 1 {
					t.Fatalf("%v, records %q", err, g.notes)
				}
				if w := b.do("POST", "/v1/sample/moves", "good", body, "Idempotency-Key", "k"); w.Code != 200 || len(g.notes) != 2 {
					t.Errorf("again: %d %s, records %q", w.Code, w.Body, g.notes)
				}
			}
			g.full = true
			again := map[string]int{"done": 507, "refused": 507, "unknown": 507, "not done": 507}[name]
			if w := b.do("POST", "/v1/sample/moves", "good", body, "Idempotency-Key", "k"); w.Code != again {
				t.Errorf("without room: %d %s", w.Code, w.Body)
			}
		})
	}
}

// Of a request in parts what is forwarded is recorded once.
func TestPartsAreLetInOnce(t *testing.T) {
	g := &guard{}
	b := guardedLedger(t, g, &people{})
	if w := b.do("POST", batchPath, "good", moves("abcdefgh"), "Idempotency-Key", "k"); w.Code != 200 || len(g.notes) != 0 {
		t.Fatalf("%d %s, records %q", w.Code, w.Body, g.notes)
	}
	for i, c := range b.ledger.done {
		if c.Way == nil {
			t.Fatalf("part %d came by nothing", i)
		}
		if err := c.Way.Leave(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(g.notes); len(b.ledger.done) != 3 || len(g.notes) != 1 {
		t.Errorf("%d parts, records %s", len(b.ledger.done), got)
	}
}
