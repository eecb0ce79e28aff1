package state

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
	"golang.org/x/sys/unix"
)

// lookEvery is how often the free space of the disk is looked at where nobody commits. Before every commit it
// is looked at anew: that costs a microsecond, less than a hundredth of an fsync.
const lookEvery = 100 * time.Millisecond

// ballastName is a file of real blocks that is given up when Badger itself runs out of space.
const ballastName = "BALLAST"

// A guard keeps writes away from a disk that is nearly full: Badger maps sparse files, and touching one
// that the disk has no room for kills the process. The red line is MinFree, and what a compaction may need
// at once, and what is missing of the ballast.
type guard struct {
	dir     string // empty: nothing to guard
	name    string
	log     *slog.Logger
	min     int64
	reserve int64
	need    atomic.Int64 // bytes Badger's background work may take

	free    atomic.Int64 // bytes, as last seen; negative: not known
	ballast atomic.Int64 // bytes it holds now

	mu    sync.Mutex // guards the rest
	seen  time.Time
	bytes int
	full  bool // writes are refused
}

// open drops the ballast where Badger would not find room to open, and lays it where there is room for it.
func (g *guard) open(o Options, log *slog.Logger) error {
	g.dir, g.name, g.log, g.min, g.reserve = o.Dir, o.Name, log, o.MinFree, o.Reserve
	if st, err := os.Stat(g.path()); err == nil {
		g.ballast.Store(st.Size())
	}
	logs := logBytes(o.Dir)
	need := logs + logs/8 + openNeed // waiting logs become tables at once
	if free := g.look(); free >= 0 && free < need+o.MinFree {
		g.drop()
	}
	if free := g.look(); free >= 0 && free < need {
		return edge.E(edge.Exhausted, "the disk under the store %q is full: %d MiB are free, %d MiB are needed to open it", g.name, free>>20, need>>20+1).
			WithHint("free some space and start again")
	}
	return nil
}

// openNeed is what Badger writes when it opens an empty store: a log, the value log, DISCARD, the MANIFEST.
const openNeed = 3 << 20

// logBytes is how many bytes the logs of memtables take on the disk; they are sparse.
func logBytes(dir string) (n int64) {
	files, err := walFiles(dir)
	if err != nil {
		return 0 // the preflight will say what is wrong
	}
	for _, f := range files {
		var st unix.Stat_t
		if unix.Stat(f, &st) == nil {
			n += st.Blocks * 512
		}
	}
	return n
}

// room gives the ballast up where fewer than need bytes are free, and reports whether they are then.
func (g *guard) room(need int64) bool {
	if g.dir == "" {
		return true
	}
	if free := g.look(); free >= 0 && free < need {
		g.drop()
	}
	free := g.look()
	return free < 0 || free >= need
}

func (g *guard) path() string { return filepath.Join(g.dir, ballastName) }

// line is how many bytes must be free for writes to go on.
func (g *guard) line() int64 { return g.min + g.need.Load() + g.reserve - g.ballast.Load() }

// check returns Exhausted below the red line. Only where it is asked for a fresh look may a write follow.
func (g *guard) check(fresh bool) error {
	if g.dir == "" {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	free, line := g.free.Load(), g.line()
	if fresh || free < line || time.Since(g.seen) > lookEvery { // nobody is refused over an old figure
		free = g.lookLocked()
	}
	if free < 0 || free >= line {
		g.recovered()
		return nil
	}
	g.full = true
	g.spare(free)
	return edge.E(edge.Exhausted, "the disk under the store %q is nearly full: %d MiB are free, %d MiB must stay free", g.name, free>>20, line>>20).
		WithHint("free some space; writing goes on by itself then")
}

// spare gives the ballast up where Badger's background work might run dry.
func (g *guard) spare(free int64) {
	if free >= 0 && free < g.min+g.need.Load() {
		g.drop()
	}
}

// watch is called now and then while Badger may be at work without a commit.
func (g *guard) watch() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.spare(g.lookLocked())
}

// recovered lays the ballast again once writing goes on. The caller holds mu.
func (g *guard) recovered() {
	if g.full || g.ballast.Load() < g.reserve && g.free.Load() > g.line()+g.reserve {
		g.full = false
		g.lay()
	}
}

// wrote counts what was committed. It reports whether that is so much that need should be asked for again.
func (g *guard) wrote(size, every int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.bytes += size; g.bytes < every {
		return false
	}
	g.bytes = 0
	return true
}

// look asks the file system how many bytes are free for us.
func (g *guard) look() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lookLocked()
}

func (g *guard) lookLocked() int64 {
	free := int64(-1)
	if g.dir != "" {
		var st unix.Statfs_t
		if err := unix.Statfs(g.dir, &st); err == nil {
			free = int64(st.Bavail) * int64(st.Bsize)
		}
	}
	g.seen = time.Now()
	g.free.Store(free)
	return free
}

// drop gives the ballast up.
func (g *guard) drop() {
	if g.ballast.Load() == 0 {
		return
	}
	if err := os.Remove(g.path()); err != nil {
		g.log.Error("the ballast could not be given up", "error", err)
		return
	}
	g.log.Warn("the disk is nearly full: the ballast was given up", "bytes", g.ballast.Swap(0))
}

// lay allocates the ballast where the red line would still be kept. Failing is no harm: the line is
// higher without it.
func (g *guard) lay() {
	if g.reserve == 0 || g.ballast.Load() >= g.reserve {
		return
	}
	if free := g.free.Load(); free >= 0 && free < g.line()+g.min {
		return
	}
	if err := allocate(g.path(), g.reserve); err != nil {
		os.Remove(g.path())
		g.ballast.Store(0)
		g.log.Warn("the ballast could not be laid", "error", err)
		return
	}
	g.ballast.Store(g.reserve)
}

// allocate makes a file of real blocks: with fallocate, or by writing zeros where the file system has none.
func allocate(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != unix.EOPNOTSUPP && err != unix.ENOSYS {
		return err
	}
	zero := make([]byte, 1<<20)
	for at := int64(0); at < size; at += int64(len(zero)) {
		if _, err := f.WriteAt(zero[:min(int64(len(zero)), size-at)], at); err != nil {
			return err
		}
	}
	return f.Sync()
}
