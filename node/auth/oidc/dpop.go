package oidc

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

const maxSeen = 16 << 10 // proofs that are remembered at a node

// dpopAlgs are how proofs may be signed.
func dpopAlgs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, jose.RS256, jose.RS384, jose.PS256, jose.PS384}
}

// proofKey reports whether a key a stranger brings along costs no more to check than any other.
func proofKey(key any) bool {
	if k, ok := key.(*rsa.PublicKey); ok {
		return k.N.BitLen() >= minRSA && k.N.BitLen() <= maxRSA
	}
	return true
}

// A proof is what a DPoP proof says (RFC 9449 section 4.2).
type proof struct {
	edge.Redacted

	ID     string  `json:"jti"`
	Method string  `json:"htm"`
	URL    string  `json:"htu"`
	Token  string  `json:"ath"`
	Issued float64 `json:"iat"`
	key    string  // thumbprint of the key that signed it
}

// parseProof takes a proof apart and checks its signature by the key it brings along.
func parseProof(text string) (p proof, ok bool) {
	if text == "" || len(text) > maxToken {
		return p, false
	}
	t, err := jose.ParseSignedCompact(text, dpopAlgs())
	if err != nil || len(t.Signatures) != 1 {
		return p, false
	}
	h := t.Signatures[0].Protected
	typ, _ := h.ExtraHeaders[jose.HeaderType].(string)
	if typ != "dpop+jwt" || h.JSONWebKey == nil || !h.JSONWebKey.Valid() || !h.JSONWebKey.IsPublic() || !proofKey(h.JSONWebKey.Key) {
		return p, false
	}
	body, err := t.Verify(h.JSONWebKey.Key)
	if err != nil || json.Unmarshal(body, &p) != nil || p.ID == "" || len(p.ID) > maxJTI || math.Abs(p.Issued) > 1e12 {
		return p, false
	}
	thumb, err := h.JSONWebKey.Thumbprint(crypto.SHA256)
	p.key = base64.RawURLEncoding.EncodeToString(thumb)
	return p, err == nil
}

// onlyHeader is the proof of a request; none where there are two, which would leave open which counts.
func onlyHeader(r *http.Request) string {
	if given := r.Header.Values("Dpop"); len(given) == 1 {
		return given[0]
	}
	return ""
}

// proofAtToken reads the proof of a request to the token endpoint (RFC 9449 section 5). It is zero where there is none.
func (s *Service) proofAtToken(r *http.Request) (p proof, err error) {
	if len(r.Header.Values("Dpop")) == 0 {
		return p, nil
	}
	p, ok := parseProof(onlyHeader(r))
	if !ok || p.Method != http.MethodPost || !sameURL(p.URL, s.o.Issuer+tokenPath) || !s.fresh(p) {
		return proof{}, refuse(invalidProof, "the DPoP proof does not count for this request")
	}
	return p, nil
}

// spend lets a proof at the token endpoint count once, when all else about the request is good.
func (s *Service) spend(p proof) error {
	if p.key == "" {
		return nil
	}
	now := s.o.Now()
	if !s.seen.first(p.id(), &auth.Proof{Method: http.MethodPost}, true, now, now) {
		return refuse(invalidProof, "the DPoP proof was used before")
	}
	return nil
}

func (p proof) id() [32]byte { return sha256.Sum256([]byte(p.key + "\x00" + p.ID)) }

func (s *Service) fresh(p proof) bool {
	age := s.o.Now().Sub(time.Unix(int64(p.Issued), 0))
	return age > -clockSkew && age < proofLife
}

// proven reports whether a request shows that its sender holds the key a token is bound to. A proof is good for one
// request; what is asked over that request later, on a connection that stays open, is the same request.
func (s *Service) proven(c auth.Credentials, key string, until time.Time) bool {
	p, ok := parseProof(c.Proof.JWT)
	if !ok || subtle.ConstantTimeCompare([]byte(p.key), []byte(key)) != 1 || p.Token != digest(c.Bearer) ||
		p.Method != c.Proof.Method || !sameURL(p.URL, c.Proof.URL) {
		return false
	}
	return s.seen.first(p.id(), c.Proof, s.fresh(p), s.o.Now(), until)
}

// sameURL compares as RFC 9449 section 4.3 wants: without query and fragment, and without what is only spelling.
func sameURL(a, b string) bool {
	x, err := plainURL(a)
	y, err2 := plainURL(b)
	return err == nil && err2 == nil && x == y
}

func plainURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil {
		return "", err
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch {
	case scheme == "https":
		host = strings.TrimSuffix(host, ":443")
	case scheme == "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return scheme + "://" + host + u.EscapedPath(), nil
}

// seen are the proofs that came to this node. Each binds a token to one request at one address of one node, so no other
// node needs to know.
type seen struct {
	mu  sync.Mutex // guards all
	all map[[32]byte]sighting
}

type sighting struct {
	by    *auth.Proof // the request it came with
	until time.Time
}

func newSeen() *seen { return &seen{all: map[[32]byte]sighting{}} }

// first reports whether a proof came for the first time, or with the same request again.
func (r *seen) first(id [32]byte, by *auth.Proof, fresh bool, now, until time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if was, ok := r.all[id]; ok {
		return was.by == by
	}
	if !fresh {
		return false
	}
	if len(r.all) >= maxSeen {
		for k, v := range r.all {
			if now.After(v.until) {
				delete(r.all, k)
			}
		}
		if len(r.all) >= maxSeen {
			return false
		}
	}
	if soonest := now.Add(proofLife + clockSkew); until.Before(soonest) { // it must not be forgotten while it would be fresh
		until = soonest
	}
	r.all[id] = sighting{by, until}
	return true
}
