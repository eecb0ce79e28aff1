package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// A Peer is who is at the other end, as its certificate says.
type Peer struct {
	ID   edge.NodeID
	Site string
}

const (
	helloTime  = 10 * time.Second
	smallest   = 16 << 10  // least window of a class
	largest    = 512 << 10 // most
	tolerate   = 1000      // forbidden frames before the link is closed
	maxForeign = 8192      // streams of others a session remembers that it may write
)

// A session is one link of one node. Its frames are handled by the goroutines of the link's lanes; it has
// none of its own.
type session struct {
	h    *Hub
	link wire.Link
	peer Peer
	out  outbox
	born time.Time

	// Guarded by the queue's mu.
	waiting [edge.Bulk + 1][]work
	gone    bool // the link has ended: nothing more is queued

	mu       sync.Mutex // guards what follows
	name     [16]byte
	hello    *wire.Hello
	heard    time.Time
	may      map[wire.StreamID]string // streams it may write and the site of each; made when first needed
	forbid   int
	received [edge.Bulk + 1]uint64 // bytes of BATCH frames per class
	done     [edge.Bulk + 1]uint64 // of which the store has taken, or refused
	limit    [edge.Bulk + 1]uint64 // granted
	reported wire.Reported
	objects  *mover // made when the first frame about a large object comes
	twinSent uint64
}

// serve runs the session until its link ends.
func (h *Hub) serve(ctx context.Context, l wire.Link, p Peer) error {
	s := &session{h: h, link: l, peer: p, out: outbox{link: l}, born: time.Now()}
	ctx, over := context.WithCancel(ctx)
	late := time.AfterFunc(helloTime, func() { l.Close(edge.E(edge.Unavailable, "no HELLO came")) })
	defer late.Stop()
	err := l.Serve(ctx, func(f wire.Frame, size int) error { return s.handle(ctx, f, size, late) })
	h.in.q.drop(s)
	over()
	s.closeObjects()
	h.leave(s, err)
	return err
}

// handle takes one frame. It never waits for the store but for HELLO and what a node reports, which are
// rare and small.
func (s *session) handle(ctx context.Context, f wire.Frame, size int, late *time.Timer) error {
	now := s.h.now()
	s.mu.Lock()
	s.heard = now
	open := s.hello != nil
	s.mu.Unlock()
	if hello, ok := f.(*wire.Hello); ok || !open {
		if !ok || open {
			return edge.E(edge.Invalid, "HELLO must be the first frame and come once")
		}
		late.Stop()
		return s.openAside(ctx, hello)
	}
	switch f := f.(type) {
	case *wire.Batch:
		return s.batch(f, size)
	case *wire.Skip:
		return s.queue(work{s, f, f.Urgency, size}, f.Stream)
	case *wire.Epoch:
		return s.queue(work{s, f, f.Urgency, size}, f.Stream)
	case *wire.Time:
		s.out.push(&wire.Time{T1: f.T1, T2: now, T3: s.h.now()})
	case *wire.Ping:
		s.out.push(&wire.Pong{Nonce: f.Nonce})
	case *wire.Pong, *wire.Policy, *wire.Credit:
	case *wire.Object, *wire.Chunk, *wire.Have, *wire.Want, *wire.Decline:
		return s.object(ctx, f)
	case *wire.Reported:
		return s.h.reported(ctx, s, f)
	case *wire.CmdResult:
		return s.h.finished(ctx, s.peer, f)
	case *wire.Backlog:
		s.h.told(s.peer, f)
	case *wire.Goaway:
		return nil
	default:
		return edge.E(edge.Invalid, "a node may not send a frame of type %d", f.Type())
	}
	return nil
}

// openAside opens the session on a stack that goes when it is done: asking the store takes a deep one, and
// the goroutine that reads control lives as long as the node is connected.
func (s *session) openAside(ctx context.Context, f *wire.Hello) error {
	done := make(chan error, 1)
	go func() { done <- s.open(ctx, f) }()
	return <-done
}

