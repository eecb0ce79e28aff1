package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aielon/edge/node/edge"
	"golang.org/x/sys/unix"
)

// A logReserve looks after Badger's current log. It gives it real blocks: Badger makes it as a sparse file and
// maps it; where the disk is full by the time a page is touched, the process dies. And it syncs it. It belongs
// to the one that commits.
type logReserve struct {
	dir   string   // empty: there are no logs
	id    int      // of the current log
	size  int64    // bytes a log can come to use
	f     *os.File // the current log; nil where it could not be opened
	named bool     // its name in the directory is known to last
}

func (r *logReserve) open(o Options) error {
	r.close()
	files, err := walFiles(o.Dir)
	if err != nil || len(files) == 0 {
		return edge.E(edge.Unavailable, "the log of the store %q cannot be found: %w", o.Name, errors.Join(err, fs.ErrNotExist))
	}
	r.dir, r.size = o.Dir, o.MemTable+int64(o.maxBatch())+(1<<20)
	r.id, _ = strconv.Atoi(strings.TrimSuffix(filepath.Base(files[len(files)-1]), ".mem"))
	r.fill()
	return nil
}

// reserve is called after each commit. Badger begins a new log, the next number, in the middle of one, and
// before it writes any of it. It fails where that cannot be seen: then it is not known which log to sync.
func (r *logReserve) reserve() error {
	if r.dir == "" {
		return nil
	}
	var st unix.Stat_t
	switch err := unix.Stat(r.path(r.id+1), &st); err {
	case nil:
		r.id++
		r.fill()
		return nil
	case unix.ENOENT:
		return nil
	default:
		return err
	}
}

func (r *logReserve) path(id int) string { return filepath.Join(r.dir, fmt.Sprintf("%05d.mem", id)) }

// fill opens the log and allocates. Where that does not work the red line must do.
func (r *logReserve) fill() {
	r.close()
	f, err := os.OpenFile(r.path(r.id), os.O_RDWR, 0)
	if err != nil {
		return
	}
	r.f, r.named = f, false
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, r.size)
}

// sync makes the last commit survive a power cut. Badger writes the log through a mapping; fsync on another
// descriptor writes those pages too, for Linux keeps one page cache per inode. The logs before were synced by
// the commits that wrote them.
func (r *logReserve) sync() error {
	if r.f == nil {
		if r.fill(); r.f == nil {
			return fmt.Errorf("the log %s cannot be opened", r.path(r.id))
		}
	}
	if !r.named { // the first commit in it: its name must last too
		if err := syncFile(r.dir); err != nil {
			return err
		}
		r.named = true
	}
	return unix.Fdatasync(int(r.f.Fd()))
}

func (r *logReserve) close() {
	if r.f != nil {
		r.f.Close()
		r.f = nil
	}
}
