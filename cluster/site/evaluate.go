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
func (q *sequencer) evaluate(o *overlay, cmd edge.Command, now int64, room int) evaluated {
	h, err := q.site.mux.Handler(cmd.Type)
	if err != nil { // not for good: a newer node may know it
		return evaluated{Change: edge.Change{Err: refusal(err)}, cost: answerCost}
	}
	t := &tx{under: o, now: time.Unix(0, now).UTC(), actor: cmd.Actor, room: room - answerCost, store: q.site.shelf.Store(), writes: map[string][]byte{}}
	reply, err := q.call(h, t, cmd)
	if err == nil || isKept(err) {
		t.spend(len(reply) + costOf(err))
		if err := o.base.Err(); err != nil { // a scan that ended early must not pass for one that found little
			t.failed(err)
		}
	}
	if t.fail != nil {
		err = t.fail
	}
	kept, ok := err.(*edge.Kept)
	if err != nil && !ok {
		return refused(err)
	}
	c := edge.Change{Writes: sorted(t.writes, ""), Events: t.events, Reply: reply}
	if ok {
		c.Err, c.Reply = kept.Err, nil
	} else if reply == nil {
		c.Reply = []byte{}
	}
	return evaluated{Change: c, cost: room - t.room, lasting: true}
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
	reply, err = h(t, c.Body)
	if err != nil && !isKept(err) {
		return nil, err
	}
	if nerr := q.site.mux.Done(t, c, t.events, keptOf(err)); nerr != nil {
		return nil, nerr
	}
	return reply, err
}

// isKept reports whether what a handler wrote stays although it refused the command.
func isKept(err error) bool { return keptOf(err) != nil }

// keptOf is what a command was refused with whose writes stay, or nil.
func keptOf(err error) *edge.Error {
	if k, ok := err.(*edge.Kept); ok {
		return k.Err
	}
	return nil
}

// costOf is what a refusal costs in bytes.
func costOf(err error) int {
	if e := keptOf(err); e != nil {
		return len(e.Msg) + len(e.Hint) + len(coded(e))
	}
	return 0
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
	case edge.Invalid, edge.NotFound, edge.Conflict, edge.Denied, edge.Refused:
		return true
	}
	return false
}
