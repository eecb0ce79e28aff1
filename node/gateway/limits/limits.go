// Package limits holds back who asks too much: a budget for each address, before anything else is done for a
// request, and one for each caller.
package limits

import (
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
	"github.com/aielon/edge/node/limit"
)

// Options are the budgets.
type Options struct {
	Stranger limit.Options    // of an address, for requests that prove nothing
	Address  limit.Options    // of an address, for all of them
	Caller   limit.Options    // of a person, program or device
	Now      func() time.Time // default time.Now
}

// DefaultRate is far above what a person or a program of a clinic does and far below what a node takes, in requests
// a second.
const DefaultRate = 200

// For returns budgets in proportion to what one caller may ask for in a second. An address has five times that,
// since several may be behind it and most requests pay twice: when one comes, and when it becomes a call. Who has
// proven nothing has a tenth.
func For(perSecond int) Options {
	budget := func(rate float64, seconds int) limit.Options {
		return limit.Options{Rate: rate, Burst: max(int(rate)*seconds, 100), Keys: 4096}
	}
	r := float64(perSecond)
	return Options{Stranger: budget(r/10, 5), Address: budget(5*r, 4), Caller: budget(r, 5)}
}

// Limits implements gateway.Limiter.
type Limits struct {
	o                          Options
	stranger, address, callers *limit.Buckets

	refused [3]atomic.Uint64 // by whose budget
}

// Whose budgets there are.
const (
	stranger = iota
	address
	caller
)

// Refused is how many requests each budget refused, by its name.
func (l *Limits) Refused() map[string]uint64 {
	return map[string]uint64{"stranger": l.refused[stranger].Load(), "address": l.refused[address].Load(), "caller": l.refused[caller].Load()}
}

// New returns Limits. It fails with Invalid on budgets that cannot be kept.
func New(o Options) (_ *Limits, err error) {
	l := &Limits{o: o}
	if l.o.Now == nil {
		l.o.Now = time.Now
	}
	if l.stranger, err = limit.NewBuckets(o.Stranger); err != nil {
		return nil, err
	}
	if l.address, err = limit.NewBuckets(o.Address); err != nil {
		return nil, err
	}
	l.callers, err = limit.NewBuckets(o.Caller)
	return l, err
}

// Address implements gateway.Limiter. This box's own user is not held back.
func (l *Limits) Address(r call.Request) error {
	if r.Credentials.Local {
		return nil
	}
	return l.take(address, l.address, limit.KeyOf(r.Peer), 1, "from this address")
}

// Principal implements gateway.Limiter.
func (l *Limits) Principal(r call.Request, cost int) error {
	switch {
	case r.Credentials.Local:
		return nil
	case !r.Caller.Proven():
		return l.take(stranger, l.stranger, limit.KeyOf(r.Peer), min(cost, l.o.Stranger.Burst), "from this address")
	}
	return l.take(caller, l.callers, limit.KeyFor(r.Caller.Actor, r.Peer), min(cost, l.o.Caller.Burst), "by you")
}

func (l *Limits) take(budget int, b *limit.Buckets, k limit.Key, cost int, whose string) error {
	ok, after := b.Allow(k, cost, l.o.Now())
	if ok {
		return nil
	}
	l.refused[budget].Add(1)
	return &problem.Throttled{Why: edge.E(edge.Exhausted, "too many requests %s", whose).WithHint("wait a little, then go on"), After: after}
}
