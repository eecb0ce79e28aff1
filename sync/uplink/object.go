package uplink

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
	"github.com/aielon/edge/sync/wire/object"
)

const (
	objectsAtOnce = 2                // objects under way: a small one does not wait for the end of a large one
	objectLook    = 30 * time.Second // how often a sleeping sender looks again
	objectPause   = 30 * time.Second // after a refusal, doubled with each, up to
	objectLongest = time.Hour
	maxHeld       = 10_000 // objects whose pauses are remembered
)

// Objects is what the node has to deliver besides records: large values, named by the hash of their
// content. They go in the class bulk, in chunks, and go on where they were after a cut or a restart.
type Objects interface {
	// Store is where they lie.
	Store() *blob.Store
	// Waiting lists those the hub does not have, the ones to go first in front; some hundred are enough.
	Waiting() []blob.Hash
	// Delivered says that the hub has an object on its disk. It must be durable when it returns.
	Delivered(ctx context.Context, h blob.Hash) error
	// Refused says why an object does not get through for now: the hub does not take it, or it is not
	// whole here (Corrupt, NotFound). It is tried again later, unless Waiting lists it no more.
	Refused(ctx context.Context, h blob.Hash, err error)
	// Wanted lists what is to be fetched from the hub.
	Wanted() []blob.Hash
	// Fetched says that an object from the hub lies in Store, durably.
	Fetched(ctx context.Context, h blob.Hash)
	// Missed says why an object does not come for now. It is asked for again later.
	Missed(ctx context.Context, h blob.Hash, err error)
}

// A held object is not tried before a time.
type held struct {
	until time.Time
	times int
}

// objects is what a session does for large objects.
type objects struct {
	s      *session
	sender *object.Sender
	wake   chan struct{} // capacity 1
	moved  chan struct{} // capacity 1: one of the workers took an object; let the next look

	recv *object.Receiver
	look chan struct{} // capacity 1: there may be something to fetch

	mu    sync.Mutex
	taken map[blob.Hash]bool      // guarded by mu: by a worker
	asked map[blob.Hash]time.Time // guarded by mu: wanted from the hub, and when it last sent something
}

// newObjects returns nil where either side does not move objects.
func newObjects(s *session, w *wire.Welcome) *objects {
	if s.u.o.Objects == nil || w.Extra.Get(wire.Objects) == "" {
		return nil
	}
	o := &objects{s: s, wake: make(chan struct{}, 1), moved: make(chan struct{}, 1), taken: map[blob.Hash]bool{}, look: make(chan struct{}, 1), asked: map[blob.Hash]time.Time{}}
	o.sender = object.NewSender(s.u.o.Objects.Store(), o)
	o.receive()
	return o
}

// run delivers until ctx, that of the session, ends.
func (o *objects) run(ctx context.Context) {
	if o == nil {
		return
	}
	var all sync.WaitGroup
	defer o.recv.Close()
	defer all.Wait()
	all.Go(func() { o.fetch(ctx) })
	for range objectsAtOnce {
		all.Go(func() { o.deliver(ctx) })
	}
}

// kick makes the workers look for objects; it never blocks.
func (o *objects) kick() {
	if o != nil {
		nudge(o.wake)
		nudge(o.look)
	}
}

func (o *objects) deliver(ctx context.Context) {
	for ctx.Err() == nil {
		h, wait := o.pick(time.Now())
		if wait > 0 {
			o.rest(ctx, wait)
			continue
		}
		nudge(o.moved)
		err := o.sender.Send(ctx, h)
		if ctx.Err() == nil {
			o.ended(ctx, h, err)
		}
		o.mu.Lock()
		delete(o.taken, h)
		o.mu.Unlock()
	}
}

func (o *objects) rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-o.wake:
	case <-o.moved:
	case <-t.C:
	}
}

