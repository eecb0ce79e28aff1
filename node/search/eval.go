package search

import (
	"cmp"
	"context"
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/aielon/edge/node/edge"
)

func isNotFound(err error) bool { return edge.IsKind(err, edge.NotFound) }

// pageDocs is how many neighbouring documents share one page of a scores.
const pageDocs = 512

// A page holds the scores of neighbouring documents, and a bit for each that has one.
type page struct {
	set    [pageDocs / 64]uint64
	scores [pageDocs]float64 // zero where there is no bit
}

// scores holds a score for each matching document of a source: documents that match lie close together, so pieces of
// an array are both smaller and faster than a map of them.
type scores struct {
	pool  *pages
	pages map[uint64]*page
	last  uint64
	hot   *page
}

// pages are those a query does not need any more, all empty: to empty a page by its bits costs less than a new one.
type pages struct{ free []*page }

func (p *pages) scores() *scores { return &scores{pool: p, pages: map[uint64]*page{}} }

func (p *pages) take() *page {
	if n := len(p.free); n > 0 {
		x := p.free[n-1]
		p.free = p.free[:n-1]
		return x
	}
	return new(page)
}

// done gives the pages back. s is not used any more.
func (s *scores) done() {
	for _, p := range s.pages {
		for i, word := range p.set {
			for ; word != 0; word &= word - 1 {
				p.scores[i*64+bits.TrailingZeros64(word)] = 0
			}
			p.set[i] = 0
		}
		s.pool.free = append(s.pool.free, p)
	}
	s.pages, s.hot = nil, nil
}

// page returns the page a document is on; nil where there is none and none is to be made.
func (s *scores) page(doc uint64, create bool) *page {
	n := doc / pageDocs
	if s.hot == nil || s.last != n {
		p := s.pages[n]
		if p == nil {
			if !create {
				return nil
			}
			p = s.pool.take()
			s.pages[n] = p
		}
		s.last, s.hot = n, p
	}
	return s.hot
}

// at returns where the score of a document is, which has one from now on.
func (s *scores) at(doc uint64) *float64 {
	p, i := s.page(doc, true), doc%pageDocs
	p.set[i/64] |= 1 << (i % 64)
	return &p.scores[i]
}

func (s *scores) get(doc uint64) float64 {
	if p := s.page(doc, false); p != nil {
		return p.scores[doc%pageDocs]
	}
	return 0
}

// each yields documents with a score, ascending.
func (s *scores) each(yield func(doc uint64, score float64)) {
	for _, n := range slices.Sorted(maps.Keys(s.pages)) {
		p := s.pages[n]
		for i, word := range p.set {
			for ; word != 0; word &= word - 1 {
				at := i*64 + bits.TrailingZeros64(word)
				yield(n*pageDocs+uint64(at), p.scores[at])
			}
		}
	}
}

// A matcher is one node of a query: what it matches in a source, out of what is left of it (nil: everything), and how
// many postings that takes at most.
type matcher interface {
	match(ctx context.Context, src source, within *scores, pool *pages) (*scores, error)
	cost(src source) uint64
}

// groupMatch matches documents with one of a group's forms, and scores them with the best of them.
type groupMatch struct {
	group
	norms *norms
}

func (g groupMatch) cost(src source) uint64 { return g.costs[src] }

func (g groupMatch) match(ctx context.Context, src source, within *scores, pool *pages) (*scores, error) {
	out := pool.scores()
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
				at := out.at(p.doc)
				*at = max(*at, weight*g.norms.bm25(p.tf, p.length))
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

func (a all) cost(src source) uint64 {
	least := uint64(math.MaxUint64)
	for _, m := range a {
		least = min(least, m.cost(src))
	}
	return least
}

func (a all) match(ctx context.Context, src source, within *scores, pool *pages) (*scores, error) {
	order, costs := make([]int, len(a)), make([]uint64, len(a))
	for i, m := range a {
		order[i], costs[i] = i, m.cost(src)
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(costs[i], costs[j]) })
	parts := make([]*scores, len(a))
	for _, i := range order {
		if within != nil && len(within.pages) == 0 || costs[i] == 0 {
			return pool.scores(), nil
		}
		s, err := a[i].match(ctx, src, within, pool)
		if err != nil {
			return nil, err
		}
		parts[i], within = s, s
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	out := pool.scores()
	within.each(func(doc uint64, _ float64) {
		at := out.at(doc)
		for _, p := range parts { // in the order of the query, so that sums come out the same
			*at += p.get(doc)
		}
	})
	for _, p := range parts {
		p.done()
	}
	return out, nil
}

// some matches what any of its parts matches, with the sum of their scores or, for forms of one thing, the best.
type some struct {
	parts []matcher
	best  bool
}

func (s some) cost(src source) (n uint64) {
	for _, m := range s.parts {
		n += m.cost(src)
	}
	return n
}

func (s some) match(ctx context.Context, src source, within *scores, pool *pages) (*scores, error) {
	out := pool.scores()
	for _, m := range s.parts {
		part, err := m.match(ctx, src, within, pool)
		if err != nil {
			return nil, err
		}
		part.each(func(doc uint64, score float64) {
			at := out.at(doc)
			if s.best {
				*at = max(*at, score)
			} else {
				*at += score
			}
		})
		part.done()
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

// take offers what was found in a source and counts it.
func (t *top) take(src source, found *scores) (n int) {
	found.each(func(doc uint64, score float64) {
		n++
		if len(t.heap) < t.k || score >= t.heap[0].score {
			t.offer(ranked{src, doc, score})
		}
	})
	return n
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
