package oidc

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/edge"
)

const (
	maxToken    = 4 << 10 // bytes
	maxVerified = 4096    // tokens whose signature is remembered to be good
)

// claims are what an access token says (RFC 9068).
type claims struct {
	ID      string   `json:"jti"`
	Issuer  string   `json:"iss"`
	Subject string   `json:"sub"`
	Client  string   `json:"client_id"`
	To      audience `json:"aud"`
	Scope   string   `json:"scope"`
	Issued  int64    `json:"iat"`
	Expires int64    `json:"exp"`
	Grant   string   `json:"grant"`
	Confirm *confirm `json:"cnf,omitempty"`
	// In whose record a SMART app works.
	Patient   string `json:"patient,omitempty"`
	Encounter string `json:"encounter,omitempty"`
}

// confirm names the key a token is bound to (RFC 9449 section 6).
type confirm struct {
	Key string `json:"jkt"`
}

func (c claims) key() string {
	if c.Confirm == nil {
		return ""
	}
	return c.Confirm.Key
}

// An audience is one text or a list of them (RFC 7519 section 4.1.3).
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// IsToken reports whether a bearer has the form of an access token of ours, and not of a session or a service token.
func IsToken(bearer string) bool {
	return strings.HasPrefix(bearer, "ey") && strings.Count(bearer, ".") == 2
}

// parse takes the token apart and checks its signature: ES384 and nothing else, by a key of the site.
func parse(text string, keys []signer) (c claims, ok bool) {
	if len(text) > maxToken {
		return c, false
	}
	t, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES384})
	if err != nil || len(t.Signatures) != 1 {
		return c, false
	}
	h := t.Signatures[0].Protected
	if typ, _ := h.ExtraHeaders[jose.HeaderType].(string); typ != "at+jwt" {
		return c, false
	}
	i := slices.IndexFunc(keys, func(k signer) bool { return k.ID == h.KeyID })
	if i < 0 {
		return c, false
	}
	body, err := t.Verify(keys[i].private.Public())
	return c, err == nil && json.Unmarshal(body, &c) == nil
}

// inTime reports whether a token counts at a time.
func (c claims) inTime(now time.Time) bool {
	return now.Unix() < c.Expires && c.Issued <= now.Add(clockSkew).Unix() && c.Expires-c.Issued <= int64(accessMost/time.Second)
}

// check returns what a token says, if it counts: signed by the site, in time, for this site, of a grant that stands, of
// a client that is there, not revoked. It fails with Denied in the same words whatever is wrong with it.
func (s *Service) check(v edge.View, text string) (c claims, g grant, err error) {
	keys, err := s.ring.open(v, s.o.Now())
	if edge.IsKind(err, edge.Unavailable) {
		return c, g, identity.Ended() // no keys, no tokens
	} else if err != nil {
		return c, g, err
	}
	c, ok := s.good.claims(text, keys)
	if !ok || !c.inTime(s.o.Now()) || !plainID(c.ID) {
		return c, g, identity.Ended()
	}
	g, good, err := standing(v, c.Grant)
	if err != nil {
		return c, g, err
	}
	if !good || c.Issuer != g.Issuer || !slices.Contains(c.To, g.Issuer) || c.Client != g.Client.String() || c.key() != g.Key {
		return c, g, identity.Ended()
	}
	if _, err := clientOf(v, c.Client); err != nil {
		return c, g, endedOr(err)
	}
	_, void, err := load[time.Time](v, voidRows+c.ID)
	if err == nil && void {
		err = identity.Ended()
	}
	return c, g, err
}

func endedOr(err error) error {
	if edge.IsKind(err, edge.NotFound) {
		return identity.Ended()
	}
	return err
}

// Authenticate returns whom an access token lets act: the person who granted it, or the client itself, confined to the
// scopes of the token. Like a session it is looked up in the site's state each time. It fails with Denied in the words of
// identity.Ended for whatever does not count.
func (s *Service) Authenticate(_ context.Context, c auth.Credentials) (caller auth.Caller, err error) {
	err = s.o.View(func(v edge.View) error {
		t, g, err := s.shown(v, c)
		if err != nil {
			return err
		}
		caller, err = s.caller(v, t, g)
		return err
	})
	if err != nil {
		return auth.Caller{}, err
	}
	return caller, nil
}

// shown checks a token together with the proof that came with it: one is needed where the token is bound to a key, and
// none is taken where it is not.
func (s *Service) shown(v edge.View, c auth.Credentials) (t claims, g grant, err error) {
	if t, g, err = s.check(v, c.Bearer); err != nil {
		return t, g, err
	}
	if (g.Key != "") != (c.Proof != nil) || c.Proof != nil && !s.proven(c, g.Key, time.Unix(t.Expires, 0)) {
		return t, g, identity.Ended()
	}
	return t, g, nil
}

func (s *Service) caller(v edge.View, t claims, g grant) (auth.Caller, error) {
	out := auth.Caller{Actor: edge.Actor{Kind: edge.Service, ID: t.Client, Site: s.o.Site}, Scopes: permissions(t.Scope), Strength: auth.Token,
		Since: time.Unix(t.Issued, 0), Until: time.Unix(t.Expires, 0), Session: g.ID}
	if g.Person == "" {
		c, err := clientOf(v, t.Client)
		out.Roles = c.Roles
		return out, endedOr(err)
	}
	p, err := identity.Who(v, g.Person)
	out.Kind, out.ID, out.Roles = edge.Person, p.ID, p.Roles
	return out, endedOr(err)
}

// verified remembers which tokens had a good signature, since to check one takes about a millisecond. What they are
// worth is looked up each time.
type verified struct {
	mu  sync.Mutex // guards all
	all map[[32]byte]claims
}

func newVerified() *verified { return &verified{all: map[[32]byte]claims{}} }

func (r *verified) claims(text string, keys []signer) (claims, bool) {
	id := sha256.Sum256([]byte(text))
	r.mu.Lock()
	c, ok := r.all[id]
	r.mu.Unlock()
	if ok {
		return c, true
	}
	if c, ok = parse(text, keys); !ok {
		return c, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) >= maxVerified {
		clear(r.all)
	}
	r.all[id] = c
	return c, true
}
