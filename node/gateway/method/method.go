// Package method is the table of what the doors serve, read from the schemas' descriptors and from nothing
// else: names, routes, rules, limits.
package method

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"connectrpc.com/connect/v2"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/edge"
)

// A Method is one operation as the doors see it.
type Method struct {
	Desc   protoreflect.MethodDescriptor
	Rule   *api.Rule
	Op     string // "devices.register_device": what it is called in commands and audit records
	Query  bool   // it changes nothing
	Stream bool   // its answer is a stream
	Routes []Route
	Spec   connect.Spec

	in, out protoreflect.MessageType
	check   *checker
	object  []protoreflect.FieldDescriptor   // the way to what it is about, in the request
	objects [][]protoreflect.FieldDescriptor // the ways to further things it names
	roles   protoreflect.FieldDescriptor     // the list of roles in the request, nil where it has none
	pending protoreflect.FieldDescriptor     // of the answer: how far the command has come, nil where it is always done
	parts   *parts                           // nil where a request is one command
}

// A Route is a way to a method over REST (google.api.http).
type Route struct {
	Verb         string
	Path         string // "/v1/devices/{id}"
	Body         string // the field the body holds, "*" for the whole request, empty for none
	ResponseBody string // the field of the answer that is sent, empty for the whole
}

// A Table holds every method, in the order of the schemas.
type Table struct {
	list []*Method
	by   map[string]*Method
}

// New reads the services of some schemas. It fails with Invalid on a schema the doors could not serve: a rule
// that is missing, two methods of one name, a stream of requests.
func New(files ...protoreflect.FileDescriptor) (*Table, error) {
	t := &Table{by: map[string]*Method{}}
	for _, f := range files {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				if err := t.add(methods.Get(j)); err != nil {
					return nil, err
				}
			}
		}
	}
	return t, nil
}

// All lists the methods.
func (t *Table) All() []*Method { return slices.Clone(t.list) }

// ByProcedure finds a method by "/package.Service/Method".
func (t *Table) ByProcedure(p string) (*Method, bool) {
	m, ok := t.by[p]
	return m, ok
}

func (t *Table) add(d protoreflect.MethodDescriptor) error {
	m := &Method{Desc: d, Rule: api.RuleOf(d), Op: api.OpName(d), Query: api.Query(d), Stream: d.IsStreamingServer()}
	m.Spec = connect.Spec{Schema: d, Procedure: fmt.Sprintf("/%s/%s", d.Parent().FullName(), d.Name())}
	if m.Query {
		m.Spec.IdempotencyLevel = connect.IdempotencyNoSideEffects
	}
	if m.Stream {
		m.Spec.StreamType = connect.StreamTypeServer
	}
	if err := m.valid(t); err != nil {
		return err
	}
	if err := m.bind(); err != nil {
		return err
	}
	t.list, t.by[m.Spec.Procedure] = append(t.list, m), m
	return nil
}

func (m *Method) valid(t *Table) error {
	roles := m.Rule.GetRoles()
	switch {
	case (roles == api.Roles_ROLES_NONE || roles == api.Roles_ROLES_HELD) != (m.Rule.GetRolesField() == ""):
		return edge.E(edge.Invalid, "%s does not say what it does with roles, or where they stand", m.Desc.FullName())
	case roles >= api.Roles_ROLES_CHANGED && m.Rule.GetObjectField() == "":
		return edge.E(edge.Invalid, "%s does not say whose roles it is about", m.Desc.FullName())
	case m.Desc.IsStreamingClient():
		return edge.E(edge.Invalid, "%s takes a stream of requests, which not every door can carry", m.Desc.FullName())
	case !proto.HasExtension(m.Desc.Options(), api.E_Rule):
		return edge.E(edge.Invalid, "%s does not say what it needs", m.Desc.FullName()).WithHint("give it the option aielon.api.v1.rule")
	case slices.ContainsFunc(t.list, func(o *Method) bool { return o.Op == m.Op }):
		return edge.E(edge.Invalid, "there are two operations called %s", m.Op)
	}
	return nil
}

