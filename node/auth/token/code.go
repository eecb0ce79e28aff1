package token

import (
	"crypto/rand"
	"encoding/base32"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// A Form is how a code looks: groups of characters of five bits each, with hyphens between them.
type Form struct{ Groups, Len int }

// OneTime is the form of set-up codes and invitations: 100 bits, more than anybody can try while they last.
func OneTime() Form { return Form{4, 5} }

// Recovery is the form of recovery codes: 120 bits, because they are kept for years behind one fast hash, for
// which OWASP ASVS 5.0 asks for 112 (6.5.2).
func Recovery() Form { return Form{4, 6} }

// Crockford's alphabet in capitals: no I, L, O, U.
const codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const maxTyped = 200 // bytes a person may type for a code

// NewCode makes a code of form f, such as "7GQ2M-0XK4T-9ZP1C-HB5WD".
func NewCode(f Form) string {
	b := make([]byte, (f.chars()*5+7)/8)
	rand.Read(b)
	return f.group(codeText().EncodeToString(b)[:f.chars()])
}

// ParseCode reads a code as a person types it: capitals or not, with spaces, hyphens and line breaks anywhere,
// and with o, i, l for 0, 1, 1. It returns the one form NewCode writes. It fails with Invalid.
func ParseCode(f Form, typed string) (string, error) {
	if len(typed) > maxTyped {
		return "", f.notCode()
	}
	var b strings.Builder
	for _, r := range typed {
		switch c := fold(r); {
		case c == ' ':
		case c == 0:
			return "", f.notCode()
		default:
			b.WriteByte(c)
		}
	}
	if b.Len() != f.chars() {
		return "", f.notCode()
	}
	return f.group(b.String()), nil
}

// fold turns what was typed into a character of the alphabet, a space for what does not count, or 0.
func fold(r rune) byte {
	switch r {
	case ' ', '\t', '\r', '\n', '-', '\u00a0', '\u2010', '\u2011', '\u2013': // hyphens as word processors make them
		return ' '
	case 'o', 'O':
		return '0'
	case 'i', 'I', 'l', 'L':
		return '1'
	}
	if r >= 'a' && r <= 'z' {
		r -= 'a' - 'A'
	}
	if r < 128 && strings.IndexByte(codeAlphabet, byte(r)) >= 0 {
		return byte(r)
	}
	return 0
}

func (f Form) chars() int { return f.Groups * f.Len }

func (f Form) group(s string) string {
	parts := make([]string, 0, f.Groups)
	for ; len(s) >= f.Len; s = s[f.Len:] {
		parts = append(parts, s[:f.Len])
	}
	return strings.Join(parts, "-")
}

func (f Form) notCode() *edge.Error {
	return edge.E(edge.Invalid, "this is not a code").WithHint("a code has %d groups of %d letters and digits; hyphens and spaces do not matter", f.Groups, f.Len)
}

func codeText() *base32.Encoding {
	return base32.NewEncoding(codeAlphabet).WithPadding(base32.NoPadding)
}
