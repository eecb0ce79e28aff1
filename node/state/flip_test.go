package state

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// fill writes n small values in many commits and returns what the store holds.
func fill(t testing.TB, s *Store, n int, r *rand.Rand) map[string]string {
	t.Helper()
	want := map[string]string{}
	for i := 0; i < n; {
		b := NewBatch()
		for range min(1+r.IntN(40), n-i) {
			k := fmt.Sprintf("key/%05d", r.IntN(n))
			v := make([]byte, r.IntN(400))
			for j := range v {
				v[j] = byte(r.IntN(256))
			}
			b.Set([]byte(k), v)
			want[k] = string(v)
			i++
		}
		if r.IntN(10) == 0 {
			k := fmt.Sprintf("key/%05d", r.IntN(n))
			b.Delete([]byte(k))
			delete(want, k)
		}
		put(t, s, b)
	}
	return want
}

func put(t testing.TB, s *Store, b *Batch) {
	t.Helper()
	var err error
	if s.opt.Managed {
		err = s.CommitAt(b, s.MaxVersion()+1)
	} else {
		err = s.Commit(t.Context(), func(c *Batch) { *c = Batch{ops: append(c.ops, b.ops...), size: c.size + b.size} })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// wrongAnswers compares a store with what it must hold. Corrupt errors are right answers here.
func wrongAnswers(s *Store, want map[string]string) (wrong []string, refused int) {
	v := s.View()
	defer v.Close()
	for k, w := range want {
		got, err := v.Get([]byte(k))
		switch {
		case edge.IsKind(err, edge.Corrupt):
			refused++
		case err != nil:
			wrong = append(wrong, fmt.Sprintf("%s: %v", k, err))
		case string(got) != w:
			wrong = append(wrong, fmt.Sprintf("%s holds something else", k))
		}
	}
	n := 0
	for k, val := range v.Scan([]byte("key/")) {
		n++
		if w, ok := want[string(k)]; !ok || w != string(val) {
			wrong = append(wrong, fmt.Sprintf("scan: %q is wrong", k))
		}
	}
	if v.Err() == nil && n != len(want) {
		wrong = append(wrong, fmt.Sprintf("scan: %d of %d keys", n, len(want)))
	}
	return wrong, refused
}

func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// storeImage is a directory as a clean close, or a kill, left it.
type storeImage struct {
	o    Options
	dir  string
	want map[string]string
}

func image(t testing.TB, managed, killed bool) storeImage {
	t.Helper()
	o := options1(t, managed)
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := fill(t, s, 5000, rand.New(rand.NewPCG(1, 2)))
	dir := filepath.Join(t.TempDir(), "image")
	if killed { // what a killed process leaves is what its files hold now, once Badger has no flush in hand
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if logs, err := walFiles(o.Dir); err == nil && len(logs) == 1 {
				break
			}
		}
		copyDir(t, o.Dir, dir)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !killed {
		copyDir(t, o.Dir, dir)
	}
	return storeImage{o, dir, want}
}

func (im storeImage) files(t testing.TB, match func(string) bool) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(im.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if match(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

// try opens a copy of the image after damage was done to one file.
func (im storeImage) try(t *testing.T, name string, harm func([]byte) []byte) (outcome string) {
	t.Helper()
	o := im.o
	o.Dir = filepath.Join(t.TempDir(), "copy")
	copyDir(t, im.dir, o.Dir)
	file := filepath.Join(o.Dir, name)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b = harm(b)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		if k := edge.KindOf(err); k != edge.Corrupt && k != edge.Invalid {
			t.Errorf("%s: open fails with %v: %v", name, k, err)
		}
		if now, _ := os.ReadFile(file); !bytes.Equal(now, b) {
			t.Errorf("%s: a refused open changed the file", name)
		}
		return "refused at open"
	}
	defer s.Close()
	wrong, refused := wrongAnswers(s, im.want)
	if im.o.Managed && s.MaxVersion() < s.Witness() {
		return "behind the witness: replayed" // as after a power cut: the caller knows what is missing
	}
	if len(wrong) > 0 {
		t.Errorf("%s: %d wrong answers, the first: %s", name, len(wrong), wrong[0])
		return "wrong"
	}
	if refused > 0 {
		return "refused at read"
	}
	return "no effect"
}

func TestFlips(t *testing.T) {
	trials := 5
	if testing.Short() {
		trials = 2
	}
	if n, err := strconv.Atoi(os.Getenv("STATE_TEST_FLIPS")); err == nil {
		trials = n
	}
	kinds := map[string]func(string) bool{
		"table":    func(n string) bool { return strings.HasSuffix(n, ".sst") },
		"log":      func(n string) bool { return strings.HasSuffix(n, ".mem") },
		"manifest": func(n string) bool { return n == manifestName },
		"registry": func(n string) bool { return n == registryName },
		"sums":     func(n string) bool { return n == sumsName },
		"witness":  func(n string) bool { return n == witnessName },
		"vlog":     func(n string) bool { return strings.HasSuffix(n, ".vlog") || n == "DISCARD" },
	}
	for _, managed := range []bool{false, true} {
		for _, killed := range []bool{false, true} {
			im := image(t, managed, killed)
			for kind, match := range kinds {
				names := im.files(t, match)
				if len(names) == 0 {
					continue
				}
				t.Run(fmt.Sprintf("managed=%v,killed=%v,%s", managed, killed, kind), func(t *testing.T) {
					t.Parallel()
					r := rand.New(rand.NewPCG(3, uint64(len(kind))))
					outcomes := map[string]int{}
					for range trials {
						name := names[r.IntN(len(names))]
						outcomes[im.try(t, name, func(b []byte) []byte { return flip(b, r) })]++
					}
					t.Log(outcomes)
				})
			}
		}
	}
}

// flip turns one bit over, where the file has anything but zeros behind it.
func flip(b []byte, r *rand.Rand) []byte {
	used := len(bytes.TrimRight(b, "\x00"))
	if used == 0 {
		return b
	}
	i := r.IntN(used * 8)
	b[i/8] ^= 1 << (i % 8)
	return b
}
