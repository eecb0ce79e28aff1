package auth

import (
	"context"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

type counted struct {
	asked   int
	refused bool
	until   time.Time
}

func (c *counted) Authenticate(_ context.Context, k Credentials) (Caller, error) {
	c.asked++
	if c.refused {
		return Caller{}, edge.E(edge.Denied, "no")
	}
	return Caller{Actor: edge.Actor{Kind: edge.Person, ID: k.Bearer + k.Cookie}, Until: c.until}, nil
}

func TestRecent(t *testing.T) {
	now, index := time.Unix(1e9, 0), uint64(1)
	c := &counted{until: now.Add(time.Hour)}
	r := &Recent{Next: c, Index: func() uint64 { return index }, Now: func() time.Time { return now }}
	ask := func(k Credentials, want string, asked int) {
		t.Helper()
		got, err := r.Authenticate(t.Context(), k)
		if (err != nil) != (want == "") || got.ID != want || c.asked != asked {
			t.Fatalf("%q, %v after %d look-ups; want %q after %d", got.ID, err, c.asked, want, asked)
		}
	}
	ask(Credentials{Bearer: "ae_a"}, "ae_a", 1)
	ask(Credentials{Bearer: "ae_a"}, "ae_a", 1)
	ask(Credentials{Cookie: "ae_b"}, "ae_b", 2)
	ask(Credentials{Bearer: "ae_a"}, "ae_a", 2)
	index++ // the site decided something: it may be about this caller
	ask(Credentials{Bearer: "ae_a"}, "ae_a", 3)
	now = now.Add(recentFor)
	ask(Credentials{Bearer: "ae_a"}, "ae_a", 4)
	c.refused, index = true, index+1
	ask(Credentials{Bearer: "ae_a"}, "", 5)
	ask(Credentials{Bearer: "ae_a"}, "", 6) // refusals are not remembered
	c.refused, c.until = false, now.Add(time.Millisecond)
	ask(Credentials{Bearer: "ae_a"}, "ae_a", 7)
	now = now.Add(time.Millisecond)
	ask(Credentials{Bearer: "ae_a"}, "ae_a", 8) // it had ended
	ask(Credentials{Bearer: "ey.jwt"}, "ey.jwt", 9)
	ask(Credentials{Bearer: "ey.jwt"}, "ey.jwt", 10)
	if _, err := r.Authenticate(t.Context(), Credentials{}); err != nil || c.asked != 11 {
		t.Fatal("nobody is remembered as somebody")
	}
}

func TestRecentIsBounded(t *testing.T) {
	r := &Recent{Next: &counted{until: time.Now().Add(time.Hour)}, Index: func() uint64 { return 1 }}
	for i := range 3 * recentMost {
		r.Authenticate(t.Context(), Credentials{Bearer: opaque + string(rune(i+1000))})
	}
	if len(r.by) > recentMost {
		t.Fatalf("%d callers are remembered", len(r.by))
	}
}
