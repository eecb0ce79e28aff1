package deals

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// owedPrefix is of rows that say who owes whom a loan: an identifier made of debtor and creditor, the contract. They are
// there while the loan is open.
const owedPrefix = "wowe/"

func owedKey(debtor, creditor string) []byte {
	id := ledger.Named("owes", debtor, creditor)
	return append([]byte(owedPrefix), id[:]...)
}

// Any reports whether there is an open loan between people at all.
func (d *Deals) Any(v edge.View) (bool, error) { return some(v, []byte(owedPrefix)) }

// Owes reports whether the person of the one account has an open loan from the person of the other, whichever accounts
// it was made with.
func (d *Deals) Owes(v edge.View, from, to edge.ID) (bool, error) {
	debtor, err := d.led.Owner(v, from.String())
	if err != nil {
		return false, err
	}
	creditor, err := d.led.Owner(v, to.String())
	if err != nil {
		return false, err
	}
	return some(v, owedKey(debtor, creditor))
}

func some(v edge.View, under []byte) (bool, error) {
	for range v.Scan(under) {
		return true, nil
	}
	return false, v.Err()
}

// owed notes that a loan between people is open, or no longer is.
func (d *Deals) owed(tx edge.Tx, c *walletv1.Contract) error {
	if c.Kind != walletv1.ContractKind_QARD || c.Creditor == "" {
		return nil
	}
	debtor, err := d.led.Owner(tx, c.Debtor)
	if err != nil {
		return err
	}
	creditor, err := d.led.Owner(tx, c.Creditor)
	if err != nil {
		return err
	}
	k := append(owedKey(debtor, creditor), c.Id...)
	if c.State == walletv1.ContractState_CONTRACT_RUNNING {
		tx.Set(k, []byte{})
	} else {
		tx.Delete(k)
	}
	return nil
}
