package identity

import (
	"context"
	"time"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/lockout"
	"github.com/aielon/edge/node/auth/password"
	"github.com/aielon/edge/node/auth/token"
	"github.com/aielon/edge/node/edge"
)

// EnsureSetup makes the code by which the first administrator comes in, where the site has nobody yet and no
// code that counts. It returns an empty code where there is one or somebody. Print it once; only its hash is kept.
func (s *Service) EnsureSetup(ctx context.Context) (code string, err error) {
	need := false
	err = s.o.View(func(v edge.View) error {
		row, _, err := load[site](v, keySite)
		need = row.People == 0 && (row.Setup.IsZero() || !s.o.Now().Before(row.SetupUntil))
		return err
	})
	if err != nil || !need {
		return "", err
	}
	code, err = s.setupCode(ctx, false)
	if edge.IsKind(err, edge.Conflict) {
		return "", nil // another node was first
	}
	return code, err
}

// RenewSetup makes another set-up code, for whoever has the box and lost the first one. It fails with Conflict
// where somebody has set the site up.
func (s *Service) RenewSetup(ctx context.Context, c auth.Caller) (code string, err error) {
	if c.Kind != edge.Person || c.ID != OperatorID {
		return "", edge.E(edge.Denied, "this can be done on the box only")
	}
	return s.setupCode(ctx, true)
}

// SetupNeeded reports whether the site has nobody yet.
func (s *Service) SetupNeeded() (need bool, err error) {
	err = s.o.View(func(v edge.View) error {
		row, _, err := load[site](v, keySite)
		need = row.People == 0
		return err
	})
	return need, err
}

func (s *Service) setupCode(ctx context.Context, renew bool) (string, error) {
	code := token.NewCode(token.OneTime())
	_, err := s.propose(ctx, opSetupCode, setup{Hash: setupHash(code), Renew: renew})
	if err != nil {
		return "", err
	}
	return code, nil
}

func setupHash(code string) token.Hash           { return token.HashOf("setup\x00" + code) }
func inviteID(code string) edge.ID               { return token.IDOf("invitation\x00" + code) }
func inviteHash(code string) token.Hash          { return token.HashOf("invitation\x00" + code) }
func (s *Service) words(more ...string) []string { return append(more, s.o.Site, s.o.SiteName()) }

// typedCode reads a one-time code and counts the try against the caller's address.
func (s *Service) typedCode(ctx context.Context, typed string) (code string, try *lockout.Try, err error) {
	code, err = token.ParseCode(token.OneTime(), typed)
	if err != nil {
		return "", nil, err
	}
	try, err = s.codes.Enter(lockout.Caller{Account: inviteID(code).String(), Addr: auth.RequestOf(ctx).Peer}, s.o.Now())
	return code, try, err
}

