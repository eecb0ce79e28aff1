package uplink

import (
	"context"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

const (
	beat       = 250 * time.Millisecond
	progress   = 10 * time.Second // and three round trips without an acknowledgement: ask whether the path lives
	patience   = 5 * time.Second  // and three round trips without an answer: it does not
	mute       = 3 * time.Second  // and three round trips without a single packet while data is on its way: ask at once
	muteWait   = 2 * time.Second  // and three round trips for that answer
	hubStalled = 2 * time.Minute  // the path lives but nothing is acknowledged: try another connection
	timeEvery  = 10 * time.Minute
	idleLeave  = 20 * time.Second // metered: leave after so long without anything to send
)

// ping is the question whether the path is alive.
type ping struct {
	nonce uint64
	at    time.Time // of the question that waits for its answer; zero: none waits
	short time.Duration
}

// rttMeter knows the round trip where the transport does not: over TCP, from PING.
type rttMeter struct {
	latest, smooth time.Duration
	sent           uint64 // bytes handed to lanes
}

// live keeps time for a session: keepalive, liveness, clock exchange, data budget, network changes.
func (s *session) live(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	began := time.Now()
	var asked, saved time.Time
	for {
		now := time.Now()
		if asked.IsZero() || now.Sub(asked) > timeEvery {
			asked = now
			t, _ := s.u.o.Clock()
			s.check(s.link.say(ctx, &wire.Time{T1: t}))
		}
		s.u.account(s.link, now)
		if now.Sub(saved) > 5*time.Minute {
			saved = now
			s.u.save(ctx)
		}
		s.check(s.tellBacklog(ctx, now))
		s.check(s.alive(ctx, now))
		s.check(s.worthIt(now, began))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *session) check(err error) {
	if err != nil {
		s.fail(err)
	}
}

// alive asks where there is doubt, and says so where there is none left.
func (s *session) alive(ctx context.Context, now time.Time) error {
	s.mu.Lock()
	trip := max(s.trip, s.pathTrip())
	flying := !s.idle()
	silent, stuck := now.Sub(s.heard), now.Sub(s.moved)
	p := s.ping
	if rx := s.link.Stats().Received; rx != s.received {
		s.received, s.receivedAt = rx, now
	}
	quiet := now.Sub(s.receivedAt)
	s.mu.Unlock()
	if !p.at.IsZero() {
		limit := 3*s.pathTripOf() + patience
		if p.short > 0 {
			limit = p.short
		}
		if now.Sub(p.at) > limit && silent > limit {
			s.u.keepaliveFailed(s.link)
			return edge.E(edge.Unavailable, "the hub has not answered for %v", now.Sub(p.at).Round(time.Millisecond))
		}
		return nil
	}
	switch {
	case flying && quiet > mute+3*trip && silent > mute+3*trip && stuck > mute+3*trip:
		return s.ask(ctx, now, muteWait+3*trip)
	case flying && stuck > hubStalled:
		return edge.E(edge.Unavailable, "the hub has acknowledged nothing for %v", stuck.Round(time.Second))
	case flying && stuck > progress+3*trip && silent > progress:
		return s.ask(ctx, now, 0)
	case s.u.o.Profile != Metered && silent >= s.u.keepaliveEvery(s.link):
		return s.ask(ctx, now, 0)
	case s.link.Transport() == "tcp" && flying:
		return s.ask(ctx, now, 0) // TCP has no other way to learn the round trip of the path
	}
	return nil
}

// ask sends a PING; short, where set, is how long the answer may take.
func (s *session) ask(ctx context.Context, now time.Time, short time.Duration) error {
	s.mu.Lock()
	s.ping = ping{nonce: s.ping.nonce + 1, at: now, short: short}
	n := s.ping.nonce
	s.mu.Unlock()
	return s.link.say(ctx, &wire.Ping{Nonce: n})
}

func (s *session) pong(nonce uint64) {
	if s.answered(nonce) {
		s.u.keepaliveHeld(s.link)
	}
}

func (s *session) answered(nonce uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if nonce != s.ping.nonce || s.ping.at.IsZero() {
		return false
	}
	d := time.Since(s.ping.at)
	s.ping.at = time.Time{}
	s.rtt.latest = d
	if s.rtt.smooth == 0 {
		s.rtt.smooth = d
	}
	s.rtt.smooth += (d - s.rtt.smooth) / 8
	return true
}

// pathTrip is the smoothed round trip of the path. s.mu is held.
func (s *session) pathTrip() time.Duration {
	if s.link.Transport() == "tcp" {
		return max(s.rtt.smooth, 100*time.Millisecond)
	}
	return s.link.Stats().Smoothed
}

func (s *session) pathTripOf() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pathTrip()
}

// sample is what the gate asks for the pacer.
func (s *session) sample() sample {
	st := s.link.Stats()
	if s.link.Transport() == "quic" {
		return sample{latest: st.Latest, smooth: st.Smoothed, sent: st.Sent}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return sample{latest: s.rtt.latest, smooth: s.rtt.smooth, sent: s.rtt.sent}
}

// count books bytes handed to a lane.
func (s *session) count(n int) {
	s.mu.Lock()
	s.rtt.sent += uint64(n)
	s.mu.Unlock()
}

// worthIt ends a metered session that has nothing to do.
func (s *session) worthIt(now, began time.Time) error {
	if s.u.o.Profile != Metered || now.Sub(began) < idleLeave {
		return nil
	}
	s.mu.Lock()
	busy := !s.idle() || now.Sub(s.moved) < idleLeave || now.Sub(s.heard) < 2*time.Second
	s.mu.Unlock()
	if busy || s.u.wanted(now) {
		return nil
	}
	return errIdle
}

// pathChanged forgets what was known of the path and asks at once whether the link survived.
func (s *session) pathChanged(ctx context.Context) {
	s.gate.mu.Lock()
	s.gate.p.newPath(0)
	s.gate.mu.Unlock()
	s.check(s.ask(ctx, time.Now(), 3*time.Second))
}

// timed takes the hub's answer to our clock question.
func (s *session) timed(f *wire.Time) {
	t4, _ := s.u.o.Clock()
	if f.T2.IsZero() || f.T1.After(t4) {
		return
	}
	ahead, delay := f.Offset(t4)
	if s.u.o.Calls.Time != nil && delay >= 0 {
		s.u.o.Calls.Time(ahead, delay/2+time.Millisecond)
	}
}

// watch wakes the writers when a journal has something new: one goroutine per source, or one that polls
// where there are very many.
func (s *session) watch(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	watched := map[wire.StreamID]bool{}
	for {
		list := s.unwatched(watched)
		if len(watched)+len(list) > manySources {
			s.poll(ctx)
			return
		}
		for _, st := range list {
			watched[st.id] = true
			all.Go(func() { s.watchOne(ctx, st) })
		}
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
			if err := s.adopt(ctx); err != nil {
				s.fail(err)
				return
			}
			s.wakeAll()
		}
	}
}

func (s *session) unwatched(known map[wire.StreamID]bool) (list []*stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, st := range s.streams {
		if !known[id] {
			list = append(list, st)
		}
	}
	return list
}

func (s *session) watchOne(ctx context.Context, st *stream) {
	for {
		head := st.src.Head()
		s.signal(st.class)
		if err := st.src.Wait(ctx, head); err != nil {
			if ctx.Err() != nil {
				return
			}
			s.u.trouble(st.id, err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}
}

// poll looks at all heads four times a second, and at once on Kick.
func (s *session) poll(ctx context.Context) {
	tick := time.NewTicker(pollSources)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.kick:
			if err := s.adopt(ctx); err != nil {
				s.fail(err)
				return
			}
		}
		s.wakeAll()
	}
}
