package node

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/api/schemas"
	"github.com/aielon/edge/node/edge"
)

// A translator turns what programs of the box ask in JSON into the wire form of operations that have a schema, and
// their answers back. Operations without one take and give JSON anyhow.
type translator map[string]protoreflect.MethodDescriptor

func newTranslator() translator {
	t := translator{}
	for _, f := range schemas.All() {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				t[api.OpName(methods.Get(j))] = methods.Get(j)
			}
		}
	}
	return t
}

// in is the body of an operation as it takes it. It fails with Invalid.
func (t translator) in(op string, body []byte) ([]byte, error) {
	m := t[op]
	if m == nil {
		return body, nil
	}
	msg, err := emptyOf(m.Input())
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		if err := protojson.Unmarshal(body, msg); err != nil {
			return nil, edge.E(edge.Invalid, "the body of %s cannot be read: %w", op, err)
		}
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(msg)
}

// out is what an operation answers, as JSON.
func (t translator) out(op string, reply []byte) ([]byte, error) {
	m := t[op]
	if m == nil {
		return reply, nil
	}
	msg, err := emptyOf(m.Output())
	if err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(reply, msg); err != nil {
		return nil, edge.E(edge.Internal, "the answer of %s cannot be read: %w", op, err)
	}
	return protojson.Marshal(msg)
}

func emptyOf(d protoreflect.MessageDescriptor) (proto.Message, error) {
	t, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		return nil, edge.E(edge.Internal, "there is no message %s: %w", d.FullName(), err)
	}
	return t.New().Interface(), nil
}
