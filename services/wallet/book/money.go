package book

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Amanah is the fund of what is kept for members.
const Amanah = "amanah"

// Money moves money through the ledger.
type Money struct{ Ledger *ledger.Ledger }

// ParseAmount reads an amount of more than nothing. It fails with Invalid.
func ParseAmount(text string) (amount.Amount, error) {
	a, err := amount.Parse(text)
	if err == nil && a.IsZero() {
		return a, edge.E(edge.Invalid, "an amount of nothing cannot be moved").WithCode(amount.CodeInvalid)
	}
	return a, err
}

// Find looks up an account that a request names. It fails with Invalid and NotFound.
func (m Money) Find(v edge.View, id string) (ledger.AccountInfo, error) {
	if id == "" {
		return ledger.AccountInfo{}, Invalid("an account is missing")
	}
	x, err := ledger.ParseID(id)
	if err != nil {
		return ledger.AccountInfo{}, err
	}
	return m.Ledger.Find(v, x)
}

// House is the house's own account of a kind, opened where it is missing.
func (m Money) House(tx edge.Tx, k walletv1.AccountKind, asset, fund string) (ledger.AccountInfo, error) {
	id, err := m.Ledger.House(tx, k, asset, fund)
	if err != nil {
		return ledger.AccountInfo{}, err
	}
	return m.Ledger.Find(tx, id)
}

// Path is how an amount goes from one account to another: straight where they share a fund, and through the accounts of
// kind transit where not, so that the books of each fund balance by themselves. It fails with Refused, code
// currency_mismatch. Whether the fund may give it is for the caller to know.
func (m Money) Path(tx edge.Tx, from, to ledger.AccountInfo, a amount.Amount) ([]ledger.Posting, error) {
	if from.Asset != to.Asset {
		return nil, edge.E(edge.Refused, "the two accounts are of different currencies").WithHint("exchange it first").
			WithCode(ledger.CodeCurrency, edge.Fact{Name: "debit", Value: from.Asset}, edge.Fact{Name: "credit", Value: to.Asset})
	}
	if from.Fund == to.Fund {
		return []ledger.Posting{{Debit: from.ID, Credit: to.ID, Amount: a}}, nil
	}
	out, err := m.Ledger.House(tx, walletv1.AccountKind_TRANSIT, from.Asset, from.Fund)
	if err != nil {
		return nil, err
	}
	in, err := m.Ledger.House(tx, walletv1.AccountKind_TRANSIT, to.Asset, to.Fund)
	if err != nil {
		return nil, err
	}
	return []ledger.Posting{{Debit: from.ID, Credit: out, Amount: a}, {Debit: in, Credit: to.ID, Amount: a}}, nil
}

// Move carries out moves together. Of moves that are refused nothing is done, their identifiers are spent, and the error
// is to be returned as it is: nothing else may be written then.
func (m Money) Move(tx edge.Tx, moves ...ledger.Move) error {
	b, err := m.Ledger.Begin(tx)
	if err != nil {
		return err
	}
	refusal, err := b.Do(moves...)
	if err != nil {
		return err
	}
	if err := b.Finish(); err != nil {
		return err
	}
	if refusal != nil {
		return &edge.Kept{Err: refusal}
	}
	return nil
}

// Into moves money into the income of a fund, under an identifier and for a purpose. The account was found to be free to
// give. An error is to be returned as it is: nothing else may be written then.
func (m Money) Into(tx edge.Tx, id edge.ID, from ledger.AccountInfo, fund string, sum amount.Amount, purpose, memo string) error {
	to, err := m.House(tx, walletv1.AccountKind_INCOME, from.Asset, fund)
	if err != nil {
		return err
	}
	path, err := m.Path(tx, from, to, sum)
	if err != nil {
		return err
	}
	return m.Move(tx, ledger.Move{ID: id, Kind: ledger.Deal, Postings: path, Purpose: purpose, Memo: memo, Judged: true})
}

// Own refuses accounts whose money is not free to go into a fund: it is a member's, or a desk or bank account of the fund
// itself.
func Own(from ledger.AccountInfo, fund string) error {
	switch from.Kind {
	case ledger.Kind(walletv1.AccountKind_MEMBER):
		if from.Fund == Amanah || from.Fund == fund {
			return nil
		}
	case ledger.Kind(walletv1.AccountKind_CASH), ledger.Kind(walletv1.AccountKind_BANK):
		if from.Fund == fund {
			return nil
		}
	}
	return edge.E(edge.Refused, "the money on this account is not free to go there").WithHint("use an account of a member, or a desk of the fund itself").
		WithCode(ledger.CodeRestricted, edge.Fact{Name: "rule", Value: "FUND-1"}, edge.Fact{Name: "debit", Value: from.Fund}, edge.Fact{Name: "credit", Value: fund})
}

// Within fails with Refused, code insufficient_funds, where a fund has less in a currency than is to leave it: in desks
// and banks, and with other funds.
func (m Money) Within(v edge.View, asset, fund string, a amount.Amount) error {
	sums, err := m.Ledger.Sums(v, asset, fund)
	if err != nil {
		return err
	}
	there := sums.Of(walletv1.AccountKind_CASH, walletv1.AccountKind_BANK, walletv1.AccountKind_TRANSIT, walletv1.AccountKind_CLEARING).Negated()
	if there.Neg || there.Less(a) {
		return edge.E(edge.Refused, "there is not enough in the fund").WithHint("give less, or wait until more has come in").
			WithCode(ledger.CodeFunds, edge.Fact{Name: "fund", Value: fund}, edge.Fact{Name: "available", Value: there.String()}, edge.Fact{Name: "asset", Value: asset})
	}
	return nil
}

// IsMember reports whether an account is a member's.
func IsMember(a ledger.AccountInfo) bool { return a.Kind == ledger.Kind(walletv1.AccountKind_MEMBER) }

// IsDesk reports whether an account is a cash desk or at a bank.
func IsDesk(a ledger.AccountInfo) bool {
	return a.Kind == ledger.Kind(walletv1.AccountKind_CASH) || a.Kind == ledger.Kind(walletv1.AccountKind_BANK)
}
