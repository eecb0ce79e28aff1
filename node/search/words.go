package search

import (
	"unicode"
	"unicode/utf8"
)

// A word is one word of a text: where it stands, and the form under which it is found.
type word struct {
	from, to int    // bytes of the text
	raw      string // as written
	folded   string // at most maxWord bytes
}

// words cuts a text into words: runs of letters, digits and the marks on them, cut also where the script changes
// between Arabic and others. An apostrophe between letters belongs to the word, and so do joiners and soft hyphens.
// yield returns false to stop.
func words(text string, yield func(word) bool) {
	runs(text, func(from, to int) bool { return yieldWord(text, from, to, yield) })
}

// runs cuts a text where words does. A run is a word, or several that are written as one.
func runs(text string, yield func(from, to int) bool) {
	for at := 0; at < len(text); {
		r, n := utf8.DecodeRuneInString(text[at:])
		if !inWord(r) {
			at += n
			continue
		}
		end := wordEnd(text, at)
		if !yield(at, end) {
			return
		}
		at = end
	}
}

func wordEnd(text string, at int) int {
	var script rune // 0 not known yet, 'a' Arabic, 'o' other
	end := at
	for at < len(text) {
		r, n := utf8.DecodeRuneInString(text[at:])
		switch {
		case inWord(r):
			s := scriptOf(r)
			if s != 0 && script != 0 && s != script {
				return end
			}
			if s != 0 {
				script = s
			}
			end = at + n
		case joins(r) && end > 0 && at+n < len(text):
			next, _ := utf8.DecodeRuneInString(text[at+n:])
			if !unicode.IsLetter(next) && !joins(next) {
				return end
			}
		default:
			return end
		}
		at += n
	}
	return end
}

// yieldWord folds one run. Ligatures may fold to several words, all of which stand at the same place.
func yieldWord(text string, from, to int, yield func(word) bool) bool {
	raw := text[from:to]
	f := []byte(fold(raw))
	for at := 0; at < len(f); {
		end, keep := at, f[at:at]
		for end < len(f) {
			r, n := utf8.DecodeRune(f[end:])
			if inWord(r) {
				keep = append(keep, f[end:end+n]...)
			} else if !joins(r) {
				break
			}
			end += n
		}
		if len(keep) > 0 && !yield(word{from, to, raw, clip(string(keep), maxWord)}) {
			return false
		}
		_, n := utf8.DecodeRune(f[min(end, len(f)-1):])
		at = max(end, at) + n
	}
	return true
}

func inWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r))
}

// joins tells characters that stand inside a word without being part of it: apostrophes, joiners, direction marks.
func joins(r rune) bool {
	switch r {
	case '\'', '’', 'ʼ', '`', '\u00ad', '\u200c', '\u200d', '\u200e', '\u200f', '\u2060', '\u061c':
		return true
	}
	return false
}

func scriptOf(r rune) rune {
	switch {
	case r < utf8.RuneSelf:
		if '0' <= r && r <= '9' {
			return 0
		}
		return 'o'
	case !unicode.IsLetter(r) || r == 'ـ':
		return 0
	case unicode.Is(unicode.Arabic, r):
		return 'a'
	}
	return 'o'
}

// clip cuts s to at most n bytes, at the beginning of a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
