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

// A marker finds in the texts of hits what matched a query. Texts share words, so it remembers those it has seen.
type marker struct {
	used map[term]bool
	seen map[seenWord]bool
}

// A seenWord is a word as it stands in a text, and how that text is stemmed; not at all where it is a code.
type seenWord struct {
	raw    string
	spoken tongues
	kind   FieldKind
}

// maxSeen bounds what a marker remembers.
const maxSeen = 4096

func newMarker(used map[term]bool) *marker { return &marker{used, map[seenWord]bool{}} }

// mark finds what matched in a hit.
func (m *marker) mark(h *Hit) {
	for i, f := range h.texts() {
		if i >= 0 && len(h.Snippets) >= maxSnippets {
			return
		}
		marks := m.marks(f, h.Lang, i >= 0)
		switch {
		case i < 0:
			h.Marks = marks
		case len(marks) > 0:
			h.Snippets = append(h.Snippets, cut(f, marks))
		}
	}
}

// marks lists where a text matches; where only a snippet of it is shown, as far as that goes at least.
func (m *marker) marks(f Field, lang string, snippet bool) (marks [][2]int) {
	if slices.ContainsFunc(codesOf(f), func(c string) bool { return m.used[asCode(c)] }) {
		return [][2]int{{0, len(f.Text)}}
	}
	spoken := tonguesOf(f.Text, lang)
	runs(f.Text, func(from, to int) bool {
		if snippet && len(marks) > 0 && from > marks[0][0]+snippetSize {
			return false
		}
		if m.matches(f, from, to, spoken) {
			marks = append(marks, [2]int{from, to})
		}
		return true
	})
	return marks
}

func (m *marker) matches(f Field, from, to int, spoken tongues) (hit bool) {
	k := seenWord{f.Text[from:to], spoken, f.Kind}
	if hit, ok := m.seen[k]; ok {
		return hit
	}
	yieldWord(f.Text, from, to, func(w word) bool {
		hit = m.used[asWord(w.folded)] || f.Kind == Text && slices.ContainsFunc(stems(w, spoken.of(w.folded)), func(s string) bool {
			return m.used[asStem(spoken.of(w.folded), s)]
		})
		return !hit
	})
	if len(m.seen) < maxSeen {
		m.seen[k] = hit
	}
	return hit
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
