package bankfile

import "strings"

// Compact drops the spaces people write references and IBANs with, and makes capitals of letters.
func Compact(s string) string { return strings.ToUpper(strings.Join(strings.Fields(s), "")) }

// ValidIBAN reports whether s, as Compact gives it, has the form of an IBAN and its check digits are right (ISO 13616-1,
// ISO 7064 MOD 97-10).
func ValidIBAN(s string) bool {
	if len(s) < 15 || len(s) > 34 || !letter(s[0]) || !letter(s[1]) || !digit(s[2]) || !digit(s[3]) {
		return false
	}
	return Mod97(s[4:]+s[:4]) == 1
}

// Mod97 is the rest after division by 97 of the number that s stands for, letters as A=10 to Z=35; -1 where s has
// anything but digits and capitals.
func Mod97(s string) int {
	rest := 0
	for i := range len(s) {
		switch c := s[i]; {
		case digit(c):
			rest = (rest*10 + int(c-'0')) % 97
		case letter(c):
			rest = (rest*100 + int(c-'A') + 10) % 97
		default:
			return -1
		}
	}
	return rest
}

// validBIC reports whether s has the form of a BIC (ISO 9362): 8 or 11 capitals and digits.
func validBIC(s string) bool {
	if len(s) != 8 && len(s) != 11 {
		return false
	}
	for i := range len(s) {
		if !letter(s[i]) && (!digit(s[i]) || i == 4 || i == 5) {
			return false
		}
	}
	return true
}

func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return c >= 'A' && c <= 'Z' }
