package search

import (
	"maps"
	"math"
	"slices"
	"unicode/utf8"
)

// What forms of a word count, against the word itself.
const (
	weightStem    = 0.8
	weightPrefix  = 0.7
	weightOneEdit = 0.6
	weightTwoEdit = 0.4
	weightCode    = 1.5 // a whole code: rarely by accident
)

// How many forms are looked for.
const (
	maxCompletions = 64 // the most frequent ones; after one letter and two fewer, see completionsOf
	maxCodes       = 64 // the first ones
	maxNear        = 16 // the nearest, then the most frequent ones
)

// A form is a term that counts for a word of the query.
type form struct {
	term   term
	weight float64
	edits  int
}

// A scope is all sources of a query, with what they have together.
type scope struct {
	sources []source
	docs    float64
	norms   *norms
	lang    string
}

func (s *scope) count() {
	var sum stats
	for _, src := range s.sources {
		st := src.sums()
		sum.Docs, sum.Length = sum.Docs+st.Docs, sum.Length+st.Length
	}
	s.docs = float64(sum.Docs)
	s.norms = newNorms(math.Max(1, float64(sum.Length)/math.Max(1, s.docs)))
}

// df says how many documents have a term, and adds those of each source to costs.
func (s *scope) df(t term, costs map[source]uint64) (n uint64, err error) {
	for _, src := range s.sources {
		d, err := src.df(t)
		if err != nil {
			return 0, err
		}
		if d > 0 {
			costs[src] += d
		}
		n += d
	}
	return n, nil
}

// A group is all forms of one word or code that have documents, how rare they are together, namely as the most
// frequent of them, so that a rare correction does not beat the word itself, and how many postings each source has.
type group struct {
	forms []form
	idf   float64
	costs map[source]uint64
}

func (s *scope) group(forms map[term]form) (g group, err error) {
	var most uint64
	g.costs = map[source]uint64{}
	for _, t := range slices.Sorted(maps.Keys(forms)) {
		n, err := s.df(t, g.costs)
		if err != nil {
			return g, err
		}
		if n > 0 {
			g.forms = append(g.forms, forms[t])
			most = max(most, n)
		}
	}
	g.idf = idf(s.docs, float64(most))
	return g, nil
}

// idf is what a term in n of all documents is worth (BM25). A count may be ahead of the other.
func idf(docs, n float64) float64 {
	docs = max(docs, n)
	return math.Log(1 + (docs-n+0.5)/(n+0.5))
}

// The usual constants of BM25: how soon more of the same word counts no more, and how much length counts.
const (
	saturation  = 1.2
	lengthiness = 0.75
)

// norms are what the length of a document does to its score, by length; longer documents are computed when they come.
type norms struct {
	average float64
	short   [256]float64
}

func newNorms(average float64) *norms {
	n := &norms{average: average}
	for i := range n.short {
		n.short[i] = n.long(uint32(i))
	}
	return n
}

func (n *norms) long(length uint32) float64 {
	return saturation * (1 - lengthiness + lengthiness*float64(length)/n.average)
}

// bm25 is what tf occurrences in a document of some length are worth.
func (n *norms) bm25(tf, length uint32) float64 {
	f := float64(tf)
	if length < uint32(len(n.short)) {
		return f * (saturation + 1) / (f + n.short[length])
	}
	return f * (saturation + 1) / (f + n.long(length))
}

// completionsOf is how many completions of a beginning are looked for. The fewer letters, the more documents each has,
// and the sooner another letter is typed.
func completionsOf(beginning string) int {
	switch utf8.RuneCountInString(beginning) {
	case 1:
		return maxCompletions / 4
	case 2:
		return maxCompletions * 3 / 8
	}
	return maxCompletions
}

// word finds the forms of one word: itself, its stems, where it is the last one what it may become, and only where
// there is nothing of all that what it may have been meant to be.
func (s *scope) word(w queryWord, exact bool) (group, error) {
	forms := map[term]form{}
	add := func(t term, weight float64, edits int) {
		if f, ok := forms[t]; !ok || f.weight < weight {
			forms[t] = form{t, weight, edits}
		}
	}
	add(asWord(w.folded), 1, 0)
	for _, t := range s.tongues(w.folded) {
		add(asStem(t, w.folded), weightStem, 0)
		for _, st := range stems(w.word, t) {
			add(asStem(t, st), weightStem, 0)
			add(asWord(st), weightStem, 0)
		}
	}
	if w.prefix {
		for _, c := range s.completions(w.folded, completionsOf(w.folded)) {
			add(asWord(c.word), weightPrefix, 0)
		}
	}
	g, err := s.group(forms)
	k := correctable(w.folded)
	if err != nil || len(g.forms) > 0 || exact || k == 0 {
		return g, err
	}
	for _, c := range s.near(w.folded, k) {
		add(asWord(c.word), weightNear(c.edits), c.edits)
	}
	return s.group(forms)
}

func weightNear(edits int) float64 {
	if edits <= 1 {
		return weightOneEdit
	}
	return weightTwoEdit
}

// tongues lists by which rules a word of the query may have been stemmed.
func (s *scope) tongues(folded string) []tongue {
	d := declared(s.lang)
	if (tongues{arabic, english}).of(folded) == arabic {
		if d == arabic || d == urdu {
			return []tongue{d}
		}
		return []tongue{arabic, urdu}
	}
	if d == english || d == malay {
		return []tongue{d}
	}
	return []tongue{english, malay}
}

func (s *scope) near(w string, k int) []candidate {
	all := map[string]candidate{}
	for _, src := range s.sources {
		src.near(w, k, func(word string, df uint64, edits int) {
			all[word] = candidate{word, all[word].df + df, edits}
		})
	}
	best := &topWords{most: maxNear}
	for _, c := range all {
		best.offer(c)
	}
	return best.list
}

// code finds the codes a text may mean, whole or, where they may go on, by their beginning.
func (s *scope) code(codes []string, prefix bool) (group, error) {
	forms := map[term]form{}
	for _, c := range codes {
		forms[asCode(c)] = form{asCode(c), weightCode, 0}
	}
	for _, c := range codes {
		if !prefix {
			break
		}
		var all []string
		var err error
		for _, src := range s.sources {
			if all, err = src.codes(all, c, maxCodes); err != nil {
				return group{}, err
			}
		}
		slices.Sort(all)
		all = slices.Compact(all)
		for _, found := range all[:min(len(all), maxCodes)] {
			if _, ok := forms[asCode(found)]; !ok {
				forms[asCode(found)] = form{asCode(found), weightPrefix, 0}
			}
		}
	}
	return s.group(forms)
}
