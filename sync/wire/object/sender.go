package object

import (
	"context"
	"sync"
	"time"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

const (
	window     = 32               // chunks of an object that may be on their way
	worthwhile = 8                // chunks for which a new range is begun while more would be allowed later
	rangeMax   = 256              // chunks of one range
	answerTime = 2 * time.Minute  // for the first HAVE, and between two while chunks are on their way
	lookAgain  = 10 * time.Second // whether chunks may be sent
)

// A Transport is what a Sender sends over.
type Transport interface {
	// Say sends a control frame.
	Say(ctx context.Context, f wire.Frame) error
	// Range sends a run of CHUNK frames at the pace of bulk.
	Range(ctx context.Context, next wire.Next) error
	// May reports whether bulk may be sent now, and otherwise when to ask again.
	May() (ok bool, again time.Duration)
}

// A Sender sends the objects of one side of one link. Have and Declined are to be called with the frames
// that come.
type Sender struct {
	store *blob.Store
	t     Transport

	mu     sync.Mutex
	live   map[blob.Hash]*outgoing // guarded by mu
	sent   uint64                  // guarded by mu: bytes of chunks
	flying int                     // guarded by mu: chunks on their way
}

// NewSender returns a Sender of what is in store.
func NewSender(store *blob.Store, t Transport) *Sender {
	return &Sender{store: store, t: t, live: map[blob.Hash]*outgoing{}}
}

// An outgoing is one object on its way. Guarded by Sender.mu but for r and news.
type outgoing struct {
	r      *blob.ChunkReader
	news   chan struct{} // capacity 1
	chunks int

	answered bool
	done     bool
	declined *Declined
	have     []bool // on the other side's disk
	sent     []bool // on its way, or have
	next     int    // none before it is to be sent
	low      int    // all before it are on the other side's disk
	flying   int
}

// Declined is the error of an object that the other side does not take.
type Declined struct {
	Err   *edge.Error
	Retry time.Duration // not before
}

// Error is the other side's sentence.
func (d *Declined) Error() string { return d.Err.Error() }

// Unwrap returns the error with its kind.
func (d *Declined) Unwrap() error { return d.Err }

// Flying is how many chunks are on their way, for those who watch whether the link lives.
func (s *Sender) Flying() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flying
}

// Sent is how many bytes of objects were sent.
func (s *Sender) Sent() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// Busy reports whether an object is being sent.
func (s *Sender) Busy(h blob.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[h] != nil
}

// Have takes the other side's word for what it has. An answer to nothing is ignored: it is late.
func (s *Sender) Have(f *wire.Have) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.live[blob.Hash(f.ID)]
	if o == nil {
		return
	}
	o.answered, o.done = true, o.done || f.Done
	for ; o.low < min(int(f.Next), o.chunks); o.low++ {
		s.arrived(o, o.low)
	}
	for k, b := range f.Bits {
		for n := range 8 {
			if i := int(f.Next) + 8*k + n; b&(1<<n) != 0 && i < o.chunks {
				s.arrived(o, i)
			}
		}
	}
	o.tell()
}

// arrived notes a chunk that is on the other side's disk; s.mu is held.
func (s *Sender) arrived(o *outgoing, i int) {
	if o.have[i] {
		return
	}
	if o.have[i] = true; o.sent[i] {
		o.flying--
		s.flying--
	}
	o.sent[i] = true
}

// Declined takes a refusal.
func (s *Sender) Declined(f *wire.Decline) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.live[blob.Hash(f.ID)]; o != nil {
		o.declined = &Declined{f.Err(), f.Retry}
		o.tell()
	}
}

func (o *outgoing) tell() {
	select {
	case o.news <- struct{}{}:
	default:
	}
}

