package join

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

const (
	codePrefix = "join/code/"
	// maxCodes bounds the codes kept, dead ones included; keepDead is how long those stay for the audit.
	maxCodes = 200
	keepDead = 7 * 24 * time.Hour
)

// Names of the commands and queries this package adds to a site, and the permissions they need.
const (
	OpInvite = "join.invite"
	OpSpend  = "join.spend"
	OpCodes  = "join.codes"
	OpCancel = "join.cancel"

	MayInvite edge.Permission = "join.invite"
	MaySpend  edge.Permission = "join.spend" // nodes of the site only
)

// An Invitation is a code's record on its way into the site's state. The code itself is made beside the
// person who asked for it and never enters the state, nor the memory of answered commands.
type Invitation struct {
	edge.Redacted

	Key  string       `json:"key"`
	Hash []byte       `json:"hash"`
	Role pki.JoinRole `json:"role"`
	Site string       `json:"site,omitempty"`
	Life int64        `json:"life_seconds"`
}

// Spending asks to burn a code.
type Spending struct {
	edge.Redacted

	Key  string      `json:"key"`
	Hash []byte      `json:"hash"`
	Node edge.NodeID `json:"node"`
}

// Spent is the answer. A refusal is part of it and no error, because the count of wrong tries must be
// kept, and of a command that fails nothing is.
type Spent struct {
	Record  pki.CodeRecord `json:"record"`
	Refused *refusal       `json:"refused,omitempty"`
}

// Register adds the commands that keep join codes in the site's state.
func Register(m *edge.Mux) {
	edge.Do(m, edge.Op{Name: OpInvite, Doc: "Keep the hash of a new join code.", Needs: MayInvite, Class: edge.SiteOnly}, invite)
	edge.Do(m, edge.Op{Name: OpSpend, Doc: "Burn a join code for one node.", Needs: MaySpend, Class: edge.SiteOnly}, spend)
	edge.Do(m, edge.Op{Name: OpCancel, Doc: "Forget a join code.", Needs: MayInvite, Class: edge.SiteOnly}, cancel)
	edge.Ask(m, edge.Op{Name: OpCodes, Doc: "List join codes without their secrets.", Needs: MayInvite, Class: edge.SiteOnly}, list)
}

// Invite makes a code for a CA and keeps its hash in the site's state. The code is returned here and is
// nowhere else. site may be empty: then any site may use it.
func Invite(ctx context.Context, p edge.Proposer, who edge.Actor, ca edge.NodeID, role pki.JoinRole, site string, life time.Duration) (pki.Code, error) {
	if life == 0 {
		life = pki.CodeLife
	}
	code, rec, err := pki.NewCode(ca, role, site, who.ID, time.Now(), life)
	if err != nil {
		return pki.Code{}, err
	}
	_, err = propose[struct{}](ctx, p, who, OpInvite, Invitation{Key: rec.Key, Hash: rec.Hash[:], Role: role, Site: site, Life: int64(life / time.Second)})
	if err != nil {
		return pki.Code{}, err
	}
	return code, nil
}

// SiteCodes keeps join codes in the site's state, so that they are burned once whichever node is asked.
type SiteCodes struct {
	Site edge.Proposer
	Self edge.Actor // this node
}

// Spend implements Codes.
func (c SiteCodes) Spend(ctx context.Context, key string, hash [32]byte, node edge.NodeID) (pki.CodeRecord, error) {
	out, err := propose[Spent](ctx, c.Site, c.Self, OpSpend, Spending{Key: key, Hash: hash[:], Node: node})
	if err != nil {
		return pki.CodeRecord{}, err
	}
	return out.Record, out.Refused.err()
}

// propose carries out one command, asking again under the same ID while its outcome is unknown.
func propose[Out any](ctx context.Context, p edge.Proposer, who edge.Actor, op string, in any) (out Out, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return out, edge.E(edge.Internal, "a command cannot be encoded: %w", err)
	}
	cmd := edge.Command{ID: edge.NewID(), Type: op, Actor: who, Body: body}
	var o edge.Outcome
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		if o, err = p.Propose(ctx, cmd); !edge.IsKind(err, edge.Unavailable) {
			break
		}
		select {
		case <-ctx.Done():
			return out, edge.E(edge.Unavailable, "the site cannot decide just now: %w", err).WithHint("try again with the same code")
		case <-time.After(wait):
		}
	}
	if err != nil {
		return out, err
	}
	if o.Err != nil {
		return out, o.Err
	}
	if err := json.Unmarshal(o.Reply, &out); err != nil {
		return out, edge.E(edge.Corrupt, "the reply of %s cannot be read: %w", op, err)
	}
	return out, nil
}

