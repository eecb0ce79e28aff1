package webhook

import (
	"context"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

func (d *Dispatcher) kickSettle() {
	select {
	case d.settle <- struct{}{}:
	default:
	}
}

// tell lets the site know how far each endpoint is, what was lost, and which are to be disabled; and looks what has
// become of the endpoints.
func (d *Dispatcher) tell(ctx context.Context, all *sync.WaitGroup) {
	for _, t := range d.all() {
		s, told := t.settlement()
		if s == nil {
			continue
		}
		if err := d.o.Propose(ctx, OpSettle, *s); err != nil && !edge.IsKind(err, edge.NotFound) {
			if ctx.Err() == nil {
				d.note(edge.E(edge.KindOf(err), "how far a webhook is cannot be told: %w", err))
			}
			continue
		}
		if err := t.wasTold(s, told); err != nil {
			d.note(err)
		}
	}
	if err := d.refresh(ctx, all); err != nil {
		d.note(err)
		return
	}
	d.note(d.sweep(ctx))
}

// settlement returns what the site does not know yet; nil where it knows all.
func (t *target) settlement() (*Settlement, map[string]edge.Pos) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &Settlement{ID: t.id, Marks: map[string]mark{}, Disable: t.disable, Lost: t.counts.Untold, Why: t.why}
	now := t.settled()
	for stream, p := range now {
		if before(t.told[stream], p) {
			s.Marks[stream] = markOf(p)
		}
	}
	if len(s.Marks) == 0 && s.Disable == "" && s.Lost == 0 {
		return nil, nil
	}
	return s, now
}

// wasTold notes what the site has taken.
func (t *target) wasTold(s *Settlement, told map[string]edge.Pos) error {
	t.commit.Lock()
	defer t.commit.Unlock()
	t.mu.Lock()
	t.told = told
	if t.disable == s.Disable {
		t.disable = ""
	}
	if s.Disable != "" {
		t.ep.Disabled = s.Disable
	}
	t.counts.Untold -= min(t.counts.Untold, s.Lost)
	c := t.counts
	t.mu.Unlock()
	if s.Lost == 0 {
		return nil
	}
	return t.d.o.Store.Commit(context.Background(), func(b *state.Batch) { put(b, rowKey(rowCounts, t.id, ""), c) })
}

// Status says how one endpoint is doing on this node.
type Status struct {
	Counts
	Waiting int
	Bytes   int
	Open    bool // the receiver is left alone for a while
}

// Status returns NotFound where this node does not deliver to the endpoint.
func (d *Dispatcher) Status(endpoint string) (Status, error) {
	t := d.target(endpoint)
	if t == nil {
		return Status{}, edge.E(edge.NotFound, "this node does not deliver to that webhook").WithHint("ask the node that leads")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return Status{t.counts, len(t.pending), t.bytes, t.breaker.Open()}, nil
}

// Report implements edge.Reporter.
func (d *Dispatcher) Report(context.Context) edge.Health {
	d.mu.Lock()
	err := d.err
	d.mu.Unlock()
	if err != nil {
		return edge.Health{Level: edge.Degraded, Msg: err.Error()}
	}
	failing, disabled := 0, 0
	for _, t := range d.all() {
		t.mu.Lock()
		switch {
		case t.ep.Disabled != "":
			disabled++
		case !t.counts.Failing.IsZero() && d.now().Sub(t.counts.Failing) > time.Hour:
			failing++
		}
		t.mu.Unlock()
	}
	if failing+disabled == 0 {
		return edge.Health{}
	}
	return edge.Health{Level: edge.Degraded, Msg: edge.E(edge.Unavailable, "%d webhooks get nothing through and %d are disabled", failing, disabled).Msg,
		Hint: "look at their delivery logs; enable them again when the receivers answer"}
}
