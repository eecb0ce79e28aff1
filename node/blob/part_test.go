package blob

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"pgregory.net/rapid"
)

func chunk(b []byte, i int) []byte { return b[i*ChunkSize : min(len(b), (i+1)*ChunkSize)] }

func begin(t testing.TB, s *Store, b []byte) *Part {
	t.Helper()
	p, err := s.Begin("node", sha256.Sum256(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func writeAll(t testing.TB, p *Part, b []byte) {
	t.Helper()
	for i := range Chunks(int64(len(b))) {
		if err := p.Write(i, chunk(b, i)); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever order chunks come in, however often, and wherever the store is closed and opened in between:
// the part knows what it has, and becomes the blob.
func TestPartInAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		s := openStore(t, Options{Dir: dir})
		b := content(rapid.SampledFrom([]int{0, 1, ChunkSize, ChunkSize + 1, 9*ChunkSize + 5}).Draw(rt, "size"))
		h, n := Hash(sha256.Sum256(b)), Chunks(int64(len(b)))
		p, here := begin(t, s, b), map[int]bool{}
		for _, i := range rapid.Permutation(seq(n)).Draw(rt, "order") {
			for range rapid.IntRange(1, 2).Draw(rt, "times") {
				if err := p.Write(i, chunk(b, i)); err != nil {
					rt.Fatal(err)
				}
			}
			here[i] = true
			switch rapid.IntRange(0, 5).Draw(rt, "then") {
			case 0:
				p.Close()
				used := s.Used()
				s.Close()
				if s = openStore(t, Options{Dir: dir}); s.Used() != used {
					rt.Fatalf("%d bytes used, %d after opening again", used, s.Used())
				}
				p = begin(t, s, b)
			case 1:
				old := p
				p = begin(t, s, b)
				if err := old.Write(i, chunk(b, i)); !edge.IsKind(err, edge.Conflict) {
					rt.Fatalf("a part that was taken over: %v", err)
				}
			}
			expectHave(rt, p, n, here)
		}
		if !p.Complete() || p.Verify() != nil || p.Keep() != nil {
			rt.Fatal("it does not become a blob")
		}
		if got, err := read(s, h); err != nil || !bytes.Equal(got, b) {
			rt.Fatalf("%d bytes, %v", len(got), err)
		}
		if s.Used() != fileSize(int64(len(b))) || s.Pending("node", Hash{}) != 0 {
			rt.Fatalf("%d bytes used", s.Used())
		}
	})
}

func seq(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

func expectHave(t *rapid.T, p *Part, n int, here map[int]bool) {
	next, set := p.Have()
	for i := range n {
		k := i - next
		said := i < next || k < 8*len(set) && set[k/8]&(1<<(k%8)) != 0
		if said != here[i] {
			t.Fatalf("chunk %d: %v is said, %v is so (next %d, set %x)", i, said, here[i], next, set)
		}
	}
	if len(set) > 0 && (set[0]&1 == 1 || set[len(set)-1] == 0) {
		t.Fatalf("next %d, set %x is not in its shortest form", next, set)
	}
}

// What a power cut left of a chunk does not count.
func TestPartForgetsTornChunks(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, Options{Dir: dir})
	b := content(4*ChunkSize + 1)
	p := begin(t, s, b)
	writeAll(t, p, b)
	name := filepath.Join(dir, p.name)
	p.Close()
	s.Close()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt(make([]byte, 4096), chunkAt(2)+100)
	f.Close()
	s = openStore(t, Options{Dir: dir})
	p = begin(t, s, b)
	if next, set := p.Have(); next != 2 || len(set) != 1 || set[0] != 0b110 {
		t.Fatalf("next %d, set %b", next, set)
	}
	if err := p.Write(2, chunk(b, 2)); err != nil || p.Verify() != nil || p.Keep() != nil {
		t.Fatal("it was not mended", err)
	}
}

func TestPartRefusesWrongContent(t *testing.T) {
	s := openStore(t, Options{Limit: 4 << 20})
	b := content(3 * ChunkSize)
	p := begin(t, s, b)
	for i, data := range [][]byte{chunk(b, 0)[1:], nil} {
		if err := p.Write(i, data); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("a chunk of %d bytes: %v", len(data), err)
		}
	}
	if err := p.Write(3, chunk(b, 0)); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("a chunk behind the end: %v", err)
	}
	if err := p.Keep(); err == nil {
		t.Error("it was kept before it was verified")
	}
	wrong := bytes.Clone(b)
	wrong[ChunkSize]++
	writeAll(t, p, wrong)
	if err := p.Verify(); !edge.IsKind(err, edge.Corrupt) {
		t.Errorf("another content: %v", err)
	}
	p.Drop()
	if s.Has(sha256.Sum256(b)) || s.Used() != 0 {
		t.Errorf("%d bytes are left of it", s.Used())
	}
	if _, err := s.Begin("node", Hash{1}, 5<<20); !edge.IsKind(err, edge.Exhausted) {
		t.Errorf("more than the limit: %v", err)
	}
	if _, err := s.Begin("node", Hash{1}, 4<<20-100); !edge.IsKind(err, edge.Exhausted) || s.Used() != 0 {
		t.Errorf("more than the limit with its seals: %v, %d used", err, s.Used())
	}
}

func TestPartsExpire(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, Options{Dir: dir})
	a, b, c := content(2*ChunkSize), content(3*ChunkSize), content(5*ChunkSize)
	old, busy, fresh := begin(t, s, a), begin(t, s, b), begin(t, s, c)
	old.Write(0, chunk(a, 0))
	old.Close()
	fresh.Close()
	for _, p := range []*Part{old, busy} {
		os.Chtimes(filepath.Join(dir, p.name), time.Time{}, time.Now().Add(-48*time.Hour))
	}
	if got := s.Pending("node", sha256.Sum256(c)); got != 5*ChunkSize {
		t.Errorf("%d bytes pending beside one", got)
	}
	if n, err := s.Expire(time.Now().Add(-24 * time.Hour)); n != 1 || err != nil {
		t.Errorf("%d parts expired, %v", n, err)
	}
	if got := s.Pending("node", Hash{}); got != 8*ChunkSize || s.Pending("another", Hash{}) != 0 {
		t.Errorf("%d bytes pending", got)
	}
	writeAll(t, busy, b)
	if busy.Verify() != nil || busy.Keep() != nil {
		t.Error("a part that was open has suffered")
	}
}
