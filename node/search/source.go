package search

import (
	"slices"
	"strings"

	"github.com/aielon/edge/node/state"
)

// A source is documents a query may see: a part of the index, or what one owner has in it. What is computed of a
// query comes from its sources alone.
type source interface {
	sums() stats
	// df says how many documents have a term.
	df(t term) (uint64, error)
	// codes appends the first most codes that begin with prefix, in order.
	codes(dst []string, prefix string, most int) ([]string, error)
	completions(prefix string, yield func(word string, df uint64))
	near(w string, k int, yield func(word string, df uint64, edits int))
	// postings yields what a term has, ascending, in pieces that are good until the next.
	postings(t term, yield func([]posting)) error
	part() part
}

// A partSource is a whole part.
type partSource struct {
	view *state.View
	row  partRow
	st   stats
	dict *dict
	rows map[term]*termRow // dictionary rows of this query
	seen []codeRange       // of codes whose rows are all in rows
	buf  []posting
}

// A codeRange is the codes that begin with prefix, up to last; all of them where last is empty.
type codeRange struct{ prefix, last string }

func (r codeRange) holds(code string) bool {
	return strings.HasPrefix(code, r.prefix) && (r.last == "" || code <= r.last)
}

func (s *partSource) part() part  { return s.row.Part }
func (s *partSource) sums() stats { return s.st }

func (s *partSource) term(t term) (*termRow, error) {
	if r, ok := s.rows[t]; ok {
		return r, nil
	}
	if t[0] == codeForm && slices.ContainsFunc(s.seen, func(r codeRange) bool { return r.holds(t[1:]) }) {
		return &termRow{}, nil
	}
	var r termRow
	b, err := s.view.Get(termKey(s.row.Part, t))
	switch {
	case isNotFound(err):
	case err != nil:
		return nil, err
	default:
		if r, err = decodeTermRow(b); err != nil {
			return nil, err
		}
	}
	s.rows[t] = &r
	return &r, nil
}

func (s *partSource) df(t term) (uint64, error) {
	if inMemory(t) {
		return s.dict.df(t), nil
	}
	r, err := s.term(t)
	if err != nil {
		return 0, err
	}
	return r.df, nil
}

func (s *partSource) codes(dst []string, prefix string, most int) ([]string, error) {
	skip := len(termKey(s.row.Part, asCode("")))
	n, read := 0, codeRange{prefix: prefix}
	for key, b := range s.view.Scan(termKey(s.row.Part, asCode(prefix))) {
		code := string(key[skip:])
		r, err := decodeTermRow(b)
		if err != nil {
			return dst, err
		}
		dst, s.rows[asCode(code)] = append(dst, code), &r
		if n++; n >= most {
			read.last = code
			break
		}
	}
	if err := s.view.Err(); err != nil {
		return dst, err
	}
	s.seen = append(s.seen, read)
	return dst, nil
}

func (s *partSource) completions(prefix string, yield func(string, uint64)) {
	s.dict.completions(prefix, yield)
}

func (s *partSource) near(w string, k int, yield func(string, uint64, int)) { s.dict.near(w, k, yield) }

func (s *partSource) postings(t term, yield func([]posting)) error {
	if inMemory(t) && s.dict.df(t) == 0 {
		return nil
	}
	r, err := s.term(t)
	if err != nil {
		return err
	}
	if r.full > 0 {
		for _, b := range s.view.Scan(blocksKey(s.row.Part, t)) {
			if s.buf, err = readPostings(s.buf[:0], b); err != nil {
				return err
			}
			yield(s.buf)
		}
		if err := s.view.Err(); err != nil {
			return err
		}
	}
	if len(r.tail) > 0 {
		yield(r.tail)
	}
	return nil
}

// maxOwned is how many documents of one owner are looked through, newest first.
const maxOwned = 5000

// An ownerSource is what one owner has in a part, indexed in memory for one query: nothing of what others have can
// show in it.
type ownerSource struct {
	p     part
	st    stats
	terms map[term][]posting
	lex   lexicon // words without digits
	code  []string
}

func openOwner(v *state.View, p part, owner string) (*ownerSource, error) {
	s := &ownerSource{p: p, terms: map[term][]posting{}}
	var docs []uint64
	for k := range v.ScanDown(ownerPrefix(p, owner)) {
		if docs = append(docs, lastOf(k)); len(docs) >= maxOwned {
			break
		}
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	slices.Reverse(docs)
	for _, n := range docs {
		b, err := v.Get(forwardKey(p, n))
		if err != nil {
			return nil, missing(err)
		}
		f, err := decodeForward(b)
		if err != nil {
			return nil, err
		}
		s.add(n, f)
	}
	s.sort()
	return s, nil
}

func (s *ownerSource) add(n uint64, f forward) {
	s.st.docs++
	s.st.length += uint64(f.length)
	for _, t := range f.terms {
		s.terms[t.term] = append(s.terms[t.term], posting{n, t.tf, f.length})
	}
}

func (s *ownerSource) sort() {
	var es []entry
	for t, ps := range s.terms {
		switch {
		case t[0] == codeForm:
			s.code = append(s.code, t[1:])
		case t[0] == wordForm && !isCodeLike(t):
			es = append(es, entry{t[1:], uint32(len(ps))})
		}
	}
	sortEntries(es)
	slices.Sort(s.code)
	s.lex = newLexicon(es)
}

func (s *ownerSource) part() part                { return s.p }
func (s *ownerSource) sums() stats               { return s.st }
func (s *ownerSource) df(t term) (uint64, error) { return uint64(len(s.terms[t])), nil }

func (s *ownerSource) codes(dst []string, prefix string, most int) ([]string, error) {
	i, _ := slices.BinarySearch(s.code, prefix)
	for n := 0; n < most && i < len(s.code) && strings.HasPrefix(s.code[i], prefix); n, i = n+1, i+1 {
		dst = append(dst, s.code[i])
	}
	return dst, nil
}

func (s *ownerSource) completions(prefix string, yield func(string, uint64)) {
	completions(&s.lex, prefix, yield)
}

func (s *ownerSource) near(w string, k int, yield func(string, uint64, int)) {
	near(&s.lex, w, k, yield)
}

func (s *ownerSource) postings(t term, yield func([]posting)) error {
	if ps := s.terms[t]; len(ps) > 0 {
		yield(ps)
	}
	return nil
}
