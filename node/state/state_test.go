package state

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// options of a small store in a directory of the test.
func options1(t testing.TB, managed bool) Options {
	t.Helper()
	return Options{
		Dir: t.TempDir(), Name: "test", Key: bytes.Repeat([]byte{7}, 32),
		Managed: managed, MemTable: 1 << 20, Reserve: -1, MinFree: 1,
	}
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func commit(t testing.TB, s *Store, f func(*Batch)) {
	t.Helper()
	if err := s.Commit(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, s *Store, key string) string {
	t.Helper()
	v := s.View()
	defer v.Close()
	b, err := v.Get([]byte(key))
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	return string(b)
}

func TestCommitAndRead(t *testing.T) {
	for _, memory := range []bool{false, true} {
		t.Run(fmt.Sprint("memory=", memory), func(t *testing.T) {
			o := options1(t, false)
			o.InMemory = memory
			s := open(t, o)
			long := bytes.Repeat([]byte("abcdefgh"), 4000)
			commit(t, s, func(b *Batch) {
				b.Set([]byte("a/1"), []byte("one"))
				b.Set([]byte("a/2"), long)
				b.Set([]byte("a/3"), nil)
				b.Set([]byte("b/1"), []byte("other"))
			})
			before := s.View()
			defer before.Close()
			commit(t, s, func(b *Batch) {
				b.Delete([]byte("a/2"))
				b.Set([]byte("a/1"), []byte("uno"))
			})
			if got := get(t, s, "a/1"); got != "uno" {
				t.Errorf("a/1 = %q", got)
			}
			if got, err := before.Get([]byte("a/2")); err != nil || !bytes.Equal(got, long) {
				t.Errorf("the older view lost a value: %v", err)
			}
			checkScan(t, s.View(), "a/", "a/1=uno", "a/3=")
			checkScan(t, s.View(), "", "a/1=uno", "a/3=", "b/1=other")
			v := s.View()
			defer v.Close()
			if _, err := v.Get([]byte("a/2")); !edge.IsKind(err, edge.NotFound) {
				t.Errorf("a deleted key: %v", err)
			}
			if k, val, err := v.Last([]byte("a/")); err != nil || string(k) != "a/3" || len(val) != 0 {
				t.Errorf("last = %q %q %v", k, val, err)
			}
			if _, _, err := v.Last([]byte("c")); !edge.IsKind(err, edge.NotFound) {
				t.Errorf("last of nothing: %v", err)
			}
			var from []string
			for k := range v.ScanFrom([]byte("a/"), []byte("a/2")) {
				from = append(from, string(k))
			}
			if fmt.Sprint(from) != "[a/3]" {
				t.Errorf("from a/2: %v", from)
			}
			for at, want := range map[string]string{"a/2": "[a/1]", "a/3": "[a/3 a/1]", "z": "[a/3 a/1]", "a/": "[]", "A": "[]"} {
				down := []string{}
				for k := range v.ScanDownFrom([]byte("a/"), []byte(at)) {
					down = append(down, string(k))
				}
				if fmt.Sprint(down) != want {
					t.Errorf("down from %s: %v, want %s", at, down, want)
				}
			}
		})
	}
}

func checkScan(t *testing.T, v *View, prefix string, want ...string) {
	t.Helper()
	defer v.Close()
	var got []string
	for k, val := range v.Scan([]byte(prefix)) {
		got = append(got, fmt.Sprintf("%s=%s", k, val))
	}
	if v.Err() != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("scan of %q: %v, %v; want %v", prefix, got, v.Err(), want)
	}
	var down []string
	for k, val := range v.ScanDown([]byte(prefix)) {
		down = append([]string{fmt.Sprintf("%s=%s", k, val)}, down...)
	}
	if v.Err() != nil || fmt.Sprint(down) != fmt.Sprint(want) {
		t.Errorf("scan down of %q: %v, %v; want %v", prefix, down, v.Err(), want)
	}
}

// count is a Writer that checks what the committer promises.
type count struct {
	mu   *sync.Mutex
	seen *[]int
	n    int
	wg   *sync.WaitGroup
	t    *testing.T
}

func (c count) Prepare(b *Batch, _ time.Time) {
	b.Set(fmt.Appendf(nil, "k/%06d", c.n), bytes.Repeat([]byte{byte(c.n)}, 300))
}

func (c count) Done(err error) {
	defer c.wg.Done()
	if err != nil {
		c.t.Error(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.seen = append(*c.seen, c.n)
}

func TestSubmitKeepsOrder(t *testing.T) {
	s := open(t, options1(t, false))
	var (
		mu   sync.Mutex
		seen []int
		wg   sync.WaitGroup
	)
	const n = 3000
	for i := range n {
		wg.Add(1)
		if err := s.Submit(count{&mu, &seen, i, &wg, t}); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	for i, n := range seen {
		if i != n {
			t.Fatalf("done %d came at place %d", n, i)
		}
	}
	if st := s.Stats(); st.Writes != n || st.Commits >= n/10 {
		t.Errorf("%d writes in %d commits", st.Writes, st.Commits)
	}
}

func TestManaged(t *testing.T) {
	o := options1(t, true)
	s := open(t, o)
	for i := uint64(1); i <= 10; i++ {
		b := NewBatch()
		b.Set([]byte("k"), fmt.Appendf(nil, "v%d", i))
		if err := s.CommitAt(b, i*10); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 { // again, as a replayed entry is
			if err := s.CommitAt(b, i*10); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[uint64]string{10: "v1", 35: "v3", 100: "v10"} {
		v := s.ViewAt(at)
		if got, err := v.Get([]byte("k")); err != nil || string(got) != want {
			t.Errorf("at %d: %q %v, want %q", at, got, err, want)
		}
		v.Close()
	}
	if v := s.ViewAt(101); !edge.IsKind(v.Err(), edge.Unavailable) {
		t.Errorf("an index to come: %v", v.Err())
	}
	s.SetReadable(50)
	if v := s.ViewAt(49); !edge.IsKind(v.Err(), edge.NotFound) {
		t.Errorf("a forgotten index: %v", v.Err())
	}
	if s.MaxVersion() != 100 {
		t.Errorf("max version %d", s.MaxVersion())
	}
}

func TestReopen(t *testing.T) {
	for _, managed := range []bool{false, true} {
		o := options1(t, managed)
		for i := range uint64(5) {
			s, err := Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if s.MaxVersion() != i {
				t.Fatalf("managed=%v: index %d after %d commits", managed, s.MaxVersion(), i)
			}
			b := NewBatch()
			b.Set(fmt.Appendf(nil, "k%d", i), []byte("v"))
			b.Delete([]byte("k0"))
			if managed {
				err = s.CommitAt(b, i+1)
			} else {
				err = s.Commit(t.Context(), func(c *Batch) { c.Delete([]byte("nothing")) })
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	s := open(t, options1(t, false))
	tests := map[string]struct {
		f    func(*Batch)
		kind edge.Kind
	}{
		"empty key":       {func(b *Batch) { b.Set(nil, nil) }, edge.Invalid},
		"long key":        {func(b *Batch) { b.Set(make([]byte, MaxKey+1), nil) }, edge.Invalid},
		"badger's key":    {func(b *Batch) { b.Set([]byte("!badger!x"), nil) }, edge.Invalid},
		"our key":         {func(b *Batch) { b.Delete([]byte("!state!seq")) }, edge.Invalid},
		"large value":     {func(b *Batch) { b.Set([]byte("k"), make([]byte, s.MaxValue()+1)) }, edge.Invalid},
		"too many writes": {func(b *Batch) { many(b, 2000) }, edge.Invalid},
	}
	for name, tt := range tests {
		if err := s.Commit(t.Context(), tt.f); !edge.IsKind(err, tt.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	commit(t, s, func(b *Batch) { b.Set(make([]byte, MaxKey), bytes.Repeat([]byte{1}, s.MaxValue())) })
	commit(t, s, func(b *Batch) { many(b, s.MaxBatch()/(opOverhead+sealOverhead+20)-10) })
	if _, err := Open(t.Context(), s.opt); err == nil {
		t.Error("the same directory was opened twice")
	}
}

func many(b *Batch, n int) {
	for i := range n {
		b.Set(fmt.Appendf(nil, "many/%d", i), []byte("123456789"))
	}
}

func BenchmarkCommitter(b *testing.B) {
	o := options1(b, false)
	o.MemTable = 0
	s := open(b, o)
	value := bytes.Repeat([]byte("0123456789abcdef"), 12)
	b.ReportAllocs()
	var n int64
	var mu sync.Mutex
	b.SetParallelism(256)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			n++
			k := fmt.Appendf(nil, "r/%010d", n)
			mu.Unlock()
			if err := s.Commit(context.Background(), func(b *Batch) { b.Set(k, value) }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
	b.ReportMetric(float64(b.N)/float64(s.Stats().Commits), "writes/commit")
}
