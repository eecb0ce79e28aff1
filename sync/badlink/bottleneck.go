package badlink

import (
	"math/rand/v2"
	"time"
)

const (
	defaultQueue = 64 << 10
	defaultHold  = 20 * time.Millisecond
	defaultStall = 200 * time.Millisecond
)

// A bottleneck decides when a packet that arrives now is delivered. It does no I/O and never sleeps:
// the queue is the time at which the line falls idle, so the rate is exact however late timers fire.
type bottleneck struct {
	Shape
	rng     *rand.Rand
	idle    time.Time // when the line will have sent everything it took
	lastDue time.Time // jitter does not reorder: nothing is due before what went before it
}

// A fate is what becomes of one datagram.
type fate uint8

const (
	pass fate = iota
	lost
	overflow
)

func newBottleneck(s Shape, seed, lane uint64) *bottleneck {
	b := &bottleneck{rng: rand.New(rand.NewPCG(seed, lane))}
	b.reshape(s)
	return b
}

func (b *bottleneck) reshape(s Shape) {
	if s.Queue <= 0 {
		s.Queue = defaultQueue
	}
	if s.Hold <= 0 {
		s.Hold = defaultHold
	}
	if s.Stall <= 0 {
		s.Stall = defaultStall
	}
	b.Shape = s
}

// backlog is how many bytes the line has still to send at now.
func (b *bottleneck) backlog(now time.Time) int {
	if b.Rate <= 0 || !b.idle.After(now) {
		return 0
	}
	return int(b.idle.Sub(now).Seconds() * float64(b.Rate) / 8)
}

// full reports how long size bytes have to wait before the queue has room for them; 0: room now.
// A queue smaller than one packet still takes one packet when the line is idle.
func (b *bottleneck) full(now time.Time, size int) time.Duration {
	over := b.backlog(now) + size - b.Queue
	if b.Rate <= 0 || over <= 0 || !b.idle.After(now) {
		return 0
	}
	return max(time.Microsecond, min(b.idle.Sub(now), b.serial(over)))
}

func (b *bottleneck) serial(size int) time.Duration {
	if b.Rate <= 0 {
		return 0
	}
	return time.Duration(float64(size) * 8 / float64(b.Rate) * float64(time.Second))
}

// datagram decides about one datagram: when it is delivered, and when its copy is (zero: no copy).
func (b *bottleneck) datagram(now time.Time, size int) (f fate, due, again time.Time, held bool) {
	if b.Loss > 0 && b.rng.Float64() < b.Loss {
		return lost, due, again, false // lost on the air, before the bottleneck
	}
	if b.full(now, size) > 0 {
		return overflow, due, again, false
	}
	due = b.send(now, size)
	if b.Duplicate > 0 && b.rng.Float64() < b.Duplicate {
		again = due.Add(time.Millisecond)
	}
	if b.Reorder > 0 && b.rng.Float64() < b.Reorder {
		return pass, due.Add(b.Hold), again, true
	}
	b.lastDue = due
	return pass, due, again, false
}

// segment decides about one piece of a TCP stream: it is never lost, but losing it costs Stall.
func (b *bottleneck) segment(now time.Time, size int) (due time.Time, stalled bool) {
	due = b.send(now, size)
	if b.Loss > 0 && b.rng.Float64() < b.Loss {
		return due.Add(b.Stall), true
	}
	return due, false
}

func (b *bottleneck) send(now time.Time, size int) (due time.Time) {
	if b.idle.Before(now) {
		b.idle = now
	}
	b.idle = b.idle.Add(b.serial(size))
	due = b.idle.Add(b.Delay)
	if b.Jitter > 0 {
		due = due.Add(time.Duration(b.rng.Int64N(int64(b.Jitter))))
	}
	if due.Before(b.lastDue) {
		due = b.lastDue
	}
	return due
}
