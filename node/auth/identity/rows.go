package identity

import (
	"encoding/json"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/passkey"
	"github.com/aielon/edge/node/auth/recovery"
	"github.com/aielon/edge/node/auth/token"
	"github.com/aielon/edge/node/edge"
)

// Limits on a site, and on one person.
const (
	MaxPeople      = 5_000
	MaxInvitations = 200
	MaxTokens      = 200
	MaxSessions    = 20 // of one person; the oldest ends when one more begins
	MaxPasskeys    = 10 // of one person
)

// A person is what may be told of somebody. Generation counts up whenever all their sessions end at once.
type person struct {
	edge.Redacted

	ID         edge.ID   `json:"id"`
	Login      string    `json:"login"`
	Name       string    `json:"name,omitempty"`
	Language   string    `json:"language,omitempty"`
	Roles      []string  `json:"roles"`
	Suspended  bool      `json:"suspended,omitempty"`
	Created    time.Time `json:"created"`
	By         string    `json:"by,omitempty"`
	Generation uint64    `json:"generation,omitempty"`
	Password   bool      `json:"password,omitempty"`
	TOTP       bool      `json:"totp,omitempty"`
	Passkeys   int       `json:"passkeys,omitempty"`
}

// proofs are what proves a person. They lie in a row of their own, which no list ever reads.
type proofs struct {
	edge.Redacted

	Password string        `json:"password,omitempty"` // password.Hasher.Hash
	Short    bool          `json:"short,omitempty"`    // too short to open an account alone
	TOTP     []byte        `json:"totp,omitempty"`     // the secret
	Step     int64         `json:"step,omitempty"`     // of the last code that was accepted
	Recovery recovery.Set  `json:"recovery,omitempty"`
	Keys     []passkey.Key `json:"keys,omitempty"`
}

// second reports whether a password alone does not open the account.
func (p proofs) second() bool { return len(p.TOTP) > 0 }

// A session is somebody who signed in.
type session struct {
	edge.Redacted

	ID         edge.ID       `json:"id"` // token.IDOf its secret
	Hash       token.Hash    `json:"hash"`
	Person     edge.ID       `json:"person"`
	Generation uint64        `json:"generation,omitempty"` // of the person when it was made
	Strength   auth.Strength `json:"strength"`
	Created    time.Time     `json:"created"`
	Proven     time.Time     `json:"proven"`
	Used       time.Time     `json:"used"` // coarsely
	Until      time.Time     `json:"until"`
	Idle       time.Duration `json:"idle"`
	Agent      string        `json:"agent,omitempty"`
	Offline    bool          `json:"offline,omitempty"`
}

// A tokenRow is how a program proves itself.
type tokenRow struct {
	edge.Redacted

	ID      edge.ID    `json:"id"`
	Hash    token.Hash `json:"hash"`
	Name    string     `json:"name"`
	Roles   []string   `json:"roles"`
	Scopes  []string   `json:"scopes,omitempty"`
	Created time.Time  `json:"created"`
	Until   time.Time  `json:"until"`
	Used    time.Time  `json:"used,omitzero"` // coarsely
	By      string     `json:"by"`
}

// An invitation lets somebody become a person, or a person choose new proofs.
type invitation struct {
	edge.Redacted

	ID      edge.ID    `json:"id"` // token.IDOf the code
	Hash    token.Hash `json:"hash"`
	Roles   []string   `json:"roles,omitempty"`
	Login   string     `json:"login,omitempty"`
	Person  edge.ID    `json:"person,omitzero"` // whose proofs it renews
	Created time.Time  `json:"created"`
	Until   time.Time  `json:"until"`
	By      string     `json:"by"`
}

// site is what there is once: the code that makes the first administrator, the key that marks browsers.
type site struct {
	edge.Redacted

	Setup      token.Hash `json:"setup,omitzero"`
	SetupUntil time.Time  `json:"setup_until,omitzero"`
	Devices    []byte     `json:"devices,omitempty"`
	People     int        `json:"people,omitempty"`
	Tokens     int        `json:"tokens,omitempty"`
	Invited    int        `json:"invited,omitempty"`
}

const (
	keySite     = "i/0"
	people      = "i/p/" // person by id
	proofsOf    = "i/x/" // proofs by person
	logins      = "i/l/" // person's id by login
	owners      = "i/o/" // active owners
	sessions    = "i/s/" // session by id
	sessionsOf  = "i/q/" // person/session
	revoked     = "i/v/" // end of what a revoked session could have lasted, by session
	tokens      = "i/t/" // service token by id
	invitations = "i/n/" // invitation by id
	keysOf      = "i/w/" // person's id by SHA-256 of a passkey's id
)

func load[T any](v edge.View, key string) (row T, found bool, err error) {
	b, err := v.Get([]byte(key))
	if edge.IsKind(err, edge.NotFound) {
		return row, false, nil
	} else if err != nil {
		return row, false, err
	}
	if err := json.Unmarshal(b, &row); err != nil {
		return row, false, edge.E(edge.Corrupt, "a row of identity cannot be read: %w", err)
	}
	return row, true, nil
}

func save(tx edge.Tx, key string, row any) error {
	b, err := json.Marshal(row)
	if err != nil {
		return edge.E(edge.Internal, "a row of identity cannot be kept: %w", err)
	}
	tx.Set([]byte(key), b)
	return nil
}

func drop(tx edge.Tx, key string) { tx.Delete([]byte(key)) }

// loadPerson fails with NotFound where there is no such person.
func loadPerson(v edge.View, id edge.ID) (person, error) {
	p, found, err := load[person](v, people+id.String())
	if err == nil && !found {
		err = edge.E(edge.NotFound, "there is no such person")
	}
	return p, err
}

func loadProofs(v edge.View, id edge.ID) (proofs, error) {
	x, _, err := load[proofs](v, proofsOf+id.String())
	return x, err
}

// keep writes a person and, where given, their proofs, of which the person's row tells what there are.
func keep(tx edge.Tx, p person, x *proofs) error {
	if x != nil {
		p.Password, p.TOTP, p.Passkeys = x.Password != "", len(x.TOTP) > 0, len(x.Keys)
		if err := save(tx, proofsOf+p.ID.String(), x); err != nil {
			return err
		}
	}
	return save(tx, people+p.ID.String(), p)
}

// personByLogin finds who is called so. login is in the form of Fold.
func personByLogin(v edge.View, login string) (p person, found bool, err error) {
	id, found, err := load[edge.ID](v, logins+login)
	if err != nil || !found {
		return p, false, err
	}
	return load[person](v, people+id.String())
}
