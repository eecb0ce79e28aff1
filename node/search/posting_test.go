package search

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
	"pgregory.net/rapid"
)

// A tight store takes smaller transactions than the index is made for.
type tight struct {
	Store
	most int
}

func (s tight) MaxBatch() int { return s.most }

func (s tight) Commit(ctx context.Context, f func(*state.Batch)) error {
	b := state.NewBatch()
	if f(b); b.Size() > s.most {
		return edge.E(edge.Invalid, "%d bytes are too much", b.Size())
	}
	return s.Store.Commit(ctx, f)
}

// Documents that do not fit a transaction are removed in pieces, and a block grows only while there is room.
func TestPiecesLikeTheJudge(t *testing.T) {
	for seed, batch := range []int{25_000, 30_000, 40_000, 100_000} {
		s := tight{openStore(t, true), batch}
		ix, j := &Index{store: s, dicts: map[part]*dict{}}, &judge{map[string]Document{}}
		b := newBabel(uint64(seed), 40)
		for round := range 3 {
			var ops []Op
			for range 100 {
				d := b.document(b.rng.IntN(150))
				d.Class, d.Kind = edge.Class(b.rng.IntN(2)), "person"
				if ops = append(ops, Op{Put: &d}); round > 0 && b.rng.IntN(3) == 0 {
					ops[len(ops)-1] = Op{Kind: d.Kind, ID: d.ID}
				}
			}
			if err := ix.Apply(t.Context(), ops...); err != nil {
				t.Fatal(err)
			}
			j.apply(ops)
			agree(t, ix, j, Query{Text: b.words[round][0] + " " + b.words[round][1], Any: true, Whole: true, Grants: everything("person")})
		}
		for _, id := range slices.Sorted(maps.Keys(j.docs)) {
			if err := ix.Apply(t.Context(), Op{Kind: "person", ID: strings.TrimPrefix(id, "person/")}); err != nil {
				t.Fatal(err)
			}
		}
		if left := rowsLeft(t, ix); len(left) > 0 {
			t.Fatalf("all documents are gone, and %d rows are left: %q", len(left), left[0])
		}
	}
}

// A document whose removal was stopped between two pieces is put again by the same Op, and removed by the same.
func TestStoppedBetweenPieces(t *testing.T) {
	b := newBabel(8, 400)
	long := func(n int) Document {
		return Document{Kind: "person", ID: fmt.Sprint(n), Title: b.text(0, 20), Fields: []Field{{"note", b.text(0, 300), Text}}}
	}
	old, other := long(1), long(1)
	rest := []Document{long(2), long(3), long(4)}
	for what, op := range map[string]Op{"the same": {Put: &old}, "another": {Put: &other}, "removed": {Kind: "person", ID: "1"}} {
		for at := 0; ; at++ {
			f := &faulty{Store: tight{openStore(t, true), 60_000}, left: 1 << 30}
			ix, j := &Index{store: f, dicts: map[part]*dict{}}, &judge{map[string]Document{}}
			apply(t, ix, append(rest, old)...)
			for _, d := range append(rest, old) {
				j.apply([]Op{{Put: &d}})
			}
			f.left, f.through = at, at%2 == 0
			pieces := 0
			for gone, err := false, error(nil); !gone && err == nil; pieces++ {
				f.Store = tight{f.Store.(tight).Store, 20_000}
				gone, err = ix.removePiece("person", "1", false)
			}
			finished := f.left >= 0
			f.left, f.Store = 1<<30, tight{f.Store.(tight).Store, 60_000}
			if err := ix.Apply(t.Context(), op); err != nil {
				t.Fatal(err)
			}
			j.apply([]Op{op})
			for w := range 4 {
				agree(t, ix, j, Query{Text: b.words[0][w], Whole: true, Grants: everything("person")})
			}
			if finished && at > 0 {
				if pieces < 3 {
					t.Fatalf("%s: only %d pieces: nothing was tried", what, pieces)
				}
				break
			}
		}
	}
}

