package passkey

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/aielon/edge/node/edge"
)

const (
	// Life is how long a person has to touch the authenticator.
	Life         = 5 * time.Minute
	maxSpent     = 4096 // ceremonies that were finished within Life
	challengeLen = 32
	sealedLen    = 1 + 8 + challengeLen + sha256.Size
)

// A purpose keeps the challenge of one ceremony from serving another.
type purpose byte

const (
	forRegister purpose = 1
	forSignIn   purpose = 2
)

// A sealer hands challenges out with our signature and takes each of them back once. It remembers only those
// that were answered with a good signature of a registered key, so strangers cannot fill it.
type sealer struct {
	edge.Redacted

	key [32]byte // of this process

	mu    sync.Mutex // guards spent
	spent map[string]time.Time
}

func newSealer() *sealer {
	s := &sealer{spent: map[string]time.Time{}}
	rand.Read(s.key[:])
	return s
}

// close returns the ceremony for a challenge: purpose, end, challenge and our signature.
func (s *sealer) close(p purpose, challenge string, now time.Time) string {
	raw, err := base64.RawURLEncoding.DecodeString(challenge)
	if err != nil {
		return "" // never: the library has just encoded it
	}
	b := binary.BigEndian.AppendUint64([]byte{byte(p)}, uint64(now.Add(Life).Unix()))
	b = append(b, raw...)
	return base64.RawURLEncoding.EncodeToString(append(b, s.sign(b)...))
}

// open returns the challenge of a ceremony that was begun here for p, is not over and was not finished.
func (s *sealer) open(p purpose, ceremony string, now time.Time) (challenge string, err error) {
	again := edge.E(edge.Denied, "this took too long, or was finished before").WithHint("begin again")
	if len(ceremony) != base64.RawURLEncoding.EncodedLen(sealedLen) {
		return "", again
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(ceremony)
	if err != nil || !hmac.Equal(s.sign(b[:sealedLen-sha256.Size]), b[sealedLen-sha256.Size:]) || b[0] != byte(p) {
		return "", again
	}
	if now.Unix() >= int64(binary.BigEndian.Uint64(b[1:])) {
		return "", again
	}
	s.mu.Lock()
	_, spent := s.spent[ceremony]
	s.mu.Unlock()
	if spent {
		return "", again
	}
	return base64.RawURLEncoding.EncodeToString(b[9 : 9+challengeLen]), nil
}

// spend makes sure that a ceremony is finished once, also where the same answer comes twice at one time.
func (s *sealer) spend(ceremony string, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, spent := s.spent[ceremony]; spent {
		return edge.E(edge.Denied, "this was finished before").WithHint("begin again")
	}
	if len(s.spent) >= maxSpent {
		for c, end := range s.spent {
			if now.After(end) {
				delete(s.spent, c)
			}
		}
	}
	if len(s.spent) >= maxSpent {
		return edge.E(edge.Exhausted, "too many people are signing in at this moment").WithHint("try again in a minute")
	}
	s.spent[ceremony] = now.Add(Life + time.Minute)
	return nil
}

func (s *sealer) sign(b []byte) []byte {
	m := hmac.New(sha256.New, s.key[:])
	m.Write([]byte("aielon-edge/passkey/1\x00"))
	m.Write(b)
	return m.Sum(nil)
}

// session is what the library wants to know of a ceremony begun before.
func (r *Relying) session(p purpose, ceremony string, now time.Time) (webauthn.SessionData, error) {
	challenge, err := r.seal.open(p, ceremony, now)
	return webauthn.SessionData{Challenge: challenge, RelyingPartyID: r.w.Config.RPID, UserVerification: protocol.VerificationRequired}, err
}
