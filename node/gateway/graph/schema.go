package graph

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/method"
)

// A root is a field of Query, Mutation or Subscription: a method.
type root struct {
	method *method.Method
	out    protoreflect.FieldDescriptor // the field of the answer that is shown, nil for the whole
}

// A schema is what GraphQL sees of a table of methods.
type schema struct {
	ast   *ast.Schema
	sdl   string
	roots map[ast.Operation]map[string]root
	names map[protoreflect.FullName]string // of the types that messages and enums have in answers
}

// builder writes the schema definition language (GraphQL October 2021, section 3), types in the order in which
// methods first need them, so that the text changes no more than the schemas do.
type builder struct {
	notes  comments
	schema *schema
	taken  map[string]protoreflect.FullName // type names in use
	inputs map[protoreflect.FullName]string
	fields map[ast.Operation][]string
	types  []string
}

// newSchema derives the schema of some methods. It fails with Invalid where two of them would be the same field.
func newSchema(methods *method.Table, set []byte) (*schema, error) {
	notes, err := newComments(set)
	if err != nil {
		return nil, err
	}
	b := &builder{notes: notes, inputs: map[protoreflect.FullName]string{}, fields: map[ast.Operation][]string{},
		schema: &schema{roots: map[ast.Operation]map[string]root{ast.Query: {}, ast.Mutation: {}, ast.Subscription: {}}, names: map[protoreflect.FullName]string{}},
		taken:  map[string]protoreflect.FullName{}}
	for _, name := range []string{"Query", "Mutation", "Subscription", "String", "Int", "Float", "Boolean", "ID", "DateTime", "JSON"} {
		b.taken[name] = ""
	}
	for _, m := range methods.All() {
		if m.Desc.Output().FullName() == (&httpbody.HttpBody{}).ProtoReflect().Descriptor().FullName() {
			continue // the bytes of a file have no place in a graph
		}
		if err := b.method(m); err != nil {
			return nil, err
		}
	}
	b.schema.sdl = b.text()
	if b.schema.ast, err = gqlparser.LoadSchema(&ast.Source{Name: "schema.graphql", Input: b.schema.sdl}); err != nil {
		return nil, edge.E(edge.Internal, "the GraphQL schema cannot be made: %w", err)
	}
	delete(b.schema.ast.Directives, "defer") // gqlparser's own; answers come whole
	return b.schema, nil
}

func kindOf(m *method.Method) ast.Operation {
	switch {
	case m.Stream:
		return ast.Subscription
	case m.Query:
		return ast.Query
	}
	return ast.Mutation
}

// fieldName is what a method is called: Get and List go without saying in a query.
func fieldName(m *method.Method) string {
	name := string(m.Desc.Name())
	if m.Query && !m.Stream {
		for _, prefix := range []string{"Get", "List"} {
			if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" && unicode.IsUpper(rune(rest[0])) {
				name = rest
				break
			}
		}
	}
	first, n := utf8.DecodeRuneInString(name)
	return string(unicode.ToLower(first)) + name[n:]
}

func (b *builder) method(m *method.Method) error {
	kind, name := kindOf(m), fieldName(m)
	if was, ok := b.schema.roots[kind][name]; ok {
		return edge.E(edge.Invalid, "GraphQL: %s and %s would both be the field %s", was.method.Desc.FullName(), m.Desc.FullName(), name).WithHint("rename one of them")
	}
	r := root{method: m}
	result := ""
	if len(m.Routes) > 0 && m.Routes[0].ResponseBody != "" {
		r.out = m.Desc.Output().Fields().ByName(protoreflect.Name(m.Routes[0].ResponseBody))
	}
	if r.out != nil {
		result = strings.TrimSuffix(b.outType(r.out), "!")
	} else {
		result = b.object(m.Desc.Output())
	}
	b.schema.roots[kind][name] = r
	var s strings.Builder
	describe(&s, "  ", b.notes.of(m.Desc))
	s.WriteString("  " + name)
	if args := b.inputFields(m.Desc.Input(), "    "); len(args) > 0 {
		s.WriteString("(\n" + strings.Join(args, "") + "  )")
	}
	s.WriteString(": " + result + deprecated(m.Desc, b.notes.of(m.Desc)) + "\n")
	b.fields[kind] = append(b.fields[kind], s.String())
	return nil
}

