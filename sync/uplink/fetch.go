package uplink

import (
	"context"
	"time"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
	"github.com/aielon/edge/sync/wire/object"
)

const (
	fetchPatience = 2 * time.Minute // without a chunk or an answer of the hub
	fetchLook     = 2 * time.Second // how often it is seen whether windows and budget still allow it
)

// fromHub owns what is fetched and not complete.
const fromHub = "hub"

// receive makes the session able to take objects from the hub.
func (o *objects) receive() {
	u := o.s.u
	say := func(f wire.Frame) {
		if err := o.s.link.say(context.Background(), f); err != nil {
			o.s.fail(err)
		}
	}
	o.recv = object.NewReceiver(u.o.Objects.Store(), fromHub, fetched{o}, say, u.o.Logger)
	chunk := func(f *wire.Chunk) error {
		now := time.Now()
		o.s.mu.Lock()
		o.s.heard, o.s.moved = now, now
		o.s.mu.Unlock()
		o.mu.Lock()
		if _, ok := o.asked[blob.Hash(f.ID)]; ok {
			o.asked[blob.Hash(f.ID)] = now
		}
		o.mu.Unlock()
		return o.recv.Chunk(f)
	}
	o.s.link.chunk.Store(&chunk)
}

// fetching is how many objects the hub was asked for.
func (o *objects) fetching() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.asked)
}

// fetch asks for what is wanted until ctx ends, and calls it off while bulk may not use the link.
func (o *objects) fetch(ctx context.Context) {
	for ctx.Err() == nil {
		wait := objectLook
		if ok, again := o.May(); !ok {
			o.callOff(ctx)
			wait = again
		} else if o.ask(ctx, time.Now()) {
			wait = fetchLook
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-o.look:
		case <-t.C:
		}
		t.Stop()
	}
}

// ask sends WANT for the next objects; busy: some are on their way.
func (o *objects) ask(ctx context.Context, now time.Time) (busy bool) {
	o.giveUp(ctx, now)
	for _, h := range o.s.u.o.Objects.Wanted() {
		switch {
		case o.s.u.objectHeld(h, now) > 0:
			continue
		case o.s.u.o.Objects.Store().Has(h):
			o.over(h)
			o.s.u.o.Objects.Fetched(ctx, h)
			continue
		case o.fetching() >= objectsAtOnce:
			return true
		}
		if !o.begin(h, now) {
			continue
		}
		// Over TCP this makes the bulk connection, for the chunks to come on.
		lane := wire.Control
		if o.s.link.Transport() == "tcp" {
			lane = wire.LaneOf(edge.Bulk)
		}
		o.s.check(o.s.link.Send(ctx, lane, &wire.Want{ID: wire.ObjectID(h)}))
	}
	return o.fetching() > 0
}

func (o *objects) begin(h blob.Hash, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, again := o.asked[h]; again {
		return false
	}
	o.asked[h] = now
	return true
}

// over forgets that an object was asked for, and reports whether it was.
func (o *objects) over(h blob.Hash) bool {
	o.mu.Lock()
	_, ok := o.asked[h]
	delete(o.asked, h)
	o.mu.Unlock()
	nudge(o.look)
	return ok
}

// giveUp forgets objects of which nothing comes.
func (o *objects) giveUp(ctx context.Context, now time.Time) {
	for _, h := range o.stale(now.Add(-fetchPatience)) {
		o.missed(ctx, h, edge.E(edge.Unavailable, "the hub has sent nothing of it for %v", fetchPatience), 0)
		o.stop(ctx, h)
	}
}

// callOff stops all that is on its way; what came stays.
func (o *objects) callOff(ctx context.Context) {
	for _, h := range o.stale(time.Now()) {
		o.over(h)
		o.stop(ctx, h)
	}
}

func (o *objects) stale(before time.Time) (list []blob.Hash) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for h, at := range o.asked {
		if !at.After(before) {
			list = append(list, h)
		}
	}
	return list
}

// stop tells both ends not to go on with an object.
func (o *objects) stop(ctx context.Context, h blob.Hash) {
	f := &wire.Decline{ID: wire.ObjectID(h), Kind: edge.Unavailable, Text: "not now"}
	o.recv.Drop(f)
	o.s.check(o.s.link.say(ctx, f))
}

func (o *objects) missed(ctx context.Context, h blob.Hash, err error, retry time.Duration) {
	if !o.over(h) {
		return
	}
	o.s.u.hold(h, time.Now(), retry)
	o.s.u.o.Objects.Missed(ctx, h, err)
	o.s.u.changed()
}

// refusedUs takes the hub's refusal to send an object.
func (o *objects) refusedUs(f *wire.Decline) {
	o.missed(context.Background(), blob.Hash(f.ID), f.Err(), f.Retry)
	o.recv.Drop(f)
}

// fetched is the rules by which a node takes objects from its hub: what it asked for.
type fetched struct{ o *objects }

// Admit implements object.Rules.
func (r fetched) Admit(_ context.Context, h blob.Hash, _ int64) (bool, error) {
	r.o.mu.Lock()
	_, ok := r.o.asked[h]
	r.o.mu.Unlock()
	if !ok {
		return false, edge.E(edge.Denied, "the object %s was not asked for", h)
	}
	return r.o.s.u.o.Objects.Store().Has(h), nil
}

// Proven implements object.Rules. The node knows the object since it wanted it.
func (fetched) Proven(context.Context, blob.Hash, int64) error { return nil }

// Done implements object.Rules.
func (r fetched) Done(h blob.Hash, _ int64) {
	r.o.over(h)
	r.o.s.u.release(h)
	r.o.s.u.o.Objects.Fetched(context.Background(), h)
	r.o.s.u.changed()
}

// Failed implements object.Rules.
func (r fetched) Failed(h blob.Hash, _ int64, err error) {
	r.o.missed(context.Background(), h, err, 0)
}
