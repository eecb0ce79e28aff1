package totp

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"pgregory.net/rapid"
)

// The vectors of RFC 6238 appendix B, cut to six digits.
func TestVectors(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		got, err := Code(secret, time.Unix(at, 0))
		if err != nil || got != want {
			t.Errorf("at %d: %s, %v, want %s", at, got, err, want)
		}
		if step, ok := Check(secret, want, 0, time.Unix(at, 0)); !ok || step != at/30 {
			t.Errorf("at %d the code is not taken", at)
		}
	}
}

func TestWindow(t *testing.T) {
	secret, now := NewSecret(), time.Unix(1_800_000_000, 0)
	for off, want := range map[time.Duration]bool{0: true, 30 * time.Second: true, -30 * time.Second: true, 60 * time.Second: false, -60 * time.Second: false} {
		code, _ := Code(secret, now.Add(off))
		if _, ok := Check(secret, code, 0, now); ok != want {
			t.Errorf("a clock that is off by %v: taken %v", off, ok)
		}
	}
}

// A code is spent once it was used, however it is spelled the second time (CVE-2025-6014 was a space).
func TestSpentHoweverSpelled(t *testing.T) {
	secret, now := NewSecret(), time.Unix(1_800_000_000, 0)
	code, _ := Code(secret, now)
	last, ok := Check(secret, code, 0, now)
	if !ok {
		t.Fatal("a fresh code was refused")
	}
	for _, typed := range []string{code, " " + code, code + " ", code[:3] + " " + code[3:], code[:3] + "-" + code[3:], arabic(code, '٠'), arabic(code, '۰'), code + "\n"} {
		if _, ok := Check(secret, typed, last, now.Add(20*time.Second)); ok {
			t.Errorf("%q was taken a second time", typed)
		}
		if _, ok := Check(secret, typed, 0, now); !ok {
			t.Errorf("%q is not understood", typed)
		}
	}
	if before, _ := Code(secret, now.Add(-30*time.Second)); before != code {
		if _, ok := Check(secret, before, last, now); ok {
			t.Error("an older code was taken after a newer one")
		}
	}
}

// Whatever is typed in whatever order: no step is ever accepted twice.
func TestNeverTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret, now, last := NewSecret(), time.Unix(1_800_000_000, 0), int64(0)
		for range rapid.IntRange(1, 30).Draw(t, "tries") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "wait")) * time.Second)
			code, _ := Code(secret, now.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "off"))*30*time.Second))
			step, ok := Check(secret, code, last, now)
			if ok && step <= last {
				t.Fatalf("step %d was taken after %d", step, last)
			}
			last = max(last, step)
		}
	})
}

func TestURI(t *testing.T) {
	secret := NewSecret()
	k, err := otp.NewKeyFromURL(URI(secret, "Klinik: Harapan", "mira@a&b=c"))
	if err != nil || k.Secret() != Text(secret) || k.Issuer() != "Klinik  Harapan" || k.AccountName() != "mira@a&b=c" || k.Type() != "totp" {
		t.Errorf("an app reads %v, %v", k, err)
	}
	if u, err := url.Parse(URI(secret, strings.Repeat("é", 500), "")); err != nil || len(u.Path) > 200 {
		t.Errorf("a long name is not cut: %v", u)
	}
}

func TestNoSecretNoCode(t *testing.T) {
	code, _ := Code(nil, time.Unix(1_800_000_000, 0))
	if _, ok := Check(nil, code, 0, time.Unix(1_800_000_000, 0)); ok {
		t.Error("a code of no secret was taken")
	}
}

func FuzzCheck(f *testing.F) {
	secret, now := NewSecret(), time.Unix(1_800_000_000, 0)
	f.Add("123456")
	f.Add("١٢٣٤٥٦")
	f.Fuzz(func(t *testing.T, typed string) {
		if code, err := parse(typed); err == nil && len(code) != digits {
			t.Errorf("%q came to %q", typed, code)
		}
		Check(secret, typed, 0, now)
	})
}

func arabic(code string, zero rune) string {
	return strings.Map(func(r rune) rune { return zero + r - '0' }, code)
}
