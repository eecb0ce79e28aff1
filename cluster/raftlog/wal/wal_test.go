package wal

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
)

func opts(dir string) Options {
	return Options{Dir: dir, Key: bytes.Repeat([]byte{7}, 32), Segment: 16 << 10, Cache: 1 << 10}
}

func mustOpen(t testing.TB, dir string) *WAL {
	t.Helper()
	w, err := Open(opts(dir))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return w
}

func rec(i uint64) []byte {
	return []byte(fmt.Sprintf("record %d %s", i, bytes.Repeat([]byte{'x'}, int(i%300))))
}

func fill(t testing.TB, w *WAL, from, to uint64, per int) {
	t.Helper()
	for i := from; i <= to; {
		var recs [][]byte
		first := i
		for ; i <= to && len(recs) < per; i++ {
			recs = append(recs, rec(i))
		}
		if err := w.Append(first, recs); err != nil {
			t.Fatal(err)
		}
	}
}

func check(t testing.TB, w *WAL, first, last uint64) {
	t.Helper()
	if w.First() != first || w.Last() != last {
		t.Fatalf("the log holds %d to %d, not %d to %d", w.First(), w.Last(), first, last)
	}
	for i := first; i <= last && i > 0; i++ {
		if got, err := w.Get(i); err != nil || !bytes.Equal(got, rec(i)) {
			t.Fatalf("record %d: %q, %v", i, got, err)
		}
	}
	if _, err := w.Get(last + 1); !edge.IsKind(err, edge.NotFound) {
		t.Fatalf("record after the last: %v", err)
	}
}

func newest(t testing.TB, dir string) string {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, "*.seg"))
	if len(names) == 0 {
		t.Fatal("no files")
	}
	return names[len(names)-1]
}

func TestWhatIsAppendedIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := mustOpen(t, dir)
	check(t, w, 0, 0)
	fill(t, w, 1, 500, 3)
	check(t, w, 1, 500)
	w.Close()
	for range 3 {
		w = mustOpen(t, dir)
		check(t, w, 1, 500)
		w.Close()
	}
	w = mustOpen(t, dir)
	fill(t, w, 501, 600, 7)
	check(t, w, 1, 600)
	// not closed: as after a kill
	w = mustOpen(t, dir)
	check(t, w, 1, 600)
	if err := w.Append(700, [][]byte{rec(700)}); err == nil {
		t.Fatal("a gap was taken")
	}
}

func TestCuts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := mustOpen(t, dir)
	fill(t, w, 1, 300, 5)
	if err := w.CutAfter(252); err != nil { // within a frame
		t.Fatal(err)
	}
	check(t, w, 1, 252)
	w = mustOpen(t, dir)
	check(t, w, 1, 252)
	fill(t, w, 253, 400, 1)
	if err := w.CutBefore(100); err != nil {
		t.Fatal(err)
	}
	check(t, w, 100, 400)
	w = mustOpen(t, dir)
	if w.First() > 100 || w.Last() != 400 {
		t.Fatalf("after a restart: %d to %d", w.First(), w.Last())
	}
	if err := w.Clear(); err != nil {
		t.Fatal(err)
	}
	check(t, w, 0, 0)
	fill(t, w, 1000, 1010, 1)
	w = mustOpen(t, dir)
	check(t, w, 1000, 1010)
	if err := w.CutAfter(5); err != nil { // all of it
		t.Fatal(err)
	}
	check(t, w, 0, 0)
}

