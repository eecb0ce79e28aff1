package site

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A plan is a batch in the making, and who waits for what of it. It is evaluated on the newest state, or
// ahead: on what the state will be once the batch before it, which is on its way, has been applied.
type plan struct {
	entry   []byte   // once sealed; nil where nothing is to be appended
	calls   []*call  // all it has taken, in order
	answers []answer // become true when the entry is applied
	marks   []*call
	now     []answer  // known already: remembered answers, and refusals that are not for good
	fade    []edge.ID // commands whose outcome need not be kept for ever

	before *plan // on its way; nil where this one is not evaluated ahead
	view   *state.View
	over   *overlay
	batch  *batch
	cost   int  // bytes
	next   meta // of the state after it, but for the index; once sealed
}

// An answer is what one call will be told.
type answer struct {
	call *call
	out  edge.Outcome
}

// begin makes an empty plan that follows before, or the newest state where that is nil. An error means that
// the state cannot be read.
func (q *sequencer) begin(before *plan) (*plan, error) {
	p := &plan{before: before, view: q.site.view()}
	if before != nil {
		// The view shows the state without that batch or with it: its writes on top come to the same.
		under := q.recent.over(p.view, before.batch.Base)
		p.next, p.over = before.next, newOverlay(&overlay{base: under, writes: before.over.writes})
	} else {
		var err error
		if p.next, err = loadMeta(p.view); err != nil {
			p.view.Close()
			return nil, err
		}
		p.over = newOverlay(q.recent.over(p.view, p.next.Head))
	}
	p.batch = &batch{Base: p.next.Head, Now: p.next.Now}
	return p, nil
}

// add evaluates a call as part of the plan. It takes none where the plan is full, or where the call must see
// what the batch before leaves behind besides its writes. An error means that the state cannot be read.
func (q *sequencer) add(p *plan, f *call) (taken bool, err error) {
	if p.cost >= q.site.opt.MaxBytes || len(p.calls) >= q.site.opt.MaxCommands || p.before != nil && q.mustWait(p.before, f) {
		return false, nil
	}
	if f.mark {
		p.marks = append(p.marks, f)
	} else {
		cost, err := q.one(p, f)
		if err != nil {
			return false, err
		}
		p.cost += cost
	}
	p.calls = append(p.calls, f)
	return true, nil
}

// mustWait reports whether a call cannot be evaluated before a batch on its way has been applied. The site's
// own commands look at its journals. And a command may come again as soon as it is answered, while a plan
// that was begun before that is still open: the outcome that it must get is not in that plan's view.
func (q *sequencer) mustWait(before *plan, f *call) bool {
	if f.mark {
		return false
	}
	_, own := q.own(f.cmd.Type)
	return own || slices.ContainsFunc(before.answers, func(a answer) bool { return a.call.cmd.ID == f.cmd.ID })
}

// seal ends a plan: nothing can be added, and its entry is ready.
func (q *sequencer) seal(p *plan) error {
	defer p.view.Close()
	b := p.batch
	if len(p.answers) == 0 {
		if len(p.marks) > 0 {
			p.entry = mark()
		}
		return nil
	}
	if b.Base.Count == 0 { // the site begins, and its journals with it
		first, err := begin(p.view, time.Unix(0, b.Now), "first")
		if err != nil {
			return err
		}
		b.Orders = append(first, b.Orders...)
	}
	if err := q.retain(p.over, b, p.fade); err != nil {
		return err
	}
	b.Writes = p.over.all()
	p.entry = appendBatch(make([]byte, 0, p.cost/2), b) // the cost is counted with overhead
	p.next = meta{Head: b.Base.next(p.entry), Now: b.Now}
	q.site.sealed.Store(&sealed{p.entry, b.Base, p.next.Head})
	return nil
}

// one answers a call from memory or evaluates it and adds what it came to. It returns what that costs.
func (q *sequencer) one(p *plan, f *call) (cost int, err error) {
	b, o := p.batch, p.over
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
		e = own(b, p.view, f.cmd)
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
func (q *sequencer) retain(o *overlay, b *batch, fade []edge.ID) error {
	t, err := loadRetention(o.base)
	if err != nil {
		return err
	}
	count := b.Base.Count + 1
	if t.Kept == 0 {
		t.First, t.Oldest = count, b.Now
	}
	if err := q.forget(o, &t, b.Now, len(b.Results)+spareForget); err != nil {
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
func (q *sequencer) forget(o *overlay, t *retention, now int64, limit int) error {
	due := func() bool {
		return t.Kept > uint64(q.site.opt.KeepOutcomes) || t.Oldest < now-int64(q.site.opt.KeepFor)
	}
	if t.Kept == 0 || !due() {
		return nil
	}
	for key, val := range scanFrom(o.base, []byte(keyQueue), queueKey(t.First)) {
		at, ids, err := decodeQueued(val)
		if err != nil || len(key) != len(keyQueue)+8 {
			return errors.Join(err, o.base.Err())
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
	return o.base.Err()
}
