package identity

import (
	"slices"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// OperatorID is the actor behind the node's own socket: whoever has the box has the site. No person can be
// called so, since people have identifiers of 26 characters.
const OperatorID = "operator"

// rank orders roles by what they may do to others: nobody changes, suspends or makes somebody above them.
func rank(roles []string) int {
	switch {
	case slices.Contains(roles, auth.Owner):
		return 2
	case slices.Contains(roles, auth.SiteAdmin):
		return 1
	}
	return 0
}

// rolesOf are what an actor holds now, as the state says. Nodes act for themselves and for the operator.
func rolesOf(v edge.View, a edge.Actor) ([]string, error) {
	switch {
	case a.Kind == edge.Person && a.ID == OperatorID, a.Kind == edge.Node:
		return []string{auth.Owner}, nil
	case a.Kind == edge.Person:
		id, err := edge.ParseID(a.ID)
		if err != nil {
			return nil, notAllowed()
		}
		p, found, err := load[person](v, people+id.String())
		if err == nil && (!found || p.Suspended) {
			err = notAllowed()
		}
		return p.Roles, err
	case a.Kind == edge.Service:
		id, err := edge.ParseID(a.ID)
		if err != nil {
			return nil, notAllowed()
		}
		t, found, err := load[tokenRow](v, tokens+id.String())
		if err == nil && !found {
			err = notAllowed()
		}
		return t.Roles, err
	}
	return nil, notAllowed()
}

// RolesOf lists what a person of the site holds; nothing where there is no such person.
func (s *Service) RolesOf(id string) (roles []string, err error) {
	who, err := edge.ParseID(id)
	if err != nil {
		return nil, nil
	}
	err = s.o.View(func(v edge.View) error {
		p, _, err := load[person](v, people+who.String())
		roles = p.Roles
		return err
	})
	return roles, err
}

// mayRule refuses, with Denied, to let an actor act on somebody who holds roles, or give them. Permissions were
// checked before; this keeps whoever manages people from making themselves more than they are.
func mayRule(v edge.View, a edge.Actor, roles ...[]string) error {
	own, err := rolesOf(v, a)
	if err != nil {
		return err
	}
	for _, r := range roles {
		if rank(r) > rank(own) {
			return edge.E(edge.Denied, "only an owner may do this").WithHint("ask an owner of the site")
		}
	}
	if rank(own) == 0 {
		return notAllowed()
	}
	return nil
}

func notAllowed() *edge.Error { return edge.E(edge.Denied, "this is not allowed") }

// onlyNodes refuses commands that the site's nodes make by themselves to everybody else.
func onlyNodes(tx edge.Tx) error {
	if tx.Actor().Kind != edge.Node {
		return edge.E(edge.Denied, "only the site's own nodes may do this")
	}
	return nil
}

// keepAnOwner refuses a change after which the site would have no owner who can sign in.
func keepAnOwner(tx edge.Tx) error {
	left := 0
	for range tx.Scan([]byte(owners)) {
		left++
	}
	if err := tx.Err(); err != nil || left > 0 {
		return err
	}
	return edge.E(edge.Conflict, "the site would be left without an owner").WithHint("make somebody else an owner first")
}

// markOwner keeps the list of active owners true.
func markOwner(tx edge.Tx, p person) {
	key := []byte(owners + p.ID.String())
	if slices.Contains(p.Roles, auth.Owner) && !p.Suspended {
		tx.Set(key, []byte("1"))
		return
	}
	tx.Delete(key)
}
