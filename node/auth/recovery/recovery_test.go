package recovery

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// However often and in whatever spelling codes are tried: each works once, and for its person only.
func TestEachCodeWorksOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		codes, set := New("mira")
		used := map[string]bool{}
		for range rapid.IntRange(1, 20).Draw(t, "tries") {
			code := rapid.SampledFrom(codes).Draw(t, "code")
			typed := rapid.SampledFrom([]func(string) string{strings.ToLower, func(s string) string { return strings.ReplaceAll(s, "-", " ") }, strings.TrimSpace}).Draw(t, "typed")(code)
			if _, ok := set.Find("omar", typed); ok {
				t.Fatal("a code worked for another person")
			}
			h, ok := set.Find("mira", typed)
			if ok == used[code] {
				t.Fatalf("code %q: found %v, used before %v", code, ok, used[code])
			}
			before := len(set)
			var burned bool
			if set, burned = set.Burn(h); burned != ok || len(set) > before {
				t.Fatalf("burned %v, found %v", burned, ok)
			}
			used[code] = true
		}
	})
}

func TestBurnLeavesTheOldSetAlone(t *testing.T) {
	_, set := New("mira")
	kept := append(Set(nil), set...)
	if less, ok := set.Burn(set[0]); !ok || len(less) != Count-1 {
		t.Fatal("the first code was not burned")
	}
	for i := range kept {
		if set[i] != kept[i] {
			t.Fatal("burning changed the set it was asked of")
		}
	}
}

func FuzzFind(f *testing.F) {
	codes, set := New("mira")
	f.Add(codes[3])
	f.Add("")
	f.Fuzz(func(t *testing.T, typed string) {
		if h, ok := set.Find("mira", typed); ok != !h.IsZero() {
			t.Errorf("%q: %v %v", typed, h, ok)
		}
	})
}
