package identity

import (
	"context"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/token"
	"github.com/aielon/edge/node/edge"
)

const (
	maxRemembered = 16 << 10 // last uses kept in memory
	tokenUse      = time.Hour
	operatorFor   = time.Minute // one request
)

// Refused is the answer to every wrong sign-in, whatever was wrong with it.
func Refused() *edge.Error {
	return edge.E(edge.Denied, "the name, the password or the code is wrong").WithHint("try again; after some wrong tries you have to wait a little")
}

// IsRefused reports whether err is what Refused answers, also where it came back from the site.
func IsRefused(err error) bool {
	e, ok := errors.AsType[*edge.Error](err)
	return ok && e.Kind == edge.Denied && e.Msg == Refused().Msg
}

// Ended is the answer to every credential that opens nothing: unknown, over, revoked, of somebody suspended.
func Ended() *edge.Error {
	return edge.E(edge.Denied, "your sign-in is not known here or has ended").WithHint("sign in again")
}

// Authenticate returns who makes a request, by what came with it: a session, a service token, a certificate, or
// the node's own socket. Where nothing came, the caller is Nobody and there is no error. It looks at the site's
// state each time, so whoever is revoked or suspended there is out at once. It fails with Denied in the same
// words for everything that is unknown, over, revoked or suspended.
func (s *Service) Authenticate(ctx context.Context, c auth.Credentials) (auth.Caller, error) {
	switch {
	case token.Is(token.Service, c.Bearer):
		return s.byToken(c.Bearer)
	case c.Bearer != "":
		return s.bySession(ctx, c.Bearer)
	case c.Cookie != "":
		return s.bySession(ctx, c.Cookie)
	case c.Certificate != nil:
		return s.byCertificate(ctx, c.Certificate)
	case c.Local:
		now := s.o.Now()
		return auth.Caller{Actor: edge.Actor{Kind: edge.Person, ID: OperatorID, Site: s.o.Site}, Roles: []string{auth.Owner},
			Strength: auth.TwoFactor, Since: now, Until: now.Add(operatorFor), Session: OperatorID}, nil
	}
	return auth.Caller{}, nil
}

func (s *Service) byCertificate(ctx context.Context, c *x509.Certificate) (auth.Caller, error) {
	if s.o.Certified == nil {
		return auth.Caller{}, Ended()
	}
	a, roles, err := s.o.Certified(ctx, c)
	if err != nil {
		return auth.Caller{}, err
	}
	return auth.Caller{Actor: a, Roles: roles, Strength: auth.Token, Since: s.o.Now(), Until: c.NotAfter, Session: a.ID}, nil
}

// bySession asks the state for the session and its person, each by one look.
func (s *Service) bySession(ctx context.Context, secret string) (caller auth.Caller, err error) {
	if !token.Is(token.Session, secret) {
		return auth.Caller{}, Ended()
	}
	id := token.IDOf(secret)
	err = s.o.View(func(v edge.View) error {
		row, p, here, err := s.standing(v, id)
		if err != nil {
			return err
		}
		if !row.Hash.Matches(secret) {
			return Ended()
		}
		used := s.uses.note(id, row.Used, s.o.Now(), row.Idle/4)
		if here {
			row.Used = used
			s.touchLocal(ctx, row)
		}
		caller = callerOf(s.o.Site, row, p, used)
		return nil
	})
	if err != nil {
		return auth.Caller{}, err
	}
	return caller, nil
}

// standing returns a session that still stands, and its person; here says that only this node knows it.
func (s *Service) standing(v edge.View, id edge.ID) (row session, p person, here bool, err error) {
	row, found, err := load[session](v, sessions+id.String())
	if err != nil {
		return row, p, false, err
	}
	if !found {
		gone, err := isRevoked(v, id)
		if err != nil {
			return row, p, false, err
		}
		if row, here = s.locals.session(id); !here || gone {
			return row, p, here, Ended()
		}
	}
	p, known, err := load[person](v, people+row.Person.String())
	if err != nil {
		return row, p, here, err
	}
	now := s.o.Now()
	row.Used = later(row.Used, s.uses.last(id))
	if !known || p.Suspended || p.Generation != row.Generation || row.over(now) || s.locals.isRevoked(id) {
		return row, p, here, Ended()
	}
	return row, p, here, nil
}

func callerOf(site string, row session, p person, used time.Time) auth.Caller {
	until := row.Until
	if idle := used.Add(row.Idle); idle.Before(until) {
		until = idle
	}
	return auth.Caller{Actor: edge.Actor{Kind: edge.Person, ID: p.ID.String(), Site: site}, Roles: p.Roles,
		Strength: row.Strength, Since: row.Proven, Until: until, Session: row.ID.String()}
}

func (s *Service) byToken(secret string) (caller auth.Caller, err error) {
	id := token.IDOf(secret)
	err = s.o.View(func(v edge.View) error {
		t, found, err := load[tokenRow](v, tokens+id.String())
		if err != nil {
			return err
		}
		now := s.o.Now()
		if !found || !t.Hash.Matches(secret) || !now.Before(t.Until) {
			return Ended()
		}
		s.uses.note(id, t.Used, now, tokenUse)
		caller = auth.Caller{Actor: edge.Actor{Kind: edge.Service, ID: t.ID.String(), Site: s.o.Site}, Roles: t.Roles, Scopes: t.Scopes,
			Strength: auth.Token, Since: t.Created, Until: t.Until, Session: t.ID.String()}
		return nil
	})
	return caller, err
}

// touchLocal keeps the last use of a session that the site does not know, now and then.
func (s *Service) touchLocal(ctx context.Context, row session) {
	if old, ok := s.locals.session(row.ID); ok && row.Used.Sub(old.Used) >= row.Idle/4 {
		if err := s.locals.touch(row); err != nil {
			s.o.Logger.WarnContext(ctx, "the last use of a session could not be kept", "session", row.ID, "error", err)
		}
	}
}

// lastUses remembers when sessions and tokens were used, so that the site is told of it now and then and not
// at each use.
type lastUses struct {
	mu   sync.Mutex // guards both
	at   map[edge.ID]time.Time
	news map[edge.ID]bool // to be told
}

func newUses() *lastUses {
	return &lastUses{at: map[edge.ID]time.Time{}, news: map[edge.ID]bool{}}
}

// note takes in a use; kept is what the site knows, and every is how old that may become. It returns the last use.
func (u *lastUses) note(id edge.ID, kept, now time.Time, every time.Duration) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.at[id]; !known && len(u.at) >= maxRemembered {
		for old := range u.at { // any: what the site knows of it is at most a quarter of the idle time old
			if !u.news[old] {
				delete(u.at, old)
				break
			}
		}
	}
	if len(u.at) < maxRemembered {
		u.at[id] = later(u.at[id], now)
		if now.Sub(kept) >= every {
			u.news[id] = true
		}
	}
	return later(kept, now)
}

func (u *lastUses) last(id edge.ID) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.at[id]
}

// take returns some uses the site is to be told of.
func (u *lastUses) take(limit int) map[edge.ID]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := map[edge.ID]time.Time{}
	for id := range u.news {
		if len(out) == limit {
			break
		}
		out[id] = u.at[id]
		delete(u.news, id)
	}
	return out
}

// forget drops what has not been used for a day: whatever it was, the site knows it, or it is over.
func (u *lastUses) forget(now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, at := range u.at {
		if now.Sub(at) > 24*time.Hour {
			delete(u.at, id)
			delete(u.news, id)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
