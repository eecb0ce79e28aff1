// Package deals keeps what two sides agreed on: good loans (qard hasan) and sales at cost and markup (murabaha). What is
// permissible the rule set in force says; what is owed package contract keeps; money moves through the ledger.
package deals

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
)

// A Deals is that of one site. All it keeps is in the state of the site.
type Deals struct {
	led   *ledger.Ledger
	money book.Money
	rules book.Rules
}

// New returns the deals of a site over its ledger. rules are those in force.
func New(l *ledger.Ledger, rules book.Rules) *Deals {
	return &Deals{l, book.Money{Ledger: l}, rules}
}

// Codes of refusals.
const (
	CodeContract = "contract_not_found"
	CodeState    = "contract_state" // the contract is not where this can be done
	CodeParty    = "not_a_party"
	CodeLate     = "not_late"
)

// EventContract tells that a contract came a step further. Its body is JSON: identifiers, states, amounts.
const EventContract = "wallet.contract_changed"

// Register adds the operations.
func (d *Deals) Register(m *edge.Mux) {
	edge.Handle(m, d.openQard)
	edge.Handle(m, d.openMurabaha)
	edge.Handle(m, d.accept)
	edge.Handle(m, d.withdraw)
	edge.Handle(m, d.pay)
	edge.Handle(m, d.forgive)
	edge.Handle(m, d.rebate)
	edge.Handle(m, d.giveForDelay)
	edge.Answer(m, d.getContract)
	edge.Answer(m, listContracts)
}
