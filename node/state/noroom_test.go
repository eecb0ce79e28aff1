//go:build fault

package state

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// TestNoRoomToOpen takes every byte of the disk, the ballast's included, before the store is opened: it is
// read, refuses writes with words, closes, opens again, and is written to by itself once there is room. It
// is done with a store that was closed and one that was killed.
func TestNoRoomToOpen(t *testing.T) {
	for _, managed := range []bool{false, true} {
		for _, killed := range []bool{false, true} {
			t.Run(fmt.Sprintf("managed %v, killed %v", managed, killed), func(t *testing.T) { noRoomToOpen(t, managed, killed) })
		}
	}
}

func noRoomToOpen(t *testing.T, managed, killed bool) {
	disk, _ := smallDisk(t, 96)
	o := options1(t, managed)
	o.Dir, o.Reserve, o.MinFree = filepath.Join(disk, "store"), 8<<20, 3<<20
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	index := uint64(0)
	put := func(k, v string) error {
		if !managed {
			return s.Commit(t.Context(), func(b *Batch) { b.Set([]byte(k), []byte(v)) })
		}
		b := NewBatch()
		b.Set([]byte(k), []byte(v))
		if err := s.CommitAt(b, index+1); err != nil {
			return err
		}
		index++
		return s.Sync()
	}
	want := map[string]string{}
	for i := range 300 {
		k, v := fmt.Sprint("key/", i), fmt.Sprintf("%01000d", i)
		if err := put(k, v); err != nil {
			t.Fatal(err)
		}
		want[k] = v
	}
	copied := filepath.Join(disk, "copy")
	if killed { // what a kill leaves is what lies there now
		if err := os.CopyFS(copied, os.DirFS(o.Dir)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if killed {
		os.RemoveAll(o.Dir)
		o.Dir = copied
	}
	os.Remove(filepath.Join(o.Dir, ballastName))
	filler := filepath.Join(disk, "filler")
	if err := os.Mkdir(filler, 0o700); err != nil {
		t.Fatal(err)
	}
	fill := func(i int) { fillDisk(t, filepath.Join(filler, fmt.Sprint(i))) }
	fill(0)
	check := func(when string) {
		t.Helper()
		if wrong, _ := wrongAnswers(s, want); len(wrong) > 0 {
			t.Fatalf("%s: %s", when, wrong[0])
		}
	}
	for i := range 2 {
		if s, err = Open(t.Context(), o); err != nil {
			t.Fatalf("opened without room: %v", err)
		}
		if !s.reading.Load() {
			t.Fatal("there was room: this test shows nothing")
		}
		check("without room")
		if err := put("key/new", "x"); !edge.IsKind(err, edge.Exhausted) {
			t.Errorf("a write without room: %v", err)
		}
		if err := s.Writable(); !edge.IsKind(err, edge.Exhausted) {
			t.Errorf("writable without room: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closed without room: %v", err)
		}
		fill(i + 1) // logs that were cut gave something back
	}
	if s, err = Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 { // who reads meanwhile is made to wait at most
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				v := s.View()
				if got, err := v.Get([]byte("key/7")); err != nil || string(got) != want["key/7"] {
					t.Errorf("%.20q, %v", got, err)
				}
				v.Close()
			}
		})
	}
	if err := os.RemoveAll(filler); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for err = put("key/back", "x"); err != nil; err = put("key/back", "x") {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("no writes %v after the space came back: %v", time.Since(began), err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("writes again %v after the space came back", time.Since(began).Round(time.Millisecond))
	close(stop)
	readers.Wait()
	want["key/back"] = "x"
	check("with room again")
	for i := range 3000 {
		k := fmt.Sprint("key/more/", i)
		if err := put(k, want["key/7"]); err != nil {
			t.Fatal(err)
		}
		want[k] = want["key/7"]
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	check("opened with room")
}
