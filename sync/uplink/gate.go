package uplink

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

const (
	packetWrite  = 1_150                // bytes of a write that fits one packet with its headers
	largeWrite   = 16 << 10             // bytes of a write that is not paced, or on a fast line
	writeTime    = 2 * time.Millisecond // a paced write takes the line no longer, unless it is one packet
	slack        = 5 * time.Millisecond // what a late timer may catch up
	freshBurst   = 24 << 10             // bytes of ledger and clinical records that need not wait for the pacer
	leastShare   = 0.2                  // of the paced bytes that classes 4 to 6 get while 2 and 3 have a backlog
	shareMemory  = 64 << 10             // bytes over which shares are reckoned
	longestDebit = time.Second
)

// weights share the line among the classes that may be delayed.
var weights = [...]float64{edge.Community: 4, edge.Telemetry: 3, edge.Bulk: 1}

// A gate lets writes pass in the order of their urgency and at the pacer's rate. Critical records never
// wait. Ledger and clinical records do not while they are few; a backlog of them is paced too, first in
// line, or it would stand in the way of an emergency just as telemetry does.
type gate struct {
	mu      sync.Mutex // guards all below
	p       *pacer
	look    func() sample // asks the transport; now is filled in by the gate
	next    time.Time     // when the line is free for the next paced write
	waiting [edge.Bulk + 1]int
	served  [edge.Bulk + 1]float64 // virtual time of the weighted classes
	fresh   float64                // what is left of freshBurst
	freshAt time.Time
	first   float64 // bytes of classes 2 and 3, and
	rest    float64 // of 4 to 6, that passed lately
	busy    bool
}

func newGate(p *pacer, look func() sample) *gate {
	return &gate{p: p, look: look, fresh: freshBurst}
}

// take waits until class may write and returns how many of want bytes, at least one. It fails only when ctx ends.
func (g *gate) take(ctx context.Context, class edge.Urgency, want int) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := g.passAtOnce(class, want); n > 0 {
		return n, nil
	}
	g.waiting[class]++
	defer func() { g.waiting[class]-- }()
	g.join(class)
	var timer *time.Timer
	for {
		wait, n := g.try(class, want)
		if n > 0 {
			return n, nil
		}
		g.busy = true
		if timer == nil {
			timer = time.NewTimer(wait)
			defer timer.Stop()
		} else {
			timer.Reset(wait)
		}
		g.mu.Unlock()
		select {
		case <-timer.C:
			g.mu.Lock()
		case <-ctx.Done():
			g.mu.Lock()
			return 0, ctx.Err()
		}
	}
}

// passAtOnce lets through what need not wait, and charges it to the line so that the rest holds back.
func (g *gate) passAtOnce(class edge.Urgency, want int) int {
	now := time.Now()
	switch {
	case class == edge.Critical:
		n := min(want, largeWrite)
		g.charge(now, n, g.observe(now))
		return n
	case class <= edge.Care:
		g.refill(now)
		n := min(want, packetWrite)
		if g.fresh < float64(n) {
			return 0
		}
		g.fresh -= float64(n)
		g.charge(now, n, g.observe(now))
		return n
	}
	return 0
}

// refill gives ledger and clinical records back a tenth of the line's rate.
func (g *gate) refill(now time.Time) {
	rate := g.p.allowed()
	if rate == 0 {
		rate = topRate
	}
	if !g.freshAt.IsZero() {
		g.fresh = math.Min(freshBurst, g.fresh+now.Sub(g.freshAt).Seconds()*rate/10)
	}
	g.freshAt = now
}

// join puts a class that comes back level with those that stayed, so that it cannot claim the past.
func (g *gate) join(class edge.Urgency) {
	if class < edge.Community || g.waiting[class] > 1 {
		return
	}
	least := math.Inf(1)
	for c := edge.Community; c <= edge.Bulk; c++ {
		if c != class && g.waiting[c] > 0 {
			least = math.Min(least, g.served[c])
		}
	}
	if !math.IsInf(least, 1) {
		g.served[class] = math.Max(g.served[class], least)
	}
}

// try writes now, n > 0, or says how long to wait before the next try.
func (g *gate) try(class edge.Urgency, want int) (wait time.Duration, n int) {
	now := time.Now()
	rate := g.observe(now)
	if g.next.After(now) && rate > 0 {
		return g.next.Sub(now), 0
	}
	if g.turn() != class {
		return max(time.Millisecond, time.Duration(packetWrite/math.Max(rate, floorRate)*1e9)/8), 0
	}
	n = min(want, g.quantum(rate))
	g.charge(now, n, rate)
	g.book(class, n)
	return 0, n
}

// quantum is how many bytes one write may have: a packet on slow lines, more where that takes no time.
func (g *gate) quantum(rate float64) int {
	if rate == 0 {
		return largeWrite
	}
	return int(clamp(rate*writeTime.Seconds(), packetWrite, largeWrite))
}

func (g *gate) observe(now time.Time) float64 {
	s := g.look()
	s.now = now
	g.p.observe(s, g.busy)
	g.busy = false
	return g.p.allowed()
}

func (g *gate) charge(now time.Time, n int, rate float64) {
	if rate > 0 {
		if late := now.Add(-slack); g.next.Before(late) {
			g.next = late
		}
		g.next = g.next.Add(time.Duration(float64(n) / rate * 1e9))
		if far := now.Add(longestDebit); g.next.After(far) {
			g.next = far
		}
	}
}

// turn is the class whose turn it is among those that wait.
func (g *gate) turn() edge.Urgency {
	urgent, other := edge.Urgency(0), edge.Urgency(0)
	for c := edge.Ledger; c <= edge.Care && urgent == 0; c++ {
		if g.waiting[c] > 0 {
			urgent = c
		}
	}
	for c := edge.Community; c <= edge.Bulk; c++ {
		if g.waiting[c] > 0 && (other == 0 || g.served[c] < g.served[other]) {
			other = c
		}
	}
	if urgent != 0 && (other == 0 || g.rest >= leastShare*(g.first+g.rest)) {
		return urgent
	}
	return other
}

// book remembers n bytes of a class that has had its turn.
func (g *gate) book(class edge.Urgency, n int) {
	switch {
	case class >= edge.Community:
		g.served[class] += float64(n) / weights[class]
		g.rest += float64(n)
	case class >= edge.Ledger:
		g.first += float64(n)
	}
	if sum := g.first + g.rest; sum > shareMemory {
		g.first, g.rest = g.first/2, g.rest/2
	}
}

// rate is the pacer's rate in bytes/s, its view of the queue and of the line's capacity.
func (g *gate) rate() (rate float64, queue time.Duration, capacity float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.p.allowed(), max(0, g.p.queue), g.p.capacity
}

// set changes the profile and the limit in bytes/s.
func (g *gate) set(full bool, limit float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.p.full, g.p.limit = full, limit
}
