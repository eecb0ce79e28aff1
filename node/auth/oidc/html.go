package oidc

import (
	"html"
	"strings"
)

// markup is HTML of our own. Texts in the program become markup by themselves, values of type string never do, so nothing
// from outside can be passed for it by mistake.
type markup string

// An attr is an attribute. Its value is always written in quotes.
type attr struct {
	name  markup
	value string
}

// A sheet writes HTML: markup of our own, text nodes, and attributes in quotes. It has no way to write anything else.
type sheet struct{ b strings.Builder }

func (h *sheet) raw(list ...markup) {
	for _, m := range list {
		h.b.WriteString(string(m))
	}
}

func (h *sheet) text(s string) { h.b.WriteString(html.EscapeString(s)) }

// open begins an element.
func (h *sheet) open(tag markup, list ...attr) {
	h.raw("<", tag)
	for _, a := range list {
		h.raw(" ", a.name, `="`)
		h.text(a.value)
		h.raw(`"`)
	}
	h.raw(">")
}

// element writes an element that holds text.
func (h *sheet) element(tag markup, text string, list ...attr) {
	h.open(tag, list...)
	h.text(text)
	h.raw("</", tag, ">\n")
}
