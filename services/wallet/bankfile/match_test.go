package bankfile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/services/wallet/amount"
)

func pos(n uint64) amount.Signed { return amount.Signed{Amount: amount.Of(n)} }

// told is what was found, by name and in an order of its own.
func told(m Matching, entries []Entry, items []Item) string {
	var out []string
	group := func(g Group) string {
		var names []string
		for _, i := range g.Entries {
			names = append(names, entries[i].Reference)
		}
		for _, i := range g.Items {
			names = append(names, items[i].ID)
		}
		slices.Sort(names)
		return g.Reason.String() + ":" + strings.Join(names, "+")
	}
	for _, g := range append(slices.Clone(m.Pairs), m.Ambiguous...) {
		out = append(out, group(g))
	}
	for _, i := range m.Entries {
		out = append(out, "new:"+entries[i].Reference)
	}
	for _, i := range m.Items {
		out = append(out, "open:"+items[i].ID)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestMatch(t *testing.T) {
	day := func(n int) time.Time { return march.AddDate(0, 0, n) }
	for _, c := range []struct {
		entries []Entry
		items   []Item
		want    string
	}{
		{[]Entry{{Reference: "e", Amount: pos(5), Booked: day(90), Remittance: "for roof, rf18 5390-0754 7034 thanks"}},
			[]Item{{ID: "i", Amount: pos(5), Reference: "RF18539007547034"}, {ID: "j", Amount: pos(5), Date: day(90)}}, "open:j reference:e+i"},
		{[]Entry{{Reference: "e", Amount: pos(5), EndToEnd: "INV-7"}}, []Item{{ID: "i", Amount: pos(6), Reference: "INV7"}}, "amount_differs:e+i"},
		// INV71 does not name INV7, and a reference is not found across a word.
		{[]Entry{{Reference: "e", Amount: pos(5), Remittance: "INV71 XINV7"}}, []Item{{ID: "i", Amount: pos(6), Reference: "INV7"}}, "new:e open:i"},
		// Paid twice: a person must say which one is given back.
		{[]Entry{{Reference: "e", Amount: pos(5), EndToEnd: "R"}, {Reference: "f", Amount: pos(5), Remittance: "R"}}, []Item{{ID: "i", Amount: pos(5), Reference: "R"}}, "several:e+f+i"},
		{[]Entry{{Reference: "e", Amount: pos(5), Remittance: "R1 and R2"}}, []Item{{ID: "i", Amount: pos(2), Reference: "R1"}, {ID: "j", Amount: pos(3), Reference: "R2"}}, "several:e+i+j"},
		{[]Entry{{Reference: "e", Amount: pos(5), Booked: day(3)}}, []Item{{ID: "i", Amount: pos(5), Date: day(0)}}, "amount:e+i"},
		{[]Entry{{Reference: "e", Amount: pos(5), Booked: day(4)}}, []Item{{ID: "i", Amount: pos(5), Date: day(0)}}, "new:e open:i"},
		{[]Entry{{Reference: "e", Amount: pos(5)}}, []Item{{ID: "i", Amount: pos(5).Negated()}}, "new:e open:i"},
		{[]Entry{{Reference: "e", Amount: pos(5), Booked: day(0)}, {Reference: "f", Amount: pos(5), Booked: day(9)}},
			[]Item{{ID: "i", Amount: pos(5), Date: day(1)}, {ID: "j", Amount: pos(5), Date: day(8)}, {ID: "k", Amount: pos(5), Date: day(11)}}, "amount:e+i several:f+j+k"},
		// The ends of a chain may belong to either neighbour.
		{[]Entry{{Reference: "e", Amount: pos(5), Booked: day(0)}, {Reference: "f", Amount: pos(5), Booked: day(4)}},
			[]Item{{ID: "i", Amount: pos(5), Date: day(2)}, {ID: "j", Amount: pos(5), Date: day(7)}}, "several:e+f+i+j"},
		{nil, nil, ""},
	} {
		if got := told(Match(c.entries, c.items, 3), c.entries, c.items); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// Whatever is given: nothing is used twice, everything is told of once, a pair is the only one there can be, and the
// order of the lists does not matter. The reference model asks every entry about every item.
func TestMatchProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var entries []Entry
		var items []Item
		refs := []string{"", "", "RF1", "RF2", "AB 12", "AB12"}
		for i := range rapid.IntRange(0, 12).Draw(t, "entries") {
			entries = append(entries, Entry{Reference: fmt.Sprint("e", i), Amount: pos(rapid.Uint64Range(1, 3).Draw(t, "a")), Booked: march.AddDate(0, 0, rapid.IntRange(0, 12).Draw(t, "d")),
				EndToEnd: rapid.SampledFrom(refs).Draw(t, "r"), Remittance: rapid.SampledFrom(refs).Draw(t, "m")})
		}
		for i := range rapid.IntRange(0, 12).Draw(t, "items") {
			items = append(items, Item{ID: fmt.Sprint("i", i), Amount: pos(rapid.Uint64Range(1, 3).Draw(t, "a")), Date: march.AddDate(0, 0, rapid.IntRange(0, 12).Draw(t, "d")),
				Reference: rapid.SampledFrom(refs).Draw(t, "r")})
		}
		m := Match(entries, items, 2)
		once(t, m, entries, items)
		model(t, m, entries, items)
		want := told(m, entries, items)
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		r.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		if got := told(Match(entries, items, 2), entries, items); got != want {
			t.Fatalf("in another order %s, was %s", got, want)
		}
	})
}

func once(t *rapid.T, m Matching, entries []Entry, items []Item) {
	e, i := make([]int, len(entries)), make([]int, len(items))
	for _, g := range append(slices.Clone(m.Pairs), append(m.Ambiguous, Group{Entries: m.Entries, Items: m.Items})...) {
		for _, n := range g.Entries {
			e[n]++
		}
		for _, n := range g.Items {
			i[n]++
		}
	}
	if slices.ContainsFunc(append(e, i...), func(n int) bool { return n != 1 }) {
		t.Fatalf("told of %v and %v times", e, i)
	}
}

// model counts, for every pair, what else either side could have meant.
func model(t *rapid.T, m Matching, entries []Entry, items []Item) {
	names := func(e Entry, i Item) bool {
		ref := plain(i.Reference)
		return ref != "" && (plain(e.EndToEnd) == ref || plain(e.Remittance) == ref)
	}
	involved := func(e Entry, list []Item) bool {
		return slices.ContainsFunc(list, func(i Item) bool { return names(e, i) })
	}
	near := func(e Entry, i Item) bool { return e.Amount == i.Amount && e.Booked.Sub(i.Date).Abs() <= 48*time.Hour }
	paired := map[int]Reason{}
	for _, g := range m.Pairs {
		paired[g.Entries[0]*100+g.Items[0]] = g.Reason
	}
	for x, e := range entries {
		for y, i := range items {
			same := func(o Item) bool { return i.Reference != "" && plain(o.Reference) == plain(i.Reference) }
			byName, byAmount := names(e, i), near(e, i) && !involved(e, items)
			for o := range entries {
				byName = byName && (o == x || !names(entries[o], i))
				byAmount = byAmount && !names(entries[o], i) && (o == x || !near(entries[o], i) || involved(entries[o], items))
			}
			for o := range items {
				byName = byName && (o == y || !names(e, items[o]) && !same(items[o]))
				taken := slices.ContainsFunc(entries, func(e Entry) bool { return names(e, items[o]) })
				byAmount = byAmount && (o == y || !near(e, items[o]) || taken)
			}
			want := Reason(0)
			if byName && e.Amount == i.Amount {
				want = ByReference
			} else if byAmount {
				want = ByAmount
			}
			if got := paired[x*100+y]; got != want {
				t.Fatalf("entry %d and item %d are paired by %q, want %q", x, y, got, want)
			}
		}
	}
}

// The worst a file can do: everything has one amount, one day and one reference.
func TestMatchIsNotSlow(t *testing.T) {
	entries, items := make([]Entry, MaxEntries), make([]Item, MaxEntries)
	for i := range entries {
		entries[i] = Entry{Amount: pos(1), Booked: march, Remittance: "RF1 x"}
		items[i] = Item{Amount: pos(1), Date: march, Reference: []string{"RF1", ""}[i%2]}
	}
	began := time.Now()
	for range 2 {
		if m := Match(entries, items, 3); len(m.Pairs) != 0 || len(m.Ambiguous) != 1 {
			t.Fatal(len(m.Pairs), len(m.Ambiguous))
		}
		for i := range entries {
			entries[i].Remittance = ""
		}
	}
	if took := time.Since(began); took > time.Minute { // all with all would take half an hour
		t.Errorf("two matchings of %d and %d took %s", len(entries), len(items), took)
	}
}