// Send delivers one object and returns nil when the other side has it on its disk. It fails with a
// *Declined where the other side does not take it, with NotFound or Corrupt where it is not, or not whole,
// in our store, with Conflict where it is being sent already, and when ctx or the link ends.
func (s *Sender) Send(ctx context.Context, h blob.Hash) error {
	r, err := s.store.Chunks(h)
	if err != nil {
		return err
	}
	defer r.Close()
	n := blob.Chunks(r.Size())
	o := &outgoing{r: r, news: make(chan struct{}, 1), chunks: n, have: make([]bool, n), sent: make([]bool, n)}
	if !s.enter(h, o) {
		return edge.E(edge.Conflict, "the object %s is being sent already", h)
	}
	defer s.leave(h, o)
	offer := &wire.Object{ID: wire.ObjectID(h), Size: uint64(r.Size())}
	if err := s.t.Say(ctx, offer); err != nil {
		return err
	}
	for {
		done, wait, err := s.step(ctx, h, o)
		if done || err != nil {
			return err
		}
		if err := o.wait(ctx, wait); err != nil {
			return err
		}
	}
}

func (s *Sender) enter(h blob.Hash, o *outgoing) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live[h] != nil {
		return false
	}
	s.live[h] = o
	return true
}

func (s *Sender) leave(h blob.Hash, o *outgoing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying -= o.flying
	delete(s.live, h)
}

// wait returns when the other side has said something. Silence is an error only where an answer is due.
func (o *outgoing) wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-o.news:
		return nil
	case <-t.C:
	}
	if d >= answerTime {
		return edge.E(edge.Unavailable, "the other side says nothing about an object for %v", d)
	}
	return nil
}

// step sends what may be sent now. wait says how long the next news may take.
func (s *Sender) step(ctx context.Context, h blob.Hash, o *outgoing) (done bool, wait time.Duration, err error) {
	s.mu.Lock()
	declined, left := o.declined, o.toSend()
	done, idle, room := o.done, !o.answered, window-o.flying
	s.mu.Unlock()
	switch {
	case done:
		return true, 0, nil
	case declined != nil:
		return true, 0, declined
	case idle || left == 0 || room < min(worthwhile, left):
		return false, answerTime, nil
	}
	if ok, again := s.t.May(); !ok {
		return false, min(again, lookAgain), nil
	}
	err = s.t.Range(ctx, s.frames(h, o))
	if err == nil || ctx.Err() != nil {
		return false, 0, ctx.Err()
	}
	if edge.IsKind(err, edge.Unavailable) { // what was on its way in that range may be lost: ask, and go on from the answer
		s.forget(o)
		return false, answerTime, s.t.Say(ctx, &wire.Object{ID: wire.ObjectID(h), Size: uint64(o.r.Size())})
	}
	return false, 0, err
}

// toSend is how many chunks neither are there nor on their way, as far as it matters; s.mu is held.
func (o *outgoing) toSend() (n int) {
	for i := o.next; i < o.chunks && n < worthwhile; i++ {
		if !o.sent[i] {
			n++
		}
	}
	return n
}

// frames yields the CHUNK frames of one range: as long as the window has room, bulk may go and the other
// side has not refused.
func (s *Sender) frames(h blob.Hash, o *outgoing) wire.Next {
	var frame []byte
	n := 0
	return func() ([]byte, error) {
		i, ok := s.pick(o)
		if ok && n > 0 {
			ok, _ = s.t.May()
		}
		if !ok || n == rangeMax {
			return nil, nil
		}
		data, err := o.r.Read(i)
		if err != nil {
			return nil, err
		}
		s.flew(o, i, len(data))
		n++
		frame, err = wire.AppendFrame(frame[:0], &wire.Chunk{ID: wire.ObjectID(h), Number: uint64(i), Data: data})
		return frame, err
	}
}

func (s *Sender) pick(o *outgoing) (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.done || o.declined != nil || o.flying >= window {
		return 0, false
	}
	for ; o.next < o.chunks; o.next++ {
		if !o.sent[o.next] {
			return o.next, true
		}
	}
	return 0, false
}

func (s *Sender) flew(o *outgoing, i, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !o.have[i] {
		o.sent[i] = true
		o.flying++
		s.flying++
	}
	s.sent += uint64(bytes)
}

// forget takes back what is on its way.
func (s *Sender) forget(o *outgoing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying -= o.flying
	o.flying, o.next, o.answered = 0, 0, false
	copy(o.sent, o.have)
}
