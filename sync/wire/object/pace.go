package object

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/aielon/edge/sync/wire"
)

// Figures of the Pacer.
const (
	paceTarget = 60 * time.Millisecond // of queue at the bottleneck
	paceFloor  = 3_000                 // bytes/s
	paceStart  = 32_000
	paceTop    = 50e6
	paceBase   = 10 * time.Minute // after which the round trip of the empty path is learnt anew
	paceSlack  = 5 * time.Millisecond
)

// A Pacer keeps the queue that objects from a hub make on a node's line short, so that acknowledgements and
// commands pass. It is the plain controller of a delay target: the hub has thousands of links, and what
// is urgent goes the other way; nodes use a better one (sync/uplink). Loss does not slow it down, the
// transport's own control does.
type Pacer struct {
	stats func() wire.Stats

	mu       sync.Mutex
	rate     float64 // bytes/s
	startup  bool
	next     time.Time
	stepAt   time.Time
	sent     uint64
	least    time.Duration    // round trip since the last step: jitter is no queue
	base     [2]time.Duration // least round trip of this and of the last spell of paceBase
	baseFrom time.Time
}

// NewPacer paces what is sent over a link.
func NewPacer(stats func() wire.Stats) *Pacer {
	return &Pacer{stats: stats, rate: paceStart, startup: true}
}

// Pace is a wire.Pace.
func (p *Pacer) Pace(ctx context.Context, n int) error {
	d := p.book(time.Now(), n)
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// book takes n bytes and says how long to wait before they go.
func (p *Pacer) book(now time.Time, n int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.look(now, p.stats())
	if late := now.Add(-paceSlack); p.next.Before(late) {
		p.next = late
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(time.Duration(float64(n) / p.rate * 1e9))
	return wait
}

// look sets the rate once a round trip.
func (p *Pacer) look(now time.Time, s wire.Stats) {
	if s.Latest <= 0 {
		return
	}
	if p.least = min(p.least, s.Latest); p.least == 0 {
		p.least = s.Latest
	}
	if now.Sub(p.baseFrom) > paceBase {
		p.base[0], p.base[1], p.baseFrom = s.Latest, p.base[0], now
	}
	p.base[0] = min(p.base[0], s.Latest)
	since := now.Sub(p.stepAt)
	if since < min(max(s.Smoothed, 100*time.Millisecond), time.Second) {
		return
	}
	actual := float64(s.Sent-p.sent) / since.Seconds()
	first := p.stepAt.IsZero()
	p.stepAt, p.sent = now, s.Sent
	if !first {
		p.step(p.queue(), actual)
	}
	p.least = s.Latest
}

// queue is the round trip beyond that of the empty path.
func (p *Pacer) queue() time.Duration {
	base := p.base[0]
	if p.base[1] > 0 {
		base = min(base, p.base[1])
	}
	return p.least - base
}

func (p *Pacer) step(queue time.Duration, actual float64) {
	switch {
	case queue > 3*paceTarget:
		p.startup, p.rate = false, math.Min(0.8*p.rate, 0.8*actual)
	case queue > paceTarget:
		p.startup, p.rate = false, p.rate*0.97
	case actual < p.rate/2: // not all that was allowed was sent: nothing is learnt
	case p.startup:
		p.rate *= 2
	default:
		p.rate = p.rate*1.03 + 300
	}
	p.rate = math.Max(paceFloor, math.Min(p.rate, paceTop))
}