// text puts the schema together.
func (b *builder) text() string {
	var s strings.Builder
	s.WriteString("\"\"\"A point in time: RFC 3339, in UTC.\"\"\"\nscalar DateTime @specifiedBy(url: \"https://www.rfc-editor.org/rfc/rfc3339\")\n\n")
	s.WriteString("\"\"\"Any JSON value: a map, or a structure its schema says nothing of.\"\"\"\nscalar JSON @specifiedBy(url: \"https://www.rfc-editor.org/rfc/rfc8259\")\n")
	for _, t := range []struct {
		name, note string
		kind       ast.Operation
	}{{"Query", "What can be read.", ast.Query}, {"Mutation", "What can be done. Several in one operation are done one after another.", ast.Mutation}, {"Subscription", "What can be followed.", ast.Subscription}} {
		fields := b.fields[t.kind]
		if t.kind == ast.Query && len(fields) == 0 { // GraphQL knows no schema without a query
			fields = []string{"  nothing: Boolean\n"}
		}
		if len(fields) > 0 {
			s.WriteString("\n\"\"\"" + t.note + "\"\"\"\ntype " + t.name + " {\n" + strings.Join(fields, "") + "}\n")
		}
	}
	for _, t := range b.types {
		s.WriteString("\n" + t)
	}
	return s.String()
}

// take finds a free name for a type. Whoever comes later says which package it is of.
func (b *builder) take(d protoreflect.Descriptor, suffix string) string {
	name := strings.TrimPrefix(string(d.FullName()), string(d.ParentFile().Package())+".")
	name = strings.ReplaceAll(name, ".", "") + suffix
	if _, used := b.taken[name]; used {
		parts := strings.Split(string(d.ParentFile().Package()), ".")
		part := parts[max(len(parts)-2, 0)]
		name = strings.ToUpper(part[:1]) + part[1:] + name
	}
	for _, used := b.taken[name]; used; _, used = b.taken[name] {
		name += "_"
	}
	b.taken[name] = d.FullName()
	return name
}

// object writes the type of a message in answers, once, and returns its name.
func (b *builder) object(d protoreflect.MessageDescriptor) string {
	if name := b.schema.names[d.FullName()]; name != "" {
		return name
	}
	name := b.take(d, "")
	b.schema.names[d.FullName()] = name
	at := len(b.types)
	b.types = append(b.types, "")
	var s strings.Builder
	describe(&s, "", b.notes.of(d))
	s.WriteString("type " + name + " {\n")
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		describe(&s, "  ", b.notes.of(f))
		fmt.Fprintf(&s, "  %s: %s%s\n", f.JSONName(), b.outType(f), deprecated(f, b.notes.of(f)))
	}
	if d.Fields().Len() == 0 { // an object without fields is none
		s.WriteString("  \"\"\"There is nothing to say but that it was done.\"\"\"\n  ok: Boolean!\n")
	}
	s.WriteString("}\n")
	b.types[at] = s.String()
	return name
}

// outType is the type of a field in answers. A number that is none and a name this node does not know yet are
// null, so floats and enums are never certain.
func (b *builder) outType(f protoreflect.FieldDescriptor) string {
	if f.IsMap() {
		return "JSON!"
	}
	name, certain := "", true
	switch f.Kind() {
	case protoreflect.EnumKind:
		name, certain = b.enum(f.Enum()), false
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		name, certain = "Float", false
	case protoreflect.MessageKind, protoreflect.GroupKind:
		if name = knownType(f.Message()); name == "" {
			name = b.object(f.Message())
		}
	default:
		name = scalar(f.Kind())
	}
	switch {
	case f.IsList() && certain:
		return "[" + name + "!]!"
	case f.IsList():
		return "[" + name + "]!"
	case certain && !f.HasPresence():
		return name + "!"
	}
	return name
}

// inputFields lists the fields of a request, as arguments or as fields of an input type.
func (b *builder) inputFields(d protoreflect.MessageDescriptor, indent string) (list []string) {
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		t := b.inType(f)
		note := ""
		if api.LimitOf(f).GetRequired() {
			t += "!"
		} else {
			note = deprecated(f, b.notes.of(f))
		}
		var s strings.Builder
		describe(&s, indent, b.notes.of(f))
		fmt.Fprintf(&s, "%s%s: %s%s\n", indent, f.JSONName(), t, note)
		list = append(list, s.String())
	}
	return list
}

