// Package hubtest is a hub in memory and a journal in memory, for tests of the uplink. The hub keeps the
// rules of the real one: it takes a record once, in order, only where the chain goes on, and acknowledges
// what it has "synced". It can be made to refuse, to stall and to forget.
package hubtest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// A Hub may serve many links, one after another or at once.
type Hub struct {
	Sync   time.Duration // how long a batch takes to become durable
	Credit uint64        // bytes a class may have beyond what was taken; 0: no limits are told

	codec *wire.Codec

	mu      sync.Mutex // guards all below
	refuse  func(b *wire.Batch) *wire.Nack
	onFrame func(l wire.Link, f wire.Frame)
	streams map[wire.StreamID]*Stream
	deaf    bool
	hellos  []wire.Hello
	links   map[wire.Link]*peer
}

// A Stream is what the hub has of one.
type Stream struct {
	Pos     edge.Pos
	Records []edge.Event
	Skips   []wire.Skip
	Epochs  []wire.Epoch
	Again   int // records that came again and were dropped
}

type peer struct {
	taken [edge.Bulk + 1]uint64
}

// New returns an empty hub.
func New() *Hub {
	c, err := wire.NewCodec(2)
	if err != nil {
		panic(err) // only where the built-in dictionary is broken
	}
	return &Hub{codec: c, streams: map[wire.StreamID]*Stream{}, links: map[wire.Link]*peer{}}
}

// Stream returns a copy of what the hub has of a stream.
func (h *Hub) Stream(id wire.StreamID) Stream {
	h.mu.Lock()
	defer h.mu.Unlock()
	if st := h.streams[id]; st != nil {
		return *st
	}
	return Stream{}
}

// Count is how many records of a stream the hub has.
func (h *Hub) Count(id wire.StreamID) int { return len(h.Stream(id).Records) }

// Forget takes the last n records of a stream away, as a restored backup does.
func (h *Hub) Forget(id wire.StreamID, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	st := h.streams[id]
	genesis := st.Epochs[len(st.Epochs)-1].Genesis
	st.Records = st.Records[:len(st.Records)-n]
	p := genesis
	for _, e := range st.Records {
		p = p.Next(edge.AppendEvent(nil, e))
	}
	st.Pos = p
}

// Refuse makes f answer batches with a NACK, or let them pass with nil.
func (h *Hub) Refuse(f func(b *wire.Batch) *wire.Nack) {
	h.mu.Lock()
	h.refuse = f
	h.mu.Unlock()
}

// OnFrame makes f see every frame first.
func (h *Hub) OnFrame(f func(l wire.Link, f wire.Frame)) {
	h.mu.Lock()
	h.onFrame = f
	h.mu.Unlock()
}

// Deaf makes the hub read and acknowledge nothing, while links stay open.
func (h *Hub) Deaf(on bool) {
	h.mu.Lock()
	h.deaf = on
	h.mu.Unlock()
}

// Hellos are the HELLO frames so far.
func (h *Hub) Hellos() []wire.Hello {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]wire.Hello(nil), h.hellos...)
}

// Links are the links that are open.
func (h *Hub) Links() (list []wire.Link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.links {
		list = append(list, l)
	}
	return list
}

// Serve works on one link until it ends.
func (h *Hub) Serve(ctx context.Context, l wire.Link) error {
	h.mu.Lock()
	h.links[l] = &peer{}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.links, l)
		h.mu.Unlock()
	}()
	return l.Serve(ctx, func(f wire.Frame, size int) error { return h.handle(ctx, l, f, size) })
}

func (h *Hub) handle(ctx context.Context, l wire.Link, f wire.Frame, size int) error {
	h.mu.Lock()
	deaf, see := h.deaf, h.onFrame
	h.mu.Unlock()
	if see != nil {
		see(l, f)
	}
	if deaf {
		return nil
	}
	switch f := f.(type) {
	case *wire.Hello:
		return h.welcome(ctx, l, f)
	case *wire.Batch:
		return h.batch(ctx, l, f, size)
	case *wire.Skip:
		return h.skip(ctx, l, f)
	case *wire.Epoch:
		return h.epoch(f)
	case *wire.Ping:
		return l.Send(ctx, wire.Control, &wire.Pong{Nonce: f.Nonce})
	case *wire.Time:
		now := time.Now()
		return l.Send(ctx, wire.Control, &wire.Time{T1: f.T1, T2: now, T3: now})
	}
	return nil
}

