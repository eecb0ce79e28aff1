package policy

import (
	"slices"
	"strings"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// A Permission is one row of the table of everything a caller can be allowed to do.
type Permission struct {
	Name     edge.Permission // "<service>.<verb>"
	Doc      string          // completes "may ..."
	Class    edge.Class      // least class of what it touches, whatever an Object says
	Write    bool            // it changes something
	Money    bool            // it moves money, or shows who has how much
	Care     bool            // it is part of treating somebody; break-glass helps
	Open     bool            // it needs no proof where the object is public
	Anchor   bool            // a site's prohibitions do not touch it, so that nobody locks the site
	Wide     bool            // an area does not confine it
	Quiet    bool            // the journal that takes it in is its record; no audit record beside that
	Strength auth.Strength   // least proof
	Fresh    bool            // the proof must be recent, see Settings.Fresh
	See      edge.Permission // who holds this may know that the object exists; empty: who holds this one
}

// Service is the part of the name before the dot.
func (p Permission) Service() string { s, _, _ := strings.Cut(string(p.Name), "."); return s }

// Groups are the names under which a policy may speak of several permissions at once: Action::"writes".
func (p Permission) Groups() []string {
	groups := []string{p.Service(), "reads"}
	if p.Write {
		groups[1] = "writes"
	}
	for _, g := range []struct {
		in   bool
		name string
	}{{p.Money, "money"}, {p.Care, "care"}, {p.Open, "open"}, {p.Fresh, "dangerous"}} {
		if g.in {
			groups = append(groups, g.name)
		}
	}
	return groups
}

// Permissions is the one list of all permissions, by name. Names are never taken away or given another meaning:
// policies of sites and scopes of tokens refer to them.
func Permissions() []Permission {
	all := slices.Concat(nodePermissions(), peoplePermissions(), healthPermissions(), moneyPermissions(), communityPermissions())
	slices.SortFunc(all, func(a, b Permission) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return all
}

// read and write begin a row; what follows refines it.
func read(name edge.Permission, class edge.Class, doc string) Permission {
	return Permission{Name: name, Class: class, Doc: doc}
}

func write(name edge.Permission, class edge.Class, see edge.Permission, doc string) Permission {
	return Permission{Name: name, Class: class, Doc: doc, Write: true, See: see}
}

// dangerous is for what one stolen session must not be enough for.
func (p Permission) dangerous() Permission {
	p.Strength, p.Fresh = auth.TwoFactor, true
	return p
}

func (p Permission) money() Permission  { p.Money = true; return p }
func (p Permission) care() Permission   { p.Care = true; return p }
func (p Permission) open() Permission   { p.Open = true; return p }
func (p Permission) anchor() Permission { p.Anchor = true; return p }
func (p Permission) wide() Permission   { p.Wide = true; return p }
func (p Permission) quiet() Permission  { p.Quiet = true; return p }

func (p Permission) known() Permission { p.Strength = auth.Password; return p } // a person, not a token
