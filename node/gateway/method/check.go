package method

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/edge"
)

// Bounds for what a schema says nothing of.
const (
	maxText  = 64 << 10 // characters of a string, bytes of a bytes field
	maxItems = 10_000   // of a list or a map
)

// A checker knows the limits of one message type.
type checker struct {
	fields []fieldCheck
}

type fieldCheck struct {
	desc    protoreflect.FieldDescriptor
	limit   *api.Limit
	pattern *regexp.Regexp
	inner   *checker // of messages
}

// newChecker compiles the limits of a type, and of those within it that are not in seen already.
func newChecker(d protoreflect.MessageDescriptor, seen map[protoreflect.FullName]*checker) (*checker, error) {
	if c := seen[d.FullName()]; c != nil {
		return c, nil
	}
	c := &checker{}
	seen[d.FullName()] = c
	if strings.HasPrefix(string(d.FullName()), "google.protobuf.") {
		return c, nil
	}
	for i := range d.Fields().Len() {
		f := fieldCheck{desc: d.Fields().Get(i)}
		f.limit = api.LimitOf(f.desc)
		if p := f.limit.GetPattern(); p != "" {
			re, err := regexp.Compile("^(?:" + p + ")$")
			if err != nil {
				return nil, edge.E(edge.Invalid, "the pattern of %s: %w", f.desc.FullName(), err)
			}
			f.pattern = re
		}
		if m := f.desc.Message(); m != nil && !f.desc.IsMap() {
			inner, err := newChecker(m, seen)
			if err != nil {
				return nil, err
			}
			f.inner = inner
		}
		c.fields = append(c.fields, f)
	}
	return c, nil
}

func (c *checker) message(m protoreflect.Message, at string) error {
	for _, f := range c.fields {
		if err := f.check(m, at); err != nil {
			return err
		}
	}
	return nil
}

func (f fieldCheck) check(m protoreflect.Message, at string) error {
	name := at + f.desc.TextName()
	if !m.Has(f.desc) {
		if f.limit.GetRequired() {
			return wrong("%s is missing", name)
		}
		return nil
	}
	v := m.Get(f.desc)
	switch {
	case f.desc.IsMap():
		return f.items(name, v.Map().Len())
	case f.desc.IsList():
		if err := f.items(name, v.List().Len()); err != nil {
			return err
		}
		for i := range v.List().Len() {
			if err := f.value(v.List().Get(i), name+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
		return nil
	}
	return f.value(v, name)
}

func (f fieldCheck) items(name string, n int) error {
	if most := f.most(); n > most {
		return wrong("%s holds %d items, %d is the most", name, n, most)
	}
	return nil
}

// most is how many items a list or a map may hold.
func (f fieldCheck) most() int {
	if n := int(f.limit.GetMaxItems()); n > 0 {
		return n
	}
	return maxItems
}

func (f fieldCheck) value(v protoreflect.Value, name string) error {
	switch f.desc.Kind() {
	case protoreflect.StringKind:
		return f.text(v.String(), name)
	case protoreflect.BytesKind:
		return f.length(len(v.Bytes()), name, "bytes")
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return f.inner.message(v.Message(), name+".")
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		if n := v.Float(); math.IsNaN(n) || math.IsInf(n, 0) {
			return wrong("%s must be a number", name)
		}
	case protoreflect.EnumKind:
		if f.desc.Enum().Values().ByNumber(v.Enum()) == nil {
			return wrong("%s: %d is none of the values it may have", name, v.Enum())
		}
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return f.number(v.Int(), name)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return f.number(int64(min(v.Uint(), math.MaxInt64)), name)
	}
	return nil
}

func (f fieldCheck) number(n int64, name string) error {
	if f.limit.Min != nil && n < f.limit.GetMin() || f.limit.Max != nil && n > f.limit.GetMax() {
		return wrong("%s is %d, it must lie between %s and %s", name, n, bound(f.limit.Min), bound(f.limit.Max))
	}
	return nil
}

func bound(n *int64) string {
	if n == nil {
		return "any"
	}
	return strconv.FormatInt(*n, 10)
}

func (f fieldCheck) text(s, name string) error {
	if !utf8.ValidString(s) {
		return wrong("%s is not valid UTF-8", name)
	}
	if err := f.length(utf8.RuneCountInString(s), name, "characters"); err != nil {
		return err
	}
	for _, r := range s {
		if deceptive(r) && !(f.limit.GetMultiline() && (r == '\n' || r == '\t' || r == '\r')) {
			return wrong("%s holds the invisible character U+%04X", name, r).WithHint("type it anew instead of pasting it")
		}
	}
	if f.pattern != nil && !f.pattern.MatchString(s) {
		return wrong("%s does not have the form it must have", name).WithHint("it must match %s", f.limit.GetPattern())
	}
	return nil
}

func (f fieldCheck) length(n int, name, unit string) error {
	most := int(f.limit.GetMaxLength())
	if most == 0 {
		most = maxText
	}
	if least := int(f.limit.GetMinLength()); n < least || n > most {
		return wrong("%s has %d %s, it may have %d to %d", name, n, unit, least, most)
	}
	return nil
}

// deceptive reports characters that make a text read other than it is: control characters, and those that
// turn the direction of others (Unicode Technical Report 36 section 2). The joiners that Urdu and Persian
// words need are none of them.
func deceptive(r rune) bool {
	switch {
	case r == '\u200c' || r == '\u200d' || r == '\u200e' || r == '\u200f' || r == '\u061c':
		return false
	case r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\ufeff' || r == '\u200b':
		return true
	}
	return unicode.IsControl(r)
}

// CodeInvalid is the code of every request that a schema does not allow.
const CodeInvalid = "invalid_request"

func wrong(format string, args ...any) *edge.Error {
	return edge.E(edge.Invalid, format, args...).WithCode(CodeInvalid)
}
