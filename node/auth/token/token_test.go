package token

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
)

func TestSecrets(t *testing.T) {
	a, b := New(Session), New(Session)
	if a == b || !Is(Session, a) || Is(Service, a) || len(a) != 47 {
		t.Fatalf("secrets %q and %q are not good ones", a, b)
	}
	if h := HashOf(a); !h.Matches(a) || h.Matches(b) || h.IsZero() {
		t.Error("a hash must match its own secret and no other")
	}
	if IDOf(a) == IDOf(b) || strings.Contains(string(mustText(t, HashOf(a))), IDOf(a).String()) {
		t.Error("the public name must be of this secret alone, and no part of its hash")
	}
}

// One secret has one spelling: base 64 leaves two bits of the last character over, which must be zero.
func TestSecretHasOneSpelling(t *testing.T) {
	ok := 0
	s := New(Session)
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		if Is(Session, s[:len(s)-1]+string(c)) {
			ok++
		}
	}
	if ok != 16 {
		t.Errorf("%d last characters are taken, want 16 of 64", ok)
	}
}

func TestHashInJSON(t *testing.T) {
	h := HashOf("x")
	b, err := json.Marshal(h)
	var got Hash
	if err != nil || json.Unmarshal(b, &got) != nil || got != h {
		t.Fatalf("%s came back as %v", b, got)
	}
	if err := json.Unmarshal([]byte(`"abc"`), &got); err == nil {
		t.Error("a short hash was taken")
	}
}

func TestCodes(t *testing.T) {
	code := NewCode(OneTime())
	if len(code) != 23 || strings.Count(code, "-") != 3 {
		t.Fatalf("code %q", code)
	}
	for _, typed := range []string{
		code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), strings.ReplaceAll(code, "-", " "),
		" " + code + "\r\n", strings.ReplaceAll(code, "-", "–"), strings.ReplaceAll(strings.ReplaceAll(code, "0", "o"), "1", "l"),
	} {
		if got, err := ParseCode(OneTime(), typed); err != nil || got != code {
			t.Errorf("%q came to %q, %v", typed, got, err)
		}
	}
	for _, typed := range []string{"", "-", code[:22], code + "0", strings.Repeat(" ", 500), strings.Replace(code, code[:1], "U", 1), "７" + code[1:], "\x00" + code} {
		if _, err := ParseCode(OneTime(), typed); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%q was taken: %v", typed, err)
		}
	}
}

func TestCodeProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom([]Form{OneTime(), Recovery()}).Draw(t, "form")
		code := NewCode(f)
		if got, err := ParseCode(f, code); err != nil || got != code {
			t.Fatalf("%q came to %q, %v", code, got, err)
		}
	})
}

func FuzzParseCode(f *testing.F) {
	f.Add(NewCode(OneTime()))
	f.Add("o0il-IL 7")
	f.Fuzz(func(t *testing.T, typed string) {
		code, err := ParseCode(OneTime(), typed)
		if err != nil {
			return
		}
		if again, err := ParseCode(OneTime(), code); err != nil || again != code {
			t.Errorf("%q came to %q, which came to %q, %v", typed, code, again, err)
		}
	})
}

func FuzzIs(f *testing.F) {
	f.Add(New(Session))
	f.Fuzz(func(t *testing.T, s string) {
		if Is(Session, s) && len(s) != len(Session)+textLen {
			t.Errorf("%q was taken", s)
		}
	})
}

func mustText(t *testing.T, h Hash) []byte {
	t.Helper()
	b, err := h.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
