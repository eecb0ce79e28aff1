package journal

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

func diskStore(b *testing.B) *state.Store {
	s := openStore(b, state.Options{Dir: b.TempDir(), MemTable: 8 << 20})
	b.Cleanup(func() { s.Close() })
	return s
}

// noise is a body that does not compress, so that the store's packing flatters nobody.
func noise() string {
	b := make([]byte, 256)
	rand.Read(b)
	return string(b)
}

// produce runs b.N calls of f on n goroutines.
func produce(b *testing.B, n int, f func() error) {
	var all sync.WaitGroup
	work := make(chan struct{}, n)
	for range n {
		all.Go(func() {
			for range work {
				if err := f(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	b.ResetTimer()
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkAppend is a durable record of 256 bytes per producer at a time.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 50, 256} {
		b.Run(fmt.Sprint("producers=", n), func(b *testing.B) {
			store := diskStore(b)
			s := openTestSet(b, store, SetOptions{Disk: 8 << 30})
			e := event(edge.Telemetry, noise())
			before := store.Stats().Commits
			produce(b, n, func() error { _, err := s.Append(context.Background(), e); return err })
			b.ReportMetric(float64(store.Stats().Commits-before)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}

// BenchmarkCommitter is the same load on the bare store: one key a record.
func BenchmarkCommitter(b *testing.B) {
	for _, n := range []int{1, 50, 256} {
		b.Run(fmt.Sprint("producers=", n), func(b *testing.B) {
			store := diskStore(b)
			value, seq := []byte(noise()), uint64(0) // the committer's goroutine alone
			before := store.Stats().Commits
			produce(b, n, func() error {
				return store.Commit(context.Background(), func(batch *state.Batch) {
					seq++
					batch.Set(at([]byte("k"), 0, seq), value)
				})
			})
			b.ReportMetric(float64(store.Stats().Commits-before)/b.Elapsed().Seconds(), "commits/s")
		})
	}
}

// BenchmarkSubmit keeps the queue as full as it may be: what the broker does.
func BenchmarkSubmit(b *testing.B) {
	s := openTestSet(b, diskStore(b), SetOptions{Disk: 8 << 30})
	e := event(edge.Telemetry, noise())
	slots := make(chan struct{}, 8192)
	b.SetBytes(256)
	b.ResetTimer()
	for range b.N {
		slots <- struct{}{}
		err := s.Submit(e, func(_ edge.Pos, err error) {
			if err != nil {
				b.Error(err)
			}
			<-slots
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for range cap(slots) {
		slots <- struct{}{}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkRead(b *testing.B) {
	s := openTestSet(b, diskStore(b), SetOptions{Disk: 8 << 30})
	events := make([]edge.Event, 200)
	for i := range events {
		events[i] = event(edge.Telemetry, noise())
	}
	for range 250 {
		if _, err := s.Append(context.Background(), events...); err != nil {
			b.Fatal(err)
		}
	}
	j := s.Journal(edge.Telemetry)
	n := 0
	b.ResetTimer()
	for n < b.N {
		for _, err := range j.Read(context.Background(), edge.Pos{}) {
			if err != nil {
				b.Fatal(err)
			}
			if n++; n == b.N {
				break
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkCounts(b *testing.B) {
	s := openTestSet(b, memory(b), SetOptions{})
	for b.Loop() {
		s.Journal(edge.Ledger).Counts("hub")
	}
}

// BenchmarkShed is BenchmarkSubmit with the disk budget used up: old blocks go as new ones come.
func BenchmarkShed(b *testing.B) {
	s := openTestSet(b, diskStore(b), SetOptions{Disk: 16 << 20, Required: []string{"hub"}})
	e := event(edge.Telemetry, noise())
	slots := make(chan struct{}, 8192)
	b.ResetTimer()
	for range b.N {
		slots <- struct{}{}
		err := s.Submit(e, func(_ edge.Pos, err error) {
			if err != nil {
				b.Error(err)
			}
			<-slots
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for range cap(slots) {
		slots <- struct{}{}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(s.Journal(edge.Telemetry).Totals().Shed.Records), "shed")
}

// BenchmarkSync is what the disk gives: one write and one fsync after the other.
func BenchmarkSync(b *testing.B) {
	f, err := os.Create(b.TempDir() + "/f")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 512)
	for b.Loop() {
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "syncs/s")
}

// BenchmarkDecode is proving one block of 200 records, without the store.
func BenchmarkDecode(b *testing.B) {
	events := make([]edge.Event, 200)
	for i := range events {
		events[i] = event(edge.Telemetry, noise())
		events[i].Time = unix(int64(i))
	}
	key, value, _ := buildBlock(edge.Genesis("x", 7, edge.Pos{}), events...)
	for b.Loop() {
		if _, err := readBlock(key, value); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/200, "ns/record")
}
