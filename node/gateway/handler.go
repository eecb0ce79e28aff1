package gateway

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2/connectgzip"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"connectrpc.com/grpcreflect/v2"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/fastjson"
	"github.com/aielon/edge/node/gateway/graph"
	"github.com/aielon/edge/node/gateway/grpcdoor"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/openapi"
	"github.com/aielon/edge/node/gateway/problem"
	"github.com/aielon/edge/node/gateway/rest"
	"github.com/aielon/edge/node/gateway/rpcws"
	"github.com/aielon/edge/node/gateway/wsconn"
)

// minGzip is from how many bytes an answer is compressed.
const minGzip = 1024

// Handler returns every door on one handler: gRPC, gRPC-Web and Connect at /<service>/<method>, REST at /v1/,
// GraphQL at /graphql, JSON-RPC over WebSocket at /ws, what all of them answer at /openapi.json and /docs, and what
// else is given by its pattern, which has a verb below /v1/. It is reached through an Entrance only. WebSockets end when the context of the server
// they came over ends (http.Server.BaseContext).
func (g *Gateway) Handler(others map[string]http.Handler) (http.Handler, error) {
	json := fastjson.New()
	r, err := rest.New(g.server, g.o.Methods, json)
	if err != nil {
		return nil, err
	}
	mux, at := http.NewServeMux(), places{}
	gzip := connectgzip.New()
	own := grpcdoor.New(grpcdoor.Options{Server: g.server, JSON: jsonCodec{json}, Gzip: gzip, MaxBytes: answerRoom, MinGzip: minGzip, Within: until})
	connecthttp.Mount(rpcMux{at, mux, g.o.Methods, own}, g.server, connecthttp.WithReadMaxBytes(answerRoom), connecthttp.WithCompressMinBytes(minGzip),
		connecthttp.WithCompressors(gzip), connecthttp.WithCodecs(connectproto.NewBinaryCodec(), jsonCodec{json}))
	sockets := wsconn.Options{Room: wsconn.NewRoom(), Origins: g.o.Hosts, While: g.While, Prove: g.prove}
	graphs, err := graph.New(graph.Options{Server: g.server, Methods: g.o.Methods, Schema: api.Schema, JSON: json, Knock: g.knock,
		Introspect: g.mayIntrospect, Sockets: sockets, Logger: g.o.Logger})
	if err != nil {
		return nil, err
	}
	at["/graphql"] = graphs
	at["/ws"] = rpcws.New(g.server, g.o.Methods, json, sockets)
	described, err := openapi.Handlers(openapi.Options{Methods: g.o.Methods, Schema: api.Schema, Title: "AiElon Edge", Version: cmp.Or(g.o.Version, "0"), Cookie: CookieSecure})
	if err != nil {
		return nil, err
	}
	for pattern, h := range described {
		mux.Handle(pattern, unhurried(h))
	}
	beside := http.NewServeMux()
	for pattern, h := range others {
		if strings.Contains(pattern, " /v1/") {
			beside.Handle(pattern, h)
			continue
		}
		mux.Handle(pattern, unhurried(h))
	}
	r.Beside(beside)
	if others["/"] == nil {
		mux.HandleFunc("/", nothingHere)
	}
	return at.among(r, mux), nil
}

// places are the handlers of addresses that are called often, by path. They need no patterns.
type places map[string]http.Handler

// among serves REST below /v1/, what has a place there, and the rest by its pattern.
func (p places) among(rest, others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch h, ok := p[r.URL.Path]; {
		case ok:
			h.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/v1/"):
			rest.ServeHTTP(w, r)
		default:
			guardPages(w.Header())
			others.ServeHTTP(w, r)
		}
	})
}

// unhurried serves what may take as long as its reader needs.
func unhurried(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call.Unbound(w)
		h.ServeHTTP(w, r)
	})
}

