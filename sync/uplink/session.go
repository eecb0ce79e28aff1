package uplink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// Reasons why a session ends that are nobody's fault.
var (
	errBetter = errors.New("QUIC works again")
	errIdle   = errors.New("nothing to send, the link is metered")
)

const helloTimeout = 20 * time.Second

// A session is one link from HELLO to its end. Its goroutines are: one that reads control (run), one that
// writes per class, one that tells sources what was acknowledged, one that keeps time (live), and the
// workers of configuration and commands.
type session struct {
	u    *Uplink
	link *link
	gate *gate
	dict uint32
	obj  *objects // nil where no objects are moved; set by open

	teller teller

	mu         sync.Mutex // guards all below
	streams    map[wire.StreamID]*stream
	byClass    [edge.Bulk + 1][]*stream
	credit     [edge.Bulk + 1]credit
	records    [edge.Bulk + 1]uint64 // written, to know the size of one
	trip       time.Duration         // smoothed time from write to acknowledgement
	heard      time.Time             // when the last frame came
	moved      time.Time             // when the last acknowledgement brought something new, or flights began
	lastAck    time.Time
	received   uint64    // bytes, as the transport counts, and
	receivedAt time.Time // when they last grew
	ping       ping
	rtt        rttMeter
	goaway     *wire.Goaway
	hubHas     map[wire.StreamID]wire.Cursor // as it said when the session was opened

	kick  chan struct{}                // capacity 1: sources or the network may have changed
	wake  [edge.Bulk + 1]chan struct{} // capacity 1: a class may have something to do
	marks chan struct{}                // capacity 1: a mark has moved
	fail  context.CancelCauseFunc
}

// credit is how many bytes of a class the hub takes on this link in all.
type credit struct {
	limited bool
	limit   uint64
	used    uint64
}

// run opens the session and works until the link breaks or ctx ends. opened tells that the hub has
// welcomed us, which is what counts as success for the back-off.
func (u *Uplink) runSession(ctx context.Context, l *link, opened func(*session)) error {
	ctx, fail := context.WithCancelCause(ctx)
	now := time.Now()
	s := &session{u: u, link: l, heard: now, moved: now, receivedAt: now, fail: fail, streams: map[wire.StreamID]*stream{}, marks: make(chan struct{}, 1), kick: make(chan struct{}, 1),
		teller: teller{list: u.o.Backlog}}
	for i := range s.wake {
		s.wake[i] = make(chan struct{}, 1)
	}
	s.gate = newGate(u.pacerFor(l), s.sample)
	var work sync.WaitGroup
	err := s.open(ctx)
	if err == nil {
		opened(s)
		s.start(ctx, &work)
		err = s.read(ctx)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	fail(err)
	s.bye(err)
	work.Wait()
	u.flushMarks(s)
	return err
}

func (s *session) bye(err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, errIdle) || errors.Is(err, errBetter) {
		// CloseWithError drops what is not sent yet, so the goodbye gets a moment.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if s.sayBacklog(ctx, time.Now()) == nil && s.link.say(ctx, &wire.Goaway{Reason: wire.Leaving, Text: err.Error()}) == nil {
			time.Sleep(20 * time.Millisecond)
		}
		err = nil
	}
	s.link.end(err)
}

// open says HELLO and takes in the hub's cursors.
func (s *session) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	now, sure := s.u.o.Clock()
	hello := &wire.Hello{Proto: wire.Version, Boot: s.u.boot, Session: s.u.sessions.Add(1), Build: s.u.o.Build,
		Hub: s.u.o.Hub, Clock: now, Confidence: sure, Dicts: s.u.codec.Dicts()}
	if err := s.link.say(ctx, hello); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	f, err := s.link.next(ctx)
	if err != nil {
		return fmt.Errorf("welcome: %w", err)
	}
	w, ok := f.(*wire.Welcome)
	if !ok {
		return s.refused(f)
	}
	if w.Proto != wire.Version {
		return edge.E(edge.Invalid, "the hub speaks version %d of the protocol, this node version %d", w.Proto, wire.Version).WithHint("update the older of the two")
	}
	for _, c := range w.Credit {
		s.grant(c)
	}
	s.dict = s.u.codec.Choose(w.Dicts)
	s.obj = newObjects(s, w)
	if s.hubHas, err = s.cursors(ctx); err != nil {
		return err
	}
	s.heard = time.Now()
	return s.adopt(ctx)
}

// refused turns what came instead of WELCOME into an error.
func (s *session) refused(f wire.Frame) error {
	switch f := f.(type) {
	case *wire.ErrorFrame:
		return f.Err()
	case *wire.Goaway:
		s.goaway = f
		return edge.E(edge.Unavailable, "the hub sent us away: %s", f.Text)
	}
	return edge.E(edge.Invalid, "the hub answered HELLO with a frame of type %d", f.Type())
}

