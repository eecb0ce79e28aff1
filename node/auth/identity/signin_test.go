package identity

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/lockout"
	"github.com/aielon/edge/node/auth/passkey/passkeytest"
	"github.com/aielon/edge/node/edge"
)

func TestSetUpOnce(t *testing.T) {
	w := newWorld(t, 2)
	code, err := w.nodes[0].EnsureSetup(w.ctx())
	if err != nil || code == "" {
		t.Fatalf("%q, %v", code, err)
	}
	if again, err := w.nodes[1].EnsureSetup(w.ctx()); again != "" || err != nil {
		t.Errorf("a second node prints another code: %q, %v", again, err)
	}
	req := &identityv1.SetUpRequest{Code: code, Login: "mira", Password: goodPassword}
	for _, bad := range []*identityv1.SetUpRequest{
		{Code: "AAAAA-AAAAA-AAAAA-AAAAA", Login: "mira", Password: goodPassword}, {Code: code, Login: "mira", Password: "password1234"},
		{Code: code, Login: "m i r a", Password: goodPassword}, {Code: code[:5], Login: "mira", Password: goodPassword},
	} {
		if _, err := w.nodes[0].SetUp(w.ctx(), auth.Caller{}, bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
	in, err := w.nodes[0].SetUp(w.ctx(), auth.Caller{}, req)
	if err != nil || len(in.Person.Roles) != 1 || in.Person.Roles[0] != auth.Owner {
		t.Fatalf("%v, %v", in, err)
	}
	if c := w.caller(w.nodes[1], in.Session); !c.Has(auth.Owner) || c.Strength != auth.Password {
		t.Errorf("the owner is %+v at the other node", c)
	}
	if _, err := w.nodes[1].SetUp(w.ctx(), auth.Caller{}, &identityv1.SetUpRequest{Code: code, Login: "omar", Password: goodPassword}); !edge.IsKind(err, edge.Denied) {
		t.Errorf("the code worked twice: %v", err)
	}
	if _, err := w.nodes[0].RenewSetup(w.ctx(), auth.Caller{Actor: edge.Actor{Kind: edge.Person, ID: OperatorID}}); !edge.IsKind(err, edge.Conflict) {
		t.Errorf("a site with an owner makes another set-up code: %v", err)
	}
}

// There is no default credential: before the set-up, nothing opens anything but the box's own socket.
func TestNothingOpensANewSite(t *testing.T) {
	w := newWorld(t, 1)
	for _, login := range []string{"admin", "root", "operator", ""} {
		for _, pass := range []string{"", "admin", "password", "aielon"} {
			if _, err := w.nodes[0].signIn(w.from("", fmt.Sprint("192.0.2.", len(login)+10*len(pass))), login, pass, ""); err == nil {
				t.Errorf("%q with %q opens a new site", login, pass)
			}
		}
	}
}

func TestSignInAndOut(t *testing.T) {
	w := newWorld(t, 2)
	w.owner()
	in, err := w.nodes[1].signIn(w.ctx(), " MIRA ", goodPassword, "")
	if err != nil || in.Session == "" || in.Offline {
		t.Fatalf("%v, %v", in, err)
	}
	if _, err := w.nodes[0].SignOut(w.ctx(), w.caller(w.nodes[0], in.Session), &identityv1.SignOutRequest{}); err != nil {
		t.Fatal(err)
	}
	for i, b := range w.nodes {
		if b.in(in.Session) {
			t.Errorf("node %d takes a session that was signed out", i)
		}
	}
}

func TestCookies(t *testing.T) {
	w := newWorld(t, 1)
	w.owner()
	var got auth.Grant
	ctx := auth.WithRequest(t.Context(), auth.Request{Grant: func(g auth.Grant) { got = g }})
	in, err := w.nodes[0].SignIn(ctx, auth.Caller{}, &identityv1.SignInRequest{Login: "mira", Password: goodPassword, Cookie: true})
	if err != nil || in.Session != "" || in.Device != "" || got.Session == "" || got.Device == "" || !w.nodes[0].in(got.Session) {
		t.Fatalf("answer %v, cookies %+v, %v", in, got, err)
	}
	c := w.caller(w.nodes[0], got.Session)
	got.Session = "something"
	if _, err := w.nodes[0].SignOut(ctx, c, &identityv1.SignOutRequest{}); err != nil || got.Session != "" {
		t.Errorf("signing out leaves the cookie: %v", err)
	}
}

func TestSessionsEnd(t *testing.T) {
	for name, f := range map[string]struct {
		brief bool
		wait  []time.Duration
		want  bool
	}{
		"portal, half a day in use":   {false, []time.Duration{6 * time.Hour, 6 * time.Hour, 6 * time.Hour}, true},
		"portal, half a day alone":    {false, []time.Duration{12 * time.Hour}, false},
		"portal, a week in use":       {false, repeat(11*time.Hour, 16), false},
		"brief, ten minutes":          {true, []time.Duration{10 * time.Minute, 10 * time.Minute}, true},
		"brief, a quarter of an hour": {true, []time.Duration{15 * time.Minute}, false},
		"brief, a day in use":         {true, repeat(14*time.Minute, 60), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.owner()
			in, err := w.nodes[0].SignIn(w.ctx(), auth.Caller{}, &identityv1.SignInRequest{Login: "mira", Password: goodPassword, Brief: f.brief})
			if err != nil {
				t.Fatal(err)
			}
			got := true
			for _, d := range f.wait {
				w.now = w.now.Add(d)
				got = w.nodes[0].in(in.Session)
				w.nodes[0].background(w.ctx(), w.nodes[0].tellUses)
			}
			if got != f.want {
				t.Errorf("in: %v", got)
			}
		})
	}
}

// A clinician's session is a brief one, whatever they ask for.
func TestClinicalSessionsAreBrief(t *testing.T) {
	w := newWorld(t, 1)
	in := w.join(w.owner(), "dr.omar", auth.Clinician)
	if in.IdleSeconds != 15*60 {
		t.Errorf("a clinician's session may be idle for %d s", in.IdleSeconds)
	}
}

// A use at one node counts at the others, coarsely, and after a restart.
func TestUsesAreTold(t *testing.T) {
	w := newWorld(t, 2)
	w.owner()
	in, _ := w.nodes[0].signIn(w.ctx(), "mira", goodPassword, "")
	writes := len(w.log)
	for range 100 {
		w.now = w.now.Add(time.Minute)
		if !w.nodes[0].in(in.Session) {
			t.Fatal("a session in use ended")
		}
		w.nodes[0].background(w.ctx(), w.nodes[0].tellUses)
	}
	if n := len(w.log) - writes; n != 0 {
		t.Errorf("%d commands for a hundred minutes of use, when three hours may pass", n)
	}
	w.now = w.now.Add(5 * time.Hour)
	w.nodes[0].in(in.Session)
	w.nodes[0].background(w.ctx(), w.nodes[0].tellUses)
	w.restart(0)
	w.now = w.now.Add(11 * time.Hour)
	if !w.nodes[1].in(in.Session) || !w.nodes[0].in(in.Session) {
		t.Error("the use at one node does not count at the other, or is forgotten")
	}
}

// The four ways in which a well known program was got round (security model, what peers got wrong).
func TestWhatOthersGotWrong(t *testing.T) {
	t.Run("a code used twice, CVE-2025-6014", func(t *testing.T) {
		w := newWorld(t, 2)
		owner := w.owner()
		secret, _ := w.app(w.nodes[0], owner.Session)
		code := w.code(secret)
		if _, err := w.nodes[0].signIn(w.ctx(), "mira", goodPassword, code); err != nil {
			t.Fatal(err)
		}
		for i, typed := range []string{code, " " + code, code + " ", code[:3] + " " + code[3:], strings.Map(func(r rune) rune { return '٠' + r - '0' }, code)} {
			for j, b := range w.nodes {
				if _, err := b.signIn(w.from("", fmt.Sprintf("192.0.%d.%d", i+3, j)), "mira", goodPassword, typed); err == nil {
					t.Errorf("node %d took %q a second time", j, typed)
				}
			}
			w.now = w.now.Add(2 * time.Second)
		}
	})
	t.Run("guessing codes without a limit, CVE-2025-6015", func(t *testing.T) {
		w := newWorld(t, 1)
		owner := w.owner()
		w.app(w.nodes[0], owner.Session)
		checked := 0
		for i := range 100 { // each time with the right password, from another address, with spaces
			in, err := w.nodes[0].signIn(w.from("", fmt.Sprintf("198.51.100.%d", i)), "mira", goodPassword, "")
			if err != nil {
				continue
			}
			for range 20 {
				_, err := w.nodes[0].FinishSignIn(w.from("", fmt.Sprintf("198.51.100.%d", i)), auth.Caller{}, &identityv1.FinishSignInRequest{Ticket: in.Ticket, Code: strings.Repeat(" ", i%5) + "000 000"})
				var soon *lockout.TooSoon
				if err == nil {
					t.Fatal("guessed")
				}
				if !errors.As(err, &soon) && err.Error() == Refused().Error() {
					checked++
				}
			}
		}
		if checked > 6 {
			t.Errorf("%d codes were tried in one moment", checked)
		}
	})
	t.Run("another spelling has a count of its own, CVE-2025-6004", func(t *testing.T) {
		w := newWorld(t, 1)
		w.owner()
		checked := uint64(0)
		before := w.nodes[0].hasher.Runs()
		for i, login := range []string{"mira", "MIRA", "Mira", " mira", "mira ", "ｍｉｒａ", "mIrA", "\tmira\n", "MiRa", "miRA", "mira", "MIRa"} {
			if _, err := w.nodes[0].signIn(w.from("", fmt.Sprintf("198.51.100.%d", i)), login, "wrong guess today", ""); err == nil {
				t.Fatal("guessed")
			}
		}
		if checked = w.nodes[0].hasher.Runs() - before; checked != 5 {
			t.Errorf("%d passwords were checked in one moment, want 5", checked)
		}
	})
	t.Run("telling who is known, CVE-2025-6011", func(t *testing.T) {
		w := newWorld(t, 1)
		owner := w.owner()
		w.join(owner, "gone", auth.Member)
		gone := w.join(owner, "away", auth.Member)
		if err := ask(w, owner.Session, "suspend_person", &identityv1.SuspendPersonRequest{Id: gone.Person.Id}); err != nil {
			t.Fatal(err)
		}
		want := ""
		for _, login := range []string{"mira", "nobody", "away", "not a name", strings.Repeat("x", 300), "", "mira\x00"} {
			var answers []string
			before := w.nodes[0].hasher.Runs()
			for i := range 7 { // also what whoever guesses too often is told
				pass := "wrong guess today"
				if login == "away" {
					pass = otherPassword // right, but of somebody suspended
				}
				_, err := w.nodes[0].signIn(w.from("", fmt.Sprintf("203.0.%d.%d", len(login)%200, i)), login, pass, "")
				var e *edge.Error
				if !errors.As(err, &e) {
					t.Fatalf("%q: %v", login, err)
				}
				answers = append(answers, fmt.Sprint(e.Kind, e.Msg, e.Hint))
			}
			got := fmt.Sprint(answers, w.nodes[0].hasher.Runs()-before)
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("%.20q is told %s, others %s", login, got, want)
			}
		}
	})
}

