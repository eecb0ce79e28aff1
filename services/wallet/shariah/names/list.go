// Package names finds names that are like those on an imported list, in Arabic and in Latin script. It is pure; lists
// and names are personal data, and neither errors nor formatted values tell them.
package names

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// Bounds of a list.
const (
	MaxNames    = 50_000  // entries
	MaxSpelt    = 150_000 // names and aliases together
	MaxFile     = 32 << 20
	maxAliases  = 50 // of one entry
	maxIDLength = 64
	maxHits     = 100 // of one look
)

// A List is ready to be looked at by many at once. It takes some 200 bytes for a name.
type List struct {
	edge.Redacted
	ids   []string
	spelt []spelt
}

// spelt is one spelling of the name of an entry.
type spelt struct {
	edge.Redacted
	entry     int32
	norm, key text
}

// text is what is compared, with what rules out most names without comparing.
type text struct {
	runes  []rune
	counts counts
}

// counts say how often characters of a class occur, a byte for each; a class is a character modulo 32, so that letters
// of one script have classes of their own. No count is above maxRunes, so that the highest bit of each byte is free.
type counts [4]uint64

func (c *counts) add(r rune) { c[r%32/8] += 1 << (r % 8 * 8) }

// shared is how many characters at most have a partner of their class: the sum of the lesser counts.
func (c *counts) shared(d *counts) int {
	const high = 0x8080808080808080
	n := 0
	for i, x := range c {
		y := d[i]
		more := (x | high) - y&^high // the highest bit of a byte stays where x has as many as y
		more &= high
		mask := more | (more - more>>7) // whole bytes
		least := y&mask | x&^mask
		n += int(least * 0x0101010101010101 >> 56)
	}
	return n
}

func textOf(s string) text {
	t := text{runes: []rune(s)}
	t.runes = t.runes[:min(len(t.runes), maxRunes)]
	for _, r := range t.runes {
		t.counts.add(r)
	}
	return t
}

// Read imports a list from CSV in UTF-8: a line each with id, name and then any aliases; lines that begin with # are
// left out. It fails with Invalid, code list_invalid, and says on which line.
func Read(data []byte) (*List, error) {
	if len(data) > MaxFile {
		return nil, bad(0, "the file is too large; it may have %d MB", MaxFile>>20)
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	r.Comment, r.FieldsPerRecord, r.ReuseRecord, r.TrimLeadingSpace = '#', -1, true, true
	l, known := &List{}, map[string]bool{}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil { // only quotes can be wrong, and the line may have no field that could be asked for its place
			at := 0
			if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
				at = parse.Line
			}
			return nil, bad(at, "the quotes do not match")
		}
		line, _ := r.FieldPos(0)
		id := strings.TrimSpace(record[0])
		if known[id] {
			return nil, bad(line, "the id is there twice")
		}
		known[id] = true
		if err := l.add(id, record[1:], line); err != nil {
			return nil, err
		}
	}
}

func (l *List) add(id string, all []string, line int) error {
	switch {
	case id == "" || len(id) > maxIDLength || !printable(id):
		return bad(line, "it needs an id of at most %d characters", maxIDLength)
	case len(all) == 0 || len(all) > 1+maxAliases:
		return bad(line, "it needs a name, and may have %d aliases", maxAliases)
	case len(l.ids) == MaxNames:
		return bad(line, "a list may have %d names", MaxNames)
	}
	l.ids = append(l.ids, id)
	for i, name := range all {
		norm := Normalise(name)
		if norm == "" {
			if i == 0 {
				return bad(line, "the name has no letters")
			}
			continue // an empty alias
		}
		if len(l.spelt) == MaxSpelt {
			return bad(line, "a list may have %d names and aliases", MaxSpelt)
		}
		l.spelt = append(l.spelt, spelt{entry: int32(len(l.ids) - 1), norm: textOf(norm), key: textOf(Key(name))})
	}
	return nil
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '�' })
}

func bad(line int, format string, args ...any) error {
	err := edge.E(edge.Invalid, format, args...)
	if line > 0 {
		err = edge.E(edge.Invalid, "line %d of the list: %w", line, err)
	}
	return err.WithHint("each line is id, name, and then other names of the same person").WithCode("list_invalid")
}

// Len is how many entries the list has.
func (l *List) Len() int { return len(l.ids) }

// A Hit is an entry whose name is like the one that was looked for. It names nobody but by the entry's id.
type Hit struct {
	Entry    string
	Likeness float64 // 0 to 1
}

// short is how few consonants say little: Ali and Laila are both "l". Keys that are no longer count only where they are
// the whole of both names and the names are in two scripts.
const short = 4

// Match returns the entries whose name, in any spelling, is like name by at least p: the most alike first, at most 100.
// Each spelling of the list is compared, as it is written and by its consonants.
func (l *List) Match(name string, p float64) []Hit {
	norm, key := textOf(Normalise(name)), textOf(Key(name))
	best := map[int32]float64{}
	for i := range l.spelt {
		s := &l.spelt[i]
		like := s.norm.like(&norm, p)
		if len(key.runes) > short || len(s.key.runes) > short || script(&norm) != script(&s.norm) {
			like = max(like, s.key.like(&key, p))
		}
		if like >= p && like > 0 {
			best[s.entry] = max(best[s.entry], like)
		}
	}
	hits := make([]Hit, 0, len(best))
	for entry, like := range best {
		hits = append(hits, Hit{l.ids[entry], like})
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Likeness, a.Likeness), strings.Compare(a.Entry, b.Entry))
	})
	return hits[:min(len(hits), maxHits)]
}

// script reports whether a name is in Latin letters.
func script(t *text) bool { return len(t.runes) > 0 && t.runes[0] < 0x250 }

// like is the likeness of two texts where it is at least p, otherwise less than p.
func (t *text) like(u *text, p float64) float64 {
	if !t.may(u, p) {
		return 0
	}
	return likeness(t.runes, u.runes)
}

// may rules most names out by an upper bound of their likeness: no more characters can have partners than both have of
// each class, and none can be in a better order.
func (t *text) may(u *text, p float64) bool {
	m := t.counts.shared(&u.counts)
	if m == 0 {
		return false
	}
	j := measure(m, 0, len(t.runes), len(u.runes))
	return boost(j, prefix) >= p && boost(j, common(t.runes, u.runes)) >= p
}
