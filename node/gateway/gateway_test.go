package gateway

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/api/devicesv1"
	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/problem"
)

// site is a site of one in memory: commands are evaluated as the sequencer does, outcomes are remembered.
type site struct {
	mu       sync.Mutex // guards what follows
	mux      *edge.Mux
	state    *edgetest.State
	index    uint64
	outcomes map[edge.ID]remembered
}

type remembered struct {
	body []byte
	out  edge.Outcome
}

func (s *site) Propose(_ context.Context, c edge.Command) (edge.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, ok := s.outcomes[c.ID]; ok {
		if !bytes.Equal(was.body, c.Body) {
			return edge.Outcome{}, edge.E(edge.Conflict, "this identifier was used before for another request")
		}
		was.out.Again = true
		return was.out, nil
	}
	h, err := s.mux.Handler(c.Type)
	if err != nil {
		return edge.Outcome{}, err
	}
	s.state.By = c.Actor
	s.index++
	o := edge.Outcome{Index: s.index, Pos: edge.Pos{Seq: s.index}}
	err = s.state.Try(func(tx edge.Tx) (err error) { o.Reply, err = h(tx, c.Body); return err })
	if err != nil {
		o.Err = err.(*edge.Error)
	}
	s.outcomes[c.ID] = remembered{c.Body, o}
	return o, nil
}

func (s *site) Ask(_ context.Context, name string, in proto.Message, _ bool) (proto.Message, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.mux.MessageAsker(name)
	if err != nil {
		return nil, 0, err
	}
	out, err := a(s.state, in)
	return out, s.index, err
}

func (s *site) WaitApplied(ctx context.Context, index uint64) error {
	if index > s.index {
		return edge.E(edge.Unavailable, "this node is at %d and does not know %d yet", s.index, index)
	}
	return nil
}

// people lets "good" be anybody and "guest" be somebody without rights.
type people struct {
	mu      sync.Mutex
	revoked bool
}

func (p *people) Authenticate(_ context.Context, c auth.Credentials) (auth.Caller, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case c.Bearer == "" && c.Cookie == "":
		return auth.Caller{}, nil
	case c.Bearer == "good" && !p.revoked:
		return auth.Caller{Actor: edge.Actor{Kind: edge.Person, ID: "amina"}, Roles: []string{"operator"}}, nil
	case c.Bearer == "bound" || c.Bearer == "unlucky": // see luck
		return auth.Caller{Actor: edge.Actor{Kind: edge.Person, ID: c.Bearer}, Roles: []string{"operator"}}, nil
	case c.Bearer == "guest":
		return auth.Caller{Actor: edge.Actor{Kind: edge.Person, ID: "guest"}}, nil
	}
	return auth.Caller{}, edge.E(edge.Denied, "sign in again")
}

type guard struct {
	mu    sync.Mutex
	notes []string
	full  bool
}

func (g *guard) Decide(_ context.Context, a Access) Verdict {
	c := a.Request.Caller
	switch {
	case a.Method == nil || a.Method.Rule.GetOpen() || c.Has("operator"):
		return Verdict{}
	case !c.Proven():
		return Verdict{Refused: problem.Unproven("sign in first")}
	}
	return Verdict{Refused: edge.E(edge.Denied, "you may not do that")}
}

func (g *guard) Way(a Access, _ Verdict) *edge.Way { return &edge.Way{Door: a.Request.Door} }

func (g *guard) Note(_ context.Context, a Access, _ Verdict) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.full {
		return edge.E(edge.Exhausted, "there is no room for the record of it")
	}
	g.notes = append(g.notes, a.Method.Op+" "+a.Object)
	return nil
}

type noLimit struct{}

func (noLimit) Address(call.Request) error        { return nil }
func (noLimit) Principal(call.Request, int) error { return nil }

type bench struct {
	site   *site
	people *people
	guard  *guard
	g      *Gateway
	h      http.Handler
	status chan *nodev1.Status
}

