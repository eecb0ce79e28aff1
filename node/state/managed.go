package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// CommitAt makes the writes of b take effect together at index ts, which is above zero. Committing the
// same batch at the same index again changes nothing. It survives a kill at once and a power cut after
// Sync. It fails with Invalid (b cannot be stored), Exhausted (red line of the disk; nothing was kept,
// b may be committed again later) or Unavailable (the outcome is unknown, the store takes no more writes).
func (s *Store) CommitAt(b *Batch, ts uint64) error {
	switch {
	case !s.opt.Managed:
		return edge.E(edge.Internal, "the store %q chooses its commit indexes itself", s.opt.Name)
	case ts == 0:
		return edge.E(edge.Invalid, "a commit index must be above 0")
	case b.size > s.MaxBatch():
		return edge.E(edge.Invalid, "%d bytes are too much for one commit of the store %q, which takes %d", b.size, s.opt.Name, s.MaxBatch()).
			WithHint("commit in smaller steps")
	}
	if err := b.check(0, s); err != nil {
		return err
	}
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return s.errClosed()
	}
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if err := s.writable(true); err != nil {
		return err
	}
	if err := s.write(b, ts); err != nil {
		return s.fail(err)
	}
	s.committed(ts)
	return nil
}

// Sync returns when all commits so far survive a power cut. An unmanaged store is always synced.
//
// Badger's own Sync forgets memtables that wait to be flushed. Their logs are files that end in .mem, mapped
// shared: fsync on another descriptor writes their dirty pages too (Linux keeps one page cache per inode).
// A log that is gone meanwhile is in a table that Badger synced before it removed the log.
func (s *Store) Sync() error {
	if s.opt.InMemory || !s.opt.Managed {
		return nil
	}
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return s.errClosed()
	}
	if e := s.broken.Load(); e != nil {
		return e
	}
	upTo := s.applied.Load()
	if err := s.syncLogs(); err != nil {
		return s.fail(err)
	}
	if err := s.witness.sync(upTo); err != nil {
		return s.fail(err)
	}
	return nil
}

func (s *Store) syncLogs() error {
	files, err := os.ReadDir(s.opt.Dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".mem") {
			continue
		}
		if err := syncFile(filepath.Join(s.opt.Dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return syncFile(s.opt.Dir)
}

// syncFile fsyncs a file or directory.
func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// SetReadable says that nobody will read at indexes below from: older versions may be forgotten. Without
// it the last Options.KeepVersions indexes stay readable. It never goes back.
func (s *Store) SetReadable(from uint64) { s.views.setReadable(from) }
