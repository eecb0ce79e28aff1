package auth

import (
	"crypto/x509"
	"net/netip"
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Strength says how well a caller proved who it is. Some operations need more than others.
type Strength uint8

// Strengths, weakest first.
const (
	None      Strength = iota
	Token              // something it holds: a service token, a device's secret
	Password           // something a person knows
	TwoFactor          // that, and a code from something the person holds
	Passkey            // a key in the person's hand, unlocked by the person
)

// A Caller is who makes a request, as a door proved it. Its Kind is edge.Nobody where nothing was proven.
type Caller struct {
	edge.Actor
	Roles    []string // held at this site
	Scopes   []string // permissions it is confined to; nil: whatever the roles give
	Strength Strength
	Since    time.Time // when it was proven
	Until    time.Time // when that ends
	Session  string    // public id of the session or token it came with, never its secret
}

// Proven reports whether the caller is somebody.
func (c Caller) Proven() bool { return c.Kind != edge.Nobody }

// Has reports whether the caller holds a role.
func (c Caller) Has(role string) bool { return slices.Contains(c.Roles, role) }

// Credentials are what came with a request to prove who sends it. All of it is unproven.
type Credentials struct {
	edge.Redacted

	Bearer      string            // of the Authorization header
	Cookie      string            // of the session
	Proof       *Proof            // that came with Bearer, where the Authorization header spoke of DPoP
	Certificate *x509.Certificate // of the TLS handshake, verified against the site's trust
	Peer        netip.Addr        // of the socket; forwarded headers do not count
	Local       bool              // over the node's own socket, by its own user or root
}

// A Proof is what shows that whoever sends a token holds the key it is bound to (DPoP, RFC 9449), and which request it
// came with. It is one and the same Proof for all that is asked over one request: proofs are good once.
type Proof struct {
	edge.Redacted

	JWT    string // of the DPoP header; empty where there was none, or several
	Method string
	URL    string // scheme, host and path
}
