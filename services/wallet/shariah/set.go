package shariah

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// A Set is a named, versioned list of rules, sorted by id as Compare does.
type Set struct {
	Name    string // 1 to 64 of a-z, 0-9 and -
	Version uint32 // from 1; a higher one replaces a lower one of its name
	Rules   []Rule
}

// A Rule is one row of a Set. Rows of a set from Parse are in order and sound.
type Rule struct {
	ID     string // NAME-1 or NAME-A
	Kind   string // which checker looks
	Act    Act
	Doc    string // what it checks, for those who keep sets
	Source string // where that is from, and how sure that is
	Texts  Texts  // for whoever is refused or told
	check  checker
}

// Texts explain a rule in the five languages. {name} stands for a fact.
type Texts struct {
	EN string `json:"en"`
	ID string `json:"id"`
	MS string `json:"ms"`
	UR string `json:"ur"`
	AR string `json:"ar"`
}

func (t *Texts) in(lang string) string {
	switch lang, _, _ := strings.Cut(lang, "-"); lang {
	case "id":
		return t.ID
	case "ms":
		return t.MS
	case "ur":
		return t.UR
	case "ar":
		return t.AR
	}
	return t.EN
}

// Bounds of a set.
const (
	MaxSet   = 256 << 10 // bytes of the document
	MaxRules = 256
	maxText  = 1000 // bytes of one text
)

// document and row are the form of a Set in JSON; the order of their fields is that of the canonical form.
type document struct {
	Name    string            `json:"name"`
	Version uint32            `json:"version"`
	Rules   []json.RawMessage `json:"rules"`
}

type row struct {
	ID     string          `json:"id"`
	Kind   string          `json:"kind"`
	Act    Act             `json:"act"`
	Params json.RawMessage `json:"params"`
	Doc    string          `json:"doc"`
	Source string          `json:"source"`
	Texts  Texts           `json:"texts"`
}

