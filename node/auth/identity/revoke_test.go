package identity

import (
	"errors"
	"testing"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// TestSessionsOfOthersEnd: whatever becomes of the site's part of it, a session ends at once where it was ended, stays
// so over a restart, and ends at every node when the site is together.
func TestSessionsOfOthersEnd(t *testing.T) {
	for name, c := range map[string]struct {
		before  func(b *box)
		offline bool
		others  bool // they let the session in until the site is together
	}{
		"together":        {func(*box) {}, false, false},
		"cut off":         {(*box).cut, true, true},
		"lost":            {func(b *box) { b.fault = "lost" }, true, true},
		"got through":     {func(b *box) { b.fault = "unanswered" }, true, false},
		"not aware of it": {func(b *box) { b.cut(); b.o.Deciding = func() bool { return true } }, true, true},
		"ended here once": {func(b *box) { b.locals.revoke(edge.NewID()) }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3)
			owner := w.owner()
			omar, zaid := w.join(owner, "omar", auth.Member), w.join(owner, "zaid", auth.Member)
			boss := w.caller(w.nodes[2], owner.Session)
			c.before(w.nodes[2])
			at := w.nodes[2].Version()
			out, err := w.nodes[2].RevokeSession(w.ctx(), boss, &identityv1.RevokeSessionRequest{Id: sessionID(omar.Session)})
			if err != nil || out.Offline != c.offline || w.nodes[2].in(omar.Session) || w.nodes[2].Version() == at {
				t.Fatalf("%v %v", out, err)
			}
			if w.nodes[0].in(omar.Session) != c.others {
				t.Errorf("at another node it is open: %v", !c.others)
			}
			w.restart(2)
			if b := w.nodes[2]; b.in(omar.Session) || !b.in(zaid.Session) {
				t.Error("after a restart another session is over, or this one is not")
			}
			w.nodes[2].heal()
			for i, b := range w.nodes {
				if b.in(omar.Session) || !b.in(zaid.Session) {
					t.Errorf("node %d: another session is over, or this one is not", i)
				}
			}
			if len(w.nodes[2].local.rows) != 0 {
				t.Errorf("%d rows are left on the node", len(w.nodes[2].local.rows))
			}
		})
	}
}

// Who may not end a session when the site decides may not at a node alone either, and what cannot be kept is not done.
func TestSessionsOfOthersStay(t *testing.T) {
	for name, c := range map[string]struct {
		by, of string
		id     string
		full   error
		kind   edge.Kind
	}{
		"an administrator puts the owner out": {by: "admin", of: "mira", kind: edge.Denied},
		"a nurse ends another's session":      {by: "nurse", of: "admin", kind: edge.Denied},
		"no session":                          {by: "mira", id: "x", kind: edge.NotFound},
		"the disk is full":                    {by: "mira", of: "nurse", full: edge.E(edge.Exhausted, "full"), kind: edge.Exhausted},
	} {
		for _, cut := range []bool{false, true} {
			w := newWorld(t, 2)
			who := map[string]*identityv1.SignedIn{"mira": w.owner()}
			who["admin"], who["nurse"] = w.join(who["mira"], "admin", auth.SiteAdmin), w.join(who["mira"], "nurse", auth.Clinician)
			b := w.nodes[1]
			by, id := w.caller(b, who[c.by].Session), c.id
			if id == "" {
				id = sessionID(who[c.of].Session)
			}
			if b.local.fail = c.full; cut {
				b.cut()
			}
			if _, err := b.RevokeSession(w.ctx(), by, &identityv1.RevokeSessionRequest{Id: id}); !edge.IsKind(err, c.kind) {
				t.Errorf("%s, cut off %v: %v", name, cut, err)
			}
			for login, in := range who {
				if !b.in(in.Session) {
					t.Errorf("%s, cut off %v: the session of %s is over", name, cut, login)
				}
			}
		}
	}
}

// The site knows better than a node who may do what: what it refuses is taken back here.
func TestTheSiteRefusesToEndASession(t *testing.T) {
	w := newWorld(t, 2)
	owner := w.owner()
	admin, omar := w.join(owner, "admin", auth.SiteAdmin), w.join(owner, "omar", auth.Member)
	b := w.nodes[1]
	by := w.caller(b, admin.Session)
	b.cut() // what it shows from now on is old
	if err := ask(w, owner.Session, "set_roles", &identityv1.SetRolesRequest{Id: admin.Person.Id, Roles: []string{auth.Member}}); err != nil {
		t.Fatal(err)
	}
	b.o.Propose, b.o.Deciding = w.nodes[0], func() bool { return true }
	_, err := b.RevokeSession(w.ctx(), by, &identityv1.RevokeSessionRequest{Id: sessionID(omar.Session)})
	if e := new(edge.Error); !errors.As(err, &e) || e.Kind != edge.Denied || !b.in(omar.Session) || len(b.local.rows) != 0 {
		t.Errorf("%v; it is open: %v, %d rows", err, b.in(omar.Session), len(b.local.rows))
	}
}
