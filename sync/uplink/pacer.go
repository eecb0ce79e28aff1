package uplink

import (
	"math"
	"time"
)

// Figures of the pacer. The target is how long paced traffic may keep the bottleneck's queue, on top of
// one packet of its own; everything urgent waits behind it.
const (
	queueTarget  = 25 * time.Millisecond
	queueCut     = 180 * time.Millisecond
	standingFrom = 12 * time.Millisecond  // below it a queue may be noise, and the line may have idled
	aim          = 400 * time.Millisecond // over which a deviation from the target is worked off
	floorRate    = 3_000                  // bytes/s: a wrong baseline must not stop traffic for ever (freenet-core #2459)
	startRate    = 16_000                 // bytes/s
	topRate      = 1e9                    // bytes/s
	packetSize   = 1_200                  // bytes of a full datagram, for its own time on the line
	baseLife     = 10 * time.Minute       // the empty path is measured again so often
	suspectAfter = 4 * time.Second        // a queue that will not drain: the path has become longer
	minStep      = 100 * time.Millisecond // between two looks at the delivery rate
)

// A sample is what the transport knows about the path at one moment.
type sample struct {
	now    time.Time
	latest time.Duration // newest round trip; 0: none yet
	smooth time.Duration
	sent   uint64 // bytes put on the network so far, headers included
}

// A pacer decides how many bytes a second the paced classes may send, so that the queue at the
// bottleneck stays short and an urgent record overtakes all but a packet or two. It does no I/O and reads
// no clock. Loss does not slow it down: QUIC's and TCP's own congestion control lie underneath and do that.
//
// It keeps an estimate of the bottleneck's capacity. What was sent one round trip ago is what arrives
// now, so the delivery rate follows from the history of bytes sent; while a queue stands, the delivery
// rate is the capacity. With the capacity, bytes in flight tell the queue that will meet a packet sent
// now, without waiting a round trip to measure it. That is why the rate does not swing.
type pacer struct {
	limit float64 // bytes/s asked for by people; 0: none
	full  bool    // nothing urgent is expected: do not pace at all

	rate     float64 // bytes/s allowed now
	capacity float64 // bytes/s of the bottleneck, as far as known
	startup  bool    // no queue was seen yet on this path
	calm     int     // steps in a row that met no queue although we sent all we were allowed

	base      time.Duration // round trip of the empty path
	baseAt    time.Time     // when base was last confirmed
	quiet     time.Time     // until then we hold back, to see the empty path
	quietMin  time.Duration
	highSince time.Time // queue above the cut without a break

	ring  [4]rtt
	seen  int
	hist  history
	stepT time.Time
	stepL time.Duration // filtered round trip at the last step
	queue time.Duration // standing queue now
	low   time.Duration // least standing queue since the last step
}

// An rtt is one round trip and when it was learned.
type rtt struct {
	at time.Time
	d  time.Duration
}

// newPacer starts at a rate in bytes/s; 0: a careful one.
func newPacer(rate float64) *pacer {
	if rate < floorRate {
		rate = startRate
	}
	return &pacer{rate: rate, capacity: rate, startup: true}
}

// observe takes a sample and sets the rate. busy says that paced traffic has had to wait for the pacer:
// without it nothing is learned about what the path could take.
func (p *pacer) observe(s sample, busy bool) {
	p.hist.add(s.now, s.sent)
	if s.latest <= 0 {
		return
	}
	p.collect(s)
	l := p.filtered(s.now)
	own := min(time.Duration(packetSize/p.capacity*1e9), 250*time.Millisecond)
	p.queue = l - p.base - own
	p.low = min(p.low, p.queue)
	if p.stepT.IsZero() {
		p.stepT, p.stepL, p.low = s.now, l, p.queue
		return
	}
	seen := p.startup && p.queue > standingFrom && s.now.After(p.stepT)
	if seen || s.now.Sub(p.stepT) >= p.stepLength(s) {
		p.step(s, l, busy)
	}
	if p.startup || p.measureBase(s) {
		return
	}
	p.steer(s, l, own)
}

// stepLength is a round trip, and at least as long as it takes six packets to arrive: over fewer the
// delivery rate is mostly rounding.
func (p *pacer) stepLength(s sample) time.Duration {
	if p.startup {
		return max(min(s.smooth, time.Second), minStep)
	}
	return max(min(s.smooth, time.Second), minStep, min(time.Duration(6*packetSize/p.capacity*1e9), time.Second))
}

// collect keeps the last four round trips and the shortest.
func (p *pacer) collect(s sample) {
	if p.seen > 0 && p.ring[(p.seen-1)%len(p.ring)].d == s.latest {
		return
	}
	p.ring[p.seen%len(p.ring)] = rtt{s.now, s.latest}
	p.seen++
	if p.base == 0 || s.latest <= p.base {
		p.base, p.baseAt = s.latest, s.now
	}
	if !p.quiet.IsZero() && (p.quietMin == 0 || s.latest < p.quietMin) {
		p.quietMin = s.latest
	}
}

// filtered is the least of the last four round trips, so that one that a radio delayed is not taken for
// a queue. Samples older than 400 ms do not count: on a slow line four of them are too long ago.
func (p *pacer) filtered(now time.Time) time.Duration {
	least := p.ring[(p.seen-1)%len(p.ring)].d
	for i := range min(p.seen, len(p.ring)) {
		if r := p.ring[i]; now.Sub(r.at) < 400*time.Millisecond {
			least = min(least, r.d)
		}
	}
	return least
}

