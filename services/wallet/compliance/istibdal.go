package compliance

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// swapPath takes one thing out of a waqf, and another in.
func (s *Service) swapPath(tx edge.Tx, r *releaseRow) ([]ledger.Posting, error) {
	out, err := s.ledger.House(tx, walletv1.AccountKind_TRANSIT, r.Asset, r.FromFund)
	if err != nil {
		return nil, err
	}
	in, err := s.ledger.House(tx, walletv1.AccountKind_TRANSIT, r.AssetIn, r.ToFund)
	return []ledger.Posting{{Debit: out, Credit: r.From, Amount: r.Amount}, {Debit: r.To, Credit: in, Amount: r.AmountIn}}, err
}

// requestIstibdal asks for a swap of what a waqf consists of.
func (s *Service) requestIstibdal(tx edge.Tx, in *walletv1.RequestIstibdalRequest) (*walletv1.Release, error) {
	r := releaseRow{Swap: true, Purpose: shariah.Istibdal.String(), Reason: in.GetReason(), Document: in.GetDocument()}
	return s.request(tx, "istibdal", in.GetId(), in, &r, func() error {
		for _, x := range []struct {
			to   *amount.Amount
			text string
		}{{&r.Amount, in.GetAmount()}, {&r.AmountIn, in.GetAmountIn()}, {&r.ValueOut, in.GetValueOut()}, {&r.ValueIn, in.GetValueIn()}} {
			var err error
			if *x.to, err = book.ParseAmount(x.text); err != nil {
				return err
			}
		}
		from, err := s.money().Find(tx, in.GetFromAccount())
		if err != nil {
			return err
		}
		to, err := s.money().Find(tx, in.GetToAccount())
		if err != nil {
			return err
		}
		r.From, r.To, r.FromFund, r.ToFund, r.Asset, r.AssetIn = from.ID, to.ID, from.Fund, to.Fund, from.Asset, to.Asset
		f, err := shariah.ParseFund(from.Fund)
		if err != nil {
			return err
		}
		if f.Kind != shariah.WaqfCorpus || from.Fund != to.Fund || from.Asset == to.Asset || !book.IsDesk(from) || !book.IsDesk(to) {
			return book.Invalid("a swap is of one thing a waqf consists of for another: two accounts of the same waqf, of different units")
		}
		return nil
	})
}