func newBench(t testing.TB) *bench {
	t.Helper()
	methods, err := method.New(nodev1.File_node_api_nodev1_node_proto, devicesv1.File_node_api_devicesv1_devices_proto)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{people: &people{}, guard: &guard{}, status: make(chan *nodev1.Status, 8),
		site: &site{mux: edge.NewMux(), state: edgetest.New(edge.Actor{}, time.Unix(1e9, 0)), outcomes: map[edge.ID]remembered{}}}
	edge.Handle(b.site.mux, func(tx edge.Tx, in *nodev1.SetSettingRequest) (*nodev1.Setting, error) {
		if in.GetIfVersion() > 7 {
			return nil, edge.E(edge.Conflict, "it was set by somebody else meanwhile")
		}
		s := &nodev1.Setting{Key: in.GetKey(), Value: in.GetValue(), Version: 1, By: tx.Actor().ID}
		row, err := proto.Marshal(s)
		tx.Set([]byte("s/"+in.GetKey()), row)
		return s, err
	})
	edge.Answer(b.site.mux, func(v edge.View, in *nodev1.GetSettingRequest) (*nodev1.Setting, error) {
		row, err := v.Get([]byte("s/" + in.GetKey()))
		if err != nil {
			return nil, edge.E(edge.NotFound, "there is no setting %q", in.GetKey())
		}
		s := &nodev1.Setting{}
		return s, proto.Unmarshal(row, s)
	})
	b.g, err = New(Options{Methods: methods, Backend: b.site, Locals: b.locals(methods), Who: b.people, Guard: b.guard, Limit: noLimit{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	b.g.Reflect()
	doors, err := b.g.Handler(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.h = &Entrance{Hosts: []string{"clinic.local"}, Next: doors}
	return b
}

// locals answers what the tests do not look at with an empty message.
func (b *bench) locals(t *method.Table) *Locals {
	l := NewLocals()
	Local(l, func(ctx context.Context, _ *nodev1.GetStatusRequest) (*nodev1.Status, error) {
		return &nodev1.Status{Site: "clinic", Role: call.From(ctx).Door}, nil
	})
	LocalStream(l, func(ctx context.Context, _ *nodev1.WatchStatusRequest, send func(*nodev1.Status) error) error {
		for {
			select {
			case s, ok := <-b.status:
				if !ok {
					return nil
				}
				if err := send(s); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	for _, m := range t.All() {
		name := m.Desc.FullName()
		if m.Rule.GetHome() == api.Home_HOME_NODE && l.unary[name] == nil && l.stream[name] == nil {
			l.unary[name] = func(context.Context, proto.Message) (proto.Message, error) { return m.NewOut(), nil }
			l.stream[name] = func(context.Context, proto.Message, connect.ServerStream) error { return nil }
		}
	}
	return l
}

func (b *bench) do(method, path, token, body string, head ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	return w
}

func TestREST(t *testing.T) {
	b := newBench(t)
	for _, tc := range []struct {
		name, method, path, token, body string
		head                            []string
		status                          int
		want                            string
	}{
		{"set", "PUT", "/v1/settings/hours", "good", `{"value":"8-18"}`, nil, 200, `{"key":"hours","value":"8-18","version":"1","by":"amina"}`},
		{"get", "GET", "/v1/settings/hours", "good", "", nil, 200, `{"key":"hours","value":"8-18","version":"1","by":"amina"}`},
		{"status", "GET", "/v1/status", "good", "", nil, 200, `{"site":"clinic","role":"rest"}`},
		{"not there", "GET", "/v1/settings/no", "good", "", nil, 404, `there is no setting`},
		{"nobody", "GET", "/v1/settings/hours", "", "", nil, 401, `sign in first`},
		{"stranger", "GET", "/v1/settings/hours", "bad", "", nil, 401, `sign in again`},
		{"not allowed", "PUT", "/v1/settings/hours", "guest", `{"value":"x"}`, nil, 403, `you may not`},
		{"open", "GET", "/v1/ledger", "", "", nil, 200, `{}`},
		{"open with old credentials", "GET", "/v1/ledger", "bad", "", nil, 200, `{}`},
		{"unknown field", "PUT", "/v1/settings/hours", "good", `{"owner":"x"}`, nil, 400, `owner`},
		{"twice", "PUT", "/v1/settings/hours", "good", `{"value":"a","value":"b"}`, nil, 400, `duplicate`},
		{"other key in the body", "PUT", "/v1/settings/hours", "good", `{"key":"b"}`, nil, 400, `another one`},
		{"no JSON", "PUT", "/v1/settings/hours", "good", `value=1`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, `must be JSON`},
		{"XML", "PUT", "/v1/settings/hours", "good", `<a/>`, []string{"Content-Type", "application/xml"}, 415, `must be JSON`},
		{"too long", "PUT", "/v1/settings/hours", "good", `{"value":"` + strings.Repeat("a", 4097) + `"}`, nil, 400, `it may have 0 to 4096`},
		{"much too long", "PUT", "/v1/settings/hours", "good", `{"value":"` + strings.Repeat("a", 2<<20) + `"}`, nil, 413, `longer than`},
		{"deep", "PUT", "/v1/settings/hours", "good", strings.Repeat(`{"value":`, 10000), nil, 400, `cannot be read`},
		{"invisible", "PUT", "/v1/settings/hours", "good", `{"value":"a\u202eb"}`, nil, 400, `U+202E`},
		{"bad UTF-8", "PUT", "/v1/settings/hours", "good", "{\"value\":\"a\xff\"}", nil, 400, `cannot be read`},
		{"page too large", "GET", "/v1/settings?page_size=1000000000", "good", "", nil, 400, `between 0 and 1000`},
		{"page no number", "GET", "/v1/settings?page_size=ten", "good", "", nil, 400, `whole number`},
		{"unknown question", "GET", "/v1/settings?role=owner", "good", "", nil, 400, `nothing called role`},
		{"token in the address", "GET", "/v1/settings?access_token=good", "", "", nil, 400, `secret`},
		{"verb", "POST", "/v1/settings/hours", "good", "", nil, 405, `use GET or PUT`},
		{"address", "GET", "/v1/nothing", "good", "", nil, 404, `nothing at this address`},
		{"stale", "PUT", "/v1/settings/hours", "good", `{"value":"c"}`, []string{"If-Match", `"8-abc"`}, 412, `meanwhile`},
		{"bad tag", "PUT", "/v1/settings/hours", "good", `{"value":"c"}`, []string{"If-Match", `"abc"`}, 400, `ETag`},
		{"no such version", "GET", "/v1/status", "good", "", []string{"If-Match", `"1"`}, 400, `bound to a version`},
		{"behind", "GET", "/v1/settings/hours", "good", "", []string{"Aielon-Read-After", "999"}, 503, `does not know`},
		{"foreign page", "PUT", "/v1/settings/hours", "good", `{"value":"c"}`, []string{"Origin", "https://evil.example"}, 403, `another site`},
		{"minimal", "PUT", "/v1/settings/hours", "good", `{"value":"c"}`, []string{"Prefer", "return=minimal"}, 204, ``},
		{"Connect", "POST", "/aielon.node.v1.Settings/GetSetting", "good", `{"key":"hours"}`, nil, 200, `{"key":"hours","value":"c","version":"1","by":"amina"}`},
		{"Connect refused", "POST", "/aielon.node.v1.Settings/GetSetting", "", `{"key":"hours"}`, nil, 401, `sign in first`},
		{"Connect unknown field", "POST", "/aielon.node.v1.Settings/GetSetting", "good", `{"k":1}`, nil, 400, `unknown field`},
		{"unknown method", "POST", "/aielon.node.v1.Settings/Nothing", "good", `{}`, nil, 501, `not registered`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := b.do(tc.method, tc.path, tc.token, tc.body, tc.head...)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
				t.Fatalf("%d %s\nwant %d with %s", w.Code, w.Body, tc.status, tc.want)
			}
			if w.Code >= 400 && strings.HasPrefix(tc.path, "/v1/") && w.Header().Get("Content-Type") != "application/problem+json" {
				t.Fatalf("a refusal came as %q", w.Header().Get("Content-Type"))
			}
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	b := newBench(t)
	first := b.do("PUT", "/v1/settings/a", "good", `{"value":"1"}`, "Idempotency-Key", "k1")
	again := b.do("PUT", "/v1/settings/a", "good", `{"value":"1"}`, "Idempotency-Key", "k1")
	if first.Body.String() != again.Body.String() || again.Header().Get(call.Again) != "true" || again.Header().Get(call.Replayed) != "true" || first.Header().Get(call.Replayed) != "" || first.Header().Get(call.Index) != again.Header().Get(call.Index) || b.site.index != 1 {
		t.Fatalf("%v %s\n%v %s", first.Header(), first.Body, again.Header(), again.Body)
	}
	if w := b.do("PUT", "/v1/settings/a", "good", `{"value":"2"}`, "Idempotency-Key", "k1"); w.Code != 409 {
		t.Fatalf("the same key with another body: %d %s", w.Code, w.Body)
	}
	if w := b.do("POST", "/aielon.node.v1.Settings/SetSetting", "good", `{"key":"a","value":"1"}`, "Idempotency-Key", "k1"); w.Header().Get(call.Again) != "true" {
		t.Fatalf("another door did not know the key: %d %s", w.Code, w.Body)
	}
	if w := b.do("PUT", "/v1/settings/a", "good", `{"value":"1"}`, "Idempotency-Key", strings.Repeat("k", 129)); w.Code != 400 {
		t.Fatalf("a long key: %d", w.Code)
	}
}

func TestETag(t *testing.T) {
	b := newBench(t)
	w := b.do("PUT", "/v1/settings/a", "good", `{"value":"1"}`)
	tag := b.do("GET", "/v1/settings/a", "good", "").Header().Get("ETag")
	if tag != w.Header().Get("ETag") || !strings.HasPrefix(tag, `"1-`) {
		t.Fatalf("%q and %q", tag, w.Header().Get("ETag"))
	}
	if w := b.do("GET", "/v1/settings/a", "good", "", "If-None-Match", `"x", W/`+tag); w.Code != 304 || w.Body.Len() > 0 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := b.do("PUT", "/v1/settings/a", "good", `{"value":"2"}`, "If-Match", tag); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestNoRecordNoAccess(t *testing.T) {
	b := newBench(t)
	b.do("POST", "/v1/link/hold", "good", `{"held":true}`)
	b.do("GET", "/v1/status", "guest", "")
	if want := "node.hold_link ,node.get_status "; strings.Join(b.guard.notes, ",") != want {
		t.Fatalf("%q", b.guard.notes)
	}
	b.guard.full = true
	if w := b.do("POST", "/v1/link/hold", "good", `{"held":true}`); w.Code != 507 || !strings.Contains(w.Body.String(), "no room for the record") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func TestStreamEndsWithTheRight(t *testing.T) {
	b := newBench(t)
	srv := httptest.NewServer(b.h)
	defer srv.Close()
	defer srv.CloseClientConnections()
	for accept, want := range map[string]string{"text/event-stream": "data: {\"site\":\"a\"}\n\n", "application/x-ndjson": "{\"site\":\"a\"}\n"} {
		b.people.revoked = false
		r, _ := http.NewRequest("GET", srv.URL+"/v1/status:watch", nil)
		r.Header.Set("Authorization", "Bearer good")
		r.Header.Set("Accept", accept)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b.status <- &nodev1.Status{Site: "a"}
		buf := make([]byte, len(want))
		if _, err := io.ReadFull(res.Body, buf); err != nil || string(buf) != want {
			t.Fatalf("%q %v", buf, err)
		}
		b.people.mu.Lock()
		b.people.revoked = true
		b.people.mu.Unlock()
		began := time.Now()
		rest, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if !strings.Contains(string(rest), "sign in again") || time.Since(began) > 5*time.Second {
			t.Fatalf("%s: after %v: %q", accept, time.Since(began), rest)
		}
		b.people.mu.Lock()
		b.people.revoked = false
		b.people.mu.Unlock()
	}
}

func TestPanicCostsOneCall(t *testing.T) {
	b := newBench(t)
	l := NewLocals()
	Local(l, func(context.Context, *nodev1.GetStatusRequest) (*nodev1.Status, error) {
		panic("secret of the program")
	})
	for _, m := range b.g.o.Methods.All() {
		if n := m.Desc.FullName(); n != "aielon.node.v1.Node.GetStatus" && m.Rule.GetHome() == api.Home_HOME_NODE {
			l.unary[n], l.stream[n] = b.g.o.Locals.unary[n], b.g.o.Locals.stream[n]
		}
	}
	o, log := b.g.o, &bytes.Buffer{}
	o.Locals, o.Logger = l, slog.New(slog.NewTextHandler(log, nil))
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	h, _ := g.Handler(nil)
	b.h = &Entrance{Next: h}
	if w := b.do("GET", "/v1/status", "good", ""); w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if text := log.String(); strings.Contains(text, "secret") || !strings.Contains(text, "a value of type string") || !strings.Contains(text, "TestPanicCostsOneCall") {
		t.Errorf("the log says %s", text)
	}
}
