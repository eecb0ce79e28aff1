package identity

import (
	"github.com/aielon/edge/node/edge"
)

// Somebody is what other packages may know of a person of the site.
type Somebody struct {
	ID         string
	Login      string
	Name       string // what they call themselves, may be empty
	Roles      []string
	Generation uint64 // changes whenever everything that was opened in their name ends at once
}

// Who returns a person who may act just now. It fails with NotFound where there is no such person, or where they are
// suspended.
func Who(v edge.View, id string) (Somebody, error) {
	parsed, err := edge.ParseID(id)
	if err != nil {
		return Somebody{}, edge.E(edge.NotFound, "there is no such person")
	}
	p, err := loadPerson(v, parsed)
	if err == nil && p.Suspended {
		err = edge.E(edge.NotFound, "there is no such person")
	}
	if err != nil {
		return Somebody{}, err
	}
	return Somebody{ID: p.ID.String(), Login: p.Login, Name: p.Name, Roles: p.Roles, Generation: p.Generation}, nil
}

// SignedOut reports whether a session was ended by somebody, rather than by time. No session is one that never was.
func SignedOut(v edge.View, id string) (bool, error) {
	if id == "" {
		return false, nil
	}
	parsed, err := edge.ParseID(id)
	if err != nil {
		return true, nil
	}
	return isRevoked(v, parsed)
}

// MayRule refuses, with Denied, to let an actor give somebody roles, or act on whoever holds them: nobody rules above
// their own rank, and only administrators rule at all.
func MayRule(v edge.View, a edge.Actor, roles ...[]string) error { return mayRule(v, a, roles...) }

// CheckRoles returns roles sorted and once each. It fails with Invalid on what people and programs cannot hold.
func CheckRoles(roles []string) ([]string, error) { return checkRoles(roles) }

// CheckName returns what something is called, without space around it. It fails with Invalid.
func CheckName(name string) (string, error) { return checkName(name) }
