package state

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

func BenchmarkOpenClose(b *testing.B) {
	o := options1(b, false)
	for b.Loop() {
		s, err := Open(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOneWriter(b *testing.B) {
	s := open(b, options1(b, false))
	n := 0
	for b.Loop() {
		n++
		commit(b, s, func(c *Batch) { c.Set(fmt.Appendf(nil, "k/%d", n), make([]byte, 100)) })
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// BenchmarkFsync is what the disk can do at all: 4 KiB over the same place, then fdatasync.
func BenchmarkFsync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "f"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for b.Loop() {
		if _, err := f.WriteAt(page, 0); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "fsyncs/s")
}

func BenchmarkEnvelope(b *testing.B) {
	e, err := newEnvelope(make([]byte, 32), 1<<20)
	if err != nil {
		b.Fatal(err)
	}
	block, _ := aes.NewCipher(make([]byte, 32))
	gcm, _ := cipher.NewGCM(block)
	x, _ := chacha20poly1305.NewX(make([]byte, 32))
	key := []byte("j/readings.telemetry/00000001/00000001")
	for _, size := range []int{64, 256, 4096, 65536} {
		plain := make([]byte, size)
		rand.NewChaCha8([32]byte{}).Read(plain)
		buf := make([]byte, headSize+size, sealOverhead+size)
		run := func(name string, f func()) {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					f()
				}
			})
		}
		run("seal", func() { e.sealInPlace(buf[:headSize+size], key, formatPlain) })
		sealed := bytes.Clone(e.sealInPlace(buf[:headSize+size], key, formatPlain))
		out := make([]byte, 0, size)
		run("open", func() {
			if _, err := e.open(out, sealed, key); err != nil {
				b.Fatal(err)
			}
		})
		room := make([]byte, 0, size+64)
		run("aes-gcm", func() { gcm.Seal(room, make([]byte, 12), plain, key) })
		run("xchacha-plain", func() { x.Seal(room, make([]byte, 24), plain, key) })
	}
}

func BenchmarkGet(b *testing.B) {
	s := open(b, options1(b, false))
	fill(b, s, 20000, rand.New(rand.NewPCG(1, 1)))
	v := s.View()
	defer v.Close()
	r := rand.New(rand.NewPCG(2, 2))
	var room []byte
	b.ReportAllocs()
	for b.Loop() {
		room, _ = v.GetInto(room[:0], fmt.Appendf(nil, "key/%05d", r.IntN(20000)))
	}
}

func BenchmarkScan(b *testing.B) {
	s := open(b, options1(b, false))
	want := fill(b, s, 20000, rand.New(rand.NewPCG(1, 1)))
	b.ReportAllocs()
	for b.Loop() {
		v := s.View()
		n := 0
		for range v.Scan([]byte("key/")) {
			n++
		}
		v.Close()
		if n != len(want) {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.N*len(want))/b.Elapsed().Seconds(), "keys/s")
}

func BenchmarkCommitAt(b *testing.B) {
	o := options1(b, true)
	o.MemTable = 0
	s := open(b, o)
	n := uint64(0)
	for b.Loop() {
		n++
		c := NewBatch()
		for i := range 10 {
			c.Set(fmt.Appendf(nil, "k/%d/%d", n, i), make([]byte, 150))
		}
		if err := s.CommitAt(c, n); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

// BenchmarkOpenLarge opens a store of about 1 GB: make it once with STATE_BENCH_DIR set to an empty directory.
func BenchmarkOpenLarge(b *testing.B) {
	dir := os.Getenv("STATE_BENCH_DIR")
	if dir == "" {
		b.Skip("STATE_BENCH_DIR is not set")
	}
	o := options1(b, true)
	o.Dir, o.MemTable = dir, 0
	s, err := Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	if s.MaxVersion() == 0 {
		r := rand.NewChaCha8([32]byte{})
		v := make([]byte, 10_000)
		for at := uint64(1); at <= 1000; at++ {
			c := NewBatch()
			for range 100 {
				r.Read(v)
				c.Set(fmt.Appendf(nil, "k/%016x", r.Uint64()), v)
			}
			if err := s.CommitAt(c, at); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(context.Background(), o)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		lsm, _ := s.Size()
		b.ReportMetric(float64(lsm)/1e9, "GB")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
