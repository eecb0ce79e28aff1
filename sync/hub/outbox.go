package hub

import (
	"context"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

const (
	ackDelay  = 50 * time.Millisecond // classes 4 to 6; what is urgent is acknowledged at once
	ackBytes  = 64 << 10              // received since the last acknowledgement
	maxOut    = 256                   // frames that wait for a slow peer
	outFrames = 32                    // written at once
)

// An outbox holds what a session has to say on control. It has a goroutine only while there is something
// to write. Acknowledgements are kept as the newest position per stream, so a slow peer costs no memory.
type outbox struct {
	link wire.Link

	mu      sync.Mutex
	frames  []wire.Frame                 // guarded by mu
	acks    map[wire.StreamID]edge.Pos   // guarded by mu: nil while there are none
	credit  [edge.Bulk + 1]uint64        // guarded by mu: newest grants, 0 where there is none
	nacks   map[wire.StreamID]wire.Nack  // guarded by mu: refusals that wait, one per stream
	haves   map[wire.ObjectID]wire.Frame // guarded by mu: the newest word about each object
	bytes   int                          // guarded by mu: received since acknowledgements were sent
	timer   *time.Timer                  // guarded by mu: set while acknowledgements wait
	running bool                         // guarded by mu: the writer lives
	open    bool                         // guarded by mu: WELCOME is queued; nothing goes before it
	closed  bool                         // guarded by mu: nothing more is taken
	idle    chan struct{}                // closed when the writer has ended; made by drain
}

// first opens the outbox: its frames go before all others, however many they are.
func (o *outbox) first(f []wire.Frame) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.frames, o.open = append(f, o.frames...), true
	o.start()
}

// push queues a frame. A peer that does not read its control lane is cut off.
func (o *outbox) push(f wire.Frame) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	if len(o.frames) >= maxOut {
		o.closed = true
		go o.link.Close(edge.E(edge.Exhausted, "the other side does not read what it is told"))
		return
	}
	o.frames = append(o.frames, f)
	o.start()
}

// ack queues an acknowledgement; now sends it without delay.
func (o *outbox) ack(id wire.StreamID, p edge.Pos, now bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	if o.acks == nil {
		o.acks = map[wire.StreamID]edge.Pos{}
	}
	o.acks[id] = p
	switch {
	case now || o.bytes >= ackBytes:
		o.start()
	case o.timer == nil && !o.running:
		o.timer = time.AfterFunc(ackDelay, o.due)
	}
}

func (o *outbox) due() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.start()
}

// nack queues a refusal in place of an older one of the same stream and reason; quarantines all go.
func (o *outbox) nack(n wire.Nack) {
	if n.Reason == wire.Quarantined {
		o.push(&n)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	if o.nacks == nil {
		o.nacks = map[wire.StreamID]wire.Nack{}
	}
	if len(o.nacks) < maxOut {
		o.nacks[n.Stream] = n
	}
	o.start()
}

// object queues what is said about an object in place of what was said before and has not gone yet.
func (o *outbox) object(f wire.Frame) {
	have, ok := f.(*wire.Have)
	if !ok {
		o.push(f)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	if o.haves == nil {
		o.haves = map[wire.ObjectID]wire.Frame{}
	}
	o.haves[have.ID] = f
	o.start()
}

// grant queues the newest limit of a class.
func (o *outbox) grant(c wire.Credit, now bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.credit[c.Class] = c.Limit
	if now && !o.closed {
		o.start()
	}
}

func (o *outbox) received(n int) {
	o.mu.Lock()
	o.bytes += n
	o.mu.Unlock()
}

// start makes sure a writer lives. mu is held.
func (o *outbox) start() {
	if o.timer != nil {
		o.timer.Stop()
		o.timer = nil
	}
	if !o.running && o.open {
		o.running = true
		go o.write()
	}
}

// write sends until there is nothing left. The link bounds how long one write may take.
func (o *outbox) write() {
	for {
		batch := o.next()
		if batch == nil {
			return
		}
		if err := o.link.Send(context.Background(), wire.Control, batch...); err != nil {
			o.mu.Lock()
			o.closed, o.frames, o.acks, o.nacks, o.haves = true, nil, nil, nil, nil
			o.mu.Unlock()
		}
	}
}

// next takes what goes out together; nil ends the writer.
func (o *outbox) next() (out []wire.Frame) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.acks) > 0 {
		out = append(out, o.takeAcks())
	}
	for id, n := range o.nacks {
		out = append(out, &n)
		delete(o.nacks, id)
	}
	for id, f := range o.haves {
		out = append(out, f)
		delete(o.haves, id)
	}
	for u, limit := range o.credit {
		if limit > 0 {
			out = append(out, &wire.Credit{Class: edge.Urgency(u), Limit: limit})
			o.credit[u] = 0
		}
	}
	n := min(len(o.frames), outFrames)
	out = append(out, o.frames[:n]...)
	if o.frames = o.frames[n:]; len(o.frames) == 0 {
		o.frames = nil
	}
	if len(out) == 0 || o.closed && o.idle == nil {
		o.acks, o.nacks, o.haves, o.running = nil, nil, nil, false
		if o.idle != nil {
			close(o.idle)
			o.idle = nil
		}
		return nil
	}
	return out
}

func (o *outbox) takeAcks() *wire.Ack {
	a := &wire.Ack{}
	for id, p := range o.acks {
		if len(a.List) == wire.MaxAcks {
			break
		}
		a.List = append(a.List, wire.Done{Stream: id, Pos: p})
		delete(o.acks, id)
	}
	o.bytes = 0
	return a
}

// drain sends what there is, takes no more, and returns when it is written or ctx ends.
func (o *outbox) drain(ctx context.Context) {
	o.mu.Lock()
	o.closed, o.open = true, true
	idle := make(chan struct{})
	o.idle = idle
	o.start()
	o.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}
