package paygate

import (
	"fmt"
	"strings"

	"github.com/aielon/edge/services/wallet/bankfile"
)

// MaxNumber is the largest number a Reference can be made of.
const MaxNumber = 999_999_999_999

// A Reference is a creditor reference of ISO 11649 that a payer types at the bank: "RF", two check digits, and a number of
// 12 digits. Digits only, since they are on every keypad and in every script. Every wrong digit and every two that changed
// places are noticed (MOD 97-10). It fails with Invalid where n is larger than MaxNumber.
func Reference(n uint64) (string, error) {
	if n > MaxNumber {
		return "", invalid("a reference has at most 12 digits")
	}
	body := fmt.Sprintf("%012d", n)
	return fmt.Sprintf("RF%02d%s", 98-bankfile.Mod97(body+"RF00"), body), nil
}

// IsReference reports whether a text, in capitals and without spaces, can be what Reference made.
func IsReference(text string) bool {
	return len(text) == 16 && text[:2] == "RF" && strings.Trim(text[2:], "0123456789") == "" && bankfile.Mod97(text[4:]+text[:4]) == 1
}

// Spaced is a reference in groups of four, as people read it.
func Spaced(ref string) string {
	var b strings.Builder
	for i := range len(ref) {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteByte(ref[i])
	}
	return b.String()
}

// ParseReference reads a reference as people type it: with spaces or dashes, in small letters, with Arabic or Urdu digits,
// with or without RF in front. It fails with Invalid where the check digits are wrong.
func ParseReference(text string) (string, error) {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		case r >= 'a' && r <= 'z':
			b.WriteRune(r - 'a' + 'A')
		case r >= '٠' && r <= '٩':
			b.WriteRune(r - '٠' + '0')
		case r >= '۰' && r <= '۹':
			b.WriteRune(r - '۰' + '0')
		case r == ' ', r == '-', r == '\u00a0':
		default:
			return "", wrongReference()
		}
		if b.Len() > 25 {
			return "", wrongReference()
		}
	}
	ref := "RF" + strings.TrimPrefix(b.String(), "RF")
	if len(ref) < 5 || strings.Trim(ref[2:4], "0123456789") != "" || bankfile.Mod97(ref[4:]+ref[:4]) != 1 {
		return "", wrongReference()
	}
	return ref, nil
}

func wrongReference() error {
	return invalid("this reference is not one: a digit is wrong or missing").WithHint("type it again, in groups of four as it is printed")
}
