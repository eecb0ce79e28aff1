package ledger

import (
	"github.com/aielon/edge/node/edge"
)

// Codes of refusals, for programs. Sentences may change, codes do not.
const (
	CodeInvalid       = "invalid_request"
	CodeAccount       = "account_not_found"
	CodeHold          = "hold_not_found"
	CodeTransfer      = "transfer_not_found"
	CodeFund          = "fund_not_found"
	CodeAsset         = "asset_not_found"
	CodeConflict      = "idempotency_conflict"
	CodeFailed        = "id_already_failed"
	CodeHoldPosted    = "hold_already_posted"
	CodeHoldVoided    = "hold_already_voided"
	CodeHoldExpired   = "hold_already_expired"
	CodeReversed      = "already_reversed"
	CodeNotReversible = "not_reversible"
	CodeFunds         = "insufficient_funds"
	CodeCeiling       = "ceiling_exceeded"
	CodeFrozen        = "account_frozen"
	CodeClosed        = "account_closed"
	CodeNotEmpty      = "account_not_empty"
	CodeRestricted    = "fund_restricted"
	CodeFundEnded     = "fund_ended"
	CodeCurrency      = "currency_mismatch"
	CodeOverflow      = "amount_overflow"
	CodeApproval      = "approval_required"
	CodeLinked        = "linked_failed" // it was one of several, and another of them failed
	CodeExists        = "already_exists"
	CodeHalted        = "ledger_halted"
	CodeBreach        = "invariant_breached"
)

// invalid refuses a request that can never succeed as it is. It spends no identifier.
func invalid(format string, args ...any) *edge.Error {
	return edge.E(edge.Invalid, format, args...).WithCode(CodeInvalid)
}

func noAccount(id string) *edge.Error {
	return edge.E(edge.NotFound, "there is no such account here").WithHint("check the account's identifier").WithCode(CodeAccount, edge.Fact{Name: "account", Value: id})
}

// refused is a refusal by a rule of the ledger, with what it stood on.
func refused(code, sentence, hint string, facts ...edge.Fact) *edge.Error {
	return edge.E(edge.Refused, "%s", sentence).WithHint("%s", hint).WithCode(code, facts...)
}

// clash is a refusal because of what was there before.
func clash(code, sentence, hint string, facts ...edge.Fact) *edge.Error {
	return edge.E(edge.Conflict, "%s", sentence).WithHint("%s", hint).WithCode(code, facts...)
}

func fact(name, value string) edge.Fact { return edge.Fact{Name: name, Value: value} }
