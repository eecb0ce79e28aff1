package search

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strings"
	"unicode"

	"github.com/aielon/edge/node/edge"
)

// Limits of a query.
const (
	MaxQuery   = 512  // bytes
	MaxWords   = 16   // words
	MaxLimit   = 100  // hits a page
	MaxResults = 1000 // hits over all pages; beyond them a better question helps more
	MaxGrants  = 64
)

const defaultLimit = 20

// A Grant lets a query see the documents of one kind up to a class, all of them or one owner's. What is not granted
// is as if it did not exist.
type Grant struct {
	Kind  string     // required
	Class edge.Class // highest class that may be seen
	Owner string     // empty: whosever they are
}

// A Query is what somebody looks for.
type Query struct {
	Text   string
	Lang   string   // of the words, where known; empty: all are tried
	Grants []Grant  // what may be seen; none: nothing
	Kinds  []string // what is wanted of it; none: all of it
	Limit  int      // hits a page; 0: 20
	Cursor string   // Result.Next of the page before
	Any    bool     // one of the words is enough
	Whole  bool     // the last word is complete even where no space follows it
	Exact  bool     // no corrections
}

// A parsed query: all clauses have to match, or one of the whole codes.
type parsed struct {
	clauses []clause
	whole   []string // the whole text is a code (a phone number with spaces): by prefix
	any     bool
	offset  int
	limit   int
}

// A clause is what stood between two spaces: all its words, or a code.
type clause struct {
	words  []queryWord
	codes  []string
	prefix bool // the codes may go on
}

type queryWord struct {
	word
	prefix bool
}

// parse reads a query. It fails with Invalid where a limit is broken or no word is in it.
func parse(q Query) (p parsed, err error) {
	switch {
	case len(q.Text) > MaxQuery:
		return p, edge.E(edge.Invalid, "a search may have %d bytes, this one has %d", MaxQuery, len(q.Text)).WithHint("search for fewer words")
	case q.Limit < 0 || q.Limit > MaxLimit:
		return p, edge.E(edge.Invalid, "a page of results may have 1 to %d hits, %d were asked for", MaxLimit, q.Limit)
	case len(q.Grants) > MaxGrants:
		return p, edge.E(edge.Invalid, "a search may look into %d kinds of documents, this one has %d", MaxGrants, len(q.Grants))
	}
	p.any, p.limit = q.Any, q.Limit
	if p.limit == 0 {
		p.limit = defaultLimit
	}
	text := strings.ToValidUTF8(q.Text, " ")
	open := !q.Whole && text != "" && !unicode.IsSpace(rune(text[len(text)-1]))
	n := 0
	chunks := strings.Fields(text)
	for i, c := range chunks {
		cl := clauseOf(c, open && i == len(chunks)-1)
		if len(cl.words) > 0 {
			p.clauses = append(p.clauses, cl)
		}
		n += len(cl.words)
	}
	if n == 0 {
		return p, edge.E(edge.Invalid, "there is no word to search for").WithHint("type a name, a word or a number")
	}
	if n > MaxWords {
		return p, edge.E(edge.Invalid, "a search may have %d words, this one has %d", MaxWords, n).WithHint("search for fewer words")
	}
	p.whole = wholeCode(text)
	p.offset, err = q.offset(p.limit)
	return p, err
}

func clauseOf(chunk string, last bool) clause {
	cl := clause{prefix: last}
	words(chunk, func(w word) bool {
		cl.words = append(cl.words, queryWord{word: w})
		return len(cl.words) <= MaxWords
	})
	if len(cl.words) > 0 {
		cl.words[len(cl.words)-1].prefix = last
	}
	cl.codes = codeForms(chunk)
	return cl
}

// codeForms returns the codes a chunk may mean: as it is, and as a phone number without its zeros.
func codeForms(chunk string) []string {
	c := squash(chunk)
	if len(c) < 2 {
		return nil
	}
	if d := strings.TrimLeft(c, "0"); len(d) >= minPhone && d != c && allDigits(d) {
		return []string{c, d}
	}
	return []string{c}
}

// wholeCode returns what a text of several pieces means as one phone number.
func wholeCode(text string) []string {
	if !strings.ContainsAny(strings.TrimSpace(text), " \t") || strings.Trim(text, "+-()/. \t0123456789٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹") != "" {
		return nil
	}
	d := strings.TrimLeft(squash(text), "0")
	if len(d) < minPhone {
		return nil
	}
	return []string{d}
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// A cursor is the number of hits before a page and a sum of the query it belongs to. It tells nothing about the
// index.
func (q Query) cursor(offset int) string {
	sum := q.sum()
	return base64.RawURLEncoding.EncodeToString(binary.AppendUvarint(sum[:8:8], uint64(offset)))
}

func (q Query) offset(limit int) (int, error) {
	if q.Cursor == "" {
		return 0, nil
	}
	bad := edge.E(edge.Invalid, "this is not a later page of this search").WithHint("search again from the first page")
	b, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	if sum := q.sum(); err != nil || len(b) < 9 || string(b[:8]) != string(sum[:8]) {
		return 0, bad
	}
	n, w := binary.Uvarint(b[8:])
	if w != len(b)-8 || n > MaxResults {
		return 0, bad
	}
	if int(n)+limit > MaxResults {
		return 0, edge.E(edge.Exhausted, "only the first %d hits can be looked through", MaxResults).WithHint("search for more words")
	}
	return int(n), nil
}

func (q Query) sum() [32]byte {
	q.Cursor, q.Limit = "", 0
	b, _ := json.Marshal(q) // strings, numbers and lists of them
	return sha256.Sum256(b)
}
