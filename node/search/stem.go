package search

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	snowarabic "github.com/blevesearch/snowballstem/arabic"
	snowenglish "github.com/blevesearch/snowballstem/english"
	"golang.org/x/text/unicode/norm"
)

// stems returns the forms under which a word is found besides its folded one, none where its tongue gives none.
// Malay may give several: which root a prefix has swallowed a letter of is not always decidable without a dictionary.
func stems(w word, t tongue) []string {
	if strings.ContainsAny(w.folded, "0123456789") {
		return nil // a code or a number has no grammar
	}
	switch t {
	case english:
		return unless(w.folded, stemEnglish(w.folded))
	case malay:
		return slices.DeleteFunc(stemMalay(w.folded), func(s string) bool { return s == w.folded })
	case arabic:
		return unless(w.folded, stemArabic(w.raw))
	case urdu:
		return unless(w.folded, stemUrdu(w.folded))
	}
	return nil
}

func unless(folded, stem string) []string {
	if stem == folded || stem == "" {
		return nil
	}
	return []string{stem}
}

func stemEnglish(folded string) string {
	env := snowballstem.NewEnv(folded)
	snowenglish.Stem(env)
	return env.Current()
}

// stemArabic stems before letters are folded: the rules of Snowball need ta marbuta and alef maqsura.
func stemArabic(raw string) string {
	raw = clip(norm.NFKC.String(raw), 2*maxWord)
	env := snowballstem.NewEnv(raw)
	snowarabic.Stem(env)
	f := fold(env.Current())
	if utf8.RuneCountInString(f) < 2 || strings.IndexFunc(f, func(r rune) bool { return !inWord(r) }) >= 0 {
		return ""
	}
	return clip(f, maxWord)
}

// urduEndings are endings of plurals and oblique forms, in folded letters, longest first.
var urduEndings = []string{"يوں", "ياں", "اوں", "ايں", "وں", "يں", "ات"}

// stemUrdu takes off one ending of a plural where at least three letters remain. It goes no further: without a
// dictionary the next rules break more words than they join.
func stemUrdu(folded string) string {
	for _, end := range urduEndings {
		if s, ok := strings.CutSuffix(folded, end); ok && utf8.RuneCountInString(s) >= 3 {
			return s
		}
	}
	return folded
}
