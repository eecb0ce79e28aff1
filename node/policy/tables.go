package policy

import (
	"slices"
	"time"

	"github.com/aielon/edge/node/api/policyv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

var (
	kindNames     = [...]string{edge.Nobody: "nobody", edge.Person: "person", edge.Device: "device", edge.Node: "node", edge.Service: "service"}
	strengthNames = [...]string{auth.None: "none", auth.Token: "token", auth.Password: "password", auth.TwoFactor: "two-factor", auth.Passkey: "passkey"}
)

// RoleMessages lists the roles with what the built-in policies permit them on some objects at least.
func (e *Engine) RoleMessages() (list []*policyv1.Role) {
	for _, r := range Roles() {
		m := &policyv1.Role{Name: r.Name, Doc: r.Doc, Areas: r.Areas}
		for _, k := range r.Kinds {
			m.Kinds = append(m.Kinds, kindNames[k])
		}
		for _, p := range Permissions() {
			if slices.ContainsFunc(e.lanes[p.Name].byRole[r.Name], func(r rule) bool { return !r.forbid && !r.site }) {
				m.Permissions = append(m.Permissions, string(p.Name))
			}
		}
		list = append(list, m)
	}
	return list
}

// PermissionMessages lists the permissions.
func PermissionMessages() (list []*policyv1.Permission) {
	for _, p := range Permissions() {
		list = append(list, &policyv1.Permission{Name: string(p.Name), Doc: p.Doc, Class: classNames[p.Class], Write: p.Write, Money: p.Money,
			Strength: strengthNames[p.Strength], Fresh: p.Fresh, Groups: p.Groups()})
	}
	return list
}

// ExplainMessage answers what would be decided of a request that nobody makes. now stands for the time where the
// request has none. It fails with Invalid.
func (e *Engine) ExplainMessage(in *policyv1.ExplainDecisionRequest, now time.Time) (*policyv1.Explanation, error) {
	if e.lanes[edge.Permission(in.GetPermission())] == nil {
		return nil, edge.E(edge.Invalid, "there is no permission called %q", clip(in.GetPermission(), 64)).WithHint("ListPermissions has them all")
	}
	if p := purpose(in.GetPurpose()); !slices.Contains(Purposes(), p) {
		return nil, edge.E(edge.Invalid, "there is no purpose called %q", clip(p, 32))
	}
	q := supposed(in, now)
	for _, r := range q.Caller.Roles {
		if err := CheckRole(r, q.Caller.Kind); err != nil {
			return nil, err
		}
	}
	x := e.Explain(q)
	d := x.Decision
	out := &policyv1.Explanation{Allowed: d.Allow, Why: d.Why.String(), Question: x.Question, Reason: d.Reason, Hint: d.Hint, Policies: d.Policies, Recorded: d.Audit, Text: x.String()}
	for _, s := range x.Steps {
		out.Steps = append(out.Steps, &policyv1.Step{Policy: s.Policy, At: s.At, Forbid: s.Forbid, Holds: s.Holds, Says: s.Says})
	}
	return out, nil
}

// supposed is the request that in describes. Names that the schema does not know stand for what is least.
func supposed(in *policyv1.ExplainDecisionRequest, now time.Time) Request {
	if t := in.GetTime(); t.IsValid() && t != nil {
		now = t.AsTime().In(now.Location())
	}
	pick := func(list []string, name string, usual int) int {
		if name == "" {
			return usual
		}
		return max(slices.Index(list, name), 0)
	}
	const me, other = "caller", "somebody"
	whose := other
	if in.GetOwn() {
		whose = me
	}
	c := auth.Caller{Actor: edge.Actor{Kind: edge.ActorKind(pick(kindNames[:], in.GetKind(), int(edge.Person))), ID: me}, Roles: in.GetRoles(),
		Strength: auth.Strength(pick(strengthNames[:], in.GetStrength(), int(auth.TwoFactor))), Since: now.Add(-time.Duration(in.GetProvenSecondsAgo()) * time.Second), Until: now.Add(time.Hour)}
	if len(in.GetScopes()) > 0 {
		c.Scopes = in.GetScopes()
	}
	q := Request{Caller: c, Action: edge.Permission(in.GetPermission()), Context: Context{Door: in.GetDoor(), Now: now, Purpose: in.GetPurpose()},
		Object: Object{Type: in.GetObjectType(), ID: "one", Class: edge.Class(pick(classNames[:], in.GetClass(), 0)), Owner: whose, Subject: whose, Labels: in.GetLabels()}}
	if in.GetConsent() != "" {
		q.Context.Consent = &Consent{Subject: whose, Deny: in.GetConsent() == "deny"}
	}
	if in.GetEmergency() {
		q.Context.BreakGlass = &BreakGlass{ID: "emergency", Who: me, Subject: whose, From: now.Add(-time.Minute), Until: now.Add(time.Hour)}
	}
	return q
}
