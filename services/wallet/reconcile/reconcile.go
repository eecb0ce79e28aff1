// Package reconcile holds what a bank says of an account against what the ledger says of it. It takes in statements, in
// any order and as often as somebody likes, keeps each entry of the bank once, has payments paid by entries that bear
// their reference, and lets people say what the others stand for.
package reconcile

import (
	"encoding/json"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/payments"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A Service is the reconciliation of one site. All it keeps is in the state.
type Service struct {
	led *ledger.Ledger
	pay *payments.Service
}

// New returns the reconciliation of accounts of a ledger, and of payments into them.
func New(led *ledger.Ledger, pay *payments.Service) *Service { return &Service{led, pay} }

// Types of events. They name ids, states and sums only.
const (
	EventStatement = "wallet.statement"
	EventEntry     = "wallet.bank-entry"
)

// Codes of refusals, for programs.
const (
	CodeStatement   = "statement_not_found"
	CodeEntry       = "entry_not_found"
	CodeBankNeeded  = "bank_account_needed"   // the first statement: which account at the bank is it?
	CodeBankDiffers = "bank_account_mismatch" // the file is of another account at the bank
	CodeBankTaken   = "bank_account_taken"    // another account of the ledger stands for it
	CodeTooLong     = "statement_too_long"
	CodeDecided     = "entry_decided"     // it stands for something else already, or is ignored
	CodeFinal       = "match_final"       // what it did cannot be undone by taking it back
	CodeAmount      = "amount_mismatch"   // what it is to stand for comes to another amount
	CodeTransfer    = "transfer_mismatch" // the transfer is not of this account, or stands for another entry
	CodeKind        = "account_kind"
	CodeOwn         = "own_account"
)

// Bounds of one import.
const (
	MaxEntries = 400
	maxBytes   = 700 << 10
	maxNumbers = 4  // accounts at the bank that one account stands for, one after the other
	settleMany = 32 // payments one command of OpSettle tells of
)

// OpSettle has payments paid by entries that wait. Only nodes of the site may ask for it.
const OpSettle = "wallet.settle_entries"

// Register adds the operations of reconciliation.
func (s *Service) Register(m *edge.Mux) {
	edge.Handle(m, s.importStatement)
	edge.Answer(m, s.listStatements)
	edge.Answer(m, s.getStatementSummary)
	edge.Answer(m, s.listBankEntries)
	edge.Answer(m, s.listUnmatchedTransfers)
	edge.Handle(m, s.matchEntry)
	edge.Handle(m, s.unmatchEntry)
	edge.Handle(m, s.ignoreEntry)
	edge.Do(m, edge.Op{Name: OpSettle, Doc: "Have payments paid by entries of the bank.", Needs: "wallet.desk", Class: edge.Personal, Money: true}, s.settle)
}

// account finds an account at a bank.
func (s *Service) account(v edge.View, text string) (ledger.AccountInfo, error) {
	if text == "" {
		return ledger.AccountInfo{}, invalid("an account is missing")
	}
	id, err := ledger.ParseID(text)
	if err != nil {
		return ledger.AccountInfo{}, err
	}
	a, err := s.led.Find(v, id)
	if err == nil && walletv1.AccountKind(a.Kind) != walletv1.AccountKind_BANK {
		err = edge.E(edge.Refused, "only an account of kind BANK has statements of a bank").WithHint("choose the account that stands for the one at the bank").WithCode(CodeKind)
	}
	return a, err
}

func invalid(format string, args ...any) *edge.Error {
	return edge.E(edge.Invalid, format, args...).WithCode(ledger.CodeInvalid)
}

// emit tells of a change. body is of texts and numbers, which always encode.
func emit(tx edge.Tx, typ, subject string, class edge.Class, body map[string]any) {
	b, _ := json.Marshal(body)
	tx.Emit(edge.Event{Type: typ, Subject: subject, Class: class, Urgency: edge.Ledger, Body: b})
}
