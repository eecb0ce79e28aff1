package shariah

import (
	"strconv"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// A Decision is what a set says of a dealing, with everything needed to say why, now and years later.
type Decision struct {
	Act        Act
	Rule       string // id of the rule that spoke; empty where none did
	SetName    string
	SetVersion uint32
	To         FundKind    // where the money has to go instead; NoFund where anywhere
	Facts      []edge.Fact // what Rule stood on
	Notes      []Note      // of rules with the act INFO, where the dealing is not denied
	rule       *Rule
}

// A Note is what a rule tells whoever does something that is allowed.
type Note struct {
	Rule  string
	Facts []edge.Fact
	rule  *Rule
}

// Text explains the decision in one of the languages "en", "id", "ms", "ur" and "ar"; in English for any other. It is
// empty where no rule spoke.
func (d Decision) Text(lang string) string {
	if d.Rule == UnknownRule {
		return unknownTexts.in(lang)
	}
	return d.rule.explain(lang, d.SetName, d.SetVersion, d.Facts)
}

// Text explains the note like that of a Decision.
func (n Note) Text(lang string) string { return n.rule.explain(lang, "", 0, n.Facts) }

// Err is nil where the dealing may be done, also where the money has to go elsewhere or an officer has to look first;
// otherwise the refusal, of kind Refused: its code is "shariah_" and the rule's id, and "aml_limit" where the rule is
// about velocity; its facts are the rule, the set, its version and those the rule stood on.
func (d Decision) Err(lang string) *edge.Error {
	if d.Act != Deny {
		return nil
	}
	code := "shariah_" + strings.ReplaceAll(strings.ToLower(d.Rule), "-", "_")
	if d.rule != nil && d.rule.Kind == "velocity" {
		code = "aml_limit"
	}
	facts := append([]edge.Fact{{Name: "rule", Value: d.Rule}, {Name: "set", Value: d.SetName}, {Name: "version", Value: strconv.FormatUint(uint64(d.SetVersion), 10)}}, d.Facts...)
	return edge.E(edge.Refused, "%s", d.Text(lang)).WithCode(code, facts...)
}

// Explain says again what a rule of this set said when it stood on facts, as in Decision.Text; it is not ok where the
// set has no such rule.
func (c *Compiled) Explain(rule, lang string, facts []edge.Fact) (text string, ok bool) {
	r := c.rule(rule)
	return r.explain(lang, c.name, c.version, facts), r != nil
}

// UnknownRule is the id in decisions about dealings that no set can judge, since a number in their Facts is none of
// those this package knows. They are denied.
const UnknownRule = "UNKNOWN"

var unknownTexts = Texts{
	EN: "This kind of dealing is not known to the rules, so it cannot be done.",
	ID: "Jenis transaksi ini tidak dikenal oleh aturan, sehingga tidak dapat dilakukan.",
	MS: "Jenis urus niaga ini tidak dikenali oleh peraturan, maka ia tidak boleh dilakukan.",
	UR: "اس قسم کا معاملہ قواعد میں معلوم نہیں، اس لیے یہ نہیں ہو سکتا۔",
	AR: "هذا النوع من المعاملات غير معروف في القواعد، فلا يمكن إجراؤه.",
}

func (r *Rule) explain(lang, set string, version uint32, facts []edge.Fact) string {
	if r == nil {
		return ""
	}
	var b strings.Builder
	for rest := r.Texts.in(lang); ; {
		before, after, found := strings.Cut(rest, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		place, tail, _ := strings.Cut(after, "}")
		b.WriteString(r.fill(place, set, version, facts))
		rest = tail
	}
}

func (r *Rule) fill(place, set string, version uint32, facts []edge.Fact) string {
	switch place {
	case "rule":
		return r.ID
	case "set":
		return set
	case "version":
		return strconv.FormatUint(uint64(version), 10)
	}
	for _, f := range facts {
		if f.Name == place {
			return f.Value
		}
	}
	return "?" // a fact that was not kept
}
