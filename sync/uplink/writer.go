package uplink

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

const (
	bulkBatch    = 64 << 10 // bytes unpacked in one batch of classes 4 to 6
	bulkRecords  = 256
	urgentBatch  = 16 << 10 // of classes 1 to 3: small, so that the first of them is safe soon
	idleLook     = 30 * time.Second
	manySources  = 256 // above it journals are polled and not waited for
	pollSources  = 250 * time.Millisecond
	maxRefusals  = 3
	refusalPause = 200 * time.Millisecond
)

// writeClass sends the records of one class until ctx ends. It alone writes to its lane, and it alone
// moves stream.sent forward.
func (s *session) writeClass(ctx context.Context, class edge.Urgency) {
	for ctx.Err() == nil {
		did, wait, err := s.round(ctx, class)
		if err != nil {
			s.fail(err)
			return
		}
		if did {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-s.wake[class]:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// round lets every stream of a class send one batch. It reports whether any did and, if none, how long
// to wait at most before the next look.
func (s *session) round(ctx context.Context, class edge.Urgency) (did bool, wait time.Duration, err error) {
	wait = idleLook
	if ok, until := s.u.mayUse(s.link, class); !ok {
		return false, clampWait(time.Until(until)), nil
	}
	s.mu.Lock()
	list := s.byClass[class]
	s.mu.Unlock()
	for _, st := range list {
		sent, pause, err := s.sendSome(ctx, st)
		if err != nil || ctx.Err() != nil {
			return did, wait, err
		}
		did = did || sent
		if pause > 0 {
			wait = min(wait, pause)
		}
	}
	return did, wait, nil
}

func clampWait(d time.Duration) time.Duration { return min(max(d, 10*time.Millisecond), idleLook) }

// A plan is what goes next of a stream.
type plan struct {
	from  edge.Pos
	gen   uint64
	past  uint64 // epoch of which nothing more can be sent; 0: none
	open  uint64 // epoch that is announced already
	drop  string // skip the first record, for this reason
	limit int    // bytes
}

// plan looks at a stream; ok is false where it can send nothing now, pause says for how long at least.
func (s *session) plan(st *stream) (p plan, ok bool, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.credit[st.class]
	switch {
	case st.stopped != "", !st.booked: // the telling of the source wakes us
		return p, false, 0
	case time.Now().Before(st.hold):
		return p, false, time.Until(st.hold)
	case len(st.flights) >= maxFlights, s.unacked(st.class) >= s.u.o.Window:
		return p, false, 0 // an ACK wakes us
	case c.limited && c.used >= c.limit:
		return p, false, 0 // CREDIT wakes us
	}
	p = plan{from: st.sent, gen: st.dropTo, past: st.parted, open: st.opened, drop: st.dropNext, limit: bulkBatch}
	if st.class <= edge.Care {
		p.limit = urgentBatch
	}
	if c.limited {
		p.limit = int(min(uint64(p.limit), max(c.limit-c.used, 1024)))
	}
	return p, true, 0
}

func (s *session) unacked(class edge.Urgency) (n int) {
	for _, st := range s.byClass[class] {
		n += st.bytes
	}
	return n
}

// sendSome sends at most one batch, with what has to go before it.
func (s *session) sendSome(ctx context.Context, st *stream) (did bool, pause time.Duration, err error) {
	p, ok, pause := s.plan(st)
	if !ok || st.src.Head() == p.from {
		return false, pause, nil
	}
	b := batcher{s: s, st: st, plan: p, at: p.from}
	after := p.from
	if p.past != 0 && p.past == after.Epoch {
		after = edge.Pos{Epoch: p.past, Seq: math.MaxInt64}
	}
	for r, err := range st.src.Read(ctx, after) {
		var gap *edge.Gap
		switch {
		case errors.As(err, &gap):
			err = b.gap(ctx, gap)
		case err != nil:
			return b.did, 0, s.unreadable(ctx, st, p.from, err)
		default:
			err = b.record(ctx, r)
		}
		if err != nil {
			return b.did, 0, err
		}
		if b.full {
			break
		}
	}
	if err := b.flush(ctx); err != nil {
		return b.did, 0, err
	}
	if e := st.src.Head().Epoch; !b.full && b.at.Epoch != 0 && e > b.at.Epoch {
		err := b.epoch(ctx, e, nil) // nothing is in it yet, but what lies before it is settled now
		if err != nil {
			return b.did, 0, err
		}
	}
	if b.broken != nil {
		return b.did, refusalPause, s.unreadable(ctx, st, b.at, b.broken)
	}
	return b.did, 0, nil
}

// unreadable deals with a journal that cannot go on after a position: where it is the hub's and not ours,
// our store has lost something; otherwise the stream waits and the trouble is shown.
func (s *session) unreadable(ctx context.Context, st *stream, at edge.Pos, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	s.mu.Lock()
	theirs := at == st.acked && at.Epoch != 0
	st.hold = time.Now().Add(5 * time.Second)
	s.mu.Unlock()
	s.u.trouble(st.id, err)
	if !theirs || isForeign(st.src) || !edge.IsKind(err, edge.Conflict) && !edge.IsKind(err, edge.NotFound) {
		return nil
	}
	if err := s.u.doubt(ctx, st.id, at); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.parted, st.hold = at.Epoch, time.Time{}
	return nil
}

// A batcher turns what a journal yields into frames.
type batcher struct {
	s      *session
	st     *stream
	plan   plan
	at     edge.Pos // up to where frames were written
	b      *wire.Builder
	full   bool
	did    bool
	broken error
}

// record adds one record; b.full says that it did not fit any more.
func (b *batcher) record(ctx context.Context, r edge.Record) error {
	if r.Pos.Epoch != b.end().Epoch || r.Pos.Epoch != b.plan.open {
		if err := b.epoch(ctx, r.Pos.Epoch, &r); err != nil || b.broken != nil {
			return err
		}
	}
	if b.plan.drop != "" {
		return b.poison(ctx, r)
	}
	if b.b == nil {
		b.b = wire.NewBuilder(b.st.id, b.st.class, b.at, b.plan.limit)
	}
	took, err := b.b.Add(r)
	if err != nil {
		b.broken, b.full = err, true
		return nil
	}
	b.full = !took || b.b.Len() >= bulkRecords
	return nil
}

// end is the position behind everything gathered so far.
func (b *batcher) end() edge.Pos {
	if b.b != nil {
		return b.b.After()
	}
	return b.at
}

// epoch announces the epoch that begins, or that the hub has to hear about again.
func (b *batcher) epoch(ctx context.Context, number uint64, first *edge.Record) error {
	if err := b.flush(ctx); err != nil {
		return err
	}
	e, ok := b.begin(number, first)
	if !ok {
		b.broken, b.full = edge.E(edge.Corrupt, "how epoch %x of stream %s began is not known", number, b.st.id), true
		return nil
	}
	f := &wire.Epoch{Stream: b.st.id, Urgency: b.st.class, Genesis: e.First, Fork: e.Fork, Reason: e.Reason}
	fresh := b.at.Epoch != number
	to := b.at
	if fresh {
		to = e.First
	}
	if err := b.send(ctx, f, to, false); err != nil {
		return err
	}
	b.plan.open = number
	b.s.opened(b.st, b.plan.gen, number)
	return nil
}

// begin finds how an epoch began: the source knows, or it follows from the position before.
func (b *batcher) begin(number uint64, first *edge.Record) (Epoch, bool) {
	if src, ok := b.st.src.(Epochs); ok {
		if e, ok := src.Epoch(number); ok {
			return e, true
		}
	}
	for _, fork := range []edge.Pos{b.at, {}} {
		g := edge.Genesis(b.st.id.String(), number, fork)
		if first == nil || first.Pos.Seq != 1 || g.Next(edge.AppendEvent(nil, first.Event)) == first.Pos {
			return Epoch{First: g, Fork: fork, Reason: "new"}, true
		}
	}
	return Epoch{}, false
}

// gap declares records that are gone.
func (b *batcher) gap(ctx context.Context, g *edge.Gap) error {
	from, count := g.From, g.Count
	if g.To.Epoch != b.end().Epoch || g.To.Epoch != b.plan.open {
		if err := b.epoch(ctx, g.To.Epoch, nil); err != nil || b.broken != nil {
			return err
		}
	}
	if err := b.flush(ctx); err != nil {
		return err
	}
	if from != b.at { // a gap of which the hub has the front part, or that begins before its epoch
		from, count = b.at, g.To.Seq-b.at.Seq
	}
	if g.To.Seq <= from.Seq {
		return nil
	}
	return b.send(ctx, &wire.Skip{Stream: b.st.id, Urgency: b.st.class, From: from, To: g.To, Count: count, Reason: clip(g.Reason)}, g.To, false)
}

// poison leaves out a record that the hub refused again and again, and says so.
func (b *batcher) poison(ctx context.Context, r edge.Record) error {
	reason := b.plan.drop
	b.plan.drop, b.full = "", true
	if err := b.s.u.poisoned(ctx, b.st.id, r, reason); err != nil {
		return err
	}
	skip := &wire.Skip{Stream: b.st.id, Urgency: b.st.class, From: b.at, To: r.Pos, Count: 1, Reason: clip("quarantined: " + reason)}
	if err := b.send(ctx, skip, r.Pos, false); err != nil {
		return err
	}
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.st.dropNext = ""
	return nil
}

// flush writes what was gathered.
func (b *batcher) flush(ctx context.Context) error {
	if b.b == nil || b.b.Len() == 0 {
		return nil
	}
	to := b.b.After()
	f := b.b.Seal(b.s.u.codec, b.s.dict)
	b.b = nil
	return b.send(ctx, f, to, true)
}

// send writes one frame at the pace of its class. A rewind that came meanwhile voids the booking: the
// hub will drop or refuse the frame, and the stream is elsewhere already.
func (b *batcher) send(ctx context.Context, f wire.Frame, to edge.Pos, records bool) error {
	enc, err := wire.AppendFrame(nil, f)
	if err != nil {
		return err
	}
	if !b.s.book(b.st, b.plan.gen, b.at, to, len(enc), records) {
		b.full = true
		return nil
	}
	if err := b.s.transmit(ctx, b.st.class, enc); err != nil {
		return err
	}
	b.at, b.did = to, true
	return nil
}

// book notes a frame that is about to be written; false: the stream was rewound, do not write it.
func (s *session) book(st *stream, gen uint64, from, to edge.Pos, bytes int, records bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.dropTo != gen {
		return false
	}
	now := time.Now()
	if s.moved.IsZero() || s.idle() {
		s.moved = now
	}
	if from == st.refusedAt {
		st.retried = true
	}
	if records {
		s.credit[st.class].used += uint64(bytes)
		s.records[st.class] += to.Seq - from.Seq
	}
	if to.Seq == 0 {
		st.sent = to // an epoch that begins; nobody acknowledges that
	} else if to != from {
		st.written(to, bytes, now)
	}
	return true
}

// idle reports whether nothing is on its way.
func (s *session) idle() bool {
	if s.obj.flying() {
		return false
	}
	for _, st := range s.streams {
		if len(st.flights) > 0 {
			return false
		}
	}
	return true
}

func (s *session) opened(st *stream, gen, epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.dropTo == gen {
		st.opened = epoch
	}
}

// transmit hands a frame to its lane through the gate. On a fast line it goes whole, once the gate has let
// all of it pass; on a slow one packet by packet.
func (s *session) transmit(ctx context.Context, class edge.Urgency, frame []byte) error {
	lane := wire.LaneOf(class)
	rate, _, _ := s.gate.rate()
	if rate == 0 || len(frame) <= 4*s.gate.quantum(rate) && len(frame) > wire.Piece {
		for left := len(frame); left > 0; {
			n, err := s.gate.take(ctx, class, left)
			if err != nil {
				return err
			}
			left -= n
		}
		s.count(len(frame))
		return s.link.SendPaced(ctx, lane, frame, nil)
	}
	return s.link.SendPaced(ctx, lane, frame, func(ctx context.Context, n int) error {
		s.count(n)
		for n > 0 {
			k, err := s.gate.take(ctx, class, n)
			if err != nil {
				return err
			}
			n -= k
		}
		return nil
	})
}

func clip(s string) string {
	if len(s) > wire.MaxText {
		return s[:wire.MaxText]
	}
	return s
}
