package device

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestCheck(t *testing.T) {
	v := NewVerifier()
	token, old := NewToken(), NewToken()
	pass := []byte("green lentils 7")
	key := []byte(strings.Repeat("k", 32))
	tok := &Credential{Token: TokenHash("bp-1", token)}
	rotated := &Credential{Token: TokenHash("bp-1", token), Old: TokenHash("bp-1", old), OldUntil: now.Add(time.Hour)}
	pwd := &Credential{Password: must(HashPassword(pass))}
	cert := &Credential{Key: key}
	for _, tt := range []struct {
		what string
		c    *Credential
		p    Proof
		at   time.Time
		ok   bool
	}{
		{"token", tok, Proof{ID: "bp-1", Secret: []byte(token)}, now, true},
		{"another token", tok, Proof{ID: "bp-1", Secret: []byte(old)}, now, false},
		{"another device's token", tok, Proof{ID: "bp-2", Secret: []byte(token)}, now, false},
		{"token in capitals", tok, Proof{ID: "bp-1", Secret: []byte(strings.ToUpper(token))}, now, false},
		{"no secret", tok, Proof{ID: "bp-1"}, now, false},
		{"empty secret, empty credential", &Credential{}, Proof{ID: "bp-1", Secret: []byte{}}, now, false},
		{"token, no such device", nil, Proof{ID: "bp-1", Secret: []byte(token)}, now, false},
		{"token, device has a password", pwd, Proof{ID: "bp-1", Secret: []byte(token)}, now, false},
		{"the kept hash itself", tok, Proof{ID: "bp-1", Secret: tok.Token}, now, false},
		{"old token in its grace", rotated, Proof{ID: "bp-1", Secret: []byte(old)}, now, true},
		{"old token after it", rotated, Proof{ID: "bp-1", Secret: []byte(old)}, now.Add(time.Hour), false},
		{"new token meanwhile", rotated, Proof{ID: "bp-1", Secret: []byte(token)}, now, true},
		{"password", pwd, Proof{ID: "bp-1", Secret: pass}, now, true},
		{"password, remembered", pwd, Proof{ID: "bp-1", Secret: pass}, now, true},
		{"wrong password after the right one", pwd, Proof{ID: "bp-1", Secret: []byte("green lentils 8")}, now, false},
		{"password, changed since", &Credential{Password: must(HashPassword([]byte("another one")))}, Proof{ID: "bp-1", Secret: pass}, now, false},
		{"password, no such device", nil, Proof{ID: "bp-1", Secret: pass}, now, false},
		{"password, device has a token", tok, Proof{ID: "bp-1", Secret: pass}, now, false},
		{"a megabyte", pwd, Proof{ID: "bp-1", Secret: make([]byte, 1<<20)}, now, false},
		{"certificate", cert, Proof{ID: "bp-1", Key: key}, now, true},
		{"another certificate", cert, Proof{ID: "bp-1", Key: []byte(strings.Repeat("x", 32))}, now, false},
		{"certificate, none allowed", tok, Proof{ID: "bp-1", Key: key}, now, false},
		{"empty key, none allowed", tok, Proof{ID: "bp-1", Key: []byte{}}, now, false},
		{"a wrong certificate beside a good token", tok, Proof{ID: "bp-1", Secret: []byte(token), Key: key}, now, false},
	} {
		err := v.Check(t.Context(), tt.c, tt.p, tt.at)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.what, err)
		}
		if err != nil && err.Error() != Refused().Error() {
			t.Errorf("%s: says %q, which tells it from others", tt.what, err)
		}
	}
}

// A wrong password costs one argon2id whether or not the device exists: measured as work, since time on a
// busy machine proves nothing. The slots are taken away, so whoever needs one waits and is noticed.
func TestUnknownDevicesCostAsMuchAsKnownOnes(t *testing.T) {
	v := NewVerifier()
	for range parallelHashes {
		v.slots <- struct{}{}
	}
	pwd := &Credential{Password: must(HashPassword([]byte("green lentils")))}
	tok := &Credential{Token: TokenHash("x", NewToken())}
	for what, c := range map[string]*Credential{"known": pwd, "unknown": nil, "with a token": tok} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := v.Check(ctx, c, Proof{ID: "x", Secret: []byte("wrong wrong")}, now); !edge.IsKind(err, edge.Unavailable) {
			t.Errorf("%s: answered without the work: %v", what, err)
		}
		if err := v.Check(ctx, c, Proof{ID: "x", Secret: []byte(NewToken())}, now); !edge.IsKind(err, edge.Denied) {
			t.Errorf("%s: a token waits for passwords: %v", what, err)
		}
	}
}

