package uplink

import (
	"context"
	"fmt"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// Status is how the uplink is at one moment, for a page.
type Status struct {
	Connected bool
	Hub       string
	Transport string // "quic" or "tcp"
	Since     time.Time
	RTT       time.Duration
	AckTrip   time.Duration // from writing a batch to the hub's word that it is on disk
	Queue     time.Duration // standing queue at the bottleneck
	Rate      float64       // bytes/s the paced classes may send; 0: not paced
	Capacity  float64       // bytes/s the line is thought to take
	LastAck   time.Time
	Streams   []StreamStatus
	Day       uint64 // bytes used today
	Month     uint64 // bytes used this month
	Budget    Budget // in force, the hub's policy included
	Given     Budget // without it
	NextRetry time.Time
	Failures  int
	LastError string
	Refused   map[string]uint64 // what the hub did not take, by reason
}

// StreamStatus is how far one stream has come.
type StreamStatus struct {
	ID      wire.StreamID
	Class   edge.Urgency
	Head    edge.Pos // newest record here
	Acked   edge.Pos // newest record on the hub's disk, as far as known since the start
	Waiting uint64   // records of the newest epoch that the hub does not have
	LastAck time.Time
	Held    string    // why nothing of it goes now: window, budget, frozen
	Trouble string    // the last error, until a record was acknowledged
	ClearAt time.Time // when it is expected to have caught up; zero: not known
}

// Connected reports whether there is a link to a hub now. Unlike Status it costs nothing.
func (u *Uplink) Connected() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.session != nil
}

// Status returns how the uplink is. It works from memory.
func (u *Uplink) Status() Status {
	now := time.Now()
	u.mu.Lock()
	s := u.session
	u.mu.Unlock()
	st := Status{Refused: map[string]uint64{}}
	k := known{held: map[wire.StreamID]string{}, size: map[edge.Urgency]float64{}}
	if s != nil {
		s.describe(&st, k)
	}
	sources := u.o.Sources()
	heads := make([]edge.Pos, len(sources))
	for i, src := range sources {
		heads[i] = src.Head()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.meter.roll(now)
	st.Since, st.Day, st.Month, st.Budget = u.since, u.meter.spent.DayBytes, u.meter.spent.MonthBytes, u.meter.budget
	st.Given = u.o.Budget
	st.NextRetry, st.Failures, st.LastError = u.retryAt, u.wait.failures, u.lastErr
	for r, n := range u.refused {
		st.Refused[r.String()] = n
	}
	for i, src := range sources {
		st.Streams = append(st.Streams, u.streamStatus(now, src, heads[i], &st, k))
	}
	return st
}

// known is what a session adds to Status.
type known struct {
	held map[wire.StreamID]string
	size map[edge.Urgency]float64 // bytes one record of a class takes on the wire
}

// streamStatus is called with u.mu held.
func (u *Uplink) streamStatus(now time.Time, src Source, head edge.Pos, st *Status, k known) StreamStatus {
	id := src.ID()
	a := u.acks[id]
	x := StreamStatus{ID: id, Class: src.Urgency(), Head: head, Acked: a.pos, LastAck: a.at, Trouble: a.trouble, Held: k.held[id]}
	x.Waiting = (&stream{acked: a.pos}).waiting(head)
	if ok, why, _ := u.meter.may(now, x.Class); !ok && x.Held == "" {
		x.Held = why
	}
	if a.at.After(st.LastAck) {
		st.LastAck = a.at
	}
	if size := k.size[x.Class]; size > 0 && st.Capacity > 0 {
		x.ClearAt = u.meter.forecast(now, x.Class, uint64(size*float64(x.Waiting)), st.Capacity)
	}
	return x
}

// describe fills in what the session knows.
func (s *session) describe(st *Status, k known) {
	st.Connected, st.Hub, st.Transport = true, s.link.hub, s.link.Transport()
	st.Rate, st.Queue, st.Capacity = s.gate.rate()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.RTT, st.AckTrip = s.pathTrip(), s.trip
	for id, x := range s.streams {
		k.held[id] = x.stopped
	}
	for c, n := range s.records {
		if n > 0 {
			k.size[edge.Urgency(c)] = float64(s.credit[c].used) / float64(n)
		}
	}
}

// Report says whether an operator should look.
func (u *Uplink) Report(context.Context) edge.Health {
	st := u.Status()
	for _, x := range st.Streams {
		if x.Held != "" && x.Class <= edge.Care {
			return edge.Health{Level: edge.Failed, Msg: fmt.Sprintf("stream %s is not delivered: %s", x.ID, x.Held), Hint: "look at the stream at the hub; records are kept here"}
		}
	}
	if !st.Connected {
		return u.offline(st)
	}
	for _, x := range st.Streams {
		if x.Trouble != "" {
			return edge.Health{Level: edge.Degraded, Msg: fmt.Sprintf("stream %s has trouble: %s", x.ID, x.Trouble)}
		}
	}
	var waiting uint64
	for _, x := range st.Streams {
		waiting += x.Waiting
	}
	return edge.Health{Msg: fmt.Sprintf("connected to %s over %s, %d records wait", st.Hub, st.Transport, waiting)}
}

// offline is no fault for a while: the box is made to work alone.
func (u *Uplink) offline(st Status) edge.Health {
	gone := time.Since(st.Since).Round(time.Second)
	if u.o.Profile == Metered && st.LastError == "" {
		return edge.Health{Msg: "not connected: the link is metered and nothing waits"}
	}
	h := edge.Health{Msg: fmt.Sprintf("no link to the hub for %v; everything is kept here and will be sent later", gone), Hint: st.LastError}
	if gone > 10*time.Minute {
		h.Level = edge.Degraded
	}
	return h
}
