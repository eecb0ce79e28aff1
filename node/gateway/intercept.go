package gateway

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/problem"
)

// outer is what holds for every call: a panic costs that call alone, errors become what the wires can carry,
// and each call is observed once.
func (g *Gateway) outer(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, s connect.ServerStream) (err error) {
		began, op := time.Now(), g.op(spec)
		r := call.From(ctx)
		ctx, end := g.o.Trace.Call(ctx, op, r.Door, r.ID)
		defer func() {
			if p := recover(); p != nil {
				g.o.Logger.ErrorContext(ctx, "a call panicked", "procedure", spec.Procedure, "panic", edge.Panicked(p), "stack", string(debug.Stack()))
				err = edge.E(edge.Internal, "a fault of the program")
			}
			end(codeName(err))
			err = g.finish(ctx, spec, op, began, err)
		}()
		return next(ctx, spec, s)
	}
}

// op is what a call is named in figures, traces and logs: never a name a stranger made up.
func (g *Gateway) op(spec connect.Spec) string {
	if m, ok := g.o.Methods.ByProcedure(spec.Procedure); ok {
		return m.Op
	}
	return "unknown"
}

func codeName(err error) string {
	if err == nil {
		return "ok"
	}
	return problem.Code(err).String()
}

// finish tells of a call that ended and returns its error as the wires carry it.
func (g *Gateway) finish(ctx context.Context, spec connect.Spec, op string, began time.Time, err error) error {
	o := Observation{Request: call.From(ctx), Op: op, Began: began, Took: time.Since(began), Streamed: spec.StreamType != connect.StreamTypeUnary}
	if err != nil {
		o.Code = problem.Code(err)
	}
	if o.Code == connect.CodeInternal || o.Code == connect.CodeDataLoss {
		g.o.Logger.ErrorContext(ctx, "a call failed", "op", o.Op, "error", err)
	}
	g.note(ctx, o)
	if g.o.Observe != nil {
		g.o.Observe(o)
	}
	return wireError(err)
}

// note writes a line of the log for a call that was refused or failed. It is told at debug only, and so is the
// address: strangers could fill the log with refusals, and it is no place for who was where. The audit has the
// refusals, with addresses masked, and the figures their number.
func (g *Gateway) note(ctx context.Context, o Observation) {
	if o.Code == 0 || !g.o.Logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	g.o.Logger.LogAttrs(ctx, slog.LevelDebug, "a call was not served", slog.String("op", o.Op), slog.String("door", o.Request.Door),
		slog.String("code", o.Code.String()), slog.Duration("took", o.Took), slog.String("peer", o.Request.Peer.String()))
}

// wireError gives err the form in which it crosses every wire. The error itself stays reachable for doors that
// can say more of it.
func wireError(err error) error {
	if err == nil {
		return nil
	}
	if c, ok := errors.AsType[*connect.Error](err); ok && !errors.As(err, new(*edge.Error)) {
		return c
	}
	d := problem.Of(err)
	text := d.Detail
	if d.Hint != "" {
		text += " (" + d.Hint + ")"
	}
	out := connect.NewError(problem.Code(err), text).WithCause(err)
	if detail, derr := connectproto.NewErrorDetail(d.Message()); derr == nil {
		out = out.WithDetail(detail)
	}
	return out
}

// turnedAway records that credentials opened nothing: they are worn out, stolen or made up. m may be nil.
func (g *Gateway) turnedAway(ctx context.Context, r call.Request, m *method.Method, err error) {
	if m == nil || !edge.IsKind(err, edge.Denied) {
		return
	}
	if nerr := g.o.Guard.Note(ctx, Access{Request: r, Method: m}, Verdict{Refused: err, Why: whyRejected}); nerr != nil {
		g.o.Logger.DebugContext(ctx, "a refusal is not recorded", "error", nerr)
	}
}

// Why a call was refused that the policies were never asked about.
const (
	whyRejected = "rejected" // its credentials open nothing
	whyRefused  = "refused"  // what it does said no: a wrong or used-up code
)

// enter lets a call in: within the budget of its address, with its caller proven, within the caller's budget.
func (g *Gateway) enter(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, s connect.ServerStream) error {
		r := call.From(ctx)
		if err := g.o.Limit.Address(r); err != nil {
			return err
		}
		m, known := g.o.Methods.ByProcedure(spec.Procedure)
		who, err := g.o.Who.Authenticate(ctx, r.Credentials)
		switch {
		case err != nil && known && m.Rule.GetOpen():
			// Old credentials do not shut out from what is open to everybody.
		case err != nil:
			g.turnedAway(ctx, r, m, err)
			return problem.Rejected(err)
		default:
			r.Caller = who
		}
		if err := g.o.Limit.Principal(r, cost(m)); err != nil {
			return err
		}
		if !known && !r.Caller.Proven() { // what there is to ask for is for those who may ask
			return problem.Unproven("this is only for people and programs of the site").WithHint("sign in first")
		}
		return next(call.With(ctx, r), spec, s)
	}
}
