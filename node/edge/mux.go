package edge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/api"
)

// A Permission names what an actor must hold to use an operation; empty means any proven actor.
type Permission string

// Op describes one command or query. Doors are made out of this description alone.
type Op struct {
	Name  string     // "devices.register"
	Doc   string     // one sentence
	Needs Permission // checked before anything is evaluated
	Class Class      // of what it returns
	Money bool       // it reads or moves money
	// About is what a body is about, as the schema says: the type of a thing and, where the body names one, its id.
	// nil: nobody knows.
	About func(body []byte) (typ, id string)
}

// A Handler evaluates the body of one command.
type Handler func(tx Tx, body []byte) ([]byte, error)

// An Asker answers one query.
type Asker func(v View, body []byte) ([]byte, error)

// A MessageAsker answers one query of a schema. It keeps nothing of in, and its answer is the caller's.
type MessageAsker func(v View, in proto.Message) (proto.Message, error)

// A Mux is the table of operations of a site. It is filled while a node is put together and only read
// afterwards.
type Mux struct {
	ops  map[string]Op
	does map[string]Handler
	asks map[string]Asker
	msgs map[string]MessageAsker // those of asks that have a schema
	done []func(tx Tx, op Op, c Command, facts []Event, refused *Error) error
}

// NewMux returns an empty table.
func NewMux() *Mux {
	return &Mux{ops: map[string]Op{}, does: map[string]Handler{}, asks: map[string]Asker{}, msgs: map[string]MessageAsker{}}
}

// Do registers a command. In and Out travel as JSON; an unknown field in In is refused with Invalid.
// It panics on a name that is taken, which is a mistake of the program and not of its input.
func Do[In, Out any](m *Mux, op Op, f func(Tx, In) (Out, error)) {
	m.add(op)
	m.does[op.Name] = func(tx Tx, body []byte) ([]byte, error) {
		in, err := decode[In](op, body)
		if err != nil {
			return nil, err
		}
		out, err := f(tx, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}

// Ask registers a query under the same rules as Do.
func Ask[In, Out any](m *Mux, op Op, f func(View, In) (Out, error)) {
	m.add(op)
	m.asks[op.Name] = func(v View, body []byte) ([]byte, error) {
		in, err := decode[In](op, body)
		if err != nil {
			return nil, err
		}
		out, err := f(v, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}

// Handle registers the command of a schema whose request is an In, under the name and the rules that the schema
// gives the method. It panics where no method takes an In, or its name is taken.
func Handle[In, Out proto.Message](m *Mux, f func(Tx, In) (Out, error)) {
	op := opOf[In]()
	m.add(op)
	m.does[op.Name] = func(tx Tx, body []byte) ([]byte, error) {
		in, err := unmarshal[In](op, body)
		if err != nil {
			return nil, err
		}
		out, err := f(tx, in)
		if err != nil {
			return nil, err
		}
		return marshal(out)
	}
}

// HandleWire registers a command under the same rules as Handle, for handlers that are called so often that they read
// and write the wire form of their messages themselves.
func HandleWire[In proto.Message](m *Mux, f Handler) {
	op := opOf[In]()
	m.add(op)
	m.does[op.Name] = f
}

// Answer registers the query of a schema under the same rules as Handle.
func Answer[In, Out proto.Message](m *Mux, f func(View, In) (Out, error)) {
	op := opOf[In]()
	m.add(op)
	m.asks[op.Name] = func(v View, body []byte) ([]byte, error) {
		in, err := unmarshal[In](op, body)
		if err != nil {
			return nil, err
		}
		out, err := f(v, in)
		if err != nil {
			return nil, err
		}
		return marshal(out)
	}
	m.msgs[op.Name] = func(v View, in proto.Message) (proto.Message, error) {
		q, ok := in.(In)
		if !ok {
			return nil, E(Invalid, "%s does not take a %s", op.Name, in.ProtoReflect().Descriptor().FullName())
		}
		out, err := f(v, q)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// opOf describes the method that takes an In.
func opOf[In proto.Message]() Op {
	var in In
	md, ok := api.MethodOf(in.ProtoReflect().Descriptor())
	if !ok {
		panic(fmt.Sprintf("edge: no method takes a %s", in.ProtoReflect().Descriptor().FullName()))
	}
	r := api.RuleOf(md)
	op := Op{Name: api.OpName(md), Needs: Permission(r.GetNeeds()), Class: Class(r.GetClass()), Money: r.GetMoney()}
	if r.GetObject() != "" {
		op.About = func(body []byte) (string, string) {
			in := in.ProtoReflect().New().Interface()
			if r.GetObjectField() == "" || proto.Unmarshal(body, in) != nil {
				return r.GetObject(), ""
			}
			return r.GetObject(), api.FieldText(in, r.GetObjectField())
		}
	}
	return op
}

func unmarshal[In proto.Message](op Op, body []byte) (in In, err error) {
	in = in.ProtoReflect().New().Interface().(In)
	if err := proto.Unmarshal(body, in); err != nil {
		return in, E(Invalid, "the body of %s cannot be read: %w", op.Name, err)
	}
	return in, nil
}

func marshal(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// Handler returns the command called name, or NotFound.
func (m *Mux) Handler(name string) (Handler, error) {
	if h, ok := m.does[name]; ok {
		return h, nil
	}
	return nil, E(NotFound, "there is no command called %q", clip(name, 80))
}

// Asker returns the query called name, or NotFound.
func (m *Mux) Asker(name string) (Asker, error) {
	if a, ok := m.asks[name]; ok {
		return a, nil
	}
	return nil, E(NotFound, "there is no query called %q", clip(name, 80))
}

// MessageAsker returns the query of a schema called name, or NotFound.
func (m *Mux) MessageAsker(name string) (MessageAsker, error) {
	if a, ok := m.msgs[name]; ok {
		return a, nil
	}
	return nil, E(NotFound, "there is no query called %q", clip(name, 80))
}

// Ops lists all operations by name.
func (m *Mux) Ops() []Op {
	ops := make([]Op, 0, len(m.ops))
	for _, op := range m.ops {
		ops = append(ops, op)
	}
	slices.SortFunc(ops, func(a, b Op) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return ops
}

func (m *Mux) add(op Op) {
	if _, taken := m.ops[op.Name]; taken {
		panic(fmt.Sprintf("edge: operation %q is registered twice", op.Name))
	}
	m.ops[op.Name] = op
}

func decode[In any](op Op, body []byte) (in In, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return in, E(Invalid, "the body of %s cannot be read: %w", op.Name, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return in, E(Invalid, "the body of %s has something after its end", op.Name)
	}
	return in, nil
}
