package oidc

import (
	"context"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"

	"github.com/aielon/edge/node/auth/token"
	"github.com/aielon/edge/node/edge"
)

// An asking is a request of a client that has proven itself as far as it can.
type asking struct {
	edge.Redacted

	client client
	form   form
	proof  proof // zero: there was none
}

// serveToken is the token endpoint (RFC 6749 section 3.2).
func (s *Service) serveToken(ctx context.Context, r *http.Request, a asking) (any, error) {
	if err := a.form.need("grant_type"); err != nil {
		return nil, err
	}
	var err error
	if a.proof, err = s.proofAtToken(r); err != nil {
		return nil, err
	}
	if a.client.Bound && a.proof.key == "" {
		return nil, refuse(invalidProof, "tokens of this client are bound to a key: send a DPoP proof")
	}
	if err := s.forUs(a.form); err != nil {
		return nil, err
	}
	switch kind := a.form["grant_type"]; {
	case kind == "authorization_code" && len(a.client.Redirects) > 0:
		return s.redeem(ctx, a)
	case kind == "refresh_token" && len(a.client.Redirects) > 0:
		return s.refresh(ctx, a)
	case kind == "client_credentials" && len(a.client.Roles) > 0:
		return s.forItself(ctx, a)
	case slices.Contains(grantTypes(), kind):
		return nil, refuse(notThisClient, "this client may not use "+kind)
	}
	return nil, refuse(wrongGrantType, "this grant_type is not known")
}

func grantTypes() []string {
	return []string{"authorization_code", "refresh_token", "client_credentials"}
}

// redeem changes an authorization code into tokens. A code is spent by the first try: one that comes from the wrong
// client, with the wrong verifier or again has been stolen, and all that came of it ends (RFC 9700 section 4.5).
func (s *Service) redeem(ctx context.Context, a asking) (any, error) {
	if err := a.form.need("code", "redirect_uri", "code_verifier"); err != nil {
		return nil, err
	}
	bad := refuse(invalidGrant, "the code does not count, or not for this client")
	id, ours := s.grantIn(codeKind, a.form["code"])
	if !ours {
		return nil, bad
	}
	g, good, err := s.grant(id)
	if err != nil || !good {
		return nil, orErr(err, bad)
	}
	if !g.fits(a) || s.o.Now().After(g.CodeUntil) {
		if err := s.propose(ctx, opEnd, ending{Grant: g.ID, Reused: true}, nil); err != nil {
			return nil, err
		}
		return nil, bad
	}
	if err := s.spend(a.proof); err != nil {
		return nil, err
	}
	in := redemption{Grant: g.ID, Secret: token.IDOf(a.form["code"]), Key: a.proof.key}
	return s.give(ctx, a, g, opRedeem, in, g.Scopes)
}

// fits reports whether a code comes from whom it was given for, the way it was asked for.
func (g grant) fits(a asking) bool {
	verifier := a.form["code_verifier"]
	same := subtle.ConstantTimeCompare([]byte(g.Challenge), []byte(digest(verifier))) == 1
	return same && unreserved(verifier, 43, 128) && g.Client == a.client.ID && g.Redirect == a.form["redirect_uri"] && (g.Key == "" || g.Key == a.proof.key)
}

// refresh changes a refresh token into new tokens. It works once; whoever comes second ends the family.
func (s *Service) refresh(ctx context.Context, a asking) (any, error) {
	if err := a.form.need("refresh_token"); err != nil {
		return nil, err
	}
	bad := refuse(invalidGrant, "the refresh token does not count, or not for this client")
	id, ours := s.grantIn(refreshKind, a.form["refresh_token"])
	if !ours {
		return nil, bad
	}
	g, good, err := s.grant(id)
	if err != nil || !good || g.Client != a.client.ID {
		return nil, orErr(err, bad)
	}
	if g.Key != a.proof.key {
		return nil, refuse(invalidProof, "this grant is bound to another key, or to none")
	}
	scopes := g.Scopes
	if list := strings.Fields(a.form["scope"]); len(list) > 0 {
		if slices.ContainsFunc(list, func(scope string) bool { return !has(g.Scopes, scope) }) {
			return nil, refuse(invalidScope, "a refresh cannot widen what was granted")
		}
		scopes = strings.Join(distinct(list), " ")
	}
	if err := s.spend(a.proof); err != nil {
		return nil, err
	}
	return s.give(ctx, a, g, opRefresh, redemption{Grant: g.ID, Secret: token.IDOf(a.form["refresh_token"]), Key: g.Key}, scopes)
}

// forItself gives a token to a client that acts without a person.
func (s *Service) forItself(ctx context.Context, a asking) (any, error) {
	scopes, err := a.client.mayAsk(a.form["scope"])
	if err != nil {
		return nil, err
	}
	for _, scope := range scopes {
		if sm, isSmart := parseSmart(scope); isSmart && sm.level != "system" || slices.Contains(plainScopes(), scope) {
			return nil, refuse(invalidScope, clip(scope)+" needs a person")
		}
	}
	if err := s.spend(a.proof); err != nil {
		return nil, err
	}
	g := grant{ID: newID(), Client: a.client.ID, Scopes: strings.Join(scopes, " "), Issuer: s.o.Issuer, Key: a.proof.key, Until: s.o.Now().Add(accessMost + clockSkew)}
	if err := s.propose(ctx, opGrant, g, nil); err != nil {
		return nil, err
	}
	return s.issue(ctx, g, g.Scopes, "", false)
}

// give has the site decide whether a code or a refresh token is still there, and gives out what it stands for.
func (s *Service) give(ctx context.Context, a asking, g grant, op string, in redemption, scopes string) (any, error) {
	fresh, err := "", error(nil)
	if g.Offline {
		if fresh, err = s.newSecret(refreshKind, g.ID); err != nil {
			return nil, err
		}
		in.Refresh, in.Until = token.IDOf(fresh), s.o.Now().Add(refreshLife)
	}
	var still answer
	if err := s.propose(ctx, op, in, &still); err != nil {
		return nil, err
	}
	if !still.Good {
		return nil, refuse(invalidGrant, "this was used before or does not count any more")
	}
	g.Key = in.Key
	return s.issue(ctx, g, scopes, fresh, op == opRedeem && has(scopes, scopeOpenID))
}

// grant looks one up, and reports whether it counts.
func (s *Service) grant(id string) (g grant, good bool, err error) {
	err = s.o.View(func(v edge.View) (err error) { g, good, err = standing(v, id); return err })
	return g, good && s.o.Now().Before(g.Until), err
}

func orErr(err error, otherwise *fault) error {
	if err != nil {
		return err
	}
	return otherwise
}
