package site

import (
	"bytes"
	"iter"
	"slices"
	"strings"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
	"github.com/google/btree"
)

// An overlay is a view with the writes of a batch on top, in which each command sees what those before it
// wrote. The sequencer's goroutine owns it. It is a view itself, on which the batch after it is evaluated.
type overlay struct {
	base   edge.View
	writes *btree.BTreeG[edge.Write] // of the commands that went through, by key
}

func newOverlay(base edge.View) *overlay {
	return &overlay{base: base, writes: btree.NewG(16, func(a, b edge.Write) bool { return bytes.Compare(a.Key, b.Key) < 0 })}
}

// get returns the caller's own copy of a value.
func (o *overlay) get(key []byte) ([]byte, error) {
	if w, ok := o.writes.Get(edge.Write{Key: key}); ok {
		return valueOf(w)
	}
	return o.base.Get(key)
}

func valueOf(w edge.Write) ([]byte, error) {
	if w.Value == nil {
		return nil, edge.E(edge.NotFound, "there is nothing stored under this key")
	}
	return bytes.Clone(w.Value), nil
}

// Get implements edge.View, as Scan, Err and Index do.
func (o *overlay) Get(key []byte) ([]byte, error) { return o.get(key) }

func (o *overlay) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	return scan(o.base.Scan(prefix), o.under(prefix))
}

func (o *overlay) Err() error { return o.base.Err() }

// Index is that of the state below the batch.
func (o *overlay) Index() uint64 { return o.base.Index() }

// scanFrom is Scan of a view that begins at a key: a state.View, or one with a batch on top.
func scanFrom(v edge.View, prefix, from []byte) iter.Seq2[[]byte, []byte] {
	o, ok := v.(*overlay)
	if !ok {
		if r, ok := v.(*remembered); ok {
			v = r.View
		}
		return v.(*state.View).ScanFrom(prefix, from)
	}
	ws := o.under(prefix)
	for len(ws) > 0 && bytes.Compare(ws[0].Key, from) < 0 {
		ws = ws[1:]
	}
	return scan(scanFrom(o.base, prefix, from), ws)
}

// under lists the batch's writes below prefix, ascending.
func (o *overlay) under(prefix []byte) (ws []edge.Write) {
	o.writes.AscendGreaterOrEqual(edge.Write{Key: prefix}, func(w edge.Write) bool {
		if !bytes.HasPrefix(w.Key, prefix) {
			return false
		}
		ws = append(ws, w)
		return true
	})
	return ws
}

// set makes one write part of the batch.
func (o *overlay) set(w edge.Write) { o.writes.ReplaceOrInsert(w) }

// all lists the batch's writes, ascending.
func (o *overlay) all() []edge.Write { return o.under(nil) }

// merge adds the writes of one command to those of the batch before it; both ascend.
func merge(before, own []edge.Write) []edge.Write {
	if len(before) == 0 {
		return own
	}
	out := make([]edge.Write, 0, len(before)+len(own))
	for _, w := range own {
		for len(before) > 0 && bytes.Compare(before[0].Key, w.Key) < 0 {
			out, before = append(out, before[0]), before[1:]
		}
		if len(before) > 0 && bytes.Equal(before[0].Key, w.Key) {
			before = before[1:]
		}
		out = append(out, w)
	}
	return append(out, before...)
}

// scan yields what base does, with the given writes in place of what they replace; both ascend.
func scan(base iter.Seq2[[]byte, []byte], writes []edge.Write) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		rest := writes
		// ahead yields the writes that come before key, and says whether one of them replaces it.
		ahead := func(key []byte) (replaced, more bool) {
			for len(rest) > 0 {
				c := bytes.Compare(rest[0].Key, key)
				if key != nil && c > 0 {
					return false, true
				}
				w := rest[0]
				rest = rest[1:]
				if w.Value != nil && !yield(bytes.Clone(w.Key), bytes.Clone(w.Value)) {
					return false, false
				}
				if key != nil && c == 0 {
					return true, true
				}
			}
			return false, true
		}
		for k, v := range base {
			replaced, more := ahead(k)
			if !more || !replaced && !yield(k, v) {
				return
			}
		}
		ahead(nil)
	}
}

// reserved reports whether a key belongs to the site itself, to its journals or to the store.
func reserved(key string) bool {
	return strings.HasPrefix(key, "\x00") || strings.HasPrefix(key, "!") ||
		len(key) > 1 && key[0] == 'j' && (key[1] == '/' || len(key) > 2 && key[2] == '/')
}

// sorted lists a command's own writes below prefix, ascending.
func sorted(m map[string][]byte, prefix string) []edge.Write {
	ws := make([]edge.Write, 0, len(m))
	for k, v := range m {
		if strings.HasPrefix(k, prefix) {
			ws = append(ws, edge.Write{Key: []byte(k), Value: v})
		}
	}
	slices.SortFunc(ws, func(a, b edge.Write) int { return bytes.Compare(a.Key, b.Key) })
	return ws
}