// SetUp makes the first administrator by the set-up code.
func (s *Service) SetUp(ctx context.Context, _ auth.Caller, in *identityv1.SetUpRequest) (*identityv1.SignedIn, error) {
	code, try, err := s.typedCode(ctx, in.Code)
	if err != nil {
		return nil, err
	}
	err = s.o.View(func(v edge.View) error {
		row, _, err := load[site](v, keySite)
		if err == nil && (row.People > 0 || row.Setup != setupHash(code) || !s.o.Now().Before(row.SetupUntil)) {
			err = wrongCode()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	try.Right()
	p, x, err := s.newPerson(ctx, in.Login, in.DisplayName, in.Language, in.Password)
	if err != nil {
		return nil, err
	}
	secret, row := s.session(ctx, p, going{strength: auth.Password})
	out, err := s.propose(ctx, opSetUp, setup{Hash: setupHash(code), Person: p, Proofs: x, Session: opening{Session: row}})
	if err != nil {
		return nil, err
	}
	p.Roles, p.Created = []string{auth.Owner}, row.Created
	return s.welcome(ctx, out.Index, p, row, secret, in.Cookie)
}

// newPerson makes somebody out of what was typed, with the password hashed on this node.
func (s *Service) newPerson(ctx context.Context, login, name, language, pass string) (p person, x proofs, err error) {
	p.ID = edge.NewID()
	if p.Login, err = checkLogin(login); err != nil {
		return p, x, err
	}
	if err = describe(&p, &name, &language); err != nil {
		return p, x, err
	}
	x.Password, err = s.judged(ctx, pass, password.Rules{Mine: s.words(p.Login, p.Name)})
	p.Password = true
	return p, x, err
}

func (s *Service) judged(ctx context.Context, pass string, r password.Rules) (string, error) {
	if err := r.Judge(pass); err != nil {
		return "", err
	}
	return s.hasher.Hash(ctx, pass)
}

// welcome answers with a new person's first session once this node's view knows them.
func (s *Service) welcome(ctx context.Context, index uint64, p person, row session, secret string, cookie bool) (*identityv1.SignedIn, error) {
	wait, cancel := context.WithTimeout(ctx, decideFor)
	defer cancel()
	if err := s.shows(wait, index); err != nil {
		return nil, err
	}
	return s.signedIn(ctx, p, row, secret, cookie, false)
}

// invitation finds an invitation that counts by its code.
func (s *Service) invitation(ctx context.Context, typed string) (i invitation, try *lockout.Try, err error) {
	code, try, err := s.typedCode(ctx, typed)
	if err != nil {
		return i, nil, err
	}
	err = s.o.View(func(v edge.View) error {
		row, found, err := load[invitation](v, invitations+inviteID(code).String())
		if err == nil && (!found || row.Hash != inviteHash(code) || !s.o.Now().Before(row.Until)) {
			err = wrongCode()
		}
		i = row
		return err
	})
	return i, try, err
}

// ShowInvitation shows what an invitation is for.
func (s *Service) ShowInvitation(ctx context.Context, _ auth.Caller, in *identityv1.ShowInvitationRequest) (*identityv1.Invitation, error) {
	i, try, err := s.invitation(ctx, in.Code)
	if err != nil {
		return nil, err
	}
	try.Void()
	return showInvitation(i), nil
}

// AcceptInvitation takes an invitation up.
func (s *Service) AcceptInvitation(ctx context.Context, _ auth.Caller, in *identityv1.AcceptInvitationRequest) (*identityv1.SignedIn, error) {
	i, try, err := s.invitation(ctx, in.Code)
	if err != nil {
		return nil, err
	}
	try.Right()
	login := in.Login
	if i.Login != "" {
		login = i.Login
	}
	p, x, err := s.newPerson(ctx, login, in.DisplayName, in.Language, in.Password)
	if err != nil {
		return nil, err
	}
	p.Roles = i.Roles
	if !i.Person.IsZero() {
		if p, _, err = s.look(i.Person); err != nil {
			return nil, wrongCode()
		}
		p.TOTP, p.Passkeys, p.Password = false, 0, true
	}
	secret, row := s.session(ctx, p, going{strength: auth.Password})
	out, err := s.propose(ctx, opAccept, accepting{ID: i.ID, Hash: i.Hash, Person: p, Proofs: x, Session: opening{Session: row}})
	if err != nil {
		return nil, err
	}
	if p.Created.IsZero() {
		p.Created = row.Created
	}
	return s.welcome(ctx, out.Index, p, row, secret, in.Cookie)
}

// CreateInvitation invites somebody.
func (s *Service) CreateInvitation(ctx context.Context, c auth.Caller, in *identityv1.CreateInvitationRequest) (*identityv1.NewInvitation, error) {
	life := time.Duration(in.LifeSeconds) * time.Second
	if life == 0 {
		life = inviteLife
	}
	return s.invite(ctx, c, invitation{Roles: in.Roles, Login: in.Login}, life)
}

// ResetPerson makes a code by which a person chooses new proofs.
func (s *Service) ResetPerson(ctx context.Context, c auth.Caller, in *identityv1.ResetPersonRequest) (*identityv1.NewInvitation, error) {
	id, err := edge.ParseID(in.Id)
	if err != nil {
		return nil, edge.E(edge.NotFound, "there is no such person")
	}
	return s.invite(ctx, c, invitation{Person: id}, resetLife)
}

func (s *Service) invite(ctx context.Context, c auth.Caller, i invitation, life time.Duration) (*identityv1.NewInvitation, error) {
	if life < time.Minute || life > maxInviteLife {
		return nil, edge.E(edge.Invalid, "an invitation may be good for a minute to %d days", int(maxInviteLife.Hours()/24))
	}
	code, now := token.NewCode(token.OneTime()), s.o.Now()
	i.ID, i.Hash, i.Created, i.Until, i.By = inviteID(code), inviteHash(code), now, now.Add(life), c.ID
	out, err := s.propose(ctx, opInvite, inviting{i, c.Actor})
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, decideFor)
	defer cancel()
	if err := s.shows(wait, out.Index); err != nil {
		return nil, err
	}
	err = s.o.View(func(v edge.View) (err error) { i, _, err = load[invitation](v, invitations+i.ID.String()); return err })
	return &identityv1.NewInvitation{Invitation: showInvitation(i), Code: code}, err
}

// CreateToken makes a service token.
func (s *Service) CreateToken(ctx context.Context, c auth.Caller, in *identityv1.CreateTokenRequest) (*identityv1.NewToken, error) {
	life := time.Duration(in.LifeSeconds) * time.Second
	if life == 0 {
		life = tokenLife
	}
	if life < time.Minute || life > maxTokenLife {
		return nil, edge.E(edge.Invalid, "a token may be good for a minute to %d days", int(maxTokenLife.Hours()/24))
	}
	secret, now := token.New(token.Service), s.o.Now()
	t := tokenRow{ID: token.IDOf(secret), Hash: token.HashOf(secret), Name: in.Name, Roles: in.Roles, Scopes: in.Scopes, Created: now, Until: now.Add(life), By: c.ID}
	if _, err := s.propose(ctx, opToken, tokening{t, c.Actor}); err != nil {
		return nil, err
	}
	return &identityv1.NewToken{Token: showToken(t), Secret: secret}, nil
}
