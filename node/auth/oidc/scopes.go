package oidc

import (
	"regexp"
	"slices"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// Scopes that are no permissions.
const (
	scopeOpenID  = "openid"
	scopeUser    = "fhirUser"
	scopeOffline = "offline_access"
	scopeLaunch  = "launch"         // started from a record system
	scopePatient = "launch/patient" // started by itself, with a patient to be chosen
)

func plainScopes() []string {
	return []string{scopeOpenID, scopeUser, scopeOffline, scopeLaunch, scopePatient}
}

const (
	maxScope  = 200 // bytes of one
	maxScopes = 64
)

// A smart is a SMART scope, in the words of version 2 of the framework (app-launch section "Scopes for requesting FHIR
// Resources"); those of version 1 are read as what they mean.
type smart struct {
	level    string // patient, user, system
	resource string // "*" or a type
	may      string // of "cruds", in this order
	query    string // "category=laboratory"; empty: all
}

var (
	resourceForm = regexp.MustCompile(`^(\*|[A-Z][A-Za-z]{1,63})$`)
	queryForm    = regexp.MustCompile(`^[A-Za-z0-9_:.|/=&%,~+-]{3,128}$`)
	v2Form       = regexp.MustCompile(`^c?r?u?d?s?$`)
)

func parseSmart(s string) (smart, bool) {
	level, rest, ok := strings.Cut(s, "/")
	if !ok || len(s) > maxScope || !slices.Contains([]string{"patient", "user", "system"}, level) {
		return smart{}, false
	}
	rest, query, asked := strings.Cut(rest, "?")
	resource, may, ok := strings.Cut(rest, ".")
	if !ok || !resourceForm.MatchString(resource) || asked && (!queryForm.MatchString(query) || !strings.Contains(query, "=")) {
		return smart{}, false
	}
	switch may {
	case "read":
		may = "rs"
	case "write":
		may = "cud"
	case "*":
		may = "cruds"
	}
	return smart{level, resource, may, query}, may != "" && v2Form.MatchString(may)
}

// covers reports whether whoever may do s may do other.
func (s smart) covers(other smart) bool {
	for _, m := range other.may {
		if !strings.ContainsRune(s.may, m) {
			return false
		}
	}
	return s.level == other.level && (s.resource == "*" || s.resource == other.resource) && (s.query == "" || s.query == other.query)
}

// allows reports whether a client that was registered for scopes may ask for one.
func allows(registered []string, scope string) bool {
	if slices.Contains(registered, scope) {
		return true
	}
	want, ok := parseSmart(scope)
	return ok && slices.ContainsFunc(registered, func(r string) bool {
		have, ok := parseSmart(r)
		return ok && have.covers(want)
	})
}

// checkScopes returns scopes sorted and once each. known says which permissions there are. It fails with Invalid.
func checkScopes(scopes []string, known func(string) bool) ([]string, error) {
	if len(scopes) == 0 || len(scopes) > maxScopes {
		return nil, edge.E(edge.Invalid, "a client asks for 1 to %d scopes, not %d", maxScopes, len(scopes)).WithHint("for instance devices.read")
	}
	for _, s := range scopes {
		_, isSmart := parseSmart(s)
		if !isSmart && !slices.Contains(plainScopes(), s) && !known(s) {
			return nil, edge.E(edge.Invalid, "%q is not a scope that is known here", clip(s)).
				WithHint("a permission such as devices.read, a SMART scope such as patient/Observation.rs, or %s", strings.Join(plainScopes(), ", "))
		}
	}
	out := slices.Clone(scopes)
	slices.Sort(out)
	return slices.Compact(out), nil
}

// permissions are those scopes that confine a caller at the doors. Never nil: a caller without a list may do whatever
// its roles give.
func permissions(scopes string) []string {
	out := []string{}
	for s := range strings.FieldsSeq(scopes) {
		if !slices.Contains(plainScopes(), s) {
			out = append(out, s)
		}
	}
	return out
}

func has(scopes, one string) bool { return slices.Contains(strings.Fields(scopes), one) }

func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:80], "") + "…"
}
