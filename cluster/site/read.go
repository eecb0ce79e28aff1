package site

import (
	"context"
	"runtime/debug"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// View opens the newest state this replica has. The caller closes it, soon.
func (s *Site) View() *state.View { return s.view() }

// ViewAt opens the state as it was at a recent index. The caller closes it.
func (s *Site) ViewAt(index uint64) *state.View { return s.shelf.Store().ViewAt(index) }

// WaitApplied returns once this replica has applied index. It fails with Unavailable when ctx ends first.
func (s *Site) WaitApplied(ctx context.Context, index uint64) error {
	for {
		s.mu.Lock()
		at, moved, halted := s.at.Index, s.moved, s.halted
		s.mu.Unlock()
		switch {
		case at >= index:
			return nil
		case halted != nil:
			return halted
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return edge.E(edge.Unavailable, "this node is at %d and does not know %d yet: %w", at, index, ctx.Err())
		}
	}
}

// Linearizable returns an index that holds every command acknowledged before the call, by any node, once
// this replica has applied it. It fails with Unavailable where no quorum can be reached.
//
// The index is that of an entry of the log appended after the call: one of a batch that was about to be
// appended anyway, or an empty one shared by all who ask at the same time.
func (s *Site) Linearizable(ctx context.Context) (index uint64, err error) {
	err = s.persist(ctx, func(ctx context.Context, leader edge.NodeID, self bool) (err error) {
		if self {
			index, err = s.markHere(ctx)
		} else {
			index, err = s.opt.Forward.ReadIndex(ctx, leader)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return index, s.WaitApplied(ctx, index)
}

// Mode says how fresh a read must be.
type Mode uint8

const (
	Local  Mode = iota // what this replica has, never less than it showed before it was started; works with every network gone
	Strict             // everything acknowledged before the read began: linearizable
)

// Ask answers a query of the Mux from this replica, and says at which index. It fails as the query does,
// and with Unavailable where mode cannot be had, or where a local read comes before Options.Fresh.
func (s *Site) Ask(ctx context.Context, name string, body []byte, mode Mode) (reply []byte, index uint64, err error) {
	ask, err := s.mux.Asker(name)
	if err != nil {
		return nil, 0, err
	}
	return answered(ctx, s, name, mode, func(v edge.View) ([]byte, error) { return ask(v, body) })
}

// AskMessage is Ask for a query of a schema, without its messages being encoded on the way.
func (s *Site) AskMessage(ctx context.Context, name string, in proto.Message, mode Mode) (out proto.Message, index uint64, err error) {
	ask, err := s.mux.MessageAsker(name)
	if err != nil {
		return nil, 0, err
	}
	return answered(ctx, s, name, mode, func(v edge.View) (proto.Message, error) { return ask(v, in) })
}

func answered[T any](ctx context.Context, s *Site, name string, mode Mode, ask func(edge.View) (T, error)) (out T, index uint64, err error) {
	var none T
	switch {
	case mode == Strict:
		_, err = s.Linearizable(ctx)
	case s.opt.Fresh != nil:
		err = s.opt.Fresh(ctx)
	}
	if err != nil {
		return none, 0, err
	}
	v := s.view()
	defer v.Close()
	defer func() {
		if p := recover(); p != nil {
			s.count.panics.Add(1)
			s.logger.ErrorContext(ctx, "a query panicked", "query", name, "panic", edge.Panicked(p), "stack", string(debug.Stack()))
			out, err = none, edge.E(edge.Internal, "%s failed by a fault of the program", name)
		}
	}()
	out, err = ask(v)
	if verr := v.Err(); err == nil && verr != nil {
		out, err = none, verr
	}
	return out, v.Index(), err
}
