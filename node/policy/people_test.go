package policy

import (
	"slices"
	"testing"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// What identity lets people hold is what policies know of.
func TestRolesOfPeople(t *testing.T) {
	var people, areas []string
	for _, r := range Roles() {
		if slices.Contains(r.Kinds, edge.Person) {
			people = append(people, r.Name)
		}
		if r.Areas {
			areas = append(areas, r.Name)
		}
	}
	if !slices.Equal(people, auth.PeopleRoles()) || !slices.Equal(areas, auth.AreaRoles()) {
		t.Errorf("people hold %v here and %v there; areas have %v and %v", people, auth.PeopleRoles(), areas, auth.AreaRoles())
	}
}
