package identity

import (
	"encoding/json"
	"iter"
	"strings"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/edge"
)

// Find returns what may be told of a person. It fails with NotFound where there is no such person.
func Find(v edge.View, id string) (*identityv1.Person, error) {
	return getPerson(v, &identityv1.GetPersonRequest{Id: id})
}

// Everybody yields all people of a site. It stops after the first error.
func Everybody(v edge.View) iter.Seq2[*identityv1.Person, error] {
	return func(yield func(*identityv1.Person, error) bool) {
		for _, b := range v.Scan([]byte(people)) {
			var p person
			if err := json.Unmarshal(b, &p); err != nil {
				yield(nil, edge.E(edge.Corrupt, "a row of identity cannot be read: %w", err))
				return
			}
			if !yield(show(p), nil) {
				return
			}
		}
		if err := v.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// SubjectPerson returns whom an event of this package is about; ok is false where it is not about a person.
func SubjectPerson(e edge.Event) (id string, ok bool) {
	id, person := strings.CutPrefix(e.Subject, "person:")
	return id, person && strings.HasPrefix(e.Type, "identity.")
}
