package state

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of a few MiB. Its function changes the size.
func smallDisk(t *testing.T, mib int) (dir string, resize func(mib int)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir, func(mib int) {
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("size=%dm", mib)); err != nil {
			t.Fatal(err)
		}
	}
}

// write commits random values until the store refuses, and returns how many bytes it took.
func writeUntilFull(t *testing.T, s *Store, want map[string]string, r *rand.Rand) (n int, err error) {
	t.Helper()
	for n < 200<<20 {
		v := make([]byte, 20_000)
		for i := range v {
			v[i] = byte(r.Uint32())
		}
		k := fmt.Sprintf("key/%d", r.IntN(1<<30))
		if err := s.Commit(context.Background(), func(b *Batch) { b.Set([]byte(k), v) }); err != nil {
			return n, err
		}
		want[k] = string(v)
		n += len(v)
	}
	return n, nil
}

// TestFullFromInside fills the disk with the store itself. The process dies of SIGBUS where the guard fails.
func TestFullFromInside(t *testing.T) {
	dir, resize := smallDisk(t, 36)
	o := options1(t, false)
	o.Dir, o.Reserve, o.MinFree = filepath.Join(dir, "store"), 6<<20, 3<<20
	s := open(t, o)
	want := map[string]string{}
	r := rand.New(rand.NewPCG(1, 1))
	n, err := writeUntilFull(t, s, want, r)
	if !edge.IsKind(err, edge.Exhausted) {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	t.Logf("%d MiB of 36 were taken: %v", n>>20, err)
	if n < 4<<20 {
		t.Errorf("only %d bytes were taken", n)
	}
	if wrong, _ := wrongAnswers(s, want); len(wrong) > 0 {
		t.Errorf("while full: %s", wrong[0])
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	if wrong, _ := wrongAnswers(s, want); len(wrong) > 0 {
		t.Errorf("opened while full: %s", wrong[0])
	}
	resize(64)
	if _, err := writeUntilFull(t, s, want, r); !edge.IsKind(err, edge.Exhausted) {
		t.Errorf("after space returned: %v", err)
	}
	if wrong, _ := wrongAnswers(s, want); len(wrong) > 0 {
		t.Errorf("after space returned: %s", wrong[0])
	}
}

// TestFullFromOutside lets something else fill the disk to the last byte.
func TestFullFromOutside(t *testing.T) {
	dir, _ := smallDisk(t, 64)
	o := options1(t, false)
	o.Dir, o.Reserve, o.MinFree = filepath.Join(dir, "store"), 8<<20, 3<<20
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	r := rand.New(rand.NewPCG(2, 2))
	for range 100 {
		v := fmt.Sprintf("%x", r.Uint64())
		commit(t, s, func(b *Batch) { b.Set([]byte("key/"+v), []byte(v)) })
		want["key/"+v] = v
	}
	fillDisk(t, filepath.Join(dir, "filler"))
	if _, err := writeUntilFull(t, s, want, r); !edge.IsKind(err, edge.Exhausted) {
		t.Errorf("on a full disk: %v", err)
	}
	if wrong, _ := wrongAnswers(s, want); len(wrong) > 0 {
		t.Errorf("on a full disk: %s", wrong[0])
	}
	if err := s.Close(); edge.IsKind(err, edge.Exhausted) {
		t.Log(err) // the filler got the ballast too
		if err := errors.Join(os.Truncate(filepath.Join(dir, "filler"), 32<<20), s.Close()); err != nil {
			t.Fatal(err)
		}
	} else if err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), o); err != nil {
		t.Fatalf("open on a full disk: %v", err)
	}
	if wrong, _ := wrongAnswers(s, want); len(wrong) > 0 {
		t.Errorf("opened on a full disk: %s", wrong[0])
	}
	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), func(b *Batch) { b.Set([]byte("key/x"), []byte("x")) }); err != nil {
		t.Errorf("after space returned: %v", err)
	}
	if got := s.guard.ballast.Load(); got != o.Reserve {
		t.Errorf("the ballast was not laid again: %d bytes", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCloseWaitsForLogs closes while Badger is still turning an older log into a table: its room comes back.
func TestCloseWaitsForLogs(t *testing.T) {
	dir, _ := smallDisk(t, 28)
	o := options1(t, false)
	o.Dir, o.Reserve, o.MinFree = filepath.Join(dir, "store"), 2<<20, 1<<20
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, func(b *Batch) { b.Set([]byte("key/a"), []byte("a")) })
	older := filepath.Join(o.Dir, "99999.mem") // Badger does not know it: it is gone when the test says so
	if err := allocate(older, 12<<20); err != nil {
		t.Fatal(err)
	}
	if free, need := s.guard.look()+o.Reserve, s.closeNeed(); free >= need {
		t.Fatalf("there is room at once, nothing to wait for: %d bytes are free, %d are needed", free, need)
	}
	gone := make(chan error)
	go func() {
		time.Sleep(100 * time.Millisecond)
		gone <- os.Remove(older)
	}()
	if err := errors.Join(s.Close(), <-gone); err != nil {
		t.Fatal(err)
	}
	s = open(t, o)
	if wrong, _ := wrongAnswers(s, map[string]string{"key/a": "a"}); len(wrong) > 0 {
		t.Error(wrong[0])
	}
}

// fillDisk takes all space there is.
func fillDisk(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, unix.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
