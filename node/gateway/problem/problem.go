// Package problem turns errors into what each protocol says of them: problem details (RFC 9457) and HTTP
// status codes, Connect and gRPC codes. What is our fault is told without its details.
package problem

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/edge"
)

// Details are what a caller is told of an error (RFC 9457). Type is a URI reference that names the kind.
type Details struct {
	Type     string `json:"type"`
	Title    string `json:"title"` // the kind: "not_found"
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Hint     string `json:"hint,omitempty"`
	Needs    string `json:"needs,omitempty"`    // a proof that would mend a refusal: fresh, second-factor or password
	Code     string `json:"code,omitempty"`     // what is wrong, for programs, where the kind is not enough
	Facts    []Fact `json:"facts,omitempty"`    // what the decision stood on
	Instance string `json:"instance,omitempty"` // the request's id
}

// A Fact is something a refusal stood on. A list of them keeps their order, which an object would not.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Throttled error asks the caller to wait.
type Throttled struct {
	Why   *edge.Error
	After time.Duration
}

// Error returns why.
func (t *Throttled) Error() string { return t.Why.Error() }

// Unwrap returns the error that says why.
func (t *Throttled) Unwrap() error { return t.Why }

// errUnproven lies beneath the refusal of a caller who has not proven anything: signing in would help.
var errUnproven = errors.New("unproven")

// Unproven refuses a caller that must prove who it is first.
func Unproven(format string, args ...any) *edge.Error {
	e := edge.E(edge.Denied, format, args...)
	e.Err = errUnproven
	return e
}

// Rejected is err, where credentials proved nothing, as a refusal that signing in would mend.
func Rejected(err error) error {
	e, ok := errors.AsType[*edge.Error](err)
	if !ok || e.Kind != edge.Denied {
		return err
	}
	c := *e
	c.Err = errUnproven
	return &c
}

// Proofs that a refusal may need.
const (
	NeedsFresh    = "fresh"         // the same proof once more
	NeedsSecond   = "second-factor" // a code or a passkey
	NeedsPassword = "password"      // a person's own proof in the place of a token
)

// needing lies beneath a refusal that a better or fresher proof would mend.
type needing struct{ proof string }

func (n needing) Error() string { return "needs a proof: " + n.proof }

// Needing is err as a refusal that the named proof would mend.
func Needing(err error, proof string) error {
	e, ok := errors.AsType[*edge.Error](err)
	if !ok || e.Kind != edge.Denied {
		return err
	}
	c := *e
	c.Err = needing{proof}
	return &c
}

const internalText = "something went wrong inside the node; nothing of it is your fault"

// Of says what a caller is told of err. Of what is our fault it tells neither words nor codes nor facts.
func Of(err error) Details {
	e := edgeError(err)
	d := Details{Type: "/problems/" + e.Kind.String(), Title: e.Kind.String(), Status: Status(err), Detail: e.Msg, Hint: e.Hint}
	if n, ok := errors.AsType[needing](err); ok {
		d.Needs = n.proof
	}
	if e.Kind == edge.Internal || e.Kind == edge.Corrupt {
		d.Detail = internalText
	} else {
		d.Code = e.Code
		for _, f := range e.Facts {
			d.Facts = append(d.Facts, Fact(f))
		}
	}
	if p, ok := errors.AsType[*Partial](err); ok {
		p.tell(&d)
	}
	return d
}

// edgeError is err as an error of ours.
func edgeError(err error) *edge.Error {
	if e, ok := errors.AsType[*edge.Error](err); ok {
		return e
	}
	if c, ok := errors.AsType[*connect.Error](err); ok {
		return remote(c)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return edge.E(edge.Unavailable, "it took too long").WithHint("try again; a command keeps its Idempotency-Key")
	case errors.Is(err, context.Canceled):
		return edge.E(edge.Unavailable, "the request was given up")
	}
	if m, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return edge.E(edge.Exhausted, "the request is longer than %d bytes", m.Limit)
	}
	return edge.E(edge.Internal, "%w", err)
}

// Status is the HTTP status of err.
func Status(err error) int {
	if _, ok := errors.AsType[*Throttled](err); ok {
		return http.StatusTooManyRequests
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge
	}
	if errors.Is(err, errUnproven) {
		return http.StatusUnauthorized
	}
	if s, ok := errors.AsType[*Statused](err); ok {
		return s.Status
	}
	switch edgeError(err).Kind {
	case edge.Invalid:
		return http.StatusBadRequest
	case edge.NotFound:
		return http.StatusNotFound
	case edge.Conflict:
		return http.StatusConflict
	case edge.Denied:
		return http.StatusForbidden
	case edge.Unavailable:
		return http.StatusServiceUnavailable
	case edge.Exhausted:
		return http.StatusInsufficientStorage
	case edge.Refused:
		return http.StatusUnprocessableEntity
	}
	return http.StatusInternalServerError
}

