package object

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

const (
	// MaxOpen is how many objects a Receiver takes at a time.
	MaxOpen   = 4
	haveEvery = 50 * time.Millisecond // between two syncs, so that one covers many chunks
)

// How long a sender is asked to wait after a refusal.
const (
	retryBusy = time.Second
	retryRoom = 5 * time.Minute
	retryBad  = time.Minute
)

// Rules are what the owner of a Receiver decides and keeps. Each may be called from any goroutine, none
// by two at a time for one object.
type Rules interface {
	// Admit says whether an object may come, as an error of a kind, and whether it is here already and
	// need not.
	Admit(ctx context.Context, h blob.Hash, size int64) (here bool, err error)
	// Proven is called when an object is whole and is what its hash says, before it is kept. What it books
	// must be durable when it returns.
	Proven(ctx context.Context, h blob.Hash, size int64) error
	// Done is called when the object lies in the store, durably; not where Admit found it there.
	Done(h blob.Hash, size int64)
	// Failed is called with every object that was refused or could not be kept.
	Failed(h blob.Hash, size int64, err error)
}

// A Receiver takes objects that the other side of one link sends. Its frames are handled without waiting
// for a sync; the rest is done by one goroutine, which lives only while there is something to do.
type Receiver struct {
	store *blob.Store
	owner string
	rules Rules
	say   func(wire.Frame) // must not block for long
	log   *slog.Logger

	mu      sync.Mutex
	in      map[blob.Hash]*incoming // guarded by mu
	running bool                    // guarded by mu
	closed  bool                    // guarded by mu
	ended   chan struct{}           // guarded by mu: closed when the goroutine ends
	late    uint64                  // guarded by mu: chunks nobody waited for
}

// incoming is one object that comes. Guarded by Receiver.mu; part's methods have their own lock.
type incoming struct {
	h     blob.Hash
	size  int64
	part  *blob.Part // nil until the worker has opened it
	asked bool       // an offer wants its answer
	dirty bool       // chunks came since the last sync
	err   error      // why it is given up
}

// NewReceiver returns a Receiver that keeps what is not complete under the name of owner, and says HAVE and
// DECLINE through say.
func NewReceiver(store *blob.Store, owner string, rules Rules, say func(wire.Frame), log *slog.Logger) *Receiver {
	return &Receiver{store: store, owner: owner, rules: rules, say: say, log: log, in: map[blob.Hash]*incoming{}}
}

// Offer takes an OBJECT frame.
func (r *Receiver) Offer(f *wire.Object) {
	h := blob.Hash(f.ID)
	if !r.expect(h, int64(f.Size)) {
		r.say(decline(h, edge.E(edge.Unavailable, "too many objects come at the same time"), retryBusy))
	}
}

// expect notes an offer; false: not now.
func (r *Receiver) expect(h blob.Hash, size int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.in[h]
	switch {
	case r.closed:
		return true
	case in != nil && in.size == size:
		in.asked = true
	case in != nil || len(r.in) >= MaxOpen:
		return false
	default:
		r.in[h] = &incoming{h: h, size: size, asked: true}
	}
	r.start()
	return true
}

// Chunk takes a CHUNK frame. It fails with Invalid where the object cannot have such a chunk.
func (r *Receiver) Chunk(f *wire.Chunk) error {
	r.mu.Lock()
	in := r.in[blob.Hash(f.ID)]
	if in == nil || in.part == nil || in.err != nil || r.closed {
		r.late++ // it was refused, or is whole; the sender does not know yet
		r.mu.Unlock()
		return nil
	}
	part := in.part
	r.mu.Unlock()
	err := part.Write(int(f.Number), f.Data)
	if edge.IsKind(err, edge.Invalid) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && in.err == nil {
		in.err = err
	}
	in.dirty = true
	r.start()
	return nil
}

// Drop forgets an object that the other side will not send.
func (r *Receiver) Drop(f *wire.Decline) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if in := r.in[blob.Hash(f.ID)]; in != nil && in.err == nil {
		in.err = errDropped
		r.start()
	}
}

var errDropped = edge.E(edge.NotFound, "the other side does not send it any more")

// Close ends receiving and returns when nothing is being written. What came stays for another Receiver.
func (r *Receiver) Close() {
	r.mu.Lock()
	r.closed = true
	r.start()
	ended := r.ended
	r.mu.Unlock()
	<-ended
}

