package hub

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

func both(t *testing.T, f func(t *testing.T, over string)) {
	for _, over := range []string{"quic", "tcp"} {
		t.Run(over, func(t *testing.T) { f(t, over) })
	}
}

// Records of all classes arrive, are acknowledged, and go on where they stopped.
func TestDelivery(t *testing.T) {
	both(t, func(t *testing.T, over string) {
		w := newWorld(t, nil)
		n := w.node("alnoor")
		c := n.connect(over)
		if len(c.cursors) != 0 || len(c.welcome.Credit) != 6 {
			t.Fatalf("welcome %+v, cursors %v", c.welcome, c.cursors)
		}
		var logs []*log
		for _, u := range edge.Urgencies() {
			l := w.log(wire.NodeStream(n.id, "readings."+u.String()), u, 5)
			l.write(100, "x")
			c.send(l.lane(), l.epoch(), l.batch(0, 40), l.batch(40, 100))
			logs = append(logs, l)
		}
		site := w.log(wire.SiteStream("alnoor", "site.ledger"), edge.Ledger, 6)
		site.write(3, "money")
		c.send(site.lane(), site.epoch(), site.batch(0, 3))
		want := map[wire.StreamID]edge.Pos{}
		for _, l := range append(logs, site) {
			want[l.id] = l.pos
		}
		for len(want) > 0 {
			for _, d := range await[*wire.Ack](c).List {
				if want[d.Stream] == d.Pos {
					delete(want, d.Stream)
				}
			}
		}
		for _, l := range logs {
			w.expect(l, 100)
		}
		c.link.Close(nil)
		c = n.connect(over)
		if len(c.cursors) != 7 || c.cursors[site.id].Pos != site.pos {
			t.Fatalf("%d cursors, the ledger's at %v", len(c.cursors), c.cursors[site.id].Pos)
		}
		if got := w.hub.Sessions(); len(got) != 1 || got[0].Over != over || got[0].Site != "alnoor" {
			t.Fatalf("sessions %+v", got)
		}
	})
}

func TestDuplicatesOverlapsGaps(t *testing.T) {
	w := newWorld(t, nil)
	n := w.node("alnoor")
	c := n.connect("quic")
	l := w.log(wire.NodeStream(n.id, "r"), edge.Care, 1)
	l.write(10, "x")

	c.send(l.lane(), l.batch(0, 2)) // not announced
	if f := await[*wire.Nack](c); f.Reason != wire.NoEpoch {
		t.Fatalf("%+v", f)
	}
	c.send(l.lane(), l.epoch(), l.batch(0, 4))
	c.acked(l.id, l.at(4))
	c.send(l.lane(), l.batch(6, 8)) // a gap
	if f := await[*wire.Nack](c); f.Reason != wire.Gap || f.Pos != l.at(4) {
		t.Fatalf("%+v", f)
	}
	c.send(l.lane(), l.batch(1, 3)) // all known
	c.acked(l.id, l.at(4))
	c.send(l.lane(), l.epoch()) // announced again
	c.acked(l.id, l.at(4))
	c.send(l.lane(), l.batch(2, 8)) // the first two known
	c.acked(l.id, l.at(8))
	c.send(l.lane(), &wire.Skip{Stream: l.id, Urgency: l.u, From: l.at(8), To: l.at(9), Count: 1, Reason: "shed"})
	c.acked(l.id, l.at(9))
	c.send(l.lane(), l.batch(9, 10))
	c.acked(l.id, l.at(10))
	if got := w.counts(l.id); got.Accepted != 9 || got.Duplicates != 4 || got.Skipped != 1 {
		t.Fatalf("counts %+v", got)
	}
}

