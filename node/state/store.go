package state

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/dgraph-io/badger/v4"
)

// closeWait is how long Close waits for readers before it gives up.
const closeWait = 10 * time.Second

// seqKey is written with every commit. Its newest version is never compacted away, so that Badger's
// highest version is the index of the last commit even where that commit only deleted.
var seqKey = []byte("!state!seq")

// A Store is one open Badger directory.
type Store struct {
	opt Options
	log *slog.Logger
	db  *badger.DB
	env *envelope

	applied atomic.Uint64 // index of the last commit that readers see
	views   views
	guard   guard
	stats   counters

	commitMu sync.Mutex // one commit at a time: Badger, the envelope's counter and the witness rely on it
	entries  []badger.Entry

	queue   chan Writer  // emptied by the committer alone
	gate    sync.RWMutex // held for reading while sending to queue, for writing to close it
	closed  bool         // guarded by gate
	stop    chan struct{}
	running sync.WaitGroup

	broken atomic.Pointer[edge.Error] // set once: the state on disk is unknown
	failed chan error                 // gets that error, once
}

// Open opens the store in o.Dir, creating it where there is none. It fails with Invalid (options, wrong
// key), Corrupt (stored data is not what was written; nothing was touched), Exhausted (no room on the
// disk) or Unavailable (another process has it open).
func Open(ctx context.Context, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, edge.E(edge.Unavailable, "opening the store %q was given up: %w", o.Name, err)
	}
	env, err := newEnvelope(derive(o.Key, purposeEnvelope, nil), o.maxValue())
	if err != nil {
		return nil, err
	}
	s := &Store{
		opt: o, log: o.Logger, env: env,
		queue:  make(chan Writer, o.Queue),
		stop:   make(chan struct{}),
		failed: make(chan error, 1),
	}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) open(context.Context) error {
	db, err := badger.OpenManaged(s.opt.badger(derive(s.opt.Key, purposeBadger, nil)))
	if err != nil {
		return s.openError(err)
	}
	s.db = db
	last := db.MaxVersion()
	s.applied.Store(last)
	s.views.open(last, s.opt.Managed, s.opt.KeepVersions, db.SetDiscardTs)
	s.guard.init(s.opt)
	if !s.opt.Managed {
		s.running.Go(s.commitLoop)
	}
	return nil
}

// openError finds words for what kept Badger from opening.
func (s *Store) openError(err error) error {
	switch {
	case errors.Is(err, badger.ErrEncryptionKeyMismatch):
		return edge.E(edge.Invalid, "the key does not fit the store %q: %w", s.opt.Name, err).
			WithHint("give the key this node was set up with")
	default:
		return edge.E(edge.Corrupt, "the store %q in %s cannot be opened: %w", s.opt.Name, s.opt.Dir, err)
	}
}

// Name is the name given in Options.
func (s *Store) Name() string { return s.opt.Name }

// MaxBatch is the most bytes (Batch.Size) one commit can take.
func (s *Store) MaxBatch() int { return s.opt.maxBatch() }

// MaxValue is the longest value, in bytes.
func (s *Store) MaxValue() int { return s.env.maxValue }

// MaxVersion is the index of the last commit: of the managed store the highest one given to CommitAt.
func (s *Store) MaxVersion() uint64 { return s.applied.Load() }

// Failed receives an error once a write ended in a way that leaves the state on disk unknown. The store
// refuses all writes from then on; the node should exit and start again.
func (s *Store) Failed() <-chan error { return s.failed }

// Writable returns nil, or why writes are refused: Exhausted below the red line of the disk,
// Unavailable after a failure.
func (s *Store) Writable() error {
	if e := s.broken.Load(); e != nil {
		return e
	}
	return s.guard.check(0)
}

// fail makes the store refuse all writes: what is on disk is not known any more.
func (s *Store) fail(cause error) *edge.Error {
	e := edge.E(edge.Unavailable, "the disk did not confirm a write to the store %q: %w", s.opt.Name, cause).
		WithHint("restart the node; nothing more is written until then")
	if s.broken.CompareAndSwap(nil, e) {
		s.failed <- e
	}
	return s.broken.Load()
}

// Close commits what is queued, waits for readers to finish and closes Badger. Later calls do nothing.
func (s *Store) Close() error {
	s.gate.Lock()
	if s.closed {
		s.gate.Unlock()
		return nil
	}
	s.closed = true
	s.gate.Unlock()
	close(s.stop)
	s.running.Wait()
	s.commitMu.Lock() // for good: no CommitAt after this
	if !s.views.drain(closeWait) {
		return edge.E(edge.Internal, "the store %q is still being read after %v; it stays open", s.opt.Name, closeWait)
	}
	if err := s.db.Close(); err != nil {
		return edge.E(edge.Internal, "the store %q did not close cleanly: %w", s.opt.Name, err)
	}
	return nil
}

func (s *Store) errClosed() error {
	return edge.E(edge.Unavailable, "the store %q is closed", s.opt.Name)
}

// write commits b at index ts: sealed, in one transaction, and durable if Badger syncs. The caller
// holds commitMu. An error other than Invalid means that the outcome is unknown.
func (s *Store) write(b *Batch, ts uint64) error {
	start := time.Now()
	b.sealAll(s.env)
	if cap(s.entries) < len(b.ops) {
		s.entries = make([]badger.Entry, len(b.ops))
	}
	entries := s.entries[:len(b.ops)]
	defer clear(entries)
	txn := s.db.NewTransactionAt(math.MaxUint64, true)
	defer txn.Discard()
	for i, o := range b.ops {
		var err error
		if o.val == nil {
			err = txn.Delete(o.key)
		} else {
			entries[i] = badger.Entry{Key: o.key, Value: o.val}
			err = txn.SetEntry(&entries[i])
		}
		if err != nil {
			return edge.E(edge.Invalid, "the store %q cannot take a write of %q: %w", s.opt.Name, clipKey(o.key), err)
		}
	}
	if err := txn.Set(seqKey, nil); err != nil {
		return edge.E(edge.Invalid, "the store %q cannot take the batch: %w", s.opt.Name, err)
	}
	if err := txn.CommitAt(ts, nil); err != nil {
		return s.fail(err)
	}
	s.guard.wrote(b.size)
	s.stats.commit(b, time.Since(start))
	return nil
}

// clipKey keeps a key short enough for a message; the caller prints it quoted.
func clipKey(k []byte) []byte { return k[:min(len(k), 80)] }
