package identity

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// Nobody makes themselves, or others, more than they are.
func TestNobodyRisesAboveThemselves(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	owner := w.owner()
	admin := w.join(owner, "admin.one", auth.SiteAdmin)
	nurse := w.join(owner, "nurse", auth.FrontDesk)
	reset := func(session, id string) error {
		_, err := b.ResetPerson(w.ctx(), w.caller(b, session), &identityv1.ResetPersonRequest{Id: id})
		return err
	}
	invite := func(session string, roles ...string) error {
		_, err := b.CreateInvitation(w.ctx(), w.caller(b, session), &identityv1.CreateInvitationRequest{Roles: roles})
		return err
	}
	mint := func(session string, roles ...string) error {
		_, err := b.CreateToken(w.ctx(), w.caller(b, session), &identityv1.CreateTokenRequest{Name: "x", Roles: roles})
		return err
	}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"an administrator makes an owner":            {ask(w, admin.Session, "set_roles", &identityv1.SetRolesRequest{Id: nurse.Person.Id, Roles: []string{auth.Owner}}), false},
		"an administrator makes themselves an owner": {ask(w, admin.Session, "set_roles", &identityv1.SetRolesRequest{Id: admin.Person.Id, Roles: []string{auth.Owner, auth.SiteAdmin}}), false},
		"an administrator unmakes the owner":         {ask(w, admin.Session, "set_roles", &identityv1.SetRolesRequest{Id: owner.Person.Id, Roles: []string{auth.Member}}), false},
		"an administrator suspends the owner":        {ask(w, admin.Session, "suspend_person", &identityv1.SuspendPersonRequest{Id: owner.Person.Id}), false},
		"an administrator removes the owner":         {ask(w, admin.Session, "remove_person", &identityv1.RemovePersonRequest{Id: owner.Person.Id}), false},
		"an administrator renames the owner":         {ask(w, admin.Session, "change_person", &identityv1.ChangePersonRequest{Id: owner.Person.Id, Login: ptr("other")}), false},
		"an administrator puts the owner out":        {ask(w, admin.Session, "revoke_session", &identityv1.RevokeSessionRequest{Id: sessionID(owner.Session)}), false},
		"an administrator resets the owner":          {reset(admin.Session, owner.Person.Id), false},
		"an administrator invites an owner":          {invite(admin.Session, auth.Owner), false},
		"an administrator makes an owner's token":    {mint(admin.Session, auth.Owner), false},
		"a nurse gives roles":                        {ask(w, nurse.Session, "set_roles", &identityv1.SetRolesRequest{Id: nurse.Person.Id, Roles: []string{auth.Clinician}}), false},
		"a nurse invites":                            {invite(nurse.Session, auth.Member), false},
		"a nurse makes a token":                      {mint(nurse.Session, auth.Member), false},
		"a nurse ends another's session":             {ask(w, nurse.Session, "revoke_session", &identityv1.RevokeSessionRequest{Id: sessionID(admin.Session)}), false},
		"a machine's role":                           {ask(w, owner.Session, "set_roles", &identityv1.SetRolesRequest{Id: nurse.Person.Id, Roles: []string{auth.PeerNode}}), false},
		"a role in an area":                          {ask(w, owner.Session, "set_roles", &identityv1.SetRolesRequest{Id: nurse.Person.Id, Roles: []string{"front-desk@ward:2"}}), true},
		"an owner of an area":                        {ask(w, owner.Session, "set_roles", &identityv1.SetRolesRequest{Id: nurse.Person.Id, Roles: []string{"owner@ward:2"}}), false},
		"a role in no area":                          {ask(w, owner.Session, "set_roles", &identityv1.SetRolesRequest{Id: nurse.Person.Id, Roles: []string{"clinician@ward: 2"}}), false},
		"an unknown role":                            {ask(w, owner.Session, "set_roles", &identityv1.SetRolesRequest{Id: nurse.Person.Id, Roles: []string{"king"}}), false},
		"the last owner stops being one":             {ask(w, owner.Session, "set_roles", &identityv1.SetRolesRequest{Id: owner.Person.Id, Roles: []string{auth.Member}}), false},
		"the last owner suspends themselves":         {ask(w, owner.Session, "suspend_person", &identityv1.SuspendPersonRequest{Id: owner.Person.Id}), false},
		"the last owner removes themselves":          {ask(w, owner.Session, "remove_person", &identityv1.RemovePersonRequest{Id: owner.Person.Id}), false},
		"an administrator makes a clinician":         {ask(w, admin.Session, "set_roles", &identityv1.SetRolesRequest{Id: nurse.Person.Id, Roles: []string{auth.Clinician}}), true},
		"an administrator resets a nurse":            {reset(admin.Session, nurse.Person.Id), true},
		"an administrator invites an administrator":  {invite(admin.Session, auth.SiteAdmin), true},
		"an owner makes an owner":                    {ask(w, owner.Session, "set_roles", &identityv1.SetRolesRequest{Id: admin.Person.Id, Roles: []string{auth.Owner}}), true},
	} {
		if (c.err == nil) != c.want {
			t.Errorf("%s: %v", name, c.err)
		}
	}
}

