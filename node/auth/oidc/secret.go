package oidc

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"github.com/aielon/edge/node/auth/token"
	"github.com/aielon/edge/node/edge"
)

// tagBytes is the length of a tag: 128 bits, which nobody guesses over a network.
const tagBytes = 16

// tag is a MAC by a key that the nodes of the site share.
func (s *Service) tag(use string, parts ...string) (string, error) {
	key, err := hkdf.Key(sha256.New, s.o.Secret(), nil, "aielon-edge/oidc/tags/1", 32)
	if err != nil {
		return "", edge.E(edge.Internal, "the key of the tags cannot be made: %w", err)
	}
	m := hmac.New(sha256.New, key)
	for _, p := range append([]string{use}, parts...) {
		m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		m.Write([]byte(p))
	}
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:tagBytes]), nil
}

func (s *Service) tagged(given, use string, parts ...string) bool {
	want, err := s.tag(use, parts...)
	return err == nil && subtle.ConstantTimeCompare([]byte(given), []byte(want)) == 1
}

// newSecret makes an authorization code or a refresh token. It names its grant and carries a tag: one that was replaced
// long ago is still known to be ours, and the site keeps a row for none of them.
func (s *Service) newSecret(k token.Kind, grant string) (string, error) {
	text := token.New(k) + "." + grant
	tag, err := s.tag("secret", text)
	return text + "." + tag, err
}

// grantIn returns the grant that a secret names, if this site made it.
func (s *Service) grantIn(k token.Kind, secret string) (grant string, ok bool) {
	if len(secret) > maxText {
		return "", false
	}
	parts := strings.Split(secret, ".")
	if len(parts) != 3 || !token.Is(k, parts[0]) || !plainID(parts[1]) {
		return "", false
	}
	return parts[1], s.tagged(parts[2], "secret", parts[0]+"."+parts[1])
}

// A journey is a person's way through signing in: when it began, and how often they were sent.
type journey struct {
	began time.Time
	sent  byte
}

// write seals a journey for one request.
func (s *Service) writeJourney(j journey, request string) (string, error) {
	b := append(binary.BigEndian.AppendUint64(nil, uint64(j.began.Unix())), j.sent)
	text := base64.RawURLEncoding.EncodeToString(b)
	tag, err := s.tag("journey", text, request)
	return text + "." + tag, err
}

// readJourney returns the zero journey for whatever this site did not write for this request, or too long ago.
func (s *Service) readJourney(given, request string) journey {
	text, tag, _ := strings.Cut(given, ".")
	if !s.tagged(tag, "journey", text, request) {
		return journey{}
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 9 {
		return journey{}
	}
	j := journey{time.Unix(int64(binary.BigEndian.Uint64(b)), 0), b[8]}
	if age := s.o.Now().Sub(j.began); age < -clockSkew || age > askFor {
		return journey{}
	}
	return j
}
