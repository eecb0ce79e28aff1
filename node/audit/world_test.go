package audit

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/node/state"
)

const (
	stream = "readings.ledger"
	epoch1 = 0x10
)

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func openMemory(t fataler) *state.Store {
	t.Helper()
	s, err := state.Open(context.Background(), state.Options{Name: "test", Key: bytes.Repeat([]byte{7}, 32), InMemory: true, Reserve: -1, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A person is a node's key with its audit keys.
type person struct {
	id  edge.NodeID
	key *Key
}

func newPerson(t fataler, seed byte) person {
	t.Helper()
	k, err := NewKey(bytes.Repeat([]byte{seed}, 32), nodeSigner(t), start)
	if err != nil {
		t.Fatal(err)
	}
	return person{k.statement.Node, k}
}

func nodeSigner(t fataler) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A world is one node's ledger journal with its trees. Its journal is written by hand, so that it can be written
// differently.
type world struct {
	fataler
	who   person
	store *state.Store
	chain *journal.Chain
	marks *journal.Marks
	log   *Log
	fault *faulty
}

// A faulty store fails when it is told to: the n-th commit from now on is lost, or gets through unconfirmed.
type faulty struct {
	*state.Store
	lose, through atomic.Int64 // counts down; fails at 1
}

func (f *faulty) Commit(ctx context.Context, g func(*state.Batch)) error {
	if f.lose.Add(-1) == 0 {
		return edge.E(edge.Unavailable, "the power is gone")
	}
	err := f.Store.Commit(ctx, g)
	if err == nil && f.through.Add(-1) == 0 {
		return edge.E(edge.Unavailable, "the power is gone, a moment later")
	}
	return err
}

// newWorld makes a node with records in one epoch.
func newWorld(t fataler, who person, every int64, records ...string) *world {
	t.Helper()
	w := &world{fataler: t, who: who, store: openMemory(t)}
	w.fault = &faulty{Store: w.store}
	v := w.store.View()
	defer v.Close()
	var err error
	if w.chain, err = journal.LoadChain(v, stream); err != nil {
		t.Fatal(err)
	}
	w.begin(epoch1)
	w.write(records...)
	if w.marks, err = journal.OpenMarks(w.store, nil); err != nil {
		t.Fatal(err)
	}
	w.open(every)
	return w
}

func (w *world) close() {
	w.marks.Close()
	w.store.Close()
}

func (w *world) begin(epoch uint64) {
	w.Helper()
	w.commit(func(b *state.Batch) error { return w.chain.Begin(b, w.who.id.String(), epoch, "test", start) })
}

func (w *world) commit(f func(b *state.Batch) error) {
	w.Helper()
	var err error
	if err2 := w.store.Commit(context.Background(), func(b *state.Batch) { err = f(b) }); err != nil || err2 != nil {
		w.Fatal(err, err2)
	}
	w.chain.Committed()
}

func record(name string) edge.Event {
	e, err := Record{Kind: Access, Time: start, Actor: edge.Actor{Kind: edge.Person, ID: name}, Op: "patients.read", Object: Object{"patient", name}, Class: edge.Clinical, Outcome: OK}.ToEvent()
	if err != nil {
		panic(err)
	}
	return e
}

func (w *world) write(names ...string) {
	w.Helper()
	for block := range slices.Chunk(names, 5) {
		var events []edge.Event
		for _, n := range block {
			events = append(events, record(n))
		}
		w.commit(func(b *state.Batch) error { _, _, err := w.chain.Append(b, events); return err })
	}
}

func (w *world) reader() *journal.Reader {
	return journal.NewReader(w.store.View, stream, func(ctx context.Context, _ edge.Pos) error { <-ctx.Done(); return ctx.Err() })
}

// open opens the log anew, as after a start.
func (w *world) open(every int64) {
	w.Helper()
	l, err := OpenLog(LogOptions{Store: w.fault, Journal: w.marks.Source(w.reader()), Node: w.who.id, Key: w.who.key, Every: every,
		Place: func() (string, string) { return "north", "clinic-1" }, Now: func() time.Time { return start }})
	if err != nil {
		w.Fatal(err)
	}
	w.log = l
}

// follow has the log take what there is, as a Runner does it.
func (w *world) follow() error {
	ctx := context.Background()
	at := w.log.Mark("audit")
	for r, err := range w.log.Read(ctx, at) {
		if _, gap := err.(*edge.Gap); gap {
			continue
		}
		if err != nil {
			return err
		}
		if err := w.log.Follow(ctx, r); err != nil {
			return err
		}
		at = r.Pos
		if r.Pos.Seq%3 == 0 {
			if err := w.log.SetMark(ctx, "audit", at); err != nil {
				return err
			}
		}
	}
	return w.log.SetMark(ctx, "audit", at)
}

// upTo follows everything and makes a checkpoint.
func (w *world) upTo() {
	w.Helper()
	if err := w.follow(); err != nil {
		w.Fatal(err)
	}
	if err := w.log.Checkpoint(context.Background()); err != nil {
		w.Fatal(err)
	}
}

func (w *world) verify(o VerifyOptions) Report {
	w.Helper()
	return w.verifyWith(w.store, o)
}

// verifyWith compares this world's trees with the journal of another store.
func (w *world) verifyWith(j *state.Store, o VerifyOptions) Report {
	w.Helper()
	o.Keys = append(o.Keys, w.who.key.statement)
	r, err := Verify(context.Background(), Source{Stream: stream, Node: w.who.id, Journal: j.View, Trees: w.store.View}, o)
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func names(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("r%d", i+1))
	}
	return list
}