func TestTwoHistories(t *testing.T) {
	for _, shape := range []string{"follows another", "same place", "overlap", "genesis"} {
		t.Run(shape, func(t *testing.T) {
			w := newWorld(t, nil)
			n := w.node("alnoor")
			c := n.connect("quic")
			l, other := w.log(wire.NodeStream(n.id, "r"), edge.Care, 1), w.log(wire.NodeStream(n.id, "s"), edge.Care, 1)
			l.write(4, "true")
			other.write(1, "x")
			c.send(l.lane(), l.epoch(), l.batch(0, 4))
			c.acked(l.id, l.pos)
			lie := w.log(l.id, edge.Care, 1)
			lie.write(6, "false")
			switch shape {
			case "follows another":
				c.send(l.lane(), lie.batch(4, 6))
			case "same place":
				c.send(l.lane(), lie.batch(2, 4))
			case "overlap":
				c.send(l.lane(), lie.batch(2, 6))
			case "genesis":
				lie.fork = edge.Pos{Seq: 9}
				lie.start = edge.Genesis(l.id.String(), 1, lie.fork)
				c.send(l.lane(), lie.epoch())
			}
			if f := await[*wire.Nack](c); f.Reason != wire.Frozen {
				t.Fatalf("%+v", f)
			}
			c.send(l.lane(), l.batch(0, 1)) // nothing of it any more, not even what is true
			if f := await[*wire.Nack](c); f.Reason != wire.Frozen {
				t.Fatalf("%+v", f)
			}
			c.send(other.lane(), other.epoch(), other.batch(0, 1)) // the session goes on
			c.acked(other.id, other.pos)
			ev, err := w.hub.Evidences(t.Context(), "alnoor")
			if err != nil || len(ev) != 1 || shape != "genesis" && (!bytes.Contains(ev[0].OurRecord, []byte("true")) || !bytes.Contains(ev[0].TheirRecord, []byte("false"))) {
				t.Fatalf("evidence %+v, %v", ev, err)
			}
			if a := w.hub.Alarms(); len(a) != 1 || a[0].Kind != AlarmFork || w.hub.Report(t.Context()).Level != edge.Degraded {
				t.Fatalf("alarms %+v", a)
			}
			if err := w.hub.Thaw(t.Context(), l.id); err != nil {
				t.Fatal(err)
			}
			l.write(1, "true")
			c.send(l.lane(), l.batch(4, 5))
			c.acked(l.id, l.pos)
			w.expect(l, 5)
		})
	}
}

func TestEpochs(t *testing.T) {
	w := newWorld(t, nil)
	n := w.node("alnoor")
	c := n.connect("quic")
	l := w.log(wire.NodeStream(n.id, "r"), edge.Care, 1)
	l.write(6, "x")
	c.send(l.lane(), l.epoch(), l.batch(0, 6))
	c.acked(l.id, l.pos)
	l.restart(4, 3) // restored from a backup that knew three
	l.write(2, "y")
	c.send(l.lane(), l.epoch(), l.batch(0, 2))
	c.acked(l.id, l.pos)
	old := w.log(l.id, edge.Care, 1)
	old.write(8, "x")
	c.send(l.lane(), old.batch(6, 8))
	if f := await[*wire.Nack](c); f.Reason != wire.OldEpoch || f.Pos != l.pos {
		t.Fatalf("%+v", f)
	}
	end := l.pos
	l.write(3, "never sent")
	l.restart(9, 5)
	c.send(l.lane(), l.epoch())
	c.acked(l.id, l.start)
	forks, err := w.store.Forks(t.Context(), l.id)
	if err != nil || len(forks) != 3 || forks[1].At.Seq != 6 || forks[1].From.Seq != 3 || forks[1].Missing != 0 || forks[2].Missing != 3 || forks[2].At != end {
		t.Fatalf("forks %+v, %v", forks, err)
	}
	if got := w.counts(l.id); got.Accepted != 8 || got.Missing != 3 {
		t.Fatalf("counts %+v", got)
	}
	bad := l.epoch()
	bad.Genesis.Epoch, bad.Genesis.Sum = 12, [32]byte{1}
	c.send(l.lane(), bad)
	c.closed(edge.Invalid)
}

func TestPoison(t *testing.T) {
	w := newWorld(t, nil)
	n := w.node("alnoor")
	c := n.connect("quic")
	l := w.log(wire.NodeStream(n.id, "r"), edge.Care, 1)
	l.write(1, "good")
	good := edge.AppendEvent(nil, l.recs[0].Event)
	raws := [][]byte{good, []byte("\x07what is this"), good}
	pos := l.start
	var items []wire.Item
	for _, r := range raws {
		pos = pos.Next(r)
		items = append(items, wire.Item{Pos: pos, Raw: r})
	}
	raw := wire.Join(nil, items)
	c.send(l.lane(), l.epoch(), &wire.Batch{Stream: l.id, Urgency: l.u, Epoch: 1, First: 1, Count: 3, Before: l.start.Sum, After: pos.Sum, RawLen: uint32(len(raw)), Payload: raw})
	if f := await[*wire.Nack](c); f.Reason != wire.Quarantined || f.Pos != items[1].Pos {
		t.Fatalf("%+v", f)
	}
	q, err := w.hub.Quarantine(t.Context(), "")
	if err != nil || len(q) != 1 || q[0].Seq != 2 || !bytes.Equal(q[0].Raw, raws[1]) {
		t.Fatalf("quarantine %+v, %v", q, err)
	}
	var got []string
	for r, err := range w.store.Read(t.Context(), l.id, edge.Pos{}) {
		var g *edge.Gap
		if errors.As(err, &g) {
			got = append(got, g.Reason)
		} else {
			got = append(got, string(r.Body))
		}
	}
	if s := strings.Join(got, "|"); !strings.HasPrefix(s, "good|set aside: ") || !strings.HasSuffix(s, "|good") {
		t.Fatal(s)
	}
}

