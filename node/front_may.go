package node

import (
	"context"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/policy"
)

// getMe says who the caller is and what doors there are for it, so that a page offers no others.
func (n *Node) getMe(ctx context.Context, in *identityv1.GetMeRequest) (*identityv1.Self, error) {
	r := call.From(ctx)
	out, err := n.front.people.GetMe(ctx, r.Caller, in)
	if err != nil {
		return nil, err
	}
	q := policy.Request{Caller: r.Caller, Context: policy.Context{Door: r.Door, Addr: r.Peer, Now: n.siteTime(), Local: r.Credentials.Local, Online: n.linkStatus().Connected}}
	if q.Context.NoSecondFactor, err = n.noSecond(r.Caller); err != nil {
		return nil, err
	}
	out.May, out.MayOwn = n.may(q)
	return out, nil
}

// noSecond reports whether the caller is a person who has nothing to prove more by.
func (n *Node) noSecond(c auth.Caller) (bool, error) {
	if c.Kind != edge.Person || c.Strength >= auth.TwoFactor {
		return false, nil
	}
	has, err := n.front.people.HasSecond(c)
	return !has, err
}

// may lists what the policies permit of anything, and of what is the caller's own besides. What wants a better
// or fresher proof counts: the caller can give it.
func (n *Node) may(q policy.Request) (all, own []string) {
	engine := n.policies.Engine()
	ask := func(owner string) bool {
		q.Object.Owner = owner
		d := engine.Decide(q)
		return d.Allow || d.Why == policy.TooWeak && q.Caller.Kind == edge.Person
	}
	for _, p := range policy.Permissions() {
		switch q.Action = p.Name; {
		case ask(""):
			all = append(all, string(p.Name))
		case ask(q.Caller.ID):
			own = append(own, string(p.Name))
		}
	}
	return all, own
}
