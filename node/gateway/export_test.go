package gateway

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/api/schemas"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/method"
)

// Reached is what every method answers behind Doors: whoever is told this was let in.
const Reached = "this was reached"

func reached() error { return edge.E(edge.Unavailable, Reached) }

// unanswered is a site that is reached and does nothing.
type unanswered struct{}

func (unanswered) Propose(context.Context, edge.Command) (edge.Outcome, error) {
	return edge.Outcome{}, reached()
}

func (unanswered) Ask(context.Context, string, proto.Message, bool) (proto.Message, uint64, error) {
	return nil, 0, reached()
}

func (unanswered) WaitApplied(context.Context, uint64) error { return nil }

// A Door calls a method over one wire, and returns the kind and the words of the error it was told.
type Door func(t testing.TB, m *method.Method, in proto.Message, token string) (kind, detail string)

// Doors opens a gateway of all methods with a guard and an authenticator.
func Doors(t testing.TB, guard Guard, who Authenticator) (methods *method.Table, doors map[string]Door) {
	t.Helper()
	methods, err := method.New(schemas.All()...)
	if err != nil {
		t.Fatal(err)
	}
	l := NewLocals()
	for _, m := range methods.All() {
		l.unary[m.Desc.FullName()] = func(context.Context, proto.Message) (proto.Message, error) { return nil, reached() }
		l.stream[m.Desc.FullName()] = func(context.Context, proto.Message, connect.ServerStream) error { return reached() }
	}
	g, err := New(Options{Methods: methods, Backend: unanswered{}, Locals: l, Who: who, Guard: guard, Limit: noLimit{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h, err := g.Handler(nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := serveBoth(t, &Entrance{Next: h})
	doors = map[string]Door{}
	for name, ask := range allDoors(t, srv) {
		if name != "WebSocket" {
			doors[name] = Door(func(t testing.TB, m *method.Method, in proto.Message, token string) (kind, detail string) {
				got := ask(t, m, in, token)
				return got.kind, got.detail
			})
		}
	}
	doors["WebSocket"] = oneSocketEach(srv)
	return methods, doors
}

// oneSocketEach asks over one WebSocket for each caller.
func oneSocketEach(srv *httptest.Server) Door {
	open := map[string]asker{}
	return func(t testing.TB, m *method.Method, in proto.Message, token string) (kind, detail string) {
		if open[token] == nil {
			open[token] = askOver(dialRPC(t, srv, token))
		}
		got := open[token](t, m, in, token)
		return got.kind, got.detail
	}
}

// Sample is a request the schema allows, about an object and with roles where its method says where those stand.
func Sample(m *method.Method, object string, roles ...string) proto.Message {
	in := m.NewIn()
	fillIn(in.ProtoReflect(), 0)
	if path := m.Rule.GetObjectField(); path != "" {
		f := in.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(path))
		if api.LimitOf(f).GetPattern() == "" { // whatever has a form of its own is nobody's
			in.ProtoReflect().Set(f, protoreflect.ValueOfString(object))
		}
	}
	for _, path := range m.Rule.GetObjectFields() {
		setEach(in.ProtoReflect(), path, object)
	}
	if name := m.Rule.GetRolesField(); name != "" {
		list := in.ProtoReflect().Mutable(in.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(name))).List()
		list.Truncate(0)
		for _, r := range roles {
			list.Append(protoreflect.ValueOfString(r))
		}
	}
	return in
}

// setEach puts a text where a dotted path leads, through every item of a list, and makes messages on its way.
func setEach(m protoreflect.Message, path, text string) {
	name, rest, more := strings.Cut(path, ".")
	f := m.Descriptor().Fields().ByName(protoreflect.Name(name))
	switch {
	case !more:
		m.Set(f, protoreflect.ValueOfString(text))
	case f.IsList():
		for i := range m.Get(f).List().Len() {
			setEach(m.Get(f).List().Get(i).Message(), rest, text)
		}
	default:
		setEach(m.Mutable(f).Message(), rest, text)
	}
}

// SchemaMethods lists every method of every schema in the repository.
func SchemaMethods(t testing.TB) (names []string) {
	t.Helper()
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(api.Schema, &set); err != nil {
		t.Fatal(err)
	}
	for _, f := range set.GetFile() {
		if !strings.HasPrefix(f.GetPackage(), "aielon.") {
			continue
		}
		for _, s := range f.GetService() {
			for _, m := range s.GetMethod() {
				names = append(names, f.GetPackage()+"."+s.GetName()+"."+m.GetName())
			}
		}
	}
	return names
}

// SampleLedger is the site of the sample schema behind a guard: ask sends a request to it as somebody, and done counts the
// commands it did.
func SampleLedger(t testing.TB, g Guard, who Authenticator) (ask func(verb, path, token, body string, head ...string) *httptest.ResponseRecorder, done func() int) {
	b := guardedLedger(t, g, who)
	return b.do, func() int { return len(b.ledger.done) }
}
