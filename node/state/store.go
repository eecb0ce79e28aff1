package state

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/dgraph-io/badger/v4"
)

// closeWait is how long Close waits for readers, and for room on the disk, before it gives up.
const closeWait = 10 * time.Second

// seqKey is written with every commit, and holds the index of the commit before. Its newest version is never
// compacted away, so that Badger's highest version is the index of the last commit even where that commit
// only deleted; and a hole in the logs shows.
var seqKey = []byte("!state!seq")

// A Store is one open Badger directory.
type Store struct {
	edge.Redacted

	opt Options
	log *slog.Logger
	db  atomic.Pointer[badger.DB] // replaced once at most, see reopen
	env *envelope

	applied atomic.Uint64 // index of the last commit that readers see
	views   views
	guard   guard
	witness witness
	seen    uint64 // last index the witness knew when the store was opened
	keeper  keeper
	locked  *os.File
	logs    logReserve
	stats   counters

	swap    sync.RWMutex // held for reading while a view is opened, for writing to replace db
	reading atomic.Bool  // there was no room to open for writing

	commitMu sync.Mutex // one commit at a time: Badger, the envelope's counter and the witness rely on it
	entries  []badger.Entry
	done     bool // guarded by commitMu: Badger is closed

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

// open does its steps in an order that matters: nothing is written before the directory is ours, and Badger
// sees the files only after they were found in order.
func (s *Store) open(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if !s.opt.InMemory {
		if err := s.inspect(ctx); err != nil {
			return err
		}
	}
	db, err := s.openBadger(s.reading.Load())
	if err != nil {
		return s.openError(err)
	}
	s.db.Store(db)
	last := db.MaxVersion()
	if err := s.settle(last); err != nil {
		return errors.Join(err, db.Close())
	}
	s.applied.Store(last)
	s.views.open(last, s.opt.Managed, s.opt.KeepVersions, func(ts uint64) { s.db.Load().SetDiscardTs(ts) })
	s.start()
	s.log.Debug("open", "index", last)
	return nil
}

// inspect locks the directory and looks for damage. It changes nothing where it finds any.
func (s *Store) inspect(ctx context.Context) error {
	if err := os.MkdirAll(s.opt.Dir, 0o700); err != nil {
		return edge.E(edge.Unavailable, "the directory of the store %q cannot be made: %w", s.opt.Name, err)
	}
	if err := s.lock(); err != nil {
		return err
	}
	if err := s.guard.open(s.opt, s.log); edge.IsKind(err, edge.Exhausted) && existing(s.opt.Dir) {
		s.reading.Store(true)
		s.log.Warn("the disk is full: the store is opened for reading only, until there is room", "error", err)
	} else if err != nil {
		return err
	}
	if err := s.witness.load(s.opt.Dir, derive(s.opt.Key, purposeWitness, nil)); err != nil {
		return edge.E(edge.Unavailable, "the witness of the store %q cannot be opened: %w", s.opt.Name, err)
	}
	s.seen = s.witness.last
	p := &preflight{s: s, dir: s.opt.Dir, key: derive(s.opt.Key, purposeSums, nil)}
	if err := p.check(ctx); err != nil {
		return err
	}
	if need := p.compactionNeed(); !s.reading.Load() && !s.guard.room(need) {
		s.opt.still = true
		s.log.Warn("the disk has no room for compactions; there will be none until the next start", "need", need)
	}
	if !s.reading.Load() {
		s.guard.lay()
	}
	s.keeper.s, s.keeper.key, s.keeper.sums, s.keeper.kick = s, p.key, p.sums, make(chan struct{}, 1)
	return nil
}

// openBadger turns a panic of Badger over damaged data into an error, as far as it happens here.
func (s *Store) openBadger(reading bool) (db *badger.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("badger: %s", firstLine(r))
		}
	}()
	if !reading && !s.opt.InMemory {
		if err := ensureDataKey(s.opt.Dir, s.badgerKey()); err != nil {
			return nil, err
		}
	}
	return badger.OpenManaged(s.opt.badger(s.badgerKey()).WithReadOnly(reading))
}

// settle compares what Badger found with the witness, and sums what there is. highest is Badger's.
func (s *Store) settle(highest uint64) error {
	if s.opt.InMemory {
		return nil
	}
	need := s.witness.last
	if s.opt.Managed {
		need = s.witness.synced
	}
	if highest < need {
		return s.missing(need - highest)
	}
	if s.reading.Load() {
		s.guard.need.Store(s.compactionNeed())
		return nil
	}
	if _, err := s.keeper.update(); err != nil {
		return edge.E(edge.Unavailable, "the sums of the store %q cannot be written: %w", s.opt.Name, err)
	}
	s.guard.need.Store(s.compactionNeed())
	return s.logs.open(s.opt)
}

func (s *Store) start() {
	if !s.opt.Managed {
		s.running.Go(s.commitLoop)
	}
	if !s.opt.InMemory {
		s.running.Go(func() { s.keeper.run(s.stop) })
	}
	if s.reading.Load() {
		s.running.Go(s.waitForRoom)
	}
}

