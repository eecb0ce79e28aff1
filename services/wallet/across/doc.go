// Package across moves money between sites of a region. Each site decides alone what its accounts may do; signed notes,
// which a hub carries and cannot forge, tell the others, and each note counts once however often it comes. See DESIGN.md.
package across

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
)

// An Across is the part of a site's wallet that deals with other sites. All it keeps is in the state of the site.
type Across struct{ led *ledger.Ledger }

// New returns it, on the ledger of the same site.
func New(led *ledger.Ledger) *Across { return &Across{led} }

// Commands that only nodes of the site ask for. All are harmless when repeated.
const (
	OpKey       = "wallet.across_key"       // makes the site's key, once, and tells its public part
	OpAnnounce  = "wallet.across_announce"  // keeps what certifies the key, and tells the hub
	OpAccept    = "wallet.across_accept"    // believes the key of another site, which the node has verified
	OpTake      = "wallet.across_take"      // takes notes in that the hub brought
	OpTick      = "wallet.across_tick"      // does what is due
	OpRestored  = "wallet.across_restored"  // the site is what it was at an older time
	OpRecovered = "wallet.across_recovered" // the hub has brought back what it has
)

// Lasting reports whether the outcome of a command is worth remembering for ever. Those of nodes are not: what they
// do is remembered by what it is about.
func Lasting(op string) bool {
	switch op {
	case OpKey, OpAnnounce, OpAccept, OpTake, OpTick, OpRestored, OpRecovered:
		return false
	}
	return true
}

// Register adds the operations between sites.
func (x *Across) Register(m *edge.Mux) {
	edge.Handle(m, x.sendAcross)
	edge.Answer(m, getCrossing)
	edge.Answer(m, listCrossings)
	edge.Handle(m, x.openAllotment)
	edge.Handle(m, x.spendAllotment)
	edge.Handle(m, x.closeAllotment)
	edge.Answer(m, getAllotment)
	edge.Answer(m, listAllotments)
	edge.Handle(m, x.issueVoucher)
	edge.Handle(m, x.redeemVoucher)
	edge.Handle(m, x.voidVoucher)
	edge.Answer(m, listPeers)
	edge.Handle(m, confirmPeer)
	edge.Answer(m, listTroubles)
	edge.Handle(m, x.endRecovery)
	for name, doc := range map[string]string{OpKey: "Make the key with which the site signs.", OpAnnounce: "Tell other sites of the key.", OpAccept: "Believe the key of another site.",
		OpTake: "Take in notes of other sites.", OpTick: "Do what is due between sites.", OpRestored: "Wait for what the hub has of a restored site.", OpRecovered: "Go on after a restore."} {
		x.register(m, edge.Op{Name: name, Doc: doc, Needs: "wallet.desk", Class: edge.Personal, Money: true})
	}
}

func (x *Across) register(m *edge.Mux, op edge.Op) {
	switch op.Name {
	case OpKey:
		edge.Do(m, op, x.makeKey)
	case OpAnnounce:
		edge.Do(m, op, announce)
	case OpAccept:
		edge.Do(m, op, accept)
	case OpTake:
		edge.Do(m, op, x.take)
	case OpTick:
		edge.Do(m, op, x.tick)
	case OpRestored:
		edge.Do(m, op, restored)
	case OpRecovered:
		edge.Do(m, op, x.recovered)
	}
}

// onlyNodes refuses anybody but the nodes of the site.
func onlyNodes(tx edge.Tx) error {
	if k := tx.Actor().Kind; k != edge.Node && k != edge.Service {
		return edge.E(edge.Denied, "only a node of the site may ask for this")
	}
	return nil
}

// Codes of refusals, besides those of the ledger.
const (
	CodeQueued     = "queued_offline"
	CodeNotHome    = "not_home_site"
	CodeUsed       = "voucher_used"
	CodeVoided     = "voucher_void"
	CodeForged     = "voucher_forged"
	CodeExpired    = "expired"
	CodeClosed     = "allotment_closed"
	CodeAllotment  = "allotment_not_found"
	CodeCrossing   = "crossing_not_found"
	CodePeer       = "peer_unknown"
	CodePeerKey    = "peer_key_changed"
	CodeRecovering = "recovering"
	CodeAlone      = "no_region"
	CodeMismatch   = "note_mismatch" // a note contradicts what was said before
	CodeTooMany    = "too_many"
)

func fact(name, value string) edge.Fact { return edge.Fact{Name: name, Value: value} }

func invalid(format string, args ...any) *edge.Error {
	return edge.E(edge.Invalid, format, args...).WithCode(ledger.CodeInvalid)
}
