package reconcile

import (
	"strings"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/bankfile"
	"github.com/aielon/edge/services/wallet/gateway"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/payments"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// idLength is how many letters an identifier of a transfer has.
const idLength = 26

// first does with an entry that is new what needs nobody's judgement: it pays the one payment whose reference it bears, or
// stands for the one transfer whose identifier it bears. A movement of nothing stands for nothing.
func (s *Service) first(tx edge.Tx, e *entry, from *bankfile.Entry) error {
	if e.amount.IsZero() {
		e.State, e.Auto, e.At, e.Reason = ignored, true, tx.Now(), "0"
		return nil
	}
	found, transfers, err := s.named(tx, e, from)
	switch {
	case err != nil || len(found)+len(transfers) != 1:
		return err
	case len(transfers) == 1:
		e.State, e.Transfers, e.Auto, e.At = matched, transfers, true, tx.Now()
		e.mark(tx, true)
		return nil
	}
	e.Wants = found[0]
	return nil
}

// named lists the payments whose references an entry bears, and the transfers whose identifiers it bears and that it fits.
func (s *Service) named(v edge.View, e *entry, from *bankfile.Entry) (paid, moved []edge.ID, err error) {
	seen := map[edge.ID]bool{}
	begins := func(word string) bool { return strings.HasPrefix(word, "RF") || len(word) == idLength }
	from.Naming(idLength, begins, func(ref string) {
		if err != nil {
			return
		}
		id, found := edge.ID{}, false
		if id, found, err = payments.Referred(v, ref); found && !seen[id] {
			seen[id], paid = true, append(paid, id)
		}
		if x, is := edge.ReadID(ref); is && err == nil && !seen[x] {
			seen[x] = true
			if sum, free, ferr := s.moved(v, e.Account, x); ferr == nil && free && sum == e.amount {
				moved = append(moved, x)
			} else if ferr != nil && !edge.IsKind(ferr, edge.NotFound) && !edge.IsKind(ferr, edge.Refused) {
				err = ferr
			}
		}
	})
	return paid, moved, err
}

// told has the payment that an entry names paid by it. Where the payment does not take it, the entry stays open for a
// person.
func (s *Service) told(tx edge.Tx, e *entry) error {
	payment := e.Wants
	e.Wants = edge.ID{}
	switch err := s.tell(tx, e, payment); {
	case err == nil:
		e.State, e.Payment, e.Auto, e.At = matched, payment, true, tx.Now()
		return nil
	case edge.CodeOf(err) == ledger.CodeHalted:
		return err
	case edge.IsKind(err, edge.Refused), edge.IsKind(err, edge.Exhausted), edge.IsKind(err, edge.Conflict), edge.IsKind(err, edge.NotFound), edge.IsKind(err, edge.Invalid):
		return nil
	default:
		return err
	}
}

func (s *Service) tell(tx edge.Tx, e *entry, payment edge.ID) error {
	from := e.file()
	if err := s.pay.TellEntry(tx, payment, e.Account, paygate.FromEntry(e.ID.String(), e.Asset, &from)); err != nil {
		return err
	}
	for _, id := range payments.Moves(payment, e.ID.String(), e.amount.Neg) {
		tx.Set(key(underTransfer, e.Account[:], id[:]), e.ID[:])
	}
	return nil
}

// mark notes that transfers stand for an entry, or do so no longer.
func (e *entry) mark(tx edge.Tx, on bool) {
	for _, id := range e.Transfers {
		k := key(underTransfer, e.Account[:], id[:])
		if on {
			tx.Set(k, e.ID[:])
		} else {
			tx.Delete(k)
		}
	}
}

// moved is what a transfer moved on an account, as the bank sees it, and whether no entry stands for it. It fails with
// NotFound, and with Refused where the transfer moved nothing there.
func (s *Service) moved(v edge.View, account, id edge.ID) (sum amount.Signed, free bool, err error) {
	t, err := s.led.ShowTransfer(v, id)
	if err != nil {
		return sum, false, err
	}
	if sum, err = net(t, account.String()); err != nil {
		return sum, false, err
	}
	_, err = v.Get(key(underTransfer, account[:], id[:]))
	if edge.IsKind(err, edge.NotFound) {
		return sum, true, nil
	}
	return sum, false, err
}

// net is what a transfer that was posted moved on an account: what it was debited came to the bank.
func net(t *walletv1.Transfer, account string) (sum amount.Signed, err error) {
	touched := false
	for _, l := range t.GetLegs() {
		a, perr := amount.Parse(l.GetAmount())
		if perr != nil {
			return sum, edge.E(edge.Corrupt, "a transfer cannot be read: %w", perr)
		}
		x, ok := amount.Signed{Amount: a}, true
		if l.GetDebit() == account {
			sum, ok = sum.Add(x)
		} else if l.GetCredit() == account {
			sum, ok = sum.Add(x.Negated())
		} else {
			continue
		}
		if touched = true; !ok {
			return sum, edge.E(edge.Corrupt, "a transfer is larger than can be counted")
		}
	}
	// A hold moves nothing by itself: what posts it does, under an identifier of its own.
	if !touched || t.GetStatus() != walletv1.TransferStatus_POSTED || t.GetEndedBy() != "" || sum.IsZero() {
		return sum, edge.E(edge.Refused, "this transfer moved nothing on the account").WithHint("look at what moved on the account").WithCode(CodeTransfer, edge.Fact{Name: "transfer", Value: t.GetId()})
	}
	return sum, nil
}

// Waits reports whether an entry waits until its payment is told of it.
func Waits(v edge.View) (bool, error) {
	for range v.Scan([]byte(underQueue)) {
		return true, v.Err()
	}
	return false, v.Err()
}

// settle tells payments of entries that wait, some of them at a time.
func (s *Service) settle(tx edge.Tx, _ struct{}) (out struct{}, err error) {
	if k := tx.Actor().Kind; k != edge.Node && k != edge.Service {
		return out, edge.E(edge.Denied, "only a node of the site may ask for this")
	}
	var list []edge.ID
	for k := range tx.Scan([]byte(underQueue)) {
		if rest := k[len(underQueue):]; len(rest) == len(edge.ID{}) {
			list = append(list, edge.ID(rest))
		}
		if len(list) == settleMany {
			break
		}
	}
	if err := tx.Err(); err != nil {
		return out, err
	}
	for _, id := range list {
		e, err := loadEntry(tx, id)
		if err != nil {
			return out, err
		}
		was := *e
		if err := s.told(tx, e); err != nil {
			return out, err
		}
		if err := e.save(tx, &was); err != nil {
			return out, err
		}
	}
	return out, nil
}
