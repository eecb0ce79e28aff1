package search

import (
	"slices"
	"strings"
)

// A source is documents a query may see: a part of the index, or what one owner has in it. What is computed of a
// query comes from its sources alone.
type source interface {
	sums() stats
	// df says how many documents have a term.
	df(t term) (uint64, error)
	// codes appends the first most codes that begin with prefix, in order.
	codes(dst []string, prefix string, most int) ([]string, error)
	// completions yields words that begin with prefix and that at least so many documents have.
	completions(prefix string, least uint64, yield func(word string, df uint64))
	// width says how many words begin with prefix, at most.
	width(prefix string) int
	near(w string, k int, yield func(word string, df uint64, edits int))
	// postings yields what a term has, ascending, in pieces that are good until the next.
	postings(t term, yield func([]posting)) error
	part() part
}

// A partSource is a whole part.
type partSource struct {
	store *lookup
	row   partRow
	dict  *dict
	words *wordReader
	found map[term][]byte // sections of codes this query has read
	seen  []codeRange     // of codes whose rows are all in found
	buf   []posting       // room for the postings of a block
	room  []posting       // and of a row
}

// A wordReader reads the dictionary rows of words and stems for all sources of one query: a row has all parts.
type wordReader struct {
	store *lookup
	rows  map[term][]byte
}

func (w *wordReader) read(t term) (row []byte, err error) {
	if b, ok := w.rows[t]; ok {
		return b, nil
	}
	b, err := w.store.shared(termKey(0, t))
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	w.rows[t] = b
	return b, nil
}

// A codeRange is the codes that begin with prefix, up to last; all of them where last is empty.
type codeRange struct{ prefix, last string }

func (r codeRange) holds(code string) bool {
	return strings.HasPrefix(code, r.prefix) && (r.last == "" || code <= r.last)
}

func (s *partSource) part() part  { return s.row.Part }
func (s *partSource) sums() stats { return s.row.stats }

// section returns what the part has in the dictionary row of a term; nil where it has nothing.
func (s *partSource) section(t term) ([]byte, error) {
	if t[0] != codeForm {
		row, err := s.words.read(t)
		if err != nil {
			return nil, err
		}
		return sectionOf(row, s.row.Part)
	}
	if b, ok := s.found[t]; ok {
		return b, nil
	}
	if slices.ContainsFunc(s.seen, func(r codeRange) bool { return r.holds(t[1:]) }) {
		return nil, nil
	}
	b, err := s.store.get(termKey(s.row.Part, t))
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	if b, err = sectionOf(b, s.row.Part); err != nil {
		return nil, err
	}
	s.found[t] = b
	return b, nil
}

func (s *partSource) df(t term) (uint64, error) {
	if inMemory(t) {
		return s.dict.df(t), nil
	}
	b, err := s.section(t)
	if err != nil || b == nil {
		return 0, err
	}
	r := reader{b: b}
	df := r.uvarint()
	if r.bad {
		return 0, errDamaged
	}
	return df, nil
}

func (s *partSource) codes(dst []string, prefix string, most int) ([]string, error) {
	skip := len(termKey(s.row.Part, asCode("")))
	n, read := 0, codeRange{prefix: prefix}
	for key, row := range s.store.scan(termKey(s.row.Part, asCode(prefix))) {
		code := string(key[skip:])
		b, err := sectionOf(row, s.row.Part)
		if err != nil {
			return dst, err
		}
		dst, s.found[asCode(code)] = append(dst, code), b
		if n++; n >= most {
			read.last = code
			break
		}
	}
	if err := s.store.err(); err != nil {
		return dst, err
	}
	s.seen = append(s.seen, read)
	return dst, nil
}

func (s *partSource) completions(prefix string, least uint64, yield func(string, uint64)) {
	s.dict.completions(prefix, least, yield)
}

func (s *partSource) width(prefix string) int { return s.dict.width(prefix) }

func (s *partSource) near(w string, k int, yield func(string, uint64, int)) { s.dict.near(w, k, yield) }

func (s *partSource) postings(t term, yield func([]posting)) error {
	b, err := s.section(t)
	if err != nil || b == nil {
		return err
	}
	r, err := decodeTermRow(b, s.room[:0])
	if err != nil {
		return err
	}
	s.room = r.tail
	if err := s.blocks(t, &r, yield); err != nil {
		return err
	}
	if len(r.tail) > 0 {
		yield(r.tail)
	}
	return nil
}

// blocks yields what is in the blocks of a term: of few by their keys, of many in one scan.
func (s *partSource) blocks(t term, r *termRow, yield func([]posting)) (err error) {
	take := func(b []byte) error {
		if s.buf, err = readPostings(s.buf[:0], b); err != nil {
			return err
		}
		yield(s.buf)
		return nil
	}
	if r.many {
		for _, b := range s.store.scan(blocksKey(s.row.Part, t)) {
			if err := take(b); err != nil {
				return err
			}
		}
		return s.store.err()
	}
	for _, k := range r.blocks {
		b, err := s.store.shared(blockKey(s.row.Part, t, k))
		if err != nil {
			return missing(err)
		}
		if err := take(b); err != nil {
			return err
		}
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

func openOwner(l *lookup, p part, owner string) (*ownerSource, error) {
	s := &ownerSource{p: p, terms: map[term][]posting{}}
	var docs []uint64
	for k := range l.down(ownerPrefix(p, owner)) {
		if docs = append(docs, lastOf(k)); len(docs) >= maxOwned {
			break
		}
	}
	if err := l.err(); err != nil {
		return nil, err
	}
	slices.Reverse(docs)
	for _, n := range docs {
		b, err := l.get(forwardKey(p, n))
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
	s.st.Docs++
	s.st.Length += uint64(f.length)
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

func (s *ownerSource) completions(prefix string, least uint64, yield func(string, uint64)) {
	s.lex.completions(prefix, least, yield)
}

func (s *ownerSource) width(prefix string) int { return s.lex.width(prefix) }

func (s *ownerSource) near(w string, k int, yield func(string, uint64, int)) {
	near(&s.lex, w, k, yield)
}

func (s *ownerSource) postings(t term, yield func([]posting)) error {
	if ps := s.terms[t]; len(ps) > 0 {
		yield(ps)
	}
	return nil
}
