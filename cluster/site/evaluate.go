package site

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/aielon/edge/node/edge"
)

// An evaluated command: what it came to, what that costs the store in bytes, and whether a refusal is the
// answer for good.
type evaluated struct {
	edge.Change
	orders  []order // of the site's own commands
	now     int64   // what the site's clock is set to, Unix nanoseconds; 0: when the command happened
	cost    int
	lasting bool
}

// evaluate runs one command on the overlay, which it leaves as it is: the caller makes the writes of a
// command that went through part of it. An error or panic drops that command's writes and nothing else.
func (q *sequencer) evaluate(o *overlay, c edge.Command, now int64, room int) evaluated {
	h, err := q.site.mux.Handler(c.Type)
	if err != nil { // not for good: a newer node may know it
		return evaluated{Change: edge.Change{Err: refusal(err)}, cost: answerCost}
	}
	t := &tx{under: o, now: time.Unix(0, now).UTC(), actor: c.Actor, room: room - answerCost, store: q.site.shelf.Store(), writes: map[string][]byte{}}
	reply, err := q.call(h, t, c)
	if err == nil {
		t.spend(len(reply))
		if err := o.base.Err(); err != nil { // a scan that ended early must not pass for one that found little
			t.failed(err)
		}
	}
	if t.fail != nil {
		err = t.fail
	}
	if err != nil {
		return refused(err)
	}
	if reply == nil {
		reply = []byte{}
	}
	return evaluated{Change: edge.Change{Writes: sorted(t.writes, ""), Events: t.events, Reply: reply}, cost: room - t.room, lasting: true}
}

// call runs the handler and turns a panic into an error.
func (q *sequencer) call(h edge.Handler, t *tx, c edge.Command) (reply []byte, err error) {
	q.site.count.busy.Store(time.Now().UnixNano())
	defer q.site.count.busy.Store(0)
	defer func() {
		if p := recover(); p != nil {
			q.site.count.panics.Add(1)
			q.site.logger.ErrorContext(edge.WithRequest(context.Background(), c.Request), "a command panicked", "command", c.Type, "id", c.ID, "panic", edge.Panicked(p), "stack", string(debug.Stack()))
			err = edge.E(edge.Internal, "%s failed by a fault of the program; nothing was changed", c.Type).WithHint("tell the operator; the log of the leading node says where")
		}
	}()
	if reply, err = h(t, c.Body); err == nil {
		err = q.site.mux.Done(t, c, t.events)
	}
	return reply, err
}

// refusal is what a person and a program get to see of err.
func refusal(err error) *edge.Error {
	var e *edge.Error
	if errors.As(err, &e) {
		return e
	}
	return edge.E(edge.Internal, "the request failed by a fault of the program; nothing was changed: %w", err)
}

// lasting reports whether a refusal is the answer for good. What is no fault of the request may go
// another way next time, so it is told and not remembered.
func lasting(e *edge.Error) bool {
	switch e.Kind {
	case edge.Invalid, edge.NotFound, edge.Conflict, edge.Denied:
		return true
	}
	return false
}
