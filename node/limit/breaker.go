package limit

import (
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// BreakerOptions say when a breaker opens and for how long. Zero values stand for what is said beside them.
type BreakerOptions struct {
	Least   int           // calls within 10 s before it judges; 10
	Ratio   float64       // share of them that failed; 0.5
	Open    time.Duration // how long it lets nothing through at first; 5 s
	Longest time.Duration // it doubles with every probe that fails, up to this; 2 min
}

// An Outcome is what became of a call.
type Outcome uint8

// Outcomes of calls.
const (
	Failed    Outcome = iota // no answer, or none in time
	Answered                 // an answer, be it a refusal
	Abandoned                // the caller hung up, which says nothing of the other side
)

// A Breaker stops calling somebody who does not answer. After a while it lets one call through to see; the
// rest wait for what becomes of that one.
type Breaker struct {
	o     BreakerOptions
	mu    sync.Mutex // guards all below
	w     window     // answered, failed
	until time.Time  // open until then; zero: closed
	since time.Time  // when it opened; zero: closed
	pause time.Duration
	probe uint64 // number of the call that looks whether it is over; 0: none
	calls uint64
}

// NewBreaker returns a closed breaker. It fails with Invalid on options out of range.
func NewBreaker(o BreakerOptions) (*Breaker, error) {
	if o.Least == 0 {
		o.Least = 10
	}
	if o.Ratio == 0 {
		o.Ratio = 0.5
	}
	if o.Open == 0 {
		o.Open = 5 * time.Second
	}
	if o.Longest == 0 {
		o.Longest = 2 * time.Minute
	}
	if o.Least < 1 || !(o.Ratio > 0 && o.Ratio <= 1) || o.Open < 0 || o.Longest < o.Open {
		return nil, edge.E(edge.Invalid, "a breaker needs 1 call or more, a ratio up to 1, and a longest pause no shorter than the first")
	}
	return &Breaker{o: o, w: window{part: time.Second}, pause: o.Open}, nil
}

// Allow asks for a call. The caller says by done what became of it; it must say so, and only the first word counts.
// It fails with Unavailable while the breaker is open.
func (b *Breaker) Allow(now time.Time) (done func(now time.Time, how Outcome), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.w.roll(now)
	b.calls++
	n := b.calls
	if !b.until.IsZero() {
		if now.Before(b.until) || b.probe != 0 {
			return nil, edge.E(edge.Unavailable, "the other side does not answer").WithHint("it is asked again in %v", max(b.until.Sub(now), time.Second).Round(time.Second))
		}
		b.probe = n
	}
	var once sync.Once
	return func(now time.Time, how Outcome) { once.Do(func() { b.done(n, now, how) }) }, nil
}

func (b *Breaker) done(n uint64, now time.Time, how Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.w.roll(now)
	switch {
	case n == b.probe && how == Abandoned:
		b.probe = 0 // the next call looks
		return
	case n == b.probe && how == Answered:
		b.until, b.since, b.probe, b.pause = time.Time{}, time.Time{}, 0, b.o.Open
		b.w.clear()
		return
	case n == b.probe:
		b.probe, b.pause = 0, min(2*b.pause, b.o.Longest)
		b.until = now.Add(b.pause)
		return
	case how == Abandoned || !b.until.IsZero():
		return // or it began before the breaker opened, and says nothing new
	case how == Answered:
		b.w.add(0)
		return
	}
	b.w.add(1)
	good, bad := b.w.sum()
	if total := good + bad; total >= uint64(b.o.Least) && float64(bad) >= b.o.Ratio*float64(total) {
		b.until, b.since = now.Add(b.pause), now
	}
}

// Since is when the last answer failed to come that opened the breaker; the zero time where it is closed.
func (b *Breaker) Since() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.since
}

// Open reports whether calls are being stopped.
func (b *Breaker) Open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.until.IsZero()
}
