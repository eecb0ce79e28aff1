package openapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
)

// builder makes one document.
type builder struct {
	doc      *document
	comments comments
	names    map[string]protoreflect.FullName // which message has a component's name
	tags     map[string]bool
}

// build describes every method that has a route.
func build(o Options) (*document, error) {
	c, err := readComments(o.Schema)
	if err != nil {
		return nil, err
	}
	b := &builder{comments: c, names: map[string]protoreflect.FullName{"Problem": ""}, tags: map[string]bool{}, doc: frame(o)}
	methods := slices.DeleteFunc(o.Methods.All(), func(m *method.Method) bool { return len(m.Routes) == 0 })
	for _, m := range methods { // answers first: what is both sent and answered must not be called write-only
		if !isFile(m) {
			b.message(m.Desc.Output(), got)
		}
	}
	for _, m := range methods {
		b.tag(m.Desc.Parent().(protoreflect.ServiceDescriptor))
		for i, r := range m.Routes {
			at := b.doc.Paths[r.Path]
			if at == nil {
				at = map[string]*operation{}
				b.doc.Paths[r.Path] = at
			}
			at[strings.ToLower(r.Verb)] = b.operation(m, r, i)
		}
	}
	return b.doc, nil
}

func (b *builder) tag(s protoreflect.ServiceDescriptor) {
	if name := string(s.Name()); !b.tags[name] {
		b.tags[name] = true
		b.doc.Tags = append(b.doc.Tags, tag{name, b.comments.of(s)})
	}
}

func (b *builder) operation(m *method.Method, r method.Route, nth int) *operation {
	text := b.comments.of(m.Desc)
	op := &operation{OperationID: m.Op, Tags: []string{string(m.Desc.Parent().Name())}, Summary: summary(text),
		Description: described(text, needs(m), parts(m, r)), Deprecated: isDeprecated(m.Desc.Options()), Responses: map[string]response{}}
	if nth > 0 {
		op.OperationID += "_" + strconv.Itoa(nth+1)
	}
	if m.Rule.GetOpen() {
		op.Security = []map[string][]string{}
	}
	path := pathFields(r.Path)
	b.parameters(op, m, r, path)
	b.headers(op, m)
	b.body(op, m, r, path)
	b.answers(op, m, r)
	return op
}

// described joins paragraphs.
func described(paragraphs ...string) string {
	return strings.Join(slices.DeleteFunc(paragraphs, func(p string) bool { return p == "" }), "\n\n")
}

// needs says in words who may use a method.
func needs(m *method.Method) string {
	switch {
	case m.Rule.GetOpen():
		return "Open to everybody."
	case m.Rule.GetAudited() || m.Rule.GetMoney():
		return "Needs the permission `" + m.Rule.GetNeeds() + "`. Each use leaves an audit record."
	}
	return "Needs the permission `" + m.Rule.GetNeeds() + "`."
}

func pathFields(path string) (names []string) {
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name, _, _ = strings.Cut(name, "}") // an action may stand behind it
			names = append(names, name)
		}
	}
	return names
}

// parameters are what stands in the address.
func (b *builder) parameters(op *operation, m *method.Method, r method.Route, path []string) {
	fields := m.Desc.Input().Fields()
	for _, name := range path {
		f := fields.ByName(protoreflect.Name(name))
		s := b.field(f, sent)
		p := parameter{Name: name, In: "path", Required: true, Schema: s, Description: s.Description}
		if p.Description == "" {
			p.Description = "The " + strings.ReplaceAll(name, "_", " ") + " of the " + strings.ToLower(object(m)) + "."
		}
		s.Description, p.Example = "", b.example(f)
		op.Parameters = append(op.Parameters, p)
	}
	if r.Body != "*" {
		for i := range fields.Len() {
			if f := fields.Get(i); !slices.Contains(path, string(f.Name())) && string(f.Name()) != r.Body {
				b.query(op, f, "", 0)
			}
		}
	}
}

func object(m *method.Method) string {
	if o := m.Rule.GetObject(); o != "" {
		return o
	}
	return "object"
}

