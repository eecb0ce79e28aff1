package identity

import (
	"context"
	"slices"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/password"
	"github.com/aielon/edge/node/auth/recovery"
	"github.com/aielon/edge/node/auth/totp"
	"github.com/aielon/edge/node/edge"
)

// GetMe shows who the caller is; also a program or the operator may ask.
func (s *Service) GetMe(_ context.Context, c auth.Caller, _ *identityv1.GetMeRequest) (*identityv1.Self, error) {
	out := &identityv1.Self{Roles: c.Roles, Scopes: c.Scopes, Kind: kindName(c.Kind), Id: c.ID, Site: c.Site,
		Strength: strengthName(c.Strength), Since: stamp(c.Since), Until: stamp(c.Until), Session: c.Session}
	id, err := me(c)
	if err != nil {
		return out, nil
	}
	p, x, err := s.look(id)
	if err != nil {
		return nil, err
	}
	out.Person, out.RecoveryCodes = show(p), int32(len(x.Recovery))
	return out, nil
}

// HasSecond reports whether a caller has anything besides a password to prove themselves by, so that a door
// knows whether it can ask for it. Programs and machines have not.
func (s *Service) HasSecond(c auth.Caller) (has bool, err error) {
	id, err := me(c)
	if err != nil {
		return false, nil
	}
	err = s.o.View(func(v edge.View) error {
		p, _, err := load[person](v, people+id.String())
		has = p.TOTP || p.Passkeys > 0
		return err
	})
	return has, err
}

// ChangeMe changes what the caller calls themselves.
func (s *Service) ChangeMe(ctx context.Context, c auth.Caller, in *identityv1.ChangeMeRequest) (*identityv1.Person, error) {
	id, err := me(c)
	if err != nil {
		return nil, err
	}
	if err := s.decide(ctx, opMine, description{id, in.DisplayName, in.Language}); err != nil {
		return nil, err
	}
	p, _, err := s.look(id)
	return show(p), err
}

// Prove takes a fresh proof of who the caller is, for changes that need one.
func (s *Service) Prove(ctx context.Context, c auth.Caller, in *identityv1.ProveRequest) (*identityv1.ProveResponse, error) {
	id, err := me(c)
	if err != nil {
		return nil, err
	}
	sid, err := edge.ParseID(c.Session)
	if err != nil {
		return nil, Refused()
	}
	if err := s.settle(ctx, sid); err != nil {
		return nil, err
	}
	p, x, err := s.look(id)
	if err != nil {
		return nil, err
	}
	prove := s.proveAgain
	if in.Ceremony != "" {
		prove = s.proveByPasskey
	}
	o, g, err := prove(ctx, p, x, in)
	if err != nil {
		return nil, err
	}
	o.Session = session{ID: sid, Person: id, Strength: g.strength}
	if err := s.decide(ctx, opProve, o); err != nil {
		return nil, err
	}
	g.right()
	return &identityv1.ProveResponse{Since: stamp(s.o.Now())}, nil
}

// shown is the session of a caller, once the site knows of it; none where a token asks.
func (s *Service) shown(ctx context.Context, c auth.Caller) (edge.ID, error) {
	id, err := edge.ParseID(c.Session)
	if err != nil {
		return edge.ID{}, nil
	}
	return id, s.settle(ctx, id)
}

// settle has the site know of a session that only this node knows, before a change that would otherwise end it
// or miss it.
func (s *Service) settle(ctx context.Context, id edge.ID) error {
	if _, here := s.locals.session(id); here {
		return s.tellOffline(ctx)
	}
	return nil
}

// proveAgain checks password and code under the same limits as a sign-in. The count is that of the session's
// own browser, which nobody else can raise.
func (s *Service) proveAgain(ctx context.Context, p person, x proofs, in *identityv1.ProveRequest) (o opening, g going, err error) {
	a, err := s.account(p.Login, auth.RequestOf(ctx), s.o.Now())
	if err != nil {
		return o, g, err
	}
	if g.try, err = s.passwords.Enter(a.from, s.o.Now()); err != nil {
		return o, g, err
	}
	right, _, err := s.hasher.Verify(ctx, x.Password, in.Password)
	if err != nil {
		g.try.Void()
		return o, g, err
	}
	if !right {
		return o, g, Refused()
	}
	g.strength = auth.Password
	if !x.second() {
		return o, g, nil
	}
	a.from.Account = p.ID.String()
	if g.second, err = s.codes.Enter(a.from, s.o.Now()); err != nil {
		return o, g, err
	}
	g.strength = auth.TwoFactor
	o, ok := second(p, x, in.Code, s.o.Now())
	if !ok {
		return o, g, Refused()
	}
	return o, g, nil
}

// ChangePassword gives the caller another password and ends their other sessions.
func (s *Service) ChangePassword(ctx context.Context, c auth.Caller, in *identityv1.ChangePasswordRequest) (*identityv1.ChangePasswordResponse, error) {
	id, err := s.fresh(c)
	if err != nil {
		return nil, err
	}
	p, x, err := s.look(id)
	if err != nil {
		return nil, err
	}
	rules := password.Rules{Mine: s.words(p.Login, p.Name)}
	short := false
	if x.second() {
		short = rules.Judge(in.Password) != nil
		rules.Min = password.MinSecond
	}
	kept, err := s.judged(ctx, in.Password, rules)
	if err != nil {
		return nil, err
	}
	sid, _ := edge.ParseID(c.Session)
	if err := s.settle(ctx, sid); err != nil {
		return nil, err
	}
	return &identityv1.ChangePasswordResponse{}, s.decide(ctx, opPassword, proof{Person: id, Session: sid, Password: kept, Short: short})
}

