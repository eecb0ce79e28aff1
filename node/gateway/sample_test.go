package gateway

import (
	"context"
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/api/schemas"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
)

// fillIn fills in every field of m with something its schema allows, the same each time.
func fillIn(m protoreflect.Message, depth int) {
	if t, ok := m.Interface().(*timestamppb.Timestamp); ok {
		t.Seconds, t.Nanos = 1_700_000_000, 120_000_000
		return
	}
	if strings.HasPrefix(string(m.Descriptor().FullName()), "google.protobuf.") || depth > 4 {
		return
	}
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		switch one := f.ContainingOneof(); {
		case one != nil && !one.IsSynthetic() && one.Fields().Get(int(m.Descriptor().Index())%one.Fields().Len()) != f:
		case f.IsMap() || f.IsList() && f.Message() != nil && depth > 3:
		case f.IsList() && f.Message() != nil:
			list := m.Mutable(f).List()
			for range 2 {
				v := list.NewElement()
				fillIn(v.Message(), depth+1)
				list.Append(v)
			}
		case f.IsList():
			m.Mutable(f).List().Append(sampleValue(f))
		case f.Message() != nil:
			fillIn(m.Mutable(f).Message(), depth+1)
		default:
			m.Set(f, sampleValue(f))
		}
	}
}

func sampleValue(f protoreflect.FieldDescriptor) protoreflect.Value {
	limit := api.LimitOf(f)
	number := max(limit.GetMin(), 1)
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(values.Len() - 1).Number())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(number))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(number))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(number)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(1<<60 + 1) // more than a JSON number is exact to
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(1.5)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(0.1)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0, 0xff, 'a'})
	}
	if limit.GetPattern() != "" {
		re, err := syntax.Parse(limit.GetPattern(), syntax.Perl)
		if err != nil {
			panic(err)
		}
		return protoreflect.ValueOfString(shortest(re))
	}
	text := "<é \"b\" & ٣>"
	if limit.GetMaxLength() > 0 {
		text = text[:min(len(text), 1)]
	}
	return protoreflect.ValueOfString(text + strings.Repeat("x", int(limit.GetMinLength())))
}

// shortest is a text that an expression matches.
func shortest(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		return string(re.Rune[0])
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "a"
	case syntax.OpRepeat:
		return strings.Repeat(shortest(re.Sub[0]), re.Min)
	case syntax.OpPlus, syntax.OpCapture, syntax.OpAlternate:
		return shortest(re.Sub[0])
	case syntax.OpQuest:
		return shortest(re.Sub[0])
	case syntax.OpConcat:
		var s strings.Builder
		for _, sub := range re.Sub {
			s.WriteString(shortest(sub))
		}
		return s.String()
	}
	return ""
}

// broken is a request with one field that no schema allows, nil where the request has none that could be.
func broken(m *method.Method) proto.Message {
	in := m.NewIn()
	fillIn(in.ProtoReflect(), 0)
	for i := range m.Desc.Input().Fields().Len() {
		f := m.Desc.Input().Fields().Get(i)
		switch {
		case f.Kind() == protoreflect.StringKind && !f.IsList():
			in.ProtoReflect().Set(f, protoreflect.ValueOfString("a\u202eb"))
			return in
		case f.Kind() == protoreflect.Int32Kind && api.LimitOf(f).Max != nil:
			in.ProtoReflect().Set(f, protoreflect.ValueOfInt32(1<<30))
			return in
		}
	}
	return nil
}

// ruled and faulty are what two callers are answered instead: one has to do with a rule, with the other something breaks.
var (
	ruled  = edge.E(edge.Refused, "this loan bears interest").WithHint("lend without").WithCode("shariah_riba", edge.Fact{Name: "rule", Value: "RIBA-1"}, edge.Fact{Name: "set", Value: "3"})
	faulty = edge.E(edge.Internal, "a row of another is broken").WithCode("row_broken", edge.Fact{Name: "row", Value: "17"})
)

func luck(ctx context.Context) error {
	switch call.From(ctx).Caller.ID {
	case "bound":
		return fmt.Errorf("asking: %w", ruled)
	case "unlucky":
		return faulty
	}
	return nil
}

// sampler is a site that gives every command and query its sample as an answer.
type sampler struct {
	out   map[string][]byte
	asked map[string]proto.Message
}

func (s sampler) Propose(_ context.Context, c edge.Command) (edge.Outcome, error) {
	switch c.Actor.ID {
	case "bound":
		return edge.Outcome{Index: 7, Pos: edge.Pos{Seq: 3}, Err: ruled}, nil
	case "unlucky":
		return edge.Outcome{}, faulty
	}
	return edge.Outcome{Index: 7, Pos: edge.Pos{Seq: 3}, Reply: s.out[c.Type]}, nil
}

func (s sampler) Ask(ctx context.Context, name string, _ proto.Message, _ bool) (proto.Message, uint64, error) {
	if err := luck(ctx); err != nil {
		return nil, 0, err
	}
	return s.asked[name], 7, nil
}

func (s sampler) WaitApplied(context.Context, uint64) error { return nil }

// newSampleBench is a bench whose every method answers with its sample, streams with two of them.
func newSampleBench(t testing.TB) *bench {
	b := newBench(t)
	s := sampler{map[string][]byte{}, map[string]proto.Message{}}
	l := NewLocals()
	methods, err := method.New(schemas.All()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range methods.All() {
		out := m.NewOut()
		fillIn(out.ProtoReflect(), 0)
		s.out[m.Op], _ = proto.Marshal(out)
		s.asked[m.Op] = out
		l.unary[m.Desc.FullName()] = func(ctx context.Context, _ proto.Message) (proto.Message, error) { return out, luck(ctx) }
		file := m.Desc.Output().Name() == "HttpBody" // once its bytes have begun there is no room for a refusal
		l.stream[m.Desc.FullName()] = func(ctx context.Context, _ proto.Message, s connect.ServerStream) error {
			if err := luck(ctx); err != nil && file {
				return err
			}
			if err := s.SendHeaders(); err != nil {
				return err
			}
			if err := luck(ctx); err != nil {
				return errors.Join(s.Send(out), err)
			}
			return errors.Join(s.Send(out), s.Send(out))
		}
	}
	o := b.g.o
	o.Methods, o.Backend, o.Locals = methods, s, l
	if b.g, err = New(o); err != nil {
		t.Fatal(err)
	}
	doors, err := b.g.Handler(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.h = &Entrance{Next: doors}
	return b
}

func TestSamplesAreAllowed(t *testing.T) {
	for _, m := range newSampleBench(t).g.o.Methods.All() {
		in := m.NewIn()
		fillIn(in.ProtoReflect(), 0)
		if err := m.Check(in); err != nil {
			t.Errorf("%s: %v", m.Op, err)
		}
		if in := broken(m); in != nil && m.Check(in) == nil {
			t.Errorf("%s: %v is allowed", m.Op, in)
		}
	}
}
