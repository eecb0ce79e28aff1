package gateway

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/problem"
	"github.com/aielon/edge/node/telemetry"
)

func cost(m *method.Method) int {
	if m == nil {
		return 1
	}
	return max(int(m.Rule.GetCost()), 1)
}

// handler returns what serves a method: the node where its home is the node, the site otherwise.
func (g *Gateway) handler(m *method.Method) (connect.ServerFunc, error) {
	name := m.Desc.FullName()
	switch {
	case m.Stream:
		f := g.o.Locals.stream[name]
		if f == nil {
			return nil, edge.E(edge.Internal, "nobody answers %s", name)
		}
		return g.serveStream(m, f), nil
	case m.Rule.GetHome() == api.Home_HOME_NODE:
		f := g.o.Locals.unary[name]
		if f == nil {
			return nil, edge.E(edge.Internal, "nobody answers %s", name)
		}
		return g.serveUnary(m, f), nil
	case m.Query:
		return g.serveUnary(m, func(ctx context.Context, in proto.Message) (proto.Message, error) { return g.ask(ctx, m, in) }), nil
	}
	return g.serveUnary(m, func(ctx context.Context, in proto.Message) (proto.Message, error) { return g.command(ctx, m, in) }), nil
}

func (g *Gateway) serveUnary(m *method.Method, f func(context.Context, proto.Message) (proto.Message, error)) connect.ServerFunc {
	return func(outer context.Context, _ connect.Spec, s connect.ServerStream) error {
		ctx := &within{Context: outer, until: time.Now().Add(callTime)}
		defer ctx.end()
		in, err := g.receive(ctx, m, s)
		if err != nil {
			return err
		}
		a, e, err := g.admit(ctx, m, in)
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil { // nothing is begun that nobody waits for any more
			return err
		}
		out, err := f(e.carried(ctx), in)
		if err != nil {
			g.saidNo(ctx, a, err)
			return err
		}
		return s.Send(out)
	}
}

// saidNo records that the method itself refused its caller, which the guard could not foresee.
func (g *Gateway) saidNo(ctx context.Context, a Access, err error) {
	if !edge.IsKind(err, edge.Denied) {
		return
	}
	if nerr := g.o.Guard.Note(ctx, a, Verdict{Refused: err, Why: whyRefused}); nerr != nil {
		g.o.Logger.DebugContext(ctx, "a refusal is not recorded", "error", nerr)
	}
}

// serveStream serves for as long as the caller may listen.
func (g *Gateway) serveStream(m *method.Method, f func(context.Context, proto.Message, connect.ServerStream) error) connect.ServerFunc {
	return func(ctx context.Context, _ connect.Spec, s connect.ServerStream) error {
		in, err := g.receive(ctx, m, s)
		if err != nil {
			return err
		}
		a, _, err := g.admit(ctx, m, in)
		if err != nil {
			return err
		}
		ctx, stop := g.while(ctx, func(ctx context.Context) error { return g.still(ctx, a) })
		defer stop()
		if g.o.Stream != nil {
			g.o.Stream(m.Op, 1)
			defer g.o.Stream(m.Op, -1)
		}
		err = f(ctx, in, s)
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
			return cause // it ended because the caller lost the right to it
		}
		return err
	}
}

// receive decodes the one request of a call and refuses what breaks its schema's limits.
func (g *Gateway) receive(ctx context.Context, m *method.Method, s connect.ServerStream) (proto.Message, error) {
	in := m.NewIn()
	if err := s.Receive(in); errors.Is(err, io.EOF) {
		return nil, edge.E(edge.Invalid, "the request is empty")
	} else if err != nil {
		return nil, err
	}
	if err := ifMatch(ctx, in); err != nil {
		return nil, err
	}
	return in, m.Check(in)
}

// admit decides whether the call may go on, and keeps the record where one is due. The record of what a command of the
// site changed is part of the change itself. Where it moves money, who was let in to do it, through which door, from
// where and why stand in it too; otherwise all that is recorded here. Both have the command's name.
func (g *Gateway) admit(ctx context.Context, m *method.Method, in proto.Message) (a Access, e *entered, err error) {
	a = Access{Request: call.From(ctx), Method: m, Object: m.ObjectID(in), Roles: m.Roles(in)}
	if !m.Query && m.Rule.GetHome() == api.Home_HOME_SITE {
		if a.Command, err = commandID(ctx, a.Request.Caller.Actor, m.Op); err != nil {
			return a, nil, err
		}
	}
	if a.Objects, err = m.Objects(in); err != nil {
		return a, nil, err
	}
	v := g.o.Guard.Decide(ctx, a)
	if v.Refused == nil && !a.Command.IsZero() && tells(m) {
		return a, g.letIn(a, v), nil
	}
	if v.Refused == nil && !noted(m, v) {
		return a, &entered{id: a.Command}, nil
	}
	if err := g.o.Guard.Note(ctx, a, v); err != nil && v.Refused == nil {
		return a, nil, err
	}
	return a, &entered{id: a.Command}, v.Refused
}

