package state

import (
	"os"
	"path/filepath"

	"github.com/aielon/edge/node/edge"
	"golang.org/x/sys/unix"
)

const lockName = "INUSE"

// lock takes the directory for this process. Badger has a lock of its own, but takes it too late: the
// files are looked at before. The kernel lets go of it when the process ends, however it ends.
func (s *Store) lock() error {
	f, err := os.OpenFile(filepath.Join(s.opt.Dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return edge.E(edge.Unavailable, "the directory of the store %q cannot be used: %w", s.opt.Name, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return edge.E(edge.Unavailable, "the store %q in %s is in use by another process: %w", s.opt.Name, s.opt.Dir, err).
			WithHint("stop the other node first")
	}
	s.locked = f
	return nil
}
