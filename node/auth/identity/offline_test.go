package identity

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

func TestSignInWithoutTheSite(t *testing.T) {
	w := newWorld(t, 3)
	owner := w.owner()
	b := w.nodes[2]
	b.cut()
	in, err := b.signIn(w.ctx(), "mira", goodPassword, "")
	if err != nil || !in.Offline || !b.in(in.Session) || !b.in(owner.Session) {
		t.Fatalf("%v, %v", in, err)
	}
	if w.nodes[0].in(in.Session) {
		t.Error("another node knows of it already")
	}
	w.restart(2) // a power cut
	b = w.nodes[2]
	if !b.in(in.Session) {
		t.Error("a restart ended the session")
	}
	b.heal()
	for i, b := range w.nodes {
		if !b.in(in.Session) {
			t.Errorf("node %d does not know the session when all are together again", i)
		}
	}
	if len(b.local.rows) != 0 {
		t.Errorf("%d rows are left on the node", len(b.local.rows))
	}
	if err := ask(w, owner.Session, "revoke_session", &identityv1.RevokeSessionRequest{Id: sessionID(in.Session)}); err != nil {
		t.Fatal(err)
	}
	if b.in(in.Session) {
		t.Error("it cannot be revoked")
	}
}

// What is decided at the site counts at the node as soon as it sees it, also for sessions it made alone.
func TestTheSiteEndsSessionsOfANode(t *testing.T) {
	for name, f := range map[string]func(w *world, owner, in *identityv1.SignedIn) error{
		"suspended": func(w *world, owner, in *identityv1.SignedIn) error {
			return ask(w, owner.Session, "suspend_person", &identityv1.SuspendPersonRequest{Id: in.Person.Id})
		},
		"suspended and back": func(w *world, owner, in *identityv1.SignedIn) error {
			return errors.Join(ask(w, owner.Session, "suspend_person", &identityv1.SuspendPersonRequest{Id: in.Person.Id}),
				ask(w, owner.Session, "reinstate_person", &identityv1.ReinstatePersonRequest{Id: in.Person.Id}))
		},
		"all sessions": func(w *world, owner, in *identityv1.SignedIn) error {
			return ask(w, owner.Session, "revoke_person_sessions", &identityv1.RevokePersonSessionsRequest{Id: in.Person.Id})
		},
		"this session": func(w *world, owner, in *identityv1.SignedIn) error {
			return ask(w, owner.Session, "revoke_session", &identityv1.RevokeSessionRequest{Id: sessionID(in.Session)})
		},
		"removed": func(w *world, owner, in *identityv1.SignedIn) error {
			return ask(w, owner.Session, "remove_person", &identityv1.RemovePersonRequest{Id: in.Person.Id})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			owner := w.owner()
			w.join(owner, "omar", auth.Member)
			b := w.nodes[1]
			b.cut()
			in, err := b.signIn(w.ctx(), "omar", otherPassword, "")
			if err != nil || !b.in(in.Session) {
				t.Fatal(err)
			}
			if err := f(w, owner, in); err != nil {
				t.Fatal(err)
			}
			b.off = false // it sees the state again, and has not told anything yet
			if b.in(in.Session) {
				t.Error("the session goes on before the site is told of it")
			}
			b.heal()
			w.restart(1)
			for i, b := range w.nodes {
				if b.in(in.Session) {
					t.Errorf("node %d takes the session afterwards", i)
				}
			}
		})
	}
}

func TestCodesAreBurnedWithoutTheSite(t *testing.T) {
	w := newWorld(t, 2)
	owner := w.owner()
	secret, codes := w.app(w.nodes[0], owner.Session)
	b := w.nodes[1]
	b.cut()
	code := w.code(secret)
	for _, c := range []string{code, codes[0]} {
		if _, err := b.signIn(w.ctx(), "mira", goodPassword, c); err != nil {
			t.Fatal(err)
		}
	}
	w.restart(1)
	b = w.nodes[1]
	for _, c := range []string{code, codes[0]} {
		if _, err := b.signIn(w.ctx(), "mira", goodPassword, c); !edge.IsKind(err, edge.Denied) {
			t.Errorf("%s works twice at a node alone: %v", c, err)
		}
	}
	b.off = false // the site is there again and has not been told
	if _, err := b.signIn(w.from("", "192.0.2.77"), "mira", goodPassword, codes[0]); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a code works again before the site is told: %v", err)
	}
	b.heal()
	for i, c := range []string{code, codes[0]} {
		if _, err := w.nodes[0].signIn(w.from("", fmt.Sprintf("192.0.2.%d", 80+i)), "mira", goodPassword, c); !edge.IsKind(err, edge.Denied) {
			t.Errorf("%s works at another node afterwards: %v", c, err)
		}
	}
}

