package search

import (
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/aielon/edge/node/edge"
)

// A dict is the terms of one part in memory, sorted, with how many documents have them: completions and corrections
// look at thousands of words at a time, and most words of a query are not in most parts. Codes and words with digits
// are left to the store. It takes about 20 bytes a term.
type dict struct {
	mu     sync.RWMutex
	loaded bool
	words  vocabulary
	stems  vocabulary // with the byte of their tongue
}

// A vocabulary is a sorted list that grows.
type vocabulary struct {
	base   lexicon
	recent lexicon // not in base; merged into it before it grows large
}

// minRecent is how many new words are kept apart at least before they are merged.
const minRecent = 512

// A lexicon is a sorted list of words.
type lexicon struct {
	text string
	at   []uint32 // where words begin, and the end of the last
	df   []uint32
}

func (l *lexicon) len() int          { return len(l.df) }
func (l *lexicon) word(i int) string { return l.text[l.at[i]:l.at[i+1]] }

// from returns the first word that is not below w, at lo or after it.
func (l *lexicon) from(w string, lo int) int {
	return lo + sort.Search(l.len()-lo, func(i int) bool { return l.word(lo+i) >= w })
}

// past returns the first word after those that begin with prefix, at lo or after it. It is mostly near.
func (l *lexicon) past(prefix string, lo int) int {
	begins := func(i int) bool { return l.word(i) <= prefix || strings.HasPrefix(l.word(i), prefix) }
	step := 1
	for lo+step < l.len() && begins(lo+step) {
		lo, step = lo+step, 2*step
	}
	return lo + sort.Search(min(step, l.len()-lo), func(i int) bool { return !begins(lo + i) })
}

type entry struct {
	word string
	df   uint32
}

// A builder makes a lexicon of words that come in order.
type builder struct {
	text strings.Builder
	at   []uint32
	df   []uint32
}

func (b *builder) add(word string, df uint32) {
	b.at, b.df = append(b.at, uint32(b.text.Len())), append(b.df, df)
	b.text.WriteString(word)
}

func (b *builder) done() lexicon {
	b.at = append(b.at, uint32(b.text.Len()))
	return lexicon{strings.Clone(b.text.String()), slices.Clip(b.at), slices.Clip(b.df)}
}

func newLexicon(es []entry) lexicon {
	var b builder
	for _, e := range es {
		b.add(e.word, e.df)
	}
	return b.done()
}

func (l *lexicon) entries() []entry {
	es := make([]entry, 0, l.len())
	for i := range l.len() {
		if l.df[i] > 0 {
			es = append(es, entry{l.word(i), l.df[i]})
		}
	}
	return es
}

// inMemory tells terms a dict holds.
func inMemory(t term) bool { return t[0] != codeForm && (t[0] != wordForm || !isCodeLike(t)) }

// set tells how many documents have some terms now.
func (d *dict) set(ts []entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.loaded {
		return
	}
	var words, stems []entry
	for _, e := range ts {
		if e.word[0] == wordForm {
			words = append(words, entry{e.word[1:], e.df})
		} else {
			stems = append(stems, e)
		}
	}
	d.words.set(words)
	d.stems.set(stems)
}

// df says how many documents have a term that is held in memory. It may be ahead of a view by what was committed since.
func (d *dict) df(t term) uint64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if t[0] == wordForm {
		return d.words.df(t[1:])
	}
	return d.stems.df(t)
}

// size says how many words are held, and in how many bytes.
func (d *dict) size() (words, bytes int) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, v := range []*vocabulary{&d.words, &d.stems} {
		for _, l := range []*lexicon{&v.base, &v.recent} {
			words, bytes = words+l.len(), bytes+len(l.text)+4*(cap(l.at)+cap(l.df))
		}
	}
	return words, bytes
}

// completions yields the words that begin with prefix and that at least so many documents have.
func (d *dict) completions(prefix string, least uint64, yield func(word string, df uint64)) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	d.words.base.completions(prefix, least, yield)
	d.words.recent.completions(prefix, least, yield)
}

// width says how many words begin with prefix, those no document has any more included.
func (d *dict) width(prefix string) int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.words.base.width(prefix) + d.words.recent.width(prefix)
}

// near yields the words at most k edits away from w.
func (d *dict) near(w string, k int, yield func(word string, df uint64, edits int)) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	near(&d.words.base, w, k, yield)
	near(&d.words.recent, w, k, yield)
}

func (v *vocabulary) df(w string) uint64 { return max(v.base.count(w), v.recent.count(w)) }

