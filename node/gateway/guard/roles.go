package guard

import (
	"slices"
	"strings"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/policy"
)

// roles asks once more for every role that an access gives, takes away or is about, and returns the first refusal,
// or d.
func (g *Guard) roles(a gateway.Access, q policy.Request, d policy.Decision) (policy.Decision, error) {
	touched, err := g.touched(a)
	if err != nil {
		return d, err
	}
	q.Action = "identity.manage"
	for _, role := range touched {
		one := q
		name, _, _ := strings.Cut(role, "@")
		one.Object.Labels = map[string]string{policy.LabelRole: name}
		switch a.Method.Rule.GetRoles() {
		case api.Roles_ROLES_LENT: // what somebody's own program may do, that one may do
			if !q.Caller.Has(role) {
				one.Object.Owner = q.Caller.ID
			}
		case api.Roles_ROLES_HELD: // nobody is given anything
			one.Object.Owner, one.Object.Subject = "", ""
		}
		if r, err := g.decide(one); err != nil || !r.Allow {
			return r, err
		}
	}
	return d, nil
}

// touched lists the roles an access is about.
func (g *Guard) touched(a gateway.Access) ([]string, error) {
	switch a.Method.Rule.GetRoles() {
	case api.Roles_ROLES_GIVEN, api.Roles_ROLES_LENT:
		return a.Roles, nil
	case api.Roles_ROLES_HELD:
		return g.o.Roles(a.Object)
	case api.Roles_ROLES_CHANGED:
		held, err := g.o.Roles(a.Object)
		if err != nil {
			return nil, err
		}
		return slices.Concat(without(a.Roles, held), without(held, a.Roles)), nil
	}
	return nil, nil
}

func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}