// start makes sure that the worker lives; mu is held.
func (r *Receiver) start() {
	if !r.running {
		r.running, r.ended = true, make(chan struct{})
		go r.work()
	}
}

func (r *Receiver) work() {
	for {
		list, closed := r.take()
		if closed {
			r.shut()
			return
		}
		if list == nil {
			return
		}
		for _, in := range list {
			r.attend(in)
		}
		time.Sleep(haveEvery)
	}
}

// take lists what needs attention; nil ends the worker.
func (r *Receiver) take() (list []*incoming, closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, in := range r.in {
		if in.asked || in.dirty || in.err != nil {
			list = append(list, in)
		}
	}
	if list == nil && !r.closed {
		r.running = false
		close(r.ended)
	}
	return list, r.closed
}

func (r *Receiver) shut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for h, in := range r.in {
		if in.part != nil {
			in.part.Close()
		}
		delete(r.in, h)
	}
	r.running = false
	close(r.ended)
}

// attend does for one object what is due: opens it, syncs what came, says so, finishes it.
func (r *Receiver) attend(in *incoming) {
	r.mu.Lock()
	part, err := in.part, in.err
	in.asked, in.dirty = false, false
	r.mu.Unlock()
	ctx := context.Background() // bounded by the disk; what was begun is finished
	switch {
	case err != nil:
		r.refuse(in, err)
		return
	case part == nil:
		if part = r.open(ctx, in); part == nil {
			return
		}
	}
	next, bits := part.Have()
	if err := part.Sync(); err != nil {
		part.Drop() // what the disk holds of it is not known
		r.refuse(in, err)
		return
	}
	if !part.Complete() {
		r.say(&wire.Have{ID: wire.ObjectID(in.h), Next: uint64(next), Bits: bits})
		return
	}
	if err := r.finish(ctx, in, part); err != nil {
		r.refuse(in, err)
		return
	}
	r.rules.Done(in.h, in.size)
	r.end(in)
}

// open answers an offer; nil: the object does not come.
func (r *Receiver) open(ctx context.Context, in *incoming) *blob.Part {
	here, err := r.rules.Admit(ctx, in.h, in.size)
	if err == nil && here {
		r.end(in)
		return nil
	}
	var part *blob.Part
	if err == nil {
		part, err = r.store.Begin(r.owner, in.h, in.size)
	}
	if err != nil {
		r.refuse(in, err)
		return nil
	}
	r.mu.Lock()
	in.part = part
	r.mu.Unlock()
	return part
}

// finish keeps a complete object. It is booked before it is kept: were it the other way round, a power cut
// in between would leave an object nobody knows, to be sent once more.
func (r *Receiver) finish(ctx context.Context, in *incoming, part *blob.Part) error {
	if err := part.Verify(); err != nil {
		part.Drop()
		return err
	}
	if err := r.rules.Proven(ctx, in.h, in.size); err != nil {
		return err
	}
	return part.Keep()
}

// end says that the object is here.
func (r *Receiver) end(in *incoming) {
	r.remove(in)
	r.say(&wire.Have{ID: wire.ObjectID(in.h), Done: true, Next: uint64(blob.Chunks(in.size))})
}

// refuse gives an object up. What came of it stays, unless it was dropped.
func (r *Receiver) refuse(in *incoming, err error) {
	r.remove(in)
	if in.part != nil {
		in.part.Close()
	}
	if err == errDropped {
		return
	}
	r.log.Warn("an object is not taken", "object", in.h.String(), "bytes", in.size, "error", err)
	r.rules.Failed(in.h, in.size, err)
	retry := retryBad
	switch edge.KindOf(err) {
	case edge.Exhausted:
		retry = retryRoom
	case edge.Conflict, edge.Unavailable:
		retry = retryBusy
	}
	r.say(decline(in.h, err, retry))
}

func (r *Receiver) remove(in *incoming) {
	r.mu.Lock()
	delete(r.in, in.h)
	r.mu.Unlock()
}

// decline makes the frame of an error. Only our own sentences cross the wire.
func decline(h blob.Hash, err error, retry time.Duration) *wire.Decline {
	text := "internal error"
	if edge.KindOf(err) != edge.Internal {
		text = err.Error()
	}
	return &wire.Decline{ID: wire.ObjectID(h), Kind: edge.KindOf(err), Retry: retry, Text: clip(text)}
}

func clip(s string) string {
	if len(s) > wire.MaxText {
		return s[:wire.MaxText]
	}
	return s
}
