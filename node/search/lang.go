package search

import (
	"slices"
	"strings"
	"unicode"
)

// A tongue says by which rules a text is stemmed.
type tongue byte

const (
	noTongue tongue = 0
	english  tongue = 'e'
	malay    tongue = 'i' // Indonesian and Malay, which share their affixes
	urdu     tongue = 'u'
	arabic   tongue = 'a'
)

// declared reads a language tag ("en", "id-ID"); noTongue where it says nothing we have rules for.
func declared(lang string) tongue {
	base, _, _ := strings.Cut(strings.ToLower(lang), "-")
	switch base {
	case "en":
		return english
	case "id", "ms", "in":
		return malay
	case "ur":
		return urdu
	case "ar":
		return arabic
	}
	return noTongue
}

// tongues says how the words of a text are to be stemmed, by script: one rule for words in Arabic letters, one for
// the others. A declared language decides for its own script; a text may be mixed.
type tongues struct{ arabic, other tongue }

// tonguesOf looks at a text. Without a sign of either language Latin words, which then are mostly names, are not
// stemmed at all.
func tonguesOf(text, lang string) tongues {
	d := declared(lang)
	t := tongues{arabic: arabic}
	if d == urdu || d != arabic && strings.ContainsAny(text, urduLetters) {
		t.arabic = urdu
	}
	if d == english || d == malay {
		t.other = d
		return t
	}
	t.other = latinTongue(text)
	return t
}

// urduLetters are used by Urdu and not by Arabic.
const urduLetters = "ٹڈڑںےۓھہگچپژکی"

// of returns the rule for a folded word.
func (t tongues) of(folded string) tongue {
	for _, r := range folded {
		switch {
		case unicode.Is(unicode.Arabic, r) && unicode.IsLetter(r):
			return t.arabic
		case unicode.IsLetter(r):
			return t.other
		}
	}
	return noTongue
}

// latinLook is how many words of a text are looked at to tell its language.
const latinLook = 200

func latinTongue(text string) tongue {
	if !strings.ContainsFunc(text, func(r rune) bool { return scriptOf(r) == 'o' && inWord(r) }) {
		return noTongue
	}
	var en, ms, seen int
	words(text, func(w word) bool {
		if slices.Contains(englishSigns, w.folded) {
			en++
		}
		if slices.Contains(malaySigns, w.folded) {
			ms++
		}
		seen++
		return seen < latinLook
	})
	switch {
	case en > ms:
		return english
	case ms > en:
		return malay
	}
	return noTongue
}

// Frequent small words, each of one language only.
var (
	englishSigns = []string{"the", "of", "and", "to", "is", "in", "for", "with", "was", "are", "on", "at", "by", "from", "this", "that", "has", "have", "been", "not", "will", "be", "an", "or", "it", "as"}
	malaySigns   = []string{"yang", "dan", "di", "dari", "daripada", "untuk", "dengan", "ini", "itu", "pada", "tidak", "telah", "akan", "oleh", "ke", "kepada", "adalah", "ada", "sudah", "dalam", "atau", "juga", "saya", "kami", "bagi", "sebagai", "karena", "kerana"}
)
