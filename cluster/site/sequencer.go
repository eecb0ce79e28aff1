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

// serve answers all calls, with as few entries as their size and luck allow.
func (q *sequencer) serve(ctx context.Context, calls []*call) {
	for refused := 0; len(calls) > 0; {
		err := q.ready(ctx, calls)
		if err == nil && refused > maxRefused {
			err = edge.E(edge.Unavailable, "the site keeps changing its leader")
		}
		if err != nil {
			for _, f := range calls {
				q.settle(f, edge.Outcome{}, &NotRun{err})
			}
			return
		}
		rest, err := q.round(ctx, calls)
		if err != nil {
			refused++
			q.site.count.refused.Add(1)
		}
		calls = rest
	}
}

// maxRefused is how often a batch is evaluated anew because another leader's batch came first. Once is
// normal after a change of leaders; more means that two nodes take turns.
const maxRefused = 8

// ready says why this node cannot evaluate now, or makes sure that it can: it leads, has room on its
// disk, and has applied everything that was agreed on before.
func (q *sequencer) ready(ctx context.Context, calls []*call) error {
	if !q.site.leads() {
		q.synced = false
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

// round evaluates calls until a batch is full, appends it and answers its calls. It returns the calls it
// left, or all it did not answer together with an error where the batch was refused.
func (q *sequencer) round(ctx context.Context, calls []*call) (rest []*call, err error) {
	v := q.site.view()
	p, err := q.plan(v, calls)
	v.Close()
	if err != nil {
		q.fail(calls, &NotRun{err})
		return nil, nil
	}
	for _, a := range p.now {
		q.settle(a.call, a.out, nil)
	}
	if len(p.answers) == 0 && len(p.marks) == 0 {
		return p.rest, nil
	}
	index, err := q.append(ctx, p.entry)
	var refused *refusedError
	switch {
	case errors.As(err, &refused):
		q.pass(p.marks)
		return append(p.calls(), p.rest...), err
	case err != nil:
		q.synced = false
		q.site.count.doubts.Add(1)
		q.fail(append(p.calls(), p.marks...), unknown(err))
		return p.rest, nil
	}
	q.enter()
	q.site.count.batch(len(p.answers), len(p.entry))
	pos := q.site.ledgerAt(index)
	for _, a := range p.answers {
		a.out.Index, a.out.Pos = index, pos
		q.settle(a.call, a.out, nil)
	}
	q.pass(p.marks)
	return p.rest, nil
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
