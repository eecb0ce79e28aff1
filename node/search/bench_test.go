package search

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/aielon/edge/node/state"
)

// BenchmarkSearch indexes 50,000 documents once and prints the table of DESIGN.md. Run it with -benchtime 1x.
func BenchmarkSearch(b *testing.B) {
	s := benchStore(b)
	ix := openIndex(b, s)
	bb := newBabel(1, 20_000)
	fill(b, ix, bb, benchDocs())
	start := time.Now()
	if err := ix.warm(context.Background()); err != nil {
		b.Fatal(err)
	}
	st, _ := ix.Stats()
	fmt.Printf("dictionaries: %d words read in %v\n", st.Terms, time.Since(start))
	for _, c := range benchQueries(bb) {
		b.Run(c.name, func(b *testing.B) {
			bb.draw(2) // the same questions in every run
			ask(b, ix, c)
		})
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	fmt.Printf("heap in use %d MB\n", m.HeapInuse>>20)
}

func fill(b *testing.B, ix *Index, bb *babel, n int) {
	if st, err := ix.Stats(); err == nil && st.Documents == uint64(n) {
		return // kept by an earlier run
	}
	start, cpu := time.Now(), cpuTime(unix.RUSAGE_SELF)
	var ops []Op
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
	fmt.Printf("indexed %d documents in %v: %.0f /s, %v of processor time\n", n, took, float64(n)/took.Seconds(), cpuTime(unix.RUSAGE_SELF)-cpu)
}

// BenchmarkWrite puts 5,000 documents into a new index whose dictionaries are in memory, 256 at a time, and replaces
// 1,000 of them, 20 at a time. Run it with -benchtime 1x.
func BenchmarkWrite(b *testing.B) {
	ix, bb := openIndex(b, openStore(b, false)), newBabel(1, 20_000)
	write := func(what string, n, size int, id func() int) {
		start, cpu := time.Now(), cpuTime(unix.RUSAGE_SELF)
		for range n / size {
			var ops []Op
			for range size {
				d := bb.document(id())
				ops = append(ops, Op{Put: &d})
			}
			if err := ix.Apply(context.Background(), ops...); err != nil {
				b.Fatal(err)
			}
			if err := ix.warm(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
		each := func(d time.Duration) time.Duration { return (d / time.Duration(n)).Round(10 * time.Microsecond) }
		fmt.Printf("%-8s %v a document, %v of processor time\n", what, each(time.Since(start)), each(cpuTime(unix.RUSAGE_SELF)-cpu))
	}
	next := -1
	write("put", 5120, 256, func() int { next++; return next })
	write("replace", 1000, 20, func() int { return bb.rng.IntN(5000) })
}

type benchQuery struct {
	name string
	q    func() Query
}

func benchQueries(bb *babel) []benchQuery {
	prefix := func(w string, n int) string { return string([]rune(w)[:min(n, utf8.RuneCountInString(w))]) }
	return []benchQuery{
		{"two words", func() Query { l := bb.rng.IntN(5); return Query{Text: bb.word(l) + " " + bb.word(l), Whole: true} }},
		{"two frequent words", func() Query {
			l := bb.rng.IntN(5)
			return Query{Text: bb.words[l][bb.rng.IntN(4)] + " " + bb.words[l][bb.rng.IntN(4)], Whole: true}
		}},
		{"worst word", func() Query { return Query{Text: bb.words[bb.rng.IntN(5)][0], Whole: true} }},
		{"prefix, 1 letter", func() Query { return Query{Text: prefix(bb.word(bb.rng.IntN(5)), 1)} }},
		{"prefix, 2 letters", func() Query { return Query{Text: prefix(bb.word(bb.rng.IntN(5)), 2)} }},
		{"prefix, 3 letters", func() Query { return Query{Text: prefix(bb.word(bb.rng.IntN(5)), 3)} }},
		{"word and prefix", func() Query { l := bb.rng.IntN(5); return Query{Text: bb.word(l) + " " + prefix(bb.word(l), 2)} }},
		{"typo", func() Query {
			w := []rune(bb.word(bb.rng.IntN(5)) + "x")
			k := bb.rng.IntN(len(w) - 1)
			w[k], w[k+1] = w[k+1], w[k]
			return Query{Text: string(w), Whole: true}
		}},
		{"number", func() Query { return Query{Text: fmt.Sprintf("MR-%04d", bb.rng.IntN(500))} }},
		{"phone", func() Query { return Query{Text: fmt.Sprintf("0812 %04d", bb.rng.IntN(500))} }},
		{"one owner", func() Query {
			o := fmt.Sprint("owner-", bb.rng.IntN(997))
			return Query{Text: bb.word(bb.rng.IntN(5)), Grants: []Grant{{"person", 3, o}, {"audit", 3, o}}}
		}},
	}
}

// asked is how many questions of a kind are asked.
const asked = 1000

func ask(b *testing.B, ix *Index, c benchQuery) {
	runtime.LockOSThread() // whose processor time is read
	defer runtime.UnlockOSThread()
	var times, cpus []time.Duration
	hits := 0
	for range asked {
		q := c.q()
		if q.Grants == nil {
			q.Grants = everything(kinds...)
		}
		start, cpu := time.Now(), cpuTime(unix.RUSAGE_THREAD)
		r, err := ix.Search(context.Background(), q)
		if err != nil {
			b.Fatal(err)
		}
		times, cpus = append(times, time.Since(start)), append(cpus, cpuTime(unix.RUSAGE_THREAD)-cpu)
		hits = max(hits, r.Total)
	}
	at := func(ds []time.Duration, share float64) time.Duration {
		slices.Sort(ds)
		return ds[int(share*float64(len(ds)))].Round(10 * time.Microsecond)
	}
	fmt.Printf("%-20s p50 %8v  p99 %8v  processor p50 %8v  p99 %8v  most hits %d\n", c.name, at(times, 0.5), at(times, 0.99), at(cpus, 0.5), at(cpus, 0.99), hits)
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

// cpuTime is the processor time of this thread or process: on a busy machine the clock measures the others.
func cpuTime(who int) time.Duration {
	var r unix.Rusage
	if unix.Getrusage(who, &r) != nil {
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
