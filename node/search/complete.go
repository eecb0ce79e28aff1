package search

import (
	"slices"
	"strings"
)

// A candidate is a word of the dictionaries.
type candidate struct {
	word  string
	df    uint64
	edits int
}

// few is how many words of all sources together are summed up one by one; more are looked through for the frequent ones.
const few = 4096

// completions returns the most frequent words that begin with prefix, and not words with digits: those are codes, or
// found whole.
func (s *scope) completions(prefix string, most int) []candidate {
	if len(s.sources) == 1 {
		return completeOne(s.sources[0], prefix, most)
	}
	all, width := map[string]uint64{}, 0
	for _, src := range s.sources {
		width += src.width(prefix)
	}
	least := uint64(1)
	if width > few {
		least = s.enough(all, prefix, most)
	}
	if least > 1 {
		s.frequent(all, prefix, least)
	} else {
		clear(all)
		for _, src := range s.sources {
			src.completions(prefix, 1, func(w string, df uint64) { all[w] += df })
		}
	}
	return bestOf(all, most)
}

// enough returns how many documents of at least one source have a word that may be among the best. all gets words
// that may be, with what all sources have of them: whoever is better than the last of those has its share somewhere.
func (s *scope) enough(all map[string]uint64, prefix string, most int) uint64 {
	for _, src := range s.sources {
		for _, c := range completeOne(src, prefix, most) {
			s.sum(all, c.word)
		}
	}
	best := bestOf(all, most)
	if len(best) < most {
		return 1
	}
	n := uint64(len(s.sources))
	return (best[most-1].df + n - 1) / n
}

// frequent adds to all the words that at least one source has in so many documents.
func (s *scope) frequent(all map[string]uint64, prefix string, least uint64) {
	var words []string // a dictionary is not asked while it yields
	for _, src := range s.sources {
		src.completions(prefix, least, func(w string, _ uint64) { words = append(words, w) })
	}
	for _, w := range words {
		s.sum(all, w)
	}
}

func (s *scope) sum(all map[string]uint64, w string) {
	if _, ok := all[w]; ok {
		return
	}
	n, t := uint64(0), asWord(w)
	for _, src := range s.sources {
		df, _ := src.df(t) // of a word in memory, which cannot fail
		n += df
	}
	all[w] = n
}

func bestOf(all map[string]uint64, most int) []candidate {
	best := &topWords{most: most}
	for w, df := range all {
		best.offer(candidate{w, df, 0})
	}
	return best.list
}

func completeOne(src source, prefix string, most int) []candidate {
	best := &topWords{most: most}
	src.completions(prefix, 1, func(w string, df uint64) { best.offer(candidate{w, df, 0}) })
	return best.list
}

// topWords keeps the best words: fewest edits, then most documents, then by order.
type topWords struct {
	most int
	list []candidate // sorted once it is full
}

func better(a, b candidate) int {
	switch {
	case a.edits != b.edits:
		return a.edits - b.edits
	case a.df != b.df && a.df > b.df:
		return -1
	case a.df != b.df:
		return 1
	}
	return strings.Compare(a.word, b.word)
}

func (t *topWords) offer(c candidate) {
	if len(t.list) == t.most && better(c, t.list[t.most-1]) >= 0 {
		return
	}
	i, _ := slices.BinarySearchFunc(t.list, c, better)
	t.list = slices.Insert(t.list, i, c)
	t.list = t.list[:min(len(t.list), t.most)]
}
