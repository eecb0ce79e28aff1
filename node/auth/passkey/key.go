package passkey

import (
	"bytes"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/aielon/edge/node/edge"
)

// user is a Person in the library's words.
type user struct {
	edge.Redacted
	p Person
}

func (u user) WebAuthnID() []byte          { return u.p.ID[:] }
func (u user) WebAuthnName() string        { return u.p.Login }
func (u user) WebAuthnDisplayName() string { return u.p.Name }

func (u user) WebAuthnCredentials() []webauthn.Credential {
	out := make([]webauthn.Credential, 0, len(u.p.Keys))
	for _, k := range u.p.Keys {
		c := webauthn.Credential{ID: k.ID, PublicKey: k.Public, AttestationType: "none", AttestationFormat: "none",
			Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: k.Synced, BackupState: k.BackedUp},
			Authenticator: webauthn.Authenticator{AAGUID: k.Model, SignCount: k.Count}}
		for _, t := range k.Transport {
			c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
		}
		out = append(out, c)
	}
	return out
}

func keyOf(c *webauthn.Credential, now time.Time) Key {
	k := Key{ID: c.ID, Public: c.PublicKey, Count: c.Authenticator.SignCount, Synced: c.Flags.BackupEligible, BackedUp: c.Flags.BackupState, Model: c.Authenticator.AAGUID, Made: now}
	for _, t := range c.Transport {
		if len(k.Transport) < 8 && len(t) <= 16 {
			k.Transport = append(k.Transport, string(t))
		}
	}
	return k
}

// used is the person's key that c is, as it is after this use.
func (p Person) used(c *webauthn.Credential, now time.Time) Key {
	for _, k := range p.Keys {
		if bytes.Equal(k.ID, c.ID) {
			k.Count, k.BackedUp, k.Used = c.Authenticator.SignCount, c.Flags.BackupState, now
			return k
		}
	}
	return keyOf(c, now)
}

// Refused is the answer to every passkey that does not open anything.
func Refused() *edge.Error {
	return edge.E(edge.Denied, "the passkey was not accepted").WithHint("try again, or sign in another way")
}

func unreadable(err error) error {
	return over(edge.E(edge.Invalid, "the browser's answer cannot be read").WithHint("try again with another browser"), err)
}

func tooLong() error {
	return edge.E(edge.Invalid, "the browser's answer may have %d bytes", maxResponse)
}

// over keeps what the library says for the operator; people are told no details of it.
func over(e *edge.Error, err error) *edge.Error {
	e.Err = err
	return e
}

func clip(s string) string {
	if len(s) <= 100 {
		return s
	}
	return strings.ToValidUTF8(s[:100], "") + "…"
}
