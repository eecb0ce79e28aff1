package search

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The words past a prefix are found wherever the look begins.
func TestPast(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		words := rapid.SliceOfDistinct(rapid.StringMatching("[ab]{1,6}"), rapid.ID[string]).Draw(r, "words")
		slices.Sort(words)
		var b builder
		for _, w := range words {
			b.add(w, 1)
		}
		l, prefix := b.done(), rapid.StringMatching("[ab]{1,3}").Draw(r, "prefix")
		lo := rapid.IntRange(0, len(words)).Draw(r, "lo")
		want := lo
		for want < len(words) && (words[want] <= prefix || strings.HasPrefix(words[want], prefix)) {
			want++
		}
		if got := l.past(prefix, lo); got != want {
			r.Fatalf("%q from %d: got %d, want %d of %q", prefix, lo, got, want, words)
		}
	})
}
