package search

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/aielon/edge/node/state"
)

// BenchmarkSearch indexes 50,000 documents once and prints the table of DESIGN.md. Run it with -benchtime 1x.
func BenchmarkSearch(b *testing.B) {
	n := benchDocs()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := benchStore(b)
	ix := openIndex(b, s)
	bb := newBabel(1, 20_000)
	start := time.Now()
	var ops []Op
	if st, err := ix.Stats(); err == nil && st.Documents == uint64(n) {
		n = 0 // kept by an earlier run
	}
	for i := range n {
		d := bb.document(i)
		ops = append(ops, Op{Put: &d})
		if len(ops) == 256 || i == n-1 {
			if err := ix.Apply(context.Background(), ops...); err != nil {
				b.Fatal(err)
			}
			ops = ops[:0]
		}
	}
	took := time.Since(start)
	b.Logf("indexed %d documents in %v: %.0f /s", n, took, float64(n)/took.Seconds())
	start = time.Now()
	if err := ix.warm(context.Background()); err != nil {
		b.Fatal(err)
	}
	st, _ := ix.Stats()
	b.Logf("dictionaries: %d words read in %v", st.Terms, time.Since(start))
	for _, c := range []struct {
		name string
		q    func() Query
	}{
		{"two words", func() Query { l := bb.rng.IntN(5); return Query{Text: bb.word(l) + " " + bb.word(l), Whole: true} }},
		{"two frequent words", func() Query {
			l := bb.rng.IntN(5)
			return Query{Text: bb.words[l][bb.rng.IntN(4)] + " " + bb.words[l][bb.rng.IntN(4)], Whole: true}
		}},
		{"worst word", func() Query { return Query{Text: bb.words[bb.rng.IntN(5)][0], Whole: true} }},
		{"prefix, 1 letter", func() Query { w := []rune(bb.word(bb.rng.IntN(5))); return Query{Text: string(w[:1])} }},
		{"prefix, 3 letters", func() Query { w := []rune(bb.word(bb.rng.IntN(5))); return Query{Text: string(w[:3])} }},
		{"word and prefix", func() Query {
			l := bb.rng.IntN(5)
			w := []rune(bb.word(l))
			return Query{Text: bb.word(l) + " " + string(w[:2])}
		}},
		{"typo", func() Query {
			w := []rune(bb.word(bb.rng.IntN(5)) + "x")
			k := bb.rng.IntN(len(w) - 1)
			w[k], w[k+1] = w[k+1], w[k]
			return Query{Text: string(w), Whole: true}
		}},
		{"number", func() Query { return Query{Text: "MR-0123"} }},
		{"phone", func() Query { return Query{Text: "0812 0012"} }},
		{"one owner", func() Query {
			return Query{Text: bb.word(bb.rng.IntN(5)), Grants: []Grant{{"person", 3, "owner-7"}, {"audit", 3, "owner-7"}}}
		}},
	} {
		var times, cpus []time.Duration
		hits := 0
		for range 300 {
			q := c.q()
			if q.Grants == nil {
				q.Grants = everything(kinds...)
			}
			start, cpu := time.Now(), threadTime()
			r, err := ix.Search(context.Background(), q)
			if err != nil {
				b.Fatal(err)
			}
			times, cpus = append(times, time.Since(start)), append(cpus, threadTime()-cpu)
			hits = max(hits, r.Total)
		}
		slices.Sort(times)
		slices.Sort(cpus)
		fmt.Printf("%-20s p50 %8v  p99 %8v  processor p50 %8v  p99 %8v  most hits %d\n", c.name, times[150].Round(time.Microsecond), times[297].Round(time.Microsecond),
			cpus[150].Round(time.Microsecond), cpus[297].Round(time.Microsecond), hits)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.Logf("heap in use %d MB, disk %d MB", m.HeapInuse>>20, diskBytes(b, s)>>20)
}

// benchStore is a new store, or the one in SEARCH_BENCH_DIR, which is kept.
func benchStore(b *testing.B) *state.Store {
	dir := os.Getenv("SEARCH_BENCH_DIR")
	if dir == "" {
		return openStore(b, false)
	}
	s, err := state.Open(context.Background(), state.Options{Dir: dir, Name: "test", Key: bytes.Repeat([]byte{7}, 32), Reserve: -1, MinFree: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

func diskBytes(b *testing.B, s Store) (n int64) {
	dir := b.TempDir()
	root := filepath.Dir(dir)
	filepath.Walk(root, func(_ string, i os.FileInfo, err error) error {
		if err == nil && i.Mode().IsRegular() {
			n += i.Size()
		}
		return nil
	})
	return n
}

// threadTime is the processor time of this thread: on a busy machine the clock measures the others.
func threadTime() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// benchDocs is how many documents the benchmark indexes: SEARCH_BENCH_DOCS, or the 50,000 of the goal.
func benchDocs() int {
	if n, err := strconv.Atoi(os.Getenv("SEARCH_BENCH_DOCS")); err == nil {
		return n
	}
	return 50_000
}
