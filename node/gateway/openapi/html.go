package openapi

import (
	"html"
	"strings"
)

// A writer writes HTML. What comes from the schemas is escaped wherever it is put; only what stands here as a constant
// is markup. (html/template calls methods by name, which would keep every exported method of the program in the
// binary.)
type writer struct{ strings.Builder }

// markup is HTML that is written as it stands. Only constants become one.
type markup string

// put writes pieces: markup as it is, text escaped for content and for attribute values in double quotes.
func (w *writer) put(pieces ...any) {
	for _, p := range pieces {
		switch p := p.(type) {
		case markup:
			w.WriteString(string(p))
		case string:
			w.WriteString(html.EscapeString(p))
		}
	}
}
