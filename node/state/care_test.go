package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// TestEnvelopeFlips flips every bit of a sealed value, and of the key it is read under.
func TestEnvelopeFlips(t *testing.T) {
	e, err := newEnvelope(bytes.Repeat([]byte{1}, 32), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range [][]byte{nil, []byte("12.50"), bytes.Repeat([]byte("compressible "), 50)} {
		b := NewBatch()
		b.Set([]byte("account/1"), value)
		b.sealAll(e)
		sealed := b.ops[0].val
		if got, err := e.open(nil, sealed, []byte("account/1")); err != nil || !bytes.Equal(got, value) {
			t.Fatalf("%q: %v", got, err)
		}
		for i := range len(sealed) * 8 {
			c := bytes.Clone(sealed)
			c[i/8] ^= 1 << (i % 8)
			if got, err := e.open(nil, c, []byte("account/1")); err == nil || len(got) > 0 {
				t.Fatalf("bit %d: %q is accepted", i, got)
			}
		}
		for n := range sealed {
			if _, err := e.open(nil, sealed[:n], []byte("account/1")); err == nil {
				t.Fatalf("cut at %d: accepted", n)
			}
		}
		if _, err := e.open(nil, sealed, []byte("account/2")); err == nil {
			t.Error("accepted under another key")
		}
	}
}

// TestScrubFindsFlips flips a bit in a table of an open store, as a disk does.
func TestScrubFindsFlips(t *testing.T) {
	o := options1(t, false)
	s := open(t, o)
	fill(t, s, 6000, rand.New(rand.NewPCG(1, 1)))
	if r, err := s.Scrub(t.Context()); err != nil || r.Files == 0 {
		t.Fatalf("%+v %v", r, err)
	}
	tables, err := filepath.Glob(filepath.Join(o.Dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	f, err := os.OpenFile(tables[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], 5000); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 4
	if _, err := f.WriteAt(b[:], 5000); err != nil {
		t.Fatal(err)
	}
	r, err := s.Scrub(t.Context())
	if !edge.IsKind(err, edge.Corrupt) || !strings.Contains(fmt.Sprint(r.Damaged), filepath.Base(tables[0])) {
		t.Errorf("%+v %v", r, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Scrub(ctx); !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("given up: %v", err)
	}
	b[0] ^= 4
	if _, err := f.WriteAt(b[:], 5000); err != nil {
		t.Fatal(err)
	}
}

// TestMissingFiles takes one file away: whatever it is, the store must not quietly begin anew.
func TestMissingFiles(t *testing.T) {
	t.Parallel()
	for _, killed := range []bool{false, true} {
		im := image(t, false, killed)
		for _, name := range im.files(t, func(n string) bool { return n != "LOCK" && n != lockName }) {
			o := im.o
			o.Dir = filepath.Join(t.TempDir(), "copy")
			copyDir(t, im.dir, o.Dir)
			if err := os.Remove(filepath.Join(o.Dir, name)); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), o)
			if err != nil {
				if !edge.IsKind(err, edge.Corrupt) {
					t.Errorf("without %s: %v", name, err)
				}
				continue
			}
			if wrong, _ := wrongAnswers(s, im.want); len(wrong) > 0 {
				t.Errorf("without %s: %d wrong answers: %s", name, len(wrong), wrong[0])
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestWrongKeyAndOptions(t *testing.T) {
	im := image(t, false, false)
	o := im.o
	o.Dir, o.Key = im.dir, bytes.Repeat([]byte{8}, 32)
	if _, err := Open(t.Context(), o); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("a wrong key: %v", err)
	}
	for name, change := range map[string]func(*Options){
		"short key":  func(o *Options) { o.Key = o.Key[:31] },
		"no name":    func(o *Options) { o.Name = "" },
		"no dir":     func(o *Options) { o.Dir = "" },
		"memtable":   func(o *Options) { o.MemTable = 1 },
		"backup key": func(o *Options) { o.BackupKey = []byte{1} },
	} {
		o := im.o
		change(&o)
		if _, err := Open(t.Context(), o); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTwoProcesses(t *testing.T) {
	s := open(t, options1(t, false))
	if _, err := Open(t.Context(), s.opt); !edge.IsKind(err, edge.Unavailable) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("the second one: %v", err)
	}
	commit(t, s, func(b *Batch) { b.Set([]byte("k"), nil) })
}

// TestFailStop lets a commit fail in the middle: nothing is taken any more, and who waits is told.
func TestFailStop(t *testing.T) {
	s := open(t, options1(t, false))
	commit(t, s, func(b *Batch) { b.Set([]byte("k"), []byte("v")) })
	s.fail(errors.New("input/output error"))
	if err := s.Commit(t.Context(), func(b *Batch) { b.Set([]byte("k"), nil) }); !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("after a failure: %v", err)
	}
	select {
	case err := <-s.Failed():
		if !edge.IsKind(err, edge.Unavailable) {
			t.Error(err)
		}
	default:
		t.Error("nobody was told")
	}
	if get(t, s, "k") != "v" {
		t.Error("reads must go on")
	}
	s.db.Load().Close()
}

// TestIdle: a store nobody writes to writes nothing and takes next to no time.
func TestIdle(t *testing.T) {
	if testing.Short() {
		t.Skip("takes two seconds")
	}
	s := open(t, options1(t, false))
	fill(t, s, 500, rand.New(rand.NewPCG(1, 1)))
	if _, err := s.keeper.update(); err != nil {
		t.Fatal(err)
	}
	var n int
	var d time.Duration
	for range 3 { // what was dirtied before may be counted late: once, not each time
		before, cpu := written(t), cpuTime(t)
		time.Sleep(2200 * time.Millisecond) // the keeper is still awake: its looking must not write either
		if n, d = written(t)-before, cpuTime(t)-cpu; n == 0 && d <= 100*time.Millisecond {
			t.Logf("%v of processor time in two idle seconds", d)
			return
		}
	}
	t.Errorf("%d bytes were written in two idle seconds, and %v of processor time spent", n, d)
}

// written is how many bytes this process has caused to be written to a disk.
func written(t *testing.T) (n int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "write_bytes:") {
			fmt.Sscanf(line, "write_bytes: %d", &n)
		}
	}
	return n
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Skip(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestManifestLengths damages the length of each record of a MANIFEST that has no sum yet. Badger would cut
// the file there and delete the tables the rest names.
func TestManifestLengths(t *testing.T) {
	im := image(t, false, true)
	if err := os.Remove(filepath.Join(im.dir, sumsName)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(im.dir, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	for at := 8; at+8 <= len(b); {
		for bit := range 32 {
			got := im.try(t, manifestName, func(b []byte) []byte { b[at+bit/8] ^= 1 << (bit % 8); return b })
			if got != "refused at open" && at+8 < len(b) {
				t.Errorf("record at %d, bit %d: %s", at, bit, got)
			}
		}
		at += 8 + int(binary.BigEndian.Uint32(b[at:]))
	}
}
