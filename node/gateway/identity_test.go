package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/auth/lockout"
	"github.com/aielon/edge/node/auth/password"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/problem"
)

// ownRows is a node's own store in memory.
type ownRows map[string][]byte

func (r ownRows) Put(k string, v []byte) error { r[k] = v; return nil }
func (r ownRows) Delete(k string) error        { delete(r, k); return nil }
func (r ownRows) Each(f func(string, []byte) error) error {
	for k, v := range r {
		if err := f(k, v); err != nil {
			return err
		}
	}
	return nil
}

// proven lets everybody do everything who has proven who they are.
type proven struct{}

func (proven) Decide(_ context.Context, a Access) Verdict {
	if a.Method == nil || a.Method.Rule.GetOpen() || a.Request.Caller.Proven() {
		return Verdict{}
	}
	return Verdict{Refused: problem.Unproven("sign in first")}
}

func (proven) Note(context.Context, Access, Verdict) error { return nil }

func (proven) Way(Access, Verdict) *edge.Way { return &edge.Way{} }

// asCaller makes a method of identity answer calls.
func asCaller[In, Out proto.Message](l *Locals, f func(context.Context, auth.Caller, In) (Out, error)) {
	Local(l, func(ctx context.Context, in In) (Out, error) {
		r := call.From(ctx)
		out, err := f(auth.WithRequest(ctx, auth.Request{Peer: r.Peer}), r.Caller, in)
		if soon, ok := errors.AsType[*lockout.TooSoon](err); ok {
			e, _ := errors.AsType[*edge.Error](err)
			return out, &problem.Throttled{Why: e, After: soon.After}
		}
		return out, err
	})
}

func identityBench(t *testing.T) (b *bench, code string) {
	t.Helper()
	methods, err := method.New(identityv1.File_node_api_identityv1_identity_proto)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{mux: edge.NewMux(), state: edgetest.New(edge.Actor{}, time.Now()), outcomes: map[edge.ID]remembered{}}
	identity.Register(s.mux)
	who, err := identity.New(identity.Options{Site: "clinic", View: func(f func(edge.View) error) error { return f(s.state) }, Propose: s, Local: ownRows{},
		Applied: s.WaitApplied, Passwords: password.NewHasher(password.Cost{Memory: 64, Passes: 1, Threads: 1})})
	if err != nil {
		t.Fatal(err)
	}
	l := NewLocals()
	asCaller(l, who.SetUp)
	asCaller(l, who.SignIn)
	asCaller(l, who.SignOut)
	asCaller(l, who.GetMe)
	asCaller(l, who.CreateInvitation)
	asCaller(l, who.AcceptInvitation)
	for _, m := range methods.All() {
		if name := m.Desc.FullName(); m.Rule.GetHome() == api.Home_HOME_NODE && l.unary[name] == nil {
			l.unary[name] = func(context.Context, proto.Message) (proto.Message, error) { return m.NewOut(), nil }
		}
	}
	g, err := New(Options{Methods: methods, Backend: s, Locals: l, Who: who, Guard: proven{}, Limit: noLimit{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	doors, err := g.Handler(nil)
	if err != nil {
		t.Fatal(err)
	}
	if code, err = who.EnsureSetup(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &bench{site: s, h: &Entrance{Hosts: []string{"clinic.local"}, Next: doors}}, code
}

// From an empty site to two people, over REST, as a browser does it.
func TestIdentityOverREST(t *testing.T) {
	b, code := identityBench(t)
	kept := map[string]string{"CODE": code}
	for _, c := range []struct {
		method, path, as, body string
		status                 int
		want, keep             string
	}{
		{"GET", "/v1/me", "", "", 401, "sign in first", ""},
		{"POST", "/v1/setup", "", `{"code":"AAAAA-AAAAA-AAAAA-AAAAA","login":"mira","password":"purple camel teacup"}`, 403, "the code is wrong", ""},
		{"POST", "/v1/setup", "", `{"code":"CODE","login":"mira","password":"password1234"}`, 400, "first that anybody would try", ""},
		{"POST", "/v1/setup", "", `{"code":"CODE","login":"mira","password":"purple camel teacup","roles":["owner"]}`, 400, "roles", ""},
		{"POST", "/v1/setup", "", `{"code":"CODE","login":"mira","password":"purple camel teacup"}`, 200, `"roles":["owner"]`, "session=OWNER"},
		{"GET", "/v1/me", "OWNER", "", 200, `"strength":"password"`, ""},
		{"POST", "/v1/invitations", "OWNER", `{"roles":["clinician"]}`, 200, `"roles":["clinician"]`, "code=INVITED"},
		{"POST", "/v1/invitations/accept", "", `{"code":"INVITED","login":"omar","password":"seven quiet lanterns"}`, 200, `"idleSeconds":"900"`, "session=OMAR"},
		{"GET", "/v1/people?page_size=1", "OMAR", "", 200, `"nextPageToken":"`, ""},
		{"GET", "/v1/sessions", "OWNER", "", 200, `"strength":"password"`, ""},
		{"POST", "/v1/sign-in", "", `{"login":"omar","password":"wrong"}`, 403, "is wrong", ""},
		{"POST", "/v1/sign-in", "OLD", `{"login":" Omar ","password":"seven quiet lanterns"}`, 200, `"session":"aes_`, "session=AGAIN"},
		{"POST", "/v1/sign-out", "OMAR", `{}`, 200, `{}`, ""},
		{"GET", "/v1/me", "OMAR", "", 401, "sign in again", ""},
		{"GET", "/v1/me", "AGAIN", "", 200, `"login":"omar"`, ""},
	} {
		for name, secret := range kept {
			c.body = strings.ReplaceAll(c.body, name, secret)
		}
		as := c.as
		if kept[as] != "" {
			as = kept[as]
		}
		w := b.do(c.method, c.path, as, c.body)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s %s as %s: %d %s, want %d with %s", c.method, c.path, c.as, w.Code, w.Body, c.status, c.want)
		}
		if field, name, ok := strings.Cut(c.keep, "="); ok {
			var out map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
				t.Fatal(err)
			}
			kept[name], _ = out[field].(string)
		}
	}
}

// Guessing is answered with 429 and a time to wait.
func TestGuessingIsThrottled(t *testing.T) {
	b, _ := identityBench(t)
	for range 5 {
		b.do("POST", "/v1/sign-in", "", `{"login":"admin","password":"admin"}`)
	}
	if w := b.do("POST", "/v1/sign-in", "", `{"login":"ADMIN","password":"admin"}`); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d, Retry-After %q: %s", w.Code, w.Header().Get("Retry-After"), w.Body)
	}
}
