// Package deals keeps what two sides agreed on: good loans (qard hasan) and sales at cost and markup (murabaha). What is
// permissible the rule set in force says; what is owed package contract keeps; money moves through the ledger.
package deals

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
)

// A Deals is that of one site. All it keeps is in the state of the site.
type Deals struct {
	led   *ledger.Ledger
	money book.Money
	rules func(edge.View) (*shariah.Compiled, error)
}

// New returns the deals of a site over its ledger. rules is the rule set in force.
func New(l *ledger.Ledger, rules func(edge.View) (*shariah.Compiled, error)) *Deals {
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

// decide asks the rule set in force about a dealing. It fails with Refused where a rule forbids it, and where an officer
// would have to look at it first: none of these dealings waits.
func (d *Deals) decide(v edge.View, f shariah.Facts) error {
	set, err := d.rules(v)
	if err != nil {
		return err
	}
	is := set.Decide(&f)
	if e := is.Err("en"); e != nil {
		return e
	}
	if is.Act == shariah.Review {
		return edge.E(edge.Refused, "somebody would have to look at this first").WithHint("ask whoever looks after the rules").
			WithCode(ledger.CodeApproval, edge.Fact{Name: "rule", Value: is.Rule})
	}
	return nil
}
