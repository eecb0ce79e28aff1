package site

import "time"

// maxStep is how far the leader's clock may run ahead of the site's last time before it is taken for
// wrong. A site that was switched off for longer says so once with the site.clock command.
const maxStep = 180 * 24 * time.Hour

// A clock gives the times at which commands happen. Within a site they only grow, whoever leads and
// whatever the clocks of the nodes do: the last one is part of the state. It is used by the sequencer's
// goroutine alone.
type clock struct {
	wall  func() time.Time // what the node believes; may jump either way
	floor int64            // nothing happens before: the time the program was built, Unix nanoseconds

	seen    time.Time // when this leader last gave a time, on the monotonic clock
	gave    int64     // that time, Unix nanoseconds
	doubted bool      // the node's clock was not believed the last time it was asked
}

// next is a time after last: the node's own where that is plausible, and otherwise last plus what the
// monotonic clock says has gone by since, so that a clock set to 1970 or to 2036 neither stops time nor
// drags the site along.
func (c *clock) next(last int64) int64 {
	mono := time.Now()
	since := int64(1)
	if !c.seen.IsZero() {
		since = max(1, int64(mono.Sub(c.seen)))
	}
	c.seen = mono
	last = max(last, c.gave)
	now := max(c.wall().UnixNano(), c.floor)
	c.doubted = last > 0 && (now > last+int64(maxStep) || now < last-int64(time.Minute))
	if c.doubted || now <= last {
		now = last + since
	}
	c.gave = now
	return now
}

// reset forgets what was given under an earlier leadership: other leaders gave times since.
func (c *clock) reset() { c.seen, c.gave = time.Time{}, 0 }
