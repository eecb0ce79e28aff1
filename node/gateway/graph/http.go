package graph

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
)

const (
	maxBody = 1 << 20 // bytes of a request

	typeGraph = "application/graphql-response+json"
	typeJSON  = "application/json"
	typeEvent = "text/event-stream"
)

// overHTTP serves one operation a request, as "GraphQL over HTTP" has it: POST with a JSON body, GET for queries.
type overHTTP struct{ schema *schema }

var _ graphql.Transport = overHTTP{}

// Supports implements graphql.Transport. It answers whatever no other transport does.
func (overHTTP) Supports(*http.Request) bool { return true }

// Do implements graphql.Transport.
func (t overHTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	kind := accepted(r.Header.Values("Accept"))
	if kind == "" {
		t.refuse(w, typeJSON, problem.WithStatus(http.StatusNotAcceptable, edge.E(edge.Invalid, "answers come as %s or %s", typeGraph, typeJSON)))
		return
	}
	params, err := paramsOf(w, r)
	if err != nil {
		t.refuse(w, kind, err)
		return
	}
	op, list := exec.CreateOperationContext(r.Context(), params)
	if list != nil {
		status := statusOf(dressed(list))
		if kind == typeJSON && status == http.StatusBadRequest {
			status = http.StatusOK // clients of old read only what comes with 200
		}
		send(w, kind, status, &graphql.Response{Errors: list})
		return
	}
	if err := possible(r, op, t.schema, ast.Query); err != nil {
		w.Header().Set("Allow", http.MethodPost)
		t.refuse(w, kind, err)
		return
	}
	responses, ctx := exec.DispatchOperation(r.Context(), op)
	response := responses(ctx)
	if index, ok := response.Extensions["index"].(string); ok {
		w.Header().Set(call.Index, index)
	}
	send(w, kind, http.StatusOK, response)
}

// possible refuses operations that a request of its kind cannot carry: streams where there is one answer, and
// what changes something by GET.
func possible(r *http.Request, op *graphql.OperationContext, s *schema, answers ...ast.Operation) error {
	kind := op.Operation.Operation
	if kind == ast.Subscription && !slices.Contains(answers, kind) {
		return problem.WithStatus(http.StatusNotAcceptable, edge.E(edge.Invalid, "a subscription is answered by a stream").
			WithHint("accept %s, or use a WebSocket", typeEvent))
	}
	if r.Method != http.MethodGet || kind == ast.Query {
		return nil
	}
	for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, nil) {
		if m, ok := s.roots[kind][f.Name]; ok && !m.method.Query {
			return problem.WithStatus(http.StatusMethodNotAllowed, edge.E(edge.Invalid, "what changes something cannot be asked for by GET").WithHint("use POST"))
		}
	}
	return nil
}

func (overHTTP) refuse(w http.ResponseWriter, kind string, err error) {
	e := gqlError(err, nil)
	send(w, kind, statusOf(gqlerror.List{e}), &graphql.Response{Errors: gqlerror.List{e}})
}

// paramsOf reads the operation a request carries.
func paramsOf(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, error) {
	var p *graphql.RawParams
	var err error
	switch r.Method {
	case http.MethodGet:
		p, err = fromQuery(r.URL.RawQuery)
	case http.MethodPost:
		p, err = fromBody(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		return nil, problem.WithStatus(http.StatusMethodNotAllowed, edge.E(edge.Invalid, "use GET or POST"))
	}
	if err != nil {
		return nil, err
	}
	p.Headers = r.Header
	return p, nil
}

func fromBody(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != typeJSON || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return nil, problem.WithStatus(http.StatusUnsupportedMediaType, edge.E(edge.Invalid, "the body must be JSON").WithHint("set Content-Type: %s", typeJSON))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, err
	} else if err != nil {
		return nil, edge.E(edge.Invalid, "the body cannot be read: %w", err)
	}
	return parseParams(body)
}

