package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

const (
	// CodeLife is how long a join code is good for unless asked otherwise, MaxCodeLife the most one may ask.
	CodeLife    = 15 * time.Minute
	MaxCodeLife = time.Hour
	// MaxTries is how many wrong secrets kill a code. The secret has 128 bits; the limit is against noise.
	MaxTries = 5
)

// A JoinRole is what a join code lets its bearer become.
type JoinRole string

const (
	JoinNode JoinRole = "node" // one more node of the site that made the code
	JoinSite JoinRole = "site" // a site of the region that made the code
	JoinHub  JoinRole = "hub"  // a site that is itself a hub of others
)

// Valid reports whether r is one of the three.
func (r JoinRole) Valid() bool { return r == JoinNode || r == JoinSite || r == JoinHub }

// A Code is what a person carries from the machine that lets in to the machine that wants in. CA tells the
// joiner whom it may trust, before it sends anything; ID and Secret tell the server who was invited.
type Code struct {
	edge.Redacted

	CA     edge.NodeID // hash of the CA's key
	ID     [5]byte
	Secret [16]byte
}

// Crockford's alphabet in lower case: no i, l, o, u.
const codeAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// codeText makes the encoding; a function because the package keeps no variables.
func codeText() *base32.Encoding {
	return base32.NewEncoding(codeAlphabet).WithPadding(base32.NoPadding)
}

// String returns "AE1.<CA>.<id>.<secret>", 98 characters. Each part ends in two check characters.
func (c Code) String() string {
	return "AE1." + codePart(0, c.CA[:]) + "." + codePart(1, c.ID[:]) + "." + codePart(2, c.Secret[:])
}

// Hash is what the server keeps of the code: enough to know it again, too little to use it.
func (c Code) Hash() [32]byte {
	h := sha256.New()
	h.Write([]byte("aielon-edge/join-code/1\x00"))
	h.Write(c.ID[:])
	h.Write(c.Secret[:])
	return [32]byte(h.Sum(nil))
}

// Key is the part of the code that may be stored, shown and logged.
func (c Code) Key() string { return codeText().EncodeToString(c.ID[:]) }

// ParseCode reads a code as a person types it: capitals, spaces and line breaks, and o, i, l for 0, 1, 1
// do no harm. It fails with Invalid, and says in which part a typing mistake lies.
func ParseCode(s string) (Code, error) {
	var c Code
	if len(s) > 400 {
		return c, notCode()
	}
	parts := strings.Split(tidyCode(s), ".")
	if len(parts) != 4 || parts[0] != "ae1" {
		return c, notCode()
	}
	for i, p := range [...]struct {
		into []byte
		name string
	}{{c.CA[:], "long first part"}, {c.ID[:], "short middle part"}, {c.Secret[:], "last part"}} {
		if err := parsePart(byte(i), parts[i+1], p.into); err != nil {
			return Code{}, edge.E(edge.Invalid, "the %s of the join code has a typing mistake: %w", p.name, err).WithHint("compare it letter by letter, or copy the whole code")
		}
	}
	return c, nil
}

func notCode() *edge.Error {
	return edge.E(edge.Invalid, "this is not a join code").WithHint("a join code starts with AE1 and has four parts with dots between them")
}

func tidyCode(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n', '-':
			return -1
		case 'o', 'O':
			return '0'
		case 'i', 'I', 'l', 'L':
			return '1'
		}
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

func codePart(n byte, b []byte) string {
	t := codeText().EncodeToString(b)
	return t + checkChars(n, t)
}

func parsePart(n byte, s string, into []byte) error {
	want := codeText().EncodedLen(len(into)) + 2
	if len(s) != want {
		return edge.E(edge.Invalid, "it has %d characters instead of %d", len(s), want)
	}
	body := s[:want-2]
	b, err := codeText().DecodeString(body)
	if err != nil {
		return edge.E(edge.Invalid, "it holds a character no code has")
	}
	if checkChars(n, body) != s[want-2:] || codeText().EncodeToString(b) != body {
		return edge.E(edge.Invalid, "its check characters do not fit")
	}
	copy(into, b)
	return nil
}