// The site's own commands are for its nodes, whoever asks.
func TestOwnCommandsAreForNodes(t *testing.T) {
	w := newWorld(t, 1)
	w.owner()
	for _, op := range w.mux.Ops() {
		if op.Needs != "" {
			continue
		}
		for _, who := range []edge.Actor{{Kind: edge.Person, ID: OperatorID}, {Kind: edge.Person, ID: edge.NewID().String()}, {Kind: edge.Service, ID: "x"}, {Kind: edge.Device, ID: "x"}, {}} {
			if out := w.do(edge.Command{Type: op.Name, Actor: who, Body: []byte("{}")}); out.Err == nil || out.Err.Kind != edge.Denied {
				t.Errorf("%s by %v: %v", op.Name, who.Kind, out.Err)
			}
		}
	}
}

func TestChangesOfProofsNeedAFreshOne(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	owner := w.owner()
	w.now = w.now.Add(freshFor + time.Second)
	old := w.caller(b, owner.Session)
	for name, f := range map[string]func() error{
		"password": func() error {
			_, err := b.ChangePassword(w.ctx(), old, &identityv1.ChangePasswordRequest{Password: otherPassword})
			return err
		},
		"app":     func() error { _, err := b.BeginTotp(w.ctx(), old, &identityv1.BeginTotpRequest{}); return err },
		"confirm": func() error { _, err := b.ConfirmTotp(w.ctx(), old, &identityv1.ConfirmTotpRequest{}); return err },
		"no app":  func() error { _, err := b.RemoveTotp(w.ctx(), old, &identityv1.RemoveTotpRequest{}); return err },
		"codes": func() error {
			_, err := b.RenewRecoveryCodes(w.ctx(), old, &identityv1.RenewRecoveryCodesRequest{})
			return err
		},
		"passkey": func() error { _, err := b.BeginPasskey(w.ctx(), old, &identityv1.BeginPasskeyRequest{}); return err },
		"kept":    func() error { _, err := b.FinishPasskey(w.ctx(), old, &identityv1.FinishPasskeyRequest{}); return err },
		"removed": func() error { _, err := b.RemovePasskey(w.ctx(), old, &identityv1.RemovePasskeyRequest{}); return err },
	} {
		if err := f(); !edge.IsKind(err, edge.Denied) {
			t.Errorf("%s with an old proof: %v", name, err)
		}
	}
	if _, err := b.Prove(w.ctx(), old, &identityv1.ProveRequest{Password: "wrong guess today"}); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a wrong password proves: %v", err)
	}
	if _, err := b.Prove(w.ctx(), old, &identityv1.ProveRequest{Password: goodPassword}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ChangePassword(w.ctx(), w.caller(b, owner.Session), &identityv1.ChangePasswordRequest{Password: otherPassword}); err != nil {
		t.Errorf("with a fresh proof: %v", err)
	}
}

func TestChangingThePasswordEndsOtherSessions(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	owner := w.owner()
	other, err := b.signIn(w.ctx(), "mira", goodPassword, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.ChangePassword(w.ctx(), w.caller(b, owner.Session), &identityv1.ChangePasswordRequest{Password: otherPassword}); err != nil {
		t.Fatal(err)
	}
	if !b.in(owner.Session) || b.in(other.Session) {
		t.Errorf("own session in: %v, the other: %v", b.in(owner.Session), b.in(other.Session))
	}
	if _, err := b.signIn(w.ctx(), "mira", goodPassword, ""); err == nil {
		t.Error("the old password works")
	}
}

// A short password is for use with a second proof, and keeps that proof from being removed.
func TestShortPasswords(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	owner := w.owner()
	change := func(p string) error {
		_, err := b.ChangePassword(w.ctx(), w.caller(b, owner.Session), &identityv1.ChangePasswordRequest{Password: p})
		return err
	}
	if err := change("moss-rain"); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("a short password alone: %v", err)
	}
	if has, err := b.HasSecond(w.caller(b, owner.Session)); has || err != nil {
		t.Errorf("a second proof before there is one: %v", err)
	}
	w.app(b, owner.Session)
	if has, err := b.HasSecond(w.caller(b, owner.Session)); !has || err != nil {
		t.Errorf("no second proof: %v", err)
	}
	if err := change("moss-rain"); err != nil {
		t.Fatalf("a short password beside an app: %v", err)
	}
	remove := func() error {
		_, err := b.RemoveTotp(w.ctx(), w.caller(b, owner.Session), &identityv1.RemoveTotpRequest{})
		return err
	}
	if err := remove(); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("the app goes and leaves a short password: %v", err)
	}
	if err := change(otherPassword); err != nil || remove() != nil {
		t.Errorf("with a long one: %v", err)
	}
}

