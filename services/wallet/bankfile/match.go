package bankfile

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// An Item is something of ours that a bank should tell of: a payment we wait for, a payout we ordered.
type Item struct {
	ID        string
	Amount    amount.Signed // minor units, below zero for what leaves the account
	Reference string        // what the other side was asked to write; empty where there is none
	Date      time.Time     // when we expect it
}

// A Reason says why entries and items were put together, or why they were not.
type Reason uint8

const (
	ByReference   Reason = iota + 1 // one entry names one item, and the amount is right
	ByAmount                        // nothing names the other, and no other entry or item within the days could be meant
	AmountDiffers                   // one entry names one item, and the amount is another
	Several                         // more than one entry or item could be meant
)

// String is the reason's code.
func (r Reason) String() string {
	return [...]string{"", "reference", "amount", "amount_differs", "several"}[r]
}

// A Group is entries and items, as places in what Match was given, that belong together or that a person must part.
type Group struct {
	Entries, Items []int
	Reason         Reason
}

// A Matching is what Match found. Every entry and every item is in it exactly once.
type Matching struct {
	Pairs     []Group // of one entry and one item each
	Ambiguous []Group // never guessed
	Entries   []int   // that nothing is open for
	Items     []int   // that the bank does not tell of
}

// Match pairs entries of a bank with what is open: first by reference, looked for in the entry's own fields and, as
// whole words, in what the payer wrote; then, among those that name nothing open, by an amount that only one entry and
// only one item have within days of each other. Who is named, but with another amount, is not paired by amount either.
// The result does not depend on the order of either list.
func Match(entries []Entry, items []Item, days int) Matching {
	m := &matcher{entries: entries, items: items, days: time.Duration(days) * 24 * time.Hour}
	m.sets = newSets(len(entries) + len(items))
	m.byReference()
	m.collect(m.ofReference)
	m.sets = newSets(len(entries) + len(items))
	m.byAmount()
	m.collect(m.ofAmount)
	for i, used := range m.used {
		switch {
		case used:
		case i < len(entries):
			m.found.Entries = append(m.found.Entries, i)
		default:
			m.found.Items = append(m.found.Items, i-len(entries))
		}
	}
	return m.found
}

// A matcher numbers the entries first and the items after them.
type matcher struct {
	edge.Redacted
	entries []Entry
	items   []Item
	days    time.Duration
	sets    *sets
	used    []bool
	found   Matching
}

// byReference joins each entry with every item it names.
func (m *matcher) byReference() {
	m.used = make([]bool, len(m.entries)+len(m.items))
	known, longest := map[string]int{}, 0
	for i, item := range m.items {
		ref := plain(item.Reference)
		if ref == "" {
			continue
		}
		longest = max(longest, len(ref))
		if other, twice := known[ref]; twice {
			m.sets.join(other, len(m.entries)+i)
		} else {
			known[ref] = len(m.entries) + i
		}
	}
	for i := range m.entries {
		m.entries[i].Naming(longest, func(string) bool { return true }, func(ref string) {
			if item, ok := known[ref]; ok {
				m.sets.join(i, item)
			}
		})
	}
}

// Naming yields whatever an entry may name, in capitals and digits, as Match compares references: each run of whole words
// of at most longest bytes, that begins with a word begins says yes to, of what the payer gave or wrote, and of the bank's
// reference. One may come twice.
func (e *Entry) Naming(longest int, begins func(word string) bool, yield func(ref string)) {
	for _, text := range []string{e.EndToEnd, e.Structured, e.Reference, e.Remittance} {
		named(text, longest, begins, yield)
	}
}

// plain is a reference as it is compared: capitals and digits only, so that it may be typed with spaces and dashes.
func plain(s string) string { return strings.Join(words(s), "") }

func words(s string) []string {
	return strings.FieldsFunc(strings.ToUpper(s), func(r rune) bool { return r < '0' || r > '9' && r < 'A' || r > 'Z' && r < 0x80 })
}

// named yields every run of whole words of text, put together, of at most longest bytes.
func named(text string, longest int, begins func(string) bool, yield func(string)) {
	list := words(text)
	for i := range list {
		if !begins(list[i]) {
			continue
		}
		run := ""
		for _, w := range list[i:] {
			if run += w; len(run) > longest {
				break
			}
			yield(run)
		}
	}
}

