package gateway

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

const (
	floodRefusals = 500              // so many refusals of one address for asking too often,
	floodWithin   = 10 * time.Second // within this time,
	floodAway     = 10 * time.Second // and it is not listened to for that long
	floodPeers    = 1024             // addresses that are watched
)

// floods notices addresses that go on asking though they are refused: to answer each of their requests would
// leave no time for others. HTTP/2 streams that are opened and reset at once (CVE-2023-44487) are seen here too,
// since each is a request.
type floods struct {
	mu sync.Mutex // guards by
	by map[netip.Addr]*flood
}

type flood struct {
	refused int
	since   time.Time
	until   time.Time
}

func newFloods() *floods { return &floods{by: map[netip.Addr]*flood{}} }

// refused counts a refusal, and reports whether to hang up.
func (f *floods) refused(a netip.Addr, now time.Time) bool {
	if a.IsLoopback() || !a.IsValid() {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.by[a]
	switch {
	case x == nil && !f.room(now):
		return false
	case x == nil || now.Sub(x.since) > floodWithin:
		x = &flood{since: now}
		f.by[a] = x
	}
	if x.refused++; x.refused >= floodRefusals {
		x.until = now.Add(floodAway)
	}
	return now.Before(x.until)
}

func (f *floods) banned(a netip.Addr, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.by[a]
	return x != nil && now.Before(x.until)
}

// room makes room for one more address. While there is none, those that are known go on to be watched.
func (f *floods) room(now time.Time) bool {
	if len(f.by) < floodPeers {
		return true
	}
	for a, x := range f.by {
		if now.Sub(x.since) > floodWithin && now.After(x.until) {
			delete(f.by, a)
		}
	}
	return len(f.by) < floodPeers
}

type hangUpKey struct{}

// withHangUp puts into the context of a connection what closes it.
func withHangUp(ctx context.Context, f func()) context.Context {
	return context.WithValue(ctx, hangUpKey{}, f)
}

func hangUp(ctx context.Context) {
	if f, ok := ctx.Value(hangUpKey{}).(func()); ok {
		f()
	}
}