func TestInvitations(t *testing.T) {
	w := newWorld(t, 2)
	b := w.nodes[0]
	owner := w.owner()
	c := w.caller(b, owner.Session)
	accept := func(code, login string) (*identityv1.SignedIn, error) {
		return b.AcceptInvitation(w.ctx(), auth.Caller{}, &identityv1.AcceptInvitationRequest{Code: code, Login: login, Password: otherPassword})
	}
	i, err := b.CreateInvitation(w.ctx(), c, &identityv1.CreateInvitationRequest{Roles: []string{auth.Clinician, auth.Member, auth.Member}, Login: "Dr.Omar"})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := w.nodes[1].ShowInvitation(w.ctx(), auth.Caller{}, &identityv1.ShowInvitationRequest{Code: i.Code})
	if err != nil || shown.Login != "dr.omar" || len(shown.Roles) != 2 {
		t.Errorf("%v, %v", shown, err)
	}
	if _, err := accept(i.Code, "mira"); err != nil {
		t.Errorf("the invitation's own name counts: %v", err)
	}
	if _, err := accept(i.Code, "mira2"); !edge.IsKind(err, edge.Denied) {
		t.Errorf("an invitation works twice: %v", err)
	}
	i, _ = b.CreateInvitation(w.ctx(), c, &identityv1.CreateInvitationRequest{})
	if _, err := accept(i.Code, "DR.OMAR"); !edge.IsKind(err, edge.Conflict) {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, err := accept(i.Code, "laila"); err != nil {
		t.Errorf("a name that was taken must not spend the invitation: %v", err)
	}
	i, _ = b.CreateInvitation(w.ctx(), c, &identityv1.CreateInvitationRequest{LifeSeconds: 3600})
	w.now = w.now.Add(time.Hour)
	if _, err := accept(i.Code, "late"); !edge.IsKind(err, edge.Denied) {
		t.Errorf("after its time: %v", err)
	}
	i, _ = b.CreateInvitation(w.ctx(), c, &identityv1.CreateInvitationRequest{})
	if err := ask(w, owner.Session, "revoke_invitation", &identityv1.RevokeInvitationRequest{Id: i.Invitation.Id}); err != nil {
		t.Fatal(err)
	}
	if _, err := accept(i.Code, "late"); !edge.IsKind(err, edge.Denied) {
		t.Errorf("taken back: %v", err)
	}
}

// Whoever lost their proofs gets new ones, and all old ones end.
func TestReset(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	owner := w.owner()
	nurse := w.join(owner, "nurse", auth.FrontDesk)
	_, codes := w.app(b, nurse.Session)
	i, err := b.ResetPerson(w.ctx(), w.caller(b, owner.Session), &identityv1.ResetPersonRequest{Id: nurse.Person.Id})
	if err != nil {
		t.Fatal(err)
	}
	if !b.in(nurse.Session) {
		t.Error("making the code ends the session already")
	}
	in, err := b.AcceptInvitation(w.ctx(), auth.Caller{}, &identityv1.AcceptInvitationRequest{Code: i.Code, Password: goodPassword})
	if err != nil || in.Person.Id != nurse.Person.Id || !b.in(in.Session) || b.in(nurse.Session) {
		t.Fatalf("%v, %v", in, err)
	}
	if _, err := b.signIn(w.ctx(), "nurse", otherPassword, codes[0]); err == nil {
		t.Error("the old proofs work")
	}
	if in, err := b.signIn(w.ctx(), "nurse", goodPassword, ""); err != nil || in.Session == "" {
		t.Errorf("the new password does not: %v, %v", in, err)
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t, 2)
	b := w.nodes[0]
	owner := w.owner()
	made, err := b.CreateToken(w.ctx(), w.caller(b, owner.Session), &identityv1.CreateTokenRequest{Name: "lab", Roles: []string{auth.Operator}, Scopes: []string{"devices.read"}, LifeSeconds: 7200})
	if err != nil {
		t.Fatal(err)
	}
	use := func() (auth.Caller, error) {
		return w.nodes[1].Authenticate(t.Context(), auth.Credentials{Bearer: made.Secret})
	}
	c, err := use()
	if err != nil || c.Kind != edge.Service || c.ID != made.Token.Id || len(c.Scopes) != 1 || c.Strength != auth.Token {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, err := b.Authenticate(t.Context(), auth.Credentials{Cookie: made.Secret}); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a service token in a cookie: %v", err)
	}
	if _, err := b.ChangePassword(w.ctx(), c, &identityv1.ChangePasswordRequest{Password: otherPassword}); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a program changes a password: %v", err)
	}
	w.now = w.now.Add(7199 * time.Second)
	if _, err := use(); err != nil {
		t.Error(err)
	}
	w.now = w.now.Add(time.Second)
	if _, err := use(); !edge.IsKind(err, edge.Denied) {
		t.Errorf("after its time: %v", err)
	}
	made, _ = b.CreateToken(w.ctx(), auth.Caller{Actor: edge.Actor{Kind: edge.Person, ID: OperatorID}}, &identityv1.CreateTokenRequest{Name: "cli", Roles: []string{auth.Owner}})
	if err := ask(w, owner.Session, "revoke_token", &identityv1.RevokeTokenRequest{Id: made.Token.Id}); err != nil {
		t.Fatal(err)
	}
	if _, err := use(); !edge.IsKind(err, edge.Denied) {
		t.Errorf("revoked: %v", err)
	}
}

