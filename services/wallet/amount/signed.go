package amount

import (
	"strings"

	"github.com/aielon/edge/node/edge"
)

// A Signed is a number of minor units that may be below zero: a balance. The zero Signed is nothing; there is no
// negative nothing.
type Signed struct {
	Amount
	Neg bool
}

// Diff is plus - minus. It always fits.
func Diff(plus, minus Amount) Signed {
	if d, ok := plus.Sub(minus); ok {
		return Signed{Amount: d}
	}
	d, _ := minus.Sub(plus)
	return Signed{d, true}
}

// Cmp is -1, 0 or 1 as s is less than, equal to or more than t.
func (s Signed) Cmp(t Signed) int {
	switch {
	case s.Neg && !t.Neg:
		return -1
	case t.Neg && !s.Neg:
		return 1
	case s.Neg:
		return t.Amount.Cmp(s.Amount)
	}
	return s.Amount.Cmp(t.Amount)
}

// Add is s+t; it is not ok where no Signed is large enough.
func (s Signed) Add(t Signed) (Signed, bool) {
	if s.Neg == t.Neg {
		sum, ok := s.Amount.Add(t.Amount)
		return Signed{sum, s.Neg}, ok
	}
	if s.Neg {
		return Diff(t.Amount, s.Amount), true
	}
	return Diff(s.Amount, t.Amount), true
}

// Negated is -s.
func (s Signed) Negated() Signed { return Signed{s.Amount, !s.Neg && !s.IsZero()} }

// String writes what ParseSigned reads.
func (s Signed) String() string {
	if s.Neg {
		return "-" + s.Amount.String()
	}
	return s.Amount.String()
}

// ParseSigned reads an Amount with or without a minus in front; "-0" is none. It fails like Parse.
func ParseSigned(s string) (Signed, error) {
	digits, neg := strings.CutPrefix(s, "-")
	a, err := Parse(digits)
	if err == nil && neg && a.IsZero() {
		err = invalid("nothing has no sign")
	}
	if err != nil {
		return Signed{}, err
	}
	return Signed{a, neg}, nil
}

// MaxScale is the largest number of decimals a currency may have.
const MaxScale = 18

// Decimal writes s in major units with a point and as many decimals as the scale says: 1250 of scale 2 is "12.50".
func (s Signed) Decimal(scale int) string {
	text := s.Amount.String()
	if scale > 0 {
		if missing := scale + 1 - len(text); missing > 0 {
			text = strings.Repeat("0", missing) + text
		}
		text = text[:len(text)-scale] + "." + text[len(text)-scale:]
	}
	if s.Neg {
		return "-" + text
	}
	return text
}

// ParseDecimal reads major units as people and files of banks write them, "12.50" or "12", with no more decimals than
// the scale says. It fails like Parse; decimals that are too many are a scale_mismatch.
func ParseDecimal(text string, scale int) (Signed, error) {
	digits, neg := strings.CutPrefix(text, "-")
	whole, part, cut := strings.Cut(digits, ".")
	switch {
	case cut && part == "", whole == "":
		return Signed{}, invalid("an amount needs digits before and after its point")
	case strings.Trim(whole+part, "0123456789") != "":
		return Signed{}, invalid("an amount is written with the digits 0 to 9 and one point only")
	case len(strings.TrimRight(part, "0")) > scale:
		return Signed{}, edge.E(edge.Invalid, "the amount has more decimals than its currency, which has %d", scale).WithCode(CodeScale)
	}
	part = (part + strings.Repeat("0", scale))[:scale]
	minor := strings.TrimLeft(whole+part, "0")
	if minor == "" {
		minor = "0"
	}
	if neg && minor != "0" {
		minor = "-" + minor
	}
	return ParseSigned(minor)
}
