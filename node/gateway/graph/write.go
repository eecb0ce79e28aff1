package graph

import (
	"encoding/json"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/edge"
)

const (
	maxNesting = 64      // how deep the values of a request may be nested
	maxAnswer  = 8 << 20 // bytes of one field of the root, which aliases can multiply
)

// decode fills in a request from the arguments of a field.
func decode(args map[string]any, in proto.Message) error {
	if texts(args, in.ProtoReflect()) {
		return nil
	}
	b, err := json.Marshal(args)
	if err == nil {
		err = protojson.UnmarshalOptions{RecursionLimit: maxNesting}.Unmarshal(b, in)
	}
	if err != nil {
		return edge.E(edge.Invalid, "the arguments cannot be read: %s", strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "proto:")), " "))
	}
	return nil
}

// texts fills in arguments that are texts, and reports whether all of them were: most requests name a thing and say
// no more. Otherwise it has done nothing.
func texts(args map[string]any, in protoreflect.Message) bool {
	fields := in.Descriptor().Fields()
	for name, v := range args {
		f := fields.ByJSONName(name)
		if s, ok := v.(string); !ok || !utf8.ValidString(s) || f == nil || f.Kind() != protoreflect.StringKind || f.IsList() || f.ContainingOneof() != nil {
			return false
		}
	}
	for name, v := range args {
		in.Set(fields.ByJSONName(name), protoreflect.ValueOfString(v.(string)))
	}
	return true
}

// writer writes of a message what was selected.
type writer struct {
	e  *executable
	op *graphql.OperationContext
}

// object appends m as an object of the selected fields.
func (w writer) object(dst []byte, selected ast.SelectionSet, m protoreflect.Message) (_ []byte, err error) {
	name := w.e.names[m.Descriptor().FullName()]
	dst = append(dst, '{')
	for i, f := range graphql.CollectFields(w.op, selected, []string{name}) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), f.Alias...), `":`...)
		d := m.Descriptor().Fields().ByJSONName(f.Name)
		switch {
		case f.Name == "__typename":
			dst = append(append(append(dst, '"'), name...), '"')
		case d == nil: // what stands for a message without fields
			dst = append(dst, "true"...)
		default:
			if dst, err = w.value(dst, f, d, m); err != nil {
				return nil, err
			}
		}
	}
	if len(dst) > maxAnswer {
		return nil, edge.E(edge.Exhausted, "the answer is longer than %d bytes", maxAnswer).WithHint("ask for fewer fields or a smaller page")
	}
	return append(dst, '}'), nil
}

// value appends the field d of m, null where it is not set and has no default.
func (w writer) value(dst []byte, f graphql.CollectedField, d protoreflect.FieldDescriptor, m protoreflect.Message) (_ []byte, err error) {
	switch {
	case d.HasPresence() && !m.Has(d):
		return append(dst, "null"...), nil
	case d.IsMap() || !special(d):
		return w.e.json.AppendField(dst, m.Interface(), d)
	case !d.IsList():
		return w.single(dst, f, d, m.Get(d))
	}
	dst = append(dst, '[')
	list := m.Get(d).List()
	for i := range list.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = w.single(dst, f, d, list.Get(i)); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// special reports whether a field's values differ from what JSON has for them.
func special(d protoreflect.FieldDescriptor) bool {
	switch d.Kind() {
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return true
	case protoreflect.EnumKind:
		return d.Enum().FullName() != "google.protobuf.NullValue"
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return knownType(d.Message()) == ""
	}
	return false
}

func (w writer) single(dst []byte, f graphql.CollectedField, d protoreflect.FieldDescriptor, v protoreflect.Value) ([]byte, error) {
	switch d.Kind() {
	case protoreflect.EnumKind:
		if e := d.Enum().Values().ByNumber(v.Enum()); e != nil {
			return append(append(append(dst, '"'), e.Name()...), '"'), nil
		}
		return append(dst, "null"...), nil
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return w.object(dst, f.Selections, v.Message())
	}
	n := v.Float()
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return append(dst, "null"...), nil
	}
	b, err := json.Marshal(n)
	if d.Kind() == protoreflect.FloatKind {
		b, err = json.Marshal(float32(n))
	}
	return append(dst, b...), err
}
