// Package call carries, in a context, what a door knows of the request it serves.
package call

import (
	"context"
	"net/netip"

	"github.com/aielon/edge/node/auth"
)

// Names of the headers by which a request and its answer speak of the site's state. They are header fields on
// HTTP, metadata on gRPC, members of the envelope on WebSocket.
const (
	Idempotency = "Idempotency-Key"    // makes retries of a command harmless
	Index       = "Aielon-Index"       // of an answer: the commit index it stands on
	Position    = "Aielon-Position"    // of a command's answer: its place in the site's ledger journal
	Again       = "Aielon-Again"       // "true": this is the answer an earlier try was given
	ReadAfter   = "Aielon-Read-After"  // of a read: wait until this node has that index
	Consistency = "Aielon-Consistency" // "linearizable": everything acknowledged before the read
	RequestID   = "X-Request-Id"       // names the request in logs, traces and audit records
	IfMatch     = "If-Match"           // of a command: only if what it is about has this version
	RetryAfter  = "Retry-After"        // of a refusal: seconds to wait
)

// A Request is one request as its door sees it. A door makes it, interceptors fill in the caller.
type Request struct {
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

type key struct{}

// With returns a context that carries r.
func With(ctx context.Context, r Request) context.Context { return context.WithValue(ctx, key{}, &r) }

// From returns the request a context carries, and an empty one where it carries none.
func From(ctx context.Context) Request {
	if r, ok := ctx.Value(key{}).(*Request); ok {
		return *r
	}
	return Request{}
}

// Through returns ctx with the door's name set.
func Through(ctx context.Context, door string) context.Context {
	r := From(ctx)
	r.Door = door
	return With(ctx, r)
}
