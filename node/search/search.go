package search

import (
	"context"
	"slices"
	"time"
)

// A Hit is a document that was found.
type Hit struct {
	Document
	Score    float64
	Marks    [][2]int  // of the title: bytes from, to of the words that matched
	Snippets []Snippet // of the fields with such words
}

// A Result is one page of hits, best first.
type Result struct {
	Hits        []Hit
	Total       int            // of what may be seen
	Kinds       map[string]int // Total, by kind
	Next        string         // cursor of the next page; empty on the last
	Corrections []Correction   // words that were not found, and what was taken instead
	Partial     bool           // somebody has more documents than are looked through for one owner: the newest were
}

// A Correction is a word of the query and the words that were searched in its place.
type Correction struct {
	Word string
	For  []string
}

// Search finds what q asks for among what its grants let it see. It fails with Invalid on a query that breaks a
// limit, with Unavailable when ctx ends, and with what reading the store fails with.
func (ix *Index) Search(ctx context.Context, q Query) (Result, error) {
	start := time.Now()
	r, err := ix.search(ctx, q)
	ix.counts.done(start, err)
	return r, err
}

func (ix *Index) search(ctx context.Context, q Query) (Result, error) {
	p, err := parse(q)
	if err != nil {
		return Result{}, err
	}
	l := ix.lookup()
	defer ix.done(l)
	res := Result{Kinds: map[string]int{}}
	s := &scope{lang: q.Lang}
	kinds, err := ix.open(ctx, l, q, s, &res)
	if err != nil {
		return Result{}, err
	}
	if len(s.sources) == 0 {
		return res, nil
	}
	s.count()
	m, used, err := s.build(p, q, &res)
	if err != nil {
		return Result{}, err
	}
	best, pool := &top{k: p.offset + p.limit}, &pages{}
	for _, src := range s.sources {
		found, err := m.match(ctx, src, nil, pool)
		if err != nil {
			return Result{}, err
		}
		if n := best.take(src, found); n > 0 {
			res.Total += n
			res.Kinds[kinds[src.part()]] += n
		}
		found.done()
	}
	list := best.sorted()
	list = list[min(p.offset, len(list)):]
	if res.Total > p.offset+len(list) && p.offset+2*p.limit <= MaxResults {
		res.Next = q.cursor(p.offset + p.limit)
	}
	res.Hits, err = read(l, list, used)
	return res, err
}

// open finds the sources that a query's grants allow. A part that is granted as a whole is not opened for an owner
// as well.
func (ix *Index) open(ctx context.Context, l *lookup, q Query, s *scope, res *Result) (map[part]string, error) {
	m, err := loadMeta(l.view)
	if err != nil {
		return nil, err
	}
	l.commit = m.Commit
	kinds, words, read := map[part]string{}, &wordReader{l, map[term][]byte{}}, []part{}
	for _, p := range m.Parts {
		if m.Kinds[p.Kind] != p.Gen || len(q.Kinds) > 0 && !slices.Contains(q.Kinds, p.Kind) {
			continue
		}
		whole, owners := granted(q.Grants, p)
		if !whole && len(owners) == 0 {
			continue
		}
		kinds[p.Part] = p.Kind
		if whole {
			read = append(read, p.Part)
			s.sources = append(s.sources, &partSource{store: l, row: p, dict: ix.dict(p.Part), words: words, found: map[term][]byte{}})
			continue
		}
		for _, o := range owners {
			src, err := openOwner(l, p.Part, o)
			if err != nil {
				return nil, err
			}
			res.Partial = res.Partial || src.st.Docs >= maxOwned
			s.sources = append(s.sources, src)
		}
	}
	return kinds, ix.load(ctx, read)
}

func granted(grants []Grant, p partRow) (whole bool, owners []string) {
	for _, g := range grants {
		switch {
		case g.Kind != p.Kind || p.Class > g.Class:
		case g.Owner == "":
			whole = true
		case !slices.Contains(owners, g.Owner):
			owners = append(owners, g.Owner)
		}
	}
	return whole, owners
}

// build turns a parsed query into a matcher, and returns the terms that may match.
func (s *scope) build(p parsed, q Query, res *Result) (matcher, map[term]bool, error) {
	used := map[term]bool{}
	node := func(g group) matcher {
		for _, f := range g.forms {
			used[f.term] = true
		}
		return groupMatch{g, s.norms}
	}
	var clauses []matcher
	for _, c := range p.clauses {
		m, err := s.clause(c, q, res, node)
		if err != nil {
			return nil, nil, err
		}
		clauses = append(clauses, m)
	}
	var m matcher = all(clauses)
	if p.any {
		m = some{parts: clauses}
	}
	if p.whole != nil {
		g, err := s.code(p.whole, !q.Whole)
		if err != nil {
			return nil, nil, err
		}
		m = some{parts: []matcher{m, node(g)}, best: true}
	}
	return m, used, nil
}

func (s *scope) clause(c clause, q Query, res *Result, node func(group) matcher) (matcher, error) {
	code, err := s.code(c.codes, c.prefix)
	if err != nil {
		return nil, err
	}
	var parts all
	for _, w := range c.words {
		g, err := s.word(w, q.Exact || len(code.forms) > 0)
		if err != nil {
			return nil, err
		}
		res.note(w, g)
		parts = append(parts, node(g))
	}
	if len(code.forms) == 0 {
		return parts, nil
	}
	return some{parts: []matcher{parts, node(code)}, best: true}, nil
}

// note tells of words that were corrected.
func (r *Result) note(w queryWord, g group) {
	c := Correction{Word: w.folded}
	for _, f := range g.forms {
		if f.edits > 0 {
			c.For = append(c.For, f.term[1:])
		}
	}
	if len(c.For) > 0 {
		r.Corrections = append(r.Corrections, c)
	}
}

func read(l *lookup, list []ranked, used map[term]bool) ([]Hit, error) {
	var hits []Hit
	m := newMarker(used)
	for _, r := range list {
		b, err := l.get(docKey(r.src.part(), r.doc))
		if err != nil {
			return nil, missing(err)
		}
		d, err := decodeDocument(b)
		if err != nil {
			return nil, err
		}
		h := Hit{Document: d, Score: r.score}
		m.mark(&h)
		hits = append(hits, h)
	}
	return hits, nil
}

// Suggest returns words that the last word of a text may become, most frequent first, out of what the grants of q
// let it see. It fails like Search.
func (ix *Index) Suggest(ctx context.Context, q Query, most int) ([]string, error) {
	p, err := parse(q)
	if err != nil {
		return nil, err
	}
	l := ix.lookup()
	defer ix.done(l)
	s := &scope{}
	if _, err := ix.open(ctx, l, q, s, &Result{}); err != nil || len(s.sources) == 0 {
		return nil, err
	}
	ws := p.clauses[len(p.clauses)-1].words
	w := ws[len(ws)-1]
	if !w.prefix {
		return nil, nil
	}
	var list []string
	for _, c := range s.completions(w.folded, min(max(most, 0), maxCompletions)) {
		list = append(list, c.word)
	}
	return list, nil
}