// Parse reads a set from JSON, strictly. It fails with Invalid, code rule_set_invalid, and says where: for what is no
// JSON, unknown or doubled keys, unknown names, wrong parameters, missing texts, facts that a rule does not have,
// doubled ids, merchant codes that one rule allows and another does not, and purposes that two rules send to
// different funds.
func Parse(data []byte) (*Set, error) {
	if len(data) > MaxSet {
		return nil, bad("", "it has %d bytes; a set may have %d", len(data), MaxSet)
	}
	if err := keys(data); err != nil {
		return nil, err
	}
	var d document
	if err := decode(data, &d); err != nil {
		return nil, bad("", "%w", err)
	}
	s := &Set{Name: d.Name, Version: d.Version}
	switch {
	case len(d.Name) < 1 || len(d.Name) > 64 || strings.Trim(d.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return nil, bad("name", "it has 1 to 64 letters a to z, digits and -")
	case d.Version == 0:
		return nil, bad("version", "versions count from 1")
	case len(d.Rules) == 0 || len(d.Rules) > MaxRules:
		return nil, bad("rules", "a set has 1 to %d rules", MaxRules)
	}
	for i, data := range d.Rules {
		r, err := parseRule(data)
		if err != nil {
			return nil, bad(ruleAt(i, r.ID), "%w", err)
		}
		s.Rules = append(s.Rules, r)
	}
	slices.SortStableFunc(s.Rules, func(a, b Rule) int { return Compare(a.ID, b.ID) })
	return s, s.agrees()
}

// Compare puts ids into the order in which rules are asked: by name, then by number, then by letter.
func Compare(a, b string) int {
	x, i, _ := strings.Cut(a, "-")
	y, j, _ := strings.Cut(b, "-")
	return cmp.Or(strings.Compare(x, y), cmp.Compare(len(i), len(j)), strings.Compare(i, j))
}

func parseRule(data []byte) (Rule, error) {
	var in row
	err := decode(data, &in)
	r := Rule{ID: in.ID, Kind: in.Kind, Act: in.Act, Doc: in.Doc, Source: in.Source, Texts: in.Texts}
	if err != nil {
		return r, err
	}
	if !validID(r.ID) {
		return Rule{}, wrong("id %.40q is not of the form NAME-1 or NAME-A", r.ID)
	}
	if r.check = newChecker(r.Kind); r.check == nil {
		return r, wrong("kind %.40q is none that this version of the program knows", r.Kind)
	}
	if len(in.Params) == 0 || in.Params[0] != '{' {
		return r, wrong("params must be an object")
	}
	if err := decode(in.Params, r.check); err != nil {
		return r, wrong("params: %w", err)
	}
	if err := r.check.valid(); err != nil {
		return r, wrong("params: %w", err)
	}
	if !r.check.mayBe(r.Act) {
		return r, wrong("act %s does not go with kind %s", r.Act, r.Kind)
	}
	if r.Doc == "" || r.Source == "" || len(r.Doc) > maxText || len(r.Source) > maxText {
		return r, wrong("doc and source must say something, in at most %d bytes", maxText)
	}
	return r, r.checkTexts()
}

func validID(id string) bool {
	base, last, _ := strings.Cut(id, "-")
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	name := len(base) > 0 && len(base) <= 16 && strings.Trim(base, letters) == ""
	number := len(last) <= 4 && strings.Trim(last, "0123456789") == "" && last != "" && last[0] != '0'
	return name && (number || len(last) == 1 && strings.Contains(letters, last))
}

// checkTexts holds every text to say something, with facts that the rule has.
func (r *Rule) checkTexts() error {
	known := append([]string{"rule", "set", "version"}, r.check.tells()...)
	for _, lang := range []string{"en", "id", "ms", "ur", "ar"} {
		text := map[string]string{"en": r.Texts.EN, "id": r.Texts.ID, "ms": r.Texts.MS, "ur": r.Texts.UR, "ar": r.Texts.AR}[lang]
		if strings.TrimSpace(text) == "" || len(text) > maxText {
			return wrong("texts.%s must say something, in at most %d bytes", lang, maxText)
		}
		for rest := text; ; {
			before, after, found := strings.Cut(rest, "{")
			if strings.Contains(before, "}") {
				return wrong("texts.%s has a } without a {", lang)
			}
			if !found {
				break
			}
			place, tail, closed := strings.Cut(after, "}")
			if !closed || !slices.Contains(known, place) {
				return wrong("texts.%s asks for the fact {%.40s, which a rule of kind %s does not have", lang, place, r.Kind)
			}
			rest = tail
		}
	}
	return nil
}

// agrees finds what no rule can see alone.
func (s *Set) agrees() error {
	allowed := map[uint16]string{}
	for i := range s.Rules {
		r := &s.Rules[i]
		if i > 0 && r.ID == s.Rules[i-1].ID {
			return bad("rules", "two of them have the id %s", r.ID)
		}
		if r.Act == Allow {
			for _, c := range r.check.when().codes {
				allowed[uint16(c)] = r.ID
			}
		}
	}
	routed := map[Purpose]*Rule{}
	for i := range s.Rules {
		r := &s.Rules[i]
		if r.Act == Route {
			for _, p := range r.check.when().purposes {
				if by := routed[p]; by != nil && by.check.destination() != r.check.destination() {
					return bad("rules", "%s and %s send %s to different funds", by.ID, r.ID, p)
				}
				routed[p] = r
			}
		}
		for _, c := range r.check.when().codes {
			if by, ok := allowed[uint16(c)]; ok && r.Act != Allow {
				return bad("rules", "the merchant code %s is allowed by %s and not by %s", c, by, r.ID)
			}
		}
	}
	return nil
}

// bad says where in a set something is wrong.
func bad(place, format string, args ...any) error {
	err := edge.E(edge.Invalid, format, args...)
	words := "the rule set cannot be used: "
	if place != "" {
		words = "the rule set cannot be used, at " + place + ": "
	}
	return edge.E(edge.Invalid, "%s%w", words, err).WithHint("mend the document and sign it again").WithCode("rule_set_invalid", edge.Fact{Name: "place", Value: place})
}

// decode reads one value of JSON whose keys are all known.
func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if _, ok := err.(*edge.Error); ok || err == nil {
		return err
	}
	return wrong("%s", strings.TrimPrefix(err.Error(), "json: "))
}
