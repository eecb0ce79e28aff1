package mqtt

import (
	"context"
	"sync/atomic"
	"time"
)

// A limiter keeps one client to its rate by letting it wait; nothing is refused. It is owned by the
// goroutine that reads from the client.
type limiter struct {
	tokens float64
	last   time.Time
	count  int
}

// wait spends one token. The clock is read every 32 messages, for that is what most of the cost is;
// a second's worth of messages may come at once.
func (l *limiter) wait(ctx context.Context, rate, def float64, slowed *atomic.Uint64) error {
	if rate <= 0 {
		rate = def
	}
	if l.tokens >= 1 && l.count < 32 {
		l.count++
		l.tokens--
		return nil
	}
	now := time.Now()
	if l.last.IsZero() {
		l.tokens = rate
	} else {
		l.tokens = min(max(rate, 1), l.tokens+now.Sub(l.last).Seconds()*rate)
	}
	l.last, l.count = now, 0
	l.tokens--
	if l.tokens >= 0 {
		return nil
	}
	slowed.Add(1)
	t := time.NewTimer(time.Duration(-l.tokens / rate * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
