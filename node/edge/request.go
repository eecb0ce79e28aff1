package edge

import (
	"context"
	"strings"
)

// MaxRequest bounds the id of a request, in bytes.
const MaxRequest = 64

// RequestKey is the key under which a context carries the id of the request it serves, as a string: from the door that
// let it in to whatever is done for it, on this node and on others. Logs and audit records have it too.
type RequestKey struct{}

// IsRequest reports whether s has the form of a request's id: letters, digits, - and _, and no more than MaxRequest of
// them. Nothing else is taken over from a caller, nor written down.
func IsRequest(s string) bool {
	return s != "" && len(s) <= MaxRequest && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_'
	})
}

// WithRequest returns a context that carries the id of a request. What is no such id is left out.
func WithRequest(ctx context.Context, id string) context.Context {
	if !IsRequest(id) {
		return ctx
	}
	return context.WithValue(ctx, RequestKey{}, id)
}

// RequestOf is the id of the request ctx serves, empty where it serves none.
func RequestOf(ctx context.Context) string {
	id, _ := ctx.Value(RequestKey{}).(string)
	return id
}
