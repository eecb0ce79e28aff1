package badgerstore

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/hub/storetest"
	"github.com/aielon/edge/sync/wire"
)

// A hold is a writer that stops the committer while it gathers a commit.
type hold struct{ reached, gate, done chan struct{} }

func (h hold) Prepare(*state.Batch, time.Time) { close(h.reached); <-h.gate }
func (h hold) Done(error)                      { close(h.done) }

// A hub is killed while a commit is under way. Until the commit is on the disk nobody may hear of the
// cursor it moves to: not where the write is lost, and not where it gets through unseen.
func TestKilledBeforeTheCommit(t *testing.T) {
	for _, through := range []bool{false, true} {
		t.Run(map[bool]string{false: "the write was lost", true: "the write got through"}[through], func(t *testing.T) {
			killedBeforeTheCommit(t, through)
		})
	}
}

func killedBeforeTheCommit(t *testing.T, through bool) {
	z, err := wire.NewCodec(2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { z.Close() })
	dir := filepath.Join(t.TempDir(), "hub")
	b := openDir(t, dir, z)
	p := storetest.NewPen("alnoor", "a")
	commitAll(t, b, p.Open(1))
	before := p.Pos
	last := p.Write("a", "b")

	first, second := newHold(), newHold()
	submit(t, b, first)
	<-first.reached
	done := make(chan error, 1)
	go func() {
		res, err := b.Commit(t.Context(), []store.Append{last})
		if err == nil {
			err = res[0].Err
		}
		done <- err
	}()
	for !b.ahead(p.ID, before) { // the append must be in the commit that is held
		submit(t, b, second)
		close(first.gate)
		<-second.reached
		if !b.ahead(p.ID, before) {
			first, second = second, newHold()
		}
	}
	if s, err := b.Stream(t.Context(), p.ID); err != nil || s.Cursor != before {
		t.Errorf("the hub names %v, on its disk is %v: %v", s.Cursor, before, err)
	}
	for s, err := range b.Streams(t.Context(), "") {
		if err != nil || s.Cursor != before {
			t.Errorf("the hub lists %v, on its disk is %v: %v", s.Cursor, before, err)
		}
	}
	copied := filepath.Join(t.TempDir(), "copy")
	if !through {
		copyDir(t, dir, copied)
	}
	close(second.gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if through {
		copyDir(t, dir, copied)
	}
	again, want := openDir(t, copied, z), before
	if through {
		want = last.To
	}
	s, err := again.Stream(t.Context(), p.ID)
	if err != nil || s.Cursor != want {
		t.Fatalf("after the kill the hub stands at %v, want %v: %v", s.Cursor, want, err)
	}
	if !through { // the node sends it once more
		commitAll(t, again, last)
	}
	n := 0
	for _, err := range again.Read(t.Context(), p.ID, edge.Pos{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 2 {
		t.Fatalf("%d records", n)
	}
}

// ahead reports whether memory is beyond a position.
func (b *Store) ahead(id wire.StreamID, p edge.Pos) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.streams[id].Cursor != p
}

func newHold() hold {
	return hold{make(chan struct{}), make(chan struct{}), make(chan struct{})}
}

func submit(t *testing.T, b *Store, h hold) {
	t.Helper()
	if err := b.s.Submit(h); err != nil {
		t.Fatal(err)
	}
}

func openDir(t *testing.T, dir string, z *wire.Codec) *Store {
	t.Helper()
	s, err := state.Open(t.Context(), state.Options{Dir: dir, Name: "hub", Key: bytes.Repeat([]byte{7}, 32), Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(s, z, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func commitAll(t *testing.T, b *Store, list ...store.Append) {
	t.Helper()
	res, err := b.Commit(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// What version 1 wrote is read for ever: blocks that do not say when they came, streams that do not say what was forgotten.
func TestVersionOne(t *testing.T) {
	z, err := wire.NewCodec(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { z.Close() })
	p := storetest.NewPen("alnoor", "a")
	open := p.Open(1)
	a := p.Write("a", "b")
	row := store.Stream{}.Apply(open).Apply(a)
	b := encodeStream(row)
	b[0] = version
	if got, err := decodeStream(b[:len(b)-1]); err != nil || got.Cursor != row.Cursor || got.Counts != row.Counts {
		t.Errorf("%+v, %v", got, err)
	}
	block := encodeBlock(z, a)
	block = append([]byte{version}, block[1+len(putTime(nil, a.Time)):]...)
	if u, err := decodeBlock(z, block); err != nil || !u.Time.IsZero() || u.To != a.To || len(u.Items) != 2 {
		t.Errorf("%+v, %v", u, err)
	}
}
