package oidc

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aielon/edge/node/api/oauthv1"
	"github.com/aielon/edge/node/edge"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	maxAssertion  = 16 << 10 // bytes
	maxJTI        = 256      // bytes
)

// assertionAlgs are how clients may sign. SMART wants ES384 or RS384 (app-launch section "Asymmetric authentication").
func assertionAlgs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.EdDSA, jose.RS256, jose.RS384, jose.PS256}
}

// algsFor are the algorithms a public key may sign by; none where it is of a kind or a size that is not taken.
func algsFor(key any) []jose.SignatureAlgorithm {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return []jose.SignatureAlgorithm{jose.ES256}
		case elliptic.P384():
			return []jose.SignatureAlgorithm{jose.ES384}
		}
	case ed25519.PublicKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits >= minRSA && bits <= maxRSA {
			return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.PS256}
		}
	}
	return nil
}

// An assertion is what a client says to prove itself (RFC 7523 section 3).
type assertion struct {
	Issuer  string   `json:"iss"`
	Subject string   `json:"sub"`
	To      audience `json:"aud"`
	ID      string   `json:"jti"`
	Expires float64  `json:"exp"`
	Issued  float64  `json:"iat"`
	Before  float64  `json:"nbf"`
}

// prove returns the client that sends a request to an endpoint of programs: one that signed an assertion, or one that is
// registered as unable to prove itself. It fails with invalid_client in the same words whatever is wrong.
func (s *Service) prove(ctx context.Context, r *http.Request, f form) (c client, err error) {
	bad := refuse(invalidClient, "the client is not known or has not proven itself")
	if r.Header.Get("Authorization") != "" || f["client_secret"] != "" {
		return c, bad
	}
	id := f["client_id"]
	var said *jose.JSONWebSignature
	if f["client_assertion"] != "" || f["client_assertion_type"] != "" {
		if f["client_assertion_type"] != assertionType || len(f["client_assertion"]) > maxAssertion {
			return c, bad
		}
		if said, err = jose.ParseSignedCompact(f["client_assertion"], assertionAlgs()); err != nil {
			return c, bad
		}
		var a assertion
		if json.Unmarshal(said.UnsafePayloadWithoutVerification(), &a) != nil || id != "" && id != a.Issuer {
			return c, bad
		}
		id = a.Issuer // unproven until the signature is checked
	}
	err = s.o.View(func(v edge.View) (err error) { c, err = clientOf(v, id); return err })
	switch {
	case edge.IsKind(err, edge.NotFound):
		return client{}, bad
	case err != nil:
		return client{}, err
	case (said != nil) != (c.Proof == int32(oauthv1.Proof_PROOF_KEY)):
		return client{}, bad
	case said == nil:
		return c, nil
	}
	a, ok := c.verify(said)
	if !ok || !a.counts(id, s.o.Now(), s.o.Issuer, s.o.Issuer+tokenPath) {
		return client{}, bad
	}
	return c, s.useOnce(ctx, c, a)
}

// verify checks an assertion by a key of the client, in a way that is that key's own.
func (c client) verify(said *jose.JSONWebSignature) (a assertion, ok bool) {
	var set jose.JSONWebKeySet
	if len(said.Signatures) != 1 || json.Unmarshal(c.Keys, &set) != nil {
		return a, false
	}
	h := said.Signatures[0].Protected
	if typ, there := h.ExtraHeaders[jose.HeaderType]; there && typ != "JWT" && typ != "client-authentication+jwt" {
		return a, false
	}
	for _, k := range set.Keys {
		if h.KeyID != "" && k.KeyID != h.KeyID || k.Algorithm != "" && k.Algorithm != h.Algorithm || !slices.Contains(algsFor(k.Key), jose.SignatureAlgorithm(h.Algorithm)) {
			continue
		}
		if body, err := said.Verify(k.Key); err == nil {
			return a, json.Unmarshal(body, &a) == nil
		}
	}
	return a, false
}

// counts reports whether an assertion is that of a client, for one of our addresses and no other, and in time.
func (a assertion) counts(id string, now time.Time, ours ...string) bool {
	at, skew := float64(now.Unix()), clockSkew.Seconds()
	return a.Issuer == id && a.Subject == id && len(a.To) == 1 && slices.Contains(ours, a.To[0]) && a.ID != "" && len(a.ID) <= maxJTI &&
		a.Expires > at-skew && a.Expires <= at+proofLife.Seconds()+skew && a.Issued <= at+skew && a.Before <= at+skew
}

// useOnce lets an assertion count once at the whole site.
func (s *Service) useOnce(ctx context.Context, c client, a assertion) error {
	var first answer
	m := mark{Key: usedKey(c.ID, a.ID), Until: time.Unix(int64(a.Expires), 0).Add(2 * clockSkew)}
	if err := s.propose(ctx, opUse, m, &first); err != nil {
		return err
	}
	if !first.Good {
		return refuse(invalidClient, "the assertion was used before")
	}
	return nil
}
