package compliance

import (
	"encoding/hex"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/hijri"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// release carries a release out. The rules are asked again, as they are now; where they or the ledger refuse, nothing is
// kept, and the last approval can be given again.
func (s *Service) release(tx edge.Tx, r *releaseRow) error {
	set, err := s.inForce(tx)
	if err != nil {
		return err
	}
	f, err := s.facts(tx, r, tx.Now(), len(r.Given))
	if err != nil {
		return err
	}
	what := set.Decide(f)
	if no := refusal(&what); no != nil {
		return no
	}
	m := ledger.Move{ID: r.ID, Kind: ledger.Release, Purpose: f.Purpose.String(), Judged: true}
	if _, err := hex.Decode(m.Document[:], []byte(r.Document)); err != nil {
		return book.Invalid("a document is named by its SHA-256, 64 hexadecimal digits")
	}
	if m.Postings, err = s.path(tx, r); err != nil {
		return err
	}
	if r.Swap {
		m.Kind = ledger.Swap
	}
	if err := s.carry(tx, m); err != nil {
		return err
	}
	if f.Asnaf == shariah.AmilCategory {
		today, err := hijri.FromTime(tx.Now(), time.UTC)
		if err != nil {
			return err
		}
		if err := setJSON(tx, amilKey(r.Asset, r.FromFund, today.Year), f.AmilTaken); err != nil {
			return err
		}
	}
	r.State = walletv1.ReleaseState_RELEASE_DONE
	return nil
}

// carry has the ledger do something; of what it refuses nothing is kept.
func (s *Service) carry(tx edge.Tx, m ledger.Move) error {
	b, err := s.ledger.Begin(tx)
	if err != nil {
		return err
	}
	no, err := b.Do(m)
	if err != nil {
		return err
	}
	if no != nil {
		return no
	}
	return b.Finish()
}

// path is how the money goes. In the books of the fund that gives it is spent, in those of the one that gets it comes in;
// the cash follows at once, so that accounts of kind transit end where they began.
func (s *Service) path(tx edge.Tx, r *releaseRow) ([]ledger.Posting, error) {
	if r.Swap {
		return s.swapPath(tx, r)
	}
	var house [4]edge.ID
	for i, h := range [...]struct {
		kind walletv1.AccountKind
		fund string
	}{{walletv1.AccountKind_EXPENSE, r.FromFund}, {walletv1.AccountKind_TRANSIT, r.FromFund}, {walletv1.AccountKind_TRANSIT, r.ToFund}, {walletv1.AccountKind_INCOME, r.ToFund}} {
		if i == 3 && !r.Cash.IsZero() {
			house[i] = r.To // it is owed to the member, and comes into no fund
			continue
		}
		var err error
		if house[i], err = s.ledger.House(tx, h.kind, r.Asset, h.fund); err != nil {
			return nil, err
		}
	}
	desk := r.To
	if !r.Cash.IsZero() {
		desk = r.Cash
	}
	return []ledger.Posting{{Debit: house[0], Credit: house[1], Amount: r.Amount}, {Debit: desk, Credit: house[2], Amount: r.Amount},
		{Debit: house[2], Credit: house[3], Amount: r.Amount}, {Debit: house[1], Credit: r.From, Amount: r.Amount}}, nil
}
