// Package rest is the door for REST: JSON over the routes that the schemas give their methods
// (google.api.http), problem details for errors (RFC 9457), ETags, Prefer (RFC 7240), and streams as
// server-sent events or lines of JSON.
package rest

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"connectrpc.com/connect/v2"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/fastjson"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/problem"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

// A Door serves the methods of a table over REST.
type Door struct {
	server *connect.Server
	json   *fastjson.Writer
	routes *http.ServeMux
	verbs  []string
	beside *http.ServeMux // nil, or what is served below /v1/ and is no method
	room   sync.Pool      // of *[]byte: answers are written there before they are sent
}

// New returns a Door. It fails with Invalid on a route that cannot be served.
func New(server *connect.Server, methods *method.Table, json *fastjson.Writer) (*Door, error) {
	d := &Door{server: server, json: json, routes: http.NewServeMux(), room: sync.Pool{New: func() any { return new(make([]byte, 0, 512)) }}}
	named := actions{}
	for _, m := range methods.All() {
		for _, r := range m.Routes {
			h, err := d.handler(m, r)
			if err != nil {
				return nil, err
			}
			named.add(r, h)
			if !slices.Contains(d.verbs, r.Verb) {
				d.verbs = append(d.verbs, r.Verb)
			}
		}
	}
	named.mount(d.routes)
	slices.Sort(d.verbs)
	d.routes.HandleFunc("/", d.lost)
	return d, nil
}

// Beside adds what is served below /v1/ where no method has a route. It is called before the door is open.
func (d *Door) Beside(mux *http.ServeMux) { d.beside = mux }

// ServeHTTP serves one request below /v1/.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = call.Named(r, "rest")
	d.routes.ServeHTTP(w, r)
}

// lost answers a request for which there is no route: for other verbs there may be one.
func (d *Door) lost(w http.ResponseWriter, r *http.Request) {
	if d.beside != nil {
		if _, pattern := d.beside.Handler(r); pattern != "" {
			d.beside.ServeHTTP(w, r)
			return
		}
	}
	id := call.From(r.Context()).ID
	if allow := d.allowed(r); len(allow) > 0 {
		w.Header().Set("Allow", strings.Join(allow, ", "))
		problem.Write(w, problem.WithStatus(http.StatusMethodNotAllowed, edge.E(edge.Invalid, "%s is not possible here", printable(r.Method)).WithHint("use %s", strings.Join(allow, " or "))), id)
		return
	}
	nothing(w, r)
}

func nothing(w http.ResponseWriter, r *http.Request) {
	problem.Write(w, edge.E(edge.NotFound, "there is nothing at this address").WithHint("/openapi.json lists what there is"), call.From(r.Context()).ID)
}

func (d *Door) allowed(r *http.Request) (allow []string) {
	for _, verb := range d.verbs {
		o := *r
		o.Method = verb
		if _, pattern := d.routes.Handler(&o); pattern != "" && strings.Contains(pattern, " ") {
			allow = append(allow, verb)
		}
	}
	return allow
}

// printable keeps what a caller sent as its verb from reaching logs and answers as it came.
func printable(verb string) string {
	if len(verb) > 16 || strings.ContainsFunc(verb, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return "this verb"
	}
	return verb
}

// handler serves one route.
func (d *Door) handler(m *method.Method, route method.Route) (http.Handler, error) {
	b, err := newBinding(m, route)
	if err != nil {
		return nil, err
	}
	serve := d.unary
	if m.Stream {
		serve = d.stream
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if deprecated(m) {
			w.Header().Set("Deprecation", "@1") // RFC 9745: since when is not known, but it is
		}
		serve(w, r, m, b)
	})
	if m.Stream {
		return h, nil
	}
	if request, _ := m.Items(); request != nil && route.Verb == http.MethodPost {
		return d.batches(m, b, compressed(h)), nil
	}
	return compressed(h), nil
}
