package graph

import (
	"errors"
	"math"
	"net/http"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/problem"
)

// gqlError is err as GraphQL tells it: the sentence as its message, and in its extensions what a program needs:
// the error's own code, or the one Connect and gRPC have where it has none, what the decision stood on, the kind, the HTTP status it has over REST, a hint, seconds to wait.
func gqlError(err error, path ast.Path) *gqlerror.Error {
	d := problem.Of(err)
	out := &gqlerror.Error{Err: err, Message: d.Detail, Path: path, Extensions: map[string]any{
		"code": problem.Code(err).String(), "kind": d.Title, "status": d.Status}}
	if d.Code != "" {
		out.Extensions["code"] = d.Code
	}
	if len(d.Facts) > 0 {
		out.Extensions["facts"] = d.Facts
	}
	if d.Needs != "" {
		out.Extensions["needs"] = d.Needs
	}
	if d.Hint != "" {
		out.Extensions["hint"] = d.Hint
	}
	if t, ok := errors.AsType[*problem.Throttled](err); ok {
		out.Extensions["retryAfter"] = max(1, int(math.Round(t.After.Seconds())))
	}
	return out
}

// invalid refuses a request that is none.
func invalid(format string, args ...any) *gqlerror.Error {
	return gqlError(edge.E(edge.Invalid, format, args...), nil)
}

// dressed gives errors of the parser and the validator the members that all others have.
func dressed(list gqlerror.List) gqlerror.List {
	for _, e := range list {
		if e.Extensions == nil {
			e.Extensions = map[string]any{}
		}
		if e.Extensions["kind"] == nil {
			e.Extensions["kind"], e.Extensions["status"] = edge.Invalid.String(), http.StatusBadRequest
		}
	}
	return list
}

// statusOf is the HTTP status of a request that was refused before it was executed.
func statusOf(list gqlerror.List) int {
	if len(list) > 0 {
		if s, ok := list[0].Extensions["status"].(int); ok {
			return s
		}
	}
	return http.StatusBadRequest
}
