package node

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/edge"
)

// proposeMessage gets a command of a schema decided in the name of the operator of this box.
func proposeMessage[Out proto.Message](ctx context.Context, n *Node, in proto.Message) (out Out, err error) {
	return proposeMessageAs[Out](ctx, n, n.operator(), in)
}

func proposeMessageAs[Out proto.Message](ctx context.Context, n *Node, who edge.Actor, in proto.Message) (out Out, err error) {
	op, body, err := encodeMessage(in)
	if err != nil {
		return out, err
	}
	o, err := n.site.Propose(ctx, edge.Command{ID: edge.NewID(), Type: op, Actor: who, Body: body})
	if err == nil && o.Err != nil {
		err = o.Err
	}
	if err != nil {
		return out, err
	}
	return decodeMessage[Out](op, o.Reply)
}

// askMessage answers a query of a schema from what this node has.
func askMessage[Out proto.Message](ctx context.Context, n *Node, in proto.Message) (out Out, err error) {
	op, body, err := encodeMessage(in)
	if err != nil {
		return out, err
	}
	reply, _, err := n.site.Ask(ctx, op, body, site.Local)
	if err != nil {
		return out, err
	}
	return decodeMessage[Out](op, reply)
}

func encodeMessage(in proto.Message) (op string, body []byte, err error) {
	name := in.ProtoReflect().Descriptor()
	md, ok := api.MethodOf(name)
	if !ok {
		return "", nil, edge.E(edge.Internal, "no operation takes a %s", name.FullName())
	}
	if body, err = (proto.MarshalOptions{Deterministic: true}).Marshal(in); err != nil {
		return "", nil, edge.E(edge.Internal, "%s cannot be encoded: %w", name.FullName(), err)
	}
	return api.OpName(md), body, nil
}

func decodeMessage[Out proto.Message](op string, reply []byte) (out Out, err error) {
	out = out.ProtoReflect().New().Interface().(Out)
	if err := proto.Unmarshal(reply, out); err != nil {
		return out, edge.E(edge.Internal, "the answer of %s cannot be read: %w", op, err)
	}
	return out, nil
}

// operator is who uses the local socket: this node's own user, or root.
func (n *Node) operator() edge.Actor {
	return edge.Actor{Kind: edge.Person, ID: "operator", Site: n.keys.trust.Site()}
}
