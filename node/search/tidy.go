package search

import (
	"context"
	"slices"
)

// sweep is how many rows are looked at for removal at a time.
const sweep = 2000

// tidy removes generations that are not used any more, one after the other.
func (ix *Index) tidy(ctx context.Context) error {
	for {
		gen, err := ix.dead()
		if err != nil || gen == 0 {
			return err
		}
		for more := true; more && err == nil && ctx.Err() == nil; {
			more, err = ix.sweepRows(gen)
		}
		for from := []byte(wordRows); from != nil && err == nil && ctx.Err() == nil; {
			from, err = ix.sweepWords(gen, from)
		}
		if err == nil && ctx.Err() == nil {
			err = ix.bury(gen)
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// dead returns a generation that is to be removed, 0 where there is none.
func (ix *Index) dead() (gen uint32, err error) {
	v := ix.store.View()
	defer v.Close()
	m, err := loadMeta(v)
	if err != nil || len(m.Dead) == 0 {
		return 0, err
	}
	return m.Dead[0], nil
}

// sweepRows removes rows that belong to a generation alone.
func (ix *Index) sweepRows(gen uint32) (more bool, err error) {
	ix.write.Lock()
	defer ix.write.Unlock()
	c, err := ix.begin(false)
	if err != nil {
		return false, err
	}
	defer c.view.Close()
	prefixes := [][]byte{key(genID, gen)}
	for _, p := range c.meta.partsOf(gen) {
		for _, what := range []byte{partStats, partTerm, partBlock, partDoc, partFwd, partOwner} {
			prefixes = append(prefixes, key(what, uint32(p)))
		}
	}
	for _, prefix := range prefixes {
		for k := range c.view.Scan(prefix) {
			if c.drop(k); len(c.rows) >= sweep {
				return true, c.commit()
			}
		}
	}
	if err := c.view.Err(); err != nil || len(c.rows) == 0 {
		return false, err
	}
	return false, c.commit()
}

// sweepWords takes a generation out of some rows of the dictionary, which belong to all, and returns the first row
// that it did not look at, nil at the end.
func (ix *Index) sweepWords(gen uint32, from []byte) (next []byte, err error) {
	ix.write.Lock()
	defer ix.write.Unlock()
	c, err := ix.begin(false)
	if err != nil {
		return nil, err
	}
	defer c.view.Close()
	parts := c.meta.partsOf(gen)
	if len(parts) == 0 {
		return nil, nil
	}
	n := 0
	for k, row := range c.view.ScanFrom([]byte(wordRows), from) {
		if n++; n > sweep || c.size > ix.store.MaxBatch()/2 {
			next = k
			break
		}
		rest, err := without(row, parts)
		if err != nil {
			return nil, err
		}
		switch {
		case len(rest) == 0:
			c.drop(k)
		case len(rest) < len(row):
			c.set(k, rest)
		}
	}
	if err := c.view.Err(); err != nil || len(c.rows) == 0 {
		return next, err
	}
	return next, c.commit()
}

// without returns a row of the dictionary without some parts.
func without(row []byte, parts []part) (rest []byte, err error) {
	err = sections(row, func(s section) bool {
		if !slices.Contains(parts, s.part) {
			rest = s.append(rest)
		}
		return true
	})
	return rest, err
}

// bury forgets a generation of which nothing is left.
func (ix *Index) bury(gen uint32) error {
	ix.write.Lock()
	defer ix.write.Unlock()
	c, err := ix.begin(false)
	if err != nil {
		return err
	}
	defer c.view.Close()
	parts := c.meta.partsOf(gen)
	c.meta.Parts = slices.DeleteFunc(c.meta.Parts, func(p partRow) bool { return p.Gen == gen })
	c.meta.Dead = slices.DeleteFunc(c.meta.Dead, func(g uint32) bool { return g == gen })
	if err := c.commit(); err != nil {
		return err
	}
	ix.forgetDicts(parts)
	return nil
}

func (m *meta) partsOf(gen uint32) (parts []part) {
	for _, p := range m.Parts {
		if p.Gen == gen {
			parts = append(parts, p.Part)
		}
	}
	return parts
}
