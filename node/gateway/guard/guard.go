// Package guard decides what callers of the doors may do, by the site's policies, and keeps the audit record of
// what they asked for.
package guard

import (
	"cmp"
	"context"
	"time"

	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
	"github.com/aielon/edge/node/policy"
)

// A Recorder makes audit records durable. *audit.Local is one.
type Recorder interface {
	Append(ctx context.Context, r audit.Record) (edge.Pos, error)
}

// Options are what a Guard stands on.
type Options struct {
	Engine  func() *policy.Engine
	View    func(func(edge.View) error) error // a view of the site for the length of the call
	Record  Recorder
	Mask    func() *audit.Mask
	Now     func() time.Time                      // in the site's time zone
	Factors func(auth.Caller) (bool, error)       // whether a person has a second factor registered
	Roles   func(person string) ([]string, error) // that a person of the site holds; none where there is no such person
	Online  func() bool                           // the hub can be reached just now
	// Owner finds whose a thing of a type is; owner is empty where there is no such thing, so that it is nobody's and
	// strangers are told the same of it as of a thing of others. known, always the same for one type: the owners of
	// things of that type can be found. nil: only those of devices and persons are known.
	Owner   func(v edge.View, typ, id string) (owner string, known bool, err error)
	Refused func(a gateway.Access) // counts refusals whose records were left out, see Note; may be nil
}

// A Guard implements gateway.Guard.
type Guard struct {
	o       Options
	floods  *Floods
	unowned types // of things whose owners Options.Owner does not know
}

// New returns a Guard.
func New(o Options) *Guard { return &Guard{o: o, floods: NewFloods()} }

// Decide implements gateway.Guard.
func (g *Guard) Decide(_ context.Context, a gateway.Access) gateway.Verdict {
	rule, who := a.Method.Rule, a.Request.Caller
	switch {
	case rule.GetOpen():
		return gateway.Verdict{}
	case !who.Proven():
		return gateway.Verdict{Refused: problem.Unproven("this is only for people and programs of the site").WithHint("sign in first"), Why: policy.NotProven.String()}
	case rule.GetNeeds() == "": // for everybody who is somebody, about themselves
		return gateway.Verdict{}
	}
	q, err := g.question(a)
	if err != nil {
		return gateway.Verdict{Refused: err}
	}
	d, object, err := g.things(a, q)
	if err == nil && d.Allow {
		d, err = g.roles(a, q, d)
	}
	if err != nil {
		return gateway.Verdict{Refused: err}
	}
	v := gateway.Verdict{Record: d.Audit, Policies: d.Policies, Why: d.Why.String(), Glass: d.BreakGlass, Object: object}
	if err := d.Err(); err != nil {
		v.Refused = err
		switch {
		case d.Why == policy.NotProven || d.Why == policy.Expired:
			v.Refused = problem.Rejected(err)
		case d.Why == policy.TooWeak && a.Request.Caller.Kind == edge.Person:
			v.Refused = problem.Needing(err, proofOf(d))
		}
	}
	return v
}

// decide asks the policies. Whether a person has a second factor is looked up only where it matters: it does not
// for most of what is asked.
func (g *Guard) decide(q policy.Request) (policy.Decision, error) {
	engine := g.o.Engine()
	d := engine.Decide(q)
	if d.Why != policy.TooWeak || q.Caller.Kind != edge.Person {
		return d, nil
	}
	has, err := g.o.Factors(q.Caller)
	if err != nil || has {
		return d, err
	}
	q.Context.NoSecondFactor = true
	return engine.Decide(q), nil
}

// proofOf names the proof that would turn a refusal for want of proof.
func proofOf(d policy.Decision) string {
	switch {
	case d.Again:
		return problem.NeedsFresh
	case d.NeedStrength <= auth.Password:
		return problem.NeedsPassword
	}
	return problem.NeedsSecond
}

// question puts an access into the words of the policies. Consent and emergency access are looked up where the
// access is about a person.
func (g *Guard) question(a gateway.Access) (policy.Request, error) {
	r, rule := a.Request, a.Method.Rule
	q := g.asked(r, edge.Permission(rule.GetNeeds()), policy.Object{Type: rule.GetObject(), ID: a.Object, Class: edge.Class(rule.GetClass())})
	switch {
	case q.Action == "identity.self" || q.Action == "identity.whoami": // whoever asks, asks about itself: the request names nobody
		q.Object.Owner = r.Caller.ID
	case rule.GetObject() == "device" || rule.GetObject() == "person":
		q.Object.Owner = a.Object
	}
	if edge.Class(rule.GetClass()) < edge.Clinical || a.Object == "" {
		return q, nil
	}
	var err error
	q.Object.Subject = a.Object
	q.Context.Consent, q.Context.BreakGlass, err = g.about(a.Object, r.Caller.ID)
	return q, err
}