// checkChars are two characters over a part: a sum of its characters, each weighted by its own power of a
// primitive root modulo 1021. One wrong character and any two characters swapped are always noticed, other
// mistakes all but once in a thousand. n keeps the parts from being exchanged.
func checkChars(n byte, s string) string {
	const prime, root = 1021, 10
	sum, w := 1+int(n), 1
	for i := 0; i < len(s); i++ {
		w = w * root % prime
		sum = (sum + (strings.IndexByte(codeAlphabet, s[i])+1)*w) % prime
	}
	return string([]byte{codeAlphabet[sum>>5], codeAlphabet[sum&31]})
}

// A CodeRecord is what a server keeps of a code it made. It holds no secret.
type CodeRecord struct {
	edge.Redacted

	Key     string      `json:"key"`            // Code.Key
	Hash    [32]byte    `json:"hash,omitzero"`  // Code.Hash
	Role    JoinRole    `json:"role"`           // what the bearer may become
	Site    string      `json:"site,omitempty"` // JoinSite and JoinHub: the one site it is for, or empty for any
	By      string      `json:"by"`             // who made it, for the audit
	Expires time.Time   `json:"expires"`
	Tries   int         `json:"tries,omitempty"` // wrong secrets so far
	Used    time.Time   `json:"used,omitzero"`
	UsedBy  edge.NodeID `json:"used_by,omitzero"` // who was let in
}

// NewCode makes a code and its record. life is CodeLife where 0. It fails with Invalid.
func NewCode(ca edge.NodeID, role JoinRole, site, by string, now time.Time, life time.Duration) (Code, CodeRecord, error) {
	if life == 0 {
		life = CodeLife
	}
	if !role.Valid() || ca.IsZero() || life < 0 || life > MaxCodeLife || len(by) > 200 {
		return Code{}, CodeRecord{}, edge.E(edge.Invalid, "a join code is for a node, a site or a hub, and lives an hour at the most")
	}
	if site != "" {
		if err := CheckLabel(site); err != nil {
			return Code{}, CodeRecord{}, err
		}
	}
	c := Code{CA: ca}
	rand.Read(c.ID[:])
	rand.Read(c.Secret[:])
	return c, CodeRecord{Key: c.Key(), Hash: c.Hash(), Role: role, Site: site, By: by, Expires: now.Add(life)}, nil
}

// Try spends the code for a node and returns the record as it must be kept, in the same transaction, also
// where an error says no. The node that spent a code may spend it again while it lasts, because the answer
// may have been lost on the way; nobody else may. Errors are Denied; a wrong secret and a code
// that never was look the same.
func (r CodeRecord) Try(hash [32]byte, node edge.NodeID, now time.Time) (CodeRecord, error) {
	right := subtle.ConstantTimeCompare(hash[:], r.Hash[:]) == 1
	switch {
	case !right:
		r.Tries = min(r.Tries+1, MaxTries)
		return r, WrongCode()
	case r.Tries >= MaxTries:
		return r, edge.E(edge.Denied, "the join code was tried too often with a wrong secret and is dead").WithHint("make a new one")
	case !now.Before(r.Expires):
		return r, edge.E(edge.Denied, "the join code has expired").WithHint("make a new one; it must be used within minutes")
	case !r.Used.IsZero() && r.UsedBy != node:
		return r, edge.E(edge.Denied, "the join code has been used already").WithHint("make a new one; if you have not used it, find out who has: node %s", r.UsedBy.Short())
	}
	if r.Used.IsZero() {
		r.Used, r.UsedBy = now, node
	}
	return r, nil
}

// WrongCode is the answer to a code that does not exist and to one with a wrong secret.
func WrongCode() *edge.Error {
	return edge.E(edge.Denied, "the join code is not known here").WithHint("check the address and the code, or make a new code")
}

// CodeID reads what Code.Key wrote. It fails with Invalid.
func CodeID(key string) (id [5]byte, err error) {
	b, err := codeText().DecodeString(key)
	if err != nil || len(b) != len(id) || codeText().EncodeToString(b) != key {
		return id, edge.E(edge.Invalid, "%q does not name a join code", clip(key, 40))
	}
	return [5]byte(b), nil
}