// BeginTotp makes the secret of an authenticator app. It is in this node's memory until a code confirms it.
func (s *Service) BeginTotp(_ context.Context, c auth.Caller, _ *identityv1.BeginTotpRequest) (*identityv1.BeginTotpResponse, error) {
	id, err := s.fresh(c)
	if err != nil {
		return nil, err
	}
	p, _, err := s.look(id)
	if err != nil {
		return nil, err
	}
	secret := totp.NewSecret()
	if err := s.pending.put(id, secret, s.o.Now()); err != nil {
		return nil, err
	}
	return &identityv1.BeginTotpResponse{Secret: totp.Text(secret), Uri: totp.URI(secret, s.o.SiteName(), p.Login)}, nil
}

// ConfirmTotp lets the app count once it has shown a code, and gives out recovery codes. The code is spent.
func (s *Service) ConfirmTotp(ctx context.Context, c auth.Caller, in *identityv1.ConfirmTotpRequest) (*identityv1.RecoveryCodes, error) {
	id, err := s.fresh(c)
	if err != nil {
		return nil, err
	}
	secret, ok := s.pending.get(id, s.o.Now())
	if !ok {
		return nil, edge.E(edge.Conflict, "no authenticator app is being set up, or it took too long").WithHint("begin again")
	}
	step, ok := totp.Check(secret, in.Code, 0, s.o.Now())
	if !ok {
		return nil, edge.E(edge.Invalid, "the code is not the one that the app shows now").WithHint("check that the phone's clock is right")
	}
	sid, err := s.shown(ctx, c)
	if err != nil {
		return nil, err
	}
	codes, set := recovery.New(id.String())
	if err := s.decide(ctx, opTOTP, proof{Person: id, Session: sid, Strength: auth.TwoFactor, TOTP: secret, Step: step, Recovery: set}); err != nil {
		return nil, err
	}
	s.pending.drop(id)
	return &identityv1.RecoveryCodes{Codes: codes}, nil
}

// RemoveTotp removes the authenticator app.
func (s *Service) RemoveTotp(ctx context.Context, c auth.Caller, _ *identityv1.RemoveTotpRequest) (*identityv1.RemoveTotpResponse, error) {
	id, err := s.fresh(c)
	if err != nil {
		return nil, err
	}
	return &identityv1.RemoveTotpResponse{}, s.decide(ctx, opTOTP, proof{Person: id})
}

// RenewRecoveryCodes makes new recovery codes in the place of the old.
func (s *Service) RenewRecoveryCodes(ctx context.Context, c auth.Caller, _ *identityv1.RenewRecoveryCodesRequest) (*identityv1.RecoveryCodes, error) {
	id, err := s.fresh(c)
	if err != nil {
		return nil, err
	}
	codes, set := recovery.New(id.String())
	if err := s.decide(ctx, opRecovery, proof{Person: id, Recovery: set}); err != nil {
		return nil, err
	}
	return &identityv1.RecoveryCodes{Codes: codes}, nil
}

// ListMySessions lists the caller's sessions, also those that only this node knows.
func (s *Service) ListMySessions(_ context.Context, c auth.Caller, _ *identityv1.ListMySessionsRequest) (*identityv1.ListSessionsResponse, error) {
	id, err := me(c)
	if err != nil {
		return nil, err
	}
	var all []session
	err = s.o.View(func(v edge.View) (err error) { all, err = sessionsOfPerson(v, id); return err })
	if err != nil {
		return nil, err
	}
	for _, l := range s.locals.sessionsOf(id) {
		if !slices.ContainsFunc(all, func(r session) bool { return r.ID == l.ID }) {
			all = append(all, l)
		}
	}
	current, _ := edge.ParseID(c.Session)
	out := &identityv1.ListSessionsResponse{}
	for _, r := range all {
		if r.Used = later(r.Used, s.uses.last(r.ID)); !r.over(s.o.Now()) && !s.locals.isRevoked(r.ID) {
			out.Sessions = append(out.Sessions, showSession(r, current))
		}
	}
	return out, nil
}

// RevokeMySession ends a session of the caller.
func (s *Service) RevokeMySession(ctx context.Context, c auth.Caller, in *identityv1.RevokeMySessionRequest) (*identityv1.RevokeMySessionResponse, error) {
	id, err := me(c)
	if err != nil {
		return nil, err
	}
	sid, err := edge.ParseID(in.Id)
	if err != nil {
		return nil, noSession()
	}
	own := false
	err = s.o.View(func(v edge.View) error {
		row, found, err := load[session](v, sessions+sid.String())
		if !found {
			row, found = s.locals.session(sid)
		}
		own = found && row.Person == id
		return err
	})
	if err != nil {
		return nil, err
	}
	if !own {
		return nil, noSession()
	}
	return &identityv1.RevokeMySessionResponse{}, s.end(ctx, id, sid)
}

func noSession() *edge.Error { return edge.E(edge.NotFound, "there is no such session") }

// RevokeMyOtherSessions ends all sessions of the caller but this one.
func (s *Service) RevokeMyOtherSessions(ctx context.Context, c auth.Caller, _ *identityv1.RevokeMyOtherSessionsRequest) (*identityv1.RevokeMyOtherSessionsResponse, error) {
	id, err := me(c)
	if err != nil {
		return nil, err
	}
	spare, err := edge.ParseID(c.Session)
	if err != nil {
		return nil, Refused()
	}
	if err := s.settle(ctx, spare); err != nil {
		return nil, err
	}
	return &identityv1.RevokeMyOtherSessionsResponse{}, s.decide(ctx, opDropMine, dropping{Person: id, Spare: spare})
}