func TestRecoveryCodes(t *testing.T) {
	w := newWorld(t, 2)
	owner := w.owner()
	_, codes := w.app(w.nodes[0], owner.Session)
	in, err := w.nodes[0].signIn(w.ctx(), "mira", goodPassword, "")
	if err != nil || in.Needs != "code" || in.Session != "" {
		t.Fatalf("%v, %v", in, err)
	}
	out, err := w.nodes[0].FinishSignIn(w.ctx(), auth.Caller{}, &identityv1.FinishSignInRequest{Ticket: in.Ticket, Code: strings.ToLower(codes[3])})
	if err != nil || w.caller(w.nodes[1], out.Session).Strength != auth.TwoFactor {
		t.Fatalf("%v", err)
	}
	if _, err := w.nodes[1].signIn(w.ctx(), "mira", goodPassword, codes[3]); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a recovery code worked twice: %v", err)
	}
	self, err := w.nodes[1].GetMe(w.ctx(), w.caller(w.nodes[1], out.Session), &identityv1.GetMeRequest{})
	if err != nil || self.RecoveryCodes != 7 {
		t.Errorf("%d codes are left, %v", self.GetRecoveryCodes(), err)
	}
}

func TestTicketsEnd(t *testing.T) {
	w := newWorld(t, 1)
	owner := w.owner()
	secret, _ := w.app(w.nodes[0], owner.Session)
	in, _ := w.nodes[0].signIn(w.ctx(), "mira", goodPassword, "")
	w.now = w.now.Add(ticketLife)
	if _, err := w.nodes[0].FinishSignIn(w.ctx(), auth.Caller{}, &identityv1.FinishSignInRequest{Ticket: in.Ticket, Code: w.code(secret)}); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a ticket works after its time: %v", err)
	}
	in, err := w.nodes[0].signIn(w.ctx(), "mira", goodPassword, "")
	if err != nil {
		t.Fatal(err)
	}
	first, err := w.nodes[0].FinishSignIn(w.ctx(), auth.Caller{}, &identityv1.FinishSignInRequest{Ticket: in.Ticket, Code: w.code(secret)})
	if err != nil || first.Session == "" {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	if _, err := w.nodes[0].FinishSignIn(w.ctx(), auth.Caller{}, &identityv1.FinishSignInRequest{Ticket: in.Ticket, Code: w.code(secret)}); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a ticket works twice: %v", err)
	}
}

