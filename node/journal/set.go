package journal

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A Budget says how much of one urgency is kept.
type Budget struct {
	Bytes int64         // of stored blocks; 0: only the budget of the whole set counts
	Keep  time.Duration // how long delivered records are kept while there is room; 0: as long as there is room
}

// SetOptions say how the journals of a family are opened. Family and Origin are required.
type SetOptions struct {
	Family          string      // "readings": the journals are called "readings.critical" and so on
	Origin          edge.NodeID // who speaks
	Budgets         map[edge.Urgency]Budget
	Disk            int64                     // bytes of stored blocks of all six journals, default 1 GiB
	Reserve         int64                     // bytes above Disk for what may not be shed, default an eighth of Disk
	Required        []string                  // followers that must have a record before it is trimmed
	RequiredOf      map[edge.Urgency][]string // the same, of one urgency only
	MaxPending      int                       // records that may wait for the fsync, default 16384
	MaxPendingBytes int64                     // default 16 MiB
	Logger          *slog.Logger
}

// Default returns budgets for a box with little disk: a week of readings once they are delivered.
func Default() SetOptions {
	return SetOptions{
		Disk: 1 << 30, MaxPending: 16384, MaxPendingBytes: 16 << 20,
		Budgets: map[edge.Urgency]Budget{
			edge.Critical: {Keep: 90 * 24 * time.Hour}, edge.Ledger: {Keep: 90 * 24 * time.Hour},
			edge.Care: {Keep: 30 * 24 * time.Hour}, edge.Community: {Keep: 30 * 24 * time.Hour},
			edge.Telemetry: {Keep: 7 * 24 * time.Hour}, edge.Bulk: {Keep: 2 * 24 * time.Hour},
		},
	}
}

