// Package call carries, in a context, what a door knows of the request it serves.
package call

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// Names of the headers by which a request and its answer speak of the site's state. They are header fields on
// HTTP, metadata on gRPC, members of the envelope on WebSocket.
const (
	Idempotency = "Idempotency-Key"      // makes retries of a command harmless
	Index       = "Aielon-Index"         // of an answer: the commit index it stands on
	Position    = "Aielon-Position"      // of a command's answer: its place in the site's ledger journal
	Again       = "Aielon-Again"         // "true": this is the answer an earlier try was given
	Replayed    = "Idempotency-Replayed" // says the same, under the name others know
	ReadAfter   = "Aielon-Read-After"    // of a read: wait until this node has that index
	Consistency = "Aielon-Consistency"   // "linearizable": everything acknowledged before the read
	RequestID   = "X-Request-Id"         // names the request in logs, traces and audit records
	IfMatch     = "If-Match"             // of a command: only if what it is about has this version
	RetryAfter  = "Retry-After"          // of a refusal: seconds to wait
)

// A Request is one request as its door sees it. A door makes it, interceptors fill in the caller.
type Request struct {
	edge.Redacted

	ID          string // of this request, in logs, traces and audit records
	Door        string // rest, graphql, grpc, connect, websocket, fhir, local
	Peer        netip.Addr
	Credentials auth.Credentials
	Caller      auth.Caller // as proven; zero before that
	Secure      bool        // it came over TLS, or never left this machine
	TLS         bool        // it came over TLS
	Cookies     bool        // the answer can carry cookies
	Device      string      // the cookie of a browser that was here before; unproven
	Agent       string      // what the browser calls itself
}

// AnswerTime is how long an answer may take to be read. A server bounds each by it (http.Server.WriteTimeout);
// doors whose answers go on for longer lift the bound.
const AnswerTime = time.Minute

// Bound bounds the answer to r where the server has no such bound: over HTTP/3.
func Bound(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 3 {
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(AnswerTime))
	}
}

// Unbound lifts the bound, for doors that bound their answer themselves, from message to message, or not at all.
func Unbound(w http.ResponseWriter) {
	http.NewResponseController(w).SetWriteDeadline(time.Time{})
}

type key struct{}

// carrying is a context with a request in it: one allocation for both.
type carrying struct {
	edge.Redacted

	context.Context
	r Request
}

// Value implements context.Context.
func (c *carrying) Value(k any) any {
	switch k.(type) {
	case key:
		return &c.r
	case edge.RequestKey:
		return c.r.ID
	}
	return c.Context.Value(k)
}

// With returns a context that carries r.
func With(ctx context.Context, r Request) context.Context { return &carrying{Context: ctx, r: r} }

// From returns the request a context carries, and an empty one where it carries none.
func From(ctx context.Context) Request {
	if r := at(ctx); r != nil {
		return *r
	}
	return Request{}
}

// At is the request a context carries, and an empty one where it carries none, to be read only.
func At(ctx context.Context) *Request {
	if r := at(ctx); r != nil {
		return r
	}
	return &Request{}
}

func at(ctx context.Context) *Request {
	r, _ := ctx.Value(key{}).(*Request)
	return r
}

// Through returns ctx with the door's name set. A request comes through one door, which says so before it does
// anything else with it: so the name is put into the request ctx carries, where it carries one.
func Through(ctx context.Context, door string) context.Context {
	if r := at(ctx); r != nil {
		r.Door = door
		return ctx
	}
	return With(ctx, Request{Door: door})
}

// Named is r with the door's name in its context.
func Named(r *http.Request, door string) *http.Request {
	ctx := r.Context()
	if named := Through(ctx, door); named != ctx {
		return r.WithContext(named)
	}
	return r
}

type partsKey struct{}

// WithParts returns a context whose call, where it is done in parts, tells each part's answer as it is decided, to f. The
// answer to the call itself is that to its last part then. An error of f ends the call.
func WithParts(ctx context.Context, f func(proto.Message) error) context.Context {
	return context.WithValue(ctx, partsKey{}, f)
}

// PartsOf is whom to tell of parts, nil where nobody asked.
func PartsOf(ctx context.Context) func(proto.Message) error {
	f, _ := ctx.Value(partsKey{}).(func(proto.Message) error)
	return f
}
