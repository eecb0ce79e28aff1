// Package invoices keeps what is to be paid for something that is described, and pays it, whole and once; and it reads,
// writes and pays the codes that merchants show. What is permissible the rule set in force says; money moves through the
// ledger, which asks the rules again.
package invoices

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Rules are the rules in force, as this package asks them.
type Rules interface {
	book.Rules
	// Screen says what they make of a kind of merchant. It fails with Invalid where the code is none.
	Screen(v edge.View, code, lang string) (*walletv1.MccVerdict, error)
	// Forbids is the refusal where they deny payments to a kind of merchant.
	Forbids(v edge.View, code mcc.Code) error
}

// An Invoices is that of one site. All it keeps is in the state of the site.
type Invoices struct {
	led   *ledger.Ledger
	money book.Money
	rules Rules
}

// New returns the invoices of a site over its ledger, of which it learns what became of payments under review.
func New(l *ledger.Ledger, rules Rules) *Invoices {
	s := &Invoices{l, book.Money{Ledger: l}, rules}
	l.OnReviewed(s.reviewed)
	return s
}

// Codes of refusals, for programs.
const (
	CodeInvoice   = "invoice_not_found"
	CodePaid      = "invoice_paid"
	CodePaying    = "invoice_paying"
	CodeCancelled = "invoice_cancelled"
	CodePayer     = "invoice_other_payer" // it is made out to another account
	CodeMerchant  = "merchant_unknown"    // the merchant has no account here
	CodeAmount    = "amount_differs"      // another amount than the code or the invoice says
)

// Types of events. Bodies are JSON and name nobody: identifiers, states, amounts.
const (
	EventIssued    = "wallet.invoice.issued"
	EventPaying    = "wallet.invoice.paying"
	EventPaid      = "wallet.invoice.paid"
	EventReopened  = "wallet.invoice.reopened"
	EventCancelled = "wallet.invoice.cancelled"
)

// Register adds the operations.
func (s *Invoices) Register(m *edge.Mux) {
	edge.Handle(m, s.issue)
	edge.Handle(m, s.cancel)
	edge.Handle(m, s.payInvoice)
	edge.Answer(m, s.getInvoice)
	edge.Answer(m, s.listInvoices)
	edge.Answer(m, s.encodeQr)
	edge.Answer(m, s.decodeQr)
	edge.Handle(m, s.payQr)
}

// Owner is the person who is to get an invoice paid; empty where it is the house's, or there is no such invoice.
func (s *Invoices) Owner(v edge.View, id string) (string, error) {
	inv, err := find(v, id)
	switch {
	case edge.IsKind(err, edge.NotFound) || edge.IsKind(err, edge.Invalid):
		return "", nil
	case err != nil:
		return "", err
	}
	return s.led.Owner(v, inv.Payee)
}
