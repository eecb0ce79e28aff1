package webhook

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/limit"
	"github.com/aielon/edge/node/state"
)

// Bounds of one endpoint's queue and of what is tried.
const (
	MaxMessages = 10_000
	MaxBytes    = 16 << 20           // of bodies
	GiveUp      = 5 * 24 * time.Hour // of failure, after which a message is dropped and an endpoint disabled
	maxMessage  = 1 << 20            // of one body; what is longer does not fit a commit of the store
	maxFlying   = 4                  // at once to an endpoint that is not ordered
	firstRetry  = 5 * time.Second    // doubles, half of it random
	lastRetry   = time.Hour
)

// A target is an endpoint while this node delivers.
type target struct {
	edge.Redacted

	d       *Dispatcher
	id      string
	breaker *limit.Breaker
	budget  *limit.Budget
	wake    chan struct{} // something may be due
	stop    context.CancelFunc

	commit sync.Mutex // held from reading what follows until its commit, so that rows are written in order

	mu      sync.Mutex // guards what follows
	ep      Endpoint
	pos     map[string]edge.Pos // how far queued, by stream
	told    map[string]edge.Pos // how far settled, as the site knows
	pending []*message          // ascending by number
	bytes   int
	flying  int
	counts  Counts
	disable string // why, until the site has been told
	why     string // of what was lost last
}

