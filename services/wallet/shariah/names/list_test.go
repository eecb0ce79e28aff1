package names

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Of names made of the same few words, only few are compared letter by letter: that is what makes a look quick.
func TestMostAreRuledOut(t *testing.T) {
	words := strings.Fields("muhammad ahmad abdullah hassan husain umar usman yusuf ibrahim khalid walid sharif karim rahim salim nasir fatima maryam zainab")
	var b strings.Builder
	for i := range words {
		for j := range words {
			for k := range words {
				fmt.Fprintf(&b, "%d-%d-%d,%s %s %s\n", i, j, k, words[i], words[j], words[k])
			}
		}
	}
	l, err := Read([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	look, compared := textOf(Normalise("Muhammad Abdullah Hassan")), 0
	for i := range l.spelt {
		if l.spelt[i].norm.may(&look, 0.92) {
			compared++
		}
	}
	if all := len(l.spelt); compared == 0 || compared*20 > all {
		t.Errorf("%d of %d are compared", compared, all)
	}
}

// The counts of bytes side by side come to what counting one after the other comes to.
func TestShared(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-zا-ي ]{0,70}|a{0,70}`)
		a, b := textOf(word.Draw(t, "a")), textOf(word.Draw(t, "b"))
		var x, y [32]int
		for _, r := range a.runes {
			x[r%32]++
		}
		for _, r := range b.runes {
			y[r%32]++
		}
		want := 0
		for i := range x {
			want += min(x[i], y[i])
		}
		if got := a.counts.shared(&b.counts); got != want {
			t.Fatalf("%q and %q share %d, want %d", string(a.runes), string(b.runes), got, want)
		}
	})
}
