package hub

import (
	"context"
	"encoding/json"
	"iter"
	"math"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// A Source is a stored stream as something an uplink can deliver to a hub above, origin untouched. It has
// the methods the uplink asks for; whether a record is forwarded is up to whoever wires the two.
type Source struct {
	h   *Hub
	id  wire.StreamID
	u   edge.Urgency
	key string // of its mark
}

const kindMark = "mark"

// Sources lists all streams of others and of this hub's nodes, for an uplink to the hub above.
func (h *Hub) Sources(ctx context.Context) ([]*Source, error) {
	var out []*Source
	for s, err := range h.o.Store.Streams(ctx, "") {
		if err != nil {
			return nil, err
		}
		out = append(out, h.Source(s))
	}
	return out, nil
}

// Source makes a source of a stream.
func (h *Hub) Source(s store.Stream) *Source {
	return &Source{h: h, id: s.ID, u: s.Urgency, key: s.ID.String()}
}

// ID is the stream's, as its origin named it.
func (s *Source) ID() wire.StreamID { return s.id }

// Stream is the name within the origin.
func (s *Source) Stream() string { return s.id.Name }

// Urgency is that of the stream.
func (s *Source) Urgency() edge.Urgency { return s.u }

// Head is the hub's cursor.
func (s *Source) Head() edge.Pos {
	cur, err := s.h.in.cursor(context.Background(), s.id)
	if err != nil {
		return edge.Pos{}
	}
	return cur.Cursor
}

// Read yields what is stored after a position.
func (s *Source) Read(ctx context.Context, after edge.Pos) iter.Seq2[edge.Record, error] {
	return s.h.o.Store.Read(ctx, s.id, after)
}

// otherHubs is how long a stream may move in another hub process before this one looks.
const otherHubs = 15 * time.Second

// Wait returns once the stream has moved beyond a position. Where several hubs share one database it may
// be a little late for what another took in.
func (s *Source) Wait(ctx context.Context, after edge.Pos) error {
	for {
		c := s.h.waiter(s.id)
		if store.Before(after, s.Head()) {
			return nil
		}
		t := time.NewTimer(otherHubs)
		select {
		case <-c:
		case <-t.C:
			s.h.refresh(ctx, s.id)
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		t.Stop()
	}
}

func (h *Hub) refresh(ctx context.Context, id wire.StreamID) {
	if row, err := h.o.Store.Stream(ctx, id); err == nil {
		h.in.newer(row)
	}
}

// newer keeps a cursor read from the store where it is ahead of what is known.
func (in *intake) newer(s store.Stream) {
	in.mu.Lock()
	old, known := in.cursors[s.ID]
	in.mu.Unlock()
	if !known || store.Before(old.Cursor, s.Cursor) {
		in.keep(s)
	}
}

func (h *Hub) waiter(id wire.StreamID) chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.waiters[id]
	if c == nil {
		c = make(chan struct{})
		h.waiters[id] = c
	}
	return c
}

// Acked keeps, durably, how far the hub above has the stream. What is kept already is not written again:
// every session begins by telling it of every stream.
func (s *Source) Acked(ctx context.Context, p edge.Pos) error {
	if old, err := s.Mark(ctx); err == nil && old == p {
		return nil
	}
	return s.h.putJSON(ctx, hubSite, kindMark, s.key, p)
}

// Mark returns what Acked kept; zero where it never did.
func (s *Source) Mark(ctx context.Context) (p edge.Pos, err error) {
	r, err := s.h.o.Store.Row(ctx, hubSite, kindMark, s.key)
	if edge.IsKind(err, edge.NotFound) {
		return p, nil
	}
	if err == nil && json.Unmarshal(r.Value, &p) != nil {
		err = edge.E(edge.Corrupt, "the mark of stream %s cannot be read", s.id)
	}
	return p, err
}

// Epoch returns how an epoch of the stream began: its genesis, the last record before it that its origin
// knew, and why.
func (s *Source) Epoch(number uint64) (genesis, fork edge.Pos, reason string, ok bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	forks, err := s.h.o.Store.Forks(ctx, s.id)
	if err != nil || number > math.MaxInt64 {
		return
	}
	for _, f := range forks {
		if f.Genesis.Epoch == number {
			return f.Genesis, f.From, f.Reason, true
		}
	}
	return
}