// step looks at what was delivered since the last step and mends the estimate of the capacity.
func (p *pacer) step(s sample, l time.Duration, busy bool) {
	span := s.now.Sub(p.stepT).Seconds()
	delivered := (p.hist.at(s.now.Add(-l)) - p.hist.at(p.stepT.Add(-p.stepL))) / span
	stood := p.low > standingFrom
	p.stepT, p.stepL, p.low = s.now, l, p.queue
	switch {
	case p.startup:
		p.start(delivered, busy)
	case stood && delivered > 0:
		p.calm = 0
		p.capacity += clamp(span*1.5, 0.1, 0.5) * (delivered - p.capacity)
	case delivered > p.capacity:
		p.capacity = math.Min(delivered, 1.1*p.capacity)
	}
	if !p.startup && busy && p.queue < standingFrom {
		if p.calm++; p.calm > 4 { // the line has become faster: look for how much, in growing steps
			p.capacity *= 1 + 0.04*float64(min(p.calm-4, 10))
		}
	}
	p.capacity = clamp(p.capacity, floorRate, topRate)
}

// start raises the rate until the first queue shows.
func (p *pacer) start(delivered float64, busy bool) {
	switch {
	case p.queue > standingFrom:
		p.startup = false
		p.capacity = clamp(delivered, floorRate, p.rate)
	case busy && delivered > p.rate/4:
		p.rate = math.Min(1.6*p.rate, topRate)
		p.capacity = p.rate
	}
	p.rate = p.bounded(p.rate)
}

// steer sets the rate so that the queue a packet sent now will meet comes to the target.
func (p *pacer) steer(s sample, l, own time.Duration) {
	flight := float64(s.sent) - p.hist.at(s.now.Add(-l))
	ahead := flight/p.capacity - (p.base + own).Seconds()
	r := p.capacity * clamp(1+(queueTarget.Seconds()-ahead)/aim.Seconds(), 0.12, 1.5)
	if p.queue > queueCut {
		r = math.Min(r, 0.6*p.capacity)
		if p.highSince.IsZero() {
			p.highSince = s.now
		}
	} else {
		p.highSince = time.Time{}
	}
	p.rate = p.bounded(r)
}

// measureBase runs the quiet periods in which the empty path is measured: every baseLife, and when a
// queue will not drain although we hold back. It reports whether one is on.
func (p *pacer) measureBase(s sample) bool {
	if p.quiet.IsZero() {
		stuck := !p.highSince.IsZero() && s.now.Sub(p.highSince) > suspectAfter
		if !stuck && s.now.Sub(p.baseAt) < baseLife {
			return false
		}
		p.quiet, p.quietMin = s.now.Add(max(600*time.Millisecond, 2*s.smooth)), 0
	}
	if s.now.Before(p.quiet) {
		p.rate = p.bounded(p.capacity / 8)
		return true
	}
	if p.quietMin > 0 {
		p.base = p.quietMin
	}
	p.baseAt, p.quiet, p.highSince, p.seen = s.now, time.Time{}, time.Time{}, min(p.seen, 1)
	p.ring[0] = rtt{s.now, s.latest}
	return false
}

func (p *pacer) bounded(r float64) float64 {
	if p.limit > 0 {
		r = math.Min(r, p.limit)
	}
	return clamp(r, floorRate, topRate)
}

// allowed is the rate to use now, in bytes/s; 0: do not pace.
func (p *pacer) allowed() float64 {
	if p.full {
		return p.limit
	}
	return p.rate
}

// newPath forgets what belonged to the old path. rate is what the new one is remembered to take; 0: unknown.
func (p *pacer) newPath(rate float64) {
	limit, full := p.limit, p.full
	*p = *newPacer(rate)
	p.limit, p.full = limit, full
}

func clamp(x, lo, hi float64) float64 { return math.Max(lo, math.Min(hi, x)) }

// A history tells how many bytes had been sent at a moment of the recent past.
type history struct {
	points [512]struct {
		at   time.Time
		sent float64
	}
	n int // points ever added
}

// add records a point. Points closer than a millisecond to the one before replace it, so that the
// history reaches back half a second on the fastest line and much further on slow ones.
func (h *history) add(at time.Time, sent uint64) {
	if h.n >= 2 {
		last := h.points[(h.n-1)%len(h.points)]
		before := h.points[(h.n-2)%len(h.points)]
		if at.Sub(before.at) < time.Millisecond || last.sent == float64(sent) && before.sent == last.sent {
			h.n--
		}
	}
	p := &h.points[h.n%len(h.points)]
	p.at, p.sent = at, float64(sent)
	h.n++
}

// at interpolates between the points around t.
func (h *history) at(t time.Time) float64 {
	first := max(0, h.n-len(h.points))
	lo, hi := first, h.n-1
	if hi < 0 {
		return 0
	}
	for lo < hi { // the last point not after t
		mid := (lo + hi + 1) / 2
		if h.points[mid%len(h.points)].at.After(t) {
			hi = mid - 1
		} else {
			lo = mid
		}
	}
	a := h.points[lo%len(h.points)]
	if lo == h.n-1 || !a.at.Before(t) {
		return a.sent
	}
	b := h.points[(lo+1)%len(h.points)]
	return a.sent + (b.sent-a.sent)*float64(t.Sub(a.at))/float64(b.at.Sub(a.at))
}
