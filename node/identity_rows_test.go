package node

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/auth/identity/localtest"
	"github.com/aielon/edge/node/auth/lockout"
	"github.com/aielon/edge/node/gateway/problem"
	"github.com/aielon/edge/node/state"
)

// What identity keeps on this node alone is there after a restart.
func TestIdentityRows(t *testing.T) {
	o := state.Options{Dir: t.TempDir(), Name: "rows", Key: make([]byte, 32), Reserve: 1 << 20, MinFree: 1 << 20}
	var s *state.Store
	localtest.Run(t, func() identity.Local {
		if s != nil {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if s, err = state.Open(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		return identityRows{s}
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Whoever guesses too fast is told to wait, and not that the disk is full.
func TestGuessingIsThrottled(t *testing.T) {
	g, now := lockout.New(), time.Unix(1e9, 0)
	for range 10 {
		_, err := g.Enter(lockout.Caller{Account: "mira"}, now)
		if err == nil {
			continue
		}
		late, ok := errors.AsType[*problem.Throttled](throttled(err))
		if !ok || late.After != time.Second || problem.Status(late) != http.StatusTooManyRequests {
			t.Fatalf("told %v", throttled(err))
		}
		return
	}
	t.Error("ten guesses at once")
}
