package shariah

import "github.com/aielon/edge/node/edge"

// An Act is what a rule asks for. Numbers are stored: add at the end, never reorder.
type Act uint8

const (
	Allow  Act = iota // nothing is against it
	Info              // it may be done; whoever does it is told something
	Route             // it may be done where the money goes to the fund that the Decision names
	Review            // it waits until a named officer approves
	Deny              // it may not be done
)

var actNames = [...]string{"ALLOW", "INFO", "ROUTE", "REVIEW", "DENY"}

// String returns the name used in sets and on the wire.
func (a Act) String() string { return name(actNames[:], int(a)) }

// MarshalText writes what UnmarshalText reads.
func (a Act) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a name. It fails with Invalid.
func (a *Act) UnmarshalText(text []byte) error {
	return parseName(a, actNames[:], string(text), "act")
}

// name is the i-th of a closed list of names; empty where there is none.
func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return ""
}

// parseName finds the number of a name in a closed list. An empty name is none.
func parseName[T ~uint8](v *T, names []string, text, what string) error {
	for i, n := range names {
		if n == text && n != "" {
			*v = T(i)
			return nil
		}
	}
	return edge.E(edge.Invalid, "%q is no %s that the rules know", text, what).WithCode("invalid_request", edge.Fact{Name: what, Value: text})
}
