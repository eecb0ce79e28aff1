package auth

import (
	"context"
	"net/netip"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Request is what came with a call besides its credentials, for the methods that sign people in.
type Request struct {
	Peer   netip.Addr  // of the socket; forwarded headers do not count
	Device string      // the cookie of a browser that was here before; unproven
	Agent  string      // what the browser calls itself
	Grant  func(Grant) // hands cookies to the browser; nil: this door has none, and answers carry the secrets
}

// A Grant is what the browser is to keep in cookies, or to forget.
type Grant struct {
	edge.Redacted

	Session string    // empty: forget the one it has
	Until   time.Time // of the session
	Device  string    // empty: keep the one it has
	Known   time.Time // until when the device counts as known
}

type requestKey struct{}

// WithRequest returns a context that carries r to the method.
func WithRequest(ctx context.Context, r Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestOf returns what WithRequest put there, and an empty Request where nothing was.
func RequestOf(ctx context.Context) Request {
	r, _ := ctx.Value(requestKey{}).(Request)
	return r
}
