package site

import (
	"bytes"
	"iter"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
)

// What a write, an event or an answer costs the store besides its own bytes: more than its sealing, its
// place in the tree and the row of the outcome take.
const (
	writeCost  = 256 // bytes
	eventCost  = 64  // bytes
	answerCost = 768 // bytes: outcome row, its place in the queue, and forgetting an old one
)

// A tx is the site as one command sees it. The sequencer's goroutine owns it, and it dies with the
// command.
type tx struct {
	under  *overlay
	now    time.Time
	actor  edge.Actor
	room   int                         // bytes this command may still cost
	store  interface{ MaxValue() int } // that every event must fit into; all replicas' are alike
	writes map[string][]byte
	events []edge.Event
	fail   error // the first thing that went wrong whatever the handler made of it
}

var _ edge.Tx = (*tx)(nil)

// Get implements edge.View.
func (t *tx) Get(key []byte) ([]byte, error) {
	if v, ok := t.writes[string(key)]; ok {
		return valueOf(edge.Write{Value: v})
	}
	v, err := t.under.get(key)
	if err != nil && !edge.IsKind(err, edge.NotFound) {
		t.failed(err)
	}
	return v, err
}

// Scan implements edge.View. It shows the writes made before it began.
func (t *tx) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	ws := merge(t.under.under(prefix), sorted(t.writes, string(prefix)))
	return scan(t.under.base.Scan(prefix), ws)
}

// Err implements edge.View.
func (t *tx) Err() error { return t.under.base.Err() }

// Index implements edge.View: an index below the batch this command is part of, and at most one batch more.
func (t *tx) Index() uint64 { return t.under.base.Index() }

// Now implements edge.Tx. It is one instant for the whole command.
func (t *tx) Now() time.Time { return t.now }

// Actor implements edge.Tx.
func (t *tx) Actor() edge.Actor { return t.actor }

// Set implements edge.Tx. A key or value no store can hold fails the command, whatever it returns.
func (t *tx) Set(key, value []byte) {
	if value == nil {
		value = []byte{}
	}
	t.write(key, bytes.Clone(value))
}

// Delete implements edge.Tx.
func (t *tx) Delete(key []byte) { t.write(key, nil) }

func (t *tx) write(key, value []byte) {
	switch {
	case len(key) == 0 || len(key) > maxKey:
		t.failed(edge.E(edge.Internal, "a key must have 1 to %d bytes, this one has %d", maxKey, len(key)))
		return
	case reserved(string(key)):
		t.failed(edge.E(edge.Internal, "the key %q is reserved", clip(string(key), 40)))
		return
	}
	if !t.spend(len(key) + len(value) + writeCost) {
		return
	}
	t.writes[string(key)] = value
}

// Emit implements edge.Tx. Its time, where the handler gave none, is Now.
func (t *tx) Emit(e edge.Event) {
	if e.Time.IsZero() {
		e.Time = t.now
	}
	if err := journal.Fits(t.store, e); err != nil { // now, for no replica may meet an event it cannot store
		t.failed(err)
		return
	}
	if t.spend(len(e.Type) + len(e.Subject) + len(e.Body) + eventCost) {
		e.Body = bytes.Clone(e.Body)
		t.events = append(t.events, e)
	}
}

// spend takes n bytes off what the command may cost. A command that costs more fails as a whole.
func (t *tx) spend(n int) bool {
	if n > t.room {
		t.failed(edge.E(edge.Exhausted, "this request changes more at once than the site can take in one step").
			WithHint("split it, or put large values in the blob store and refer to them by hash"))
		t.room = 0
		return false
	}
	t.room -= n
	return true
}

func (t *tx) failed(err error) {
	if t.fail == nil {
		t.fail = err
	}
}
