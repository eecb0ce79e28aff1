package gateway

import (
	"net/http"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/problem"
)

// A Page is something the doors serve besides the protocols and that not everybody may see.
type Page struct {
	Op      string // what it is called in audit records: "node.profile"
	Needs   string // the permission to see it
	Audited bool   // looking at it leaves a record
	Cost    int    // of the caller's budget
	Handler http.Handler
}

// Guarded serves a page to those who may see it, after the same steps every call goes through: the budget of the
// address, proof, the caller's budget, the decision, the record.
func (g *Gateway) Guarded(p Page) http.Handler {
	m := &method.Method{Op: p.Op, Query: true, Rule: &api.Rule{Needs: p.Needs, Class: api.Class_CLASS_SITE_ONLY, Object: "node", Home: api.Home_HOME_NODE, Audited: p.Audited}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := g.see(r, m, p.Cost)
		if err != nil {
			problem.Write(w, err, req.ID)
			return
		}
		p.Handler.ServeHTTP(w, r.WithContext(call.With(r.Context(), req)))
	})
}

func (g *Gateway) see(r *http.Request, m *method.Method, cost int) (call.Request, error) {
	ctx := r.Context()
	req := call.From(ctx)
	if err := g.o.Limit.Address(req); err != nil {
		return req, err
	}
	who, err := g.o.Who.Authenticate(ctx, req.Credentials)
	if err != nil {
		g.turnedAway(ctx, req, m, err)
		return req, problem.Rejected(err)
	}
	req.Caller = who
	if err := g.o.Limit.Principal(req, max(cost, 1)); err != nil {
		return req, err
	}
	a := Access{Request: req, Method: m}
	v := g.o.Guard.Decide(ctx, a)
	if v.Refused == nil && !noted(m, v) {
		return req, nil
	}
	if err := g.o.Guard.Note(ctx, a, v); err != nil && v.Refused == nil {
		return req, err
	}
	return req, v.Refused
}