// Against a plain list, through any sequence of operations and restarts.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "wal")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		o := opts(dir)
		w, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		model, first := map[uint64][]byte{}, uint64(0)
		last := uint64(0)
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "op") {
			case 0, 1, 2:
				var recs [][]byte
				start := last + 1
				for range rapid.IntRange(1, 6).Draw(t, "n") {
					r := make([]byte, rapid.IntRange(0, 4000).Draw(t, "size"))
					rand.Read(r)
					last++
					model[last] = r
					recs = append(recs, r)
				}
				if first == 0 {
					first = start
				}
				if err := w.Append(start, recs); err != nil {
					t.Fatal(err)
				}
			case 3:
				if last > 0 && first > 0 {
					cut := rapid.Uint64Range(first, last).Draw(t, "cut after")
					if err := w.CutAfter(cut); err != nil {
						t.Fatal(err)
					}
					last = cut
				}
			case 4:
				if last > 0 && first > 0 {
					first = rapid.Uint64Range(first, last).Draw(t, "cut before")
					if err := w.CutBefore(first); err != nil {
						t.Fatal(err)
					}
				}
			case 5:
				if rapid.Bool().Draw(t, "clean") {
					w.Close()
				}
				if w, err = Open(o); err != nil {
					t.Fatal(err)
				}
				first = w.First() // may be lower again
			}
			if w.Last() != last && first != 0 {
				t.Fatalf("last is %d, not %d", w.Last(), last)
			}
			for i := first; i <= last && i > 0; i++ {
				if got, err := w.Get(i); err != nil || !bytes.Equal(got, model[i]) {
					t.Fatalf("record %d: %v", i, err)
				}
			}
		}
	})
}

// A power cut during the last write leaves some of its sectors as they were. All of the write is dropped;
// all before it is kept; and the log goes on.
func TestTornWritesAreDropped(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	w := mustOpen(t, base)
	fill(t, w, 1, 40, 2)
	end := w.newest().end
	fill(t, w, 41, 47, 7) // the write that will be torn: several sectors
	stop := w.newest().end
	name := filepath.Base(newest(t, base))
	for sec := end / sector; sec*sector < stop; sec++ { // a few sectors, three ways
		for _, how := range []string{"one sector", "from here on", "file ends"} {
			dir := copyDir(t, base)
			b := read(t, dir, name)
			lo, hi := max(sec*sector, end), min((sec+1)*sector, stop)
			switch how {
			case "one sector":
				clear(b[lo:hi])
			case "from here on":
				clear(b[lo:stop])
			case "file ends":
				b = b[:lo]
			}
			write(t, dir, name, b)
			w := mustOpen(t, dir)
			check(t, w, 1, 40)
			fill(t, w, 41, 60, 3)
			w.Close()
			check(t, mustOpen(t, dir), 1, 60)
		}
	}
}

// One flipped bit anywhere in what was acknowledged is refused at Open, in the newest file and in older
// ones, first frame or last. In unused space it does no harm.
func TestFlippedBitsAreRefused(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	w := mustOpen(t, base)
	fill(t, w, 1, 250, 4)
	end := w.newest().end
	names, _ := filepath.Glob(filepath.Join(base, "*.seg"))
	if len(names) < 2 {
		t.Fatal("the test needs several files")
	}
	for k, name := range names {
		name = filepath.Base(name)
		size := int64(len(read(t, base, name)))
		limit := size
		if k == len(names)-1 {
			limit = end
		}
		for at := int64(0); at < limit; at += 11 + at%37*9 {
			dir := copyDir(t, base)
			b := read(t, dir, name)
			b[at] ^= 1 << (at % 8)
			write(t, dir, name, b)
			if _, err := Open(opts(dir)); !edge.IsKind(err, edge.Corrupt) {
				t.Fatalf("a flip at %d of %s gave %v", at, name, err)
			}
		}
	}
	last := filepath.Base(names[len(names)-1])
	dir := copyDir(t, base)
	b := read(t, dir, last)
	b[end+100] ^= 4
	write(t, dir, last, b)
	check(t, mustOpen(t, dir), 1, 250)
}