func (d *Dispatcher) newTarget(e Endpoint, told map[string]edge.Pos) (*target, error) {
	t := &target{d: d, id: e.ID, ep: e, told: told, wake: make(chan struct{}, 1)}
	if err := t.reset(); err != nil {
		return nil, err
	}
	v := d.o.Store.View()
	defer v.Close()
	pending, pos, counts, err := loadQueue(v, e.ID)
	if err != nil {
		return nil, err
	}
	t.pos, t.counts = pos, counts
	for s, p := range told {
		if before(t.pos[s], p) {
			t.pos[s] = p
		}
	}
	var done []*message
	for _, m := range pending {
		if at := m.At.pos(); !before(told[m.Stream], at) && !m.Again {
			done = append(done, m)
			continue
		}
		t.pending = append(t.pending, m)
		t.bytes += m.Size
	}
	if len(done) == 0 {
		return t, nil
	}
	t.counts.Settled += uint64(len(done))
	for part := range slices.Chunk(done, clearStep) {
		if err := d.o.Store.Commit(context.Background(), func(b *state.Batch) {
			for _, m := range part {
				t.drop(b, m)
			}
			put(b, rowKey(rowCounts, e.ID, ""), t.counts)
		}); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// reset forgets how the receiver did.
func (t *target) reset() (err error) {
	if t.breaker, err = limit.NewBreaker(limit.BreakerOptions{Longest: 10 * time.Minute}); err == nil {
		t.budget, err = limit.NewBudget(0.5, 1)
	}
	return err
}

func (t *target) drop(b *state.Batch, m *message) {
	b.Delete(numberKey(rowMessage, t.id, m.n))
	b.Delete(numberKey(rowBody, t.id, m.n))
}

func (t *target) kick() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// at is how far the endpoint has queued of a stream.
func (t *target) at(stream string) edge.Pos {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pos[stream]
}

func (t *target) endpoint() Endpoint {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ep
}

func (t *target) setEndpoint(e Endpoint) {
	t.mu.Lock()
	enabled := t.ep.Disabled != "" && e.Disabled == ""
	if t.ep = e; enabled {
		t.disable = ""
		t.reset() // with the same options as before: it cannot fail
		for _, m := range t.pending {
			m.Next = time.Time{}
		}
	}
	t.mu.Unlock()
	t.kick()
}

// An item is a record of a stream with the position before it.
type item struct {
	before edge.Pos
	edge.Record
}

// enqueue takes what the endpoint wants of some records, which follow each other, durably.
func (t *target) enqueue(stream string, items []item, now time.Time) error {
	t.commit.Lock()
	defer t.commit.Unlock()
	t.mu.Lock()
	ep, at, counts := t.ep, t.pos[stream], t.counts
	t.mu.Unlock()
	var ms []*message
	var bodies [][]byte
	to, tooLong := at, false
	for _, it := range items {
		if !before(at, it.Pos) {
			continue
		}
		to = it.Pos
		if !ep.wants(it.Record) {
			continue
		}
		body, err := encodeEvent(t.d.o.Origin, stream, it.Record)
		if err != nil {
			return err
		}
		if len(body) > maxMessage {
			counts.Shed, counts.Untold, tooLong = counts.Shed+1, counts.Untold+1, true
			continue
		}
		counts.Last++
		counts.Queued++
		ms = append(ms, &message{ID: messageID(t.d.o.Origin, stream, it.Pos, ep.ID), Stream: stream, Type: it.Type, Before: markOf(it.before),
			At: markOf(it.Pos), Queued: now, Size: len(body), n: counts.Last})
		bodies = append(bodies, body)
	}
	if len(ms) == 0 { // not worth a commit: what is told to the site is enough
		t.mu.Lock()
		t.pos[stream], t.counts = to, counts
		if tooLong {
			t.why = "too long to be sent"
		}
		t.mu.Unlock()
		return nil
	}
	return t.keep(stream, to, ms, bodies, counts)
}

// keep commits new messages one by one, each together with the dropping of those that must go for it.
func (t *target) keep(stream string, to edge.Pos, ms []*message, bodies [][]byte, counts Counts) error {
	last := counts.Last
	counts.Queued -= uint64(len(ms))
	for i, m := range ms {
		at := m.At.pos()
		if m.n == last {
			at = to
		}
		counts.Queued, counts.Last = counts.Queued+1, m.n
		shed := t.room(m.Size)
		var c Counts
		err := t.d.o.Store.Commit(context.Background(), func(b *state.Batch) {
			c = counts
			for _, old := range shed {
				c.Shed, c.Untold = c.Shed+1, c.Untold+1
				t.drop(b, old)
				logDelivery(b, t.id, &c, Delivery{ID: old.ID, Type: old.Type, Stream: old.Stream, Before: old.Before, At: t.d.now(), Attempt: old.Attempts, Outcome: Shed})
			}
			put(b, numberKey(rowMessage, t.id, m.n), m)
			b.Set(numberKey(rowBody, t.id, m.n), bodies[i])
			put(b, rowKey(rowPosition, t.id, stream), markOf(at))
			put(b, rowKey(rowCounts, t.id, ""), c)
		})
		if err != nil {
			return err
		}
		for _, old := range shed {
			t.forget(old, c, "no room: the receiver does not keep up")
		}
		t.mu.Lock()
		t.pending, t.bytes = append(t.pending, m), t.bytes+m.Size
		t.counts, t.pos[stream] = c, at
		t.mu.Unlock()
		counts = c
	}
	t.kick()
	return nil
}

// room chooses the oldest messages that must go for one of some size to come.
func (t *target) room(size int) (shed []*message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	count, bytes := len(t.pending)+1, t.bytes+size
	for _, m := range t.pending {
		if count <= t.d.o.MaxMessages && bytes <= t.d.o.MaxBytes {
			break
		}
		if m.flying {
			continue
		}
		shed = append(shed, m)
		count, bytes = count-1, bytes-m.Size
	}
	return shed
}

// forget takes a message off the queue in memory. The caller holds commit.
func (t *target) forget(m *message, c Counts, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.pending, m); i >= 0 {
		t.pending = slices.Delete(t.pending, i, i+1)
		t.bytes -= m.Size
	}
	t.counts = c
	if why != "" {
		t.why = why
	}
}

// missed counts records that were gone before they were read.
func (t *target) missed(stream string, gap *edge.Gap) {
	t.commit.Lock()
	defer t.commit.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := t.pos[stream]; before(at, gap.To) {
		if !at.IsZero() {
			t.counts.Missed += gap.Count
			t.counts.Untold += gap.Count
			t.why = "removed from the journal before they were read: " + gap.Reason
		}
		t.pos[stream] = gap.To
	}
}

// settled returns how far everything of each stream is done with.
func (t *target) settled() map[string]edge.Pos {
	out := map[string]edge.Pos{}
	for s, p := range t.pos {
		out[s] = p
	}
	for _, m := range t.pending {
		if p := m.Before.pos(); before(p, out[m.Stream]) && !m.Again {
			out[m.Stream] = p
		}
	}
	return out
}

// backoff is the pause after so many failures: doubling, half of it by chance.
func backoff(attempts int) time.Duration {
	d := min(firstRetry<<min(attempts-1, 20), lastRetry)
	return d/2 + rand.N(d/2+1)
}
