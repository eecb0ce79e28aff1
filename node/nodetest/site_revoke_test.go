package nodetest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// TestSessionsEndOnANodeAlone: a node that reaches nobody ends a session of somebody else that the whole site knows: at
// once, over a restart, and honestly. When the site is back it is ended everywhere. Who may not, may not here either.
func TestSessionsEndOnANodeAlone(t *testing.T) {
	t.Parallel() // it mostly waits
	all := []*siteNode{newSiteNode(t), newSiteNode(t), newSiteNode(t)}
	all[0].start(t)
	eventually(t, "ready", func(ctx context.Context) error { return all[0].n.WaitReady(ctx) })
	owner := all[0].owner(t)
	omar := door{all[0], owner.Session}.invite(t, "omar", "member")
	zaid := door{all[0], owner.Session}.invite(t, "zaid", "member")
	for _, s := range all[1:] {
		s.joinTo(t, all[0])
	}
	for _, s := range all {
		s.voters(t, 3)
		for _, session := range []string{omar.Session, zaid.Session} {
			eventually(t, "the session is known", func(context.Context) error { return s.answers(t, session, 200) })
		}
	}
	alone := all[2]
	all[0].stop()
	all[1].stop()
	ids := door{alone, owner.Session}.sessions(t)
	if status, body, err := (door{alone, zaid.Session}).rest(t.Context(), "DELETE", "/v1/sessions/"+ids[omar.Person.ID], nil); err != nil || status != 403 && status != 404 {
		t.Errorf("a member ends another's session: %d %s %v", status, body, err)
	}
	if err := alone.answers(t, omar.Session, 200); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if out := (door{alone, owner.Session}).revoke(t, ids[omar.Person.ID]); !out.Offline || time.Since(began) > 10*time.Second {
		t.Errorf("%+v after %v", out, time.Since(began))
	}
	if err := alone.answers(t, omar.Session, 401); err != nil { // at once, and so within a second
		t.Error(err)
	}
	alone.stop()
	alone.start(t)
	eventually(t, "the node is back", func(context.Context) error { return alone.answers(t, owner.Session, 200) })
	if err := alone.answers(t, omar.Session, 401); err != nil {
		t.Errorf("a restart brought it back: %v", err)
	}
	all[0].start(t)
	all[1].start(t)
	for i, s := range all {
		eventually(t, fmt.Sprintf("it is over at node %d", i), func(context.Context) error { return s.answers(t, omar.Session, 401) })
		if err := s.answers(t, zaid.Session, 200); err != nil {
			t.Errorf("node %d: the other session: %v", i, err)
		}
	}
	eventually(t, "with the site together nothing is said of one node", func(ctx context.Context) error {
		if out := (door{alone, owner.Session}).revoke(t, ids[zaid.Person.ID]); out.Offline {
			return fmt.Errorf("%+v", out)
		}
		return nil
	})
	for i, s := range all {
		eventually(t, fmt.Sprintf("the other is over at node %d", i), func(context.Context) error { return s.answers(t, zaid.Session, 401) })
	}
}

// answers makes sure of the status a session is answered with.
func (s *siteNode) answers(t *testing.T, session string, want int) error {
	t.Helper()
	if got := s.asks(t, session, "/v1/me"); got != want {
		return fmt.Errorf("it answers %d, want %d", got, want)
	}
	return nil
}

// sessions are the ids of all sessions, by person.
func (d door) sessions(t *testing.T) map[string]string {
	t.Helper()
	var list struct {
		Sessions []struct {
			ID     string
			Person string
		}
	}
	d.do(t, "GET", "/v1/sessions", nil, &list)
	out := map[string]string{}
	for _, s := range list.Sessions {
		out[s.Person] = s.ID
	}
	return out
}

func (d door) revoke(t *testing.T, id string) (out struct{ Offline bool }) {
	t.Helper()
	status, body, err := d.rest(t.Context(), "DELETE", "/v1/sessions/"+id, nil)
	if err != nil || status != 200 {
		t.Fatalf("%d %s %v", status, body, err)
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatal(err)
	}
	return out
}
