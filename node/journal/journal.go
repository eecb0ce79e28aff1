package journal

import (
	"context"
	"iter"

	"github.com/aielon/edge/node/edge"
)

// A Journal is one journal of a Set. It implements edge.Journal.
type Journal struct {
	set     *Set
	urgency edge.Urgency
	stream  string

	// guarded by set.mu
	pub     chainState // what is durable
	marks   map[string]*mark
	moved   chan struct{} // closed and replaced when the head moves
	missing uint64        // records the last Audit did not find
}

var _ edge.Journal = (*Journal)(nil)

// Stream returns the journal's name.
func (j *Journal) Stream() string { return j.stream }

// Urgency returns the urgency of all records of the journal.
func (j *Journal) Urgency() edge.Urgency { return j.urgency }

// Head is the position of the newest durable record.
func (j *Journal) Head() edge.Pos {
	j.set.mu.Lock()
	defer j.set.mu.Unlock()
	return j.pub.row.head
}

// Epochs lists the epochs of the journal, oldest first.
func (j *Journal) Epochs() []Epoch {
	j.set.mu.Lock()
	defer j.set.mu.Unlock()
	return append([]Epoch(nil), j.pub.epochs...)
}

// Read implements edge.Journal; see Reader.Read.
func (j *Journal) Read(ctx context.Context, after edge.Pos) iter.Seq2[edge.Record, error] {
	if h := j.Head(); h == after { // the usual case of a follower that is up to date costs no view
		return func(func(edge.Record, error) bool) {}
	}
	return read(ctx, j.set.store.View, j.stream, after)
}

// Wait returns once the journal has, or had, a record after the position. It fails with Unavailable
// when the Set is closed.
func (j *Journal) Wait(ctx context.Context, after edge.Pos) error {
	for {
		j.set.mu.Lock()
		moved, there := j.moved, j.pub.beyond(after)
		j.set.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-j.set.closed:
			return edge.E(edge.Unavailable, "the journals %q are closed", j.set.o.Family)
		}
	}
}

// Totals returns the journal's counters.
func (j *Journal) Totals() Totals {
	j.set.mu.Lock()
	defer j.set.mu.Unlock()
	return j.pub.totals()
}

// Counts is the account of one journal with one follower, in records.
type Counts struct {
	Accepted uint64 // acknowledged to whoever brought them
	Acked    uint64 // the follower has them
	Waiting  uint64 // stored, and not with the follower yet
	Shed     uint64 // shed before the follower had them
	Trimmed  uint64 // trimmed before the follower had them; always 0 for a required follower
	Lost     uint64 // Accepted - Acked - Waiting - Shed - Trimmed: must be 0
}

// Counts returns the account with a follower, from memory. Lost is not zero by construction. Accepted is
// counted by appending; Acked by the follower's marks; Shed and Trimmed by removing; Waiting by the
// blocks that are stored: what their headers counted when they came and went, less what the last Audit
// could not find of them. Lost is what the four do not explain, whatever its sign.
func (j *Journal) Counts(follower string) Counts {
	j.set.mu.Lock()
	defer j.set.mu.Unlock()
	st, row := &j.pub, j.pub.newMark()
	if m := j.marks[follower]; m != nil {
		row = m.row
	}
	had := max(st.passed(row.pos), st.passed(st.row.tail)) - st.passed(st.row.tail) // stored, and with the follower
	c := Counts{Accepted: st.row.accepted.Records, Acked: row.acked, Shed: row.shed, Trimmed: row.trimmed}
	c.Waiting = excess(st.row.stored.Records, had+j.missing)
	c.Lost = distance(c.Accepted, c.Acked+c.Waiting+c.Shed+c.Trimmed)
	return c
}

func distance(a, b uint64) uint64 { return max(a, b) - min(a, b) }