func invite(tx edge.Tx, in Invitation) (struct{}, error) {
	none := struct{}{}
	life := time.Duration(in.Life) * time.Second
	if _, err := pki.CodeID(in.Key); err != nil {
		return none, err
	}
	if len(in.Hash) != 32 || !in.Role.Valid() || in.Life <= 0 || in.Life > int64(pki.MaxCodeLife/time.Second) {
		return none, edge.E(edge.Invalid, "a join code is for a node, a site or a hub, and lives an hour at the most")
	}
	if in.Site != "" {
		if err := pki.CheckLabel(in.Site); err != nil {
			return none, err
		}
	}
	if _, err := tx.Get([]byte(codePrefix + in.Key)); !edge.IsKind(err, edge.NotFound) {
		return none, errors.Join(err, edge.E(edge.Conflict, "there is such a join code already"))
	}
	n, err := sweep(tx)
	if err != nil {
		return none, err
	}
	if n >= maxCodes {
		return none, edge.E(edge.Exhausted, "there are %d join codes already", n).WithHint("cancel some, or wait until they expire")
	}
	return none, put(tx, pki.CodeRecord{Key: in.Key, Hash: [32]byte(in.Hash), Role: in.Role, Site: in.Site, By: tx.Actor().ID, Expires: tx.Now().Add(life)})
}

func spend(tx edge.Tx, in Spending) (Spent, error) {
	if len(in.Hash) != 32 {
		return Spent{}, edge.E(edge.Invalid, "the hash of a join code has 32 bytes")
	}
	if _, err := pki.CodeID(in.Key); err != nil {
		return Spent{Refused: refuse(pki.WrongCode())}, nil
	}
	b, err := tx.Get([]byte(codePrefix + in.Key))
	if edge.IsKind(err, edge.NotFound) {
		return Spent{Refused: refuse(pki.WrongCode())}, nil
	} else if err != nil {
		return Spent{}, err
	}
	rec, err := get(b)
	if err != nil {
		return Spent{}, err
	}
	rec, refused := rec.Try([32]byte(in.Hash), in.Node, tx.Now())
	if err := put(tx, rec); err != nil {
		return Spent{}, err
	}
	if refused != nil {
		return Spent{Refused: refuse(refused)}, nil
	}
	return Spent{Record: rec}, nil
}

func cancel(tx edge.Tx, in struct {
	Key string `json:"key"`
}) (struct{}, error) {
	if _, err := tx.Get([]byte(codePrefix + in.Key)); err != nil {
		return struct{}{}, err
	}
	tx.Delete([]byte(codePrefix + in.Key))
	return struct{}{}, nil
}

func list(v edge.View, _ struct{}) ([]pki.CodeRecord, error) {
	codes := []pki.CodeRecord{}
	for _, b := range v.Scan([]byte(codePrefix)) {
		r, err := get(b)
		if err != nil {
			return nil, err
		}
		r.Hash = [32]byte{} // enough to try secrets on at leisure; nobody needs it
		codes = append(codes, r)
	}
	return codes, v.Err()
}

// sweep forgets what died long ago and counts the rest.
func sweep(tx edge.Tx) (n int, err error) {
	var dead [][]byte
	for k, b := range tx.Scan([]byte(codePrefix)) {
		r, err := get(b)
		if err != nil {
			return 0, err
		}
		if n++; tx.Now().Sub(r.Expires) > keepDead {
			dead = append(dead, k)
		}
	}
	for _, k := range dead {
		tx.Delete(k)
	}
	return n - len(dead), tx.Err()
}

func put(tx edge.Tx, r pki.CodeRecord) error {
	b, err := json.Marshal(r)
	if err != nil {
		return edge.E(edge.Internal, "a join code cannot be kept: %w", err)
	}
	tx.Set([]byte(codePrefix+r.Key), b)
	return nil
}

func get(b []byte) (r pki.CodeRecord, err error) {
	if err := json.Unmarshal(b, &r); err != nil {
		return r, edge.E(edge.Corrupt, "the record of a join code cannot be read: %w", err)
	}
	return r, nil
}