// release gives the directory back.
func (s *Store) release() {
	if s.opt.InMemory {
		return
	}
	s.witness.close()
	if s.locked != nil {
		s.locked.Close()
	}
}

func (s *Store) badgerKey() []byte { return derive(s.opt.Key, purposeBadger, nil) }

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
	return s.writable(false)
}

func (s *Store) writable(fresh bool) error {
	if e := s.broken.Load(); e != nil {
		return e
	}
	if s.reading.Load() {
		return s.noRoom()
	}
	return s.guard.check(fresh)
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

// Close commits what is queued, waits for readers to finish and closes Badger. Later calls do nothing. It
// fails with Exhausted where the disk has no room to close in order, and with Internal where readers do not
// finish; nothing is lost then, the next start reads the logs, and Close may be tried again.
func (s *Store) Close() error {
	s.gate.Lock()
	first := !s.closed
	s.closed = true
	s.gate.Unlock()
	if first {
		close(s.stop)
		s.running.Wait()
	}
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	switch {
	case s.done || s.broken.Load() != nil: // broken: Badger would try for ever to write to a disk that fails
		return nil
	case !s.views.drain(closeWait):
		return edge.E(edge.Internal, "the store %q is still being read after %v; it stays open", s.opt.Name, closeWait)
	case !s.reading.Load() && !s.roomToClose():
		// Badger would turn its logs into tables and die of the full disk.
		err := edge.E(edge.Exhausted, "the disk has no room to close the store %q in order", s.opt.Name).
			WithHint("end the process, free some space and start again; nothing is lost")
		return errors.Join(err, s.syncLogs())
	}
	s.done = true
	defer s.release()
	return s.closeBadger()
}

func (s *Store) closeBadger() error {
	s.logs.close()
	if err := s.db.Load().Close(); err != nil {
		return edge.E(edge.Internal, "the store %q did not close cleanly: %w", s.opt.Name, err)
	}
	if s.opt.InMemory || s.reading.Load() {
		return nil
	}
	// Badger wrote its memtables as tables: all of them get their sums, and the witness may be sure.
	_, err := s.keeper.update()
	if err = errors.Join(err, s.witness.sync(s.applied.Load())); err != nil {
		return edge.E(edge.Internal, "the sums of the store %q could not be written: %w", s.opt.Name, err)
	}
	return nil
}

// roomToClose reports whether Badger finds room to write its logs as tables. Each log it has written so far
// gives its own room back, so that is waited for while more than the current one is left.
func (s *Store) roomToClose() bool {
	for end := time.Now().Add(closeWait); ; time.Sleep(5 * time.Millisecond) {
		if s.guard.room(s.closeNeed()) {
			return true
		}
		if files, err := walFiles(s.opt.Dir); err != nil || len(files) <= 1 || time.Now().After(end) {
			return false
		}
	}
}

// closeNeed is how many bytes Badger may write while it closes.
func (s *Store) closeNeed() int64 {
	if s.opt.InMemory {
		return 0
	}
	logs := logBytes(s.opt.Dir)
	return logs + logs/8 + 1<<20
}

// Witness is the last index the store had reached before it was opened, as far as is known. A managed store
// may be behind it after a power cut; the caller's replay must bring it there, or data is missing.
func (s *Store) Witness() uint64 { return s.seen }

func (s *Store) errClosed() error {
	return edge.E(edge.Unavailable, "the store %q is closed", s.opt.Name)
}

// write commits b at index ts: sealed, in one transaction, and durable in an unmanaged store. The caller
// holds commitMu. An error other than Invalid means that the outcome is unknown.
func (s *Store) write(b *Batch, ts uint64) error {
	start := time.Now()
	b.sealAll(s.env)
	if cap(s.entries) < len(b.ops) {
		s.entries = make([]badger.Entry, len(b.ops))
	}
	entries := s.entries[:len(b.ops)]
	defer clear(entries)
	txn := s.db.Load().NewTransactionAt(math.MaxUint64, true)
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
	var prev [8]byte
	binary.BigEndian.PutUint64(prev[:], min(s.applied.Load(), ts-1))
	if err := txn.Set(seqKey, prev[:]); err != nil {
		return edge.E(edge.Invalid, "the store %q cannot take the batch: %w", s.opt.Name, err)
	}
	if err := txn.CommitAt(ts, nil); err != nil {
		return s.fail(err)
	}
	err := s.logs.reserve()
	if s.syncsCommits() {
		if err == nil {
			err = s.logs.sync()
		}
		if err != nil {
			return s.fail(err)
		}
	}
	if s.guard.wrote(b.size, int(s.opt.MemTable/4)) && !s.opt.InMemory {
		s.guard.need.Store(s.compactionNeed())
	}
	s.stats.commit(b, time.Since(start))
	return nil
}

// syncsCommits reports whether every commit is on the disk before it is acknowledged. Of a managed store the
// caller has a log of its own.
func (s *Store) syncsCommits() bool { return !s.opt.Managed && !s.opt.InMemory && !s.opt.bulk }

// clipKey keeps a key short enough for a message; the caller prints it quoted.
func clipKey(k []byte) []byte { return k[:min(len(k), 80)] }