func TestPasskeys(t *testing.T) {
	w := newWorld(t, 2)
	owner := w.owner()
	b := w.nodes[0]
	a, err := passkeytest.New(pageOrigin, pageName)
	if err != nil {
		t.Fatal(err)
	}
	begun, err := b.BeginPasskey(w.ctx(), w.caller(b, owner.Session), &identityv1.BeginPasskeyRequest{})
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := a.Register([]byte(begun.Options))
	key, err := b.FinishPasskey(w.ctx(), w.caller(b, owner.Session), &identityv1.FinishPasskeyRequest{Ceremony: begun.Ceremony, Answer: string(answer), Name: "phone"})
	if err != nil {
		t.Fatal(err)
	}
	if c := w.caller(b, owner.Session); c.Strength != auth.Passkey {
		t.Errorf("who has just shown a passkey counts as %v", c.Strength)
	}
	enter := func(b *box) (*identityv1.SignedIn, error) {
		begun, err := b.BeginPasskeySignIn(w.ctx(), auth.Caller{}, &identityv1.BeginPasskeySignInRequest{})
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := a.SignIn([]byte(begun.Options))
		return b.FinishPasskeySignIn(w.ctx(), auth.Caller{}, &identityv1.FinishPasskeySignInRequest{Ceremony: begun.Ceremony, Answer: string(answer)})
	}
	in, err := enter(w.nodes[1])
	if err != nil || w.caller(b, in.Session).Strength != auth.Passkey {
		t.Fatal(err)
	}
	copied := *a
	if _, err := enter(b); err != nil {
		t.Fatal(err)
	}
	*a = copied
	if _, err := enter(w.nodes[1]); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a copy of the authenticator gets in: %v", err)
	}
	a.Count += 10
	if err := ask(w, owner.Session, "change_person", &identityv1.ChangePersonRequest{Id: owner.Person.Id, DisplayName: ptr("Mira")}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.RemovePasskey(w.ctx(), w.caller(b, owner.Session), &identityv1.RemovePasskeyRequest{Id: key.Id}); err != nil {
		t.Fatal(err)
	}
	if _, err := enter(b); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a removed passkey gets in: %v", err)
	}
}

