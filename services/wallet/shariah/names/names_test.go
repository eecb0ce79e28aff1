package names_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/shariah/names"
)

// Values that Winkler published, as quoted by many libraries.
func TestLikeness(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want float64
	}{
		{"MARTHA", "MARHTA", 0.9611}, {"DIXON", "DICKSONX", 0.8133}, {"DWAYNE", "DUANE", 0.84}, {"ABCVWXYZ", "CABVWXYZ", 0.9583},
		{"same", "same", 1}, {"", "", 1}, {"", "words", 0}, {"abc", "xyz", 0}, {"a", "a", 1}, {"محمد", "محمد", 1},
	} {
		if got := names.Likeness(tc.a, tc.b); math.Abs(got-tc.want) > 0.00005 {
			t.Errorf("%s and %s: %.4f, want %.4f", tc.a, tc.b, got, tc.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[ab ]{0,70}|[a-f]{0,9}`)
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		x, y := names.Likeness(a, b), names.Likeness(b, a)
		if math.IsNaN(x) || x < 0 || x > 1 || a == b && x != 1 {
			t.Fatalf("%q and %q: %v, and %v the other way round", a, b, x, y)
		}
	})
}

func TestNormalise(t *testing.T) {
	for in, want := range map[string]string{
		"  Ibn  Sina ": "ibn sina", "SINA ibn": "ibn sina", "Çelik": "celik", "Sa'id": "said", "ﷴ": "محمد", "مُحَمَّد": "محمد", "محـــمد": "محمد",
		"أحمد": "احمد", "إيمان": "ايمان", "آمنة": "امنه", "فاطمة": "فاطمه", "مصطفى": "مصطفي", "مؤمن": "مومن", "علی": "علي", "کریم": "كريم", "Straße": "strasse",
		"a-b": "a b", "": "", "...": "", "ＡＢ": "ab",
	} {
		if got := names.Normalise(in); got != want {
			t.Errorf("%q: %q (%+q), want %q (%+q)", in, got, got, want, want)
		}
	}
}

func TestBothScriptsMeet(t *testing.T) {
	for _, group := range [][]string{
		{"محمد", "Muhammad", "Mohamed", "Mohammed", "MUHAMMAD"}, {"أحمد", "Ahmad", "Ahmed"}, {"يوسف", "Yusuf", "Youssef", "Yousuf"}, {"عثمان", "Uthman", "Osman", "Usman"},
		{"فاطمة", "Fatima", "Fatimah"}, {"خالد", "Khalid", "Khaled"}, {"عبد الرحمن", "Abdul Rahman", "عبدالرحمن", "Abdulrahman", "Abdel Rahman", "Abd al-Rahman"},
		{"عبد الله", "Abdullah", "عبدالله"}, {"شريف", "Sharif", "Syarif", "Cherif"}, {"الحسن", "al-Hasan", "Hassan"}, {"وليد", "Walid", "Waleed"}, {"عائشة", "Aisha", "Aisyah"},
	} {
		for _, name := range group {
			if got, want := names.Key(name), names.Key(group[0]); got != want {
				t.Errorf("%s is %q, %s is %q", name, got, group[0], want)
			}
		}
	}
}

const few = "\xef\xbb\xbf# id, name, aliases\nA-1,محمد عبد الرحمن,\"Mohamed, Abdurrahman\"\nA-2, Walid Sharif ,\nA-3,Martha Dixon,Marta Dickson,MD\nA-4,Ali\n"

func TestMatch(t *testing.T) {
	l, err := names.Read([]byte(few))
	if err != nil || l.Len() != 4 {
		t.Fatal(l.Len(), err)
	}
	for name, want := range map[string]string{
		"Muhammad Abdul Rahman": "A-1", "Abdulrahman MOHAMED": "A-1", "محمّد عبدالرحمن": "A-1", "Sharif, Walid": "A-2", "وليد شريف": "A-2", "Waleed Cherif": "A-2",
		"Dixon Marhta": "A-3", "marta dickson": "A-3", "علي": "A-4", "Ali": "A-4",
		"Laila": "", "Ella": "", "Someone Else": "", "": "", "!": "",
	} {
		hits := l.Match(name, 0.92)
		if got := first(hits); got != want {
			t.Errorf("%s: %v, want %q", name, hits, want)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", l, *l, l); strings.Contains(text, "Dixon") || strings.Contains(text, "A-1") {
		t.Errorf("a list tells of itself: %s", text)
	}
}

func first(hits []names.Hit) string {
	if len(hits) == 0 {
		return ""
	}
	return hits[0].Entry
}

func TestReadRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ data, says string }{
		"an id twice": {"a,One\nb,Two\na,Three\n", "line 3"}, "no id": {",One\n", "line 1"}, "no name": {"a\n", "line 1"}, "an empty name": {"a,\n", "line 1"},
		"a name of dots": {"a,One\nb,...\n", "line 2"}, "a quote": {"a,One\nb,\"Two\n", "quotes"}, "only a quote": {"\"", "quotes"}, "a long id": {strings.Repeat("x", 65) + ",One\n", "id"},
		"many aliases": {"a" + strings.Repeat(",x", 52), "aliases"}, "no UTF-8": {"a\xff,One\n", "id"}, "control": {"a\x01,One\n", "id"},
		"many names": {manyNames(names.MaxNames + 1), "50000"},
	} {
		_, err := names.Read([]byte(tc.data))
		if !edge.IsKind(err, edge.Invalid) || edge.CodeOf(err) != "list_invalid" || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "Two") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d,N%d\n", i, i)
	}
	return b.String()
}

// Nothing that is alike is lost by ruling names out early.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-e]{1,8}( [a-e]{1,8})?`)
		entries := rapid.SliceOfN(word, 1, 20).Draw(t, "list")
		look, p := word.Draw(t, "name"), rapid.Float64Range(0.5, 1).Draw(t, "p")
		var b strings.Builder
		want := map[string]float64{}
		for i, e := range entries {
			fmt.Fprintf(&b, "%d,%s\n", i, e)
			if like := names.Likeness(names.Normalise(e), names.Normalise(look)); like >= p {
				want[fmt.Sprint(i)] = like
			}
		}
		l, err := names.Read([]byte(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, h := range l.Match(look, p) {
			got[h.Entry] = h.Likeness
		}
		for entry, like := range want {
			if got[entry] < like {
				t.Fatalf("%q against %q: entry %s is alike by %v and was found with %v", look, entries, entry, like, got[entry])
			}
		}
	})
}

// crowd is a list of n names of two to four words out of common ones.
func crowd(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("muhammad ahmad abdullah hassan husain ali umar usman yusuf ibrahim khalid walid sharif karim rahman rahim salim nasir fatima aisha maryam zainab khadija محمد احمد حسن علي عمر يوسف ابراهيم خالد سالم")
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d,", i)
		for range 2 + r.IntN(3) {
			w := words[r.IntN(len(words))]
			if w[0] < 0x80 {
				at := r.IntN(len(w))
				w = w[:at] + string(rune('a'+r.IntN(26))) + w[at:]
			}
			b.WriteString(w + " ")
		}
		b.WriteString("\n")
	}
	return []byte(b.String())
}

func BenchmarkMatch50000(b *testing.B) {
	l, err := names.Read(crowd(names.MaxNames))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l.Match("Muhammad Abdullah Hassan", 0.92)
	}
}

func FuzzNormalise(f *testing.F) {
	for _, s := range []string{"محمّد بن عبد الله", "Sa'id al-Hasan", "ﷺ", "İstanbul", "\xff", "عبدال"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, k := names.Normalise(s), names.Key(s)
		if utf8.ValidString(s) && len(s) < 60 && (!utf8.ValidString(n) || names.Normalise(n) != n) {
			t.Errorf("%q is %q, which is %q", s, n, names.Normalise(n))
		}
		if like := names.Likeness(n, k); math.IsNaN(like) || like < 0 || like > 1 {
			t.Errorf("%q and %q: %v", n, k, like)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(few))
	f.Add([]byte("a,\"b\nc\",d\r\n#x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := names.Read(data)
		if err != nil {
			if !edge.IsKind(err, edge.Invalid) {
				t.Fatal(err)
			}
			return
		}
		for _, h := range l.Match("Muhammad", 0.8) {
			if h.Likeness < 0.8 || h.Likeness > 1 || h.Entry == "" {
				t.Errorf("%v", h)
			}
		}
	})
}
