package nodetest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// in is what a sign-in answers.
type in struct {
	Session string
	Offline bool
	Person  struct{ ID string }
}

// signIn tries once.
func (s *siteNode) signIn(ctx context.Context, login, password string) (out in, err error) {
	status, body, err := door{s, ""}.rest(ctx, "POST", "/v1/sign-in", map[string]any{"login": login, "password": password})
	if err == nil && status != 200 {
		err = fmt.Errorf("%d %s", status, body)
	}
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal([]byte(body), &out)
}

// asks makes one request with a session and returns the status.
func (s *siteNode) asks(t *testing.T, session, path string) int {
	t.Helper()
	status, _, err := door{s, session}.rest(t.Context(), "GET", path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// TestSignInAtTheLastNode: of three nodes two are dead, so nothing can be decided, and the one that is left starts
// anew. People who are known sign in there, with what they know and under what they may; the session is one of this
// node until the site is back, and can be ended before and after. Whoever guesses locks nobody out for good, and
// the box's own user not at all.
func TestSignInAtTheLastNode(t *testing.T) {
	t.Parallel() // it mostly waits
	all := []*siteNode{newSiteNode(t), newSiteNode(t), newSiteNode(t)}
	all[0].start(t)
	eventually(t, "ready", func(ctx context.Context) error { return all[0].n.WaitReady(ctx) })
	owner := all[0].owner(t)
	door{all[0], owner.Session}.invite(t, "omar", "member")
	for _, s := range all[1:] {
		s.joinTo(t, all[0])
	}
	for _, s := range all {
		s.voters(t, 3)
	}
	last := all[2]
	eventually(t, "the last node knows the people", func(ctx context.Context) error {
		_, err := last.signIn(ctx, "omar", "seven quiet lanterns")
		return err
	})
	for _, s := range all { // power cut at the clinic: one box comes back
		s.stop()
	}
	last.start(t)
	var mira in
	eventually(t, "signing in alone", func(ctx context.Context) (err error) {
		mira, err = last.signIn(ctx, "mira", "purple camel teacup")
		return err
	})
	if !mira.Offline || mira.Person.ID != owner.Person.ID || last.asks(t, mira.Session, "/v1/people") != 200 || last.asks(t, owner.Session, "/v1/me") != 200 {
		t.Fatalf("signed in alone: %+v", mira)
	}
	if _, err := last.signIn(t.Context(), "mira", "wrong"); err == nil || !strings.Contains(err.Error(), "403") && !strings.Contains(err.Error(), "401") {
		t.Errorf("a wrong password alone: %v", err)
	}
	asked := time.Now()
	status, body, err := door{last, mira.Session}.rest(t.Context(), "POST", "/v1/invitations", map[string]any{"roles": []string{"member"}})
	if err != nil || status != 503 || !strings.Contains(body, "most of the site's nodes must be on") || time.Since(asked) > 10*time.Second {
		t.Errorf("a change without the site, after %v: %d %s %v", time.Since(asked), status, body, err)
	}
	omar, err := last.signIn(t.Context(), "omar", "seven quiet lanterns")
	if err != nil || last.asks(t, omar.Session, "/v1/me") != 200 || last.asks(t, omar.Session, "/v1/people") == 200 {
		t.Errorf("omar is a member alone too: %v", err)
	}
	var out struct{}
	door{last, omar.Session}.do(t, "POST", "/v1/sign-out", map[string]any{}, &out)
	last.ended(t, omar.Session)
	last.guess(t, "mira")
	all[0].start(t)
	eventually(t, "the site knows the session when it is back", func(ctx context.Context) error {
		status, body, err := (door{all[0], mira.Session}).rest(ctx, "GET", "/v1/me", nil)
		if err != nil || status != 200 {
			return fmt.Errorf("%d %s %v", status, body, err)
		}
		return nil
	})
	door{all[0], mira.Session}.do(t, "POST", "/v1/sign-out", map[string]any{}, &out)
	last.ended(t, mira.Session)
}

// ended waits until a session opens nothing any more.
func (s *siteNode) ended(t *testing.T, session string) {
	t.Helper()
	eventually(t, "the session is over", func(context.Context) error {
		if got := s.asks(t, session, "/v1/me"); got != 401 {
			return fmt.Errorf("it answers %d", got)
		}
		return nil
	})
}

// guess tries passwords until strangers have to wait, and makes sure that those before the box need not.
func (s *siteNode) guess(t *testing.T, login string) {
	t.Helper()
	waits := false
	for range 40 {
		if _, err := s.signIn(t.Context(), login, "guessed"); err != nil && strings.Contains(err.Error(), "429") {
			waits = true
			break
		}
	}
	if !waits {
		t.Error("guessing is not slowed down")
	}
	var me struct{ Roles []string }
	if err := s.Call(t.Context(), "GET", "/api/v1/people", nil, &me); err != nil && !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("the box's own user: %v", err)
	}
}