func TestSweep(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	owner := w.owner()
	c := w.caller(b, owner.Session)
	for range 3 {
		in, err := b.signIn(w.ctx(), "mira", goodPassword, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := ask(w, owner.Session, "revoke_session", &identityv1.RevokeSessionRequest{Id: sessionID(in.Session)}); err != nil {
			t.Fatal(err)
		}
		b.CreateInvitation(w.ctx(), c, &identityv1.CreateInvitationRequest{})
		b.CreateToken(w.ctx(), c, &identityv1.CreateTokenRequest{Name: "x", Roles: []string{auth.Member}, LifeSeconds: 60})
	}
	w.now = w.now.Add(30 * 24 * time.Hour)
	if err := b.sweep(w.ctx()); err != nil {
		t.Fatal(err)
	}
	for k := range w.state.Rows {
		for _, p := range []string{sessions, sessionsOf, revoked, tokens, invitations} {
			if len(k) > len(p) && k[:len(p)] == p {
				t.Errorf("%s is left", k)
			}
		}
	}
	n := len(w.log)
	if err := b.sweep(w.ctx()); err != nil || len(w.log) != n {
		t.Errorf("a sweep with nothing to do costs a command: %v", err)
	}
	if s, _, _ := load[site](w.state, keySite); s.Tokens != 0 || s.Invited != 0 || s.People != 1 {
		t.Errorf("counts are %+v", s)
	}
}

func TestOldSessionsMakeRoom(t *testing.T) {
	w := newWorld(t, 1)
	w.owner()
	var first string
	for i := range MaxSessions + 2 {
		w.now = w.now.Add(time.Second)
		in, err := w.nodes[0].signIn(w.ctx(), "mira", goodPassword, "")
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = in.Session
		}
	}
	list, _ := listSessions(w.state, &identityv1.ListSessionsRequest{})
	if len(list.Sessions) != MaxSessions || w.nodes[0].in(first) {
		t.Errorf("%d sessions, the first in: %v", len(list.Sessions), w.nodes[0].in(first))
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t, 1)
	owner := w.owner()
	for i := range 24 {
		w.state.Try(func(tx edge.Tx) error {
			return addPerson(tx, person{ID: edge.NewID(), Login: fmt.Sprint("p", i), Roles: []string{auth.Member}}, proofs{})
		})
	}
	seen, after := map[string]bool{}, ""
	for pages := 0; ; pages++ {
		out, err := listPeople(w.state, &identityv1.ListPeopleRequest{PageSize: 7, PageToken: after})
		if err != nil || pages > 5 {
			t.Fatal(pages, err)
		}
		for _, p := range out.People {
			seen[p.Id] = true
		}
		if after = out.NextPageToken; after == "" {
			break
		}
	}
	if len(seen) != 25 || !seen[owner.Person.Id] {
		t.Errorf("%d people on all pages", len(seen))
	}
	out, _ := listPeople(w.state, &identityv1.ListPeopleRequest{Role: auth.Owner})
	if len(out.People) != 1 {
		t.Errorf("%d owners", len(out.People))
	}
}

