package journal

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// TypeShed is the type of the event that tells of shed records. It lies in the ledger journal of the
// family, in the same commit as the shedding; its subject is the stream, its body a Shed in JSON.
const TypeShed = "journal.shed"

// Shed is the body of a TypeShed event: the records after From, up to and including To, are gone.
type Shed struct {
	Stream    string `json:"stream"`
	FromEpoch string `json:"from_epoch"` // hexadecimal: JSON numbers are too short for it
	FromSeq   string `json:"from_seq"`
	ToEpoch   string `json:"to_epoch"`
	ToSeq     string `json:"to_seq"`
	Count     uint64 `json:"count"`
	Bytes     uint64 `json:"bytes"`
	Reason    string `json:"reason"`
}

// removing costs: what one deleted block takes in a batch, and how much of stored blocks one commit may
// look at, so that the committer is never held up for long.
const (
	deleteCost = 320
	maxLook    = 8 << 20
	maxChunk   = 4 << 20 // removed at a time beyond what is needed, so that not every commit removes
)

// room removes old blocks on behalf of one writer.
type room struct {
	w      *writer
	b      *state.Batch
	now    time.Time
	view   *state.View // opened when first needed
	blocks int         // may still be deleted
	look   uint64      // bytes that may still be read
}

// makeRoom trims and sheds until what w wants to add fits, or nothing more may go; and trims what is
// old where w was sent for that.
func (w *writer) makeRoom(b *state.Batch, now time.Time) {
	var need [urgencies]uint64
	for i := range w.items {
		w.items[i].each(func(e edge.Event) { need[e.Urgency] += uint64(encodedSize(e) + perRecord) })
	}
	most := w.s.store.MaxBatch()
	r := &room{w: w, b: b, now: now, look: maxLook, blocks: min(most/3, most-w.size-w.size/8-16<<10) / deleteCost}
	defer r.close()
	if w.trims {
		r.trimOld()
	}
	for _, u := range edge.Urgencies() {
		if need[u] > 0 {
			r.forOne(u, need[u])
		}
	}
	r.forAll(need)
}

// forOne keeps one journal within its own budget.
func (r *room) forOne(u edge.Urgency, need uint64) {
	budget := limit(r.w.s.o.Budgets[u].Bytes)
	over := func() uint64 { return excess(r.w.s.stored(u)+need, budget) }
	if over() == 0 {
		return
	}
	r.trim(u, over()+min(budget/16, maxChunk))
	if over() > 0 && u.Sheddable() {
		r.shed(u, over()+min(budget/16, maxChunk))
	}
}

// forAll keeps the whole set within its budget. The least urgent go first; nothing is shed for
// something less urgent.
func (r *room) forAll(need [urgencies]uint64) {
	var sum uint64
	top := edge.Bulk + 1
	for _, u := range edge.Urgencies() {
		if sum += need[u]; need[u] > 0 {
			top = min(top, u)
		}
	}
	budget := limit(r.w.s.disk.Load())
	over := func() uint64 { return excess(r.w.s.total()+sum, budget) }
	if sum == 0 || over() == 0 {
		return
	}
	chunk := min(budget/16, maxChunk)
	for u := edge.Bulk; u >= edge.Critical && over() > 0; u-- {
		r.trim(u, over()+chunk)
	}
	for u := edge.Bulk; u >= edge.Telemetry && u >= top && over() > 0; u-- {
		r.shed(u, over()+chunk)
	}
}

func excess(have, budget uint64) uint64 {
	if have <= budget {
		return 0
	}
	return have - budget
}

// stored is what a journal takes, as the committer knows it.
func (s *Set) stored(u edge.Urgency) uint64 { return s.chains[u].cur.row.stored.Bytes }

func (s *Set) total() (n uint64) {
	for u := range s.each() {
		n += s.stored(u)
	}
	return n
}

// alarmShare is the part of the reserve, one in so many, that is for critical records alone: whatever has filled the
// rest, an alarm is still taken in.
const alarmShare = 4

// fits reports whether size more bytes of u are within the budgets.
func (w *writer) fits(u edge.Urgency, size uint64) bool {
	s, all := w.s, size
	for v := range w.used {
		all += w.stored[v] + w.used[v]
	}
	budget := limit(s.disk.Load())
	switch {
	case u == edge.Critical:
		budget += uint64(s.o.Reserve)
	case !u.Sheddable():
		budget += uint64(s.o.Reserve - s.o.Reserve/alarmShare)
	}
	return all <= budget && w.stored[u]+w.used[u]+size <= limit(s.o.Budgets[u].Bytes)
}

// trim removes delivered blocks of u, oldest first, until bytes are freed.
func (r *room) trim(u edge.Urgency, bytes uint64) {
	delivered := r.w.s.delivered(u)
	if compare(r.w.s.chains[u].cur.row.tail, delivered) >= 0 {
		return
	}
	r.remove(u, false, func(x block, n Tally) bool { return n.Bytes < bytes && compare(x.after, delivered) <= 0 })
}

// shed removes blocks of u, oldest first, until bytes are freed.
func (r *room) shed(u edge.Urgency, bytes uint64) {
	r.remove(u, true, func(x block, n Tally) bool { return n.Bytes < bytes })
}

// trimOld removes delivered blocks that are older than their journal keeps them.
func (r *room) trimOld() {
	for _, u := range edge.Urgencies() {
		keep := r.w.s.o.Budgets[u].Keep
		if keep <= 0 {
			continue
		}
		before, delivered := r.now.Add(-keep).UnixNano(), r.w.s.delivered(u)
		if compare(r.w.s.chains[u].cur.row.tail, delivered) < 0 {
			r.remove(u, false, func(x block, _ Tally) bool { return x.newest < before && compare(x.after, delivered) <= 0 })
		}
	}
}

func (r *room) remove(u edge.Urgency, shed bool, want func(block, Tally) bool) {
	if r.view == nil {
		r.view = r.w.s.store.View()
	}
	got, err := r.w.s.chains[u].remove(r.view, r.b, r.now, shed, func(x block, n Tally, _ int) bool {
		if !want(x, n) {
			return false
		}
		if r.blocks <= 0 || r.look < uint64(x.size) {
			r.w.more = r.w.trims
			return false
		}
		r.blocks--
		r.look -= uint64(x.size)
		return true
	})
	if err != nil {
		r.w.trouble = err
	}
	if got.sum.Records > 0 {
		r.w.removed[u] = append(r.w.removed[u], got)
		r.w.shed = r.w.shed || shed
	}
}

func (r *room) close() {
	if r.view != nil {
		r.view.Close()
	}
}

// reportShed journals what was shed, in the ledger journal, whatever its budget: to be silent is worse.
func (w *writer) reportShed(b *state.Batch, now time.Time) {
	for u, c := range w.s.each() {
		for _, r := range w.removed[u] {
			if !r.shed {
				continue
			}
			body, err := json.Marshal(Shed{
				Stream: c.stream, Count: r.sum.Records, Bytes: r.sum.Bytes, Reason: r.reason(),
				FromEpoch: strconv.FormatUint(r.from.Epoch, 16), FromSeq: strconv.FormatUint(r.from.Seq, 10),
				ToEpoch: strconv.FormatUint(r.to.Epoch, 16), ToSeq: strconv.FormatUint(r.to.Seq, 10),
			})
			if err != nil {
				w.trouble = err
				continue
			}
			e := edge.Event{Type: TypeShed, Subject: c.stream, Class: edge.SiteOnly, Urgency: edge.Ledger, Body: body}
			w.s.chains[edge.Ledger].add(b, e, nil, now, 2*len(body))
		}
	}
}
