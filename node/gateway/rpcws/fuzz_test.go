package rpcws

import (
	"encoding/json"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
)

// FuzzParse holds whatever a client sends against what must be true of every answer: it is JSON, and an id in it is
// the client's own or null.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"jsonrpc":"2.0","id":1,"method":"a","params":{}}`, `{"jsonrpc":"2.0","id":"\u0000","method":"a","meta":{"readAfter":"1"}}`,
		`[{}]`, `{}`, `{"id":-1e400}`, `{"id":{}}`, `nonsense`, `{"jsonrpc":"2.0","id":null}`, "{\"id\":\"\xff\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, code, err := parse(b)
		if (err == nil) != (code == 0) {
			t.Fatalf("code %d with %v", code, err)
		}
		if err == nil && (!validID(q.ID) || q.Version != "2.0") {
			t.Fatalf("%s was taken", b)
		}
		info := &connect.CallInfo{}
		info.ResponseHeader().Set(call.Index, "1")
		info.ResponseHeader().Set(call.Again, "true")
		if err == nil && !json.Valid(answer(q.ID, []byte("{}"), info)) {
			t.Fatalf("%s", answer(q.ID, []byte("{}"), info))
		}
		if out := refusal(q.ID, edge.E(edge.Invalid, "%s", b), codeRequest); !json.Valid(out) {
			t.Fatalf("%s", out)
		}
	})
}

func TestCodes(t *testing.T) {
	for kind, want := range map[edge.Kind]int{edge.Internal: -32603, edge.Invalid: -32602, edge.NotFound: -32002, edge.Conflict: -32003,
		edge.Denied: -32004, edge.Unavailable: -32005, edge.Exhausted: -32006, edge.Corrupt: -32007} {
		if got := codeOf(edge.E(kind, "x")); got != want {
			t.Errorf("%s: %d, want %d", kind, got, want)
		}
	}
}
