package identity

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/lockout"
	"github.com/aielon/edge/node/auth/passkey"
	"github.com/aielon/edge/node/auth/password"
	"github.com/aielon/edge/node/edge"
)

const (
	portalIdle   = 12 * time.Hour
	portalUntil  = 7 * 24 * time.Hour
	briefIdle    = 15 * time.Minute
	briefUntil   = 12 * time.Hour
	freshFor     = 10 * time.Minute // how old a proof may be for a change of proofs
	decideFor    = 3 * time.Second  // for the site to decide a sign-in before the node does it alone
	tellEvery    = 5 * time.Second
	useEvery     = time.Minute
	sweepEvery   = time.Hour
	backgroundTo = 30 * time.Second
)

// Options are what a Service stands on.
type Options struct {
	Site     string                                        // the site's name
	SiteName func() string                                 // what people call it; nil: Site
	Node     edge.NodeID                                   // this node, which proposes
	View     func(func(edge.View) error) error             // calls with a view that is good for the length of the call
	Propose  edge.Proposer                                 // of the site
	Deciding func() bool                                   // the site can decide just now, as far as known; nil: it always can
	Applied  func(ctx context.Context, index uint64) error // returns once View shows an index; nil: View is asked again and again
	Local    Local                                         // rows of this node's own store
	Now      func() time.Time                              // the time that certificates are judged by; nil: time.Now
	Passkeys func() *passkey.Relying                       // nil, or returns nil: this node has no name for passkeys
	// Certified finds whom a certificate that TLS has checked stands for, and the roles; nil: nobody. It is asked for
	// each request, and fails with Denied where the certificate counts no more.
	Certified func(context.Context, *x509.Certificate) (edge.Actor, []string, error)
	Passwords *password.Hasher // nil: one of password.Standard
	Logger    *slog.Logger
}

// A Service is identity at one node: the methods by which people sign in and manage themselves, and the
// Authenticator of all doors.
type Service struct {
	o         Options
	hasher    *password.Hasher
	passwords *lockout.Guard
	codes     *lockout.Guard
	locals    *locals
	uses      *lastUses
	tickets   *tickets
	pending   *pendingTOTP
	wake      chan struct{} // has one value when there may be something to tell the site
}

// New makes a Service. It reads what this node decided alone and has not told the site yet.
func New(o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Deciding == nil {
		o.Deciding = func() bool { return true }
	}
	if o.Passkeys == nil {
		o.Passkeys = func() *passkey.Relying { return nil }
	}
	if o.SiteName == nil {
		o.SiteName = func() string { return o.Site }
	}
	if o.Passwords == nil {
		o.Passwords = password.NewHasher(password.Standard())
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l, err := openLocals(o.Local)
	if err != nil {
		return nil, err
	}
	return &Service{o: o, hasher: o.Passwords, passwords: lockout.New(), codes: lockout.New(), locals: l, uses: newUses(),
		tickets: newTickets(), pending: newPending(), wake: make(chan struct{}, 1)}, nil
}

// propose has the site carry out one of this node's own commands.
func (s *Service) propose(ctx context.Context, op string, in any) (edge.Outcome, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return edge.Outcome{}, edge.E(edge.Internal, "a command cannot be encoded: %w", err)
	}
	out, err := s.o.Propose.Propose(ctx, edge.Command{ID: edge.NewID(), Type: op, Body: body,
		Actor: edge.Actor{Kind: edge.Node, ID: s.o.Node.String(), Site: s.o.Site}})
	if err == nil && out.Err != nil {
		err = out.Err
	}
	return out, err
}

// open keeps a session: by the site, or by this node alone where the site cannot decide just now. x is what
// proves the person, as far as this node knows. offline says that this node decided.
func (s *Service) open(ctx context.Context, o opening, x proofs) (offline bool, err error) {
	if s.o.Deciding() {
		decide, cancel := context.WithTimeout(ctx, decideFor)
		_, err := s.propose(decide, opOpen, o)
		cancel()
		if err == nil || !edge.IsKind(err, edge.Unavailable) {
			return false, err
		}
		// Whether the command gets through is not known. If it does, the site keeps the very same session.
	}
	if ctx.Err() != nil {
		return false, edge.E(edge.Unavailable, "the sign-in was given up: %w", ctx.Err())
	}
	o.Was, o.Now = "", ""
	if err := s.locals.keep(o, x); err != nil {
		return false, err
	}
	s.nudge()
	return true, nil
}

// Version moves whenever this node decides something alone, or what it decided has become the site's.
func (s *Service) Version() uint64 { return s.locals.version() }

