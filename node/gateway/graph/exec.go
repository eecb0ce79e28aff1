package graph

import (
	"context"
	"io"
	"strconv"
	"sync"

	"connectrpc.com/connect/v2"
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/fastjson"
)

// together is how many fields of one query are asked for at the same time.
const together = 4

// executable is a schema gqlgen can execute: every field of Query, Mutation and Subscription is a call.
type executable struct {
	*schema
	server *connect.Server
	json   *fastjson.Writer
}

var _ graphql.ExecutableSchema = (*executable)(nil)

// Schema implements graphql.ExecutableSchema.
func (e *executable) Schema() *ast.Schema { return e.ast }

// Complexity implements graphql.ExecutableSchema. limits counts by itself.
func (e *executable) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

// Exec implements graphql.ExecutableSchema. Everything is done within the handler it returns: gqlgen drops all data
// where an error came up before.
func (e *executable) Exec(ctx context.Context) graphql.ResponseHandler {
	x := &execution{e: e, op: graphql.GetOperationContext(ctx)}
	if x.op.Operation.Operation == ast.Subscription {
		return x.subscription()
	}
	done := false
	return func(ctx context.Context) *graphql.Response {
		if done {
			return nil
		}
		done = true
		return x.once(ctx)
	}
}

// execution is one operation under way.
type execution struct {
	e  *executable
	op *graphql.OperationContext

	mu     sync.Mutex // guards what follows: fields of a query are resolved side by side
	index  uint64     // the highest an answer stands on
	errors gqlerror.List
}

// once answers a query or a mutation. A field that fails is null and leaves the others alone; those of a mutation
// are done in their order.
func (x *execution) once(ctx context.Context) *graphql.Response {
	name := "Query"
	if x.op.Operation.Operation == ast.Mutation {
		name = "Mutation"
	}
	fields := graphql.CollectFields(x.op, x.op.Operation.SelectionSet, []string{name})
	values := make([][]byte, len(fields))
	if name == "Mutation" || len(fields) == 1 {
		for i, f := range fields {
			values[i] = x.field(ctx, name, f)
		}
	} else {
		var wg sync.WaitGroup
		room := make(chan struct{}, together)
		for i, f := range fields {
			room <- struct{}{}
			wg.Go(func() {
				defer func() { <-room }()
				values[i] = x.field(ctx, name, f)
			})
		}
		wg.Wait()
	}
	return x.response(ctx, join(fields, values))
}

// join writes the object that holds the values of fields, nil for null.
func join(fields []graphql.CollectedField, values [][]byte) []byte {
	out := []byte{'{'}
	for i, f := range fields {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), f.Alias...), `":`...)
		if values[i] == nil {
			out = append(out, "null"...)
		}
		out = append(out, values[i]...)
	}
	return append(out, '}')
}

// response closes an answer: what it stands on goes into its extensions.
func (x *execution) response(ctx context.Context, data []byte) *graphql.Response {
	if x.index > 0 {
		graphql.RegisterExtension(ctx, "index", strconv.FormatUint(x.index, 10))
	}
	r := &graphql.Response{Data: data, Errors: x.errors}
	x.errors = nil
	return r
}

func (x *execution) fail(err error, path ast.Path) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.errors = append(x.errors, gqlError(err, path))
}

// field resolves one field of the root, nil where it failed. A panic costs this field alone.
func (x *execution) field(ctx context.Context, parent string, f graphql.CollectedField) (value []byte) {
	path := ast.Path{ast.PathName(f.Alias)}
	defer func() {
		if p := recover(); p != nil {
			x.fail(x.op.Recover(ctx, p), path)
			value = nil
		}
	}()
	var err error
	switch f.Name {
	case "__typename":
		return []byte(`"` + parent + `"`)
	case "__schema", "__type":
		value, err = x.introspect(f)
	default:
		value, err = x.call(ctx, f)
	}
	if err != nil {
		x.fail(err, path)
		return nil
	}
	return value
}

// call asks the server for the answer to one field, and writes of it what was selected.
func (x *execution) call(ctx context.Context, f graphql.CollectedField) ([]byte, error) {
	r := x.e.roots[x.op.Operation.Operation][f.Name]
	info := x.info(ctx, r, f)
	s := &unary{args: f.ArgumentMap(x.op.Variables)}
	err := x.e.server.Call(ctx, r.method.Spec.Procedure, info, s)
	x.stands(info)
	if err != nil {
		return nil, err
	}
	return x.show(r, f, s.out)
}

// info tells the server what stands in the request's head. Each mutation of an operation has a key of its own.
func (x *execution) info(ctx context.Context, r root, f graphql.CollectedField) *connect.CallInfo {
	info := &connect.CallInfo{Spec: r.method.Spec, PeerAddr: call.From(ctx).Peer.String(), Protocol: "graphql", Codec: connect.CodecNameJSON}
	set := func(name, extension, suffix string) {
		v, ok := x.op.Extensions[extension].(string)
		if !ok {
			v = x.op.Headers.Get(name)
		}
		if v != "" {
			info.RequestHeader().Set(name, v+suffix)
		}
	}
	if !r.method.Query {
		set(call.Idempotency, "idempotencyKey", "/"+f.Alias)
	}
	set(call.ReadAfter, "readAfter", "")
	set(call.Consistency, "consistency", "")
	return info
}

// stands remembers the index an answer stands on.
func (x *execution) stands(info *connect.CallInfo) {
	if n, err := strconv.ParseUint(info.ResponseHeader().Get(call.Index), 10, 64); err == nil {
		x.mu.Lock()
		x.index = max(x.index, n)
		x.mu.Unlock()
	}
}

func (x *execution) show(r root, f graphql.CollectedField, out proto.Message) ([]byte, error) {
	w := writer{x.e, x.op}
	var b []byte
	var err error
	if r.out != nil {
		b, err = w.value(nil, f, r.out, out.ProtoReflect())
	} else {
		b, err = w.object(make([]byte, 0, 512), f.Selections, out.ProtoReflect())
	}
	if err != nil && edge.KindOf(err) == edge.Internal {
		return nil, edge.E(edge.Internal, "an answer cannot be encoded: %w", err)
	}
	return b, err
}

// unary is a call that is answered once.
type unary struct {
	args map[string]any
	read bool
	out  proto.Message
}

// Receive implements connect.ServerStream.
func (u *unary) Receive(m any) error {
	if u.read {
		return io.EOF
	}
	u.read = true
	return decode(u.args, m.(proto.Message))
}

// SendHeaders implements connect.ServerStream.
func (u *unary) SendHeaders() error { return nil }

// Send implements connect.ServerStream.
func (u *unary) Send(m any) error {
	u.out = m.(proto.Message)
	return nil
}
