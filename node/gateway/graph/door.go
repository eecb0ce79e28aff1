// Package graph is the door for GraphQL: queries, mutations and subscriptions over HTTP, server-sent events and
// WebSocket. Its schema is derived from the descriptors of the methods and from nothing else. gqlgen parses,
// validates and executes; the fields of the root are calls to the same server as every other door's.
package graph

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"

	"connectrpc.com/connect/v2"
	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/klauspost/compress/gzhttp"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/fastjson"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/wsconn"
)

// Options are what a Door stands between.
type Options struct {
	Server     *connect.Server
	Methods    *method.Table
	Schema     []byte // the descriptors with their comments (google.protobuf.FileDescriptorSet)
	JSON       *fastjson.Writer
	Knock      func(context.Context) error // takes a request off its address's budget before anything is parsed
	Introspect func(context.Context) bool  // who may see the schema
	Sockets    wsconn.Options
	Logger     *slog.Logger
}

// A Door serves the methods of a table over GraphQL.
type Door struct {
	schema *schema
	plain  http.Handler // answers at once, compressed
	stream http.Handler // answers by and by
}

// New returns a Door. It fails with Invalid where two methods would be one field.
func New(o Options) (*Door, error) {
	s, err := newSchema(o.Methods, o.Schema)
	if err != nil {
		return nil, err
	}
	srv := handler.New(&executable{schema: s, server: o.Server, json: o.JSON})
	srv.SetQueryCache(newCache())
	srv.SetParserTokenLimit(maxTokens)
	srv.SetDisableSuggestion(true)
	srv.SetValidationRulesFn(silentRules)
	srv.SetRecoverFunc(func(ctx context.Context, p any) error {
		o.Logger.ErrorContext(ctx, "GraphQL panicked", "panic", edge.Panicked(p), "stack", string(debug.Stack()))
		return gqlError(edge.E(edge.Internal, "a fault of the program"), nil)
	})
	srv.Use(limits{s, o.Introspect, o.Knock})
	sockets := o.Sockets
	sockets.Protocols = []string{protocol}
	srv.AddTransport(overSocket{sockets, o.Logger})
	srv.AddTransport(overEvents{s})
	srv.AddTransport(overHTTP{s})
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(1024), gzhttp.CompressionLevel(1), gzhttp.RandomJitter(32, 0, false), gzhttp.EnableZstd(true))
	if err != nil {
		return nil, edge.E(edge.Internal, "answers cannot be compressed: %w", err)
	}
	return &Door{schema: s, plain: compress(srv), stream: srv}, nil
}

// SDL is the schema in GraphQL's own language.
func (d *Door) SDL() string { return d.schema.sdl }

// ServeHTTP implements http.Handler.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = call.Named(r, "graphql")
	if (overSocket{}).Supports(r) || (overEvents{}).Supports(r) {
		call.Unbound(w)
		d.stream.ServeHTTP(w, r)
		return
	}
	call.Bound(w, r)
	d.plain.ServeHTTP(w, r)
}

const (
	cachedQueries = 256
	cachedLength  = 4 << 10 // bytes of text; longer ones are parsed each time, so that nobody fills the memory with them
)

// cache keeps what was parsed and found valid.
type cache struct{ *lru.LRU[*ast.QueryDocument] }

var _ graphql.Cache[*ast.QueryDocument] = cache{}

func newCache() cache { return cache{lru.New[*ast.QueryDocument](cachedQueries)} }

// Add implements graphql.Cache.
func (c cache) Add(ctx context.Context, query string, doc *ast.QueryDocument) {
	if len(query) <= cachedLength {
		c.LRU.Add(ctx, query, doc)
	}
}