// A Statused error has a status of its own where HTTP knows a better one than its kind's.
type Statused struct {
	Err    *edge.Error
	Status int
}

// Error returns the error's own words.
func (s *Statused) Error() string { return s.Err.Error() }

// Unwrap returns the error itself.
func (s *Statused) Unwrap() error { return s.Err }

// WithStatus gives an error an HTTP status of its own.
func WithStatus(status int, e *edge.Error) error { return &Statused{e, status} }

// Code is the code Connect and gRPC have for err.
func Code(err error) connect.Code {
	if errors.Is(err, errUnproven) {
		return connect.CodeUnauthenticated
	}
	if c, ok := errors.AsType[*connect.Error](err); ok && !errors.As(err, new(*edge.Error)) {
		return c.Code()
	}
	if !errors.As(err, new(*edge.Error)) {
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return connect.CodeDeadlineExceeded
		case errors.Is(err, context.Canceled):
			return connect.CodeCanceled
		}
	}
	switch edgeError(err).Kind {
	case edge.Invalid:
		return connect.CodeInvalidArgument
	case edge.NotFound:
		return connect.CodeNotFound
	case edge.Conflict:
		return connect.CodeAborted
	case edge.Denied:
		return connect.CodePermissionDenied
	case edge.Unavailable:
		return connect.CodeUnavailable
	case edge.Exhausted:
		return connect.CodeResourceExhausted
	case edge.Corrupt:
		return connect.CodeDataLoss
	case edge.Refused:
		return connect.CodeFailedPrecondition
	}
	return connect.CodeInternal
}

func kindOf(c connect.Code) edge.Kind {
	switch c {
	case connect.CodeInvalidArgument, connect.CodeOutOfRange, connect.CodeUnimplemented:
		return edge.Invalid
	case connect.CodeNotFound:
		return edge.NotFound
	case connect.CodeAborted, connect.CodeAlreadyExists, connect.CodeFailedPrecondition:
		return edge.Conflict
	case connect.CodePermissionDenied, connect.CodeUnauthenticated:
		return edge.Denied
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeCanceled:
		return edge.Unavailable
	case connect.CodeResourceExhausted:
		return edge.Exhausted
	case connect.CodeDataLoss:
		return edge.Corrupt
	}
	return edge.Internal
}

// remote is an error of the wire as one of ours. A code that others use for more than one thing is Refused only where
// a Problem of ours says so.
func remote(c *connect.Error) *edge.Error {
	p := said(c)
	if c.Code() != connect.CodeFailedPrecondition || p.GetKind() != edge.Refused.String() {
		return edge.E(kindOf(c.Code()), "%s", c.Message())
	}
	e := edge.E(edge.Refused, "%s", p.GetDetail()).WithHint("%s", p.GetHint())
	e.Code = p.GetCode()
	for _, f := range p.GetFacts() {
		e.Facts = append(e.Facts, edge.Fact{Name: f.GetName(), Value: f.GetValue()})
	}
	return e
}

// said is the Problem among the details of an error, nil where there is none.
func said(c *connect.Error) *api.Problem {
	for _, d := range c.Details() {
		if m, err := connectproto.UnmarshalErrorDetail(d); err == nil {
			if p, ok := m.(*api.Problem); ok {
				return p
			}
		}
	}
	return nil
}

// Message is d as callers that do not speak HTTP are told it.
func (d Details) Message() *api.Problem {
	p := &api.Problem{Kind: d.Title, Detail: d.Detail, Hint: d.Hint, Needs: d.Needs, Code: d.Code}
	for _, f := range d.Facts {
		p.Facts = append(p.Facts, &api.Fact{Name: f.Name, Value: f.Value})
	}
	return p
}

// Write sends err as problem details. A refusal that time mends says when to come again.
func Write(w http.ResponseWriter, err error, request string) {
	d := Of(err)
	d.Instance = request
	if t, ok := errors.AsType[*Throttled](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(max(t.After.Round(time.Second)/time.Second, 1))))
	}
	if d.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="aielon-edge"`)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Del("Content-Length")
	w.WriteHeader(d.Status)
	json.NewEncoder(w).Encode(d)
}
