package uplink

import (
	"context"
	"fmt"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// acked takes an ACK: what it covers is on the hub's disk.
func (s *session) acked(f *wire.Ack) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastAck = now
	for _, d := range f.List {
		st := s.streams[d.Stream]
		if st == nil {
			continue
		}
		trip, moved := st.ack(d.Pos, now)
		if moved {
			s.moved = now
			s.signal(st.class)
			s.signalMarks()
		}
		if trip > 0 {
			if s.trip == 0 {
				s.trip = trip
			}
			s.trip += (trip - s.trip) / 8
		}
	}
}

// nacked goes back to where the hub is, or stops the stream, as the reason says.
func (s *session) nacked(f *wire.Nack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[f.Stream]
	if st == nil {
		return
	}
	now := time.Now()
	s.moved = now
	s.u.refusal(f)
	if s.wentBack(st, f) {
		return
	}
	switch f.Reason {
	case wire.Frozen, wire.Forbidden:
		st.stopped = fmt.Sprintf("the hub takes no more of this stream (%v): %s", f.Reason, clip(f.Text))
		st.rewind(st.acked)
	case wire.Quarantined:
		s.u.setAside(f) // the stream went on; nothing to send again
	case wire.Busy:
		st.hold = now.Add(max(f.Retry, 50*time.Millisecond))
		if f.Pos.IsZero() { // a hub that cannot look does not know
			f.Pos = st.acked
		}
		st.rewind(f.Pos)
	default:
		s.goBack(st, f, now)
	}
	s.signal(st.class)
}

// wentBack ends the session where the hub has less than it has confirmed in it: its store was put back under
// it. The next session begins with its cursors, and with the sources being told. The caller holds mu.
func (s *session) wentBack(st *stream, f *wire.Nack) bool {
	switch f.Reason {
	case wire.Frozen, wire.Forbidden, wire.Quarantined:
		return false
	case wire.Busy:
		if f.Pos.IsZero() {
			return false
		}
	}
	if f.Pos.Epoch > st.acked.Epoch || f.Pos.Epoch == st.acked.Epoch && f.Pos.Seq >= st.acked.Seq {
		return false
	}
	st.stopped = "the hub has less of this stream than it had confirmed"
	st.rewind(st.acked)
	s.fail(edge.E(edge.Unavailable, "the hub has stream %s up to %v and had confirmed %v", st.id, f.Pos, st.acked).WithHint("the hub's store was put back; the link is made again"))
	return true
}

// goBack resumes at the hub's position. A record that is refused a third time is left out, if the node
// has somewhere to keep it; everything later waits longer each time.
func (s *session) goBack(st *stream, f *wire.Nack, now time.Time) {
	n := st.refuse(f.Pos)
	if st.sent == f.Pos && len(st.flights) == 0 {
		return // an answer to what was on its way before we went back
	}
	st.rewind(f.Pos)
	if f.Reason == wire.NoEpoch || f.Pos.Epoch != st.opened {
		st.opened = 0 // announce it again
	}
	switch {
	case n < maxRefusals:
	case n == maxRefusals && f.Reason == wire.Gap && s.u.o.Calls.Poisoned != nil:
		st.dropNext = fmt.Sprintf("the hub refused it %d times (%v): %s", n, f.Reason, f.Text)
	default:
		st.hold = now.Add(min(refusalPause<<min(n, 10), time.Minute))
	}
}

func (s *session) grant(c wire.Credit) {
	if !c.Class.Valid() {
		return
	}
	s.mu.Lock()
	x := &s.credit[c.Class]
	x.limited, x.limit = true, max(x.limit, c.Limit)
	s.mu.Unlock()
	s.signal(c.Class)
}

// tellAgain is how long a source that could not keep its mark is left alone.
const tellAgain = 2 * time.Second

// tellSources moves the sources' marks, one after another, and drops nothing: a mark that could not be
// kept is told again.
func (s *session) tellSources(ctx context.Context) {
	for {
		var again <-chan time.Time
		if !s.tell(ctx) {
			again = time.After(tellAgain)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.marks:
		case <-again:
		}
	}
}

// tell reports whether all sources have kept how far the hub is.
func (s *session) tell(ctx context.Context) bool {
	all := true
	for _, st := range s.unmarked() {
		s.mu.Lock()
		p := st.acked
		s.mu.Unlock()
		err := st.src.Acked(ctx, p)
		if err != nil && ctx.Err() == nil {
			s.u.trouble(st.id, fmt.Errorf("keep the mark: %w", err))
		}
		all = s.kept(st, p, err) && all
		if err == nil && p != (edge.Pos{}) {
			s.u.delivered(st.id, p)
		}
	}
	return all
}

// kept notes how a source took a mark. What a hub that went back leaves behind is booked by the source with
// the first mark of a session, so only then does the stream move. A source that does not know the hub's
// position has nothing to book; the stream must go on to find that out.
func (s *session) kept(st *stream, p edge.Pos, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		st.marked, st.told = p, true
	}
	done := err == nil || edge.IsKind(err, edge.Conflict)
	if done && !st.booked {
		st.booked = true
		s.signal(st.class)
	}
	return done
}

func (s *session) unmarked() (list []*stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		if st.acked != st.marked || !st.told {
			list = append(list, st)
		}
	}
	return list
}

// flushMarks tells the sources the last acknowledgements of a session that has ended.
func (u *Uplink) flushMarks(s *session) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s.tell(ctx)
}