// No secret is in any command, so none is in the log, nor in the state, nor in an event.
func TestNoSecretIsKept(t *testing.T) {
	w := newWorld(t, 1)
	owner := w.owner()
	_, codes := w.app(w.nodes[0], owner.Session)
	other := w.join(owner, "omar", auth.SiteAdmin)
	tok, err := w.nodes[0].CreateToken(w.ctx(), w.caller(w.nodes[0], owner.Session), &identityv1.CreateTokenRequest{Name: "lab", Roles: []string{auth.Member}})
	if err != nil {
		t.Fatal(err)
	}
	invited, _ := w.nodes[0].CreateInvitation(w.ctx(), w.caller(w.nodes[0], owner.Session), &identityv1.CreateInvitationRequest{})
	secrets := append([]string{goodPassword, otherPassword, owner.Session, other.Session, owner.Device, tok.Secret, invited.Code}, codes...)
	var kept []byte
	for k, v := range w.state.Rows {
		kept = append(append(kept, k...), v...)
	}
	kept = append(kept, bytes.Join(w.log, nil)...)
	var events []byte
	for _, e := range w.state.Events {
		if e.Class != edge.Personal || e.Urgency != edge.Ledger {
			t.Errorf("event %s is of class %d and urgency %s", e.Type, e.Class, e.Urgency)
		}
		events = append(append(events, e.Subject...), e.Body...)
	}
	for _, s := range secrets {
		if bytes.Contains(kept, []byte(s)) || bytes.Contains(events, []byte(s)) {
			t.Errorf("%q is kept somewhere", s)
		}
	}
	for _, name := range []string{"mira", "omar", "Hassan", "lab"} {
		if bytes.Contains(bytes.ToLower(events), bytes.ToLower([]byte(name))) {
			t.Errorf("an event names %q", name)
		}
	}
}

