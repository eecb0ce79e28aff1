package search

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// What is shown of a hit.
const (
	maxSnippets = 3
	snippetSize = 160 // bytes, about; cut at spaces where there are any
	snippetLead = 40  // bytes before the first match
)

// A Snippet is a piece of a field around words that matched. Nothing is marked up: Marks are the bytes of Text, from
// and to, where the words stand.
type Snippet struct {
	Field string
	Text  string
	Marks [][2]int
}

// mark finds in the hit's own text what matched.
func (h *Hit) mark(used map[term]bool) {
	for i, f := range h.texts() {
		marks := marksOf(f, h.Lang, used)
		switch {
		case i < 0:
			h.Marks = marks
		case len(marks) > 0 && len(h.Snippets) < maxSnippets:
			h.Snippets = append(h.Snippets, cut(f, marks))
		}
	}
}

func marksOf(f Field, lang string, used map[term]bool) (marks [][2]int) {
	if slices.ContainsFunc(codesOf(f), func(c string) bool { return used[asCode(c)] }) {
		return [][2]int{{0, len(f.Text)}}
	}
	spoken := tonguesOf(f.Text, lang)
	words(f.Text, func(w word) bool {
		t := spoken.of(w.folded)
		hit := used[asWord(w.folded)] || f.Kind == Text && slices.ContainsFunc(stems(w, t), func(s string) bool { return used[asStem(t, s)] })
		if n := len(marks); hit && (n == 0 || marks[n-1] != [2]int{w.from, w.to}) {
			marks = append(marks, [2]int{w.from, w.to})
		}
		return true
	})
	return marks
}

// cut takes the piece around the first mark.
func cut(f Field, marks [][2]int) Snippet {
	from := max(0, marks[0][0]-snippetLead)
	if from > 0 {
		from = wordStart(f.Text, from, marks[0][0])
	}
	to := min(len(f.Text), max(from+snippetSize, marks[0][1]))
	for to < len(f.Text) && !utf8.RuneStart(f.Text[to]) {
		to++
	}
	s := Snippet{Field: f.Name, Text: f.Text[from:to]}
	for _, m := range marks {
		if m[1] <= to {
			s.Marks = append(s.Marks, [2]int{m[0] - from, m[1] - from})
		}
	}
	return s
}

// wordStart moves a cut behind the next space before the limit, or at least to the beginning of a character.
func wordStart(text string, from, limit int) int {
	for !utf8.RuneStart(text[from]) {
		from++
	}
	for i, r := range text[from:limit] {
		if unicode.IsSpace(r) {
			return from + i + utf8.RuneLen(r)
		}
	}
	return from
}
