package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/aielon/edge/node/edge"
	"pgregory.net/rapid"
)

func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Key = bytes.Repeat([]byte{5}, 32)
	if o.MinFree == 0 {
		o.MinFree = 1
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func content(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	r.Read(b)
	return b
}

func read(s *Store, h Hash) ([]byte, error) {
	r, err := s.Get(h)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestPutAndGet(t *testing.T) {
	s := openStore(t, Options{})
	for _, n := range []int{0, 1, pieceSize - 1, pieceSize, pieceSize + 1, 2 * pieceSize, 2*pieceSize + 17, 1 << 20} {
		b := content(n)
		h, err := s.Put(t.Context(), iotest.HalfReader(bytes.NewReader(b)), 1<<20)
		if err != nil || h != sha256.Sum256(b) {
			t.Fatalf("%d bytes: %v %v", n, h, err)
		}
		if got, err := read(s, h); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%d bytes: %d came back, %v", n, len(got), err)
		}
		if size, err := s.Size(h); err != nil || size != int64(n) {
			t.Errorf("%d bytes: size %d %v", n, size, err)
		}
	}
	if _, err := s.Put(t.Context(), bytes.NewReader(make([]byte, 101)), 100); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("above the limit: %v", err)
	}
	if _, err := s.Put(t.Context(), iotest.ErrReader(errors.New("cable")), 100); !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("a broken source: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ctx, bytes.NewReader(nil), 100); !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("given up: %v", err)
	}
	if _, err := s.Get(Hash{1}); !edge.IsKind(err, edge.NotFound) {
		t.Errorf("a blob that is not here: %v", err)
	}
}

// TestModel compares the store with a map, over reopening.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		s := openStore(t, Options{Dir: dir})
		want := map[Hash][]byte{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			b := content(rapid.SampledFrom([]int{0, 5, 100, pieceSize, 70_000}).Draw(rt, "size"))
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0, 1:
				h, err := s.Put(t.Context(), bytes.NewReader(b), 1<<20)
				if err != nil {
					rt.Fatal(err)
				}
				want[h] = b
			case 2:
				if err := s.Delete(sha256.Sum256(b)); err != nil {
					rt.Fatal(err)
				}
				delete(want, sha256.Sum256(b))
			case 3:
				used := s.Used()
				s.Close()
				if s = openStore(t, Options{Dir: dir}); s.Used() != used {
					rt.Fatalf("%d bytes used, %d after opening again", used, s.Used())
				}
			}
		}
		listed := 0
		if err := s.List(func(h Hash, size int64) bool {
			listed++
			if b, ok := want[h]; !ok || int64(len(b)) != size {
				rt.Fatalf("%v of %d bytes is listed", h, size)
			}
			return true
		}); err != nil || listed != len(want) {
			rt.Fatalf("%d of %d listed: %v", listed, len(want), err)
		}
		for h, b := range want {
			if got, err := read(s, h); err != nil || !bytes.Equal(got, b) || !s.Has(h) {
				rt.Fatalf("%v: %v", h, err)
			}
		}
	})
}