func (b *builder) inType(f protoreflect.FieldDescriptor) string {
	if f.IsMap() {
		return "JSON"
	}
	name := ""
	switch f.Kind() {
	case protoreflect.EnumKind:
		name = b.enum(f.Enum())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		name = b.input(f.Message())
	default:
		name = scalar(f.Kind())
	}
	if f.IsList() {
		return "[" + name + "!]"
	}
	return name
}

// input writes the type of a message in requests, once, and returns its name.
func (b *builder) input(d protoreflect.MessageDescriptor) string {
	if name := knownType(d); name != "" {
		return name
	}
	if d.Fields().Len() == 0 {
		return "JSON"
	}
	if name := b.inputs[d.FullName()]; name != "" {
		return name
	}
	name := b.take(d, "Input")
	b.inputs[d.FullName()] = name
	at := len(b.types)
	b.types = append(b.types, "")
	var s strings.Builder
	describe(&s, "", b.notes.of(d))
	s.WriteString("input " + name + " {\n" + strings.Join(b.inputFields(d, "  "), "") + "}\n")
	b.types[at] = s.String()
	return name
}

func (b *builder) enum(d protoreflect.EnumDescriptor) string {
	if d.FullName() == "google.protobuf.NullValue" {
		return "JSON"
	}
	if name := b.schema.names[d.FullName()]; name != "" {
		return name
	}
	name := b.take(d, "")
	b.schema.names[d.FullName()] = name
	var s strings.Builder
	describe(&s, "", b.notes.of(d))
	s.WriteString("enum " + name + " {\n")
	for i := range d.Values().Len() {
		v := d.Values().Get(i)
		describe(&s, "  ", b.notes.of(v))
		fmt.Fprintf(&s, "  %s%s\n", v.Name(), deprecated(v, b.notes.of(v)))
	}
	s.WriteString("}\n")
	b.types = append(b.types, s.String())
	return name
}

// scalar is the type of a value that is no message. Whole numbers of 64 bits are texts, since JSON's numbers are
// exact to 53 bits only; those of 32 bits without a sign do not fit GraphQL's Int.
func scalar(k protoreflect.Kind) string {
	switch k {
	case protoreflect.BoolKind:
		return "Boolean"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return "Int"
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.DoubleKind, protoreflect.FloatKind:
		return "Float"
	}
	return "String"
}

// knownType is the type of a message with a JSON form of its own, empty for all others.
func knownType(d protoreflect.MessageDescriptor) string {
	switch {
	case d.FullName() == "google.protobuf.Timestamp":
		return "DateTime"
	case d.FullName() == "google.protobuf.Duration":
		return "String"
	case d.ParentFile().Package() == "google.protobuf":
		return "JSON"
	}
	return ""
}

func describe(s *strings.Builder, indent, note string) {
	if note == "" {
		return
	}
	note = strings.ReplaceAll(note, `"""`, `\"""`)
	if !strings.ContainsAny(note, "\n\"\\") {
		s.WriteString(indent + `"""` + note + "\"\"\"\n")
		return
	}
	s.WriteString(indent + "\"\"\"\n" + indent + strings.ReplaceAll(note, "\n", "\n"+indent) + "\n" + indent + "\"\"\"\n")
}

// deprecated is the directive of what should not be used any more. Its reason is the paragraph of the comment
// that begins with "Deprecated:".
func deprecated(d protoreflect.Descriptor, note string) string {
	old := false
	switch o := d.Options().(type) {
	case *descriptorpb.MethodOptions:
		old = o.GetDeprecated()
	case *descriptorpb.FieldOptions:
		old = o.GetDeprecated()
	case *descriptorpb.EnumValueOptions:
		old = o.GetDeprecated()
	}
	if !old {
		return ""
	}
	lines := strings.Split(note, "\n")
	if i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Deprecated:") }); i >= 0 {
		reason, _ := json.Marshal(strings.TrimSpace(strings.TrimPrefix(strings.Join(lines[i:], " "), "Deprecated:")))
		return fmt.Sprintf(" @deprecated(reason: %s)", reason)
	}
	return " @deprecated"
}
