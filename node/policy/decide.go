package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// skew is how far ahead of this node's clock a proof may have been made on another one.
const skew = time.Minute

// Decide answers a request. It reads no clock and does no I/O: the same question to the same engine has the same
// answer. What it does not know, it refuses.
func (e *Engine) Decide(q Request) Decision {
	d, s := e.settle(q)
	if d.Allow || s == nil {
		return d
	}
	d.Hide = s.facts.proven && e.hidden(q, s, d)
	return d
}

// settle decides everything but whether the object is to be hidden.
func (e *Engine) settle(q Request) (Decision, *scene) {
	l := e.lanes[q.Action]
	if l == nil || q.Context.Now.IsZero() || !slices.Contains(Purposes(), purpose(q.Context.Purpose)) || q.Object.Class > edge.Clinical {
		return Decision{Why: NotKnown, Audit: q.Caller.Proven(), Reason: "This cannot be decided, so it is refused.", Hint: "Tell whoever looks after the node."}, nil
	}
	var room [8]string
	f, roles := e.establish(q, l, room[:0])
	d, s := e.ruled(q, l, roles, f)
	if d.Allow {
		d = e.confine(q, s, d)
	}
	d.Audit = audit(s, d)
	return e.phrase(q, s, d), s
}

// ruled is what the rules of a lane say: anew, or as they said before to the same question.
func (e *Engine) ruled(q Request, l *lane, roles []string, f facts) (Decision, *scene) {
	k, ok := memoized(&q, l, roles, f)
	if ok {
		if d, known := l.memo.get(&k); known {
			d.Policies = slices.Clone(d.Policies)
			return d, &scene{lane: l, roles: roles, facts: f}
		}
	}
	s := newScene(q, l, roles, f)
	d := e.judge(s)
	if ok && d.Allow {
		kept := d
		kept.Policies = slices.Clone(d.Policies)
		l.memo.put(&k, kept)
	}
	return d, s
}

// establish works out the facts, and which of the caller's roles count.
func (e *Engine) establish(q Request, l *lane, room []string) (facts, []string) {
	f := facts{class: max(q.Object.Class, l.Class), proven: proven(q), consent: "none"}
	if !f.proven {
		return f, nil
	}
	f.grant = grant(q.Caller, q.Object, q.Context)
	roles := e.held(room, q.Caller, q.Object, l.Wide || l.Care && f.grant != "")
	f.own, f.consent = own(q.Caller, q.Object), verdict(q, roles)
	return f, roles
}

// proven reports whether the caller showed who it is and that still holds.
func proven(q Request) bool {
	c := q.Caller
	return c.Proven() && c.ID != "" && c.Strength > auth.None && q.Context.Now.Before(c.Until)
}

// own reports whether the object is about the caller or, where it is about nobody, belongs to it.
func own(c auth.Caller, o Object) bool {
	return o.Subject == c.ID || o.Subject == "" && o.Owner == c.ID
}

// judge asks the policies. A prohibition that cannot be evaluated counts; a permission that cannot does not.
func (e *Engine) judge(s *scene) Decision {
	verdict, diag := cedar.Authorize(s, s, s.request())
	d := Decision{Allow: verdict == cedar.Allow}
	for _, r := range diag.Reasons {
		d.Policies = append(d.Policies, string(r.PolicyID))
	}
	for _, failed := range diag.Errors {
		if !s.lane.known[failed.PolicyID].forbid {
			continue
		}
		if d.Allow {
			d = Decision{}
		}
		d.Policies = append(d.Policies, string(failed.PolicyID))
	}
	slices.Sort(d.Policies)
	switch {
	case d.Allow:
		if s.lane.Care {
			d.BreakGlass = s.facts.grant
		}
	case len(d.Policies) == 0:
		d.Why = NotPermitted
	case !slices.ContainsFunc(d.Policies, func(id string) bool { return id != "floor.consent" && id != "floor.research" }):
		d.Why = NoConsent
	default:
		d.Why = Forbidden
	}
	return d
}

// confine takes away what the caller's scopes and proof do not reach.
func (e *Engine) confine(q Request, s *scene, d Decision) Decision {
	c, l := q.Caller, s.lane
	if !s.facts.proven {
		return d // what is open to everybody
	}
	if c.Scopes != nil && !inScope(c.Scopes, l) && !l.Open {
		return Decision{Why: OutOfScope}
	}
	if q.Context.Local && c.Kind == edge.Person {
		return d
	}
	need := l.Strength
	if need > auth.Password && q.Context.NoSecondFactor && !e.settings.AlwaysTwo && c.Kind == edge.Person {
		need = auth.Password
	}
	age := q.Context.Now.Sub(c.Since)
	switch {
	case c.Strength < need:
		return Decision{Why: TooWeak, NeedStrength: need}
	case l.Fresh && (age > e.settings.fresh() || age < -skew):
		return Decision{Why: TooWeak, NeedStrength: need, Again: true}
	}
	return d
}

// inScope reports whether a scope is the permission, or its service as "health.*".
func inScope(scopes []string, l *lane) bool {
	for _, s := range scopes {
		if service, all := strings.CutSuffix(s, ".*"); s == string(l.Name) || all && service == l.Service() {
			return true
		}
	}
	return false
}

// audit reports whether the decision belongs in the audit log: what touches people or money, what changes
// anything, and what somebody who is known was refused. Refusals of strangers would fill it from outside.
func audit(s *scene, d Decision) bool {
	l, f := s.lane, s.facts
	switch {
	case !d.Allow:
		return f.proven
	case l.Quiet:
		return false
	}
	return f.class >= edge.Personal || l.Money || l.Write && !l.Open || l.Fresh || d.BreakGlass != ""
}

// hidden reports whether not even the existence of the object may be told: where it is about a person, and the
// caller may not see such a thing. A patient's refusal is told to who may see it otherwise, since there is a way.
func (e *Engine) hidden(q Request, s *scene, d Decision) bool {
	if q.Object.ID == "" || s.facts.class < edge.Personal || d.Why == NoConsent || d.Why == TooWeak {
		return false
	}
	if s.lane.See == "" {
		return true
	}
	q.Action = s.lane.See
	seen, _ := e.settle(q)
	return !seen.Allow && seen.Why != NoConsent
}