// nothingHere refuses requests for what no door has.
func nothingHere(w http.ResponseWriter, r *http.Request) {
	problem.Write(w, edge.E(edge.NotFound, "there is nothing at this address").WithHint("/docs says what there is"), call.From(r.Context()).ID)
}

// knock takes a request off the budget of its address, before anything of it is parsed.
func (g *Gateway) knock(ctx context.Context) error { return g.o.Limit.Address(call.From(ctx)) }

// prove says whether a connection is opened by somebody. Credentials that prove nothing are not ignored, since they
// would be sent along with every call on it.
func (g *Gateway) prove(ctx context.Context) (proven bool, err error) {
	if err := g.knock(ctx); err != nil {
		return false, err
	}
	who, err := g.o.Who.Authenticate(ctx, call.From(ctx).Credentials)
	if err != nil {
		g.turnedAway(ctx, call.From(ctx), &method.Method{Op: "node.connect", Query: true, Rule: &api.Rule{Object: "node", Home: api.Home_HOME_NODE}}, err)
		return false, problem.Rejected(err)
	}
	return who.Proven(), nil
}

// mayIntrospect reports whether the caller is somebody who may see how the node is: such a one may see what can be
// asked of it, too.
func (g *Gateway) mayIntrospect(ctx context.Context) bool {
	r := call.From(ctx)
	who, err := g.o.Who.Authenticate(ctx, r.Credentials)
	if err != nil || !who.Proven() {
		return false
	}
	r.Caller = who
	for _, m := range g.o.Methods.All() {
		if m.Rule.GetNeeds() == "node.read" {
			return g.o.Guard.Decide(ctx, Access{Request: r, Method: m}).Refused == nil
		}
	}
	return false
}

// Reflect lets signed-in callers ask over gRPC what there is (grpc.reflection.v1).
func (g *Gateway) Reflect() { grpcreflect.Register(g.server) }

// rpcMux names the door of calls that come over Connect, gRPC and gRPC-Web, and bounds how long an answer that is
// no stream may take to be read. Calls over gRPC go to the door we made for it; what it does not serve, such as
// reflection, is served by connect-go.
type rpcMux struct {
	places  places
	others  *http.ServeMux
	methods *method.Table
	grpc    *grpcdoor.Door
}

// Handle implements connecthttp.ServeMux.
func (m rpcMux) Handle(pattern string, h http.Handler) {
	of, known := m.methods.ByProcedure(pattern)
	named := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		door := "connect"
		if kind := r.Header.Get("Content-Type"); strings.HasPrefix(kind, "application/grpc-web") {
			door = "grpc-web"
		} else if strings.HasPrefix(kind, "application/grpc") {
			door = "grpc"
		}
		r = call.Named(r, door)
		if !known || of.Stream {
			call.Unbound(w)
		} else {
			call.Bound(w, r)
		}
		switch {
		case known && door == "grpc" && grpcdoor.Takes(r):
			m.grpc.Serve(w, r, of)
		case known && !of.Stream:
			h.ServeHTTP(whole{w}, r)
		default:
			h.ServeHTTP(w, r)
		}
	})
	if strings.HasSuffix(pattern, "/") { // methods that a service does not have
		m.others.Handle(pattern, named)
		return
	}
	m.places[pattern] = named
}

// whole is a ResponseWriter whose answer leaves at once when it is complete, as one message needs it. Sent bit by bit,
// each part of it would wake the goroutine that writes for all streams of an HTTP/2 connection.
type whole struct{ w http.ResponseWriter }

// Header implements http.ResponseWriter.
func (w whole) Header() http.Header { return w.w.Header() }

// Write implements http.ResponseWriter.
func (w whole) Write(p []byte) (int, error) { return w.w.Write(p) }

// WriteHeader implements http.ResponseWriter.
func (w whole) WriteHeader(status int) { w.w.WriteHeader(status) }

// Unwrap is for http.ResponseController.
func (w whole) Unwrap() http.ResponseWriter { return w.w }
