package hub

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// TestBacklog keeps the newest word of a node, over both transports, across a restart of the hub and a move of the
// node to another site. A node that never says it, as those of older versions, is served as before.
func TestBacklog(t *testing.T) {
	for _, over := range []string{"quic", "tcp"} {
		t.Run(over, func(t *testing.T) {
			w := newWorld(t, nil)
			n, old := w.node("alpha"), w.node("beta")
			c, mute := n.connect(over), old.connect(over)
			far := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) // the node's clock is wrong
			c.send(wire.Control, &wire.Backlog{Time: far, Classes: []wire.Waiting{{Class: edge.Care, Records: 9}}},
				&wire.Backlog{Time: far, Classes: []wire.Waiting{{Class: edge.Care, Records: 5, Oldest: far.Add(-time.Hour), Lost: 2, Apart: 1, Shed: 3}}})
			c.send(wire.Control, &wire.Ping{Nonce: 7})
			mute.send(wire.Control, &wire.Ping{Nonce: 8})
			await[*wire.Pong](c)
			await[*wire.Pong](mute)
			check := func() {
				t.Helper()
				b, ok := w.hub.Backlog(n.id)
				if !ok || len(b.Classes) != 1 || b.Classes[0].Records != 5 || b.Classes[0].Lost != 2 || b.Classes[0].Apart != 1 || b.Classes[0].Shed != 3 {
					t.Fatalf("%+v %v", b, ok)
				}
				if waits := b.Said.Sub(b.Classes[0].Oldest); time.Since(b.Said) > time.Minute || waits != time.Hour {
					t.Errorf("said %v, the oldest has waited %v", b.Said, waits)
				}
				if _, ok := w.hub.Backlog(old.id); ok || len(w.hub.Backlogs()) != 1 {
					t.Error("a node that said nothing has a backlog")
				}
			}
			check()
			w.stop()
			w.run(nil)
			check()
			if err := w.hub.Register(t.Context(), Node{ID: n.id, Site: "gamma"}); err != nil {
				t.Fatal(err)
			}
			check()
		})
	}
}

// countingStore counts commits of rows, and refuses them at will.
type countingStore struct {
	store.Store
	puts, rows atomic.Int64
	broken     atomic.Bool
}

func (s *countingStore) Put(ctx context.Context, rows ...store.Row) error {
	if s.broken.Load() {
		return edge.E(edge.Unavailable, "no disk")
	}
	s.puts.Add(1)
	s.rows.Add(int64(len(rows)))
	return s.Store.Put(ctx, rows...)
}

// TestBacklogStorm has 1,000 nodes say ten things each: nothing is written when they come, and four commits are
// enough for all. What the store refuses is written later.
func TestBacklogStorm(t *testing.T) {
	w := newWorld(t, nil)
	s := &countingStore{Store: w.store}
	h := w.hub
	h.o.Store = s
	peers := make([]Peer, 1000)
	for i := range peers {
		peers[i] = Peer{ID: edge.NodeID{1, byte(i), byte(i >> 8)}, Site: fmt.Sprint("s", i)}
		h.remember(Node{ID: peers[i].ID, Site: peers[i].Site})
	}
	for round := range 10 {
		for _, p := range peers {
			h.told(p, &wire.Backlog{Classes: []wire.Waiting{{Class: edge.Bulk, Records: uint64(round)}}})
		}
	}
	if n := s.puts.Load(); n != 0 {
		t.Errorf("%d commits while they came", n)
	}
	s.broken.Store(true)
	h.keepBacklogs(t.Context())
	s.broken.Store(false)
	h.keepBacklogs(t.Context())
	h.keepBacklogs(t.Context())
	if s.puts.Load() != 4 || s.rows.Load() != 1000 {
		t.Errorf("%d commits of %d rows", s.puts.Load(), s.rows.Load())
	}
	list, err := rowsOf[Backlog](t.Context(), s, "s999", kindBacklog, "")
	if err != nil || len(list) != 1 || list[0].Classes[0].Records != 9 {
		t.Errorf("%+v %v", list, err)
	}
}
