package wal

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// faulty is a disk that fails when told to, after having done none, some or all of what it was asked.
type faulty struct {
	full      bool  // no space can be laid aside
	write     error // the next write fails so
	done      int   // per cent of it that got through
	syncFails bool  // the next fsync fails
}

func (d *faulty) disk() disk {
	return disk{
		reserve: func(f *os.File, n int64) error {
			if d.full {
				return syscall.ENOSPC
			}
			return realDisk.reserve(f, n)
		},
		write: func(f *os.File, b []byte, at int64) error {
			if err := d.write; err != nil {
				d.write = nil
				f.WriteAt(b[:len(b)*d.done/100], at)
				return err
			}
			return realDisk.write(f, b, at)
		},
		sync: func(f *os.File) error {
			if d.syncFails {
				d.syncFails = false
				return syscall.EIO
			}
			return realDisk.sync(f)
		},
	}
}

// On a full disk nothing new is taken while raft's own entries find room; then nothing at all; and when
// there is space again the log goes on as if nothing had been.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	d, dir := &faulty{}, t.TempDir()
	w, err := open(opts(dir), d.disk())
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, 1, 10, 1)
	if err := w.Writable(); err != nil {
		t.Fatal(err)
	}
	d.full = true
	i := uint64(11)
	for refused := false; ; i++ {
		if !refused && w.Writable() != nil {
			refused = true
			if !edge.IsKind(w.Writable(), edge.Exhausted) {
				t.Fatal(w.Writable())
			}
		}
		err := w.Append(i, [][]byte{rec(i)})
		if err != nil && (!edge.IsKind(err, edge.Exhausted) || !refused) {
			t.Fatalf("refused %v: %v", refused, err)
		}
		if err != nil {
			break
		}
	}
	check(t, w, 1, i-1)
	if again, err := open(opts(dir), d.disk()); err != nil {
		t.Fatalf("a full disk keeps the log from opening: %v", err)
	} else {
		check(t, again, 1, i-1)
		again.Close()
	}
	d.full = false
	w, err = open(opts(dir), d.disk())
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, i, i+50, 2)
	check(t, w, 1, i+50)
}

// A write that fails for want of space leaves nothing behind, whether it got through or not.
func TestFailedWrites(t *testing.T) {
	t.Parallel()
	for _, done := range []int{0, 40, 100} {
		t.Run(fmt.Sprint(done, " per cent"), func(t *testing.T) {
			d, dir := &faulty{done: done}, t.TempDir()
			w, err := open(opts(dir), d.disk())
			if err != nil {
				t.Fatal(err)
			}
			fill(t, w, 1, 20, 3)
			d.write = syscall.ENOSPC
			if err := w.Append(21, [][]byte{[]byte("lost"), []byte("as well")}); !edge.IsKind(err, edge.Exhausted) {
				t.Fatal(err)
			}
			check(t, w, 1, 20)
			fill(t, w, 21, 40, 1)
			check(t, w, 1, 40)
			check(t, mustOpen(t, dir), 1, 40)
		})
	}
}

// After a failed fsync nothing is taken any more. What was acknowledged before is there at the next start;
// what was not may be.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	for _, through := range []bool{false, true} {
		d, dir := &faulty{}, t.TempDir()
		w, err := open(opts(dir), d.disk())
		if err != nil {
			t.Fatal(err)
		}
		fill(t, w, 1, 20, 3)
		end := w.newest().end
		d.syncFails = true
		if err := w.Append(21, [][]byte{rec(21)}); !edge.IsKind(err, edge.Unavailable) || !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		if err := w.Append(21, [][]byte{rec(21)}); err == nil {
			t.Fatal("taken after a failed fsync")
		}
		if !through { // as if the page was dropped
			f, _ := os.OpenFile(newest(t, dir), os.O_RDWR, 0)
			f.WriteAt(make([]byte, 256), end)
			f.Close()
		}
		want := uint64(20)
		if through {
			want = 21
		}
		check(t, mustOpen(t, dir), 1, want)
	}
}