// query adds a field as something to ask for; those of messages by their dotted names.
func (b *builder) query(op *operation, f protoreflect.FieldDescriptor, prefix string, depth int) {
	name := prefix + string(f.Name())
	if d := f.Message(); d != nil && well(d.FullName()) == nil {
		for i := range d.Fields().Len() {
			if !f.IsList() && !f.IsMap() && depth < 3 {
				b.query(op, d.Fields().Get(i), name+".", depth+1)
			}
		}
		return
	}
	s := b.field(f, sent)
	p := parameter{Name: name, In: "query", Required: api.LimitOf(f).GetRequired(), Deprecated: s.Deprecated, Schema: s, Description: s.Description}
	if p.Description == "" {
		p.Description = "The " + strings.ReplaceAll(string(f.Name()), "_", " ") + "."
	}
	s.Description, s.Deprecated, p.Example = "", false, b.example(f)
	op.Parameters = append(op.Parameters, p)
}

// headers are those that a method makes something of.
func (b *builder) headers(op *operation, m *method.Method) {
	site := m.Rule.GetHome() == api.Home_HOME_SITE
	add := func(name string, when bool) {
		if when {
			b.doc.Components.Parameters[name] = headerParameters()[name]
			op.Parameters = append(op.Parameters, parameter{Ref: "#/components/parameters/" + name})
		}
	}
	add(call.Idempotency, !m.Query && site)
	add(call.IfMatch, versioned(m))
	add("If-None-Match", m.Query && !m.Stream)
	add("Prefer", !m.Query && !m.Stream)
	add(call.ReadAfter, m.Query && site)
	add(call.Consistency, m.Query && site)
}

// versioned reports whether a command can be bound to the version of what it changes.
func versioned(m *method.Method) bool {
	f := m.Desc.Input().Fields().ByName("if_version")
	return f != nil && f.Kind() == protoreflect.Uint64Kind
}

func (b *builder) body(op *operation, m *method.Method, r method.Route, path []string) {
	var s *schema
	var d protoreflect.MessageDescriptor
	switch r.Body {
	case "":
		return
	case "*":
		d = m.Desc.Input()
		s = b.message(d, sent, path...)
	default:
		f := m.Desc.Input().Fields().ByName(protoreflect.Name(r.Body))
		s, d = b.field(f, sent), f.Message()
	}
	required := false
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		required = required || api.LimitOf(f).GetRequired() && !slices.Contains(path, string(f.Name()))
	}
	one := media{Schema: s, Example: b.exampleOf(d, sent, 0, path...)}
	op.Body = &body{Required: required, Content: map[string]media{"application/json": one}}
	if r.Verb == "PATCH" {
		op.Body.Content["application/merge-patch+json"] = one
	}
	if inLines(m, r) {
		item, _ := m.Items()
		op.Body.Content["application/x-ndjson"] = media{Schema: b.message(item.Message(), sent), Example: b.exampleOf(item.Message(), sent, 0)}
	}
}

// inLines reports whether a request may come as lines, each an item.
func inLines(m *method.Method, r method.Route) bool {
	item, _ := m.Items()
	return item != nil && r.Verb == "POST"
}

// parts says in words how a request with many items is done.
func parts(m *method.Method, r method.Route) string {
	item, _ := m.Items()
	if item == nil {
		return ""
	}
	text := fmt.Sprintf("More than %d items are done in parts of as many, in their order. Where one part fails the parts before it stay done: facts say how many items are decided, and the same "+
		"request with the same Idempotency-Key goes on from there.", m.PartSize())
	if inLines(m, r) {
		text += fmt.Sprintf("\n\nAs application/x-ndjson each line is an item of `%s`, of 64 KiB and 4 MiB in all at the most; what else the request holds stands behind the question mark. "+
			"All lines are looked at before anything is done. The answer has a line for each item, in their order, sent as the parts are decided; a line with a member error holds a Problem and is the last.", item.JSONName())
	}
	return text
}

func isFile(m *method.Method) bool {
	return m.Desc.Output().FullName() == (&httpbody.HttpBody{}).ProtoReflect().Descriptor().FullName()
}

func isDeprecated(o proto.Message) bool {
	d, ok := o.(interface{ GetDeprecated() bool })
	return ok && d.GetDeprecated()
}