func (s *Service) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run tells the site what this node decided alone and when sessions were used, and removes what has ended,
// until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	t := time.NewTicker(tellEvery)
	defer t.Stop()
	var used, swept time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		case <-s.wake:
		}
		now := time.Now()
		if !s.o.Deciding() {
			continue
		}
		s.background(ctx, s.tellOffline)
		if now.Sub(used) >= useEvery {
			used = now
			s.background(ctx, s.tellUses)
		}
		if now.Sub(swept) >= sweepEvery {
			swept = now
			s.uses.forget(s.o.Now())
			s.background(ctx, s.sweep)
		}
	}
}

func (s *Service) background(ctx context.Context, f func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, backgroundTo)
	defer cancel()
	if err := f(ctx); err != nil && !edge.IsKind(err, edge.Unavailable) {
		s.o.Logger.WarnContext(ctx, "the site could not be told about sessions", "error", err)
	}
}

// tellOffline tells the site what this node decided alone, and forgets it once this node's own view shows it:
// in between, nobody may be signed out for a moment.
func (s *Service) tellOffline(ctx context.Context) error {
	for !s.locals.empty() {
		t := s.locals.some()
		out, err := s.propose(ctx, opTold, t)
		if err != nil {
			return err
		}
		if err := s.shows(ctx, out.Index); err != nil {
			return err
		}
		if err := s.locals.forget(t); err != nil {
			return err
		}
	}
	return nil
}

// shows waits until this node's view holds an index.
func (s *Service) shows(ctx context.Context, index uint64) error {
	if s.o.Applied != nil {
		return s.o.Applied(ctx, index)
	}
	for {
		at := uint64(0)
		if err := s.o.View(func(v edge.View) error { at = v.Index(); return nil }); err != nil || at >= index {
			return err
		}
		select {
		case <-ctx.Done():
			return edge.E(edge.Unavailable, "this node is behind the site: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Service) tellUses(ctx context.Context) error {
	for {
		u := uses{Sessions: map[edge.ID]time.Time{}, Tokens: map[edge.ID]time.Time{}}
		taken := s.uses.take(maxUses)
		if len(taken) == 0 {
			return nil
		}
		err := s.o.View(func(v edge.View) error {
			for id, at := range taken {
				if _, err := v.Get([]byte(tokens + id.String())); err == nil {
					u.Tokens[id] = at
				} else {
					u.Sessions[id] = at
				}
			}
			return nil
		})
		if err == nil {
			_, err = s.propose(ctx, opTouch, u)
		}
		if err != nil {
			return err // they come again with their next use
		}
	}
}

// sweep asks for a sweep where there is something to remove.
func (s *Service) sweep(ctx context.Context) error {
	need := false
	err := s.o.View(func(v edge.View) error {
		now := s.o.Now()
		n, err := due(v, now)
		need = n > 0
		return err
	})
	if err != nil || !need {
		return err
	}
	_, err = s.propose(ctx, opSweep, none{})
	return err
}

// person loads a person and what proves them, less what this node knows to be used up.
func (s *Service) person(v edge.View, id edge.ID) (p person, x proofs, err error) {
	if p, err = loadPerson(v, id); err != nil {
		return p, x, err
	}
	if x, err = loadProofs(v, id); err != nil {
		return p, x, err
	}
	return p, s.locals.used(x, id), nil
}

// devices signs the cookies of known browsers.
func (s *Service) devices(v edge.View) (lockout.Devices, error) {
	row, _, err := load[site](v, keySite)
	return lockout.Devices{Key: row.Devices}, err
}

// me is the id of a caller that is a person of this site.
func me(c auth.Caller) (edge.ID, error) {
	if c.Kind == edge.Person {
		if id, err := edge.ParseID(c.ID); err == nil {
			return id, nil
		}
	}
	return edge.ID{}, edge.E(edge.Denied, "only a person who signed in may do this")
}

// ErrStale lies beneath the refusal of a proof that is too old.
var ErrStale = errors.New("the proof is too old")

// fresh refuses changes of proofs to callers who proved themselves too long ago: a screen left open is not
// enough to take an account over.
func (s *Service) fresh(c auth.Caller) (edge.ID, error) {
	id, err := me(c)
	if err != nil {
		return id, err
	}
	if c.Strength < auth.Password || s.o.Now().Sub(c.Since) > freshFor {
		e := edge.E(edge.Denied, "this needs a proof that is not older than %d minutes", int(freshFor.Minutes())).WithHint("enter your password again")
		e.Err = ErrStale
		return id, e
	}
	return id, nil
}
