package pki

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
)

func drawCode(t *rapid.T) (c Code) {
	b := rapid.SliceOfN(rapid.Byte(), 53, 53).Draw(t, "code")
	copy(c.CA[:], b)
	copy(c.ID[:], b[32:])
	copy(c.Secret[:], b[37:])
	return c
}

func TestCodesRoundTripHoweverTyped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCode(t)
		s := c.String()
		if len(s) != 98 {
			t.Fatalf("%q has %d characters", s, len(s))
		}
		for _, typed := range []string{s, strings.ToUpper(s), " " + s[:20] + "\n" + s[20:], strings.ReplaceAll(s, "0", "O"), strings.ReplaceAll(s, "1", "l")} {
			if got, err := ParseCode(typed); err != nil || got != c {
				t.Fatalf("%q was read as %v, %v", typed, got, err)
			}
		}
		if id, err := CodeID(c.Key()); err != nil || id != c.ID {
			t.Fatal(id, err)
		}
	})
}

// One wrong character, and two exchanged within a part, are noticed always, not just mostly.
func TestTypingMistakesAreNoticed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := []byte(drawCode(t).String())
		i := rapid.IntRange(4, len(s)-1).Draw(t, "at")
		if s[i] == '.' {
			return
		}
		if rapid.Bool().Draw(t, "swap") {
			j := rapid.IntRange(4, len(s)-1).Draw(t, "with")
			lo, hi := min(i, j), max(i, j)
			if s[i] == s[j] || strings.ContainsRune(string(s[lo:hi+1]), '.') {
				return
			}
			end := strings.IndexByte(string(s[hi:])+".", '.') + hi
			if end-hi <= 2 && end-lo > 2 { // a body character against a check character: once in a thousand
				return
			}
			s[i], s[j] = s[j], s[i]
		} else {
			c := codeAlphabet[rapid.IntRange(0, 31).Draw(t, "char")]
			if c == s[i] {
				return
			}
			s[i] = c
		}
		if c, err := ParseCode(string(s)); err == nil {
			t.Fatalf("a mistake in %q went unnoticed: %v", s, c)
		}
	})
}

func TestCodesRefusedSayWhere(t *testing.T) {
	c, _, err := NewCode(edge.NodeID{1}, JoinNode, "", "amina", testStart, 0)
	check(t, err)
	p := strings.Split(c.String(), ".")
	for s, words := range map[string]string{
		"":                       "not a join code",
		"AE2." + p[1]:            "not a join code",
		strings.Join(p[:3], "."): "not a join code",
		strings.Repeat("a", 500): "not a join code",
		strings.Join([]string{p[0], p[1][1:], p[2], p[3]}, "."):       "long first part",
		strings.Join([]string{p[0], p[1], p[2] + "0", p[3]}, "."):     "short middle part",
		strings.Join([]string{p[0], p[1], p[2], "!" + p[3][1:]}, "."): "last part",
	} {
		if _, err := ParseCode(s); !edge.IsKind(err, edge.Invalid) || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, want %q", s, err, words)
		}
	}
}

func TestCodesAreSpentOnce(t *testing.T) {
	code, fresh, err := NewCode(edge.NodeID{1}, JoinNode, "", "amina", testStart, 0)
	check(t, err)
	wrong := code
	wrong.Secret[0] ^= 1
	alice, bob := edge.NodeID{'a'}, edge.NodeID{'b'}
	soon := testStart.Add(time.Minute)
	spent, err := fresh.Try(code.Hash(), alice, soon)
	check(t, err)
	tired := fresh
	for range MaxTries {
		tired, err = tired.Try(wrong.Hash(), bob, soon)
		refused(t, err, edge.Denied)
	}
	for _, tt := range []struct {
		what string
		rec  CodeRecord
		hash [32]byte
		who  edge.NodeID
		at   time.Time
		ok   bool
	}{
		{"fresh", fresh, code.Hash(), bob, soon, true},
		{"at the last moment", fresh, code.Hash(), bob, testStart.Add(CodeLife - 1), true},
		{"expired", fresh, code.Hash(), bob, testStart.Add(CodeLife), false},
		{"wrong secret", fresh, wrong.Hash(), bob, soon, false},
		{"second use by another", spent, code.Hash(), bob, soon, false},
		{"again by the same, whose answer was lost", spent, code.Hash(), alice, soon, true},
		{"again by the same, too late", spent, code.Hash(), alice, testStart.Add(CodeLife), false},
		{"tried too often", tired, code.Hash(), bob, soon, false},
	} {
		got, err := tt.rec.Try(tt.hash, tt.who, tt.at)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.what, err)
		}
		if err == nil && (got.UsedBy != tt.who || got.Used.IsZero()) {
			t.Errorf("%s: not burned: %+v", tt.what, got)
		}
	}
	for _, life := range []time.Duration{-1, MaxCodeLife + 1} {
		if _, _, err := NewCode(edge.NodeID{1}, JoinNode, "", "", testStart, life); err == nil {
			t.Errorf("a code may live %v", life)
		}
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add(Code{}.String())
	f.Add("AE1...")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCode(s)
		if err != nil {
			return
		}
		if again, err := ParseCode(c.String()); err != nil || again != c {
			t.Fatalf("%q became %v, then %v, %v", s, c, again, err)
		}
	})
}