// TestDamage flips bits in, and cuts, the file of a blob: reading must fail with Corrupt, having given out
// nothing but the right beginning.
func TestDamage(t *testing.T) {
	s := openStore(t, Options{})
	b := content(3*pieceSize + 100)
	h, err := s.Put(t.Context(), bytes.NewReader(b), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(s.o.Dir, s.file(h))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var harmed [][]byte
	for i := range 300 {
		c := bytes.Clone(whole)
		c[len(c)*i/300+r.IntN(len(c)/300)] ^= 1 << r.IntN(8)
		harmed = append(harmed, c)
	}
	for i := range 64 {
		harmed = append(harmed, whole[:len(whole)*i/64])
	}
	piece := pieceSize + tagSize
	harmed = append(harmed, append(bytes.Clone(whole), 0), whole[:headSize+piece], whole[:headSize+2*piece],
		append(bytes.Clone(whole[:headSize]), whole[headSize+piece:]...))
	for i, c := range harmed {
		if err := os.WriteFile(name, c, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := read(s, h)
		if !edge.IsKind(err, edge.Corrupt) || !bytes.HasPrefix(b, got) {
			t.Errorf("harm %d: %d bytes, %v", i, len(got), err)
		}
	}
	if _, err := s.Put(t.Context(), bytes.NewReader(b), 1<<20); err != nil {
		t.Fatal(err)
	}
	if got, err := read(s, h); err != nil || !bytes.Equal(got, b) {
		t.Errorf("putting a damaged blob again does not mend it: %v", err)
	}
}

func TestLimits(t *testing.T) {
	s := openStore(t, Options{Limit: 100_000})
	if _, err := s.Put(t.Context(), bytes.NewReader(content(60_000)), 1<<20); err != nil {
		t.Fatal(err)
	}
	used := s.Used()
	if _, err := s.Put(t.Context(), bytes.NewReader(content(70_000)), 1<<20); !edge.IsKind(err, edge.Exhausted) {
		t.Errorf("above the store's limit: %v", err)
	}
	if _, err := s.Put(t.Context(), bytes.NewReader(content(60_000)), 1<<20); !edge.IsKind(err, edge.Exhausted) && err != nil {
		t.Errorf("the same again: %v", err)
	}
	if s.Used() != used {
		t.Errorf("%d bytes are counted, %d before", s.Used(), used)
	}
	full := openStore(t, Options{MinFree: 1 << 60})
	if _, err := full.Put(t.Context(), bytes.NewReader(nil), 1); !edge.IsKind(err, edge.Exhausted) {
		t.Errorf("a full disk: %v", err)
	}
	if entries, _ := os.ReadDir(full.o.Dir); len(entries) > 0 {
		t.Errorf("a refused blob left %v", entries)
	}
}

// TestSecrets: neither content nor its hash is on the disk.
func TestSecrets(t *testing.T) {
	s := openStore(t, Options{})
	b := bytes.Repeat([]byte("the patient's name "), 1000)
	h, err := s.Put(t.Context(), bytes.NewReader(b), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(s.o.Dir, s.file(h)))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(file, []byte("patient")) || bytes.Contains(file, h[:]) || s.file(h) == h.String()+suffix {
		t.Error("the disk tells what it holds")
	}
}

func TestTogether(t *testing.T) {
	s := openStore(t, Options{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			b := content(70_000 + i%3) // some are the same
			for range 5 {
				h, err := s.Put(context.Background(), bytes.NewReader(b), 1<<20)
				if err != nil {
					t.Error(err)
				}
				if got, err := read(s, h); err != nil || !bytes.Equal(got, b) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	used := s.Used()
	s.Close()
	if again := openStore(t, Options{Dir: s.o.Dir}); again.Used() != used {
		t.Errorf("%d bytes counted, %d there", used, again.Used())
	}
}

func FuzzGet(f *testing.F) {
	dir := f.TempDir()
	s := openStore(f, Options{Dir: dir})
	b := content(200)
	h, err := s.Put(f.Context(), bytes.NewReader(b), 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	name := filepath.Join(dir, s.file(h))
	whole, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, file []byte) {
		if err := os.WriteFile(name, file, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := read(s, h)
		if err == nil && !bytes.Equal(got, b) {
			t.Error("a forged file was read")
		}
	})
}

func FuzzParseHash(f *testing.F) {
	f.Add(Hash{1}.String())
	f.Fuzz(func(t *testing.T, in string) {
		h, err := ParseHash(in)
		if err != nil {
			return
		}
		if again, err := ParseHash(h.String()); err != nil || again != h {
			t.Errorf("%q: %v %v", in, again, err)
		}
	})
}

func BenchmarkPutGet(b *testing.B) {
	s := openStore(b, Options{Limit: 1 << 40})
	c := content(8 << 20)
	b.SetBytes(int64(len(c)))
	for b.Loop() {
		h, err := s.Put(b.Context(), bytes.NewReader(c), 1<<30)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Delete(h); err != nil {
			b.Fatal(err)
		}
	}
}
