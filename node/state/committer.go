package state

import (
	"context"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Writer takes part in a group commit. Its methods are called on the committer's goroutine, one
// Writer at a time, in the order of Submit; neither may block or call the store's writing methods.
type Writer interface {
	// Prepare adds this Writer's writes to b. It is called at most once, and not at all where the store
	// refuses the Writer beforehand; it sees what Writers before it prepared, though not yet committed.
	Prepare(b *Batch, now time.Time)
	// Done is called once, with nil after the fsync of the commit that holds the writes. With an error of
	// kind Invalid or Exhausted nothing of this Writer was kept, and no Writer after it was prepared yet.
	// With Unavailable the outcome is unknown and the store takes no more writes.
	Done(err error)
}

// Submit queues w for the next commit and returns at once. Order is kept. It fails with Exhausted when the
// queue is full or the disk is below its red line, with Unavailable when the store is closed or broken;
// then w is not touched.
func (s *Store) Submit(w Writer) error {
	if s.opt.Managed {
		return edge.E(edge.Internal, "the store %q takes commits by index only", s.opt.Name)
	}
	if err := s.Writable(); err != nil {
		return err
	}
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return s.errClosed()
	}
	select {
	case s.queue <- w:
		return nil
	default:
		return edge.E(edge.Exhausted, "%d writers already wait for the store %q", cap(s.queue), s.opt.Name).
			WithHint("try again in a moment")
	}
}

// Commit lets f add writes to a batch and returns when they are durable. f runs on the committer's
// goroutine and may not block. If ctx ends first the outcome is unknown: Unavailable.
func (s *Store) Commit(ctx context.Context, f func(*Batch)) error {
	w := waiter{f: f, done: make(chan error, 1)}
	if err := s.Submit(w); err != nil {
		return err
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return edge.E(edge.Unavailable, "waiting for the store %q was given up; it may still happen: %w", s.opt.Name, context.Cause(ctx))
	}
}

type waiter struct {
	f    func(*Batch)
	done chan error
}

func (w waiter) Prepare(b *Batch, _ time.Time) { w.f(b) }
func (w waiter) Done(err error)                { w.done <- err }

// commitLoop is the committer: the only goroutine that writes to an unmanaged store.
func (s *Store) commitLoop() {
	g := group{s: s, b: NewBatch()}
	for {
		select {
		case w := <-s.queue:
			g.take(w)
			g.drain()
		case <-s.stop:
			g.drain() // nothing is sent any more
			return
		}
	}
}

// A group is what goes into one commit. It belongs to the committer.
type group struct {
	s       *Store
	b       *Batch
	waiting []Writer // prepared, in b or without writes
}

// drain takes what is queued and commits until nothing waits.
func (g *group) drain() {
	for {
		select {
		case w := <-g.s.queue:
			g.take(w)
		default:
			if len(g.waiting) == 0 {
				return
			}
			g.commit(len(g.b.ops), g.b.size)
		}
	}
}

// take prepares one Writer. A Writer whose writes do not fit any more begins the next commit with them.
func (g *group) take(w Writer) {
	if len(g.waiting) == 0 {
		if err := g.s.writable(true); err != nil {
			w.Done(err)
			return
		}
	}
	n, size := len(g.b.ops), g.b.size
	w.Prepare(g.b, time.Now())
	if err := g.check(n, size); err != nil {
		g.b.truncate(n, size)
		if len(g.waiting) > 0 { // those before are done first, then this one, then those after are prepared
			g.commit(n, size)
		}
		w.Done(err)
		return
	}
	if g.b.size > g.s.MaxBatch() {
		g.commit(n, size)
	}
	g.waiting = append(g.waiting, w)
	if g.b.size > g.s.MaxBatch()*3/4 || len(g.waiting) >= cap(g.s.queue) {
		g.commit(len(g.b.ops), g.b.size)
	}
}

func (g *group) check(n, size int) error {
	if own := g.b.size - size; own > g.s.MaxBatch() {
		return edge.E(edge.Invalid, "%d bytes are too much for one commit of the store %q, which takes %d", own, g.s.opt.Name, g.s.MaxBatch()).
			WithHint("commit in smaller steps")
	}
	return g.b.check(n, g.s)
}

// commit writes the first n operations (of the given size), tells all waiting Writers, and keeps the rest.
func (g *group) commit(n, size int) {
	part := &Batch{ops: g.b.ops[:n:n], size: size, pack: g.b.pack}
	err := g.s.commitNext(part)
	g.b.pack = part.pack
	for _, w := range g.waiting {
		w.Done(err)
	}
	clear(g.waiting)
	g.waiting = g.waiting[:0]
	if n == len(g.b.ops) {
		g.b.Reset()
		return
	}
	rest := copy(g.b.ops, g.b.ops[n:])
	clear(g.b.ops[rest:])
	g.b.ops, g.b.size = g.b.ops[:rest], g.b.size-size
	g.b.leave() // the rest lies in some of it
}

// commitNext commits b at the next index.
func (s *Store) commitNext(b *Batch) error {
	if len(b.ops) == 0 {
		return nil
	}
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if e := s.broken.Load(); e != nil {
		return e
	}
	ts := s.applied.Load() + 1
	if err := s.write(b, ts); err != nil {
		return s.fail(err) // the batch was checked: even a refusal is out of the ordinary here
	}
	s.committed(ts)
	return nil
}

// committed makes index ts what readers see.
func (s *Store) committed(ts uint64) {
	if err := s.witness.saw(ts); err != nil {
		s.log.Error("the witness could not be written; lost commits might go unnoticed", "error", err)
	}
	if s.keeper.kick != nil {
		s.keeper.wake()
	}
	if ts > s.applied.Load() {
		s.applied.Store(ts)
	}
	s.views.moved(ts)
}
