package identity

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

const (
	maxLogin = 64  // bytes
	maxName  = 200 // bytes
	maxAgent = 120 // bytes
	maxArea  = 100 // bytes
)

// Fold makes one login name of the ways in which it can be typed: capitals, spaces around it, other forms of
// the same letters. Accounts are found, and tries are counted, by what it returns and nothing else.
func Fold(typed string) string {
	if len(typed) > 4*maxLogin {
		typed = strings.ToValidUTF8(typed[:4*maxLogin], "")
	}
	return norm.NFKC.String(strings.ToLower(norm.NFKC.String(strings.TrimSpace(typed))))
}

// checkLogin returns a login name as it is kept. It fails with Invalid.
func checkLogin(typed string) (string, error) {
	login := Fold(typed)
	ok := len(login) >= 2 && len(login) <= maxLogin && utf8.ValidString(login) && Fold(login) == login
	for i, r := range login {
		letter := unicode.IsLetter(r) || unicode.IsDigit(r) || i > 0 && unicode.IsMark(r)
		ok = ok && (letter || i > 0 && strings.ContainsRune("._-@+", r))
	}
	if !ok {
		return "", edge.E(edge.Invalid, "%q cannot be a sign-in name", clip(typed)).WithHint("use 2 to 64 letters, digits and . _ - @ + without spaces, such as mira.hassan")
	}
	return login, nil
}

// checkName cleans a name that is shown. It fails with Invalid on what could disguise itself on a page.
func checkName(s string) (string, error) {
	s = norm.NFC.String(strings.Join(strings.Fields(s), " "))
	odd := func(r rune) bool {
		joiner := r == '\u200c' || r == '\u200d' // Persian, Urdu and Malayalam need them
		return !joiner && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError)
	}
	if len(s) > maxName || !utf8.ValidString(s) || strings.ContainsFunc(s, odd) {
		return "", edge.E(edge.Invalid, "a name may have %d bytes and no invisible characters", maxName)
	}
	return s, nil
}

// checkLanguage takes the shape of a BCP 47 tag.
func checkLanguage(s string) (string, error) {
	for i, part := range strings.Split(s, "-") {
		ok := len(part) <= 8 && (len(part) >= 2 || i > 0 && len(part) == 1)
		for j := 0; j < len(part); j++ {
			c := part[j] | 0x20
			ok = ok && (c >= 'a' && c <= 'z' || i > 0 && part[j] >= '0' && part[j] <= '9')
		}
		if s != "" && (!ok || len(s) > 35) {
			return "", edge.E(edge.Invalid, "%q is not a language", clip(s)).WithHint("for instance ar, id or en-GB")
		}
	}
	return s, nil
}

// checkRoles returns roles sorted and once each. It fails with Invalid on what people cannot hold.
func checkRoles(roles []string) ([]string, error) {
	out := []string{}
	for _, r := range roles {
		name, area, confined := strings.Cut(r, "@")
		if !slices.Contains(auth.PeopleRoles(), name) || confined && !slices.Contains(auth.AreaRoles(), name) {
			return nil, edge.E(edge.Invalid, "%q is not a role that a person can have", clip(r)).WithHint("%s", strings.Join(auth.PeopleRoles(), ", "))
		}
		if confined && !validArea(area) {
			return nil, edge.E(edge.Invalid, "%q is not an area", clip(area)).WithHint("write it like clinician@ward:2")
		}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	slices.Sort(out)
	return out, nil
}

// validArea takes "ward:2": what kind of place, and which.
func validArea(area string) bool {
	key, value, ok := strings.Cut(area, ":")
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r))
	}
	return ok && key != "" && value != "" && len(area) <= maxArea && !strings.ContainsFunc(key+value, odd)
}

// checkScopes takes permissions, "devices.read".
func checkScopes(scopes []string) ([]string, error) {
	if len(scopes) > 64 {
		return nil, edge.E(edge.Invalid, "a token may be confined to 64 permissions, not %d", len(scopes))
	}
	for _, s := range scopes {
		service, verb, ok := strings.Cut(s, ".")
		plain := func(r rune) bool { return r >= 'a' && r <= 'z' || r == '_' || r == '-' }
		if !ok || service == "" || verb == "" || len(s) > 80 || strings.ContainsFunc(service+verb, func(r rune) bool { return !plain(r) }) {
			return nil, edge.E(edge.Invalid, "%q is not a permission", clip(s)).WithHint("for instance devices.read")
		}
	}
	scopes = slices.Clone(scopes)
	slices.Sort(scopes)
	return slices.Compact(scopes), nil
}

// cleanAgent keeps of what a browser calls itself what can be shown.
func cleanAgent(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != utf8.RuneError {
			return r
		}
		return -1
	}, s)
	if len(s) > maxAgent {
		s = strings.ToValidUTF8(s[:maxAgent], "")
	}
	return s
}

func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:80], "") + "…"
}
