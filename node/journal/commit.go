package journal

import (
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A writer is the Set's part in one commit of the store. Its items are guarded by the Set's mu until
// Prepare takes it; from then on it belongs to the committer.
type writer struct {
	s        *Set
	items    []item
	size     int
	trims    bool // look for old records
	prepared bool

	before, after [urgencies]chainState
	stored, used  [urgencies]uint64 // bytes of each journal before w adds any, and what it adds at most
	removed       [urgencies][]removal
	marks         []*mark // written by this commit
	trouble       error
	shed, full    bool
	more          bool // there was more to trim than fits
}

var _ state.Writer = (*writer)(nil)

// Prepare places the items, makes room for them, and adds all of it to b.
func (w *writer) Prepare(b *state.Batch, now time.Time) {
	s := w.s
	s.detach(w)
	w.prepared = true
	for u, c := range s.each() {
		w.before[u] = c.cur
	}
	w.makeRoom(b, now)
	for u := range s.each() {
		w.stored[u] = s.stored(u)
	}
	for i := range w.items {
		w.place(b, &w.items[i], now)
	}
	w.reportShed(b, now)
	for u, c := range s.each() {
		if c.cur.row != w.before[u].row || len(c.open.buf) > 0 {
			c.write(b)
		}
		w.after[u] = c.cur
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inflight = append(s.inflight, w)
	w.writeMarks(b)
}

// each yields the chains by urgency.
func (s *Set) each() func(yield func(edge.Urgency, *Chain) bool) {
	return func(yield func(edge.Urgency, *Chain) bool) {
		for u := edge.Critical; u <= edge.Bulk; u++ {
			if !yield(u, s.chains[u]) {
				return
			}
		}
	}
}

// detach makes sure that nothing is added to w any more.
func (s *Set) detach(w *writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.filling == w {
		s.filling = nil
	}
}

// place gives an item its positions, or refuses it for want of room.
func (w *writer) place(b *state.Batch, it *item, now time.Time) {
	if it.epoch != "" {
		it.err = w.newEpoch(b, it.epoch, now)
		return
	}
	var need [urgencies]uint64
	it.each(func(e edge.Event) { need[e.Urgency] += uint64(encodedSize(e) + perRecord) })
	for u := range need {
		if need[u] > 0 && !w.fits(edge.Urgency(u), need[u]) {
			w.full, it.err = true, w.errFull(edge.Urgency(u))
			return
		}
	}
	digest := &it.digest // of the first
	it.each(func(e edge.Event) {
		it.pos = w.s.chains[e.Urgency].add(b, e, digest, now, w.size)
		digest = nil
		w.used[e.Urgency] += uint64(encodedSize(e) + perRecord)
	})
}

func (w *writer) errFull(u edge.Urgency) error {
	return edge.E(edge.Exhausted, "there is no room for another %v record: the disk budget of the journals %q is used up", u, w.s.o.Family).
		WithHint("bring the link to the hub back, so that what waits can be delivered, or raise the budget")
}

func (w *writer) newEpoch(b *state.Batch, reason string, now time.Time) error {
	var previous uint64
	for _, c := range w.s.each() {
		previous = max(previous, c.cur.row.head.Epoch)
	}
	number := NextEpoch(now, previous)
	for _, c := range w.s.each() {
		if err := c.Begin(b, w.s.o.Origin.String(), number, reason, now); err != nil {
			return err
		}
	}
	return nil
}

// Done tells everybody how the commit ended.
func (w *writer) Done(err error) {
	w.s.finish(w, err)
	for i := range w.items {
		it := &w.items[i]
		if err != nil {
			it.pos, it.err = edge.Pos{}, err
		}
		if it.done != nil {
			it.done(it.pos, it.err)
		}
	}
	w.s.recycle(w.items)
	w.s.writers.Done()
}

// recycle keeps the memory of a writer's items for a writer to come.
func (s *Set) recycle(items []item) {
	clear(items)
	s.mu.Lock()
	defer s.mu.Unlock()
	if cap(items) > cap(s.spare) && cap(items) <= maxSpare {
		s.spare = items[:0]
	}
}

// maxSpare bounds the items whose memory is kept, some 200 bytes each.
const maxSpare = 1024

// finish publishes what w committed, or takes it back.
func (s *Set) finish(w *writer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.filling == w { // refused before it was prepared
		s.filling = nil
	}
	for i := range w.items {
		s.pending -= w.items[i].records()
		s.bytes -= int64(w.items[i].size)
	}
	if w.prepared && len(s.inflight) > 0 {
		s.inflight = s.inflight[1:]
	}
	if err == nil {
		s.publish(w)
		return
	}
	for _, m := range w.marks {
		m.dirty = true
	}
	if !w.prepared {
		return
	}
	if edge.IsKind(err, edge.Invalid) || edge.IsKind(err, edge.Exhausted) { // nothing was kept, and nobody built on it
		for u, c := range s.each() {
			c.cur, c.open = w.before[u], builder{}
		}
		return
	}
	s.broken = edge.E(edge.Unavailable, "the journals %q stopped, because a write ended with an unknown outcome: %w", s.o.Family, err).
		WithHint("restart the node; it will find out what was kept")
}

// publish makes w's outcome what readers see. The caller holds mu.
func (s *Set) publish(w *writer) {
	moved := false
	for u, j := range s.journals {
		if j == nil {
			continue
		}
		for _, r := range w.removed[u] {
			for _, m := range j.marks {
				m.row = m.row.after(&j.pub, r)
			}
		}
		was := j.pub.row
		j.pub = w.after[u]
		if was.head != j.pub.row.head {
			moved = true
			close(j.moved)
			j.moved = make(chan struct{})
		}
	}
	if moved {
		close(s.moved)
		s.moved = make(chan struct{})
	}
	now := time.Now()
	if w.shed {
		s.lastShed = now
	}
	if w.full {
		s.lastFull = now
	}
	if w.trouble != nil && s.trouble == nil {
		s.o.Logger.Error("old records cannot be removed", "family", s.o.Family, "error", w.trouble)
	}
	if w.trouble != nil || w.trims {
		s.trouble = w.trouble
	}
	if s.moreTrims = w.more; w.more {
		s.kick()
	}
}
