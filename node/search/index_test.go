package search

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// Many documents share words, so that postings fill blocks, which are then changed in the middle.
func TestBlocksLikeTheJudge(t *testing.T) {
	ix, j := openIndex(t, openStore(t, true)), &judge{map[string]Document{}}
	rng := rand.New(rand.NewPCG(3, 4))
	b := newBabel(2, 60)
	for round := range 6 {
		var ops []Op
		for range 200 {
			i := rng.IntN(700)
			d := b.document(i)
			if op := (Op{Put: &d}); round < 3 || rng.IntN(3) == 0 {
				ops = append(ops, op)
			} else {
				ops = append(ops, Op{Kind: d.Kind, ID: d.ID})
			}
		}
		if err := ix.Apply(t.Context(), ops...); err != nil {
			t.Fatal(err)
		}
		j.apply(ops)
		for l := range langs {
			q := Query{Text: b.words[l][rng.IntN(20)] + " " + b.words[l][rng.IntN(20)], Any: true, Whole: true, Grants: []Grant{{"person", 0, ""}, {"person", 3, "owner-7"}, {"audit", 2, ""}}}
			agree(t, ix, j, q)
		}
	}
	for id := range j.docs {
		kind, id, _ := strings.Cut(id, "/")
		if err := ix.Apply(t.Context(), Op{Kind: kind, ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	if left := rowsLeft(t, ix); len(left) > 0 {
		t.Fatalf("all documents are gone, and %d rows are left: %q", len(left), left[0])
	}
}

// rowsLeft lists what is stored besides the table of contents.
func rowsLeft(t testing.TB, ix *Index) (left []string) {
	v := ix.store.View()
	defer v.Close()
	for k := range v.Scan([]byte("x/")) {
		if string(k) != metaKey {
			left = append(left, string(k))
		}
	}
	if err := v.Err(); err != nil {
		t.Fatal(err)
	}
	return left
}

// No word of a document may be read off the disk, nor may one of a question.
func TestNothingIsReadableOnDisk(t *testing.T) {
	dir := t.TempDir()
	s, err := state.Open(t.Context(), state.Options{Dir: dir, Name: "test", Key: bytes.Repeat([]byte{7}, 32), Reserve: -1, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	ix := openIndex(t, s)
	canaries := []string{"zyxwcanary", "مريضكناري", "31415926535", "canary-owner", "canary-kind", "canary-id"}
	b := newBabel(5, 500)
	apply(t, ix, Document{Kind: "canary-kind", ID: "canary-id", Owner: "canary-owner", Title: "zyxwcanary مريضكناري", Fields: []Field{{"tel", "31415926535", Phone}}})
	for i := range 12 {
		var ds []Document
		for k := range 50 {
			ds = append(ds, b.document(50*i+k))
		}
		apply(t, ix, ds...)
	}
	search(t, ix, Query{Text: "zyxwcanary", Grants: everything("canary-kind")})
	look := func(when string) {
		files := 0
		filepath.Walk(dir, func(path string, i os.FileInfo, err error) error {
			if err != nil || !i.Mode().IsRegular() {
				return err
			}
			files++
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range canaries {
				if bytes.Contains(content, []byte(c)) {
					t.Errorf("%s: %q stands in %s", when, c, filepath.Base(path))
				}
			}
			return nil
		})
		if files == 0 {
			t.Fatal("there are no files to look into")
		}
	}
	look("open")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	look("closed")
}

// What a caller may not see must not show in anything the caller gets: the same question has the same answer,
// scores, completions, corrections and counts included, whether what is hidden exists or not.
func TestHiddenDocumentsDoNotShow(t *testing.T) {
	seen := []Document{
		{Kind: "person", ID: "1", Title: "Siti Aminah", Owner: "ann", Class: edge.Personal},
		{Kind: "person", ID: "2", Title: "Ahmad fever", Owner: "ann", Class: edge.Personal},
		{Kind: "device", ID: "1", Title: "fridge fever sensor"},
	}
	hidden := []Document{
		{Kind: "person", ID: "3", Title: "Siti Sitinurhaliza fever fever", Owner: "bob", Class: edge.Personal, Fields: []Field{{"no", "MR-0099", Code}}},
		{Kind: "person", ID: "4", Title: "aminahx feber Siti", Owner: "ann", Class: edge.Clinical},
		{Kind: "device", ID: "2", Title: "Siti fever", Class: edge.Clinical},
		{Kind: "audit", ID: "1", Title: "Siti fever fridge Ahmad", Owner: "ann"},
	}
	grants := []Grant{{"person", edge.Personal, "ann"}, {"device", edge.SiteOnly, ""}}
	a, b := openIndex(t, openStore(t, true)), openIndex(t, openStore(t, true))
	apply(t, a, seen...)
	apply(t, b, slices.Concat(hidden, seen, hidden)...)
	for _, text := range []string{"siti", "s", "fev", "fever ", "feber", "aminahx", "sitin", "mr-00", "mr-0099", "Siti fever", "fridge fever", "ahmad"} {
		for _, any := range []bool{false, true} {
			q := Query{Text: text, Grants: grants, Any: any, Limit: 1}
			ra, rb := search(t, a, q), search(t, b, q)
			if fmt.Sprintf("%+v", ra) != fmt.Sprintf("%+v", rb) {
				t.Errorf("%q: hidden documents show:\n%+v\n%+v", text, ra, rb)
			}
			sa, _ := a.Suggest(t.Context(), q, 10)
			sb, _ := b.Suggest(t.Context(), q, 10)
			if !slices.Equal(sa, sb) {
				t.Errorf("%q: hidden documents show in suggestions: %q and %q", text, sa, sb)
			}
		}
	}
	if r := search(t, b, Query{Text: "siti"}); r.Total != 0 || len(r.Hits) != 0 {
		t.Errorf("without a grant %d hits came", r.Total)
	}
}

func TestWhatPeopleType(t *testing.T) {
	ix := openIndex(t, openStore(t, true))
	apply(t, ix,
		Document{Kind: "person", ID: "siti", Title: "Siti Nurhaliza binti Tarudin", Fields: []Field{{"phone", "+62 812-3456-7890", Phone}, {"record", "MR-2024/0071", Code}}},
		Document{Kind: "person", ID: "mohamed", Title: "Mohammed Al-Fāṭimī", Fields: []Field{{"note", "Needs a wheelchair at the entrance", Text}}},
		Document{Kind: "person", ID: "fatima", Title: "فاطِمَة الزهراء"},
		Document{Kind: "person", ID: "bilal", Title: "بلال احمد", Lang: "ur", Fields: []Field{{"note", "ہسپتال میں مریضوں کی کتابیں", Text}}},
		Document{Kind: "device", ID: "fridge", Title: "Vaccine fridge 3", Fields: []Field{{"note", "Suhu penyimpanan vaksin untuk perawatan", Text}}},
	)
	for text, want := range map[string]string{
		"siti":             "siti",
		"nurh":             "siti",
		"SITI  nurhaliza ": "siti",
		"nurhalisa":        "siti",
		"0812 3456 7890":   "siti",
		"08123456":         "siti",
		"+62812":           "siti",
		"8123456":          "siti",
		"mr-2024":          "siti",
		"MR20240071 ":      "siti",
		"0071":             "siti",
		"mohamed":          "mohamed",
		"fatimi":           "mohamed",
		"wheelchairs ":     "mohamed",
		"فاطمه":            "fatima",
		"الزهرا":           "fatima",
		"کتاب":             "bilal",
		"مريض":             "bilal",
		"merawat ":         "fridge",
		"vaksin simpan ":   "fridge",
		"fridge ٣":         "fridge",
		"nobody":           "",
		"siti wheelchair":  "",
	} {
		r := search(t, ix, Query{Text: text, Grants: everything(kinds...)})
		if got := strings.Join(ids(r), " "); got != want {
			t.Errorf("%q found %q, want %q", text, got, want)
		}
	}
	r := search(t, ix, Query{Text: "entrance", Grants: everything("person")})
	if s := r.Hits[0].Snippets[0]; s.Text[s.Marks[0][0]:s.Marks[0][1]] != "entrance" || s.Field != "note" {
		t.Errorf("the snippet is %+v", s)
	}
	if r := search(t, ix, Query{Text: "nurhalisa", Grants: everything("person")}); len(r.Corrections) != 1 || r.Corrections[0].For[0] != "nurhaliza" {
		t.Errorf("corrections are %+v", r.Corrections)
	}
	if r := search(t, ix, Query{Text: "nurhalisa", Exact: true, Grants: everything("person")}); r.Total != 0 {
		t.Errorf("an exact search was corrected")
	}
}

func TestLimits(t *testing.T) {
	ix := openIndex(t, openStore(t, true))
	for what, d := range map[string]Document{
		"no kind": {ID: "1"}, "no id": {Kind: "k"}, "kind with a zero": {Kind: "a\x00b", ID: "1"}, "long id": {Kind: "k", ID: strings.Repeat("x", MaxID+1)},
		"long owner": {Kind: "k", ID: "1", Owner: strings.Repeat("x", MaxID+1)}, "class": {Kind: "k", ID: "1", Class: 9},
		"text": {Kind: "k", ID: "1", Title: strings.Repeat("x", MaxText+1)}, "fields": {Kind: "k", ID: "1", Fields: make([]Field, MaxFields+1)},
	} {
		if err := ix.Apply(t.Context(), Op{Put: &d}); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, q := range map[string]Query{
		"nothing": {}, "no word": {Text: " ...  "}, "long": {Text: strings.Repeat("x", MaxQuery+1)}, "words": {Text: strings.Repeat("x ", MaxWords+1)},
		"limit": {Text: "x", Limit: MaxLimit + 1}, "negative": {Text: "x", Limit: -1}, "cursor": {Text: "x", Cursor: "!!"},
		"cursor of another": {Text: "x", Cursor: Query{Text: "y"}.cursor(20)}, "grants": {Text: "x", Grants: make([]Grant, MaxGrants+1)},
	} {
		if _, err := ix.Search(t.Context(), q); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// The largest document there may be, replaced by another one.
	for _, seed := range []uint64{1, 2} {
		b := newBabel(seed, 20_000)
		d := Document{Kind: "k", ID: "1", Title: clip(strings.Repeat(b.text(3, 200)+" "+b.text(4, 200)+" ", 40), MaxText-100)}
		for w := range 3000 {
			d.Title = clip(fmt.Sprint(seed, "w", w, " ")+d.Title, MaxText)
		}
		apply(t, ix, d)
	}
	if _, err := ix.Search(t.Context(), Query{Text: "2w2999", Whole: true, Grants: everything("k")}); err != nil {
		t.Error(err)
	}
}

func TestPages(t *testing.T) {
	ix := openIndex(t, openStore(t, true))
	var ds []Document
	for i := range 95 {
		ds = append(ds, Document{Kind: "k", ID: fmt.Sprint(i), Title: "same"})
	}
	apply(t, ix, ds...)
	seen := map[string]bool{}
	q := Query{Text: "same", Grants: everything("k"), Limit: 10}
	for pages := 0; ; pages++ {
		r := search(t, ix, q)
		for _, h := range r.Hits {
			seen[h.ID] = true
		}
		if r.Total != 95 || pages > 10 {
			t.Fatalf("total %d on page %d", r.Total, pages)
		}
		if q.Cursor = r.Next; q.Cursor == "" {
			break
		}
	}
	if len(seen) != 95 {
		t.Fatalf("%d of 95 documents were on a page", len(seen))
	}
}

// A faulty store loses a commit, or makes it and says it did not.
type faulty struct {
	Store
	left    int // commits until the fault
	through bool
}

var errFault = errors.New("fault")

func (f *faulty) Commit(ctx context.Context, g func(*state.Batch)) error {
	if f.left--; f.left >= 0 {
		return f.Store.Commit(ctx, g)
	}
	if f.through {
		f.through = false
		f.Store.Commit(ctx, g)
	}
	return edge.E(edge.Unavailable, "the store is gone: %w", errFault)
}

// Whichever commit is the last one before a crash, lost or got through, doing all again leads to the same index.
func TestCrashAtAnyCommit(t *testing.T) {
	work := func(ix *Index, j *judge) error {
		rng := rand.New(rand.NewPCG(9, 9))
		b := newBabel(4, 40)
		for range 3 {
			var ops []Op
			for range 40 {
				d := b.document(rng.IntN(90))
				if ops = append(ops, Op{Put: &d}); rng.IntN(4) == 0 {
					ops[len(ops)-1] = Op{Kind: d.Kind, ID: d.ID}
				}
			}
			if j != nil {
				j.apply(ops)
			}
			if err := ix.Apply(context.Background(), ops...); err != nil {
				return err
			}
		}
		full := &judge{map[string]Document{}}
		for i := range 40 {
			d := b.document(i)
			full.apply([]Op{{Put: &d}})
		}
		for id, d := range full.docs {
			if j != nil && d.Kind == "person" {
				j.docs[id] = d
			}
		}
		if j != nil {
			for id, d := range j.docs {
				if _, ok := full.docs[id]; !ok && d.Kind == "person" {
					delete(j.docs, id)
				}
			}
		}
		return ix.Rebuild(context.Background(), []string{"person"}, full.all("person"))
	}
	b := newBabel(4, 40)
	for at := 0; ; at++ {
		finished := false
		for _, through := range []bool{false, true} {
			s := openStore(t, true)
			f := &faulty{s, at, through}
			first, err := work(openIndex(t, f), nil), error(nil)
			if finished = first == nil; !finished && !errors.Is(first, errFault) {
				t.Fatal(first)
			}
			j := &judge{map[string]Document{}}
			ix := openIndex(t, s)
			if err = work(ix, j); err != nil {
				t.Fatalf("after a crash at commit %d: %v", at, err)
			}
			if err := ix.tidy(t.Context()); err != nil {
				t.Fatal(err)
			}
			for l := range langs[:2] {
				agree(t, ix, j, Query{Text: b.words[l][0] + " " + b.words[l][1], Any: true, Whole: true, Grants: everything(kinds...)})
			}
			if n := len(generations(t, ix)); n != 3 {
				t.Fatalf("after a crash at commit %d there are rows of %d generations", at, n)
			}
			s.Close()
		}
		if finished {
			return
		}
	}
}

func generations(t testing.TB, ix *Index) map[string]bool {
	v := ix.store.View()
	defer v.Close()
	gens := map[string]bool{}
	for k := range v.Scan([]byte("x/i")) {
		gens[string(k[3:7])] = true
	}
	return gens
}

func docsOf(n int, b *babel) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		for i := range n {
			if !yield(b.document(i*3), nil) {
				return
			}
		}
	}
}

// While an index is built anew the old one is searched; when that fails it stays.
func TestRebuildKeepsTheOldIndex(t *testing.T) {
	ix := openIndex(t, openStore(t, true))
	if made, err := ix.Made("person"); made || err != nil {
		t.Fatalf("a new index says it was made: %v", err)
	}
	apply(t, ix, Document{Kind: "person", ID: "old", Title: "ancient"})
	q := Query{Text: "ancient", Grants: everything("person")}
	wrong := errors.New("the state cannot be read")
	err := ix.Rebuild(t.Context(), []string{"person"}, func(yield func(Document, error) bool) {
		for d := range docsOf(300, newBabel(1, 50)) {
			if !yield(d, nil) {
				return
			}
		}
		if search(t, ix, q).Total != 1 {
			t.Error("the old index is not searched while the new one is built")
		}
		yield(Document{Kind: "person"}, wrong)
	})
	if !errors.Is(err, wrong) {
		t.Fatalf("got %v", err)
	}
	if search(t, ix, q).Total != 1 {
		t.Error("the old index is gone after a rebuild that failed")
	}
	if err := ix.Rebuild(t.Context(), []string{"person"}, docsOf(300, newBabel(1, 50))); err != nil {
		t.Fatal(err)
	}
	if search(t, ix, q).Total != 0 {
		t.Error("the old index is still searched")
	}
	if st, err := ix.Stats(); err != nil || st.Documents != 300 {
		t.Errorf("%+v %v", st, err)
	}
}

// An index of another version is not read, and what it left is removed.
func TestAnotherVersion(t *testing.T) {
	s := openStore(t, true)
	ix := openIndex(t, s)
	apply(t, ix, Document{Kind: "person", ID: "old", Title: "ancient"})
	v := s.View()
	m, err := loadMeta(v)
	v.Close()
	if err != nil {
		t.Fatal(err)
	}
	m.Version = version + 1
	s.Commit(t.Context(), func(b *state.Batch) {
		b.Set([]byte(metaKey), m.encode())
		b.Set(key(partStats, 1), []byte{1, 1}) // what version 1 had besides
		b.Set(append(key(partTerm, 1), "wancient"...), []byte{1, 0, 0})
	})
	ix = openIndex(t, s)
	if made, _ := ix.Made("person"); made || search(t, ix, Query{Text: "ancient", Grants: everything("person")}).Total != 0 {
		t.Error("an index of another version is in use")
	}
	if err := ix.tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := rowsLeft(t, ix); len(left) > 0 {
		t.Errorf("%d rows are left of it", len(left))
	}
}

// What was gathered counts only after Flush, and a store that fails in between loses nothing.
func TestFollower(t *testing.T) {
	s := openStore(t, true)
	f := &faulty{Store: s, left: 1 << 30}
	ix := openIndex(t, f)
	fl := NewFollower(ix, Feed{Name: "search", Kinds: []string{"person"}, Changes: func(r edge.Record) ([]Op, error) {
		return []Op{{Put: &Document{Kind: "person", ID: r.Subject, Title: string(r.Body)}}}, nil
	}})
	follow := func(from, to int) error {
		for i := from; i < to; i++ {
			if err := fl.Follow(t.Context(), edge.Record{Event: edge.Event{Subject: fmt.Sprint(i), Body: fmt.Appendf(nil, "word%d shared", i)}}); err != nil {
				return err
			}
		}
		return fl.Flush(t.Context())
	}
	if err := follow(0, 100); err != nil {
		t.Fatal(err)
	}
	f.left = 0
	if err := follow(100, 900); !errors.Is(err, errFault) {
		t.Fatalf("got %v", err)
	}
	f.left = 1 << 30
	if err := follow(100, 900); err != nil {
		t.Fatal(err)
	}
	if r := search(t, ix, Query{Text: "shared", Grants: everything("person")}); r.Total != 900 {
		t.Errorf("%d of 900 are found", r.Total)
	}
	// A document no index takes must not hold up the others.
	if err := fl.Follow(t.Context(), edge.Record{Event: edge.Event{Subject: "", Body: []byte("x")}}); err != nil {
		t.Error(err)
	}
}
