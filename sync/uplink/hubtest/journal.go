package hubtest

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/wire"
)

// A Journal is an uplink.Source in memory.
type Journal struct {
	id      wire.StreamID
	urgency edge.Urgency

	mu     sync.Mutex // guards all below
	epochs []*epoch
	mark   edge.Pos
	marks  int
	grown  chan struct{} // closed when a record comes; made by Wait, so that it belongs to the waiter's synctest bubble
	fail   error
}

type epoch struct {
	uplink.Epoch
	records []edge.Record
	gone    int // records from the front that were shed
}

// NewJournal returns an empty journal in its first epoch.
func NewJournal(id wire.StreamID, u edge.Urgency) *Journal {
	j := &Journal{id: id, urgency: u}
	j.begin(edge.Pos{}, "new")
	return j
}

func (j *Journal) begin(fork edge.Pos, reason string) {
	n := uint64(len(j.epochs) + 1)
	j.epochs = append(j.epochs, &epoch{Epoch: uplink.Epoch{First: edge.Genesis(j.id.String(), n, fork), Fork: fork, Reason: reason}})
}

// NewEpoch begins a new epoch, as after a restore.
func (j *Journal) NewEpoch(reason string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.begin(j.head(), reason)
}

// Append adds records with these bodies.
func (j *Journal) Append(bodies ...[]byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.epochs[len(j.epochs)-1]
	p := e.last()
	for _, b := range bodies {
		ev := edge.Event{Type: edge.TypeReading, Urgency: j.urgency, Time: time.Unix(1e9, 0), Body: b}
		p = p.Next(edge.AppendEvent(nil, ev))
		e.records = append(e.records, edge.Record{Pos: p, Event: ev})
	}
	if j.grown != nil {
		close(j.grown)
		j.grown = nil
	}
}

// Shed drops n records from the front of the newest epoch.
func (j *Journal) Shed(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.epochs[len(j.epochs)-1]
	e.gone = min(e.gone+n, len(e.records))
}

// Lose drops n records from the end, as a store does that lost its last writes.
func (j *Journal) Lose(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.epochs[len(j.epochs)-1]
	e.records = e.records[:max(0, len(e.records)-n)]
}

// Fail makes every Read end with err.
func (j *Journal) Fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail = err
}

func (e *epoch) last() edge.Pos {
	if n := len(e.records); n > 0 {
		return e.records[n-1].Pos
	}
	return e.First
}

func (j *Journal) head() edge.Pos {
	for i := len(j.epochs) - 1; i > 0; i-- {
		if len(j.epochs[i].records) > 0 {
			return j.epochs[i].last()
		}
	}
	return j.epochs[0].last()
}

// Head is the position of the newest record.
func (j *Journal) Head() edge.Pos {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.epochs[len(j.epochs)-1].last()
}

// Stream, ID and Urgency are what the journal was made with.
func (j *Journal) Stream() string        { return j.id.Name }
func (j *Journal) ID() wire.StreamID     { return j.id }
func (j *Journal) Urgency() edge.Urgency { return j.urgency }

// Epoch tells how an epoch began.
func (j *Journal) Epoch(n uint64) (uplink.Epoch, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n < 1 || n > uint64(len(j.epochs)) {
		return uplink.Epoch{}, false
	}
	return j.epochs[n-1].Epoch, true
}

// Read yields what follows a position.
func (j *Journal) Read(_ context.Context, after edge.Pos) iter.Seq2[edge.Record, error] {
	return func(yield func(edge.Record, error) bool) {
		j.mu.Lock()
		epochs, fail := slices.Clone(j.epochs), j.fail
		j.mu.Unlock()
		if fail != nil {
			yield(edge.Record{}, fail)
			return
		}
		for i, e := range epochs {
			if uint64(i+1) >= max(1, after.Epoch) && !j.readEpoch(i, e, after, yield) {
				return
			}
		}
	}
}

func (j *Journal) readEpoch(i int, e *epoch, after edge.Pos, yield func(edge.Record, error) bool) bool {
	j.mu.Lock()
	records, gone := e.records, e.gone
	j.mu.Unlock()
	from := 0
	if uint64(i+1) == after.Epoch {
		from = int(min(after.Seq, uint64(len(records))))
	}
	if from < gone {
		start := e.First
		if from > 0 {
			start = records[from-1].Pos
		}
		g := &edge.Gap{From: start, To: records[gone-1].Pos, Count: uint64(gone - from), Reason: "shed: disk budget"}
		if !yield(edge.Record{}, g) {
			return false
		}
		from = gone
	}
	for _, r := range records[min(from, len(records)):] {
		if !yield(r, nil) {
			return false
		}
	}
	return true
}

// Wait returns when there is a record after the position.
func (j *Journal) Wait(ctx context.Context, after edge.Pos) error {
	for {
		j.mu.Lock()
		head := j.epochs[len(j.epochs)-1].last()
		if j.grown == nil {
			j.grown = make(chan struct{})
		}
		grown := j.grown
		j.mu.Unlock()
		if head.Epoch > after.Epoch && head.Seq > 0 || head.Epoch == after.Epoch && head.Seq > after.Seq {
			return nil
		}
		select {
		case <-ctx.Done():
			j.mu.Lock()
			j.grown = nil
			j.mu.Unlock()
			return ctx.Err()
		case <-grown:
		}
	}
}

// Acked keeps the mark.
func (j *Journal) Acked(_ context.Context, p edge.Pos) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mark, j.marks = p, j.marks+1
	return nil
}

// Mark is the newest mark and how often it was set.
func (j *Journal) Mark() (edge.Pos, int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mark, j.marks
}
