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
	switch f.Reason {
	case wire.Frozen, wire.Forbidden:
		st.stopped = fmt.Sprintf("the hub takes no more of this stream (%v): %s", f.Reason, clip(f.Text))
		st.rewind(st.acked)
	case wire.Quarantined:
		s.u.setAside(f) // the stream went on; nothing to send again
	case wire.Busy:
		st.hold = now.Add(max(f.Retry, 50*time.Millisecond))
		st.rewind(f.Pos)
	default:
		s.goBack(st, f, now)
	}
	s.signal(st.class)
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

// tellSources moves the sources' marks, one after another, and drops nothing: a mark that could not be
// kept is told again with the next acknowledgement.
func (s *session) tellSources(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.marks:
			s.tell(ctx)
		}
	}
}

func (s *session) tell(ctx context.Context) {
	for _, st := range s.unmarked() {
		s.mu.Lock()
		p := st.acked
		s.mu.Unlock()
		if err := st.src.Acked(ctx, p); err != nil {
			if ctx.Err() == nil {
				s.u.trouble(st.id, fmt.Errorf("keep the mark: %w", err))
			}
			continue
		}
		s.mu.Lock()
		st.marked, st.told = p, true
		s.mu.Unlock()
		if p != (edge.Pos{}) {
			s.u.delivered(st.id, p)
		}
	}
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
