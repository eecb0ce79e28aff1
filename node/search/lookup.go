package search

import (
	"iter"

	"github.com/aielon/edge/node/state"
)

// A lookup is the store as one search sees it, and how many rows it has read of it.
type lookup struct {
	view   *state.View
	cache  *cache
	commit uint64 // of the index, that it sees
	rows   uint64
}

// shared is get of a row that many searches need. The value is only read.
func (l *lookup) shared(key []byte) ([]byte, error) {
	if v, ok := l.cache.get(l.commit, key); ok {
		return v, nil
	}
	v, err := l.get(key)
	if err == nil {
		l.cache.put(l.commit, key, v)
	}
	return v, err
}

func (l *lookup) get(key []byte) ([]byte, error) {
	l.rows++
	return l.view.Get(key)
}

func (l *lookup) scan(prefix []byte) iter.Seq2[[]byte, []byte] { return l.counted(l.view.Scan(prefix)) }

func (l *lookup) down(prefix []byte) iter.Seq2[[]byte, []byte] {
	return l.counted(l.view.ScanDown(prefix))
}

func (l *lookup) counted(rows iter.Seq2[[]byte, []byte]) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for k, v := range rows {
			if l.rows++; !yield(k, v) {
				return
			}
		}
	}
}

func (l *lookup) err() error { return l.view.Err() }

// lookup opens the newest state for one search; done closes it.
func (ix *Index) lookup() *lookup { return &lookup{view: ix.store.View(), cache: &ix.cache} }

func (ix *Index) done(l *lookup) {
	l.view.Close()
	ix.counts.rows.Add(l.rows)
}