func repeat(d time.Duration, n int) (all []time.Duration) {
	for range n {
		all = append(all, d)
	}
	return all
}

func ptr[T any](v T) *T { return &v }

func TestPasskeyProvesAgain(t *testing.T) {
	w := newWorld(t, 1)
	owner, b := w.owner(), w.nodes[0]
	a, err := passkeytest.New(pageOrigin, pageName)
	if err != nil {
		t.Fatal(err)
	}
	begun, err := b.BeginPasskey(w.ctx(), w.caller(b, owner.Session), &identityv1.BeginPasskeyRequest{})
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := a.Register([]byte(begun.Options))
	if _, err := b.FinishPasskey(w.ctx(), w.caller(b, owner.Session), &identityv1.FinishPasskeyRequest{Ceremony: begun.Ceremony, Answer: string(answer)}); err != nil {
		t.Fatal(err)
	}
	in, err := b.SignIn(w.ctx(), auth.Caller{}, &identityv1.SignInRequest{Login: owner.Person.Login, Password: goodPassword})
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	prove := func(session string) error {
		begun, err := b.BeginPasskeySignIn(w.ctx(), auth.Caller{}, &identityv1.BeginPasskeySignInRequest{})
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := a.SignIn([]byte(begun.Options))
		_, err = b.Prove(w.ctx(), w.caller(b, session), &identityv1.ProveRequest{Ceremony: begun.Ceremony, Answer: string(answer)})
		return err
	}
	if err := prove(in.Session); err != nil {
		t.Fatal(err)
	}
	if c := w.caller(b, in.Session); c.Strength != auth.Passkey || !c.Since.Equal(w.now) {
		t.Errorf("proven by passkey: %v since %v", c.Strength, c.Since)
	}
	other := w.join(owner, "other", "member")
	if err := prove(other.Session); !edge.IsKind(err, edge.Denied) {
		t.Errorf("the passkey of one proves another: %v", err)
	}
}
