package hub

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// An Own is a journal of the box the hub itself runs on. Its records go into the hub's store like those of
// any node, without a detour over the network.
type Own interface {
	edge.Journal
	ID() wire.StreamID
	Urgency() edge.Urgency
	// Acked says that the store has everything up to p, and nothing beyond. It may go back.
	Acked(ctx context.Context, p edge.Pos) error
	// Begun returns how an epoch began: its genesis, the last record before it, and why.
	Begun(number uint64) (genesis, fork edge.Pos, reason string, ok bool)
}

// Owns is what TakeOwn works on.
type Owns struct {
	Site    string                                                             // whose data it is
	Origins []string                                                           // no peer may write these
	Moved   func() uint64                                                      // another number where there may be something new; asked every time, costs next to nothing
	Sources func() []Own                                                       // asked when something moved
	Doubt   func(ctx context.Context, id wire.StreamID, stored edge.Pos) error // the store has what the journal has not: begins a new epoch
	Every   time.Duration                                                      // default 1 s
}

// TakeOwn stores what the box's own journals hold until ctx ends. It fails where a journal cannot be read.
func (h *Hub) TakeOwn(ctx context.Context, o Owns) error {
	def(&o.Every, time.Second)
	h.mu.Lock()
	for _, origin := range o.Origins {
		h.own[origin] = true
	}
	h.mu.Unlock()
	told := map[wire.StreamID]edge.Pos{}
	t := time.NewTicker(o.Every)
	defer t.Stop()
	seen, again := uint64(0), true
	for {
		if now := o.Moved(); again || now != seen {
			err := h.takeAll(ctx, o, told)
			if again = err != nil; again && ctx.Err() == nil {
				if !edge.IsKind(err, edge.Unavailable) && !edge.IsKind(err, edge.Exhausted) {
					return err
				}
				h.trouble("store the hub's own records", err) // it comes back
			}
			seen = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

func (h *Hub) takeAll(ctx context.Context, o Owns, told map[wire.StreamID]edge.Pos) (last error) {
	for _, src := range o.Sources() {
		k := keeper{h: h, o: o, src: src, told: told}
		if err := k.take(ctx); err != nil {
			last = err
		}
	}
	return last
}

// A keeper moves one journal into the store.
type keeper struct {
	h    *Hub
	o    Owns
	src  Own
	told map[wire.StreamID]edge.Pos // what each journal was told last
	cur  store.Stream
	a    *store.Append // what is gathered
	size int
}

func (k *keeper) take(ctx context.Context) (err error) {
	id := k.src.ID()
	if k.cur, err = k.h.in.cursor(ctx, id); err != nil {
		return err
	}
	if k.cur.Frozen != "" {
		return nil
	}
	if err := k.tell(ctx); err != nil {
		return err
	}
	head, after := k.src.Head(), k.cur.Cursor
	if head == after || head.IsZero() {
		return nil
	}
	if after.Epoch != 0 && after.Epoch == head.Epoch && (after.Seq > head.Seq || after.Seq == head.Seq) {
		if after, err = k.doubt(ctx); err != nil {
			return err
		}
	}
	err = k.read(ctx, after)
	if edge.IsKind(err, edge.Conflict) {
		if after, err = k.doubt(ctx); err == nil {
			err = k.read(ctx, after)
		}
	}
	if err != nil {
		return err
	}
	return k.tell(ctx)
}

// tell moves the journal's mark to what is stored.
func (k *keeper) tell(ctx context.Context) error {
	id, p := k.src.ID(), k.cur.Cursor
	if last, ok := k.told[id]; ok && last == p {
		return nil
	}
	if err := k.src.Acked(ctx, p); err != nil {
		if edge.IsKind(err, edge.Conflict) {
			return nil // the journal knows no such position: it is about to begin a new epoch
		}
		return err
	}
	k.told[id] = p
	return nil
}

// doubt makes the journal begin a new epoch, and returns from where to go on.
func (k *keeper) doubt(ctx context.Context) (edge.Pos, error) {
	after := edge.Pos{Epoch: k.cur.Cursor.Epoch, Seq: math.MaxInt64}
	return after, k.o.Doubt(ctx, k.src.ID(), k.cur.Cursor)
}

func (k *keeper) read(ctx context.Context, after edge.Pos) error {
	k.a, k.size = nil, 0
	for r, err := range k.src.Read(ctx, after) {
		var gap *edge.Gap
		switch {
		case errors.As(err, &gap):
			err = k.gap(ctx, gap)
		case err == nil:
			err = k.record(ctx, r)
		}
		if err != nil {
			return err
		}
	}
	return k.flush(ctx)
}

// at is the position behind everything gathered so far.
func (k *keeper) at() edge.Pos {
	if k.a != nil {
		return k.a.To
	}
	return k.cur.Cursor
}

func (k *keeper) record(ctx context.Context, r edge.Record) error {
	if r.Pos.Epoch != k.at().Epoch {
		if err := k.epoch(ctx, r.Pos.Epoch); err != nil {
			return err
		}
	}
	raw := edge.AppendEvent(nil, r.Event)
	if k.at().Next(raw) != r.Pos {
		return edge.E(edge.Conflict, "record %v of stream %s does not follow %v", r.Pos, k.src.ID(), k.at())
	}
	if k.a == nil {
		k.a = &store.Append{From: k.cur.Cursor}
	}
	k.a.Items, k.a.To, k.size = append(k.a.Items, wire.Item{Pos: r.Pos, Raw: raw}), r.Pos, k.size+len(raw)
	if k.size >= mergeBytes || len(k.a.Items) >= mergeRecords {
		return k.flush(ctx)
	}
	return nil
}

func (k *keeper) gap(ctx context.Context, g *edge.Gap) error {
	if err := k.flush(ctx); err != nil {
		return err
	}
	if g.To.Epoch != k.cur.Cursor.Epoch {
		if err := k.epoch(ctx, g.To.Epoch); err != nil {
			return err
		}
	}
	if g.To.Seq <= k.cur.Cursor.Seq {
		return nil
	}
	return k.commit(ctx, store.Append{From: k.cur.Cursor, To: g.To, Skip: g.Reason})
}

func (k *keeper) epoch(ctx context.Context, number uint64) error {
	if err := k.flush(ctx); err != nil {
		return err
	}
	id := k.src.ID()
	genesis, fork, why, ok := k.src.Begun(number)
	if !ok {
		return edge.E(edge.Corrupt, "how epoch %x of stream %s began is not known", number, id)
	}
	k.cur.ID = id
	v, err := judgeEpoch(k.cur, edge.Pos{}, &wire.Epoch{Stream: id, Urgency: k.src.Urgency(), Genesis: genesis, Fork: fork, Reason: why}, k.h.now())
	if err != nil {
		return err
	}
	if v.append == nil {
		return edge.E(edge.Corrupt, "epoch %x of stream %s is older than what is stored", number, id)
	}
	return k.commit(ctx, *v.append)
}

func (k *keeper) flush(ctx context.Context) error {
	if k.a == nil {
		return nil
	}
	a := *k.a
	k.a, k.size = nil, 0
	return k.commit(ctx, a)
}

// commit stores one append and goes on behind it.
func (k *keeper) commit(ctx context.Context, a store.Append) error {
	h := k.h
	a.ID, a.Site, a.Urgency, a.Via, a.Time = k.src.ID(), k.o.Site, k.src.Urgency(), h.o.Self, h.now()
	res, err := h.o.Store.Commit(ctx, []store.Append{a})
	if err == nil {
		err = res[0].Err
	}
	if err != nil {
		h.in.forget(a.ID)
		return edge.E(edge.Unavailable, "the hub cannot store its own records: %w", err)
	}
	fresh := k.cur.Cursor.IsZero()
	if fresh {
		k.cur = store.Stream{}
	}
	k.cur = k.cur.Apply(a)
	h.in.keep(k.cur)
	h.count.Records.Add(uint64(len(a.Items)))
	h.stored(a.ID, fresh)
	return nil
}
