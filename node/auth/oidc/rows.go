package oidc

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/aielon/edge/node/auth/token"
	"github.com/aielon/edge/node/edge"
)

// Limits on a site, on one person and on one client.
const (
	MaxClients   = 200
	MaxGrants    = 50  // of one person; the oldest ends when one more is given
	MaxOwnGrants = 128 // of one client that acts for itself, each of eleven minutes
	maxUsed      = 512 // assertions of one client that are remembered, each for some minutes
)

// Kinds of secrets.
const (
	codeKind    token.Kind = "aec_" // an authorization code
	refreshKind token.Kind = "aer_"
)

// A client is a program that was registered.
type client struct {
	ID        edge.ID         `json:"id"`
	Name      string          `json:"name"`
	Redirects []string        `json:"redirects,omitempty"`
	Native    bool            `json:"native,omitempty"` // its loopback addresses stand for any port
	Proof     int32           `json:"proof"`            // oauthv1.Proof
	Keys      json.RawMessage `json:"keys,omitempty"`   // public, a JWK set
	Scopes    []string        `json:"scopes"`
	Roles     []string        `json:"roles,omitempty"`
	Bound     bool            `json:"bound,omitempty"`
	Created   time.Time       `json:"created"`
	By        string          `json:"by"`
}

// A grant is what somebody let a client do, from the authorization code to the last refresh token. It is the consent,
// and the family of its refresh tokens: of them only the current one's id is kept.
type grant struct {
	edge.Redacted

	ID         string    `json:"id"`
	Client     edge.ID   `json:"client"`
	Person     string    `json:"person,omitempty"`     // empty: the client acts for itself
	Generation uint64    `json:"generation,omitempty"` // of the person
	Session    string    `json:"session,omitempty"`    // of the person, with which the grant ends; empty where it outlives it
	Scopes     string    `json:"scopes"`
	Issuer     string    `json:"issuer"` // the address under which it was given; its tokens name it
	Created    time.Time `json:"created"`
	Until      time.Time `json:"until"`         // nothing of it counts afterwards
	Code       edge.ID   `json:"code,omitzero"` // token.IDOf the authorization code
	CodeUntil  time.Time `json:"code_until,omitzero"`
	CodeUsed   time.Time `json:"code_used,omitzero"`
	Redirect   string    `json:"redirect,omitempty"`  // where the code was sent
	Challenge  string    `json:"challenge,omitempty"` // of PKCE, S256
	Nonce      string    `json:"nonce,omitempty"`
	Offline    bool      `json:"offline,omitempty"` // refresh tokens are given out
	Refresh    edge.ID   `json:"refresh,omitzero"`  // token.IDOf the current one
	RefreshEnd time.Time `json:"refresh_end,omitzero"`
	Key        string    `json:"key,omitempty"` // thumbprint of the key its tokens are bound to
	Launch     Context   `json:"launch,omitzero"`
	Proven     time.Time `json:"proven,omitzero"` // when the person proved who they are
}

// Context is what a SMART app is started in.
type Context struct {
	Patient   string `json:"patient,omitempty"`
	Encounter string `json:"encounter,omitempty"`
	User      string `json:"user,omitempty"` // the person's own resource, "Practitioner/123"
}

const (
	clientRows = "o/c/" // client by id
	grantRows  = "o/g/" // grant by id
	grantsOf   = "o/p/" // person/grant
	ownGrants  = "o/m/" // client/grant, of clients that act for themselves
	voidRows   = "o/v/" // an access token that was revoked, by its id
	usedRows   = "o/j/" // client/a signed assertion that was used
	keysRow    = "o/k"  // the signing keys, sealed
	endRows    = "o/e/" // when a row ends: time, its key
)

func load[T any](v edge.View, key string) (row T, found bool, err error) {
	b, err := v.Get([]byte(key))
	if edge.IsKind(err, edge.NotFound) {
		return row, false, nil
	} else if err != nil {
		return row, false, err
	}
	if err := json.Unmarshal(b, &row); err != nil {
		return row, false, edge.E(edge.Corrupt, "a row of OAuth cannot be read: %w", err)
	}
	return row, true, nil
}

func save(tx edge.Tx, key string, row any) error {
	b, err := json.Marshal(row)
	if err != nil {
		return edge.E(edge.Internal, "a row of OAuth cannot be kept: %w", err)
	}
	tx.Set([]byte(key), b)
	return nil
}

// saveUntil keeps a row that ends, and notes its end for the sweep.
func saveUntil(tx edge.Tx, key string, row any, until time.Time) error {
	tx.Set([]byte(endKey(until, key)), []byte{1})
	return save(tx, key, row)
}

// endKey sorts by time.
func endKey(until time.Time, key string) string {
	return endRows + stamp(until) + "/" + key
}

func stamp(t time.Time) string {
	const layout = "20060102150405"
	return t.UTC().Format(layout)
}

// usedKey names one use of an assertion. Clients choose its id, so it is hashed.
func usedKey(client edge.ID, jti string) string {
	h := sha256.Sum256([]byte("aielon-edge/oidc/used/1\x00" + jti))
	return usedRows + client.String() + "/" + hex.EncodeToString(h[:16])
}

// plainID reports whether a text may stand in a key: what others sent is not trusted to.
func plainID(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	})
}

// digest is base64url(SHA-256), as ath, jkt and PKCE have it.
func digest(s string) string {
	h := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(h[:])
}
