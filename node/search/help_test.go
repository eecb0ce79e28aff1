package search

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

func openStore(t testing.TB, memory bool) *state.Store {
	t.Helper()
	o := state.Options{Dir: t.TempDir(), Name: "test", Key: bytes.Repeat([]byte{7}, 32), Reserve: -1, MinFree: 1, InMemory: memory}
	s, err := state.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openIndex(t testing.TB, s Store) *Index {
	t.Helper()
	ix, err := Open(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func apply(t testing.TB, ix *Index, ds ...Document) {
	t.Helper()
	var ops []Op
	for i := range ds {
		ops = append(ops, Op{Put: &ds[i]})
	}
	if err := ix.Apply(context.Background(), ops...); err != nil {
		t.Fatal(err)
	}
}

func search(t testing.TB, ix *Index, q Query) Result {
	t.Helper()
	r, err := ix.Search(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ids(r Result) (out []string) {
	for _, h := range r.Hits {
		out = append(out, h.ID)
	}
	return out
}

// everything lets a query see all of some kinds.
func everything(kinds ...string) (gs []Grant) {
	for _, k := range kinds {
		gs = append(gs, Grant{Kind: k, Class: edge.Clinical})
	}
	return gs
}

// A babel makes texts of words whose frequency falls like Zipf's law, in five languages.
type babel struct {
	rng   *rand.Rand
	zipf  *rand.Zipf
	size  int // of the vocabulary of each language
	words [5][]string
}

var syllables = [5][]string{
	strings.Fields("ing er tion st ar con de re ment al pro com ly ness un ta ble for ward house land"),
	strings.Fields("me nga ber per kan an ta ru ma ka si nya lah di ke pa sa ja la wa gu bu tu li"),
	strings.Fields("men pe ter kan an hos pi tal ru mah ke da tang ja lan ma ni su ra u ba t da n"),
	strings.Fields("کا نا رہ ہے میں سے کو یا را ست گھر دو پا نی بچ ہ مر یض ڈا کٹ ر دن چا ند"),
	strings.Fields("ال مس جد كت اب مدر سة طب يب مر يض صح ة دو اء قل ب را س ية ون ات ها"),
}

var langs = [5]string{"en", "id", "ms", "ur", "ar"}

func newBabel(seed uint64, vocabulary int) *babel {
	b := &babel{size: vocabulary}
	b.draw(seed)
	for l := range b.words {
		for range vocabulary {
			w := ""
			for range 2 + b.rng.IntN(3) {
				w += syllables[l][b.rng.IntN(len(syllables[l]))]
			}
			b.words[l] = append(b.words[l], w)
		}
	}
	return b
}

// draw makes all that follows come from a seed.
func (b *babel) draw(seed uint64) {
	b.rng = rand.New(rand.NewPCG(seed, 1))
	b.zipf = rand.NewZipf(b.rng, 1.07, 4, uint64(b.size-1))
}

func (b *babel) word(l int) string { return b.words[l][b.zipf.Uint64()] }

func (b *babel) text(l, n int) string {
	ws := make([]string, n)
	for i := range ws {
		ws[i] = b.word(l)
	}
	return strings.Join(ws, " ")
}

var kinds = []string{"person", "device", "audit"}

func (b *babel) document(i int) Document {
	l := b.rng.IntN(5)
	return Document{Kind: kinds[i%3], ID: fmt.Sprint("id-", i), Title: b.text(l, 3), Lang: langs[l], Class: edge.Class(i % 4), Owner: fmt.Sprint("owner-", i%997),
		Fields: []Field{{"note", b.text(l, 30), Text}, {"number", fmt.Sprintf("MR-%06d", i), Code}, {"phone", fmt.Sprintf("+62812%07d", i), Phone}}}
}
