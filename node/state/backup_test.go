package state

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/aielon/edge/node/edge"
)

func backupOf(t testing.TB, n int, managed bool) (Options, map[string]string, []byte) {
	t.Helper()
	s := open(t, options1(t, managed))
	want := fill(t, s, n, rand.New(rand.NewPCG(5, 6)))
	var w bytes.Buffer
	info, err := s.BackupAs(t.Context(), &w, "clinic-1", []byte("epochs"))
	if err != nil {
		t.Fatal(err)
	}
	if int(info.Keys) != len(want) || info.Index != s.MaxVersion() {
		t.Fatalf("info %+v, %d keys", info, len(want))
	}
	return s.opt, want, w.Bytes()
}

func TestBackupAndRestore(t *testing.T) {
	for _, managed := range []bool{false, true} {
		o, want, archive := backupOf(t, 4000, managed)
		o.Dir = filepath.Join(t.TempDir(), "new")
		info, err := Restore(t.Context(), bytes.NewReader(archive), o)
		if err != nil {
			t.Fatal(err)
		}
		if info.Origin != "clinic-1" || string(info.Meta) != "epochs" || int(info.Keys) != len(want) {
			t.Errorf("info %+v", info)
		}
		if again, err := Verify(t.Context(), bytes.NewReader(archive), o); err != nil || again.Sum != info.Sum {
			t.Errorf("verify: %v %v", again, err)
		}
		s := open(t, o)
		if s.MaxVersion() != info.Index {
			t.Errorf("restored at index %d, want %d", s.MaxVersion(), info.Index)
		}
		if wrong, _ := wrongAnswers(s, want); len(wrong) > 0 {
			t.Errorf("%d wrong answers: %s", len(wrong), wrong[0])
		}
		if r, err := s.Scrub(t.Context()); err != nil || r.Keys != len(want) || r.Files == 0 {
			t.Errorf("scrub: %+v %v", r, err)
		}
		put(t, s, func() *Batch { b := NewBatch(); b.Set([]byte("more"), nil); return b }())
		if _, err := Restore(t.Context(), bytes.NewReader(archive), o); !edge.IsKind(err, edge.Conflict) {
			t.Errorf("restore over a store: %v", err)
		}
	}
}

