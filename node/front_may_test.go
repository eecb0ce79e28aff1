package node

import (
	"slices"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/policy"
)

func TestWhatSomebodyMay(t *testing.T) {
	n := start(t, smallConfig(t))
	now := n.siteTime()
	ask := func(strength auth.Strength, scopes []string, roles ...string) (all, own []string) {
		who := auth.Caller{Actor: edge.Actor{Kind: edge.Person, ID: edge.NewID().String(), Site: n.keys.trust.Site()}, Roles: roles, Scopes: scopes, Strength: strength, Since: now, Until: now.Add(time.Hour)}
		return n.may(policy.Request{Caller: who, Context: policy.Context{Door: "rest", Now: now}})
	}
	for _, c := range []struct {
		role, permission string
		strength         auth.Strength
		scopes           []string
		may              bool
	}{
		{"owner", "identity.manage", auth.Passkey, nil, true},
		{"owner", "identity.manage", auth.Password, nil, true}, // a better proof would do, and the page asks for it
		{"owner", "identity.manage", auth.Passkey, []string{"devices.read"}, false},
		{"operator", "devices.manage", auth.Password, nil, true},
		{"operator", "identity.manage", auth.Passkey, nil, false},
		{"member", "devices.manage", auth.Passkey, nil, false},
	} {
		all, _ := ask(c.strength, c.scopes, c.role)
		if got := slices.Contains(all, c.permission); got != c.may {
			t.Errorf("%s with %v may %s: %v", c.role, c.strength, c.permission, got)
		}
	}
	all, own := ask(auth.Password, nil, "member")
	if !slices.Contains(own, "identity.self") || slices.ContainsFunc(own, func(p string) bool { return slices.Contains(all, p) }) {
		t.Errorf("what is a member's own: %v beside %v", own, all)
	}
}
