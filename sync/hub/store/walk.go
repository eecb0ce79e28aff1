package store

import (
	"context"
	"iter"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// A Unit is what a store keeps in one piece: records that follow one another, or a declared gap.
type Unit struct {
	From, To edge.Pos
	Items    []wire.Item
	Poison   map[uint64]string
	Skip     string
	Time     time.Time // when the hub took it in; zero where that is not known
}

// Extent is what forgetting the unit comes to.
func (u Unit) Extent() Extent {
	e := Extent{To: u.To, Records: uint64(len(u.Items)), Time: u.Time}
	for _, it := range u.Items {
		e.Bytes += uint64(len(it.Raw))
	}
	return e
}

// Walk is Read for a store that can yield the units of one epoch, those that end after a sequence number,
// oldest first.
func Walk(ctx context.Context, s Stream, forks []Fork, after edge.Pos, units func(epoch, seq uint64) iter.Seq2[Unit, error]) iter.Seq2[edge.Record, error] {
	return func(yield func(edge.Record, error) bool) {
		for i, f := range forks {
			if f.Genesis.Epoch < after.Epoch {
				continue
			}
			w := walker{pos: f.Genesis, end: s.Cursor, yield: yield}
			if after.Epoch == f.Genesis.Epoch {
				w.pos = after
			}
			if i+1 < len(forks) {
				w.end = forks[i+1].At
			}
			if w.pos.Seq < w.end.Seq && !w.epoch(ctx, units(w.pos.Epoch, w.pos.Seq)) {
				return
			}
		}
	}
}

// A walker goes through one epoch.
type walker struct {
	pos, end edge.Pos
	yield    func(edge.Record, error) bool
}

func (w *walker) epoch(ctx context.Context, units iter.Seq2[Unit, error]) bool {
	for u, err := range units {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			w.yield(edge.Record{}, err)
			return false
		}
		if u.To.Seq > w.end.Seq {
			break // came after the walk began
		}
		if !w.unit(u) {
			return false
		}
	}
	return w.pos.Seq >= w.end.Seq || w.gap(w.end, TrimmedReason)
}

func (w *walker) unit(u Unit) bool {
	if u.From.Seq > w.pos.Seq && !w.gap(u.From, TrimmedReason) {
		return false
	}
	if u.Skip != "" {
		return w.gap(u.To, u.Skip)
	}
	for _, it := range u.Items {
		if it.Pos.Seq <= w.pos.Seq {
			continue
		}
		if !w.item(it, u.Poison) {
			return false
		}
	}
	return true
}

func (w *walker) item(it wire.Item, poison map[uint64]string) bool {
	if why, bad := poison[it.Pos.Seq]; bad {
		return w.gap(it.Pos, SetAside(why))
	}
	e, rest, err := edge.DecodeEvent(it.Raw)
	if err != nil || len(rest) > 0 {
		w.yield(edge.Record{}, edge.E(edge.Corrupt, "record %v in the hub's store cannot be read: %w", it.Pos, err))
		return false
	}
	w.pos = it.Pos
	return w.yield(edge.Record{Pos: it.Pos, Event: e}, nil)
}

func (w *walker) gap(to edge.Pos, why string) bool {
	from := w.pos
	w.pos = to
	return w.yield(edge.Record{}, Gap(from, to, why))
}
