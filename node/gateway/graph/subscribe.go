package graph

import (
	"context"
	"errors"

	"connectrpc.com/connect/v2"
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
)

// follow is the stream that answers a subscription. Each message waits until whoever listens has taken it, so
// that a slow one slows its own stream and nothing else.
type follow struct {
	unary
	messages chan proto.Message
	gone     <-chan struct{}
}

var _ connect.ServerStream = (*follow)(nil)

// Send implements connect.ServerStream.
func (f *follow) Send(m any) error {
	select {
	case f.messages <- m.(proto.Message):
		return nil
	case <-f.gone:
		return context.Canceled
	}
}

// subscription answers with one response for every message. An error ends it, with a response without data.
func (x *execution) subscription() graphql.ResponseHandler {
	fields := graphql.CollectFields(x.op, x.op.Operation.SelectionSet, []string{"Subscription"})
	var stream *follow
	var ended chan error
	return func(ctx context.Context) *graphql.Response {
		if len(fields) != 1 { // skipped by a directive: there is nothing to follow
			return nil
		}
		f := fields[0]
		if stream == nil {
			stream, ended = x.start(ctx, f)
		}
		select {
		case m := <-stream.messages:
			return x.event(ctx, f, m)
		case err, running := <-ended:
			if !running || err == nil || errors.Is(err, context.Canceled) && ctx.Err() != nil {
				return nil
			}
			return &graphql.Response{Errors: gqlerror.List{gqlError(err, ast.Path{ast.PathName(f.Alias)})}}
		}
	}
}

// start begins the call on a goroutine of its own, which ends with ctx.
func (x *execution) start(ctx context.Context, f graphql.CollectedField) (*follow, chan error) {
	r := x.e.roots[ast.Subscription][f.Name]
	s := &follow{unary: unary{args: f.ArgumentMap(x.op.Variables)}, messages: make(chan proto.Message), gone: ctx.Done()}
	ended := make(chan error, 1)
	go func() {
		ended <- x.e.server.Call(ctx, r.method.Spec.Procedure, x.info(ctx, r, f), s)
		close(ended)
	}()
	return s, ended
}

func (x *execution) event(ctx context.Context, f graphql.CollectedField, m proto.Message) *graphql.Response {
	b, err := x.show(x.e.roots[ast.Subscription][f.Name], f, m)
	if err != nil {
		if edge.KindOf(err) == edge.Internal {
			err = edge.E(edge.Internal, "a message cannot be shown: %w", err)
		}
		x.fail(err, ast.Path{ast.PathName(f.Alias)})
	}
	return x.response(ctx, join([]graphql.CollectedField{f}, [][]byte{b}))
}