// One code at two nodes that cannot ask each other: it is noticed, and the session that came second is gone.
func TestOneCodeAtTwoNodes(t *testing.T) {
	w := newWorld(t, 2)
	owner := w.owner()
	secret, codes := w.app(w.nodes[0], owner.Session)
	for _, code := range []string{w.code(secret), codes[0]} {
		for _, b := range w.nodes {
			b.cut()
		}
		var ins []*identityv1.SignedIn
		for i, b := range w.nodes {
			in, err := b.signIn(w.from("", fmt.Sprintf("192.0.2.%d", 10+i)), "mira", goodPassword, code)
			if err != nil {
				t.Fatal(err)
			}
			ins = append(ins, in)
		}
		before := len(w.state.Events)
		for _, b := range w.nodes {
			b.heal()
		}
		told := 0
		for _, e := range w.state.Events[before:] {
			if e.Type == ProofReused {
				told++
			}
		}
		if told != 1 || !w.nodes[1].in(ins[0].Session) || w.nodes[1].in(ins[1].Session) {
			t.Errorf("reuse told %d times; first in %v, second in %v", told, w.nodes[1].in(ins[0].Session), w.nodes[1].in(ins[1].Session))
		}
	}
}

func TestSignOutWithoutTheSite(t *testing.T) {
	w := newWorld(t, 2)
	w.owner()
	b := w.nodes[1]
	known, _ := b.signIn(w.ctx(), "mira", goodPassword, "")
	b.cut()
	alone, err := b.signIn(w.ctx(), "mira", goodPassword, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range []*identityv1.SignedIn{known, alone} {
		if _, err := b.SignOut(w.ctx(), w.caller(b, in.Session), &identityv1.SignOutRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	w.restart(1)
	b = w.nodes[1]
	for _, in := range []*identityv1.SignedIn{known, alone} {
		if b.in(in.Session) {
			t.Error("signed out, and in again after a restart")
		}
	}
	b.heal()
	for i, b := range w.nodes {
		if b.in(known.Session) || b.in(alone.Session) {
			t.Errorf("node %d lets somebody in who signed out", i)
		}
	}
	if len(b.local.rows) != 0 {
		t.Errorf("%d rows are left", len(b.local.rows))
	}
}

// A sign-in whose fate is not known: the command was lost, or only its answer. Either way there is one session,
// and once signed out it stays out, also where the command arrives late.
func TestUnknownOutcome(t *testing.T) {
	for _, fault := range []string{"lost", "unanswered"} {
		t.Run(fault, func(t *testing.T) {
			w := newWorld(t, 2)
			w.owner()
			b := w.nodes[1]
			b.fault = fault
			in, err := b.signIn(w.ctx(), "mira", goodPassword, "")
			if err != nil || !b.in(in.Session) {
				t.Fatal(err)
			}
			late := w.log
			b.heal()
			list, err := b.ListMySessions(w.ctx(), w.caller(b, in.Session), &identityv1.ListMySessionsRequest{})
			if err != nil || len(list.Sessions) != 2 {
				t.Errorf("%d sessions, %v", len(list.GetSessions()), err)
			}
			if _, err := b.SignOut(w.ctx(), w.caller(b, in.Session), &identityv1.SignOutRequest{}); err != nil {
				t.Fatal(err)
			}
			for _, body := range late {
				w.do(edge.Command{ID: edge.NewID(), Type: opOpen, Actor: edge.Actor{Kind: edge.Node}, Body: body})
			}
			for i, b := range w.nodes {
				if b.in(in.Session) {
					t.Errorf("node %d lets somebody in who signed out", i)
				}
			}
		})
	}
}

// Somebody who came in while the node was alone changes their password before the site was told of them: they
// stay in, and all others go.
func TestChangesSettleFirst(t *testing.T) {
	w := newWorld(t, 2)
	owner := w.owner()
	b := w.nodes[1]
	b.cut()
	in, err := b.signIn(w.ctx(), "mira", goodPassword, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.ChangePassword(w.ctx(), w.caller(b, in.Session), &identityv1.ChangePasswordRequest{Password: otherPassword}); !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("a change without the site: %v", err)
	}
	b.off = false
	if _, err := b.Prove(w.ctx(), w.caller(b, in.Session), &identityv1.ProveRequest{Password: goodPassword}); err != nil {
		t.Errorf("a fresh proof: %v", err)
	}
	if _, err := b.ChangePassword(w.ctx(), w.caller(b, in.Session), &identityv1.ChangePasswordRequest{Password: otherPassword}); err != nil {
		t.Fatal(err)
	}
	if !b.in(in.Session) || b.in(owner.Session) {
		t.Errorf("own session in: %v, the other: %v", b.in(in.Session), b.in(owner.Session))
	}
}

// A node whose clock is years ahead cannot make sessions that last for years.
func TestClockAhead(t *testing.T) {
	w := newWorld(t, 2)
	w.owner()
	ahead := w.now.Add(5 * 365 * 24 * time.Hour)
	w.nodes[1].o.Now = func() time.Time { return ahead }
	in, err := w.nodes[1].signIn(w.ctx(), "mira", goodPassword, "")
	if err != nil || !w.nodes[0].in(in.Session) {
		t.Fatal(err)
	}
	w.now = w.now.Add(8 * 24 * time.Hour)
	if w.nodes[0].in(in.Session) {
		t.Error("a session outlives a week")
	}
}

// A node whose clock is twenty minutes ahead lets people in for a quarter of an hour, as any other.
func TestClockALittleAhead(t *testing.T) {
	w := newWorld(t, 2)
	w.owner()
	b := w.nodes[1]
	b.o.Now = func() time.Time { return w.now.Add(20 * time.Minute) }
	in, err := b.SignIn(w.ctx(), auth.Caller{}, &identityv1.SignInRequest{Login: "mira", Password: goodPassword, Brief: true})
	if err != nil || !w.nodes[0].in(in.Session) || !b.in(in.Session) {
		t.Fatalf("%v; in at the other: %v, there: %v", err, w.nodes[0].in(in.Session), b.in(in.Session))
	}
	w.now = w.now.Add(16 * time.Minute)
	if b.in(in.Session) || w.nodes[0].in(in.Session) {
		t.Error("a session that is not used goes on")
	}
}

func TestLocalStoreFails(t *testing.T) {
	w := newWorld(t, 1)
	w.owner()
	b := w.nodes[0]
	b.cut()
	b.local.fail = edge.E(edge.Exhausted, "the disk is full")
	if _, err := b.signIn(w.ctx(), "mira", goodPassword, ""); !edge.IsKind(err, edge.Exhausted) {
		t.Errorf("somebody is let in whose session is kept nowhere: %v", err)
	}
	if len(b.locals.openings) != 0 {
		t.Error("the session is in memory only")
	}
}

// Whatever is done in whatever order at whatever node, with nodes cut off and coming back: a session that was
// revoked, or whose person was suspended or removed, opens nothing at any node that can see it; and one that
// was not is good at the node that made it.
func TestRevokedStaysOut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(t, rt)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			h.step()
			h.check()
		}
		for _, b := range h.w.nodes {
			if b.off {
				b.heal()
			}
		}
		h.check()
	})
}

