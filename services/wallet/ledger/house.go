package ledger

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// House is the account of a kind that the house itself has in a currency of a fund, opened where it is missing: there is
// one of each, and its identifier follows from them. Accounts of kind transit that funds share are such accounts.
func (s *Ledger) House(tx edge.Tx, k walletv1.AccountKind, asset, fund string) (edge.ID, error) {
	id := HouseID(k, asset, fund)
	return id, s.OpenOwn(tx, id, k, asset, fund, "")
}

// HouseID is the identifier of the account that House opens.
func HouseID(k walletv1.AccountKind, asset, fund string) edge.ID {
	return named([]string{"house", k.String(), asset, fund})
}

// Sums are what is posted in one currency of a fund, by kind of account: credits less debits, in minor units.
type Sums struct{ by [kinds]amount.Signed }

// Of is what is posted on all accounts of some kinds together.
func (t Sums) Of(of ...walletv1.AccountKind) (sum amount.Signed) {
	for _, k := range of {
		if k >= 0 && int(k) < len(t.by) {
			sum, _ = sum.Add(t.by[k])
		}
	}
	return sum
}

// Sums are the sums of a currency of a fund, as posted before the batch that is under way.
func (s *Ledger) Sums(v edge.View, asset, fund string) (Sums, error) {
	row, found, err := get(v, totalKey(universe{asset, fund}))
	if err != nil || !found {
		return Sums{}, err
	}
	var t totals
	err = decodeTotals(row, &t)
	return Sums{t.by}, err
}

// maxOwned is how many accounts of one person are looked at.
const maxOwned = 500

// Owned lists accounts of a person by id, at most 500.
func (s *Ledger) Owned(v edge.View, owner string) (list []AccountInfo, err error) {
	under := key(rowOwner, []byte(owner), []byte{'/'})
	for k := range v.Scan(under) {
		if len(k) != len(under)+len(edge.ID{}) {
			continue
		}
		a, err := s.Find(v, edge.ID(k[len(under):]))
		if err != nil {
			return nil, err
		}
		if list = append(list, a); len(list) == maxOwned {
			break
		}
	}
	return list, v.Err()
}

// ShowTransfer shows a transfer and what became of it. It fails with NotFound.
func (s *Ledger) ShowTransfer(v edge.View, id edge.ID) (*walletv1.Transfer, error) {
	return s.getTransfer(v, &walletv1.GetTransferRequest{Id: id.String()})
}

// ShowFund shows a fund with its totals. It fails with NotFound.
func (s *Ledger) ShowFund(v edge.View, id string) (*walletv1.Fund, error) {
	return getFund(v, &walletv1.GetFundRequest{Id: id})
}

// ShowFunds shows all funds that were opened or hold anything, with their totals.
func (s *Ledger) ShowFunds(v edge.View) ([]*walletv1.Fund, error) {
	out, err := listFunds(v, nil)
	return out.GetFunds(), err
}
