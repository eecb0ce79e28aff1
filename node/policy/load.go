package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"

	"github.com/aielon/edge/node/edge"
)

// Limits on one policy of a site. They bound what reading, checking and judging it cost: to check one takes the square of
// how deep it is, and each of its words is looked at in every decision.
const (
	maxText  = 4 << 10 // bytes
	maxDepth = 32      // brackets within brackets
)

// load reads the statements of one file and checks each against the schema. It fails with Invalid, with file and
// line and what is wrong there.
func (e *Engine) load(file string, text []byte) ([]rule, error) {
	switch {
	case !utf8.Valid(text):
		return nil, edge.E(edge.Invalid, "%s: a policy must be UTF-8 text", file)
	case depth(text) > maxDepth:
		return nil, edge.E(edge.Invalid, "%s: a policy may have brackets %d deep", file, maxDepth)
	}
	list, err := cedar.NewPolicyListFromBytes(file, text)
	if err != nil {
		return nil, edge.E(edge.Invalid, "%s: this is not a policy: %w", file, err)
	}
	rules := make([]rule, 0, len(list))
	for _, p := range list {
		r := newRule(p, fmt.Sprintf("%s:%d", file, p.Position().Line))
		if err := e.check(r, file, text); err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// depth is how deep brackets stand within brackets. Those in words and comments count too.
func depth(text []byte) (most int) {
	now := 0
	for _, c := range text {
		switch c {
		case '(', '[', '{':
			now++
		case ')', ']', '}':
			now--
		}
		most = max(most, now)
	}
	return most
}

// check refuses a statement that names what does not exist, or compares what cannot be compared.
func (e *Engine) check(r rule, file string, text []byte) error {
	for u := range r.literals {
		if err := e.exists(u); err != nil {
			return edge.E(edge.Invalid, "%s: %w", place(file, text, r.policy.Position(), u), err)
		}
	}
	for key, value := range r.policy.Annotations() {
		if !slices.Contains([]types.AnnotationKey{"id", "doc", "reason", "hint"}, key) {
			return edge.E(edge.Invalid, "%s: there is no @%s", r.at, clip(string(key), 40)).WithHint("a policy may have @id, @doc, @reason and @hint")
		}
		if !printable(string(value)) || len(value) > maxWords {
			return edge.E(edge.Invalid, "%s: @%s must be a sentence of at most %d bytes", r.at, key, maxWords)
		}
	}
	if err := e.validator.Policy(string(r.id), r.tree()); err != nil {
		return edge.E(edge.Invalid, "%s: this policy does not fit what callers, objects and requests have: %w", r.at, err)
	}
	return nil
}

const maxWords = 300 // bytes of a sentence in a policy

func (e *Engine) exists(u types.EntityUID) error {
	switch u.Type {
	case typeRole:
		if _, ok := e.roles[string(u.ID)]; !ok {
			return edge.E(edge.Invalid, "there is no role called %q", clip(string(u.ID), 40))
		}
	case typeAction:
		if _, ok := e.lanes[edge.Permission(u.ID)]; !ok && !slices.Contains(e.groups, string(u.ID)) {
			return edge.E(edge.Invalid, "there is no permission called %q", clip(string(u.ID), 40))
		}
	case typePerson, typeDevice, typeNode, typeService, typeNobody, typeObject:
	default:
		return edge.E(edge.Invalid, "there is nothing of type %s", clip(string(u.Type), 40))
	}
	return nil
}

// place is file and line of the first mention of u at or after the beginning of a statement.
func place(file string, text []byte, from cedar.Position, u types.EntityUID) string {
	line, rest := from.Line, string(text[min(max(from.Offset, 0), len(text)):])
	if i := strings.Index(rest, strconv.Quote(string(u.ID))); i >= 0 {
		line += strings.Count(rest[:i], "\n")
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// plain reports whether s may stand in a key, a log line and a policy as it is.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) })
}

// printable reports whether s is a text of one line.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