// Whole frames or files that are gone, swapped or cut off in the middle are refused too.
func TestMissingPartsAreRefused(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	w := mustOpen(t, base)
	fill(t, w, 1, 300, 4)
	w.Close()
	names, _ := filepath.Glob(filepath.Join(base, "*.seg"))
	if len(names) < 4 {
		t.Fatal("the test needs several files")
	}
	mid := filepath.Base(names[1])
	for what, do := range map[string]func(dir string){
		"a file in the middle gone": func(dir string) { os.Remove(filepath.Join(dir, mid)) },
		"a file in the middle cut":  func(dir string) { b := read(t, dir, mid); write(t, dir, mid, b[:len(b)/2]) },
		"sectors zeroed in the middle": func(dir string) {
			b := read(t, dir, mid)
			clear(b[1024:1536])
			write(t, dir, mid, b)
		},
		"the newest file's middle zeroed": func(dir string) {
			n := filepath.Base(names[len(names)-1])
			b := read(t, dir, n)
			clear(b[headSize : headSize+64])
			write(t, dir, n, b)
		},
		"files swapped": func(dir string) {
			a, b := read(t, dir, mid), read(t, dir, filepath.Base(names[2]))
			write(t, dir, mid, b)
			write(t, dir, filepath.Base(names[2]), a)
		},
	} {
		dir := copyDir(t, base)
		do(dir)
		if _, err := Open(opts(dir)); !edge.IsKind(err, edge.Corrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
	o := opts(base)
	o.Key = bytes.Repeat([]byte{8}, 32)
	if _, err := Open(o); !edge.IsKind(err, edge.Corrupt) {
		t.Errorf("another key: %v", err)
	}
}

// A flip that happens while the log is open is noticed by Get.
func TestFlipUnderAnOpenLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := mustOpen(t, dir)
	fill(t, w, 1, 200, 4)
	names, _ := filepath.Glob(filepath.Join(dir, "*.seg"))
	b := read(t, dir, filepath.Base(names[0]))
	b[headSize+50] ^= 1
	write(t, dir, filepath.Base(names[0]), b)
	if _, err := w.Get(1); !edge.IsKind(err, edge.Corrupt) {
		t.Fatalf("got %v", err)
	}
}

func TestCellSurvives(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte{7}, 32)
	name := filepath.Join(t.TempDir(), "vote")
	open := func() (*Cell, error) { return OpenCell(name, key) }
	c, err := open()
	if err != nil || c.Load() != nil {
		t.Fatalf("%v %q", err, c.Load())
	}
	for _, v := range []string{"one", "two", "three"} {
		if err := c.Save([]byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	good, _ := os.ReadFile(name)
	older := bytes.Clone(good)
	for _, tc := range []struct {
		what string
		do   func(b []byte)
		want string
		bad  bool
	}{
		{"nothing", func([]byte) {}, "three", false},
		{"first copy flipped", func(b []byte) { b[40] ^= 1 }, "three", false},
		{"second copy flipped", func(b []byte) { b[cellSlot+40] ^= 1 }, "three", false},
		{"second copy never written", func(b []byte) { clear(b[cellSlot:]) }, "three", false},
		{"both flipped", func(b []byte) { b[40] ^= 1; b[cellSlot+40] ^= 1 }, "", true},
		{"first never written whole, second not begun", func(b []byte) { b[40] ^= 1; clear(b[cellSlot:]) }, "", false},
	} {
		b := bytes.Clone(older)
		tc.do(b)
		os.WriteFile(name, b, 0o600)
		c, err := open()
		if tc.bad {
			if !edge.IsKind(err, edge.Corrupt) {
				t.Errorf("%s: %v", tc.what, err)
			}
			continue
		}
		if err != nil || string(c.Load()) != tc.want {
			t.Errorf("%s: %q, %v", tc.what, c.Load(), err)
			continue
		}
		c.Close()
		if again, _ := os.ReadFile(name); tc.want != "" {
			again[40] ^= 1 // mended: either copy will do again
			os.WriteFile(name, again, 0o600)
			if c, err := open(); err != nil || string(c.Load()) != tc.want {
				t.Errorf("%s: not mended: %v", tc.what, err)
			}
		}
	}
}

func FuzzScan(f *testing.F) {
	key := bytes.Repeat([]byte{7}, 32)
	h := newHead(1, 5)
	b := h.encode(key)
	b = appendFrame(b, h.aead(key), 0, 5, [][]byte{[]byte("a"), []byte("bb")})
	b = appendFrame(b, h.aead(key), 1, 7, [][]byte{bytes.Repeat([]byte("c"), 700)})
	b = append(b, make([]byte, 512)...)
	f.Add(b, true)
	f.Add(b[:200], false)
	f.Fuzz(func(t *testing.T, in []byte, newest bool) {
		frames, end, err := scan(in, h, key, newest)
		if err == nil && len(frames) > 0 && !bytes.Equal(in[headSize:end], b[headSize:end]) {
			t.Fatal("frames were taken that nobody wrote")
		}
	})
}

func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	names, _ := filepath.Glob(filepath.Join(from, "*.seg"))
	for _, n := range names {
		write(t, to, filepath.Base(n), read(t, from, filepath.Base(n)))
	}
	return to
}

func read(t testing.TB, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}
