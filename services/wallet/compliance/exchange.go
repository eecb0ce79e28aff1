package compliance

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// exchange gives one currency for another, both sides in one step. What is wrong with that, the rules say when the
// ledger asks them.
func (s *Service) exchange(tx edge.Tx, in *walletv1.ExchangeRequest) (*walletv1.Transfer, error) {
	id, err := ledger.ParseID(in.GetId())
	if err != nil {
		return nil, err
	}
	from, err := s.money().Find(tx, in.GetFromAccount())
	if err != nil {
		return nil, err
	}
	to, err := s.money().Find(tx, in.GetToAccount())
	if err != nil {
		return nil, err
	}
	given, err := book.ParseAmount(in.GetAmountFrom())
	if err != nil {
		return nil, err
	}
	got, err := book.ParseAmount(in.GetAmountTo())
	if err != nil {
		return nil, err
	}
	if from.Fund != to.Fund {
		return nil, edge.E(edge.Refused, "money never changes its fund by an exchange").WithHint("have it released from the one fund to the other").
			WithCode(ledger.CodeRestricted, fact("rule", "FUND-1"), fact("debit", from.Fund), fact("credit", to.Fund))
	}
	out, err := s.ledger.House(tx, walletv1.AccountKind_EXCHANGE, from.Asset, from.Fund)
	if err != nil {
		return nil, err
	}
	back, err := s.ledger.House(tx, walletv1.AccountKind_EXCHANGE, to.Asset, to.Fund)
	if err != nil {
		return nil, err
	}
	err = s.money().Move(tx, ledger.Move{ID: id, Kind: ledger.Transfer, Purpose: shariah.Exchange.String(),
		Postings: []ledger.Posting{{Debit: from.ID, Credit: out, Amount: given}, {Debit: back, Credit: to.ID, Amount: got}}})
	if err != nil {
		return nil, err
	}
	return s.ledger.ShowTransfer(tx, id)
}

// purifyDividend gives away the impermissible part of a dividend.
func (s *Service) purifyDividend(tx edge.Tx, in *walletv1.PurifyDividendRequest) (*walletv1.Transfer, error) {
	id, err := ledger.ParseID(in.GetId())
	if err != nil {
		return nil, err
	}
	from, err := s.money().Find(tx, in.GetAccount())
	if err != nil {
		return nil, err
	}
	var n [3]amount.Amount
	for i, text := range []string{in.GetDividend(), in.GetImpermissible(), in.GetIncome()} {
		if n[i], err = amount.Parse(text); err != nil {
			return nil, err
		}
	}
	sum, err := shariah.Purify(n[0], n[1], n[2])
	switch {
	case err != nil:
		return nil, err
	case sum.IsZero():
		return nil, book.Invalid("nothing of this dividend is impermissible")
	case !book.IsMember(from) || from.Fund != book.Amanah:
		return nil, book.Invalid("only members give from their own account like this").
			WithHint("of money of a fund, ask for a release of %s to the fund purification", sum)
	}
	to, err := s.money().House(tx, walletv1.AccountKind_INCOME, from.Asset, shariah.PurifyFund.String())
	if err != nil {
		return nil, err
	}
	path, err := s.money().Path(tx, from, to, sum)
	if err != nil {
		return nil, err
	}
	if err := s.money().Move(tx, ledger.Move{ID: id, Kind: ledger.Release, Purpose: shariah.Purification.String(), Postings: path}); err != nil {
		return nil, err
	}
	return s.ledger.ShowTransfer(tx, id)
}
