// Package limits holds back who asks too much: a budget for each address, before anything else is done for a
// request, and one for each caller.
package limits

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
)

// A Rate is so many requests of cost 1 a second, and so many at once.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Options are the budgets.
type Options struct {
	Stranger Rate             // of an address, for requests that prove nothing
	Address  Rate             // of an address, for all of them
	Caller   Rate             // of a person, program or device
	Keys     int              // addresses and callers that are told apart; beyond, they share
	Now      func() time.Time // default time.Now
}

// Default budgets are far above what people do and far below what a node takes.
func Default() Options {
	return Options{Stranger: Rate{20, 100}, Address: Rate{500, 2000}, Caller: Rate{200, 1000}, Keys: 16_384}
}

// Limits implements gateway.Limiter.
type Limits struct {
	o                          Options
	stranger, address, callers *buckets
}

// New returns Limits.
func New(o Options) *Limits {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Limits{o: o, stranger: newBuckets(o.Stranger, o.Keys), address: newBuckets(o.Address, o.Keys), callers: newBuckets(o.Caller, o.Keys)}
}

// Address implements gateway.Limiter. This box's own user is not held back.
func (l *Limits) Address(r call.Request) error {
	if r.Credentials.Local {
		return nil
	}
	return l.take(l.address, network(r.Peer), 1, "from this address")
}

// Principal implements gateway.Limiter.
func (l *Limits) Principal(r call.Request, cost int) error {
	switch {
	case r.Credentials.Local:
		return nil
	case !r.Caller.Proven():
		return l.take(l.stranger, network(r.Peer), cost, "from this address")
	}
	return l.take(l.callers, string(rune('0'+r.Caller.Kind))+r.Caller.ID, cost, "by you")
}

func (l *Limits) take(b *buckets, key string, cost int, whose string) error {
	wait, ok := b.take(key, cost, l.o.Now())
	if ok {
		return nil
	}
	return &problem.Throttled{Why: edge.E(edge.Exhausted, "too many requests %s", whose).WithHint("wait a little, then go on"), After: wait}
}

// network is whom an address counts for: itself, or of IPv6 the /64 that one line has (RFC 6177).
func network(a netip.Addr) string {
	if a.Is6() && !a.Is4In6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.Unmap().String()
}

// shards keep callers from waiting for one lock.
const shards = 16

type buckets struct {
	rate Rate
	most int // of one shard
	seed maphash.Seed
	part [shards]struct {
		mu   sync.Mutex // guards by
		by   map[string]*bucket
		rest *rate.Limiter // shared by those for whom there is no room
	}
}

type bucket struct {
	*rate.Limiter
	used time.Time
}

func newBuckets(r Rate, keys int) *buckets {
	b := &buckets{rate: r, most: max(keys/shards, 1), seed: maphash.MakeSeed()}
	for i := range b.part {
		b.part[i].by = map[string]*bucket{}
		b.part[i].rest = rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
	}
	return b
}

// take takes cost off the budget of key, and says how long to wait where it is used up.
func (b *buckets) take(key string, cost int, now time.Time) (wait time.Duration, ok bool) {
	p := &b.part[maphash.String(b.seed, key)%shards]
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.rest
	if x := p.by[key]; x != nil {
		x.used, l = now, x.Limiter
	} else if b.room(p.by, now) {
		l = rate.NewLimiter(rate.Limit(b.rate.PerSecond), b.rate.Burst)
		p.by[key] = &bucket{l, now}
	}
	cost = min(cost, b.rate.Burst)
	if l.AllowN(now, cost) {
		return 0, true
	}
	return time.Duration((float64(cost) - l.TokensAt(now)) / b.rate.PerSecond * float64(time.Second)), false
}

// room makes room for one more key: those that are full again are as good as new.
func (b *buckets) room(by map[string]*bucket, now time.Time) bool {
	if len(by) < b.most {
		return true
	}
	full := time.Duration(float64(b.rate.Burst) / b.rate.PerSecond * float64(time.Second))
	for k, x := range by {
		if now.Sub(x.used) > full {
			delete(by, k)
		}
	}
	return len(by) < b.most
}
