package search

import (
	"context"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A newDict is the dictionary of a part while it is read.
type newDict struct {
	words, stems builder
}

// load reads the words of those parts whose dictionaries are not there yet, all of them in one go: a row of the store
// has all parts. It fails with Unavailable when ctx ends.
func (ix *Index) load(ctx context.Context, parts []part) error {
	if len(ix.unread(parts)) == 0 {
		return nil
	}
	ix.loading.Lock()
	defer ix.loading.Unlock()
	news := map[part]*newDict{}
	for _, p := range ix.unread(parts) {
		d := ix.dict(p)
		d.mu.Lock() // what is committed after the view is opened is told to it afterwards
		defer d.mu.Unlock()
		news[p] = &newDict{}
	}
	v := ix.store.View()
	defer v.Close()
	if err := readTerms(ctx, v, news); err != nil {
		return err
	}
	for p, n := range news {
		d := ix.dict(p)
		d.words, d.stems, d.loaded = vocabulary{base: n.words.done()}, vocabulary{base: n.stems.done()}, true
	}
	return nil
}

// unread lists parts without a dictionary, each once.
func (ix *Index) unread(parts []part) (list []part) {
	for _, p := range parts {
		if !ix.dict(p).ready() {
			list = append(list, p)
		}
	}
	return list
}

func (d *dict) ready() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.loaded
}

// born tells that a part is new: all its words will be told.
func (d *dict) born() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loaded = true
}

// loadLook is how many rows are read between two looks at whether that is still wanted.
const loadLook = 4096

func readTerms(ctx context.Context, v *state.View, news map[part]*newDict) error {
	if len(news) == 0 {
		return nil
	}
	n := 0
	for k, b := range v.Scan([]byte(wordRows)) {
		if n++; n%loadLook == 0 && ctx.Err() != nil {
			return edge.E(edge.Unavailable, "the words of the search index could not be read in time").WithHint("search again in a moment")
		}
		if t := string(k[len(wordRows):]); inMemory(t) {
			if err := readTerm(t, b, news); err != nil {
				return err
			}
		}
	}
	return v.Err()
}

func readTerm(t term, row []byte, news map[part]*newDict) error {
	bad := false
	err := sections(row, func(s section) bool {
		n := news[s.part]
		if n == nil {
			return true
		}
		r := reader{b: s.body}
		df := uint32(r.uvarint())
		if t[0] == wordForm {
			n.words.add(t[1:], df)
		} else {
			n.stems.add(t, df)
		}
		bad = bad || r.bad
		return !bad
	})
	if bad {
		return errDamaged
	}
	return err
}
