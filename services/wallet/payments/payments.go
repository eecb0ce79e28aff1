// Package payments takes money in from outside: it keeps attempts to pay (package paygate) in the state of a site and
// moves money in the ledger exactly once for each that somebody tells of, whoever tells it and however often.
package payments

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
)

// A Service is the payments of one site. All it keeps is in the state.
type Service struct{ led *ledger.Ledger }

// New returns the payments into the accounts of a ledger.
func New(led *ledger.Ledger) *Service { return &Service{led} }

// EventPayment tells that a payment has come further. It names ids and sums only.
const EventPayment = "wallet.payment"

// Commands that only nodes of the site ask for.
const (
	OpTell  = "wallet.tell_payment"  // what a processor said
	OpAsked = "wallet.asked_payment" // a processor knows a payment by an id of its own
)

// Codes of refusals, for programs.
const (
	CodePayment  = "payment_not_found"
	CodeGateway  = "gateway_not_found"
	CodeClosed   = "gateway_closed"
	CodeNotHere  = "not_by_gateway"
	CodeConflict = "idempotency_conflict"
)

// Register adds the operations of payments.
func (s *Service) Register(m *edge.Mux) {
	edge.Handle(m, s.putGateway)
	edge.Answer(m, listGateways)
	edge.Handle(m, s.createPayment)
	edge.Answer(m, s.getPayment)
	edge.Answer(m, s.listPayments)
	edge.Handle(m, s.confirmPayment)
	edge.Handle(m, s.failPayment)
	edge.Handle(m, s.refundPayment)
	edge.Answer(m, s.listConflicts)
	edge.Handle(m, s.decideConflict)
	edge.Do(m, edge.Op{Name: OpTell, Doc: "Count what a processor tells of a payment.", Needs: "wallet.desk", Class: edge.Personal, Money: true}, s.tellPayment)
	edge.Do(m, edge.Op{Name: OpAsked, Doc: "Note that a processor knows a payment.", Needs: "wallet.desk", Class: edge.Personal, Money: true}, s.askedPayment)
}

// ours refuses whoever is no node of the site.
func ours(tx edge.Tx) error {
	if k := tx.Actor().Kind; k != edge.Node && k != edge.Service {
		return edge.E(edge.Denied, "only a node of the site may ask for this")
	}
	return nil
}

func invalid(format string, args ...any) *edge.Error {
	return edge.E(edge.Invalid, format, args...).WithCode(ledger.CodeInvalid)
}
