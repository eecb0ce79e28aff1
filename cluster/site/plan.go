package site

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A plan is a batch ready to be appended, and who waits for what of it.
type plan struct {
	entry   []byte
	answers []answer // become true when the entry is applied
	marks   []*call
	now     []answer  // known already: remembered answers, and refusals that are not for good
	rest    []*call   // did not fit
	fade    []edge.ID // commands whose outcome need not be kept for ever
}

// An answer is what one call will be told.
type answer struct {
	call *call
	out  edge.Outcome
}

func (p *plan) calls() []*call {
	cs := make([]*call, len(p.answers))
	for i, a := range p.answers {
		cs[i] = a.call
	}
	return cs
}

// plan evaluates calls one after another on v until the batch is full. An error means that none was
// evaluated: the state itself cannot be read.
func (q *sequencer) plan(v *state.View, calls []*call) (*plan, error) {
	m, err := loadMeta(v)
	if err != nil {
		return nil, err
	}
	p, o := &plan{}, newOverlay(v)
	b := &batch{Base: m.Head, Now: m.Now}
	cost := 0
	for i, f := range calls {
		if cost >= q.site.opt.MaxBytes {
			p.rest = calls[i:]
			break
		}
		if f.mark {
			p.marks = append(p.marks, f)
			continue
		}
		n, err := q.one(p, b, v, o, f)
		if err != nil {
			return nil, err
		}
		cost += n
	}
	if len(p.answers) == 0 {
		p.entry = mark()
		return p, nil
	}
	if m.Head.Count == 0 { // the site begins, and its journals with it
		first, err := begin(v, time.Unix(0, b.Now), "first")
		if err != nil {
			return nil, err
		}
		b.Orders = append(first, b.Orders...)
	}
	if err := q.retain(v, o, b, p.fade); err != nil {
		return nil, err
	}
	b.Writes = o.all()
	p.entry = appendBatch(make([]byte, 0, cost), b)
	return p, nil
}

// one answers a call from memory or evaluates it and adds what it came to. It returns what that costs.
func (q *sequencer) one(p *plan, b *batch, v *state.View, o *overlay, f *call) (cost int, err error) {
	out, found, err := recall(o.base, f.cmd.ID, f.digest)
	if err != nil && !edge.IsKind(err, edge.Conflict) {
		return 0, err
	}
	if found || err != nil {
		if err != nil {
			out.Err = refusal(err)
		} else {
			q.site.count.again.Add(1)
		}
		p.now = append(p.now, answer{f, out})
		return 0, nil
	}
	now := q.clock.next(b.Now)
	q.site.count.doubted.Store(q.clock.doubted)
	q.site.count.evaluated.Add(1)
	var e evaluated
	if own, ok := q.own(f.cmd.Type); ok {
		e = own(b, v, f.cmd)
	} else {
		e = q.evaluate(o, f.cmd, now, q.site.room)
	}
	if !e.lasting {
		p.now = append(p.now, answer{f, edge.Outcome{Err: e.Err}})
		return 0, nil
	}
	b.Now = max(now, e.now)
	for _, w := range e.Writes {
		o.set(w)
	}
	b.Events, b.Orders = append(b.Events, e.Events...), append(b.Orders, e.orders...)
	b.Results = append(b.Results, result{ID: f.cmd.ID, Digest: f.digest, Reply: e.Reply, Err: e.Err})
	p.answers = append(p.answers, answer{f, edge.Outcome{Reply: e.Reply, Err: e.Err}})
	if keep := q.site.opt.Forever; keep == nil || !keep(f.cmd.Type) {
		p.fade = append(p.fade, f.cmd.ID)
	}
	return e.cost, nil
}

// retain notes which outcomes of the batch may be forgotten one day and forgets old ones, as part of the
// batch, so that every replica forgets the same.
func (q *sequencer) retain(v *state.View, o *overlay, b *batch, fade []edge.ID) error {
	t, err := loadRetention(v)
	if err != nil {
		return err
	}
	count := b.Base.Count + 1
	if t.Kept == 0 {
		t.First, t.Oldest = count, b.Now
	}
	if err := q.forget(v, o, &t, b.Now, len(b.Results)+spareForget); err != nil {
		return err
	}
	if len(fade) > 0 {
		o.set(edge.Write{Key: queueKey(count), Value: appendQueued(nil, b.Now, fade)})
	}
	t.Kept += uint64(len(fade))
	o.set(edge.Write{Key: []byte(keyRetention), Value: t.append(nil)})
	return nil
}

// spareForget is how many more outcomes a batch may forget than it has of its own, so that a backlog of
// old ones shrinks.
const spareForget = 32

// forget removes up to limit outcomes that are too many or too old, oldest first.
func (q *sequencer) forget(v *state.View, o *overlay, t *retention, now int64, limit int) error {
	due := func() bool {
		return t.Kept > uint64(q.site.opt.KeepOutcomes) || t.Oldest < now-int64(q.site.opt.KeepFor)
	}
	if t.Kept == 0 || !due() {
		return nil
	}
	for key, val := range v.ScanFrom([]byte(keyQueue), queueKey(t.First)) {
		at, ids, err := decodeQueued(val)
		if err != nil || len(key) != len(keyQueue)+8 {
			return errors.Join(err, v.Err())
		}
		t.First, t.Oldest = binary.BigEndian.Uint64(key[len(keyQueue):]), at
		if !due() || limit == 0 {
			break
		}
		n := min(limit, len(ids))
		for _, id := range ids[:n] {
			o.set(edge.Write{Key: outcomeKey(id)})
		}
		limit, t.Kept = limit-n, t.Kept-min(t.Kept, uint64(n))
		if n < len(ids) {
			o.set(edge.Write{Key: key, Value: appendQueued(nil, at, ids[n:])})
			break
		}
		o.set(edge.Write{Key: key})
	}
	return v.Err()
}
