package state

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
	"golang.org/x/sys/unix"
)

// How often the free space of the disk is looked at while commits go on.
const (
	lookEvery   = 250 * time.Millisecond
	lookCommits = 64
)

// A guard keeps writes away from a disk that is nearly full: Badger maps sparse files, and touching one
// that the disk has no room for kills the process.
type guard struct {
	dir  string
	name string
	min  int64 // bytes that must stay free

	free    atomic.Int64 // bytes, as last seen; negative: not known
	mu      sync.Mutex   // guards seen, commits
	seen    time.Time
	commits int
	full    atomic.Bool
}

func (g *guard) init(o Options) {
	g.name, g.min = o.Name, o.MinFree
	if !o.InMemory {
		g.dir = o.Dir
	}
	g.look()
}

// check returns Exhausted where fewer than min+need bytes are free.
func (g *guard) check(need int64) error {
	if g.dir == "" {
		return nil
	}
	g.mu.Lock()
	stale := g.commits >= lookCommits || time.Since(g.seen) > lookEvery
	g.mu.Unlock()
	if stale {
		g.look()
	}
	if free := g.free.Load(); free >= 0 && free < g.min+need {
		g.full.Store(true)
		return edge.E(edge.Exhausted, "the disk under the store %q is nearly full: %d MiB are free, %d MiB must stay free", g.name, free>>20, (g.min+need)>>20).
			WithHint("free some space; writing goes on by itself then")
	}
	g.full.Store(false)
	return nil
}

// wrote counts a commit.
func (g *guard) wrote(size int) {
	if g.dir == "" {
		return
	}
	g.free.Add(-int64(size))
	g.mu.Lock()
	g.commits++
	g.mu.Unlock()
}

// look asks the file system.
func (g *guard) look() int64 {
	free := int64(-1)
	if g.dir != "" {
		var st unix.Statfs_t
		if err := unix.Statfs(g.dir, &st); err == nil {
			free = int64(st.Bavail) * st.Bsize
		}
	}
	g.mu.Lock()
	g.seen, g.commits = time.Now(), 0
	g.mu.Unlock()
	g.free.Store(free)
	return free
}
