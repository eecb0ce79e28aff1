package gateway

import (
	"context"
	"fmt"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/api"
)

// Locals holds what the node itself answers: methods whose home is HOME_NODE. It is filled while a node is put
// together and only read afterwards.
type Locals struct {
	unary  map[protoreflect.FullName]func(context.Context, proto.Message) (proto.Message, error)
	stream map[protoreflect.FullName]func(context.Context, proto.Message, connect.ServerStream) error
}

// NewLocals returns an empty table.
func NewLocals() *Locals {
	return &Locals{unary: map[protoreflect.FullName]func(context.Context, proto.Message) (proto.Message, error){},
		stream: map[protoreflect.FullName]func(context.Context, proto.Message, connect.ServerStream) error{}}
}

// Local makes f answer the method that takes an In. The context carries the call.Request with its caller. It
// panics where there is no such method or it has an answer already: a mistake of the program.
func Local[In, Out proto.Message](l *Locals, f func(context.Context, In) (Out, error)) {
	name := nameOf[In]()
	if l.unary[name] != nil {
		panic(fmt.Sprintf("gateway: %s is answered twice", name))
	}
	l.unary[name] = func(ctx context.Context, in proto.Message) (proto.Message, error) {
		out, err := f(withRequest(ctx), in.(In))
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// LocalStream makes f answer the streaming method that takes an In, under the rules of Local. send blocks while
// the caller is slow, and fails once it is gone.
func LocalStream[In, Out proto.Message](l *Locals, f func(ctx context.Context, in In, send func(Out) error) error) {
	name := nameOf[In]()
	if l.stream[name] != nil {
		panic(fmt.Sprintf("gateway: %s is answered twice", name))
	}
	l.stream[name] = func(ctx context.Context, in proto.Message, s connect.ServerStream) error {
		if err := s.SendHeaders(); err != nil { // at once: clients wait for it before they show anything
			return err
		}
		return f(ctx, in.(In), func(out Out) error { return s.Send(out) })
	}
}

func nameOf[In proto.Message]() protoreflect.FullName {
	var in In
	md, ok := api.MethodOf(in.ProtoReflect().Descriptor())
	if !ok {
		panic(fmt.Sprintf("gateway: no method takes a %s", in.ProtoReflect().Descriptor().FullName()))
	}
	return md.FullName()
}