func (h *Hub) welcome(ctx context.Context, l wire.Link, f *wire.Hello) error {
	h.mu.Lock()
	h.hellos = append(h.hellos, *f)
	c := &wire.Cursors{Last: true}
	for id, st := range h.streams {
		c.List = append(c.List, wire.Cursor{Stream: id, Pos: st.Pos})
	}
	h.mu.Unlock()
	w := &wire.Welcome{Proto: wire.Version, Clock: time.Now(), Streams: uint64(len(c.List)), Dicts: h.codec.Dicts()}
	if h.Credit > 0 {
		for _, u := range edge.Urgencies() {
			w.Credit = append(w.Credit, wire.Credit{Class: u, Limit: h.Credit})
		}
	}
	return l.Send(ctx, wire.Control, w, c)
}

func (h *Hub) epoch(f *wire.Epoch) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if edge.Genesis(f.Stream.String(), f.Genesis.Epoch, f.Fork) != f.Genesis {
		return edge.E(edge.Invalid, "an epoch with a false beginning")
	}
	st := h.streams[f.Stream]
	if st == nil {
		st = &Stream{}
		h.streams[f.Stream] = st
	}
	if f.Genesis.Epoch > st.Pos.Epoch {
		st.Pos = f.Genesis
		st.Epochs = append(st.Epochs, *f)
	}
	return nil
}

func (h *Hub) batch(ctx context.Context, l wire.Link, f *wire.Batch, size int) error {
	h.mu.Lock()
	refuse := h.refuse
	h.mu.Unlock()
	if refuse != nil {
		if n := refuse(f); n != nil {
			return l.Send(ctx, wire.Control, n)
		}
	}
	items, err := h.codec.Open(f)
	if err != nil {
		return err
	}
	if h.Sync > 0 {
		time.Sleep(h.Sync)
	}
	answer, err := h.take(l, f, items, size)
	if err != nil {
		return err
	}
	return l.Send(ctx, wire.Control, answer...)
}

// take stores the part of a batch that is new.
func (h *Hub) take(l wire.Link, f *wire.Batch, items []wire.Item, size int) ([]wire.Frame, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	st := h.streams[f.Stream]
	switch {
	case st == nil || f.Epoch > st.Pos.Epoch:
		return []wire.Frame{&wire.Nack{Stream: f.Stream, Reason: wire.NoEpoch}}, nil
	case f.Epoch < st.Pos.Epoch:
		return []wire.Frame{&wire.Nack{Stream: f.Stream, Pos: st.Pos, Reason: wire.OldEpoch}}, nil
	case f.First > st.Pos.Seq+1:
		return []wire.Frame{&wire.Nack{Stream: f.Stream, Pos: st.Pos, Reason: wire.Gap}}, nil
	case f.First == st.Pos.Seq+1 && f.Before != st.Pos.Sum:
		return nil, edge.E(edge.Conflict, "stream %s does not go on from its sum", f.Stream)
	}
	for _, it := range items {
		if it.Pos.Seq <= st.Pos.Seq {
			st.Again++
			continue
		}
		e, _, err := edge.DecodeEvent(it.Raw)
		if err != nil {
			return nil, err
		}
		st.Records = append(st.Records, e)
		st.Pos = it.Pos
	}
	out := []wire.Frame{&wire.Ack{List: []wire.Done{{Stream: f.Stream, Pos: st.Pos}}}}
	if p := h.links[l]; h.Credit > 0 && p != nil {
		p.taken[f.Urgency] += uint64(size)
		out = append(out, &wire.Credit{Class: f.Urgency, Limit: p.taken[f.Urgency] + h.Credit})
	}
	return out, nil
}

func (h *Hub) skip(ctx context.Context, l wire.Link, f *wire.Skip) error {
	h.mu.Lock()
	st := h.streams[f.Stream]
	if st == nil || f.From != st.Pos {
		var p edge.Pos
		if st != nil {
			p = st.Pos
		}
		h.mu.Unlock()
		if f.To.Seq <= p.Seq && f.To.Epoch == p.Epoch {
			return nil
		}
		return l.Send(ctx, wire.Control, &wire.Nack{Stream: f.Stream, Pos: p, Reason: wire.Gap, Text: fmt.Sprint("skip from ", f.From)})
	}
	st.Pos = f.To
	st.Skips = append(st.Skips, *f)
	h.mu.Unlock()
	return l.Send(ctx, wire.Control, &wire.Ack{List: []wire.Done{{Stream: f.Stream, Pos: f.To}}})
}
