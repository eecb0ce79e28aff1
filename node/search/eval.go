package search

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"

	"github.com/aielon/edge/node/edge"
)

func isNotFound(err error) bool { return edge.IsKind(err, edge.NotFound) }

// page is how many neighbouring documents share one piece of a scores.
const page = 512

// scores holds a score for each matching document of a source: documents that match lie close together, so pieces of
// an array are both smaller and faster than a map of them.
type scores struct {
	pages map[uint64]*[page]float64
	last  uint64
	hot   *[page]float64
}

func newScores() *scores { return &scores{pages: map[uint64]*[page]float64{}} }

// at returns where the score of a document is; nil where it has none and none is to be made.
func (s *scores) at(doc uint64, create bool) *float64 {
	n := doc / page
	if s.hot == nil || s.last != n {
		p := s.pages[n]
		if p == nil {
			if !create {
				return nil
			}
			p = new([page]float64)
			s.pages[n] = p
		}
		s.last, s.hot = n, p
	}
	return &s.hot[doc%page]
}

func (s *scores) get(doc uint64) float64 {
	if p := s.at(doc, false); p != nil {
		return *p
	}
	return 0
}

// each yields documents with a score, ascending.
func (s *scores) each(yield func(doc uint64, score float64)) {
	for _, n := range slices.Sorted(maps.Keys(s.pages)) {
		for i, v := range s.pages[n] {
			if v > 0 {
				yield(n*page+uint64(i), v)
			}
		}
	}
}

func (s *scores) count() (n int) {
	s.each(func(uint64, float64) { n++ })
	return n
}

// A matcher is one node of a query: what it matches in a source, out of what is left of it (nil: everything), and how
// many postings that takes at most.
type matcher interface {
	match(ctx context.Context, src source, within *scores) (*scores, error)
	cost(src source) (uint64, error)
}

// groupMatch matches documents with one of a group's forms, and scores them with the best of them.
type groupMatch struct {
	group
	average float64
}

func (g groupMatch) cost(src source) (n uint64, err error) {
	for _, f := range g.forms {
		df, err := src.df(f.term)
		if err != nil {
			return 0, err
		}
		n += df
	}
	return n, nil
}

func (g groupMatch) match(ctx context.Context, src source, within *scores) (*scores, error) {
	out := newScores()
	for _, f := range g.forms {
		if ctx.Err() != nil {
			return nil, edge.E(edge.Unavailable, "the search took too long").WithHint("search for rarer words")
		}
		weight := f.weight * g.idf
		err := src.postings(f.term, func(ps []posting) {
			for _, p := range ps {
				if within != nil && within.get(p.doc) == 0 {
					continue
				}
				at := out.at(p.doc, true)
				*at = math.Max(*at, weight*bm25(p.tf, p.length, g.average))
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// all matches what every one of its parts matches; the rarest goes first, so that the others have less to keep.
type all []matcher

func (a all) cost(src source) (uint64, error) {
	least := uint64(math.MaxUint64)
	for _, m := range a {
		n, err := m.cost(src)
		if err != nil {
			return 0, err
		}
		least = min(least, n)
	}
	return least, nil
}

func (a all) match(ctx context.Context, src source, within *scores) (*scores, error) {
	order, costs := make([]int, len(a)), make([]uint64, len(a))
	for i, m := range a {
		n, err := m.cost(src)
		if err != nil {
			return nil, err
		}
		order[i], costs[i] = i, n
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(costs[i], costs[j]) })
	parts := make([]*scores, len(a))
	for _, i := range order {
		if within != nil && len(within.pages) == 0 || costs[i] == 0 {
			return newScores(), nil
		}
		s, err := a[i].match(ctx, src, within)
		if err != nil {
			return nil, err
		}
		parts[i], within = s, s
	}
	out := newScores()
	within.each(func(doc uint64, _ float64) {
		at := out.at(doc, true)
		for _, p := range parts { // in the order of the query, so that sums come out the same
			*at += p.get(doc)
		}
	})
	return out, nil
}

// some matches what any of its parts matches, with the sum of their scores or, for forms of one thing, the best.
type some struct {
	parts []matcher
	best  bool
}

func (s some) cost(src source) (n uint64, err error) {
	for _, m := range s.parts {
		c, err := m.cost(src)
		if err != nil {
			return 0, err
		}
		n += c
	}
	return n, nil
}

func (s some) match(ctx context.Context, src source, within *scores) (*scores, error) {
	out := newScores()
	for _, m := range s.parts {
		part, err := m.match(ctx, src, within)
		if err != nil {
			return nil, err
		}
		part.each(func(doc uint64, score float64) {
			at := out.at(doc, true)
			if s.best {
				*at = math.Max(*at, score)
			} else {
				*at += score
			}
		})
	}
	return out, nil
}

// A ranked document is a hit before it is read.
type ranked struct {
	src   source
	doc   uint64
	score float64
}

func before(a, b ranked) int {
	switch {
	case a.score != b.score && a.score > b.score:
		return -1
	case a.score != b.score:
		return 1
	case a.doc != b.doc && a.doc > b.doc: // indexed later
		return -1
	case a.doc != b.doc:
		return 1
	}
	return 0
}

// A top keeps the best k of what it is offered, in a heap with the worst of them in front.
type top struct {
	k    int
	heap []ranked
}

func (t *top) offer(r ranked) {
	if len(t.heap) < t.k {
		t.heap = append(t.heap, r)
		for i := len(t.heap) - 1; i > 0; {
			up := (i - 1) / 2
			if before(t.heap[i], t.heap[up]) <= 0 {
				break
			}
			t.heap[i], t.heap[up] = t.heap[up], t.heap[i]
			i = up
		}
		return
	}
	if before(r, t.heap[0]) >= 0 {
		return
	}
	t.heap[0] = r
	for i := 0; ; {
		worst := i
		for _, j := range []int{2*i + 1, 2*i + 2} {
			if j < t.k && before(t.heap[j], t.heap[worst]) > 0 {
				worst = j
			}
		}
		if worst == i {
			return
		}
		t.heap[i], t.heap[worst] = t.heap[worst], t.heap[i]
		i = worst
	}
}

func (t *top) sorted() []ranked {
	slices.SortFunc(t.heap, before)
	return t.heap
}
