package pki

import (
	"sync"
	"time"
)

// A Clock is the time certificates are judged by. A box without a battery starts in 1970 and one with
// a bad battery in 2029; neither may lock itself out of its own site, nor be talked back into a time
// when a stolen certificate was still good. So:
//
//   - time is never before the floor: the build, or the latest moment the hub has told;
//   - where the hub, or a neighbour while our own clock is in doubt, has told the time and the system
//     clock disagrees, the told time counts, carried on by the monotonic clock, until a source and the
//     system agree again.
//
// A neighbour cannot move the floor: its clock may be years ahead, and a floor never falls.
type Clock struct {
	sys func() time.Time

	mu             sync.Mutex
	floor, floorAt time.Time // floorAt is sys() when floor was set
	told, toldAt   time.Time // toldAt is sys() when told arrived; zero: the system clock is good enough
}

// skewAllowed is how far the system clock may be off before the told time is used in its place. Leaves
// are backdated by backdate, so a difference below this is of no consequence.
const skewAllowed = 2 * time.Minute

// NewClock starts a clock over sys (time.Now where nil) that is never before any of floors.
func NewClock(sys func() time.Time, floors ...time.Time) *Clock {
	if sys == nil {
		sys = time.Now
	}
	c := &Clock{sys: sys}
	for _, f := range floors {
		c.raise(f)
	}
	return c
}

// Now is the time to judge certificates by.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, _ := c.now()
	return t
}

// Behind reports whether the clock stands at its floor because the system's is further back: the true
// time is later than Now, nobody knows by how much.
func (c *Clock) Behind() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, behind := c.now()
	return behind
}

// Floor is the latest moment known to have passed.
func (c *Clock) Floor() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.floor
}

// Skew is how much the time in use is ahead of the system clock; 0 where the system clock is in use.
func (c *Clock) Skew() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, behind := c.now()
	if c.toldAt.IsZero() && !behind {
		return 0
	}
	return t.Sub(c.sys())
}

// Tell takes the time from the hub: it is used where the system clock disagrees, and it becomes the
// floor. A time before the floor is ignored: it cannot be true.
func (c *Clock) Tell(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.adopt(t) {
		c.floor, c.floorAt = t, c.sys()
	}
}

// Adopt takes the time from a neighbour, whose clock may be no better than ours: it is used where the
// system clock disagrees, until somebody knows better, and leaves the floor alone.
func (c *Clock) Adopt(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.adopt(t)
}

func (c *Clock) adopt(t time.Time) bool {
	if t.Before(c.floor) {
		return false
	}
	s := c.sys()
	c.told, c.toldAt = t, s
	if d := s.Sub(t); d > -skewAllowed && d < skewAllowed {
		c.told, c.toldAt = time.Time{}, time.Time{}
	}
	return true
}

// raise moves the floor forward, never back.
func (c *Clock) raise(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.floor) {
		c.floor, c.floorAt = t, c.sys()
	}
}

// now carries told and floor on by what has passed since; Sub is monotonic where sys is time.Now, so a
// later step of the system clock does no harm.
func (c *Clock) now() (t time.Time, behind bool) {
	raw := c.sys()
	t = raw
	if !c.toldAt.IsZero() {
		t = c.told.Add(raw.Sub(c.toldAt))
	}
	if t.Before(c.floor) {
		return c.floor.Add(max(0, raw.Sub(c.floorAt))), true
	}
	return t, false
}
