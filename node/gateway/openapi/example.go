package openapi

import (
	"regexp/syntax"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/api"
)

// deepest bounds how deep examples go into messages.
const deepest = 3

// exampleOf is a message as it may look. Secrets are not shown, but where a request must have them.
func (b *builder) exampleOf(d protoreflect.MessageDescriptor, s side, depth int, without ...string) any {
	out := &exampleObject{}
	oneofs := map[protoreflect.FullName]bool{}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		l := api.LimitOf(f)
		switch o := f.ContainingOneof(); {
		case slices.Contains(without, string(f.Name())) || l.GetSecret() && !(s == sent && l.GetRequired()) || f.IsMap():
			continue
		case o != nil && !o.IsSynthetic() && oneofs[o.FullName()]:
			continue
		case o != nil:
			oneofs[o.FullName()] = true
		}
		if m := f.Message(); m != nil && well(m.FullName()) == nil {
			if depth >= deepest {
				continue
			}
			v := b.exampleOf(m, s, depth+1)
			if f.IsList() {
				v = []any{v}
			}
			out.add(f.JSONName(), v)
			continue
		}
		if v := b.example(f); v != nil {
			out.add(f.JSONName(), v)
		}
	}
	return out
}

// example is a value of a scalar field or a list of them; nil where none is known.
func (b *builder) example(f protoreflect.FieldDescriptor) any {
	v := scalarExample(f)
	if f.IsList() && v != nil {
		return []any{v}
	}
	return v
}

func scalarExample(f protoreflect.FieldDescriptor) any {
	switch f.Kind() {
	case protoreflect.StringKind:
		return textExample(f)
	case protoreflect.BoolKind:
		return true
	case protoreflect.BytesKind:
		return "aGVsbG8="
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return 21.5
	case protoreflect.EnumKind:
		return string(f.Enum().Values().Get(min(1, f.Enum().Values().Len()-1)).Name())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		if f.Message().FullName() == "google.protobuf.Timestamp" {
			return "2026-11-23T08:30:00Z"
		}
		return nil
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		l, n := api.LimitOf(f), int64(20)
		if l.Max != nil {
			n = min(n, l.GetMax())
		}
		return max(n, l.GetMin())
	}
	return "60"
}

func textExample(f protoreflect.FieldDescriptor) any {
	l := api.LimitOf(f)
	if l.GetPattern() != "" {
		re, err := syntax.Parse(l.GetPattern(), syntax.Perl)
		if err != nil {
			return nil
		}
		s := shortest(re.Simplify())
		if s == "" {
			return nil
		}
		return s
	}
	known := map[string]string{"id": "bp-1", "device": "bp-1", "kind": "blood-pressure", "address": "192.0.2.10:8443", "site": "north-clinic", "region": "north",
		"key": "site.name", "unit": "Cel", "filters": "sensors/%d/#", "publish": "sensors/bp-1/#", "subscribe": "sensors/bp-1/#", "topic": "sensors/bp-1/state", "level": "ok", "urgency": "telemetry",
		"position": "65a1b2c3d4e5f6/4711", "role": "node", "class": "telemetry", "transport": "quic", "version": "1.0.0", "content_type": "application/json", "code": "AE1.CODE.ID.SECRET", "email": "amina@example.org"}
	if s, ok := known[string(f.Name())]; ok {
		return clipTo(s, l.GetMaxLength())
	}
	if strings.HasSuffix(string(f.Name()), "page_token") {
		return nil
	}
	return clipTo(strings.ReplaceAll(string(f.Name()), "_", " ")+" "+strings.Repeat("x", max(0, int(l.GetMinLength())-len(f.Name())-1)), l.GetMaxLength())
}

func clipTo(s string, most uint32) string {
	if s = strings.TrimSpace(s); most > 0 && len(s) > int(most) {
		return s[:most]
	}
	return s
}

// shortest is a short text that an expression matches.
func shortest(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		return string(re.Rune[0])
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "a"
	case syntax.OpPlus, syntax.OpCapture, syntax.OpAlternate:
		return shortest(re.Sub[0])
	case syntax.OpConcat:
		var b strings.Builder
		for _, sub := range re.Sub {
			b.WriteString(shortest(sub))
		}
		return b.String()
	case syntax.OpRepeat:
		return strings.Repeat(shortest(re.Sub[0]), re.Min)
	}
	return ""
}

// exampleObject is a JSON object whose members keep their order.
type exampleObject struct {
	names  []string
	values map[string]any
}

func (o *exampleObject) add(name string, v any) {
	if o.values == nil {
		o.values = map[string]any{}
	}
	o.names, o.values[name] = append(o.names, name), v
}

// MarshalJSON implements json.Marshaler.
func (o *exampleObject) MarshalJSON() ([]byte, error) {
	return ordered(o.names, func(name string) any { return o.values[name] })
}
