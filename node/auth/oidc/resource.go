package oidc

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aielon/edge/node/api/oauthv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/token"
	"github.com/aielon/edge/node/edge"
)

// serveRevoke ends an access token, or a refresh token with all that came of its grant (RFC 7009). What does not count
// anyhow is no error.
func (s *Service) serveRevoke(ctx context.Context, _ *http.Request, a asking) (any, error) {
	if err := a.form.need("token"); err != nil {
		return nil, err
	}
	text, notYours := a.form["token"], refuse(invalidGrant, "the token was given to another client")
	if id, ours := s.grantIn(refreshKind, text); ours {
		g, good, err := s.grant(id)
		switch {
		case err != nil || !good:
			return nil, err
		case g.Client != a.client.ID:
			return nil, notYours
		}
		return nil, s.revoked(ctx, g, opEnd, ending{Grant: g.ID})
	}
	c, g, err := s.lookUp(text)
	switch {
	case edge.IsKind(err, edge.Denied):
		return nil, nil
	case err != nil:
		return nil, err
	case g.Client != a.client.ID:
		return nil, notYours
	}
	return nil, s.revoked(ctx, g, opVoid, mark{Key: voidRows + c.ID, Until: time.Unix(c.Expires, 0).Add(clockSkew)})
}

func (s *Service) revoked(ctx context.Context, g grant, op string, in any) error {
	if err := s.propose(ctx, op, in, nil); err != nil {
		return err
	}
	return s.o.Note(ctx, Note{What: "oauth.token_revoked", Client: g.Client.String(), Person: g.Person, Grant: g.ID})
}

// lookUp returns what an access token says, if it counts. It fails with Denied where it does not.
func (s *Service) lookUp(text string) (c claims, g grant, err error) {
	err = s.o.View(func(v edge.View) (err error) { c, g, err = s.check(v, text); return err })
	return c, g, err
}

// introspection is what a client is told of a token of its own (RFC 7662 section 2.2).
type introspection struct {
	Active  bool     `json:"active"`
	Scope   string   `json:"scope,omitempty"`
	Client  string   `json:"client_id,omitempty"`
	Type    string   `json:"token_type,omitempty"`
	Expires int64    `json:"exp,omitempty"`
	Issued  int64    `json:"iat,omitempty"`
	Subject string   `json:"sub,omitempty"`
	To      audience `json:"aud,omitempty"`
	Issuer  string   `json:"iss,omitempty"`
	ID      string   `json:"jti,omitempty"`
	Confirm *confirm `json:"cnf,omitempty"`
	Patient string   `json:"patient,omitempty"`
}

// serveIntrospect answers only clients that can prove themselves, and only about their own tokens.
func (s *Service) serveIntrospect(_ context.Context, _ *http.Request, a asking) (any, error) {
	if a.client.Proof != int32(oauthv1.Proof_PROOF_KEY) {
		return nil, refuse(invalidClient, "only clients that prove themselves may ask this")
	}
	if err := a.form.need("token"); err != nil {
		return nil, err
	}
	text := a.form["token"]
	if id, ours := s.grantIn(refreshKind, text); ours {
		g, good, err := s.grant(id)
		if err != nil || !good || g.Client != a.client.ID || g.Refresh != token.IDOf(text) || s.o.Now().After(g.RefreshEnd) {
			return introspection{}, err
		}
		return introspection{Active: true, Scope: g.Scopes, Client: g.Client.String(), Expires: g.RefreshEnd.Unix(), Subject: g.subject(), Issuer: g.Issuer, Patient: g.Launch.Patient}, nil
	}
	c, g, err := s.lookUp(text)
	if edge.IsKind(err, edge.Denied) || err == nil && g.Client != a.client.ID {
		return introspection{}, nil
	} else if err != nil {
		return nil, err
	}
	out := introspection{Active: true, Scope: c.Scope, Client: c.Client, Type: "Bearer", Expires: c.Expires, Issued: c.Issued, Subject: c.Subject, To: c.To, Issuer: c.Issuer, ID: c.ID, Confirm: c.Confirm, Patient: c.Patient}
	if c.Confirm != nil {
		out.Type = "DPoP"
	}
	return out, nil
}

// serveUser tells a client who its token is about (OpenID Connect Core section 5.3).
func (s *Service) serveUser(w http.ResponseWriter, r *http.Request) {
	out, err := s.user(r)
	if err == nil {
		send(w, http.StatusOK, out)
		return
	}
	if edge.IsKind(err, edge.Denied) {
		err = refuse(invalidToken, "the token does not count")
	}
	f := s.failed(r.Context(), userinfoPath, "", err)
	w.Header().Add("WWW-Authenticate", `Bearer error="`+f.code+`", error_description="`+f.text+`"`)
	w.Header().Add("WWW-Authenticate", `DPoP error="`+f.code+`", algs="`+strings.Join(names(dpopAlgs()), " ")+`"`)
	sendFault(w, f)
}

func (s *Service) user(r *http.Request) (any, error) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	who := auth.Credentials{Bearer: strings.TrimSpace(text)}
	switch {
	case strings.EqualFold(scheme, "dpop"):
		who.Proof = &auth.Proof{Method: r.Method, URL: s.o.Issuer + userinfoPath, JWT: onlyHeader(r)}
	case !strings.EqualFold(scheme, "bearer"):
		return nil, refuse(invalidToken, "an access token is needed in the Authorization header")
	}
	var c claims
	var g grant
	err := s.o.View(func(v edge.View) (err error) { c, g, err = s.shown(v, who); return err })
	if err != nil {
		return nil, err
	}
	if g.Person == "" || !has(c.Scope, scopeOpenID) {
		return nil, refuse(narrowScope, "the scope openid is needed")
	}
	out := map[string]string{"sub": g.Person}
	if user := s.fhirUser(g, c.Scope); user != "" {
		out["fhirUser"] = user
	}
	return out, nil
}