// A history is what happened to the sessions of two people at three nodes. Sessions are made below the
// passwords, which cost too much to try by the thousand.
type history struct {
	w    *world
	t    *rapid.T
	who  []edge.ID
	made []*track
}

// A track is one session, and what must be true of it.
type track struct {
	secret string
	who    int
	at     int  // the node that made it
	dead   bool // revoked by a decision of the site
	out    map[int]bool
}

func newHistory(t *testing.T, rt *rapid.T) *history {
	w := newWorld(t, 3)
	h := &history{w: w, t: rt}
	for i, login := range []string{"owner", "mira", "omar"} {
		p := person{ID: edge.NewID(), Login: login, Roles: []string{auth.Member}}
		if i == 0 {
			p.Roles = []string{auth.Owner}
		} else {
			h.who = append(h.who, p.ID)
		}
		if err := w.state.Try(func(tx edge.Tx) error { return addPerson(tx, p, proofs{}) }); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (h *history) admin(op string, in proto.Message) {
	body, _ := proto.Marshal(in)
	out := h.w.do(edge.Command{ID: edge.NewID(), Type: "identity." + op, Actor: edge.Actor{Kind: edge.Person, ID: OperatorID}, Body: body})
	if out.Err != nil {
		h.t.Fatal(out.Err)
	}
}

func (h *history) step() {
	node := rapid.IntRange(0, 2).Draw(h.t, "node")
	who := rapid.IntRange(0, 1).Draw(h.t, "who")
	b := h.w.nodes[node]
	h.w.now = h.w.now.Add(time.Second)
	switch rapid.SampledFrom([]string{"in", "in", "in", "revoke", "out", "suspend", "all", "cut", "heal", "restart"}).Draw(h.t, "step") {
	case "in":
		h.signIn(b, node, who)
	case "revoke":
		if len(h.made) > 0 {
			x := rapid.SampledFrom(h.made).Draw(h.t, "session")
			h.admin("revoke_session", &identityv1.RevokeSessionRequest{Id: sessionID(x.secret)})
			x.dead = true
		}
	case "out":
		h.signOut(b, node)
	case "suspend":
		h.admin("suspend_person", &identityv1.SuspendPersonRequest{Id: h.who[who].String()})
		h.admin("reinstate_person", &identityv1.ReinstatePersonRequest{Id: h.who[who].String()})
		h.kill(who)
	case "all":
		h.admin("revoke_person_sessions", &identityv1.RevokePersonSessionsRequest{Id: h.who[who].String()})
		h.kill(who)
	case "cut":
		b.cut()
	case "heal":
		if b.off {
			b.heal()
			h.learned(node)
		}
	case "restart":
		h.w.restart(node)
	}
}

// kill ends all sessions of a person, those at nodes that are cut off too: these see it once they are back.
func (h *history) kill(who int) {
	for _, x := range h.made {
		x.dead = x.dead || x.who == who
	}
}

func (h *history) signIn(b *box, node, who int) {
	b.fault = rapid.SampledFrom([]string{"", "", "lost", "unanswered"}).Draw(h.t, "fault")
	p, x, err := b.look(h.who[who])
	if err != nil {
		h.t.Fatal(err)
	}
	in, err := b.enter(h.w.ctx(), p, x, going{person: p.ID, strength: auth.Password}, opening{})
	if b.fault = ""; err != nil {
		h.t.Fatal(err)
	}
	// a person suspended while the node was cut off: what it makes from its old view is dead from the start
	stale := false
	if now, _, err := load[person](h.w.state, people+p.ID.String()); err != nil || now.Generation != p.Generation {
		stale = true
	}
	h.made = append(h.made, &track{secret: in.Session, who: who, at: node, dead: stale, out: map[int]bool{}})
}

func (h *history) signOut(b *box, node int) {
	var live []*track
	for _, x := range h.made {
		if b.in(x.secret) {
			live = append(live, x)
		}
	}
	if len(live) == 0 {
		return
	}
	x := rapid.SampledFrom(live).Draw(h.t, "session")
	if _, err := b.SignOut(h.w.ctx(), h.w.caller(b, x.secret), &identityv1.SignOutRequest{}); err != nil {
		h.t.Fatal(err)
	}
	x.out[node] = true
	if _, told := h.w.state.Rows[revoked+sessionID(x.secret)]; told {
		x.dead = true
	}
}

func (h *history) learned(node int) {
	for _, x := range h.made {
		x.dead = x.dead || x.out[node]
	}
}

func (h *history) check() {
	for i, b := range h.w.nodes {
		for _, x := range h.made {
			in := b.in(x.secret)
			switch {
			case in && x.out[i]:
				h.t.Fatalf("node %d lets in who signed out there", i)
			case in && x.dead && !b.off:
				h.t.Fatalf("node %d lets in whom the site has put out", i)
			case !in && i == x.at && !x.dead && len(x.out) == 0 && h.few(x.who):
				h.t.Fatalf("node %d has lost a session it made", i)
			}
		}
	}
}

// few reports whether a person made so few sessions that none had to make room.
func (h *history) few(who int) bool {
	n := 0
	for _, x := range h.made {
		if x.who == who {
			n++
		}
	}
	return n < MaxSessions
}

// One code, tried a hundred times at once at a node that is alone: one gets in.
func TestOneCodeAtOnce(t *testing.T) {
	w := newWorld(t, 1)
	owner := w.owner()
	_, codes := w.app(w.nodes[0], owner.Session)
	b := w.nodes[0]
	b.cut()
	id, _ := edge.ParseID(owner.Person.Id)
	var in atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			p, x, err := b.look(id)
			if err != nil {
				t.Error(err)
				return
			}
			o, ok := second(p, x, codes[0], w.now)
			if !ok {
				return
			}
			if _, err := b.enter(w.ctx(), p, x, going{person: id, strength: auth.TwoFactor}, o); err == nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("%d got in by one code", in.Load())
	}
}
