package password

import (
	_ "embed"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aielon/edge/node/edge"
)

const (
	// MinAlone is how many characters a password needs that opens an account by itself, MinSecond one that
	// is asked for together with a code or a key.
	MinAlone, MinSecond = 12, 8
	// MaxBytes bounds a password. It holds 64 characters of any script (OWASP ASVS 5.0, 6.2.9).
	MaxBytes = 256
)

//go:embed common.txt
var common string

// Rules refuse passwords that are guessed first. They ask for length and for nothing else: no capitals, no
// digits, no change every month (NIST SP 800-63B-4, 3.1.1.2).
type Rules struct {
	Min  int      // characters; MinAlone where 0
	Mine []string // words that anybody would try first for this person: name, site
}

// Judge fails with Invalid, and says what would be better, where a password must not be used.
func (r Rules) Judge(password string) error {
	if r.Min == 0 {
		r.Min = MinAlone
	}
	n := utf8.RuneCountInString(normal(password))
	switch {
	case !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return edge.E(edge.Invalid, "the password has characters in it that cannot be typed")
	case len(password) > MaxBytes:
		return edge.E(edge.Invalid, "the password may have %d bytes, this one has %d", MaxBytes, len(password))
	case n < r.Min:
		return edge.E(edge.Invalid, "the password needs %d characters, this one has %d", r.Min, n).WithHint("a few words that do not belong together are long and easy to remember")
	case r.guessable(password):
		return edge.E(edge.Invalid, "this password is one of the first that anybody would try").WithHint("take a few words that do not belong together")
	}
	return nil
}

// guessable takes a password apart as guessing programs do: figures and signs off both ends, signs that stand
// for letters, one short word said again and again, a walk along the keyboard.
func (r Rules) guessable(password string) bool {
	s := strings.ToLower(normal(password))
	bare := func(s string) string { return strings.TrimFunc(s, func(c rune) bool { return !unicode.IsLetter(c) }) }
	for _, form := range []string{s, unsign(s), unsign(bare(s))} {
		core := bare(form)
		for _, word := range []string{form, squeeze(form), core, squeeze(core)} {
			if word == "" || plain(word) || r.known(word) {
				return true
			}
		}
	}
	return false
}

// known reports whether a word is a common password or this person's own, said once or several times over.
func (r Rules) known(word string) bool {
	one := once(word)
	for list := common; list != ""; {
		var w string
		w, list, _ = strings.Cut(list, "\n")
		if w != "" && (w == word || w == one) {
			return true
		}
	}
	for _, m := range r.Mine {
		if m = squeeze(strings.ToLower(normal(m))); utf8.RuneCountInString(m) >= 3 && (m == one || m == word) {
			return true
		}
	}
	return false
}

// unsign reads signs as the letters they stand for.
func unsign(s string) string {
	return strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "8", "b", "@", "a", "$", "s", "!", "i", "+", "t").Replace(s)
}

// squeeze leaves letters and digits only.
func squeeze(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return c
		}
		return -1
	}, s)
}

// once is the shortest text of which s is a repetition: "abcabcab" came from "abc".
func once(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if strings.HasPrefix(strings.Repeat(s[:n], len(s)/n+1), s) {
			return s[:n]
		}
	}
	return s
}

// plain reports whether all of a text is few characters again and again, or a walk along alphabet, figures or
// keyboard, forwards or back.
func plain(s string) bool {
	if utf8.RuneCountInString(once(s)) <= 3 {
		return true
	}
	one := once(s)
	for _, walk := range [...]string{"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiopasdfghjklzxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp", "azertyuiopqsdfghjklmwxcvbn"} {
		if on(walk, one) || on(backwards(walk), one) {
			return true
		}
	}
	return false
}

// on reports whether s is made of at most two stretches of a walk, as "qwertyasdfgh" or "abcdef123456" is.
func on(walk, s string) bool {
	first := stretch(walk, s)
	rest := s[first:]
	return first >= 4 && (rest == "" || stretch(walk, rest) == len(rest) || stretch("01234567890", rest) == len(rest))
}

// stretch is how long a beginning of s lies on a walk.
func stretch(walk, s string) int {
	n := 0
	for n < len(s) && strings.Contains(walk, s[:n+1]) {
		n++
	}
	return n
}

func backwards(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}