// parseParams reads an operation as JSON. What stood in it is not repeated in errors: it may hold secrets.
func parseParams(b []byte) (*graphql.RawParams, error) {
	if b = bytes.TrimLeft(b, " \t\r\n"); len(b) > 0 && b[0] == '[' {
		return nil, edge.E(edge.Invalid, "several operations in one request are not taken").WithHint("send them one by one; an operation may have %d fields", maxCalls)
	}
	var in struct {
		Query         string         `json:"query"`
		OperationName string         `json:"operationName"`
		Variables     map[string]any `json:"variables"`
		Extensions    map[string]any `json:"extensions"`
	}
	if err := decodeOne(b, &in); err != nil {
		return nil, edge.E(edge.Invalid, "the body is not the JSON of a GraphQL request")
	}
	return &graphql.RawParams{Query: in.Query, OperationName: in.OperationName, Variables: in.Variables, Extensions: in.Extensions}, nil
}

// decodeOne decodes exactly one JSON value, numbers as they were written.
func decodeOne(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

func fromQuery(raw string) (*graphql.RawParams, error) {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return nil, edge.E(edge.Invalid, "the address cannot be read")
	}
	p := &graphql.RawParams{Query: q.Get("query"), OperationName: q.Get("operationName")}
	for name, to := range map[string]*map[string]any{"variables": &p.Variables, "extensions": &p.Extensions} {
		if v := q.Get(name); v != "" {
			if err := decodeOne([]byte(v), to); err != nil {
				return nil, edge.E(edge.Invalid, "%s must be a JSON object", name)
			}
		}
	}
	return p, nil
}

// accepted is the content type of the answer, empty where none is wanted that there is. Without a wish it is plain
// JSON, which every client understands.
func accepted(accept []string) string {
	type wish struct {
		kind string
		q    float64
	}
	var wishes []wish
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if v, ok := params["q"]; ok {
			q, _ = strconv.ParseFloat(v, 64)
		}
		wishes = append(wishes, wish{kind, q})
	}
	if len(wishes) == 0 {
		return typeJSON
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Compare(b.q, a.q) })
	for _, w := range wishes {
		switch {
		case w.q <= 0:
		case w.kind == typeGraph:
			return typeGraph
		case w.kind == typeJSON || w.kind == "application/*" || w.kind == "*/*":
			return typeJSON
		}
	}
	return ""
}

func send(w http.ResponseWriter, kind string, status int, r *graphql.Response) {
	b := encode(make([]byte, 0, len(r.Data)+256), r)
	h := w.Header()
	h.Set("Content-Type", kind+"; charset=utf-8")
	h.Set("Cache-Control", "private, no-cache")
	h.Add("Vary", "Accept")
	if seconds, ok := retryAfter(r); ok {
		h.Set(call.RetryAfter, strconv.Itoa(seconds))
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}

func retryAfter(r *graphql.Response) (seconds int, ok bool) {
	for _, e := range r.Errors {
		if s, is := e.Extensions["retryAfter"].(int); is {
			seconds, ok = max(seconds, s), true
		}
	}
	return seconds, ok
}

// encode appends a response. A request that was refused has no data at all, not even null.
func encode(dst []byte, r *graphql.Response) []byte {
	dst = append(dst, '{')
	at := len(dst)
	member := func(name string, v []byte) {
		if len(dst) > at {
			dst = append(dst, ',')
		}
		dst = append(append(append(append(dst, '"'), name...), `":`...), v...)
	}
	if len(r.Errors) > 0 {
		b, err := json.Marshal(r.Errors)
		if err != nil {
			b = []byte(`[{"message":"something went wrong inside the node"}]`)
		}
		member("errors", b)
	}
	if r.Data != nil {
		member("data", r.Data)
	}
	if len(r.Extensions) > 0 {
		if b, err := json.Marshal(r.Extensions); err == nil {
			member("extensions", b)
		}
	}
	return append(dst, '}')
}
