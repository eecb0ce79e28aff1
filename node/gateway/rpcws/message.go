package rpcws

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"

	"connectrpc.com/connect/v2"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
)

// request is one call as it comes.
type request struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Meta    struct {
		IdempotencyKey string `json:"idempotencyKey"`
		ReadAfter      string `json:"readAfter"`
		Consistency    string `json:"consistency"`
	} `json:"meta"`
}

// Codes of errors (JSON-RPC 2.0, section 5.1). An error of ours that has no code there has -32000 less its kind.
const (
	codeParse   = -32700
	codeRequest = -32600
	codeMethod  = -32601
	codeParams  = -32602
	codeOurs    = -32603
	codeKinds   = -32000
)

// parse reads one call. Where it is none it says which code that has.
func parse(b []byte) (q request, code int, err error) {
	if t := bytes.TrimLeft(b, " \t\r\n"); len(t) > 0 && t[0] == '[' {
		return q, codeRequest, edge.E(edge.Invalid, "several calls in one message are not taken").WithHint("send them one by one: they are answered as they are done")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		code := codeRequest
		if _, ok := errors.AsType[*json.SyntaxError](err); ok || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			code = codeParse
		}
		return request{}, code, edge.E(edge.Invalid, "the message is no JSON-RPC call")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return request{}, codeParse, edge.E(edge.Invalid, "the message is more than one JSON-RPC call")
	}
	switch {
	case !validID(q.ID):
		q.ID = nil
		return q, codeRequest, edge.E(edge.Invalid, "a call needs an id: a number, or a text of at most %d bytes", maxID)
	case q.Version != "2.0":
		return q, codeRequest, edge.E(edge.Invalid, `a call says "jsonrpc":"2.0"`)
	}
	return q, 0, nil
}

// validID reports whether an answer can be told by an id. A call without one would be a notification: nobody would
// learn what became of it.
func validID(id json.RawMessage) bool {
	if len(id) == 0 || len(id) > maxID {
		return false
	}
	return id[0] == '"' || id[0] == '-' || id[0] >= '0' && id[0] <= '9'
}

func codeOf(err error) int {
	switch k := kindOf(err); k {
	case edge.Internal:
		return codeOurs
	case edge.Invalid:
		return codeParams
	default:
		return codeKinds - int(k)
	}
}

func kindOf(err error) edge.Kind { return edge.ParseKind(problem.Of(err).Title) }

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    data   `json:"data"`
}

type data struct {
	Kind       string         `json:"kind"`
	Code       string         `json:"code"` // the error's own; where it has none, as Connect and gRPC have it
	Status     int            `json:"status"`
	Facts      []problem.Fact `json:"facts,omitempty"`
	Hint       string         `json:"hint,omitempty"`
	Needs      string         `json:"needs,omitempty"`      // a proof that would mend the refusal
	RetryAfter int            `json:"retryAfter,omitempty"` // seconds
}

func errorOf(err error, code int) []byte {
	d := problem.Of(err)
	e := rpcError{Code: code, Message: d.Detail, Data: data{Kind: d.Title, Code: cmp.Or(d.Code, problem.Code(err).String()), Status: d.Status, Facts: d.Facts, Hint: d.Hint, Needs: d.Needs}}
	if t, ok := errors.AsType[*problem.Throttled](err); ok {
		e.Data.RetryAfter = max(1, int(math.Round(t.After.Seconds())))
	}
	b, _ := json.Marshal(e) // texts and numbers only
	return b
}

// refusal is the answer to a call that failed; null stands for an id nobody could read.
func refusal(id json.RawMessage, err error, code int) []byte {
	if len(id) == 0 {
		id = json.RawMessage("null")
	}
	return join(`{"jsonrpc":"2.0","id":`, string(id), `,"error":`, string(errorOf(err, code)), "}")
}

// answer is the answer to a call that went well.
func answer(id json.RawMessage, result []byte, info *connect.CallInfo) []byte {
	b := join(`{"jsonrpc":"2.0","id":`, string(id), `,"result":`, string(result))
	meta, sep := []byte(nil), ""
	h := info.ResponseHeader()
	for _, m := range []struct{ name, header string }{{"index", call.Index}, {"position", call.Position}, {"again", call.Again}} {
		if v := h.Get(m.header); v != "" {
			if m.name != "again" {
				v = strconv.Quote(v)
			}
			meta = append(meta, sep+`"`+m.name+`":`+v...)
			sep = ","
		}
	}
	if len(meta) > 0 {
		b = append(append(append(b, `,"meta":{`...), meta...), '}')
	}
	return append(b, '}')
}

// notice tells of a subscription: a message, its end, or why it ended.
func notice(subscription, member string, value []byte) []byte {
	return join(`{"jsonrpc":"2.0","method":"subscription","params":{"subscription":"`, subscription, `","`, member, `":`, string(value), "}}")
}

func join(parts ...string) []byte {
	n := 64
	for _, p := range parts {
		n += len(p)
	}
	b := make([]byte, 0, n)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}
