package policy

import (
	"iter"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// A Cell is one answer of a matrix.
type Cell struct {
	Role     string
	Action   edge.Permission
	Object   string // name of the Sample
	Decision Decision
}

// A Sample is an object to ask about. Its class is raised to the permission's, as everywhere.
type Sample struct {
	Name  string
	Own   bool // the caller's own, about the caller
	Class edge.Class
}

// Samples are one's own object and somebody else's, of each class: "own public" to "other clinical".
func Samples() (all []Sample) {
	for _, own := range []bool{true, false} {
		for class, name := range classNames {
			s := Sample{Name: "other " + name, Own: own, Class: edge.Class(class)}
			if own {
				s.Name = "own " + name
			}
			all = append(all, s)
		}
	}
	return all
}

// Matrix asks for every role, permission and sample whether a caller with that role alone, who proved itself as
// well as anybody can, may do it at a time, for treatment, with nobody's consent asked. It yields every cell.
func (e *Engine) Matrix(roles []string, actions []edge.Permission, samples []Sample, at time.Time) iter.Seq[Cell] {
	return func(yield func(Cell) bool) {
		for _, role := range roles {
			for _, action := range actions {
				for _, s := range samples {
					c := Cell{Role: role, Action: action, Object: s.Name, Decision: e.Decide(e.sample(role, action, s, at))}
					if !yield(c) {
						return
					}
				}
			}
		}
	}
}

func (e *Engine) sample(role string, action edge.Permission, s Sample, at time.Time) Request {
	kind := edge.Person
	if r, ok := e.roles[role]; ok {
		kind = r.Kinds[0]
	}
	who := "other"
	if s.Own {
		who = "caller"
	}
	return Request{
		Caller: auth.Caller{
			Actor: edge.Actor{Kind: kind, ID: "caller"}, Roles: []string{role},
			Strength: auth.Passkey, Since: at, Until: at.Add(time.Hour),
		},
		Action:  action,
		Object:  Object{Type: "sample", ID: "1", Class: s.Class, Owner: who, Subject: who},
		Context: Context{Door: "rest", Now: at},
	}
}