func TestWhoComesHow(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	owner := w.owner()
	for name, c := range map[string]struct {
		with auth.Credentials
		kind edge.ActorKind
		err  bool
	}{
		"nothing":                      {auth.Credentials{}, edge.Nobody, false},
		"the node's own socket":        {auth.Credentials{Local: true}, edge.Person, false},
		"a session":                    {auth.Credentials{Bearer: owner.Session}, edge.Person, false},
		"a cookie":                     {auth.Credentials{Cookie: owner.Session}, edge.Person, false},
		"a bad bearer over the socket": {auth.Credentials{Bearer: "x", Local: true}, edge.Nobody, true},
		"a bad cookie beside nothing":  {auth.Credentials{Cookie: altered(owner.Session)}, edge.Nobody, true},
		"somebody's id":                {auth.Credentials{Bearer: sessionID(owner.Session)}, edge.Nobody, true},
	} {
		got, err := b.Authenticate(t.Context(), c.with)
		if got.Kind != c.kind || (err != nil) != c.err || err != nil && err.Error() != Ended().Error() {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// altered returns the token with one sign in its middle changed: every bit of that sign counts, as not every bit of the last does.
func altered(token string) string {
	b := []byte(token)
	if at := len(b) / 2; b[at] == 'A' {
		b[at] = 'B'
	} else {
		b[at] = 'A'
	}
	return string(b)
}

// Names in whatever spelling: what is kept is kept in one form, which finds itself.
func TestFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typed := rapid.String().Draw(t, "typed")
		login, err := checkLogin(typed)
		if err == nil && (Fold(login) != login || Fold(typed) != login) {
			t.Fatalf("%q came to %q, which is found by %q", typed, login, Fold(login))
		}
	})
	for typed, want := range map[string]string{"Mira": "mira", " mira.h@x ": "mira.h@x", "مريم": "مريم", "ＭＩＲＡ": "mira", "a": "", "": "", "mi ra": "", ".mira": "", "mira\u200b": "", "İ2": "i2", "mira/x": ""} {
		if got, err := checkLogin(typed); got != want || (err == nil) != (want != "") {
			t.Errorf("%q came to %q, %v", typed, got, err)
		}
	}
}

func FuzzLogin(f *testing.F) {
	f.Add("Mira")
	f.Add("\u202egnp.exe")
	f.Fuzz(func(t *testing.T, s string) {
		if login, err := checkLogin(s); err == nil && (Fold(login) != login || len(login) > maxLogin) {
			t.Errorf("%q came to %q", s, login)
		}
		checkName(s)
		checkLanguage(s)
		checkScopes([]string{s})
		checkRoles([]string{s})
		cleanAgent(s)
	})
}

// Commands are read from a log that other versions wrote: no body makes one panic.
func FuzzCommands(f *testing.F) {
	w := newWorld(f, 1)
	w.owner()
	ops := w.mux.Ops()
	f.Add(0, []byte("{}"))
	b, _ := proto.Marshal(&identityv1.SetRolesRequest{Id: "x", Roles: []string{auth.Owner}})
	f.Add(3, b)
	f.Fuzz(func(t *testing.T, n int, body []byte) {
		op := ops[(n%len(ops)+len(ops))%len(ops)]
		rows := len(w.state.Rows)
		if h, err := w.mux.Handler(op.Name); err == nil {
			w.state.By = edge.Actor{Kind: edge.Person, ID: "nobody"}
			if err := w.state.Try(func(tx edge.Tx) error { _, err := h(tx, body); return err }); err == nil || len(w.state.Rows) != rows {
				t.Errorf("%s by somebody unknown: %v", op.Name, err)
			}
		}
	})
}

func FuzzAuthenticate(f *testing.F) {
	w := newWorld(f, 1)
	in := w.owner()
	f.Add(in.Session, "")
	f.Fuzz(func(t *testing.T, bearer, cookie string) {
		c, err := w.nodes[0].Authenticate(t.Context(), auth.Credentials{Bearer: bearer, Cookie: cookie})
		if err == nil && c.Proven() && bearer != in.Session && cookie != in.Session {
			t.Errorf("%q and %q open %+v", bearer, cookie, c)
		}
	})
}