// tells reports whether the record of what a command changed says how the command came, too.
func tells(m *method.Method) bool { return m.Rule.GetMoney() }

// noted reports whether an access that is allowed leaves a record made here. What people read of themselves
// leaves one only where its schema asks for it.
func noted(m *method.Method, v Verdict) bool {
	others := m.Rule.GetNeeds() != "" && m.Rule.GetClass() >= api.Class_CLASS_PERSONAL
	return v.Record || others || m.Rule.GetAudited() || m.Rule.GetMoney()
}

// still reports whether the caller of an open stream may go on listening.
func (g *Gateway) still(ctx context.Context, a Access) error {
	if !a.Request.Caller.Proven() {
		return nil
	}
	who, err := g.o.Who.Authenticate(ctx, a.Request.Credentials)
	if err != nil {
		return problem.Rejected(err)
	}
	a.Request.Caller = who
	return g.o.Guard.Decide(ctx, a).Refused
}

// While returns a context that ends when the credentials prove nothing any more, or give less than they gave when
// the connection was opened, with the refusal as its cause.
func (g *Gateway) While(ctx context.Context) (context.Context, func()) {
	r := call.From(ctx)
	opened, err := g.o.Who.Authenticate(ctx, r.Credentials)
	known := err == nil
	return g.while(ctx, func(ctx context.Context) error {
		who, err := g.o.Who.Authenticate(ctx, r.Credentials)
		switch {
		case err != nil:
			return problem.Rejected(err)
		case !known:
			opened, known = who, true
		case slices.ContainsFunc(opened.Roles, func(role string) bool { return !slices.Contains(who.Roles, role) }):
			return edge.E(edge.Denied, "a role was taken from you").WithHint("connect again for what is left")
		}
		return nil
	})
}

// while looks again and again whether a stream may go on.
func (g *Gateway) while(ctx context.Context, still func(context.Context) error) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		t := time.NewTicker(recheck)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			if err := still(ctx); edge.IsKind(err, edge.Denied) || edge.IsKind(err, edge.NotFound) {
				cancel(err)
				return
			}
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// ask answers a query from this node's replica, as fresh as the caller asks for.
func (g *Gateway) ask(ctx context.Context, m *method.Method, in proto.Message) (proto.Message, error) {
	strict, err := g.fresh(ctx)
	if err != nil {
		return nil, err
	}
	inner, end := telemetry.Child(ctx, "ask")
	out, index, err := g.o.Backend.Ask(inner, m.Op, in, strict)
	end(err != nil)
	if err != nil {
		return nil, err
	}
	say(ctx, call.Index, strconv.FormatUint(index, 10))
	if out == nil || !out.ProtoReflect().IsValid() {
		out = m.NewOut()
	}
	return out, nil
}

// fresh waits for what the caller has seen elsewhere, and reports whether the read must be linearizable.
func (g *Gateway) fresh(ctx context.Context) (strict bool, err error) {
	switch c := header(ctx, call.Consistency); c {
	case "", "local":
	case "linearizable":
		strict = true
	default:
		return false, edge.E(edge.Invalid, "%s may be local or linearizable", call.Consistency)
	}
	after := header(ctx, call.ReadAfter)
	if after == "" {
		return strict, nil
	}
	index, err := strconv.ParseUint(after, 10, 64)
	if err != nil {
		return false, edge.E(edge.Invalid, "%s must be an index that an answer gave", call.ReadAfter)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return strict, g.o.Backend.WaitApplied(ctx, index)
}

// ifMatch makes a condition on the version of what a command is about part of the command.
func ifMatch(ctx context.Context, in proto.Message) error {
	tag := header(ctx, call.IfMatch)
	if tag == "" {
		return nil
	}
	m := in.ProtoReflect()
	f := m.Descriptor().Fields().ByName("if_version")
	if f == nil || f.Kind() != protoreflect.Uint64Kind {
		return edge.E(edge.Invalid, "this operation cannot be bound to a version").WithHint("leave out %s", call.IfMatch)
	}
	text, _, _ := strings.Cut(strings.Trim(tag, `"`), "-") // an ETag of ours begins with the version
	version, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return edge.E(edge.Invalid, "%s must be an ETag that an answer gave", call.IfMatch)
	}
	m.Set(f, protoreflect.ValueOfUint64(version))
	return nil
}

func header(ctx context.Context, name string) string {
	if info, ok := connect.CallInfoForServerContext(ctx); ok {
		return info.RequestHeader().Get(name)
	}
	return ""
}

func say(ctx context.Context, name, value string) {
	if info, ok := connect.CallInfoForServerContext(ctx); ok {
		info.ResponseHeader().Set(name, value)
	}
}