func (v *vocabulary) set(es []entry) {
	var news []entry
	for _, e := range es {
		if !v.base.update(e) && !v.recent.update(e) && e.df > 0 {
			news = append(news, entry{strings.Clone(e.word), e.df})
		}
	}
	if len(news) == 0 {
		return
	}
	added := append(v.recent.entries(), news...)
	sortEntries(added)
	v.recent = newLexicon(added)
	if len(added) < max(minRecent, v.base.len()/16) {
		return
	}
	es = append(v.base.entries(), added...)
	sortEntries(es)
	v.base, v.recent = newLexicon(es), newLexicon(nil)
}

func (l *lexicon) count(w string) uint64 {
	if i := l.from(w, 0); i < l.len() && l.word(i) == w {
		return uint64(l.df[i])
	}
	return 0
}

func (l *lexicon) update(e entry) bool {
	i := l.from(e.word, 0)
	if i == l.len() || l.word(i) != e.word {
		return false
	}
	l.df[i] = e.df
	return true
}

func sortEntries(es []entry) {
	slices.SortFunc(es, func(a, b entry) int { return strings.Compare(a.word, b.word) })
}

func (l *lexicon) completions(prefix string, least uint64, yield func(string, uint64)) {
	from := l.from(prefix, 0)
	for i, df := range l.df[from:l.past(prefix, from)] {
		if df > 0 && uint64(df) >= least {
			yield(l.word(from+i), uint64(df))
		}
	}
}

func (l *lexicon) width(prefix string) int {
	from := l.from(prefix, 0)
	return l.past(prefix, from) - from
}

// near walks a sorted list as if it were a tree: the rows of the distance table of a prefix are computed once for all
// words that share it, and when a row has no value within k left, all words with that prefix are jumped over. An edit is
// one letter more, less, other, or two neighbours exchanged.
func near(l *lexicon, w string, k int, yield func(word string, df uint64, edits int)) {
	t := newTable([]rune(w), k)
	for i := 0; i < l.len(); {
		cand := l.word(i)
		ok := t.enter(cand)
		if !ok {
			i = l.past(cand[:t.end()], i+1)
			continue
		}
		if n := t.distance(); n <= k && l.df[i] > 0 {
			yield(cand, uint64(l.df[i]), n)
		}
		i++
	}
}

// A table is the distance table of one word against a path of letters.
type table struct {
	word []rune
	k    int
	text string // of the path
	path []rune
	ends []int // bytes of text up to and including each letter
	rows [][]int
}

func newTable(word []rune, k int) *table {
	first := make([]int, len(word)+1)
	for i := range first {
		first[i] = i
	}
	return &table{word: word, k: k, rows: [][]int{first}}
}

func (t *table) end() int      { return t.ends[len(t.path)-1] }
func (t *table) distance() int { return t.rows[len(t.path)][len(t.word)] }

// enter makes text the path, as far as it can still be near the word, and reports whether that is all of it.
func (t *table) enter(text string) bool {
	same := shared(t.text, text)
	depth := 0
	for depth < len(t.path) && t.ends[depth] <= same {
		depth++
	}
	t.path, t.ends, t.text = t.path[:depth], t.ends[:depth], text
	at := 0
	if depth > 0 {
		at = t.ends[depth-1]
	}
	for at < len(text) {
		r, n := utf8.DecodeRuneInString(text[at:])
		at += n
		t.path, t.ends = append(t.path, r), append(t.ends, at)
		if t.row(len(t.path)) > t.k {
			return false
		}
	}
	return true
}

// row computes the n-th row and returns its smallest value.
func (t *table) row(n int) int {
	if len(t.rows) <= n {
		t.rows = append(t.rows, make([]int, len(t.word)+1))
	}
	above, row := t.rows[n-1], t.rows[n]
	row[0] = n
	least := n
	for j := 1; j <= len(t.word); j++ {
		cost := 1
		if t.word[j-1] == t.path[n-1] {
			cost = 0
		}
		d := min(above[j]+1, row[j-1]+1, above[j-1]+cost)
		if n > 1 && j > 1 && t.word[j-1] == t.path[n-2] && t.word[j-2] == t.path[n-1] {
			d = min(d, t.rows[n-2][j-2]+1)
		}
		row[j] = d
		least = min(least, d)
	}
	return least
}

// correctable says how many edits a word is corrected by: none below four letters, two from eight on.
func correctable(w string) int {
	switch n := utf8.RuneCountInString(w); {
	case isCodeLike(w) || n < 4:
		return 0
	case n < 8:
		return 1
	}
	return 2
}

var _ edge.Part = (*Index)(nil)
