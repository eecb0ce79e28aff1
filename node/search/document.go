package search

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Limits of one document.
const (
	MaxText   = 32 << 10 // bytes of title and fields together
	MaxFields = 64
	MaxID     = 256  // bytes, of a kind, an id and an owner
	MaxTerms  = 1000 // different terms; words after them are shown but not found
)

// titleWeight is how many times a word of the title counts.
const titleWeight = 3

// A FieldKind says how the text of a field is found.
type FieldKind uint8

const (
	Text  FieldKind = iota // by its words
	Code                   // an identifier: as a whole or by its beginning, whatever stands between its letters and digits
	Phone                  // a Code that is also found without its country code
)

// A Field is one text of a document.
type Field struct {
	Name string    `json:"n"`
	Text string    `json:"t"`
	Kind FieldKind `json:"k,omitempty"`
}

// A Document is one thing that can be found. Kind and ID together name it; putting it again replaces it.
type Document struct {
	Kind   string     `json:"kind"` // "person", "device", "audit"
	ID     string     `json:"id"`
	Title  string     `json:"title,omitempty"`
	Fields []Field    `json:"fields,omitempty"`
	Lang   string     `json:"lang,omitempty"` // "en", "id", "ms", "ur", "ar"; empty: found out
	Class  edge.Class `json:"class,omitempty"`
	Owner  string     `json:"owner,omitempty"` // whom it is about, for those who may search what is theirs only
	Time   time.Time  `json:"time,omitzero"`   // shown with the hit
}

// check refuses, with Invalid, what cannot be indexed, and makes the text valid UTF-8.
func (d *Document) check() error {
	size := d.size()
	switch {
	case d.Kind == "" || len(d.Kind) > MaxID || strings.Contains(d.Kind, "\x00"):
		return edge.E(edge.Invalid, "a document's kind must have 1 to %d bytes", MaxID)
	case d.ID == "" || len(d.ID) > MaxID:
		return edge.E(edge.Invalid, "a document's id must have 1 to %d bytes, this one has %d", MaxID, len(d.ID))
	case len(d.Owner) > MaxID:
		return edge.E(edge.Invalid, "a document's owner may have %d bytes, this one has %d", MaxID, len(d.Owner))
	case size > MaxText || len(d.Fields) > MaxFields:
		return edge.E(edge.Invalid, "a document may have %d bytes of text in %d fields, this one has %d in %d", MaxText, MaxFields, size, len(d.Fields)).
			WithHint("index a summary of it")
	case d.Class > edge.Clinical:
		return edge.E(edge.Invalid, "a document's class must be 0 to 3, this one is %d", d.Class)
	}
	d.Title, d.Fields = strings.ToValidUTF8(d.Title, "\ufffd"), slices.Clone(d.Fields)
	for i := range d.Fields {
		d.Fields[i].Text = strings.ToValidUTF8(d.Fields[i].Text, "\ufffd")
		d.Fields[i].Name = strings.ToValidUTF8(d.Fields[i].Name, "\ufffd")
	}
	d.Time = d.Time.UTC()
	return nil
}

// size is how many bytes of text it has.
func (d *Document) size() int {
	n := len(d.Title)
	for _, f := range d.Fields {
		n += len(f.Text) + len(f.Name)
	}
	return n
}

func (d *Document) encode() ([]byte, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return nil, edge.E(edge.Invalid, "a document cannot be stored: %w", err)
	}
	return b, nil
}

func decodeDocument(b []byte) (d Document, err error) {
	if err := json.Unmarshal(b, &d); err != nil {
		return d, errDamaged
	}
	return d, nil
}

// texts yields title and fields, the title under an empty name.
func (d *Document) texts() iter.Seq2[int, Field] {
	return func(yield func(int, Field) bool) {
		if d.Title != "" && !yield(-1, Field{Text: d.Title}) {
			return
		}
		for i, f := range d.Fields {
			if !yield(i, f) {
				return
			}
		}
	}
}

// A forward is what a document looks like to the index: its terms with their weights, sorted, and its length.
type forward struct {
	length uint32 // words, those of the title counted titleWeight times
	terms  []weighted
}

type weighted struct {
	term term
	tf   uint32
}

// analyze returns the terms of a document. Codes make it no longer.
func analyze(d *Document) forward {
	var f forward
	tf := map[term]uint32{}
	add := func(t term, n uint32) {
		if _, known := tf[t]; known || len(tf) < MaxTerms {
			tf[t] += n
		}
	}
	for i, field := range d.texts() {
		weight := uint32(1)
		if i < 0 {
			weight = titleWeight
		}
		for _, c := range codesOf(field) {
			add(asCode(c), weight)
		}
		spoken := tonguesOf(field.Text, d.Lang)
		words(field.Text, func(w word) bool {
			f.length += weight
			add(asWord(w.folded), weight)
			if field.Kind == Text {
				t := spoken.of(w.folded)
				for _, s := range stems(w, t) {
					add(asStem(t, s), weight)
				}
			}
			return true
		})
	}
	for _, t := range slices.Sorted(maps.Keys(tf)) {
		f.terms = append(f.terms, weighted{t, tf[t]})
	}
	return f
}

func codesOf(f Field) []string {
	switch f.Kind {
	case Code:
		if c := squash(f.Text); c != "" {
			return []string{c}
		}
	case Phone:
		return phoneCodes(f.Text)
	}
	return nil
}
