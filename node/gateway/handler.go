package gateway

import (
	"net/http"
	"strings"

	"connectrpc.com/connect/v2/connectgzip"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"connectrpc.com/grpcreflect/v2"

	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/fastjson"
	"github.com/aielon/edge/node/gateway/rest"
)

// Handler returns every door on one handler: gRPC, gRPC-Web and Connect at /<service>/<method>, REST at /v1/,
// and what else is given by its pattern. Whoever is not known gets in through Entrance only.
func (g *Gateway) Handler(others map[string]http.Handler) (http.Handler, error) {
	json := fastjson.New()
	r, err := rest.New(g.server, g.o.Methods, json)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	connecthttp.Mount(rpcMux{mux}, g.server, connecthttp.WithReadMaxBytes(answerRoom), connecthttp.WithCompressMinBytes(1024),
		connecthttp.WithCompressors(connectgzip.New()), connecthttp.WithCodecs(connectproto.NewBinaryCodec(), jsonCodec{json}))
	mux.Handle("/v1/", r)
	for pattern, h := range others {
		mux.Handle(pattern, h)
	}
	return mux, nil
}

// Reflect lets signed-in callers ask over gRPC what there is (grpc.reflection.v1).
func (g *Gateway) Reflect() { grpcreflect.Register(g.server) }

// rpcMux names the door of calls that come over Connect, gRPC and gRPC-Web.
type rpcMux struct{ *http.ServeMux }

// Handle implements connecthttp.ServeMux.
func (m rpcMux) Handle(pattern string, h http.Handler) {
	m.ServeMux.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		door := "connect"
		if kind := r.Header.Get("Content-Type"); strings.HasPrefix(kind, "application/grpc-web") {
			door = "grpc-web"
		} else if strings.HasPrefix(kind, "application/grpc") {
			door = "grpc"
		}
		h.ServeHTTP(w, r.WithContext(call.Through(r.Context(), door)))
	}))
}
