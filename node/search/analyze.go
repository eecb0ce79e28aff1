package search

import "strings"

// A term is a form of a word as the index keeps it: one byte that says which form, and the letters.
//
//	w  the folded word
//	e i u a  a stem, by tongue
//	c  a code: letters and digits of an identifier without what stands between them
type term = string

const (
	wordForm = 'w'
	codeForm = 'c'
)

func asWord(folded string) term         { return string(rune(wordForm)) + folded }
func asStem(t tongue, stem string) term { return string(rune(t)) + stem }
func asCode(code string) term           { return string(rune(codeForm)) + code }
func isCodeLike(folded string) bool     { return strings.ContainsAny(folded, "0123456789") }

// maxCode is the longest code, in bytes; longer ones are cut.
const maxCode = 64

// squash returns a code as it is indexed: folded, with only its letters and digits.
func squash(s string) string {
	f := fold(clip(s, 4*maxCode))
	f = strings.Map(func(r rune) rune {
		if !inWord(r) {
			return -1
		}
		return r
	}, f)
	return clip(f, maxCode)
}

// Whoever types a phone number may leave out the country code, or begin with a zero instead: country codes have one
// to three digits, so the number is indexed from each of its first four digits on, without leading zeros.
const phoneStarts = 4

// minPhone is the shortest rest of a phone number that is indexed by itself, in digits.
const minPhone = 5

func phoneCodes(s string) (codes []string) {
	d := strings.TrimLeft(squash(s), "0")
	for i := range phoneStarts {
		if len(d)-i < minPhone && i > 0 {
			break
		}
		c := d[min(i, len(d)):]
		if c == "" || i > 0 && c[0] == '0' {
			continue
		}
		codes = append(codes, c)
	}
	return codes
}