// A batch whose sums are not those of its records is not taken, and the stream waits for the right one.
func TestDamagedBatch(t *testing.T) {
	w := newWorld(t, nil)
	n := w.node("alnoor")
	c := n.connect("quic")
	l := w.log(wire.NodeStream(n.id, "r"), edge.Care, 1)
	l.write(3, "x")
	bomb := l.batch(0, 3) // says it is small and unpacks to a megabyte
	bomb.Packing, bomb.Dict, bomb.Payload = w.z.Pack(make([]byte, 1<<20), 0)
	lie := l.batch(0, 3)
	lie.After[0] ^= 1
	c.send(l.lane(), l.epoch(), bomb, lie)
	for range 1 {
		if f := await[*wire.Nack](c); f.Reason != wire.Gap || f.Pos != l.start {
			t.Fatalf("%+v", f)
		}
	}
	c.send(l.lane(), l.batch(0, 3))
	c.acked(l.id, l.pos)
	w.expect(l, 3)
	if w.hub.Counters().Damaged.Load() != 2 {
		t.Fatalf("%d damaged", w.hub.Counters().Damaged.Load())
	}
}

// A flaky store fails once in one of two ways, as power cuts and lost connections do.
type flaky struct {
	store.Store
	mu     sync.Mutex
	fail   bool
	wrote  bool // the write gets through all the same
	failed atomic.Int32
}

func (f *flaky) Commit(ctx context.Context, list []store.Append) ([]store.Result, error) {
	f.mu.Lock()
	fail, wrote := f.fail && list[0].Fork == nil, f.wrote
	if fail {
		f.fail = false
		f.failed.Add(1)
	}
	f.mu.Unlock()
	if fail && wrote {
		f.Store.Commit(ctx, list)
	}
	if fail {
		return nil, edge.E(edge.Unavailable, "the power went")
	}
	return f.Store.Commit(ctx, list)
}

func TestCommitOutcomeUnknown(t *testing.T) {
	for _, wrote := range []bool{false, true} {
		name := map[bool]string{false: "the write was lost", true: "the write got through"}[wrote]
		t.Run(name, func(t *testing.T) {
			var f *flaky
			w := newWorld(t, func(o *Options) { f = &flaky{Store: o.Store, fail: true, wrote: wrote}; o.Store = f })
			n := w.node("alnoor")
			c := n.connect("quic")
			l := w.log(wire.NodeStream(n.id, "r"), edge.Care, 1)
			l.write(4, "x")
			c.send(l.lane(), l.epoch(), l.batch(0, 2))
			nack := await[*wire.Nack](c)
			if nack.Reason != wire.Busy || f.failed.Load() != 1 {
				t.Fatalf("%+v", nack)
			}
			if w.hub.Report(t.Context()).Level != edge.Failed {
				t.Fatal("a hub that cannot store must say so")
			}
			c.send(l.lane(), l.batch(0, 4)) // again, and more
			c.acked(l.id, l.pos)
			w.expect(l, 4)
			if w.hub.Report(t.Context()).Level != edge.OK {
				t.Fatal("a hub that works again must say so")
			}
		})
	}
}

// A hub that dies between storing and saying so: the node sends again, nothing counts twice.
func TestKilledBeforeAck(t *testing.T) {
	w := newWorld(t, nil)
	n := w.node("alnoor")
	c := n.connect("quic")
	l := w.log(wire.NodeStream(n.id, "r"), edge.Bulk, 1)
	l.write(5, "x")
	c.send(l.lane(), l.epoch(), l.batch(0, 5))
	c.acked(l.id, l.pos)
	c.link.Close(errors.New("cut"))
	w.stop()
	w.run(nil)
	c = n.connect("quic")
	if c.cursors[l.id].Pos != l.pos {
		t.Fatalf("cursor %v", c.cursors[l.id])
	}
	c.send(l.lane(), l.batch(0, 5)) // as a node that never saw the acknowledgement
	c.acked(l.id, l.pos)
	w.expect(l, 5)
}

// What the hub has taken when it is told to stop is acknowledged before it goes.
func TestFarewell(t *testing.T) {
	both(t, func(t *testing.T, over string) {
		w := newWorld(t, nil)
		n := w.node("alnoor")
		c := n.connect(over)
		l := w.log(wire.NodeStream(n.id, "r"), edge.Care, 1)
		l.write(50, "x")
		c.send(l.lane(), l.epoch(), l.batch(0, 50))
		c.acked(l.id, l.pos)
		go w.stop()
		if g := await[*wire.Goaway](c); g.Reason != wire.Restarting {
			t.Fatalf("%+v", g)
		}
		<-c.ended
		if c.err != nil {
			t.Fatal(c.err)
		}
	})
}