// bind finds the Go types, the routes, the checks and the way to the object.
func (m *Method) bind() (err error) {
	if m.in, err = protoregistry.GlobalTypes.FindMessageByName(m.Desc.Input().FullName()); err != nil {
		return edge.E(edge.Internal, "%s: %w", m.Desc.FullName(), err)
	}
	if m.out, err = protoregistry.GlobalTypes.FindMessageByName(m.Desc.Output().FullName()); err != nil {
		return edge.E(edge.Internal, "%s: %w", m.Desc.FullName(), err)
	}
	if m.check, err = newChecker(m.Desc.Input(), map[protoreflect.FullName]*checker{}); err != nil {
		return err
	}
	if m.object, err = fieldPath(m.Desc.Input(), m.Rule.GetObjectField()); err != nil {
		return err
	}
	if name := m.Rule.GetRolesField(); name != "" {
		if m.roles = m.Desc.Input().Fields().ByName(protoreflect.Name(name)); m.roles == nil || !m.roles.IsList() || m.roles.Kind() != protoreflect.StringKind {
			return edge.E(edge.Invalid, "%s: the request has no list of roles called %s", m.Desc.FullName(), name)
		}
	}
	if err := errors.Join(m.bindObjects(), m.bindPending(), m.bindParts()); err != nil {
		return err
	}
	rule, ok := proto.GetExtension(m.Desc.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return nil
	}
	for _, r := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		m.Routes = append(m.Routes, routeOf(r))
	}
	return nil
}

func routeOf(r *annotations.HttpRule) Route {
	out := Route{Body: r.GetBody(), ResponseBody: r.GetResponseBody()}
	switch p := r.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		out.Verb, out.Path = "GET", p.Get
	case *annotations.HttpRule_Put:
		out.Verb, out.Path = "PUT", p.Put
	case *annotations.HttpRule_Post:
		out.Verb, out.Path = "POST", p.Post
	case *annotations.HttpRule_Delete:
		out.Verb, out.Path = "DELETE", p.Delete
	case *annotations.HttpRule_Patch:
		out.Verb, out.Path = "PATCH", p.Patch
	}
	return out
}

// NewIn and NewOut return an empty request and an empty answer.
func (m *Method) NewIn() proto.Message { return m.in.New().Interface() }

// NewOut returns an empty answer.
func (m *Method) NewOut() proto.Message { return m.out.New().Interface() }

// Check refuses, with Invalid, a request that breaks a limit of its schema.
func (m *Method) Check(in proto.Message) error { return m.check.message(in.ProtoReflect(), "") }

// ObjectID is the id of what a request is about, empty where it names none.
func (m *Method) ObjectID(in proto.Message) string {
	if len(m.object) == 0 {
		return ""
	}
	msg := in.ProtoReflect()
	for _, f := range m.object[:len(m.object)-1] {
		msg = msg.Get(f).Message()
	}
	return msg.Get(m.object[len(m.object)-1]).String()
}

// Roles lists the roles a request names, where its method says that it names some.
func (m *Method) Roles(in proto.Message) (roles []string) {
	if m.roles == nil {
		return nil
	}
	list := in.ProtoReflect().Get(m.roles).List()
	for i := range list.Len() {
		roles = append(roles, list.Get(i).String())
	}
	return roles
}

// fieldPath resolves a dotted path of singular fields that ends in a scalar.
func fieldPath(d protoreflect.MessageDescriptor, path string) (way []protoreflect.FieldDescriptor, err error) {
	if path == "" {
		return nil, nil
	}
	for name := range strings.SplitSeq(path, ".") {
		var f protoreflect.FieldDescriptor
		if d != nil {
			f = d.Fields().ByName(protoreflect.Name(name))
		}
		if f == nil || f.IsList() || f.IsMap() {
			return nil, edge.E(edge.Invalid, "the request has no single field %s", path)
		}
		way, d = append(way, f), f.Message()
	}
	return way, nil
}