// pick takes the next object, or says how long to wait.
func (o *objects) pick(now time.Time) (h blob.Hash, wait time.Duration) {
	if ok, again := o.May(); !ok {
		return h, again
	}
	list := o.s.u.o.Objects.Waiting()
	wait = objectLook
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, h := range list {
		if o.taken[h] {
			continue
		}
		if d := o.s.u.objectHeld(h, now); d > 0 {
			wait = min(wait, d)
			continue
		}
		o.taken[h] = true
		return h, 0
	}
	return h, max(wait, 10*time.Millisecond)
}

// ended books how sending an object ended.
func (o *objects) ended(ctx context.Context, h blob.Hash, err error) {
	u := o.s.u
	if err == nil {
		if err = u.o.Objects.Delivered(ctx, h); err == nil {
			u.release(h)
			u.changed()
			return
		}
	}
	var no *object.Declined
	var retry time.Duration
	if errors.As(err, &no) {
		retry = no.Retry
	}
	u.hold(h, time.Now(), retry)
	u.o.Logger.Warn("an object is not delivered yet", "object", h.String(), "error", err)
	u.o.Objects.Refused(ctx, h, err)
	u.changed()
}

// objectHeld is how long an object has to wait yet.
func (u *Uplink) objectHeld(h blob.Hash, now time.Time) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.held[h].until.Sub(now)
}

// hold makes an object wait: as long as the hub asks, and longer with each time.
func (u *Uplink) hold(h blob.Hash, now time.Time, least time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.held) >= maxHeld {
		clear(u.held)
	}
	x := u.held[h]
	d := min(objectPause<<min(x.times, 10), objectLongest)
	if least > 0 && least < objectPause && x.times < 10 { // the hub knows that it will not take long
		d = least
	}
	d = max(d, least)
	x.times++
	x.until = now.Add(d + rand.N(d/10+1))
	u.held[h] = x
}

func (u *Uplink) release(h blob.Hash) {
	u.mu.Lock()
	delete(u.held, h)
	u.mu.Unlock()
}

// objectsWait reports whether an object would go if there were a link.
func (u *Uplink) objectsWait(now time.Time) bool {
	if u.o.Objects == nil {
		return false
	}
	u.mu.Lock()
	ok, _, _ := u.meter.may(now, edge.Bulk)
	u.mu.Unlock()
	if !ok {
		return false
	}
	for _, h := range append(u.o.Objects.Waiting(), u.o.Objects.Wanted()...) {
		if u.objectHeld(h, now) <= 0 {
			return true
		}
	}
	return false
}

// Say implements object.Transport.
func (o *objects) Say(ctx context.Context, f wire.Frame) error { return o.s.link.say(ctx, f) }

// Range implements object.Transport.
func (o *objects) Range(ctx context.Context, next wire.Next) error {
	o.s.mu.Lock()
	o.s.moved = time.Now()
	o.s.mu.Unlock()
	return o.s.link.SendRange(ctx, next, func(ctx context.Context, n int) error {
		o.s.count(n)
		for n > 0 {
			k, err := o.s.gate.take(ctx, edge.Bulk, n)
			if err != nil {
				return err
			}
			n -= k
		}
		return nil
	})
}

// May implements object.Transport.
func (o *objects) May() (bool, time.Duration) {
	ok, until := o.s.u.mayUse(o.s.link, edge.Bulk)
	return ok, clampWait(time.Until(until))
}

// frame takes what the hub says about objects.
func (o *objects) frame(f wire.Frame) {
	if o == nil {
		return
	}
	switch f := f.(type) {
	case *wire.Have:
		o.s.mu.Lock()
		o.s.moved = time.Now()
		o.s.lastAck = o.s.moved
		o.s.mu.Unlock()
		o.sender.Have(f)
	case *wire.Decline:
		o.sender.Declined(f)
		o.refusedUs(f)
	case *wire.Object:
		o.recv.Offer(f)
	}
}

// flying reports whether chunks are on their way.
func (o *objects) flying() bool { return o != nil && (o.sender.Flying() > 0 || o.fetching() > 0) }
