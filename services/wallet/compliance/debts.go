package compliance

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
)

// Debts know who owes whom a loan, for RIBA-4: a lender gets no gift while the loan is open.
type Debts interface {
	// Any reports whether there is an open loan between people at all.
	Any(v edge.View) (bool, error)
	// Owes reports whether the person of the one account has an open loan from the person of the other.
	Owes(v edge.View, from, to edge.ID) (bool, error)
}

// Heed has the rules know of debts. It is called while a site is put together.
func (s *Service) Heed(d Debts) { s.debts = d }

// owes reports whether who pays owes who is paid. Where nobody owes anybody, that is one look for the whole command.
func (j *judge) owes(l *ledger.DealingLeg) (bool, error) {
	if j.s.debts == nil || l.Credit.Kind != member {
		return false, nil
	}
	if j.lent == nil {
		any, err := j.s.debts.Any(j.tx)
		if err != nil {
			return false, err
		}
		j.lent = &any
	}
	if !*j.lent {
		return false, nil
	}
	return j.s.debts.Owes(j.tx, l.Debit.ID, l.Credit.ID)
}
