package node

import (
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/aielon/edge/node/edge"
)

// lockDir takes the data directory for this process. The lock ends with the process, however it ends.
func lockDir(dir string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, edge.E(edge.Invalid, "the data directory cannot be locked: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, edge.E(edge.Unavailable, "another process works on %s", dir).WithHint("stop it first, or give this one a data directory of its own")
	}
	return f.Close, nil
}

// linkFile is keys/link.json with its newest content in memory.
type linkFile struct {
	edge.Redacted

	k   *keys
	mu  sync.Mutex // guards cur and the file
	cur link
}

func openLink(k *keys) (*linkFile, error) {
	l, err := k.loadLink()
	return &linkFile{k: k, cur: l}, err
}

func (f *linkFile) get() link {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cur
}

func (f *linkFile) update(change func(*link)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := f.cur
	change(&next)
	if err := f.k.saveLink(next); err != nil {
		return err
	}
	f.cur = next
	return nil
}
