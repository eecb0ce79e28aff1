package identity

import (
	"github.com/aielon/edge/node/edge"
)

// Commands that the site's nodes make by themselves, with what people typed already checked and hashed. No
// door leads to them, and they refuse every actor that is not a node. In their bodies, "by" is who asked.
const (
	opSetupCode = "identity.keep_setup_code"
	opSetUp     = "identity.keep_first_person"
	opOpen      = "identity.keep_session"
	opProve     = "identity.keep_proof_time"
	opMine      = "identity.keep_description"
	opPassword  = "identity.keep_password"
	opTOTP      = "identity.keep_totp"
	opRecovery  = "identity.keep_recovery_codes"
	opAddKey    = "identity.keep_passkey"
	opDropKey   = "identity.drop_passkey"
	opDropMine  = "identity.drop_sessions"
	opInvite    = "identity.keep_invitation"
	opAccept    = "identity.take_invitation"
	opToken     = "identity.keep_token"
	opTouch     = "identity.keep_uses"
	opTold      = "identity.keep_offline"
	opSweep     = "identity.sweep"
)

// Register adds the commands and queries of identity to a site's table.
func Register(m *edge.Mux) {
	registerSchema(m)
	registerOwn(m)
}

func registerSchema(m *edge.Mux) {
	edge.Answer(m, listPeople)
	edge.Answer(m, getPerson)
	edge.Handle(m, changePerson)
	edge.Handle(m, setRoles)
	edge.Handle(m, suspendPerson)
	edge.Handle(m, reinstatePerson)
	edge.Handle(m, removePerson)
	edge.Handle(m, revokePersonSessions)
	edge.Answer(m, listInvitations)
	edge.Handle(m, revokeInvitation)
	edge.Answer(m, listSessions)
	edge.Handle(m, revokeSession)
	edge.Answer(m, listTokens)
	edge.Handle(m, revokeToken)
}

func registerOwn(m *edge.Mux) {
	own(m, opSetupCode, "Keep the hash of a set-up code.", keepSetupCode)
	own(m, opSetUp, "Make the first administrator.", keepFirstPerson)
	own(m, opOpen, "Keep a session that was proven.", keepSession)
	own(m, opProve, "Keep when a session was proven again.", keepProofTime)
	own(m, opMine, "Keep what people call themselves.", keepDescription)
	own(m, opPassword, "Keep the hash of a new password.", keepPassword)
	own(m, opTOTP, "Keep the secret of an authenticator app, or none.", keepTOTP)
	own(m, opRecovery, "Keep the hashes of new recovery codes.", keepRecovery)
	own(m, opAddKey, "Keep a passkey.", keepPasskey)
	own(m, opDropKey, "Remove a passkey.", dropPasskey)
	own(m, opDropMine, "End sessions of the person who asks.", dropSessions)
	own(m, opInvite, "Keep an invitation.", keepInvitation)
	own(m, opAccept, "Take an invitation up.", takeInvitation)
	own(m, opToken, "Keep a service token.", keepToken)
	own(m, opTouch, "Keep when sessions and tokens were last used.", keepUses)
	own(m, opTold, "Keep what a node decided while the site could not.", keepOffline)
	own(m, opSweep, "Remove what has ended.", sweep)
}

type none struct{}

// own registers a command of the site's nodes.
func own[In any](m *edge.Mux, name, doc string, f func(edge.Tx, In) error) {
	edge.Do(m, edge.Op{Name: name, Doc: doc, Class: edge.Personal}, func(tx edge.Tx, in In) (none, error) {
		if err := onlyNodes(tx); err != nil {
			return none{}, err
		}
		return none{}, f(tx, in)
	})
}