func (s *session) cursors(ctx context.Context) (map[wire.StreamID]wire.Cursor, error) {
	all := map[wire.StreamID]wire.Cursor{}
	for {
		f, err := s.link.next(ctx)
		if err != nil {
			return nil, fmt.Errorf("cursors: %w", err)
		}
		c, ok := f.(*wire.Cursors)
		if !ok {
			if _, bad := f.(*wire.ErrorFrame); bad {
				return nil, s.refused(f)
			}
			s.handle(ctx, f) // TIME, POLICY, CREDIT may come early
			continue
		}
		for _, x := range c.List {
			all[x.Stream] = x
		}
		if c.Last {
			return all, nil
		}
	}
}

// adopt makes a stream of every source, at the place where the hub has it.
func (s *session) adopt(ctx context.Context) error {
	for _, src := range s.u.o.Sources() {
		s.mu.Lock()
		known := s.streams[src.ID()] != nil
		s.mu.Unlock()
		if known {
			continue
		}
		if err := s.add(ctx, src, s.hubHas[src.ID()]); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) add(ctx context.Context, src Source, c wire.Cursor) error {
	st := &stream{src: src, id: src.ID(), class: src.Urgency()}
	if err := st.id.Check(); err != nil || !st.class.Valid() {
		return edge.E(edge.Invalid, "the source %q cannot be delivered: %w", src.ID(), err)
	}
	behind := c.Pos.Epoch != 0 && ahead(c.Pos, src.Head())
	foreign := isForeign(src)
	doubted := behind && !foreign
	if behind && foreign {
		s.u.trouble(st.id, edge.E(edge.Unavailable, "the hub above has more of this stream than there is here: it goes on when its origin has sent the rest again"))
	}
	if doubted {
		if err := s.u.doubt(ctx, st.id, c.Pos); err != nil {
			return err
		}
	}
	st.sent, st.acked, st.opened = c.Pos, c.Pos, c.Pos.Epoch
	if doubted {
		st.marked, st.told, st.booked, st.parted = c.Pos, true, true, c.Pos.Epoch // the source knows no such position
	}
	if c.Frozen {
		st.stopped = "the hub has frozen this stream"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams[st.id] = st
	s.byClass[st.class] = append(s.byClass[st.class], st)
	s.signalMarks()
	return nil
}

func isForeign(src Source) bool {
	f, ok := src.(Foreign)
	return ok && f.Foreign()
}

// ahead reports whether the hub holds records of the epoch that is open here beyond our head, or another
// record in its place.
func ahead(hub, head edge.Pos) bool {
	return hub.Epoch == head.Epoch && (hub.Seq > head.Seq || hub.Seq == head.Seq && hub.Sum != head.Sum)
}

func (s *session) start(ctx context.Context, work *sync.WaitGroup) {
	for _, c := range edge.Urgencies() {
		work.Go(func() { s.writeClass(ctx, c) })
	}
	work.Go(func() { s.watch(ctx) })
	work.Go(func() { s.tellSources(ctx) })
	work.Go(func() { s.live(ctx) })
	work.Go(func() { s.u.down.run(ctx, s.link) })
	work.Go(func() { s.obj.run(ctx) })
	if s.link.Transport() == "tcp" && !s.u.o.NoQUIC {
		work.Go(func() { s.reprobe(ctx) })
	}
}

// read takes the hub's control frames until the link breaks.
func (s *session) read(ctx context.Context) error {
	for {
		f, err := s.link.next(ctx)
		if err != nil {
			return err
		}
		if err := s.handle(ctx, f); err != nil {
			return err
		}
	}
}

// handle acts on one control frame. It never blocks for long.
func (s *session) handle(ctx context.Context, f wire.Frame) error {
	s.mu.Lock()
	s.heard = time.Now()
	s.mu.Unlock()
	switch f := f.(type) {
	case *wire.Ack:
		s.acked(f)
	case *wire.Nack:
		s.nacked(f)
	case *wire.Credit:
		s.grant(*f)
	case *wire.Ping:
		return s.link.say(ctx, &wire.Pong{Nonce: f.Nonce})
	case *wire.Pong:
		s.pong(f.Nonce)
	case *wire.Policy:
		s.u.policy(*f)
	case *wire.Goaway:
		s.mu.Lock()
		s.goaway = f
		s.mu.Unlock()
		return edge.E(edge.Unavailable, "the hub closes the link: %s", f.Text)
	case *wire.ErrorFrame:
		return f.Err()
	case *wire.Receipt:
		if s.u.o.Calls.Receipt != nil {
			s.u.o.Calls.Receipt(*f)
		}
	case *wire.Time:
		s.timed(f)
	case *wire.Have, *wire.Decline, *wire.Object:
		s.obj.frame(f)
	case *wire.Twin, *wire.Cmd:
		s.u.down.take(f)
	}
	return nil
}

// wakeAll tells every class to look again.
func (s *session) wakeAll() {
	for c := range s.wake {
		s.signal(edge.Urgency(c))
	}
}

func (s *session) signal(c edge.Urgency) {
	select {
	case s.wake[c] <- struct{}{}:
	default:
	}
}

func (s *session) signalMarks() {
	select {
	case s.marks <- struct{}{}:
	default:
	}
}
