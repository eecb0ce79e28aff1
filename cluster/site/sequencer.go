package site

import (
	"context"
	"errors"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A sequencer turns waiting commands into batches while this node leads. All but the queue belongs to the
// goroutine of run.
type sequencer struct {
	site *Site
	*queue
	clock  clock
	synced bool // everything agreed on before this leadership, or before a doubt, has been applied here
	last   int  // calls in the batch before: how many to expect
	recent recent
}

// run serves calls until ctx ends, and then answers what still waits.
func (q *sequencer) run(ctx context.Context) {
	defer func() {
		for _, f := range q.close() {
			q.settle(f, edge.Outcome{}, &NotRun{edge.E(edge.Unavailable, "this node is shutting down")})
		}
	}()
	for {
		calls := q.take(ctx, q.site.opt.MaxCommands, q.last, q.site.opt.Linger)
		if calls == nil {
			return
		}
		q.last = len(calls)
		q.serve(ctx, calls)
	}
}

// serve answers all calls, and those that come meanwhile, until there are none.
func (q *sequencer) serve(ctx context.Context, calls []*call) {
	for refused := 0; len(calls) > 0; {
		err := q.ready(ctx, calls)
		if err == nil && refused > maxRefused {
			err = edge.E(edge.Unavailable, "the site keeps changing its leader")
		}
		if err != nil {
			q.fail(calls, &NotRun{err})
			return
		}
		var p *plan
		if p, calls = q.fill(nil, nil, calls); p == nil {
			continue
		}
		var turned bool
		if calls, turned = q.fly(ctx, p, calls); turned {
			refused++
			q.site.count.refused.Add(1)
		}
	}
}

// maxRefused is how often a batch is evaluated anew because another leader's batch came first. Once is
// normal after a change of leaders; more means that two nodes take turns.
const maxRefused = 8

// ready says why this node cannot evaluate now, or makes sure that it can: it leads, has room on its
// disk, and has applied everything that was agreed on before.
func (q *sequencer) ready(ctx context.Context, calls []*call) error {
	if !q.site.leads() {
		q.synced, q.recent = false, recent{}
		return notLeading()
	}
	if err := q.site.writable(); err != nil {
		return err
	}
	if q.synced {
		return nil
	}
	if len(calls) == 1 && calls[0].mark {
		return nil // the call itself is the mark
	}
	if _, err := q.append(ctx, mark()); err != nil {
		return edge.E(edge.Unavailable, "this node does not know yet all that the site agreed on: %w", err)
	}
	q.enter()
	return nil
}

// enter notes that this node has caught up as leader.
func (q *sequencer) enter() {
	if !q.synced {
		q.clock.reset()
	}
	q.synced = true
}

func notLeading() *edge.Error {
	return edge.E(edge.Unavailable, "this node does not lead the site")
}

// fill adds calls to p, or to a new plan that follows before where p is nil, until it is full. It returns
// those that it did not take. Where the state cannot be read the plan is given up and its calls are told so.
func (q *sequencer) fill(p, before *plan, calls []*call) (_ *plan, rest []*call) {
	var err error
	if p == nil {
		if p, err = q.begin(before); err != nil {
			q.fail(calls, &NotRun{err})
			return nil, nil
		}
	}
	for i, f := range calls {
		taken, err := q.add(p, f)
		if err != nil {
			p.view.Close()
			q.fail(append(p.calls, calls[i:]...), &NotRun{err})
			return nil, nil
		}
		if !taken {
			return p, calls[i:]
		}
	}
	return p, nil
}

// fly appends a plan and evaluates the one after it meanwhile, and so on until nothing is left to append. It
// returns the calls that were not answered, and whether that is because a batch was refused.
//
// A plan is appended only after the one before it has been applied. So one that was evaluated ahead of a
// batch that was refused, or whose fate is not known, has never left this node and is simply given up.
func (q *sequencer) fly(ctx context.Context, p *plan, calls []*call) (rest []*call, turned bool) {
	for {
		if err := q.seal(p); err != nil {
			q.fail(append(p.calls, calls...), &NotRun{err})
			return nil, false
		}
		for _, a := range p.now {
			q.settle(a.call, a.out, nil)
		}
		if p.entry == nil {
			return calls, false
		}
		q.last = len(p.calls)
		down := q.launch(ctx, p.entry)
		var next *plan
		var l landing
		next, calls, l = q.ahead(p, calls, down)
		again, ok := q.land(p, l)
		if !ok {
			if next != nil {
				next.view.Close()
				q.site.count.givenUp.Add(uint64(len(next.calls)))
				again = append(again, next.calls...)
			}
			return append(again, calls...), isRefused(l.err)
		}
		if next, calls = q.gather(next, p, calls); next == nil || len(next.calls) == 0 {
			if next != nil {
				next.view.Close()
			}
			return calls, false
		}
		if err := q.ready(ctx, next.calls); err != nil {
			next.view.Close()
			q.fail(append(next.calls, calls...), &NotRun{err})
			return nil, false
		}
		q.site.count.ahead.Add(uint64(len(next.answers)))
		p = next
		p.before = nil // what it held is in the state now
	}
}

// A landing is what became of an entry.
type landing struct {
	index uint64
	err   error
}

// launch appends an entry while the caller goes on.
func (q *sequencer) launch(ctx context.Context, entry []byte) <-chan landing {
	down := make(chan landing, 1)
	go func() {
		index, err := q.append(ctx, entry)
		down <- landing{index, err}
	}()
	return down
}

// ahead evaluates calls, and those that come, as the plan after p, until p has landed.
func (q *sequencer) ahead(p *plan, calls []*call, down <-chan landing) (next *plan, rest []*call, l landing) {
	for full := false; ; {
		if len(calls) == 0 && !full {
			calls = q.grab(q.spare(next))
		}
		wake := q.wake
		if len(calls) > 0 && !full {
			next, rest = q.fill(next, p, calls[:1])
			if full = len(rest) > 0; !full {
				calls, full = calls[1:], q.spare(next) == 0
			}
			select {
			case l = <-down:
				return next, calls, l
			default:
				continue
			}
		}
		if full {
			wake = nil
		}
		select {
		case l = <-down:
			return next, calls, l
		case <-wake:
		}
	}
}

// spare is how many commands more a plan may take.
func (q *sequencer) spare(p *plan) int {
	if p == nil {
		return q.site.opt.MaxCommands
	}
	return max(0, q.site.opt.MaxCommands-len(p.calls))
}

// gather completes the plan after p, which has landed, with those who wait already and with those who may
// come in a moment, where there were more of them before.
func (q *sequencer) gather(next, p *plan, calls []*call) (*plan, []*call) {
	if next == nil {
		return nil, calls // whatever comes is evaluated on the state itself
	}
	if len(calls) == 0 {
		if like := q.last; like > 1 && len(next.calls) < like && q.len()+len(next.calls) < like {
			q.linger(like-len(next.calls), q.site.opt.Linger)
		}
		calls = q.grab(q.spare(next))
	}
	if len(calls) == 0 {
		return next, nil
	}
	return q.fill(next, p, calls)
}

// land answers the calls of a plan whose entry has been applied. Otherwise it is not ok; where the batch was
// refused its calls are returned, and where its fate is not known they are told so.
func (q *sequencer) land(p *plan, l landing) (again []*call, ok bool) {
	answered := make([]*call, len(p.answers))
	for i, a := range p.answers {
		answered[i] = a.call
	}
	switch {
	case isRefused(l.err):
		q.pass(p.marks)
		return answered, false
	case l.err != nil:
		q.synced = false
		q.site.count.doubts.Add(1)
		q.fail(append(answered, p.marks...), unknown(l.err))
		return nil, false
	}
	q.enter()
	q.recent.applied(p.batch.Base, p.next.Head, p.batch.Writes)
	q.site.count.batch(len(p.answers), len(p.entry))
	pos := q.site.ledgerAt(l.index)
	for _, a := range p.answers {
		a.out.Index, a.out.Pos = l.index, pos
		q.settle(a.call, a.out, nil)
	}
	q.pass(p.marks)
	return nil, true
}

func isRefused(err error) bool {
	var refused *refusedError
	return errors.As(err, &refused)
}

// append hands one entry to the log and waits until it is applied here.
func (q *sequencer) append(ctx context.Context, entry []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	return q.site.log.Load().Append(ctx, entry)
}

// appendTimeout bounds how long a batch may stay undecided before its callers are told so. A leader that
// has lost its quorum gives up much earlier.
const appendTimeout = 10 * time.Second

func unknown(err error) error {
	return edge.E(edge.Unavailable, "it is not known yet whether the site took the request: %w", err)
}

func (q *sequencer) fail(calls []*call, err error) {
	for _, f := range calls {
		q.settle(f, edge.Outcome{}, err)
	}
}

func (q *sequencer) pass(marks []*call) {
	for _, f := range marks {
		q.settle(f, edge.Outcome{Index: q.site.Applied()}, nil)
	}
}
