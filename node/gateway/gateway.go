package gateway

import (
	"context"
	"log/slog"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/telemetry"
)

// A Backend is the state all nodes of a site share.
type Backend interface {
	edge.Proposer
	// Ask answers a query from this node's replica and says at which index; strict: linearizable.
	Ask(ctx context.Context, name string, in proto.Message, strict bool) (out proto.Message, index uint64, err error)
	// WaitApplied returns once this replica has applied index.
	WaitApplied(ctx context.Context, index uint64) error
}

// An Authenticator says who sends a request. Without credentials it returns the zero Caller and no error;
// credentials that prove nothing, or nothing any more, are refused with Denied.
type Authenticator interface {
	Authenticate(ctx context.Context, c auth.Credentials) (auth.Caller, error)
}

// An Access is one use of a method, as it is decided on and remembered.
type Access struct {
	Request call.Request // with its caller
	Method  *method.Method
	Object  string   // the id of what it is about, empty where it names none
	Objects []string // the ids of further things of that type it names, each once
	Roles   []string // that it names, where its method deals with roles
	Command edge.ID  // under which the site will know it; zero where it is no command of the site
}

// A Verdict is what was decided of an access.
type Verdict struct {
	Refused  error    // what the caller is told; nil: it may
	Record   bool     // it must leave a record, whatever its schema says
	Policies []string // that decided
	Why      string   // the code of why
	Glass    string   // the emergency access it happened under
	Object   string   // the id of what was refused, where the access names several things
}

// A Guard decides what callers may do and keeps the record of what they did.
type Guard interface {
	Decide(ctx context.Context, a Access) Verdict
	// Note returns once a record of the access or of its refusal is durable. Where it fails, the access must not
	// happen.
	Note(ctx context.Context, a Access, v Verdict) error
	// Way is what Note would write of an access that is allowed, for a command whose own record will hold it.
	Way(a Access, v Verdict) *edge.Way
}

// A Limiter holds back who asks too much. Its refusals are *problem.Throttled.
type Limiter interface {
	// Address takes one request off the budget of where it comes from, before anything else is done for it.
	Address(r call.Request) error
	// Principal takes cost off the caller's budget.
	Principal(r call.Request, cost int) error
}

// Options are what a Gateway stands between.
type Options struct {
	Methods *method.Table
	Backend Backend
	Locals  *Locals
	Who     Authenticator
	Guard   Guard
	Limit   Limiter
	Hosts   []string                // names of this node whose pages may open WebSockets under its other names
	Version string                  // of the program, told with the description of the doors
	Observe func(Observation)       // called once for every call, may be nil; must not block
	Stream  func(op string, by int) // called with 1 when a stream opens and -1 when it ends, may be nil
	Trace   *telemetry.Tracer       // nil: without traces
	Logger  *slog.Logger
}

// An Observation is what metrics and traces learn of a call.
type Observation struct {
	Request  call.Request
	Op       string       // "unknown" where there is no such method
	Code     connect.Code // 0: it went well
	Began    time.Time
	Took     time.Duration
	Streamed bool
}

// A Gateway is the one way in: every door hands its calls to its server, where each goes through the same
// steps, whatever wire it came on.
type Gateway struct {
	o      Options
	server *connect.Server
}

const (
	callTime   = 30 * time.Second // no call that answers once takes longer
	recheck    = 2 * time.Second  // how often an open stream's caller is looked at again
	answerRoom = 4 << 20          // bytes of one message, either way
)

// New returns a Gateway. It fails with Internal where a method of the schemas has nobody to answer it.
func New(o Options) (*Gateway, error) {
	g := &Gateway{o: o}
	g.server = connect.NewServer(g.outer, g.enter)
	for _, m := range o.Methods.All() {
		h, err := g.handler(m)
		if err != nil {
			return nil, err
		}
		g.server.Register(connect.Method{Spec: m.Spec, Handler: h})
	}
	return g, nil
}

// Server is what doors call.
func (g *Gateway) Server() *connect.Server { return g.server }

// Methods lists what is served.
func (g *Gateway) Methods() *method.Table { return g.o.Methods }