// about looks up what a person decided of its data, and the emergency access somebody has to them.
func (g *Guard) about(person, caller string) (c *policy.Consent, b *policy.BreakGlass, err error) {
	err = g.o.View(func(v edge.View) (err error) {
		if c, err = policy.FindConsent(v, person); err != nil {
			return err
		}
		b, err = policy.FindBreakGlass(v, caller, person)
		return err
	})
	return c, b, err
}

// asked is a question of a caller, with how and when it asks.
func (g *Guard) asked(r call.Request, action edge.Permission, o policy.Object) policy.Request {
	return policy.Request{Caller: r.Caller, Action: action, Object: o,
		Context: policy.Context{Door: r.Door, Addr: r.Peer, Now: g.o.Now(), Local: r.Credentials.Local, Online: g.o.Online()}}
}

// May decides, within one call, about things the call's own permission does not cover: whether a search may look
// among people, for one. It knows neither consent nor emergencies, so it is not for what is clinical.
func (g *Guard) May(r call.Request, action edge.Permission, o policy.Object) (policy.Decision, error) {
	return g.decide(g.asked(r, action, o))
}

// Shown returns once it is on record that op showed a caller things of one type, by a decision of May. Where it
// fails, they must not be shown.
func (g *Guard) Shown(ctx context.Context, r call.Request, op string, o policy.Object, d policy.Decision) error {
	mask := g.o.Mask()
	_, err := g.o.Record.Append(ctx, audit.Record{Kind: audit.Access, Actor: r.Caller.Actor, Session: r.Caller.Session, Door: r.Door, Address: mask.Address(r.Peer), Request: r.ID,
		Op: op, Object: audit.Object{Type: o.Type, ID: mask.ID(o.ID)}, Class: o.Class, Policies: d.Policies, Reason: d.Why.String(), Glass: d.BreakGlass})
	return err
}

// Note implements gateway.Guard. Refusals of those who have proven nothing come as fast as anybody cares to
// send them; of a flood only the first are recorded one by one, the rest as a number.
func (g *Guard) Note(ctx context.Context, a gateway.Access, v gateway.Verdict) error {
	mask := g.o.Mask()
	r := record(mask, a, v)
	if v.Refused != nil && !a.Request.Caller.Proven() {
		if !g.floods.Admit(AddressKey(a.Request.Peer), g.o.Now()) {
			if g.o.Refused != nil {
				g.o.Refused(a)
			}
			return nil
		}
	}
	_, err := g.o.Record.Append(ctx, r)
	return err
}

// Way implements gateway.Guard.
func (g *Guard) Way(a gateway.Access, v gateway.Verdict) *edge.Way {
	r := record(g.o.Mask(), a, v)
	return &edge.Way{Door: r.Door, Session: r.Session, Address: r.Address, Policies: r.Policies, Reason: r.Reason, Glass: r.Glass}
}

func record(mask *audit.Mask, a gateway.Access, v gateway.Verdict) audit.Record {
	req, rule := a.Request, a.Method.Rule
	object := cmp.Or(v.Object, a.Object)
	if object == "" && len(a.Objects) > 0 {
		object = a.Objects[0]
	}
	r := audit.Record{Kind: audit.Access, Actor: req.Caller.Actor, Session: req.Caller.Session, Door: req.Door, Address: mask.Address(req.Peer), Request: req.ID,
		Op: a.Method.Op, Object: audit.Object{Type: rule.GetObject(), ID: mask.Asked(rule.GetObject(), object, req.Caller.Proven())}, Class: edge.Class(rule.GetClass()), Money: rule.GetMoney(),
		Policies: v.Policies, Reason: v.Why, Glass: v.Glass}
	if !a.Command.IsZero() {
		r.Kind, r.Command = audit.Decision, a.Command.String()
	}
	if r.Session == "" { // which sign-in it claimed to be; its secret is not part of that
		r.Session = claimed(req.Credentials)
	}
	if v.Refused != nil {
		r.Kind, r.Denied, r.Outcome = audit.Decision, true, audit.OutcomeOf(v.Refused)
	}
	return r
}
