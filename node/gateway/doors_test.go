package gateway

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"connectrpc.com/connect/v2/connecthttp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/problem"
)

// told is what a caller is told through a door: the messages of the answer, or a refusal with its code and facts.
type told struct {
	out                       []proto.Message
	kind, detail, code, facts string
}

// refusal is what a caller is told of a refusal, from the members that all doors have.
func refusal(kind, detail, code string, facts []*api.Fact) told {
	t := told{kind: kind, detail: detail, code: code}
	for _, f := range facts {
		t.facts += f.GetName() + "=" + f.GetValue() + ";"
	}
	return t
}

// ownCode is code, but for what Connect and gRPC call the kind, which doors that have a code for every error put in the
// place of one that is missing.
func ownCode(kind, code string) string {
	e := edge.E(edge.ParseKind(kind), "")
	if code == problem.Code(e).String() || code == problem.Code(problem.Unproven("")).String() {
		return ""
	}
	return code
}

// An asker calls methods through one door.
type asker func(t testing.TB, m *method.Method, in proto.Message, token string) told

// serveBoth serves HTTP/1.1 and, for gRPC, HTTP/2 without TLS.
func serveBoth(t testing.TB, h http.Handler) *httptest.Server {
	srv := httptest.NewUnstartedServer(h)
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(true)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv
}

// allDoors are the doors of a gateway, each with a client that knows nothing of the others.
func allDoors(t testing.TB, srv *httptest.Server) map[string]asker {
	return map[string]asker{
		"REST":      restAsker(srv),
		"GraphQL":   graphAsker(t, srv),
		"gRPC":      grpcAsker(t, srv),
		"gRPC-Web":  connectAsker(srv, connecthttp.WithGRPCWeb()),
		"Connect":   connectAsker(srv, connecthttp.WithProtoJSON()),
		"WebSocket": socketAsker(srv),
	}
}

// TestSameAnswerThroughEveryDoor calls every method through every door and compares what is told.
func TestSameAnswerThroughEveryDoor(t *testing.T) {
	b := newSampleBench(t)
	doors := allDoors(t, serveBoth(t, b.h))
	refusals := 0
	for _, m := range b.g.o.Methods.All() {
		good := m.NewIn()
		fillIn(good.ProtoReflect(), 0)
		want := told{out: []proto.Message{m.NewOut()}}
		fillIn(want.out[0].ProtoReflect(), 0)
		if m.Stream {
			want.out = append(want.out, want.out[0])
		}
		for _, tc := range []struct {
			name, token string
			in          proto.Message
			want        told
		}{
			{"allowed", "good", good, want},
			{"not signed in", "", good, told{kind: "denied", detail: "sign in first"}},
			{"not allowed", "guest", good, told{kind: "denied", detail: "you may not do that"}},
			{"invalid", "good", broken(m), told{kind: "invalid", code: method.CodeInvalid}},
			{"refused", "bound", good, told{kind: "refused", detail: ruled.Msg, code: ruled.Code, facts: "rule=RIBA-1;set=3;"}},
			{"broken", "unlucky", good, told{kind: "internal", detail: problem.Of(faulty).Detail}},
		} {
			if tc.in == nil {
				continue
			}
			if tc.want.kind == "denied" && m.Rule.GetOpen() {
				tc.want = want
			}
			for name, ask := range doors {
				file := m.Desc.Output().FullName() == (&httpbody.HttpBody{}).ProtoReflect().Descriptor().FullName()
				if file && name == "GraphQL" {
					continue // the bytes of a file have no place in a graph
				}
				t.Run(m.Op+"/"+tc.name+"/"+name, func(t *testing.T) {
					got := ask(t, m, tc.in, tc.token)
					if tc.want.kind == "invalid" && tc.want.detail == "" && got.kind == "invalid" {
						tc.want.detail = got.detail // the first door's sentence is every door's
						refusals++
					}
					same(t, got, tc.want, file && name == "REST")
				})
			}
		}
	}
	if refusals < 10 {
		t.Fatalf("only %d methods could be asked wrongly", refusals)
	}
}

func same(t *testing.T, got, want told, bytesOnly bool) {
	t.Helper()
	if got.kind != want.kind || got.detail != want.detail || got.code != want.code || got.facts != want.facts || got.kind == "" && len(got.out) != len(want.out) && !bytesOnly {
		t.Fatalf("told %q %q %q %q %v\nwant %q %q %q %q %v", got.kind, got.detail, got.code, got.facts, got.out, want.kind, want.detail, want.code, want.facts, want.out)
	}
	if bytesOnly && got.kind == "" {
		var all []byte
		for _, m := range want.out {
			all = append(all, m.(*httpbody.HttpBody).GetData()...)
		}
		if !bytes.Equal(got.out[0].(*httpbody.HttpBody).GetData(), all) {
			t.Fatalf("%v\nwant %q", got.out, all)
		}
		return
	}
	for i := range got.out {
		if !proto.Equal(got.out[i], want.out[i]) {
			t.Fatalf("message %d\n%v\nwant\n%v", i, got.out[i], want.out[i])
		}
	}
}

// read decodes a message in the JSON mapping of protobuf.
func read(t testing.TB, m *method.Method, b []byte) proto.Message {
	t.Helper()
	out := m.NewOut()
	if err := protojson.Unmarshal(b, out); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return out
}

func do(t testing.TB, verb, url, token, accept string, body []byte) *http.Response {
	t.Helper()
	r, err := http.NewRequest(verb, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// events reads the data of server-sent events until they end.
func events(body io.Reader) (list []string) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			list = append(list, data)
		}
	}
	return list
}

