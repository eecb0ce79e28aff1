package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWord is the longest word that is indexed, in bytes after folding. Longer ones are cut.
const maxWord = 64

// fold returns the form under which a word is found: compatibility forms, case, accents and vowel signs are
// removed, and letters that Arabic and Urdu keyboards write differently become one. The result may hold
// characters no word has (a ligature can stand for several words); see words.
func fold(s string) string {
	if f, ok := foldASCII(s); ok {
		return f
	}
	if f, ok := foldPlainArabic(s); ok {
		return f
	}
	return foldAny(s)
}

// foldPlainArabic is foldAny for letters, digits and signs of the Arabic block, which need no tables of Unicode.
func foldPlainArabic(s string) (string, bool) {
	var room [2 * maxWord]byte
	b := room[:0]
	for _, r := range s {
		if r < 0x600 || r > 0x6ff {
			return "", false
		}
		if to := arabicBlock(r); to > 0 {
			b = utf8.AppendRune(b, to)
		} else if to < 0 {
			return "", false
		}
	}
	return string(b), true
}

// arabicBlock returns what a character of the Arabic block becomes, 0 where it is dropped and -1 where it takes more
// than a look to tell.
func arabicBlock(r rune) rune {
	switch {
	case r >= 0x621 && r <= 0x626:
		return [...]rune{'ء', 'ا', 'ا', 'و', 'ا', 'ي'}[r-0x621]
	case r >= 0x627 && r <= 0x63a, r >= 0x641 && r <= 0x64a, r >= 0x679 && r <= 0x6bf, r == 'ں', r == 'ہ', r == 'ھ', r == 'ی', r == 'ے':
		return foldArabic(r)
	case r == 'ـ', r >= 0x64b && r <= 0x65f, r == 0x670, r >= 0x610 && r <= 0x61a:
		return 0
	case r >= 0x660 && r <= 0x669:
		return '0' + r - 0x660
	case r >= 0x6f0 && r <= 0x6f9:
		return '0' + r - 0x6f0
	}
	return -1
}

func foldAny(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range norm.NFKD.String(s) {
		if r == 'ـ' || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r) {
			continue
		}
		if d, ok := digit(r); ok {
			b.WriteByte(d)
			continue
		}
		r = unicode.ToLower(r)
		if two := spread(r); two != "" {
			b.WriteString(two)
			continue
		}
		if unicode.Is(unicode.Arabic, r) {
			r = foldArabic(r)
		}
		b.WriteRune(r)
	}
	return settle(b.String())
}

// settle composes what is left. Lower case letters may decompose where upper case ones did not, so what came out is
// folded until it stays the same; two rounds are enough for all of Unicode 15, and there are never more than four.
func settle(s string) string {
	for range 3 {
		t := norm.NFKD.String(s)
		if t == s {
			break
		}
		t = strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r) {
				return -1
			}
			return unicode.ToLower(r)
		}, t)
		if t == s {
			break
		}
		s = t
	}
	return s
}

func foldASCII(s string) (string, bool) {
	lower := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			return "", false
		}
		lower = lower && (c < 'A' || c > 'Z')
	}
	if lower {
		return s, true
	}
	return strings.ToLower(s), true
}

// digit returns the ASCII digit that r stands for: Arabic-Indic, Urdu and all other decimal digits come in runs of
// ten that begin at a multiple of their value.
func digit(r rune) (byte, bool) {
	switch {
	case r >= '٠' && r <= '٩':
		return byte('0' + r - '٠'), true
	case r >= '۰' && r <= '۹':
		return byte('0' + r - '۰'), true
	}
	return 0, false
}

// spread returns what Latin letters without a decomposition are written as by people who do not have them.
func spread(r rune) string {
	switch r {
	case 'ß':
		return "ss"
	case 'æ':
		return "ae"
	case 'œ':
		return "oe"
	case 'ø':
		return "o"
	case 'ł':
		return "l"
	case 'đ', 'ð':
		return "d"
	case 'þ':
		return "th"
	case 'ı':
		return "i"
	}
	return ""
}

// foldArabic joins letters that mean the same and are typed differently: alef forms, ya and alef maqsura, ta
// marbuta and ha, and what Urdu and Persian have of their own for Arabic kaf, ya and ha. Alefs and hamza carriers
// that have a decomposition have lost their mark before.
func foldArabic(r rune) rune {
	switch r {
	case 'ٱ', 'ٲ', 'ٳ', 'ٵ':
		return 'ا'
	case 'ى', 'ی', 'ې', 'ے', 'ۓ', 'ٸ', 'ۍ', 'ێ':
		return 'ي'
	case 'ة', 'ہ', 'ھ', 'ۂ', 'ۃ', 'ۀ', 'ە', 'ۿ':
		return 'ه'
	case 'ک', 'ڪ', 'ڬ':
		return 'ك'
	case 'ٶ', 'ۥ':
		return 'و'
	}
	return r
}
