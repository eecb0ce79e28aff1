package oidc

import (
	"context"
	"encoding/json"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aielon/edge/node/edge"
)

// tokens are the answer of the token endpoint (RFC 6749 section 5.1), with what SMART adds (app-launch section "Response to
// the token request").
type tokens struct {
	Access    string `json:"access_token"`
	Type      string `json:"token_type"`
	Expires   int    `json:"expires_in"` // seconds
	Scope     string `json:"scope"`
	Refresh   string `json:"refresh_token,omitempty"`
	ID        string `json:"id_token,omitempty"`
	Patient   string `json:"patient,omitempty"`
	Encounter string `json:"encounter,omitempty"`
	Banner    bool   `json:"need_patient_banner,omitempty"`
}

// issue signs tokens and records that they were given out. Without the record there are none.
func (s *Service) issue(ctx context.Context, g grant, scopes, refresh string, withID bool) (any, error) {
	list, err := s.keys(ctx)
	if err != nil {
		return nil, err
	}
	k, now := signing(list, s.o.Now()), s.o.Now()
	out := tokens{Type: "Bearer", Expires: int(accessLife / time.Second), Scope: scopes, Refresh: refresh, Patient: g.Launch.Patient, Encounter: g.Launch.Encounter,
		Banner: g.Launch.Patient != "" && (has(scopes, scopePatient) || has(scopes, scopeLaunch))}
	if g.Key != "" {
		out.Type = "DPoP"
	}
	c := claims{ID: newID(), Issuer: g.Issuer, Subject: g.subject(), Client: g.Client.String(), To: audience{g.Issuer}, Scope: scopes,
		Issued: now.Unix(), Expires: now.Add(accessLife).Unix(), Grant: g.ID, Patient: g.Launch.Patient, Encounter: g.Launch.Encounter}
	if g.Key != "" {
		c.Confirm = &confirm{g.Key}
	}
	if out.Access, err = k.sign("at+jwt", c); err != nil {
		return nil, err
	}
	if withID {
		if out.ID, err = k.sign("JWT", s.idClaims(g, scopes, now)); err != nil {
			return nil, err
		}
	}
	return out, s.o.Note(ctx, Note{What: "oauth.token_issued", Client: g.Client.String(), Person: g.Person, Grant: g.ID})
}

func (g grant) subject() string {
	if g.Person == "" {
		return g.Client.String()
	}
	return g.Person
}

// idToken is what a client is told of who signed in (OpenID Connect Core section 2).
type idToken struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	To       string `json:"aud"`
	Issued   int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	AuthTime int64  `json:"auth_time,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	User     string `json:"fhirUser,omitempty"`
}

func (s *Service) idClaims(g grant, scopes string, now time.Time) idToken {
	t := idToken{Issuer: g.Issuer, Subject: g.Person, To: g.Client.String(), Issued: now.Unix(), Expires: now.Add(accessLife).Unix(), Nonce: g.Nonce, User: s.fhirUser(g, scopes)}
	if !g.Proven.IsZero() {
		t.AuthTime = g.Proven.Unix()
	}
	return t
}

func (s *Service) fhirUser(g grant, scopes string) string {
	if g.Launch.User == "" || !has(scopes, scopeUser) {
		return ""
	}
	return s.o.Issuer + s.o.FHIR + "/" + g.Launch.User
}

// sign makes a JSON Web Token of a type that no other use of the key has.
func (k signer) sign(typ string, says any) (string, error) {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: jose.JSONWebKey{Key: k.private, KeyID: k.ID}}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", edge.E(edge.Internal, "a token cannot be signed: %w", err)
	}
	b, err := json.Marshal(says)
	if err != nil {
		return "", edge.E(edge.Internal, "a token cannot be written: %w", err)
	}
	signed, err := s.Sign(b)
	if err != nil {
		return "", edge.E(edge.Internal, "a token cannot be signed: %w", err)
	}
	return signed.CompactSerialize()
}