func TestStormOfPasswordsIsBounded(t *testing.T) {
	v := NewVerifier()
	for range parallelHashes {
		v.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var g sync.WaitGroup
	for range waitingHashes {
		g.Go(func() { v.Check(ctx, nil, Proof{ID: "x", Secret: []byte("password")}, now) })
	}
	for len(v.waiting) < waitingHashes {
		time.Sleep(time.Millisecond)
	}
	if err := v.Check(ctx, nil, Proof{ID: "x", Secret: []byte("password")}, now); !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("one too many was let in: %v", err)
	}
	cancel()
	g.Wait()
}

func TestMemoryIsBounded(t *testing.T) {
	v := NewVerifier()
	v.remember = 8
	for i := range 100 {
		v.keep(string(rune('a'+i)), memory{until: now.Add(time.Hour)}, now)
		if len(v.right) > 8 {
			t.Fatal("it grows")
		}
	}
	if v.remembered("a", [32]byte{}, now.Add(2*time.Hour)) {
		t.Error("it remembers for ever")
	}
}

func TestPasswordsRefused(t *testing.T) {
	for _, p := range []string{"", "short", strings.Repeat("x", 257), "bad \xff utf-8", NewToken()} {
		if _, err := HashPassword([]byte(p)); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%q: %v", p, err)
		}
	}
	good := must(HashPassword([]byte("12345678")))
	for _, s := range []string{"", "$", good + "x", strings.Replace(good, "m=9216", "m=9999999", 1), strings.Replace(good, "t=4", "t=0", 1), strings.Replace(good, "t=4", "t=04", 1),
		strings.Replace(good, "p=1", "p=255", 1), strings.Replace(good, "argon2id", "argon2i", 1), good[:len(good)-4], strings.Replace(good, "v=19", "v=18", 1)} {
		if err := CheckPasswordHash(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
	if err := CheckPasswordHash(good); err != nil {
		t.Error(err)
	}
}

func TestTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := NewToken(), NewToken()
		if a == b || !IsToken([]byte(a)) || len(a) != 37 {
			t.Fatal(a, b)
		}
		id := rapid.StringMatching(`[A-Za-z0-9._:-]{1,64}`).Draw(t, "id")
		if CheckID(id) != nil {
			t.Fatalf("%q", id)
		}
		v := NewVerifier()
		c := &Credential{Token: TokenHash(id, a)}
		if v.Check(t.Context(), c, Proof{ID: id, Secret: []byte(a)}, now) != nil || v.Check(t.Context(), c, Proof{ID: id, Secret: []byte(b)}, now) == nil {
			t.Fatal("a token does not do what it should")
		}
	})
	for _, id := range []string{"", "a/b", "+", "#", "a b", "é", "$SYS", "a\x00", strings.Repeat("a", 65)} {
		if CheckID(id) == nil {
			t.Errorf("%q may be an id", id)
		}
	}
}

func FuzzPasswordHash(f *testing.F) {
	f.Add(must(HashPassword([]byte("12345678"))))
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err == nil && (p.String() != s || p.memory > 64<<10 || p.passes > 10) {
			t.Fatalf("%q was read as %+v", s, p)
		}
		if err != nil && !edge.IsKind(err, edge.Invalid) {
			t.Fatal(errors.Unwrap(err))
		}
	})
}

func BenchmarkToken(b *testing.B) {
	v, token := NewVerifier(), NewToken()
	c, p := &Credential{Token: TokenHash("bp-1", token)}, Proof{ID: "bp-1", Secret: []byte(token)}
	for b.Loop() {
		v.Check(b.Context(), c, p, now)
	}
}

func BenchmarkPassword(b *testing.B) {
	v := NewVerifier()
	c, p := &Credential{Password: must(HashPassword([]byte("12345678")))}, Proof{ID: "bp-1", Secret: []byte("wrong wrong")}
	for b.Loop() {
		v.Check(b.Context(), c, p, now)
	}
}
