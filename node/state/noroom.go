package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A disk can be so full that Badger could not open even after the ballast was given up: something else took
// that too. A store that exists already is opened for reading then: Badger makes no file and touches no
// page that has no block. Writes are refused as below the red line. When there is room the store opens
// Badger anew, in place, while readers wait.
const (
	roomLook   = 500 * time.Millisecond // between two looks for room
	swapWait   = time.Second            // how long new readers wait for old ones to finish, before it is tried again later
	swapPause  = 5 * time.Second
	discard    = "DISCARD"
	discardLen = 1 << 20 // as Badger makes it
)

// existing reports whether there is a store in a directory.
func existing(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, manifestName))
	return err == nil
}

// noRoom is why nothing is written.
func (s *Store) noRoom() *edge.Error {
	return edge.E(edge.Exhausted, "the disk under the store %q is full: it was opened for reading only, and %d MiB must be free for more", s.opt.Name, s.guard.openLine(s.opt.Dir)>>20).
		WithHint("free some space; writing begins by itself then")
}

// sweepForReading leaves behind what Badger can open without making anything. The file of statistics, in
// which nothing ever is, needs one real block: Badger reads its first page through a mapping.
func (p *preflight) sweepForReading() error {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return p.ioError(err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".vlog" {
			if err := p.remove(e.Name()); err != nil {
				return err
			}
		}
	}
	f, err := os.OpenFile(filepath.Join(p.dir, discard), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		_, err = f.WriteAt(make([]byte, 4096), 0)
		err = errors.Join(err, f.Truncate(discardLen), f.Close())
	}
	if err != nil {
		return edge.E(edge.Exhausted, "the disk under the store %q has not a single block left: %w", p.s.opt.Name, err).
			WithHint("free some space and start again")
	}
	return nil
}

// cutForReading cuts logs where their content ends, because Badger does not do so where it may not write.
func (p *preflight) cutForReading() error {
	files, err := walFiles(p.dir)
	if err != nil {
		return p.ioError(err)
	}
	for _, path := range files {
		w, err := readWAL(path, p.dataKey)
		if err != nil {
			return p.ioError(err)
		}
		if w.empty || len(w.txns) == 0 { // nothing in it; Badger cannot open a log without a whole header
			err = os.Remove(path)
		} else {
			err = os.Truncate(path, w.txns[len(w.txns)-1].end)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return p.ioError(err)
		}
	}
	return nil
}

// waitForRoom opens the store for writing once there is room.
func (s *Store) waitForRoom() {
	pause := roomLook
	for {
		select {
		case <-s.stop:
			return
		case <-time.After(pause):
		}
		pause = roomLook
		if free := s.guard.look(); free >= 0 && free < s.guard.openLine(s.opt.Dir) {
			continue
		}
		done, err := s.reopen()
		if err != nil {
			s.fail(err)
			return
		}
		if done {
			s.log.Info("there is room on the disk again: writing goes on")
			return
		}
		pause = swapPause
	}
}

// reopen puts a Badger that may write in the place of the one that may not. It reports false where readers
// did not finish in time. After an error there is none in place.
func (s *Store) reopen() (done bool, err error) {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	s.swap.Lock()
	defer s.swap.Unlock()
	for end := time.Now().Add(swapWait); s.views.count() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false, nil
		}
	}
	if err := s.db.Load().Close(); err != nil {
		return false, err
	}
	if err := s.keeper.restore(); err != nil {
		return false, err
	}
	p := &preflight{s: s, dir: s.opt.Dir}
	if err := p.sweep(); err != nil {
		return false, err
	}
	db, err := s.openBadger(false)
	if err != nil {
		return false, err
	}
	if got, want := db.MaxVersion(), s.applied.Load(); got != want {
		return false, errors.Join(s.missing(want-min(got, want)), db.Close())
	}
	s.db.Store(db)
	s.views.renew()
	s.reading.Store(false) // writers wait for commitMu
	if err := s.settle(s.applied.Load()); err != nil {
		return false, err
	}
	s.guard.refill()
	return true, nil
}

// restore writes SUMS without the tables that are gone, whose numbers Badger will give to new ones.
func (k *keeper) restore() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sums.store(k.s.opt.Dir, k.key)
}

// renew tells another Badger what the one before it was told.
func (v *views) renew() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.discard > 0 {
		v.set(v.discard)
	}
}

// refill lays the ballast again.
func (g *guard) refill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lookLocked()
	g.lay()
}

// openLine is how many bytes must be free for the store to be opened for writing.
func (g *guard) openLine(dir string) int64 {
	logs := logBytes(dir)
	return max(logs+logs/8+openNeed+g.min, g.line())
}
