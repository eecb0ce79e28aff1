package graph

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/aielon/edge/node/gateway/fastjson"
	"github.com/aielon/edge/node/gateway/method"
)

// emptyDoor is a door whose methods answer with nothing in it.
func emptyDoor(t testing.TB, methods *method.Table, knock func(context.Context) error) *Door {
	server := connect.NewServer()
	for _, m := range methods.All() {
		server.Register(connect.Method{Spec: m.Spec, Handler: func(_ context.Context, _ connect.Spec, s connect.ServerStream) error {
			if err := s.Receive(m.NewIn()); err != nil {
				return err
			}
			return s.Send(m.NewOut())
		}})
	}
	d, err := New(Options{Server: server, Methods: methods, JSON: fastjson.New(), Logger: slog.New(slog.DiscardHandler),
		Knock: knock, Introspect: func(context.Context) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// FuzzOperation executes whatever a client may send as an operation: the answer is JSON, and soon there.
func FuzzOperation(f *testing.F) {
	d := emptyDoor(f, served(f), func(context.Context) error { return nil })
	for _, q := range []string{`{ status { site link { held } } }`, `mutation { setSetting(key: "a", value: "b") { key } }`, `{ __schema { types { name fields { name args { defaultValue } } } } }`,
		`query($k: String!) { setting(key: $k) { ...F } } fragment F on Setting { version @skip(if: false) }`, `subscription { watchStatus { site } }`,
		`mutation { registerDevice(id: "a", publish: { filters: ["x", null] }) { device { id } } }`, `{ readings(since: 1, critical: null) { readings { samples { number data } } } }`, `{`, `{ status { __typename ... { a: site b: site } } }`, doubling(30)} {
		f.Add(q, `{"k":"v"}`)
	}
	f.Fuzz(func(t *testing.T, query, variables string) {
		q, _ := json.Marshal(query)
		if !json.Valid([]byte(variables)) {
			variables = "{}"
		}
		r := httptest.NewRequest("POST", "/graphql", strings.NewReader(`{"query":`+string(q)+`,"variables":`+variables+`}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		began := time.Now()
		d.ServeHTTP(w, r)
		if !json.Valid(w.Body.Bytes()) || w.Code >= 500 && w.Code != 507 || strings.Contains(w.Body.String(), "fault of the program") {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("it took %v", took)
		}
	})
}
