package names

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxName is how long a name may be, in bytes; what is longer is cut off.
const MaxName = 512

// Normalise writes a name so that spellings which mean the same are the same: compatibility forms taken apart (NFKD),
// accents, harakat and tatweel left out, letters of one case, forms of alef, ya, kaf, ha and hamza as one, words in
// the order of their letters with one space between.
func Normalise(name string) string {
	words := split(name)
	slices.Sort(words)
	return strings.Join(words, " ")
}

func split(name string) []string {
	if len(name) > MaxName {
		name = strings.ToValidUTF8(name[:MaxName], "")
	}
	text := norm.NFKD.String(cases.Fold().String(norm.NFKD.String(name)))
	return strings.FieldsFunc(strings.Map(letter, text), func(r rune) bool { return r == ' ' })
}

// letter is one form of a letter for all of its forms; -1 for what is left out, a space for what parts words.
func letter(r rune) rune {
	switch {
	case r < 0x80:
		if r == '\'' || r == '`' {
			return -1 // it stands for ayn and hamza: Sa'id, Rif`at
		}
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return ' '
	case unicode.In(r, unicode.Mn, unicode.Lm, unicode.Cf) || r == '’' || r == '‘':
		return -1 // accents, harakat, tatweel, joiners, marks for ayn
	}
	if same, ok := arabic(r); ok {
		return same
	}
	if unicode.IsLetter(r) || unicode.IsDigit(r) {
		return r
	}
	return ' '
}

// arabic is one form for the forms of a letter. Hamza and madda above and below were taken off by NFKD already.
func arabic(r rune) (rune, bool) {
	switch r {
	case 'ٱ', 'ٲ', 'ٳ':
		return 'ا', true
	case 'ى', 'ی', 'ې', 'ے', 'ێ':
		return 'ي', true
	case 'ة', 'ه', 'ہ', 'ھ', 'ە', 'ۀ', 'ۃ':
		return 'ه', true
	case 'ک', 'ڪ':
		return 'ك', true
	case 'ء':
		return -1, true
	}
	return 0, false
}

// Key writes a name as the consonants that Arabic and Latin spellings of it have in common, so that both scripts meet:
// "محمد" and "Mohammed" are "mhmd". Articles are left out, and the servant of (Abd, Abdul) is joined to the name after it.
// Other scripts stay as they are.
func Key(name string) string {
	words := split(name)
	var out []string
	servant := false
	for _, w := range words {
		if article(w) {
			continue
		}
		k, abd := skeleton(w), isServant(w)
		if servant {
			k = "bd" + k
		} else if abd {
			servant = true
			continue
		}
		servant = false
		if k != "" {
			out = append(out, k)
		}
	}
	if servant {
		out = append(out, "bd")
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func article(w string) bool {
	switch w {
	case "al", "el", "ul", "as", "ash", "ad", "ar", "an", "at", "az", "ال", "bin", "ibn", "ben", "binti", "bint", "بن", "ابن", "بنت":
		return true
	}
	return false
}

func isServant(w string) bool {
	switch w {
	case "abd", "abdul", "abdel", "abdal", "عبد":
		return true
	}
	return false
}

// skeleton is the consonants of one word.
func skeleton(w string) string {
	w = unjoin(w)
	var b strings.Builder
	var last rune
	put := func(r rune) {
		if r != 0 && r != last { // doubled letters are one: shadda is not written
			b.WriteRune(r)
			last = r
		}
	}
	runes := []rune(w)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		if i+1 < len(runes) {
			if two := pair(r, runes[i+1]); two != 0 {
				put(two)
				i++
				continue
			}
		}
		put(consonant(r, i, len(runes)))
	}
	return b.String()
}

// unjoin takes off the article, and what is joined of Abd al-.
func unjoin(w string) string {
	for _, p := range []string{"عبدال", "abdul", "abdel", "abdal"} {
		if rest, ok := strings.CutPrefix(w, p); ok && rest != "" {
			return "bd" + rest
		}
	}
	if rest, ok := strings.CutPrefix(w, "ال"); ok && len([]rune(rest)) > 2 {
		return rest
	}
	return w
}

// pair is what two Latin letters stand for together; 0 where each stands for itself.
func pair(a, b rune) rune {
	switch string([]rune{a, b}) {
	case "kh", "ck":
		return 'k'
	case "gh":
		return 'g'
	case "sh", "sy", "sj", "ch":
		return 'x'
	case "th":
		return 's'
	case "dh", "dz":
		return 'd'
	case "dj":
		return 'j'
	case "ph":
		return 'f'
	}
	return 0
}

// consonant is what a letter stands for at a place of a word; 0 for vowels, and for h at the end, which is heard in
// neither script.
func consonant(r rune, i, n int) rune {
	switch r {
	case 'a', 'e', 'i', 'o', 'u', 'ا', 'ع':
		return 0
	case 'w', 'و':
		return first('w', i)
	case 'y', 'ي':
		return first('y', i)
	case 'h', 'ه':
		if i == n-1 {
			return 0
		}
		return 'h'
	case 'c', 'q':
		return 'k'
	case 'v':
		return 'f'
	}
	if l := latin(r); l != 0 {
		return l
	}
	return r
}

func first(r rune, i int) rune {
	if i == 0 {
		return r
	}
	return 0
}

// latin is the Latin letter of an Arabic consonant.
func latin(r rune) rune {
	switch r {
	case 'ب':
		return 'b'
	case 'پ':
		return 'p'
	case 'ت', 'ط', 'ٹ':
		return 't'
	case 'ث', 'س', 'ص':
		return 's'
	case 'ج':
		return 'j'
	case 'چ', 'ش':
		return 'x'
	case 'ح':
		return 'h'
	case 'خ', 'ق', 'ك':
		return 'k'
	case 'د', 'ذ', 'ض', 'ڈ':
		return 'd'
	case 'ر', 'ڑ':
		return 'r'
	case 'ز', 'ظ', 'ژ':
		return 'z'
	case 'غ', 'گ':
		return 'g'
	case 'ف':
		return 'f'
	case 'ل':
		return 'l'
	case 'م':
		return 'm'
	case 'ن', 'ں':
		return 'n'
	}
	return 0
}