func (m *matcher) ofReference(entries, items []int) Reason {
	switch {
	case len(entries) > 1 || len(items) > 1:
		return Several
	case m.entries[entries[0]].Amount != m.items[items[0]].Amount:
		return AmountDiffers
	}
	return ByReference
}

func (m *matcher) ofAmount(entries, items []int) Reason {
	if len(entries) > 1 || len(items) > 1 {
		return Several
	}
	return ByAmount
}

// byAmount joins what has the same amount and stands within the days. Each entry reaches a run of the items sorted by
// date, so it is enough to join it with the first and to note that the run holds together.
func (m *matcher) byAmount() {
	entries, items := map[amount.Signed][]int{}, map[amount.Signed][]int{}
	for i := range m.items {
		if !m.used[len(m.entries)+i] {
			items[m.items[i].Amount] = append(items[m.items[i].Amount], i)
		}
	}
	for i := range m.entries {
		if a := m.entries[i].Amount; !m.used[i] && items[a] != nil {
			entries[a] = append(entries[a], i)
		}
	}
	for a, list := range entries {
		run := items[a]
		slices.SortFunc(run, func(x, y int) int { return m.items[x].Date.Compare(m.items[y].Date) })
		m.join(list, run)
	}
}

// join joins entries with items of one amount, the items sorted by date.
func (m *matcher) join(entries, items []int) {
	opened := make([]int, len(items)+1) // how many runs begin, less how many end, between an item and the next
	for _, e := range entries {
		from, to := m.entries[e].Booked.Add(-m.days), m.entries[e].Booked.Add(m.days)
		first, _ := slices.BinarySearchFunc(items, from, func(i int, t time.Time) int { return m.items[i].Date.Compare(t) })
		end, _ := slices.BinarySearchFunc(items, to, func(i int, t time.Time) int {
			if m.items[i].Date.After(t) {
				return 1
			}
			return -1
		})
		if first < end {
			m.sets.join(e, len(m.entries)+items[first])
			opened[first]++
			opened[end-1]--
		}
	}
	for i, open := 0, 0; i+1 < len(items); i++ {
		if open += opened[i]; open > 0 {
			m.sets.join(len(m.entries)+items[i], len(m.entries)+items[i+1])
		}
	}
}

// collect takes every set with both entries and items in it out of the game.
func (m *matcher) collect(why func(entries, items []int) Reason) {
	groups := map[int]*Group{}
	for i := range m.used {
		root := m.sets.root(i)
		if m.used[i] {
			continue
		}
		g := groups[root]
		if g == nil {
			g = &Group{}
			groups[root] = g
		}
		if i < len(m.entries) {
			g.Entries = append(g.Entries, i)
		} else {
			g.Items = append(g.Items, i-len(m.entries))
		}
	}
	for _, g := range groups {
		if len(g.Entries) == 0 || len(g.Items) == 0 {
			continue
		}
		if g.Reason = why(g.Entries, g.Items); g.Reason == ByReference || g.Reason == ByAmount {
			m.found.Pairs = append(m.found.Pairs, *g)
		} else {
			m.found.Ambiguous = append(m.found.Ambiguous, *g)
		}
		for _, i := range g.Entries {
			m.used[i] = true
		}
		for _, i := range g.Items {
			m.used[len(m.entries)+i] = true
		}
	}
	for _, list := range [][]Group{m.found.Pairs, m.found.Ambiguous} {
		slices.SortFunc(list, func(a, b Group) int { return cmp.Compare(a.Entries[0], b.Entries[0]) })
	}
}

// sets is a union-find with halving of paths.
type sets struct{ up []int }

func newSets(n int) *sets {
	s := &sets{make([]int, n)}
	for i := range s.up {
		s.up[i] = i
	}
	return s
}

func (s *sets) root(i int) int {
	for s.up[i] != i {
		s.up[i] = s.up[s.up[i]]
		i = s.up[i]
	}
	return i
}

func (s *sets) join(a, b int) { s.up[s.root(a)] = s.root(b) }