// open answers HELLO with all a node needs to go on.
func (s *session) open(ctx context.Context, f *wire.Hello) error {
	if f.Proto != wire.Version {
		return edge.E(edge.Invalid, "the node speaks version %d of the protocol, this hub version %d", f.Proto, wire.Version).
			WithHint("update the older of the two")
	}
	if err := s.h.hellos.Acquire(ctx, 1); err != nil { // a storm waits here, not in the store
		return nil
	}
	defer s.h.hellos.Release(1)
	if err := s.h.welcome(ctx, s.peer); err != nil {
		return err
	}
	if err := s.h.known(ctx, s.peer); err != nil {
		s.h.trouble("keep a node", err)
		return edge.E(edge.Unavailable, "the hub's store does not answer")
	}
	cursors, err := s.cursors(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.hello = f
	rand.Read(s.name[:])
	s.mu.Unlock()
	if err := s.h.enter(s, f); err != nil {
		return err
	}
	s.greet(cursors)
	s.h.sendDown(ctx, s)
	return nil
}

// cursors lists the streams the peer may write: its own, its site's, and for a hub those it brought.
func (s *session) cursors(ctx context.Context) (out []wire.Cursor, err error) {
	seen := map[wire.StreamID]bool{}
	for _, origin := range s.h.origins(s.peer) {
		for row, err := range s.h.o.Store.Streams(ctx, origin) {
			if err != nil {
				s.h.trouble("read cursors", err)
				return nil, edge.E(edge.Unavailable, "the hub's store does not answer")
			}
			if !seen[row.ID] && s.allowed(row) {
				seen[row.ID] = true
				out = append(out, wire.Cursor{Stream: row.ID, Pos: row.Cursor, Frozen: row.Frozen != ""})
			}
		}
	}
	return out, nil
}

func (s *session) allowed(row store.Stream) bool { return s.mayWrite(row.ID) }

func (s *session) greet(cursors []wire.Cursor) {
	w := &wire.Welcome{Proto: wire.Version, Session: s.name, Clock: s.h.now(), Streams: uint64(len(cursors)), Dicts: s.h.codec.Dicts()}
	if s.h.o.Objects != nil {
		w.Extra = wire.Extra{{Key: wire.Objects, Value: "1"}}
	}
	window := s.h.window()
	s.mu.Lock()
	for _, u := range edge.Urgencies() {
		s.limit[u] = window
		w.Credit = append(w.Credit, wire.Credit{Class: u, Limit: window})
	}
	s.mu.Unlock()
	first := []wire.Frame{w}
	for len(cursors) > wire.MaxCursors {
		first = append(first, &wire.Cursors{List: cursors[:wire.MaxCursors]})
		cursors = cursors[wire.MaxCursors:]
	}
	first = append(first, &wire.Cursors{List: cursors, Last: true})
	if s.h.o.Policy != nil {
		p := s.h.o.Policy(s.peer)
		first = append(first, &p)
	}
	s.out.first(first)
}

// mayWrite reports whether the peer may write a stream, and remembers it.
func (s *session) mayWrite(id wire.StreamID) bool {
	s.mu.Lock()
	_, ok := s.may[id]
	s.mu.Unlock()
	if ok {
		return true
	}
	site, ok := s.h.site(s.peer, id)
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.may == nil {
		s.may = map[wire.StreamID]string{}
	}
	if len(s.may) < maxForeign {
		s.may[id] = site
	}
	return true
}

// siteOf is whose data a stream is that the peer may write.
func (s *session) siteOf(id wire.StreamID) string {
	s.mu.Lock()
	site, ok := s.may[id]
	s.mu.Unlock()
	if !ok {
		if site, ok = s.h.site(s.peer, id); !ok {
			site = s.peer.Site
		}
	}
	return site
}

// batch books a batch against the credit of its class.
func (s *session) batch(f *wire.Batch, size int) error {
	s.mu.Lock()
	over := s.received[f.Urgency] >= s.limit[f.Urgency]
	s.received[f.Urgency] += uint64(size)
	s.mu.Unlock()
	if over {
		return edge.E(edge.Invalid, "more %v records were sent than credit was given for", f.Urgency)
	}
	s.out.received(size)
	return s.queue(work{s, f, f.Urgency, size}, f.Stream)
}

// queue hands a frame to the intake, or refuses it.
func (s *session) queue(w work, id wire.StreamID) error {
	if !s.mayWrite(id) {
		return s.forbidden(w, id)
	}
	ok, err := s.h.in.q.push(w)
	if err != nil {
		return err
	}
	if !ok {
		s.h.count.Busy.Add(1)
		s.consumed(w)
		cur, err := s.h.in.cursor(context.Background(), id)
		if err != nil {
			return nil // the node's own deadline makes it ask again
		}
		s.refuse(wire.Nack{Stream: id, Pos: cur.Cursor, Reason: wire.Busy, Retry: time.Second, Text: "the hub has more to do than it can hold"})
	}
	return nil
}

func (s *session) forbidden(w work, id wire.StreamID) error {
	s.consumed(w)
	s.mu.Lock()
	s.forbid++
	n := s.forbid
	s.mu.Unlock()
	s.h.count.Forbidden.Add(1)
	if n == 1 {
		s.h.alarm(AlarmForbidden, s.peer.ID, id, "a node tried to write a stream that is not its own")
	}
	if n > tolerate {
		return edge.E(edge.Denied, "this node writes streams that are not its own")
	}
	s.refuse(wire.Nack{Stream: id, Reason: wire.Forbidden, Text: "this node may not write this stream"})
	return nil
}

// consumed returns the credit of a frame that waits no more.
func (s *session) consumed(w work) {
	if _, ok := w.f.(*wire.Batch); !ok {
		return
	}
	window := s.h.window()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[w.u] += uint64(w.size)
	next := s.done[w.u] + window
	if next > s.limit[w.u] {
		// Small steps ride along with the next acknowledgement.
		now := next-s.limit[w.u] >= window/4 || s.received[w.u] >= s.limit[w.u]
		s.limit[w.u] = next
		s.out.grant(wire.Credit{Class: w.u, Limit: next}, now)
	}
}

func (s *session) ack(id wire.StreamID, p edge.Pos, u edge.Urgency) { s.out.ack(id, p, u <= edge.Care) }

func (s *session) refuse(n wire.Nack) {
	s.h.count.Refused.Add(1)
	s.out.nack(n)
}

// fail ends the session for a broken rule.
func (s *session) fail(err error) { s.link.Close(err) }

// goaway tells the node to leave and closes the link once that is said.
func (s *session) goaway(ctx context.Context, g wire.Goaway, why error) {
	s.out.push(&g)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s.out.drain(ctx)
	// A moment for the words to arrive: closing drops what the transport still holds.
	select {
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
	}
	s.link.Close(why)
}

func words(err error) string {
	var e *edge.Error
	if errors.As(err, &e) {
		return clip(e.Msg, wire.MaxText)
	}
	return "internal error"
}
