package state

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A logReserve gives Badger's current log real blocks. Badger makes it as a sparse file and maps it; where
// the disk is full by the time a page is touched, the process dies. It belongs to the one that commits.
type logReserve struct {
	dir  string // empty: nothing to reserve
	id   int    // of the current log
	size int64  // bytes a log can come to use
}

func (r *logReserve) open(o Options) {
	files, err := walFiles(o.Dir)
	if err != nil || len(files) == 0 {
		return
	}
	r.dir, r.size = o.Dir, o.MemTable+int64(o.maxBatch())+(1<<20)
	r.id, _ = strconv.Atoi(strings.TrimSuffix(filepath.Base(files[len(files)-1]), ".mem"))
	r.fill()
}

// reserve is called after each commit. Badger begins a new log, the next number, in the middle of one.
func (r *logReserve) reserve() {
	if r.dir == "" {
		return
	}
	var st unix.Stat_t
	if unix.Stat(r.path(r.id+1), &st) == nil {
		r.id++
		r.fill()
	}
}

func (r *logReserve) path(id int) string { return filepath.Join(r.dir, fmt.Sprintf("%05d.mem", id)) }

// fill allocates. Where that does not work the red line must do.
func (r *logReserve) fill() {
	f, err := os.OpenFile(r.path(r.id), os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer f.Close()
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, r.size)
}
