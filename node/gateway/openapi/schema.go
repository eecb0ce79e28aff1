package openapi

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/api"
)

// well are the types of google.protobuf that have a JSON form of their own.
func well(name protoreflect.FullName) *schema {
	switch name {
	case "google.protobuf.Timestamp":
		return &schema{Type: "string", Format: "date-time"}
	case "google.protobuf.Duration":
		return &schema{Type: "string", Pattern: `^-?[0-9]+(\.[0-9]{1,9})?s$`}
	case "google.protobuf.FieldMask":
		return &schema{Type: "string"}
	case "google.protobuf.Struct", "google.protobuf.Any", "google.protobuf.Empty":
		return &schema{Type: "object"}
	case "google.protobuf.ListValue":
		return &schema{Type: "array", Items: &schema{}}
	}
	if strings.HasPrefix(string(name), "google.protobuf.") {
		return &schema{}
	}
	return nil
}

// side says whether a schema is of what callers send or of what they get.
type side int

const (
	sent side = iota
	got
)

// message adds a message to the components, once, and returns a reference to it. Fields in without are left out.
func (b *builder) message(d protoreflect.MessageDescriptor, s side, without ...string) *schema {
	if w := well(d.FullName()); w != nil {
		return w
	}
	name := string(d.Name())
	if was, taken := b.names[name]; taken && was != d.FullName() {
		name = strings.NewReplacer(".", "_").Replace(string(d.FullName()))
	}
	ref := &schema{Ref: "#/components/schemas/" + name}
	if _, there := b.doc.Components.Schemas[name]; there {
		return ref
	}
	out := &schema{Type: "object", Description: b.comments.of(d), Properties: &properties{}}
	b.names[name], b.doc.Components.Schemas[name] = d.FullName(), out
	if s == sent {
		out.Additional = false
	}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if slices.Contains(without, string(f.Name())) {
			continue
		}
		out.Properties.add(f.JSONName(), b.field(f, s))
		if s == sent && api.LimitOf(f).GetRequired() {
			out.Required = append(out.Required, f.JSONName())
		}
	}
	for i := range d.Oneofs().Len() {
		if o := d.Oneofs().Get(i); !o.IsSynthetic() {
			out.AllOf = append(out.AllOf, &schema{OneOf: oneOf(o)})
		}
	}
	if len(out.AllOf) == 1 {
		out.OneOf, out.AllOf = out.AllOf[0].OneOf, nil
	}
	if len(out.Properties.names) == 0 {
		out.Properties = nil
	}
	return ref
}

// oneOf says that at most one member is there.
func oneOf(o protoreflect.OneofDescriptor) (list []*schema) {
	none := &properties{}
	for i := range o.Fields().Len() {
		name := o.Fields().Get(i).JSONName()
		list = append(list, &schema{Required: []string{name}})
		none.add(name, &schema{Not: &schema{}})
	}
	return append(list, &schema{Properties: none})
}

// field is the schema of a field, with its comment and its limits.
func (b *builder) field(f protoreflect.FieldDescriptor, s side) *schema {
	var out *schema
	l := api.LimitOf(f)
	switch {
	case f.IsMap():
		out = &schema{Type: "object", Additional: b.single(f.MapValue(), s, &api.Limit{}), MaxProperties: l.GetMaxItems()}
	case f.IsList():
		out = &schema{Type: "array", Items: b.single(f, s, l), MaxItems: l.GetMaxItems()}
	default:
		out = b.single(f, s, l)
	}
	out.Deprecated = isDeprecated(f.Options())
	if text := b.comments.of(f); text != "" {
		out.Description = strings.TrimSpace(text + " " + out.Description)
	}
	return out
}

// single is the schema of one value of a field.
func (b *builder) single(f protoreflect.FieldDescriptor, s side, l *api.Limit) *schema {
	switch f.Kind() {
	case protoreflect.StringKind:
		return text(s, l)
	case protoreflect.BytesKind:
		return &schema{Type: "string", ContentEncoding: "base64", WriteOnly: s == sent && l.GetSecret()}
	case protoreflect.BoolKind:
		return &schema{Type: "boolean"}
	case protoreflect.DoubleKind:
		return &schema{Type: "number", Format: "double"}
	case protoreflect.FloatKind:
		return &schema{Type: "number", Format: "float"}
	case protoreflect.EnumKind:
		out := &schema{Type: "string"}
		for i := range f.Enum().Values().Len() {
			out.Enum = append(out.Enum, string(f.Enum().Values().Get(i).Name()))
		}
		return out
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return b.message(f.Message(), s)
	}
	return number(f.Kind(), l)
}

func text(s side, l *api.Limit) *schema {
	out := &schema{Type: "string", MinLength: l.GetMinLength(), MaxLength: l.GetMaxLength()}
	if l.GetRequired() && out.MinLength == 0 {
		out.MinLength = 1
	}
	if p := l.GetPattern(); p != "" {
		out.Pattern = "^(?:" + p + ")$"
	}
	if l.GetSecret() {
		out.Format, out.WriteOnly = "password", s == sent
	}
	return out
}

// number is a whole number. Those of 64 bits are strings, since a JSON number loses digits beyond 2^53.
func number(k protoreflect.Kind, l *api.Limit) *schema {
	switch k {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return &schema{Type: "integer", Format: "int32", Minimum: l.Min, Maximum: l.Max}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		least := l.Min
		if least == nil {
			least = new(int64)
		}
		return &schema{Type: "integer", Format: "int64", Minimum: least, Maximum: l.Max}
	}
	out := &schema{Type: "string", Format: "int64", Pattern: "^-?[0-9]{1,19}$"}
	if k == protoreflect.Uint64Kind || k == protoreflect.Fixed64Kind {
		out.Format, out.Pattern = "uint64", "^[0-9]{1,20}$"
	}
	switch {
	case l.Min != nil && l.Max != nil:
		out.Description = fmt.Sprintf("From %d to %d.", l.GetMin(), l.GetMax())
	case l.Min != nil:
		out.Description = fmt.Sprintf("%d at least.", l.GetMin())
	case l.Max != nil:
		out.Description = fmt.Sprintf("%d at most.", l.GetMax())
	}
	return out
}
