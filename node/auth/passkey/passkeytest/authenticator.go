// Package passkeytest is an authenticator in memory, as a browser and a phone are together, for tests.
package passkeytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// An Authenticator holds one passkey. Its fields may be changed to make it misbehave.
type Authenticator struct {
	Origin   string // of the page
	RPID     string
	ID       []byte
	Handle   []byte // the person it was made for
	Count    uint32 // of signatures; it counts up by itself unless Still
	Still    bool
	Unlocked bool // its person unlocked it
	key      *ecdsa.PrivateKey
}

// New makes an authenticator that stands before a page.
func New(origin, rpid string) (*Authenticator, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	id := make([]byte, 32)
	rand.Read(id)
	return &Authenticator{Origin: origin, RPID: rpid, ID: id, Unlocked: true, key: key}, nil
}

type options struct {
	Challenge string `json:"challenge"`
	User      struct {
		ID string `json:"id"`
	} `json:"user"`
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *Authenticator) read(in []byte, typ string) (o options, client []byte, err error) {
	if err := json.Unmarshal(in, &o); err != nil {
		return o, nil, fmt.Errorf("options: %w", err)
	}
	client, err = json.Marshal(map[string]any{"type": typ, "challenge": o.Challenge, "origin": a.Origin, "crossOrigin": false})
	return o, client, err
}

func (a *Authenticator) data(flags byte, rest []byte) []byte {
	rp := sha256.Sum256([]byte(a.RPID))
	if a.Unlocked {
		flags |= 0x04
	}
	b := append(append([]byte{}, rp[:]...), flags|0x01)
	b = binary.BigEndian.AppendUint32(b, a.Count)
	if !a.Still {
		a.Count++
	}
	return append(b, rest...)
}

// Register answers the options of a registration.
func (a *Authenticator) Register(in []byte) ([]byte, error) {
	o, client, err := a.read(in, "webauthn.create")
	if err != nil {
		return nil, err
	}
	if a.Handle, err = base64.RawURLEncoding.DecodeString(o.User.ID); err != nil {
		return nil, err
	}
	point, err := a.key.PublicKey.Bytes() // 4 | x | y
	if err != nil {
		return nil, err
	}
	cose, err := cbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	if err != nil {
		return nil, err
	}
	attested := make([]byte, 16, 128) // AAGUID
	attested = binary.BigEndian.AppendUint16(attested, uint16(len(a.ID)))
	attested = append(append(attested, a.ID...), cose...)
	object, err := cbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": a.data(0x40, attested)})
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"id": b64(a.ID), "rawId": b64(a.ID), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(client), "attestationObject": b64(object), "transports": []string{"internal"}}})
}

// SignIn answers the options of a sign-in.
func (a *Authenticator) SignIn(in []byte) ([]byte, error) {
	_, client, err := a.read(in, "webauthn.get")
	if err != nil {
		return nil, err
	}
	data := a.data(0, nil)
	sum := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), sum[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"id": b64(a.ID), "rawId": b64(a.ID), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(sig), "userHandle": b64(a.Handle)}})
}
