// Package alms is zakat as people meet it: prices and nisab, assessments, the lunar year of those who ask for it, zakat
// al-fitr and fidya, and the cases of those who ask for help. What is due, package zakat reckons.
package alms

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
)

// An Alms is that of one site. All it keeps is in the state of the site.
type Alms struct {
	led   *ledger.Ledger
	money book.Money
	rules book.Rules
}

// New returns the alms of a site over its ledger, by the rules in force.
func New(l *ledger.Ledger, rules book.Rules) *Alms { return &Alms{l, book.Money{Ledger: l}, rules} }

// Codes of refusals.
const (
	CodeCase     = "case_not_found"
	CodeState    = "case_state" // the case is not where this can be done
	CodeTooMany  = "too_many_cases"
	CodeGranted  = "more_than_granted"
	CodePrice    = "price_not_set"
	CodeOldPrice = "price_is_older"
)

// Types of events. Bodies are JSON and hold identifiers, states and amounts: no names and no words of anybody.
const (
	EventPrice = "zakat.price_set"
	EventDue   = "zakat.due"
	EventPaid  = "zakat.paid"
	EventCase  = "zakat.case_changed"
)

// Funds.
const (
	fundZakat = "zakat"
	fundFitr  = "fitr"
	fundFidya = "fidya"
)

// Register adds the operations.
func (a *Alms) Register(m *edge.Mux) {
	edge.Handle(m, putMetalPrice)
	edge.Answer(m, getNisab)
	edge.Answer(m, assessZakat)
	edge.Handle(m, saveAssessment)
	edge.Answer(m, listAssessments)
	edge.Handle(m, a.declareWealth)
	edge.Answer(m, getHawl)
	edge.Handle(m, a.payZakat)
	edge.Handle(m, a.payFitr)
	edge.Handle(m, a.payFidya)
	edge.Handle(m, a.applyForZakat)
	edge.Answer(m, listCases)
	edge.Answer(m, getCase)
	edge.Handle(m, withdrawCase)
	edge.Handle(m, assessCase)
	edge.Handle(m, decideCase)
	edge.Handle(m, a.grantZakat)
	edge.Do(m, edge.Op{Name: OpFollow, Doc: "Look at the wealth of those whose lunar year is followed.", Needs: "wallet.desk", Class: edge.Personal, Money: true}, a.follow)
}
