package gateway

import (
	"context"
	"sync"

	"github.com/aielon/edge/node/edge"
)

// enteredKey is under which a context carries the *entered of a call.
type enteredKey struct{}

// entered is a command that was let in.
type entered struct {
	id   edge.ID
	way  *edge.Way                   // nil: it is on record that it was let in
	note func(context.Context) error // records it here, once
}

// letIn is a command whose own record will tell how it came. Who asks is told of an outcome without such a record (a
// refusal, an earlier answer, none that is known) once there is a record here, and so is another node that is to evaluate
// it.
func (g *Gateway) letIn(a Access, v Verdict) *entered {
	var mu sync.Mutex
	done := false
	e := &entered{id: a.Command, way: g.o.Guard.Way(a, v)}
	e.note = func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if done {
			return nil
		}
		err := g.o.Guard.Note(ctx, a, v)
		done = err == nil
		return err
	}
	e.way.Leave = e.note
	return e
}

// told returns once there is a record of the command, whatever came of it. Its error is instead of what came of it.
func (e *entered) told(ctx context.Context, o edge.Outcome, err error) error {
	if e.note == nil || err == nil && o.Err == nil && !o.Again {
		return nil
	}
	return e.note(context.WithoutCancel(ctx))
}

func (e *entered) carried(ctx context.Context) context.Context {
	if e.id.IsZero() {
		return ctx
	}
	return context.WithValue(ctx, enteredKey{}, e)
}
