package password

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/argon2"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
)

func TestHashAndVerify(t *testing.T) {
	h, ctx := NewHasher(Standard()), t.Context()
	kept, err := h.Hash(ctx, "purple camel teacup")
	if err != nil || !strings.HasPrefix(kept, "$argon2id$v=19$m=19456,t=2,p=1$") || Check(kept) != nil {
		t.Fatalf("kept %q, %v", kept, err)
	}
	for password, want := range map[string]bool{"purple camel teacup": true, "purple camel teacuP": false, "": false, "purple camel teacup ": false, "purple camel teacup" + strings.Repeat("x", 500): false} {
		if right, stale, err := h.Verify(ctx, kept, password); right != want || stale || err != nil {
			t.Errorf("%.30q: right %v, stale %v, %v", password, right, stale, err)
		}
	}
}

// Keyboards spell one letter in two ways: é as one character, or as e with an accent after it.
func TestOneSpelling(t *testing.T) {
	h := NewHasher(Standard())
	kept, _ := h.Hash(t.Context(), "caf\u00e9 au lait noir")
	if right, _, _ := h.Verify(t.Context(), kept, "cafe\u0301 au lait noir"); !right {
		t.Error("the same password typed on another keyboard is refused")
	}
}

// Somebody who is not known costs what anybody costs: one hash, and never gets in.
func TestUnknownCostsTheSame(t *testing.T) {
	h := NewHasher(Standard())
	for _, kept := range []string{"", "$argon2id$broken", "$2a$10$abc"} {
		before := h.Runs()
		if right, _, err := h.Verify(t.Context(), kept, "purple camel teacup"); right || err != nil || h.Runs() != before+1 {
			t.Errorf("%q: right %v, %v, %d hashes", kept, right, err, h.Runs()-before)
		}
	}
}

func TestOldCostIsStale(t *testing.T) {
	old := phc{Cost: Cost{8 << 10, 1, 1}, salt: make([]byte, saltLen)}
	old.key = argon2.IDKey([]byte("purple camel teacup"), old.salt, 1, 8<<10, 1, keyLen)
	h := NewHasher(Standard())
	if right, stale, _ := h.Verify(t.Context(), old.String(), "purple camel teacup"); !right || !stale {
		t.Errorf("right %v, stale %v", right, stale)
	}
	if right, stale, _ := h.Verify(t.Context(), old.String(), "purple camel saucer"); right || stale {
		t.Error("a wrong password must not be hashed again")
	}
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(Standard(), 1, 2)
		release := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { h.run(t.Context(), func() { <-release }) })
		synctest.Wait()
		var second error
		wg.Go(func() { second = h.run(t.Context(), func() {}) })
		synctest.Wait()
		if err := h.run(t.Context(), func() { t.Error("it ran") }); !edge.IsKind(err, edge.Exhausted) {
			t.Errorf("the third of two was not told: %v", err)
		}
		time.Sleep(patience + time.Second)
		synctest.Wait()
		if !edge.IsKind(second, edge.Exhausted) {
			t.Errorf("whoever waits too long is told %v", second)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := h.run(ctx, func() {}); !edge.IsKind(err, edge.Unavailable) {
			t.Errorf("whoever gave up is told %v", err)
		}
		close(release)
		wg.Wait()
		if err := h.run(t.Context(), func() {}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

func TestRules(t *testing.T) {
	r := Rules{Mine: []string{"mira.hassan", "Klinik Harapan", "ab"}}
	for _, good := range []string{"purple camel teacup", "Zq9-rain-moss", "كتاب على الطاولة", "سمك وقهوة ومطر", "correct mule battery", "123 sardines dance", "abandon ship pronto", "ممكن نلتقي بكرة"} {
		if err := r.Judge(good); err != nil {
			t.Errorf("%q is refused: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "short", "elevenchars", "password1234", "P@ssw0rd1234", "Password!!!!", "passwordpassword", "123456789012", "qwertyuiop12", "abcdefghijkl", "zyxwvutsrqpo",
		"aaaaaaaaaaaaaaa", "abababababab", "1q2w3e4r5t6y", "qwertyasdfgh", "letmeinletmein", "Bismillah2024!", "alhamdulillah", "assalamualaikum", "Administrator1", "admin@12345678",
		"mira.hassan1", "miraHassan2026", "klinikharapan", "Klinik Harapan 1", "I love you 2!", "111111111111", "!!!!!!!!!!!!", "            ", "１２３４５６７８９０１２", "iloveyouiloveyou", "abcdef123456",
		"with\x00a zero byte", "bad utf \xff\xfe here", strings.Repeat("long ", 60),
	} {
		if err := r.Judge(bad); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%q is taken", bad)
		}
	}
	if err := (Rules{Min: MinSecond}).Judge("moss-rain"); err != nil {
		t.Errorf("nine characters beside a second proof: %v", err)
	}
}

// No script is cut short: 64 characters of any of them fit.
func TestSixtyFourOfAnyScript(t *testing.T) {
	for _, c := range []string{"x", "ق", "漢", "😀"} {
		s := "q7 zw" + strings.Repeat(c, 20) + "mm" + strings.Repeat(c, 37)
		if err := (Rules{}).Judge(s); err != nil {
			t.Errorf("64 of %s: %v", c, err)
		}
	}
}

func TestOnce(t *testing.T) {
	for in, want := range map[string]string{"abcabcab": "abc", "aaaa": "a", "abcd": "abcd", "": "", "aba": "aba", "abaab": "abaab"} {
		if got := once(in); got != want {
			t.Errorf("%q came from %q, want %q", in, got, want)
		}
	}
}

func TestPHCProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := phc{Cost: Cost{uint32(rapid.IntRange(8, 64<<10).Draw(t, "m")), uint32(rapid.IntRange(1, 10).Draw(t, "t")), uint8(rapid.IntRange(1, 4).Draw(t, "p"))},
			salt: rapid.SliceOfN(rapid.Byte(), saltLen, saltLen).Draw(t, "salt"), key: rapid.SliceOfN(rapid.Byte(), keyLen, keyLen).Draw(t, "key")}
		if got, err := parsePHC(p.String()); err != nil || got.String() != p.String() {
			t.Fatalf("%s came back as %s, %v", p.String(), got.String(), err)
		}
	})
}

func FuzzPHC(f *testing.F) {
	p := fresh(Standard())
	p.key = make([]byte, keyLen)
	f.Add(p.String())
	f.Add("$argon2id$v=19$m=4294967295,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err == nil && (p.Memory > 64<<10 || p.Passes > 10 || p.String() != s) {
			t.Errorf("%q was taken", s)
		}
	})
}

func FuzzJudge(f *testing.F) {
	f.Add("purple camel teacup", "mira")
	f.Add("\xff\x00", "")
	f.Fuzz(func(t *testing.T, s, mine string) {
		if err := (Rules{Mine: []string{mine}}).Judge(s); err != nil && !edge.IsKind(err, edge.Invalid) {
			t.Error(err)
		}
	})
}