func restAsker(srv *httptest.Server) asker {
	return func(t testing.TB, m *method.Method, in proto.Message, token string) (got told) {
		verb, path, body := restRequest(t, m, in)
		res := do(t, verb, srv.URL+path, token, "", body)
		defer res.Body.Close()
		file := m.Desc.Output().Name() == "HttpBody"
		switch {
		case res.StatusCode >= 400:
			var p details
			if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
				t.Fatal(err)
			}
			if p.Status != res.StatusCode {
				t.Errorf("the body says %d, the head %d", p.Status, res.StatusCode)
			}
			return refusal(p.Title, p.Detail, p.Code, p.Facts)
		case m.Stream && !file:
			for _, e := range events(res.Body) {
				var p details
				if err := json.Unmarshal([]byte(e), &p); err == nil && p.Type != "" && p.Status >= 400 {
					return refusal(p.Title, p.Detail, p.Code, p.Facts)
				}
				got.out = append(got.out, read(t, m, []byte(e)))
			}
			return got
		}
		all, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if file {
			return told{out: []proto.Message{&httpbody.HttpBody{Data: all}}}
		}
		return told{out: []proto.Message{read(t, m, all)}}
	}
}

// details are problem details as a client reads them.
type details struct {
	Type, Title, Detail, Code string
	Status                    int
	Facts                     []*api.Fact
}

// restRequest puts a message where its route has the parts of it.
func restRequest(t testing.TB, m *method.Method, in proto.Message) (verb, path string, body []byte) {
	route := m.Routes[0]
	msg := proto.Clone(in).ProtoReflect()
	path = route.Path
	for i := range msg.Descriptor().Fields().Len() {
		f := msg.Descriptor().Fields().Get(i)
		if hole := "{" + string(f.Name()) + "}"; strings.Contains(path, hole) {
			path = strings.Replace(path, hole, url.PathEscape(msg.Get(f).String()), 1)
			msg.Clear(f)
		}
	}
	text, err := protojson.Marshal(msg.Interface())
	if err != nil {
		t.Fatal(err)
	}
	if route.Body == "*" {
		return route.Verb, path, text
	}
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		t.Fatal(err)
	}
	q := url.Values{}
	for name, v := range fields {
		q.Set(name, fmt.Sprint(v))
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return route.Verb, path, nil
}

func graphAsker(t testing.TB, srv *httptest.Server) asker {
	sdl, err := os.ReadFile("graph/testdata/schema.graphql")
	if err != nil {
		t.Fatal(err)
	}
	schema := gqlparser.MustLoadSchema(&ast.Source{Input: string(sdl)})
	return func(t testing.TB, m *method.Method, in proto.Message, token string) (got told) {
		name, body := graphRequest(t, schema, m, in)
		accept := "application/graphql-response+json"
		if m.Stream {
			accept = "text/event-stream"
		}
		res := do(t, "POST", srv.URL+"/graphql", token, accept, body)
		defer res.Body.Close()
		var list []string
		if m.Stream && res.StatusCode == 200 {
			list = events(res.Body)
		} else {
			all, _ := io.ReadAll(res.Body)
			list = []string{string(all)}
		}
		for _, text := range list {
			var a struct {
				Data   map[string]json.RawMessage
				Errors []struct {
					Message    string
					Extensions struct {
						Kind, Code string
						Facts      []*api.Fact
					}
				}
			}
			if err := json.Unmarshal([]byte(text), &a); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if len(a.Errors) > 0 {
				e := a.Errors[0].Extensions
				return refusal(e.Kind, a.Errors[0].Message, ownCode(e.Kind, e.Code), e.Facts)
			}
			if m.Desc.Output().Fields().Len() == 0 {
				a.Data[name] = bytes.Replace(a.Data[name], []byte(`"ok":true`), nil, 1)
			}
			got.out = append(got.out, read(t, m, a.Data[name]))
		}
		return got
	}
}

// graphRequest asks for every field of an answer.
func graphRequest(t testing.TB, schema *ast.Schema, m *method.Method, in proto.Message) (field string, body []byte) {
	kind, root := "mutation", schema.Mutation
	field = strings.ToLower(string(m.Desc.Name()[:1])) + string(m.Desc.Name()[1:])
	switch {
	case m.Stream:
		kind, root = "subscription", schema.Subscription
	case m.Query:
		kind, root = "query", schema.Query
		field = strings.TrimPrefix(strings.TrimPrefix(field, "get"), "list")
		field = strings.ToLower(field[:1]) + field[1:]
	}
	def := root.Fields.ForName(field)
	if def == nil {
		t.Fatalf("there is no %s %s", kind, field)
	}
	text, err := protojson.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var declared, passed []string
	for _, a := range def.Arguments {
		declared = append(declared, "$"+a.Name+":"+a.Type.String())
		passed = append(passed, a.Name+":$"+a.Name)
	}
	query := kind + " { " + field
	if len(declared) > 0 {
		query = kind + "(" + strings.Join(declared, ",") + ") { " + field + "(" + strings.Join(passed, ",") + ")"
	}
	body, err = json.Marshal(map[string]any{"query": query + everything(m.Desc.Output()) + " }", "variables": json.RawMessage(text)})
	if err != nil {
		t.Fatal(err)
	}
	return field, body
}

// everything selects every field of a message.
func everything(d protoreflect.MessageDescriptor) string {
	if d.Fields().Len() == 0 {
		return " { ok }"
	}
	var s strings.Builder
	s.WriteString(" {")
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		s.WriteString(" " + f.JSONName())
		if f.Message() != nil && !f.IsMap() && f.Message().ParentFile().Package() != "google.protobuf" {
			s.WriteString(everything(f.Message()))
		}
	}
	return s.String() + " }"
}