// Validate refuses, with Invalid, options that cannot work, and fills in defaults.
func (o *SetOptions) Validate() error {
	if err := checkName("family of journals", o.Family); err != nil {
		return err
	}
	if len(o.Family) > maxName-16 || o.Origin.IsZero() || o.Disk < 0 || o.Reserve < 0 || o.MaxPending < 0 || o.MaxPendingBytes < 0 {
		return edge.E(edge.Invalid, "the journals %q need a shorter name, an origin, or budgets that are not negative", o.Family)
	}
	for u, b := range o.Budgets {
		if !u.Valid() || b.Bytes < 0 || b.Keep < 0 {
			return edge.E(edge.Invalid, "the budget of the journal %s.%v is not possible", o.Family, u)
		}
	}
	for _, f := range slices.Concat(append(slices.Collect(maps.Values(o.RequiredOf)), o.Required)...) {
		if err := checkName("follower", f); err != nil {
			return err
		}
	}
	d := Default()
	if o.Disk == 0 {
		o.Disk = d.Disk
	}
	if o.Reserve == 0 {
		o.Reserve = o.Disk / 8
	}
	if o.MaxPending == 0 {
		o.MaxPending = d.MaxPending
	}
	if o.MaxPendingBytes == 0 {
		o.MaxPendingBytes = d.MaxPendingBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// engine is what a Set needs of its store; *state.Store is one.
type engine interface {
	Submit(w state.Writer) error
	Commit(ctx context.Context, f func(*state.Batch)) error
	View() *state.View
	MaxBatch() int
	MaxValue() int
}

// urgencies is one more than the highest urgency, for arrays indexed by it.
const urgencies = int(edge.Bulk) + 1

// A Set is all local journals of one family, on one store. Whatever it said yes to is durable.
type Set struct {
	o        SetOptions
	store    engine
	journals [urgencies]*Journal
	chains   [urgencies]*Chain // owned by the store's committer
	wake     chan struct{}     // tells the keeper that marks wait, or that there is more to trim
	stop     chan struct{}
	closed   chan struct{} // no journal will move any more
	finished sync.WaitGroup
	disk     atomic.Int64 // the budget of the whole set
	scratch  sync.Pool    // of *[]byte: memory for hashing

	mu        sync.Mutex // guards what follows, and the mu-guarded fields of the journals
	moved     chan struct{}
	filling   *writer   // submitted to the store, not prepared yet
	inflight  []*writer // prepared, in order, not done yet
	spare     []item    // memory for a writer's items
	pending   int       // records
	bytes     int64
	writers   sync.WaitGroup
	closing   bool
	broken    error     // a commit ended in a way that leaves the store's state unknown
	trouble   error     // the newest failure of retention
	lastShed  time.Time // when records were last shed
	lastFull  time.Time // when an append was last refused for want of room
	moreTrims bool
}

// OpenSet opens the six journals of a family and begins those that do not exist yet. Every journal is
// checked against its last block. It fails with Invalid, Conflict (the store belongs to another node),
// Corrupt, and as the store fails. Close must be called before the store is closed.
func OpenSet(s *state.Store, o SetOptions) (*Set, error) { return openSet(s, o) }

func openSet(e engine, o SetOptions) (*Set, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s := &Set{o: o, store: e, wake: make(chan struct{}, 1), stop: make(chan struct{}), closed: make(chan struct{}), moved: make(chan struct{})}
	s.disk.Store(o.Disk)
	if err := s.load(); err != nil {
		return nil, err
	}
	if err := s.beginMissing(); err != nil {
		return nil, err
	}
	for _, u := range edge.Urgencies() {
		s.journals[u].pub = s.chains[u].cur
	}
	s.finished.Go(s.keep)
	return s, nil
}

func (s *Set) load() error {
	v := s.store.View()
	defer v.Close()
	for _, u := range edge.Urgencies() {
		j := &Journal{set: s, urgency: u, stream: s.o.Family + "." + u.String(), moved: make(chan struct{})}
		c, err := LoadChain(v, j.stream)
		if err != nil {
			return err
		}
		if name := s.o.Origin.String() + "/" + j.stream; len(c.cur.epochs) > 0 && c.cur.name != name {
			return edge.E(edge.Conflict, "the journal %q was written by another node: %s", j.stream, c.cur.name).
				WithHint("a store goes with the identity of its node; restore both together")
		}
		if j.marks, err = loadMarks(v, j.stream); err != nil {
			return err
		}
		c.maxBlock = min(maxBlock, s.store.MaxValue()/2) // in a small store, several blocks fit one commit
		s.journals[u], s.chains[u] = j, c
	}
	return nil
}

// beginMissing starts the first epoch of new journals, durably before anything is appended.
func (s *Set) beginMissing() error {
	now, missing := time.Now(), false
	for _, u := range edge.Urgencies() {
		missing = missing || len(s.chains[u].cur.epochs) == 0
	}
	if !missing {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var failed error
	number := NextEpoch(now, 0)
	err := s.store.Commit(ctx, func(b *state.Batch) {
		for _, u := range edge.Urgencies() {
			if c := s.chains[u]; len(c.cur.epochs) == 0 && failed == nil {
				failed = c.Begin(b, s.o.Origin.String(), number, "first start", now)
			}
		}
	})
	if err == nil {
		err = failed
	}
	for _, u := range edge.Urgencies() {
		if err == nil {
			s.chains[u].Committed()
		}
	}
	return err
}

// Close waits until what was submitted is done, makes the marks durable and stops. The store stays open.
func (s *Set) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		<-s.closed
		return nil
	}
	s.closing = true
	s.mu.Unlock()
	close(s.stop)
	s.finished.Wait()
	err := s.saveMarks()
	s.writers.Wait()
	close(s.closed)
	return err
}

// Journal returns the journal of an urgency. It panics on one that is not valid, as an array would.
func (s *Set) Journal(u edge.Urgency) *Journal {
	if !u.Valid() {
		panic("journal: there is no " + u.String())
	}
	return s.journals[u]
}

// Journals returns all six, most urgent first.
func (s *Set) Journals() []*Journal { return append([]*Journal(nil), s.journals[1:]...) }

// Submit takes one event and calls done once, after the fsync, on the committer's goroutine, in the
// order of Submit: with the record's position, or with why it was not kept (kind Unavailable: perhaps
// kept). done must not block and must not submit. The event's Body must not change until then. Submit
// fails, and done is never called, with Invalid, Exhausted (too much waits, or the disk is below its
// red line) or Unavailable.
func (s *Set) Submit(e edge.Event, done func(edge.Pos, error)) error {
	return s.submit(item{event: e, done: done})
}

// Append takes events, all or none, and returns the position of the last once they are durable. Events
// may have different urgencies. It fails like Submit; where ctx ends first the outcome is unknown.
func (s *Set) Append(ctx context.Context, events ...edge.Event) (edge.Pos, error) {
	if len(events) == 0 {
		return edge.Pos{}, edge.E(edge.Invalid, "there is nothing to append to the journals %q", s.o.Family)
	}
	return s.wait(ctx, item{event: events[0], more: events[1:]})
}

// SetDisk changes the budget of the whole set, for when something else fills the disk. It takes effect
// with the next append; what is above it is trimmed and shed step by step.
func (s *Set) SetDisk(bytes int64) { s.disk.Store(max(bytes, 1)) }

// NewEpoch begins a new epoch in all six journals, after a restore or any doubt about what others have
// seen of them. It returns once that is durable.
func (s *Set) NewEpoch(ctx context.Context, reason string) error {
	if reason == "" || len(reason) > maxName {
		return edge.E(edge.Invalid, "a new epoch needs a reason of 1 to %d bytes", maxName)
	}
	_, err := s.wait(ctx, item{epoch: reason})
	return err
}

func (s *Set) wait(ctx context.Context, it item) (edge.Pos, error) {
	type answer struct {
		pos edge.Pos
		err error
	}
	got := make(chan answer, 1)
	it.done = func(p edge.Pos, err error) { got <- answer{p, err} }
	if err := ctx.Err(); err != nil {
		return edge.Pos{}, err
	}
	if err := s.submit(it); err != nil {
		return edge.Pos{}, err
	}
	select {
	case a := <-got:
		return a.pos, a.err
	case <-ctx.Done():
		return edge.Pos{}, edge.E(edge.Unavailable, "waiting for the journals %q was given up; the records may still be kept: %w", s.o.Family, context.Cause(ctx))
	}
}

// An item is what one call submitted: events that belong together, or the order to begin a new epoch.
type item struct {
	event  edge.Event
	digest [32]byte // of event
	more   []edge.Event
	epoch  string
	bare   bool // neither: only told when the commit is done
	size   int
	done   func(edge.Pos, error)
	pos    edge.Pos // the committer's answer
	err    error
}

// each calls f for every event of the item.
func (it *item) each(f func(edge.Event)) {
	if it.records() == 0 {
		return
	}
	f(it.event)
	for _, e := range it.more {
		f(e)
	}
}

func (it *item) records() int {
	if it.epoch != "" || it.bare {
		return 0
	}
	return 1 + len(it.more)
}

// check refuses what could never be committed, and measures the rest.
func (it *item) check(e engine) (err error) {
	it.each(func(ev edge.Event) {
		if err == nil {
			err = Fits(e, ev)
		}
		it.size += encodedSize(ev) + perRecord
	})
	if err == nil && it.records() > 1 && it.size > itemLimit(e) {
		err = edge.E(edge.Invalid, "%d records with %d bytes are too much for one step, which takes %d", it.records(), it.size, itemLimit(e)).
			WithHint("append in smaller steps")
	}
	return err
}

// perRecord bounds the block header and key that a record costs when it is alone in its block.
const perRecord = 256

func itemLimit(e engine) int   { return e.MaxBatch() / 2 }
func writerLimit(e engine) int { return e.MaxBatch() / 3 }

// Fits refuses, with Invalid, an event that no journal of the store can hold: edge.CheckEvent, and a
// body so close to edge.MaxBody that the record is longer than the store's longest value.
func Fits(s interface{ MaxValue() int }, e edge.Event) error {
	if err := checkEvent(e); err != nil {
		return err
	}
	if most := s.MaxValue() - blockHeader; encodedSize(e) > most {
		return edge.E(edge.Invalid, "an event of %d bytes is too long for this store, which takes %d", encodedSize(e), most).
			WithHint("put large values in the blob store and refer to them by hash")
	}
	return nil
}

func (s *Set) submit(it item) error {
	if err := it.check(s.store); err != nil {
		return err
	}
	s.hash(&it)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	if s.pending+it.records() > s.o.MaxPending || s.bytes+int64(it.size) > s.o.MaxPendingBytes {
		return edge.E(edge.Exhausted, "%d records already wait to be written to the journals %q", s.pending, s.o.Family).
			WithHint("try again in a moment; if it stays, the disk is too slow")
	}
	w := s.filling
	if w == nil || w.size > 0 && w.size+it.size > writerLimit(s.store) {
		w = &writer{s: s, items: s.spare}
		s.spare = nil
		if err := s.enqueue(w); err != nil {
			return err
		}
	}
	w.items = append(w.items, it)
	w.size += it.size
	s.pending += it.records()
	s.bytes += int64(it.size)
	return nil
}

// hash computes what does not depend on the record's place. It is done by whoever submits, because there is
// one committer and everybody waits for it.
func (s *Set) hash(it *item) {
	if it.records() == 0 {
		return
	}
	scratch, _ := s.scratch.Get().(*[]byte)
	if scratch == nil {
		scratch = new([]byte)
	}
	it.digest, *scratch = edge.Digest(it.event, *scratch)
	if cap(*scratch) <= maxScratch {
		s.scratch.Put(scratch)
	}
}

// maxScratch bounds the memory for hashing that is kept, in bytes; one piece for each processor or so.
const maxScratch = 64 << 10

// ready tells why nothing is taken, if so. The caller holds mu.
func (s *Set) ready() error {
	if s.broken != nil {
		return s.broken
	}
	if s.closing {
		return edge.E(edge.Unavailable, "the journals %q are closed", s.o.Family)
	}
	return nil
}

// enqueue hands w to the store and makes it the one that is filled. The caller holds mu.
func (s *Set) enqueue(w *writer) error {
	s.writers.Add(1)
	if err := s.store.Submit(w); err != nil {
		s.writers.Done()
		return err
	}
	s.filling = w
	return nil
}

// limit returns n as a budget; 0 means none.
func limit(n int64) uint64 {
	if n <= 0 {
		return math.MaxUint64 / 4
	}
	return uint64(n)
}
