package gateway

import (
	"context"
	"crypto/sha256"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/problem"
	"github.com/aielon/edge/node/telemetry"
)

// command has the site do what a request asks for, as one command or as several.
func (g *Gateway) command(ctx context.Context, m *method.Method, in proto.Message) (proto.Message, error) {
	e, _ := ctx.Value(enteredKey{}).(*entered)
	if list := m.Cut(in); list != nil {
		return g.commands(ctx, m, e, list)
	}
	o, err := g.propose(ctx, m, e, e.id, in)
	if err == nil {
		stands(ctx, o, o.Again)
	}
	return answered(m, o, err)
}

// commands has the site do a request in parts, in their order, up to the first that fails: what was done before it stays
// done. The parts after the first cost what a call costs, and all of it is paid before anything is done.
func (g *Gateway) commands(ctx context.Context, m *method.Method, e *entered, list []proto.Message) (all proto.Message, err error) {
	if err := g.o.Limit.Principal(call.From(ctx), cost(m)*(len(list)-1)); err != nil {
		return nil, err
	}
	tell, again := call.PartsOf(ctx), true
	for i, part := range list {
		o, err := g.propose(ctx, m, e, partID(e.id, i), part)
		if err == nil {
			again = again && o.Again
			stands(ctx, o, again && i == len(list)-1)
		}
		out, err := answered(m, o, err)
		if err == nil && tell != nil {
			err = tell(out)
		}
		if err != nil {
			return nil, endedAt(ctx, m, i, list, err)
		}
		if tell == nil {
			all = m.Join(all, out)
		} else {
			all = out // those before are told
		}
	}
	return all, nil
}

// endedAt says where a request in parts ended.
func endedAt(ctx context.Context, m *method.Method, i int, list []proto.Message, err error) error {
	field, _ := m.Items()
	return &problem.Partial{Err: err, Part: i + 1, Parts: len(list), Decided: i * m.PartSize(), Items: list[i].ProtoReflect().Get(field).List().Len(),
		Keyed: header(ctx, call.Idempotency) != ""}
}

// partID names the commands of a request in parts: the first has the request's own name, so that a request of one part
// and its first part are the same command.
func partID(first edge.ID, i int) (id edge.ID) {
	if i == 0 {
		return first
	}
	sum := sha256.Sum256([]byte(first.String() + "|" + strconv.Itoa(i)))
	copy(id[:], sum[:])
	return id
}

// propose hands a command to the site. The refusal of a command that was evaluated is in its outcome.
func (g *Gateway) propose(ctx context.Context, m *method.Method, e *entered, id edge.ID, in proto.Message) (edge.Outcome, error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(in)
	if err != nil {
		return edge.Outcome{}, edge.E(edge.Internal, "a request cannot be encoded: %w", err)
	}
	within, end := telemetry.Child(ctx, "propose")
	o, err := g.o.Backend.Propose(within, edge.Command{ID: id, Type: m.Op, Actor: call.At(ctx).Caller.Actor, Body: body, Way: e.way})
	end(err != nil)
	if terr := e.told(ctx, o, err); terr != nil {
		return edge.Outcome{}, terr
	}
	return o, err
}

// stands says where in the site's history a command stands.
func stands(ctx context.Context, o edge.Outcome, again bool) {
	say(ctx, call.Index, strconv.FormatUint(o.Index, 10))
	say(ctx, call.Position, o.Pos.String())
	if again {
		say(ctx, call.Again, "true")
		say(ctx, call.Replayed, "true")
	}
}

// answered is what a command was answered.
func answered(m *method.Method, o edge.Outcome, err error) (proto.Message, error) {
	switch {
	case err != nil:
		return nil, err
	case o.Err != nil:
		return nil, o.Err
	}
	return decodeReply(m, o.Reply)
}

func decodeReply(m *method.Method, reply []byte) (proto.Message, error) {
	out := m.NewOut()
	if err := proto.Unmarshal(reply, out); err != nil {
		return nil, edge.E(edge.Internal, "the answer of %s cannot be read: %w", m.Op, err)
	}
	return out, nil
}

// maxIdempotency bounds an Idempotency-Key, in bytes.
const maxIdempotency = 128

// commandID is the command's own name: the same for the same caller, operation and Idempotency-Key. The site
// refuses a name that comes again with another body.
func commandID(ctx context.Context, who edge.Actor, op string) (id edge.ID, err error) {
	key := header(ctx, call.Idempotency)
	if key == "" {
		return edge.NewID(), nil
	}
	if len(key) > maxIdempotency {
		return id, edge.E(edge.Invalid, "an %s may have %d bytes, this one has %d", call.Idempotency, maxIdempotency, len(key))
	}
	h := sha256.New()
	for _, part := range []string{"aielon-edge/idempotency/1", strconv.Itoa(int(who.Kind)), who.ID, op, key} {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	copy(id[:], h.Sum(nil))
	return id, nil
}
