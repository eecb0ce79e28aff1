package policy

import (
	"slices"
	"strings"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// A Role is something people, programs, devices or nodes are to a site.
type Role struct {
	Name  string
	Doc   string
	Kinds []edge.ActorKind // who can hold it; with anybody else it does not count
	Areas bool             // it may be confined to an area: "clinician@ward:2"
}

// Roles is the one list of all roles. A role's rights are in policies/<name>.cedar.
func Roles() []Role {
	people := []edge.ActorKind{edge.Person, edge.Service}
	return []Role{
		{"owner", "answers for the site", people, false},
		{"site-admin", "looks after people and settings", people, false},
		{"operator", "looks after nodes and devices", people, false},
		{"auditor", "sees what was done, and changes nothing", people, false},
		{"clinician", "treats people", people, true},
		{"front-desk", "receives patients and plans appointments", people, true},
		{"wallet-officer", "handles money of others", people, true},
		{"shariah-reviewer", "says which dealings are permissible", people, false},
		{"community-admin", "runs the life of the mosque", people, true},
		{"member", "belongs to the community", people, false},
		{"device", "measures or acts", []edge.ActorKind{edge.Device}, false},
		{"peer-node", "is another node of this site", []edge.ActorKind{edge.Node}, false},
		{"hub", "collects what sites of a region share", []edge.ActorKind{edge.Node}, false},
	}
}

const maxArea = 100 // bytes of "ward:2"

// CheckRole refuses, with Invalid, what cannot be given to an actor of this kind: "clinician", or
// "clinician@ward:2" for a role that is confined to objects with the label ward=2.
func CheckRole(role string, kind edge.ActorKind) error {
	name, area, confined := strings.Cut(role, "@")
	i := slices.IndexFunc(Roles(), func(r Role) bool { return r.Name == name })
	if i < 0 {
		return edge.E(edge.Invalid, "there is no role called %q", clip(name, 40)).WithHint("roles are %s", strings.Join(roleNames(), ", "))
	}
	switch r := Roles()[i]; {
	case !slices.Contains(r.Kinds, kind):
		return edge.E(edge.Invalid, "the role %s cannot be held by this kind of caller", name)
	case confined && !r.Areas:
		return edge.E(edge.Invalid, "the role %s cannot be confined to an area", name)
	case confined && !validArea(area):
		return edge.E(edge.Invalid, "%q is not an area", clip(area, 40)).WithHint("write it like clinician@ward:2")
	}
	return nil
}

func validArea(area string) bool {
	key, value, ok := strings.Cut(area, ":")
	return ok && key != "" && value != "" && len(area) <= maxArea && plain(area)
}

func roleNames() (names []string) {
	for _, r := range Roles() {
		names = append(names, r.Name)
	}
	return names
}

// held appends to dst those roles of a caller that count for an object: known ones, held by the right kind of
// caller and, where confined to an area, for an object in that area. Where wide is true, areas do not count.
func (e *Engine) held(dst []string, c auth.Caller, o Object, wide bool) []string {
	for _, name := range c.Roles {
		name, area, confined := strings.Cut(name, "@")
		r, known := e.roles[name]
		if !known || !slices.Contains(r.Kinds, c.Kind) || slices.Contains(dst, name) {
			continue
		}
		if key, value, _ := strings.Cut(area, ":"); confined && (!r.Areas || value == "" || !wide && o.Labels[key] != value) {
			continue
		}
		dst = append(dst, name)
	}
	return dst
}
