package identity

import (
	"context"
	"strings"
	"time"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/lockout"
	"github.com/aielon/edge/node/auth/token"
	"github.com/aielon/edge/node/auth/totp"
	"github.com/aielon/edge/node/edge"
)

// SignIn signs a person in by name and password. Somebody who is not known costs the same and is told the same.
func (s *Service) SignIn(ctx context.Context, _ auth.Caller, in *identityv1.SignInRequest) (*identityv1.SignedIn, error) {
	req, now := auth.RequestOf(ctx), s.o.Now()
	a, err := s.account(in.Login, req, now)
	if err != nil {
		return nil, err
	}
	try, err := s.passwords.Enter(a.from, now)
	if err != nil {
		return nil, err
	}
	right, stale, err := s.hasher.Verify(ctx, a.x.Password, in.Password)
	if err != nil {
		try.Void()
		return nil, err
	}
	if !right || a.p.Suspended {
		return nil, Refused()
	}
	g := going{person: a.p.ID, login: a.p.Login, from: a.from, try: try, brief: in.Brief, cookie: in.Cookie, strength: auth.Password}
	if stale {
		g.was = a.x.Password
		if g.now, err = s.hasher.Hash(ctx, in.Password); err != nil {
			g.was, g.now = "", "" // the next sign-in tries again
		}
	}
	switch {
	case !a.x.second():
		return s.enter(ctx, a.p, a.x, g, opening{})
	case in.Code == "":
		ticket, err := s.tickets.add(g, now)
		return &identityv1.SignedIn{Needs: "code", Ticket: ticket}, err
	}
	return s.code(ctx, a.p, a.x, g, in.Code)
}

// FinishSignIn goes on where SignIn asked for a code.
func (s *Service) FinishSignIn(ctx context.Context, _ auth.Caller, in *identityv1.FinishSignInRequest) (*identityv1.SignedIn, error) {
	g, err := s.tickets.take(in.Ticket, s.o.Now())
	if err != nil {
		return nil, err
	}
	p, x, err := s.look(g.person)
	if err != nil || p.Suspended {
		return nil, Refused()
	}
	out, err := s.code(ctx, p, x, g, in.Code)
	if err == nil {
		s.tickets.drop(in.Ticket)
	}
	return out, err
}

// code checks the second proof. Wrong codes are counted apart from wrong passwords, and by person: whoever
// knows the password cannot begin the count anew by entering it again.
func (s *Service) code(ctx context.Context, p person, x proofs, g going, typed string) (*identityv1.SignedIn, error) {
	from := g.from
	from.Account = p.ID.String()
	try, err := s.codes.Enter(from, s.o.Now())
	if err != nil {
		return nil, err
	}
	o, ok := second(p, x, typed, s.o.Now())
	if !ok {
		return nil, Refused()
	}
	g.strength, g.second = auth.TwoFactor, try
	return s.enter(ctx, p, x, g, o)
}

// second finds what a typed code would use up.
func second(p person, x proofs, typed string, now time.Time) (o opening, ok bool) {
	step, isCode := totp.Check(x.TOTP, typed, x.Step, now)
	found, isRecovery := x.Recovery.Find(p.ID.String(), typed)
	switch {
	case isCode:
		o.Step = step
	case isRecovery:
		o.Code = found
	}
	return o, isCode || isRecovery
}

// An account is whom somebody says they are: known or not, it is treated alike.
type account struct {
	edge.Redacted

	p    person
	x    proofs
	from lockout.Caller
}

func (s *Service) account(typed string, req auth.Request, now time.Time) (a account, err error) {
	login := Fold(typed)
	if len(login) > maxLogin {
		login = login[:maxLogin] // nobody is called so
	}
	err = s.o.View(func(v edge.View) error {
		p, found, err := personByLogin(v, login)
		if err != nil {
			return err
		}
		if found && len(login) <= maxLogin {
			if a.p, a.x, err = s.person(v, p.ID); err != nil {
				return err
			}
		}
		d, err := s.devices(v)
		a.from = lockout.Caller{Account: login, Device: d.Known(req.Device, login, now), Addr: req.Peer}
		return err
	})
	return a, err
}

