// Package mcc knows the public merchant category codes: the four digits that say what a merchant sells (ISO 18245).
package mcc

import (
	_ "embed"
	"iter"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// codes holds "0742\tVeterinary Services\n" and so on, sorted. Where it comes from, codes.md says.
//
//go:embed codes.txt
var codes string

// A Code is a merchant category code, 1 to 9999. The zero Code means that there is none: 0000 is not given out.
type Code uint16

// Max is the largest Code.
const Max Code = 9999

// Parse reads four digits of ASCII; "0000" is none. It fails with Invalid.
func Parse(s string) (Code, error) {
	var n Code
	for i := range len(s) {
		if d := s[i] - '0'; d <= 9 && i < 4 {
			n = n*10 + Code(d)
			continue
		}
		n = 0
		break
	}
	if len(s) != 4 || n == 0 {
		return 0, edge.E(edge.Invalid, "a merchant category code has four digits").WithHint("for example 5912 for a pharmacy").WithCode("invalid_request")
	}
	return n, nil
}

// String writes the four digits that Parse reads.
func (c Code) String() string { return string(c.digits()) }

func (c Code) digits() []byte {
	return []byte{'0' + byte(c/1000%10), '0' + byte(c/100%10), '0' + byte(c/10%10), '0' + byte(c%10)}
}

// MarshalText writes what Parse reads.
func (c Code) MarshalText() ([]byte, error) { return c.digits(), nil }

// UnmarshalText reads like Parse.
func (c *Code) UnmarshalText(text []byte) (err error) {
	*c, err = Parse(string(text))
	return err
}

// Name says in English what a merchant with the code sells; it is not ok where the public list lacks the code.
func Name(c Code) (name string, ok bool) {
	digits := c.String()
	low, high := 0, len(codes) // starts of lines: the one that is looked for begins at low or later, and before high
	for low < high {
		mid := (low + high) / 2
		start := strings.LastIndexByte(codes[:mid], '\n') + 1
		line, _, _ := strings.Cut(codes[start:], "\n")
		switch strings.Compare(line[:4], digits) {
		case 0:
			return line[5:], true
		case 1:
			high = start
		default:
			low = start + len(line) + 1
		}
	}
	return "", false
}

// All yields the public list, sorted.
func All() iter.Seq2[Code, string] {
	return func(yield func(Code, string) bool) {
		for line := range strings.Lines(codes) {
			digits, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			if c, err := Parse(digits); err != nil || !yield(c, name) {
				return
			}
		}
	}
}
