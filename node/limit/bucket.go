package limit

import (
	"container/list"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/aielon/edge/node/edge"
)

const shards = 16

// Options say how much a key may take, and how many keys are kept.
type Options struct {
	Rate  float64 // tokens a second
	Burst int     // tokens that may be taken at once; what a key begins with
	Keys  int     // most keys that are kept, at least 16; about 350 bytes each
}

// Buckets is one token bucket for each key. Any number of goroutines may use it.
type Buckets struct {
	o      Options
	full   time.Duration // in which an empty bucket is full again
	seed   maphash.Seed
	shards [shards]shard
}

// A shard is the buckets of some keys, least recently used first.
type shard struct {
	mu    sync.Mutex // guards all below
	now   time.Time  // latest that was seen, so that a clock set back gives nothing twice
	keys  map[Key]*list.Element
	order list.List // of *bucket
	rest  *rate.Limiter
}

type bucket struct {
	key  Key
	used time.Time
	*rate.Limiter
}

// NewBuckets fails with Invalid on options that cannot be kept.
func NewBuckets(o Options) (*Buckets, error) {
	if !(o.Rate > 0) || math.IsInf(o.Rate, 0) || o.Burst < 1 || o.Keys < shards {
		return nil, edge.E(edge.Invalid, "a limit needs a rate above 0, a burst of 1 or more and %d keys or more", shards)
	}
	b := &Buckets{o: o, seed: maphash.MakeSeed(), full: time.Duration(min(float64(o.Burst)/o.Rate*float64(time.Second), float64(math.MaxInt64/2)))}
	for i := range b.shards {
		b.shards[i].keys = map[Key]*list.Element{}
		b.shards[i].rest = rate.NewLimiter(rate.Limit(o.Rate), o.Burst)
	}
	return b, nil
}

// Allow takes cost tokens from the bucket of a key. Where there are not as many it takes none and tells after how
// long there will be; what costs more than the burst is never allowed, and retryAfter is negative.
func (b *Buckets) Allow(k Key, cost int, now time.Time) (ok bool, retryAfter time.Duration) {
	if cost <= 0 {
		return true, 0
	}
	if cost > b.o.Burst {
		return false, -1
	}
	s := &b.shards[maphash.Comparable(b.seed, k)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.now) {
		now = s.now
	}
	s.now = now
	r := b.limiter(s, k, now).ReserveN(now, cost)
	if d := r.DelayFrom(now); d > 0 {
		r.CancelAt(now)
		return false, d
	}
	return true, 0
}

// limiter finds or makes the bucket of a key. Where no more keys are kept, and none of them is as good as new,
// newcomers share one bucket: whoever comes with a million addresses gains nothing by it.
func (b *Buckets) limiter(s *shard, k Key, now time.Time) *rate.Limiter {
	if e, ok := s.keys[k]; ok {
		u := e.Value.(*bucket)
		u.used = now
		s.order.MoveToBack(e)
		return u.Limiter
	}
	for range 2 { // two go for each that comes, so that those who left are forgotten in time
		if e := s.order.Front(); e != nil && now.Sub(e.Value.(*bucket).used) >= b.full {
			delete(s.keys, s.order.Remove(e).(*bucket).key)
		}
	}
	if len(s.keys) >= b.o.Keys/shards {
		return s.rest
	}
	u := &bucket{key: k, used: now, Limiter: rate.NewLimiter(rate.Limit(b.o.Rate), b.o.Burst)}
	// it may have taken from the shared bucket until now, so it begins with no more than is left there
	u.AllowN(now, int(math.Ceil(float64(b.o.Burst)-s.rest.TokensAt(now))))
	s.keys[k] = s.order.PushBack(u)
	return u.Limiter
}

// Len is how many keys are kept.
func (b *Buckets) Len() (n int) {
	for i := range b.shards {
		s := &b.shards[i]
		s.mu.Lock()
		n += len(s.keys)
		s.mu.Unlock()
	}
	return n
}
