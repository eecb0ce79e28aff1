package uplink

import (
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// maxFlights bounds the batches of one stream that are on their way.
const maxFlights = 4096

// A flight is a batch that has been written and not been acknowledged.
type flight struct {
	to    edge.Pos
	bytes int
	at    time.Time
}

// A stream is what a session knows about one source. Guarded by session.mu but for the constant fields.
type stream struct {
	src   Source
	id    wire.StreamID
	class edge.Urgency

	sent    edge.Pos // everything up to here has been written, or skipped
	acked   edge.Pos // the hub has everything up to here
	marked  edge.Pos // of which the source has been told up to here
	told    bool     // in this session: also that the hub has nothing is news, it may have had everything
	booked  bool     // in this session: the source has kept where the hub stands. Nothing is sent before
	opened  uint64   // epoch that was announced, or that the hub knows
	parted  uint64   // epoch in which the hub has other records than the source: the rest of it is never sent
	flights []flight
	bytes   int // of flights

	refusedAt edge.Pos // where the hub refused last, and
	refusals  int      // how often in a row, each after another try
	retried   bool     // a try was made since the last refusal
	dropNext  string   // the record after sent is poison: skip it, for this reason
	hold      time.Time
	stopped   string // why nothing of it goes in this session
	dropTo    uint64 // generation: writes planned before a rewind are void
}

// written books a batch or a gap that is on its way.
func (s *stream) written(to edge.Pos, bytes int, now time.Time) {
	s.sent = to
	s.bytes += bytes
	s.flights = append(s.flights, flight{to, bytes, now})
}

// ack takes the hub's word that it has everything up to p, and returns the round trip of the newest batch
// it covers (0: none). Positions that were never written are ignored: they are old or of another session.
func (s *stream) ack(p edge.Pos, now time.Time) (trip time.Duration, moved bool) {
	n := 0
	for i, f := range s.flights {
		if f.to.Epoch == p.Epoch && f.to.Seq > p.Seq {
			break
		}
		if f.to == p || f.to.Epoch == p.Epoch || s.holdsLater(i, p) {
			n = i + 1
		}
	}
	for _, f := range s.flights[:n] {
		s.bytes -= f.bytes
		trip = now.Sub(f.at)
	}
	s.flights = append(s.flights[:0], s.flights[n:]...)
	if p.Epoch == s.acked.Epoch && p.Seq <= s.acked.Seq || n == 0 && !s.within(p) {
		return trip, n > 0
	}
	s.acked = p
	s.refusals = 0
	return trip, true
}

// holdsLater reports whether a flight after i is of p's epoch: then flight i, of an older epoch, is done.
func (s *stream) holdsLater(i int, p edge.Pos) bool {
	for _, f := range s.flights[i+1:] {
		if f.to.Epoch == p.Epoch {
			return true
		}
	}
	return false
}

// within reports whether p lies in the batch that goes next, of which the hub took a part.
func (s *stream) within(p edge.Pos) bool {
	return p.Epoch == s.sent.Epoch && p.Seq <= s.sent.Seq
}

// rewind goes back to the hub's position.
func (s *stream) rewind(p edge.Pos) {
	s.sent, s.bytes, s.flights = p, 0, s.flights[:0]
	s.dropTo++
}

// refuse books a refusal at p and returns how many there were in a row. Refusals of batches that were on
// their way already when the first came do not count.
func (s *stream) refuse(p edge.Pos) int {
	if p != s.refusedAt {
		s.refusedAt, s.refusals, s.retried = p, 0, true
	}
	if s.retried {
		s.refusals++
		s.retried = false
	}
	return s.refusals
}

// waiting is how many records the hub does not have, as far as both are in one epoch.
func (s *stream) waiting(head edge.Pos) uint64 {
	switch {
	case head.Epoch != s.acked.Epoch:
		return head.Seq // at least
	case head.Seq > s.acked.Seq:
		return head.Seq - s.acked.Seq
	}
	return 0
}