// TestHostileBackups tries archives that must not be restored, and looks that nothing is left behind.
func TestHostileBackups(t *testing.T) {
	t.Parallel()
	o, _, archive := backupOf(t, 3000, false)
	tests := map[string][]byte{
		"empty":          {},
		"trailing byte":  append(bytes.Clone(archive), 0),
		"doubled":        append(bytes.Clone(archive), archive...),
		"not an archive": []byte("hello, this is a text of some length that is no archive at all"),
	}
	for i := range 64 {
		tests[fmt.Sprintf("cut at %d/64", i)] = archive[:len(archive)*i/64]
	}
	r := rand.New(rand.NewPCG(7, 8))
	for i := range 256 {
		b := bytes.Clone(archive)
		at := len(b)*i/256 + r.IntN(len(b)/256)
		b[at] ^= 1 << r.IntN(8)
		tests[fmt.Sprintf("flip at %d", at)] = b
	}
	chunks := split(archive)
	for i := 1; i < len(chunks)-1; i++ {
		tests[fmt.Sprintf("without chunk %d", i)] = join(chunks[:i], chunks[i+1:])
		tests[fmt.Sprintf("chunk %d twice", i)] = join(chunks[:i+1], chunks[i:])
	}
	tests["two chunks swapped"] = join(chunks[:2], [][]byte{chunks[3], chunks[2]}, chunks[4:])
	tests["no end"] = join(chunks[:len(chunks)-1])
	parent := t.TempDir()
	o.Dir = filepath.Join(parent, "new")
	for name, b := range tests {
		if _, err := Verify(t.Context(), bytes.NewReader(b), o); !edge.IsKind(err, edge.Corrupt) && !edge.IsKind(err, edge.Invalid) {
			t.Errorf("verify %s: %v", name, err)
		}
		if len(b)%7 != 0 && len(b) == len(archive) {
			continue // restoring is slow; a part of the flips is enough
		}
		if _, err := Restore(t.Context(), bytes.NewReader(b), o); !edge.IsKind(err, edge.Corrupt) && !edge.IsKind(err, edge.Invalid) {
			t.Errorf("restore %s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*Options){
		"key":   func(o *Options) { o.BackupKey = bytes.Repeat([]byte{8}, 32) },
		"store": func(o *Options) { o.Name = "other" },
		"kind":  func(o *Options) { o.Managed = true },
	} {
		other := o
		change(&other)
		if _, err := Restore(t.Context(), bytes.NewReader(archive), other); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("restore with another %s: %v", name, err)
		}
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// split cuts an archive into its head and its chunks.
func split(archive []byte) (parts [][]byte) {
	parts = append(parts, archive[:len(archiveMagic)+32])
	for b := archive[len(parts[0]):]; len(b) > 0; {
		n := 5 + int(uint32(b[1])<<24|uint32(b[2])<<16|uint32(b[3])<<8|uint32(b[4]))
		parts = append(parts, b[:n])
		b = b[n:]
	}
	return parts
}

func join(parts ...[][]byte) (b []byte) {
	for _, p := range parts {
		for _, c := range p {
			b = append(b, c...)
		}
	}
	return b
}

func FuzzArchive(f *testing.F) {
	key := bytes.Repeat([]byte{7}, 32)
	o := Options{Name: "test", Key: key, InMemory: true}
	s, err := Open(f.Context(), o)
	if err != nil {
		f.Fatal(err)
	}
	for i := range 5 {
		if err := s.Commit(f.Context(), func(b *Batch) { b.Set(fmt.Appendf(nil, "k%d", i), []byte("value")) }); err != nil {
			f.Fatal(err)
		}
	}
	var w bytes.Buffer
	if _, err := s.Backup(f.Context(), &w); err != nil {
		f.Fatal(err)
	}
	s.Close()
	f.Add(w.Bytes())
	f.Add([]byte(archiveMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := Verify(t.Context(), bytes.NewReader(b), o)
		if err == nil && info.Keys != 5 {
			t.Errorf("a forged archive was accepted: %+v", info)
		}
	})
}

// FuzzRecords gives the reader of records what an authentic chunk could hold.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{1, 'a', 1, 'b', 1, 'b', 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		o := &opener{hash: sha256.New()}
		var last []byte
		err := o.data(b, func(key, value []byte) error {
			if bytes.Compare(key, last) <= 0 {
				t.Fatal("keys are out of order")
			}
			last = bytes.Clone(key)
			return nil
		})
		if err != nil && !errors.Is(err, errArchive) {
			t.Fatal(err)
		}
	})
}

func FuzzSums(f *testing.F) {
	key := bytes.Repeat([]byte{9}, 32)
	f.Add((&sums{tables: map[uint64]fileSum{4: {1, 2, 0}}}).encode(key))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSums(b, key)
		if err == nil && !bytes.Equal(s.encode(key), b) && len(s.tables) < 2 {
			t.Error("what was read is not what was written")
		}
	})
}

func FuzzWAL(f *testing.F) {
	o := options1(f, false)
	s, err := Open(f.Context(), o)
	if err != nil {
		f.Fatal(err)
	}
	for range 3 {
		if err := s.Commit(f.Context(), func(b *Batch) { b.Set([]byte("k"), []byte("v")) }); err != nil {
			f.Fatal(err)
		}
	}
	logs, err := walFiles(o.Dir)
	if err != nil || len(logs) != 1 {
		f.Fatal(logs, err)
	}
	b, err := os.ReadFile(logs[0])
	if err != nil {
		f.Fatal(err)
	}
	s.Close()
	f.Add(b[:2048])
	f.Fuzz(func(t *testing.T, b []byte) {
		r := walReader{b: b}
		for at := int64(0); ; {
			_, next, ok := r.txn(at)
			if !ok {
				break
			}
			if next <= at || next > int64(len(b)) {
				t.Fatalf("a transaction at %d ends at %d", at, next)
			}
			at = next
		}
		r.beyond(0)
	})
}