func (s *Service) look(id edge.ID) (p person, x proofs, err error) {
	err = s.o.View(func(v edge.View) (err error) {
		p, x, err = s.person(v, id)
		return err
	})
	return p, x, err
}

// enter keeps the session of somebody whose proofs are all right, and answers with it.
func (s *Service) enter(ctx context.Context, p person, x proofs, g going, o opening) (*identityv1.SignedIn, error) {
	secret, row := s.session(ctx, p, g)
	o.Session, o.Was, o.Now = row, g.was, g.now
	offline, err := s.open(ctx, o, x)
	if err != nil {
		return nil, err
	}
	g.right()
	return s.signedIn(ctx, p, row, secret, g.cookie, offline)
}

// session makes a session for a person, not kept yet.
func (s *Service) session(ctx context.Context, p person, g going) (secret string, row session) {
	now := s.o.Now()
	secret = token.New(token.Session)
	row = session{ID: token.IDOf(secret), Hash: token.HashOf(secret), Person: p.ID, Generation: p.Generation, Strength: g.strength,
		Created: now, Proven: now, Used: now, Until: now.Add(portalUntil), Idle: portalIdle, Agent: cleanAgent(auth.RequestOf(ctx).Agent)}
	if g.brief || clinical(p.Roles) {
		row.Until, row.Idle = now.Add(briefUntil), briefIdle
	}
	return secret, row
}

// clinical reports whether a person's roles open health records, so that a screen left alone must close soon.
func clinical(roles []string) bool {
	for _, r := range roles {
		if name, _, _ := strings.Cut(r, "@"); name == auth.Clinician {
			return true
		}
	}
	return false
}

// signedIn hands a session out: as cookies where the door has them and was asked to, or in the answer.
func (s *Service) signedIn(ctx context.Context, p person, row session, secret string, cookie, offline bool) (*identityv1.SignedIn, error) {
	s.uses.note(row.ID, row.Used, row.Used, row.Idle) // by this node's clock, whatever the site's says
	out := &identityv1.SignedIn{Until: stamp(row.Until), IdleSeconds: int64(row.Idle / time.Second), Person: show(p), Offline: offline}
	var d lockout.Devices
	if err := s.o.View(func(v edge.View) (err error) { d, err = s.devices(v); return err }); err != nil {
		return nil, err
	}
	device := ""
	if len(d.Key) > 0 {
		device = d.Issue(p.Login, row.Created)
	}
	if grant := auth.RequestOf(ctx).Grant; cookie && grant != nil {
		grant(auth.Grant{Session: secret, Until: row.Until, Device: device, Known: row.Created.Add(lockout.DeviceLife)})
		return out, nil
	}
	out.Session, out.Device = secret, device
	return out, nil
}

// SignOut ends the session it is called with, also where the site cannot be told yet.
func (s *Service) SignOut(ctx context.Context, c auth.Caller, _ *identityv1.SignOutRequest) (*identityv1.SignOutResponse, error) {
	who, err := me(c)
	if err != nil {
		return nil, err
	}
	id, err := edge.ParseID(c.Session)
	if err != nil {
		return nil, Refused()
	}
	if err := s.end(ctx, who, id); err != nil {
		return nil, err
	}
	if grant := auth.RequestOf(ctx).Grant; grant != nil {
		grant(auth.Grant{})
	}
	return &identityv1.SignOutResponse{}, nil
}

// end ends one session of a person: here at once, and at the site now or later.
func (s *Service) end(ctx context.Context, who, id edge.ID) error {
	_, here := s.locals.session(id)
	if s.o.Deciding() && !here {
		decide, cancel := context.WithTimeout(ctx, decideFor)
		defer cancel()
		out, err := s.propose(decide, opDropMine, dropping{Person: who, One: id})
		if err == nil {
			err = s.shows(decide, out.Index)
		}
		if err == nil || !edge.IsKind(err, edge.Unavailable) {
			return err
		}
	}
	err := s.locals.revoke(id)
	s.nudge()
	return err
}
