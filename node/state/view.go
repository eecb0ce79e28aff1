package state

import (
	"errors"
	"iter"
	"runtime/debug"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/dgraph-io/badger/v4"
)

// errNotFound is shared: misses are as frequent as hits where duplicates are looked for.
var errNotFound = edge.E(edge.NotFound, "there is nothing stored under this key")

// A View is the store at one index. It costs little to open, must be closed, and keeps old versions
// alive while it is open. It may be used by several goroutines at once.
type View struct {
	s    *Store
	txn  *badger.Txn
	at   uint64
	once sync.Once

	mu  sync.Mutex // guards err
	err error
}

// View opens the newest state.
func (s *Store) View() *View {
	s.swap.RLock()
	defer s.swap.RUnlock()
	at, ok := s.views.enter(s.applied.Load)
	if !ok {
		return &View{s: s, err: s.errClosed()}
	}
	return &View{s: s, at: at, txn: s.db.Load().NewTransactionAt(at, false)}
}

// ViewAt opens the state as it was at index at. Where that is no longer readable, or not yet known, every
// method of the View fails with NotFound or Unavailable; see Err.
func (s *Store) ViewAt(at uint64) *View {
	if last := s.applied.Load(); at > last {
		return &View{s: s, at: at, err: edge.E(edge.Unavailable, "index %d is not here yet; the store %q is at %d", at, s.opt.Name, last)}
	}
	s.swap.RLock()
	defer s.swap.RUnlock()
	ok, from := s.views.enterAt(at)
	if !ok {
		return &View{s: s, at: at, err: edge.E(edge.NotFound, "index %d of the store %q is forgotten; %d is the oldest that can be read", at, s.opt.Name, from)}
	}
	return &View{s: s, at: at, txn: s.db.Load().NewTransactionAt(at, false)}
}

// Index is the commit index the view shows.
func (v *View) Index() uint64 { return v.at }

// Close ends the view. Further reads fail. It may be called more than once.
func (v *View) Close() {
	v.once.Do(func() {
		if v.txn != nil {
			v.s.views.leave(v.at)
		}
	})
}

// Err returns the first error a Scan met, or what was wrong with the view from the start.
func (v *View) Err() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.err
}

func (v *View) fail(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err == nil {
		v.err = err
	}
}

// Get returns the value of key; NotFound where there is none, Corrupt where it is not what was written.
func (v *View) Get(key []byte) ([]byte, error) { return v.GetInto(nil, key) }

// GetInto appends the value of key to dst, so that a loop of reads need not allocate. It fails like Get.
func (v *View) GetInto(dst, key []byte) (out []byte, err error) {
	if v.txn == nil {
		return dst, v.Err()
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // tables are mapped: a read error of the disk is a fault
	defer v.recovered(key, &err)
	item, err := v.txn.Get(key)
	switch {
	case errors.Is(err, badger.ErrKeyNotFound):
		return dst, errNotFound
	case errors.Is(err, badger.ErrEmptyKey):
		return dst, edge.E(edge.Invalid, "the empty key holds nothing")
	case errors.Is(err, badger.ErrDBClosed):
		return dst, v.s.errClosed()
	case err != nil:
		return dst, v.s.corrupt(key, err)
	}
	return v.value(dst, key, item)
}

func (v *View) value(dst, key []byte, item *badger.Item) (out []byte, err error) {
	out = dst
	err = item.Value(func(sealed []byte) (err error) {
		out, err = v.s.env.open(dst, sealed, key)
		return err
	})
	if err != nil {
		return dst, v.s.corrupt(key, err)
	}
	return out, nil
}

// recovered turns a panic of Badger over damaged data into an error.
func (v *View) recovered(key []byte, err *error) {
	if r := recover(); r != nil {
		*err = v.s.panicked(key, r)
	}
}

func (s *Store) panicked(key []byte, r any) error {
	if e, ok := r.(error); ok && errors.Is(e, badger.ErrDBClosed) {
		return s.errClosed()
	}
	return edge.E(edge.Corrupt, "the store %q is damaged near the key %q: %v", s.opt.Name, clipKey(key), r).WithHint(hintDamaged)
}

func (s *Store) corrupt(key []byte, cause error) error {
	return edge.E(edge.Corrupt, "the store %q does not hold what was written under %q: %w", s.opt.Name, clipKey(key), cause).WithHint(hintDamaged)
}

const hintDamaged = "let the site repair this node, or restore it from a backup"

// views counts the open views by index, and moves the index below which Badger may forget.
type views struct {
	mu       sync.Mutex // guards all fields
	counts   map[uint64]int
	last     uint64 // newest index readers see
	readable uint64 // what callers may ask for begins here
	discard  uint64 // what Badger was told
	keep     uint64
	managed  bool
	closed   bool
	idle     chan struct{} // closed when the last view leaves after closing
	set      func(uint64)
}

func (v *views) open(last uint64, managed bool, keep uint64, set func(uint64)) {
	v.counts, v.managed, v.keep, v.set = map[uint64]int{}, managed, keep, set
	v.idle = make(chan struct{})
	v.moved(last)
}

// enter counts a view of the newest index. It is asked for under the lock, so that Badger cannot be told
// to forget it in between.
func (v *views) enter(last func() uint64) (uint64, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return 0, false
	}
	at := last()
	v.counts[at]++
	return at, true
}

func (v *views) enterAt(at uint64) (ok bool, from uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || at < v.discard {
		return false, v.discard
	}
	v.counts[at]++
	return true, v.discard
}

func (v *views) leave(at uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.counts[at]--; v.counts[at] > 0 {
		return
	}
	delete(v.counts, at)
	if v.closed && len(v.counts) == 0 {
		close(v.idle)
	}
	v.forget()
}

// moved tells that index last is the newest now.
func (v *views) moved(last uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last = max(v.last, last)
	v.forget()
}

func (v *views) setReadable(from uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.readable = max(v.readable, min(from, v.last))
	v.forget()
}

// forget lets Badger drop versions nobody can ask for. The caller holds mu.
func (v *views) forget() {
	to := v.last
	if v.managed {
		to = max(v.readable, v.last-min(v.keep, v.last))
	}
	if to <= v.discard {
		return
	}
	for at := range v.counts {
		to = min(to, at)
	}
	if to > v.discard {
		v.discard = to
		v.set(to)
	}
}

// drain lets no new view in and waits until the last one is gone. It reports whether that happened.
func (v *views) drain(wait time.Duration) bool {
	v.mu.Lock()
	v.closed = true
	if len(v.counts) == 0 {
		v.mu.Unlock()
		return true
	}
	v.mu.Unlock()
	select {
	case <-v.idle:
		return true
	case <-time.After(wait):
		return false
	}
}

var _ edge.View = (*View)(nil)

// Scan yields what lies under prefix in ascending order of keys. Keys and values are the caller's to keep.
// After a failure it ends; see Err.
func (v *View) Scan(prefix []byte) iter.Seq2[[]byte, []byte] { return v.ScanFrom(prefix, nil) }