// A word that more documents have than a row names blocks for.
func TestManyBlocks(t *testing.T) {
	ix, j := openIndex(t, openStore(t, true)), &judge{map[string]Document{}}
	b := newBabel(11, 3)
	var ops []Op
	for i := range 4000 {
		d := Document{Kind: "person", ID: fmt.Sprint("id-", i), Title: b.text(0, 3), Lang: "en"}
		ops = append(ops, Op{Put: &d})
	}
	if err := ix.Apply(t.Context(), ops...); err != nil {
		t.Fatal(err)
	}
	j.apply(ops)
	ops = ops[:0]
	for i := range 4000 {
		if i%5 < 2 || i > 2500 && i < 3800 {
			ops = append(ops, Op{Kind: "person", ID: fmt.Sprint("id-", i)})
		}
	}
	row := func() (r termRow) {
		v := ix.store.View()
		defer v.Close()
		b, err := v.Get(termKey(0, asWord(b.words[0][0])))
		if err == nil {
			if b, err = sectionOf(b, 1); err == nil {
				r, err = decodeTermRow(b, nil)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := row(); !r.many {
		t.Fatalf("a word in %d documents has few blocks: nothing is tried", r.df)
	}
	if err := ix.Apply(t.Context(), ops...); err != nil {
		t.Fatal(err)
	}
	j.apply(ops)
	for _, w := range b.words[0] {
		r := search(t, ix, Query{Text: w, Whole: true, Grants: everything("person"), Limit: 1})
		if want := j.search(Query{Text: w, Whole: true, Grants: everything("person")}); r.Total != len(want) {
			t.Errorf("%d documents have %q, %d were found", len(want), w, r.Total)
		}
	}
}

// A listed source has words and nothing else.
type listed struct {
	source
	words lexicon
}

func (l *listed) df(t term) (uint64, error) { return l.words.count(t[1:]), nil }
func (l *listed) width(prefix string) int   { return l.words.width(prefix) }
func (l *listed) completions(prefix string, least uint64, yield func(string, uint64)) {
	l.words.completions(prefix, least, yield)
}

// The best completions of several sources are those that adding up everything gives.
func TestCompletionsOfManyWords(t *testing.T) {
	var words []string
	for i := range 6000 {
		words = append(words, fmt.Sprintf("pre%04d", i))
	}
	rapid.Check(t, func(r *rapid.T) {
		s, all := &scope{}, map[string]uint64{}
		for range rapid.IntRange(2, 6).Draw(r, "sources") {
			steep, step := rapid.IntRange(1, 4000).Draw(r, "steep"), rapid.SampledFrom([]int{1, 7, 101, 2477}).Draw(r, "step")
			var es []entry
			for i, w := range words {
				if i%5 > 0 {
					es = append(es, entry{w, uint32(steep / (1 + i*step%6000))})
				}
			}
			for _, e := range es {
				all[e.word] += uint64(e.df)
			}
			s.sources = append(s.sources, &listed{words: newLexicon(es)})
		}
		maps.DeleteFunc(all, func(_ string, df uint64) bool { return df == 0 })
		most := rapid.IntRange(1, maxCompletions).Draw(r, "most")
		if got, want := s.completions("pre", most), bestOf(all, most); !slices.Equal(got, want) {
			r.Fatalf("got  %v\nwant %v", got, want)
		}
	})
}

// A row of the dictionary is read as it was written, and damage is told.
func TestRowsOfManyParts(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		want, row := map[part]termRow{}, []byte(nil)
		for p := range part(rapid.IntRange(1, 5).Draw(r, "parts")) {
			x := termRow{df: rapid.Uint64Range(1, 1<<40).Draw(r, "df"), full: rapid.Uint64().Draw(r, "full"), many: rapid.Bool().Draw(r, "many")}
			for range rapid.IntRange(0, maxListed).Draw(r, "blocks") {
				x.blocks = append(x.blocks, rapid.Uint64Range(1, 1<<50).Draw(r, "block"))
			}
			slices.Sort(x.blocks)
			for i := range rapid.IntRange(0, 20).Draw(r, "tail") {
				x.tail = append(x.tail, posting{uint64(i*300 + 1), uint32(i), rapid.Uint32().Draw(r, "length")})
			}
			want[p*3+1] = x
			row = section{p*3 + 1, x.append(nil)}.append(row)
		}
		for p := range part(20) {
			body, err := sectionOf(row, p)
			if err != nil {
				r.Fatal(err)
			}
			x, known := want[p]
			if !known {
				if body != nil {
					r.Fatalf("part %d has something", p)
				}
				continue
			}
			got, err := decodeTermRow(body, nil)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(x) {
				r.Fatalf("got %v %v, want %v", got, err, x)
			}
		}
		cut := row[:rapid.IntRange(0, len(row)-1).Draw(r, "cut")]
		whole := map[part]bool{}
		if err := sections(cut, func(s section) bool { whole[s.part] = true; return true }); err == nil && len(cut) > 0 && len(whole) == len(want) {
			r.Fatal("a row that was cut off is taken as whole")
		}
	})
}
