package identity

import (
	"encoding/json"

	"github.com/aielon/edge/node/edge"
)

// Types of the events. Subjects are "person:<id>", "session:<id>", "token:<id>" or "invitation:<id>"; bodies
// are a Notice. Neither names anybody.
const (
	PersonAdded       = "identity.person_added"
	PersonChanged     = "identity.person_changed"
	PersonRemoved     = "identity.person_removed"
	PersonSuspended   = "identity.person_suspended"
	PersonReinstated  = "identity.person_reinstated"
	RolesChanged      = "identity.roles_changed"
	ProofsChanged     = "identity.proofs_changed" // What says which
	ProofReused       = "identity.proof_reused"   // a one-time proof was used at two nodes that could not ask each other
	SignedInEvent     = "identity.signed_in"
	SessionRevoked    = "identity.session_revoked"
	SessionsRevoked   = "identity.sessions_revoked" // all of a person
	InvitationMade    = "identity.invitation_made"
	InvitationUsed    = "identity.invitation_used"
	InvitationRevoked = "identity.invitation_revoked"
	TokenMade         = "identity.token_made"
	TokenRevoked      = "identity.token_revoked"
)

// A Notice is the body of an event, as JSON.
type Notice struct {
	By      string   `json:"by,omitempty"`      // id of who did it
	Person  string   `json:"person,omitempty"`  // whose session it is
	What    string   `json:"what,omitempty"`    // password, totp, recovery, passkey, all
	Roles   []string `json:"roles,omitempty"`   // as they are now
	Offline bool     `json:"offline,omitempty"` // decided by one node alone, and told afterwards
}

func tell(tx edge.Tx, typ, subject string, n Notice) error {
	b, err := json.Marshal(n)
	if err != nil {
		return edge.E(edge.Internal, "an event cannot be encoded: %w", err)
	}
	tx.Emit(edge.Event{Type: typ, Subject: subject, Class: edge.Personal, Urgency: edge.Ledger, Time: tx.Now(), Body: b})
	return nil
}

func tellPerson(tx edge.Tx, typ string, p person, n Notice) error {
	return tell(tx, typ, "person:"+p.ID.String(), n)
}
