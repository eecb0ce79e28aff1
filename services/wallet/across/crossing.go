package across

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

const (
	noteReceived = walletv1.NoteKind_NOTE_RECEIVED
	noteDeclined = walletv1.NoteKind_NOTE_DECLINED
)

func (r received) money() money {
	return money{Amount: r.amount, Asset: r.GetAsset(), Fund: r.GetFund()}
}

func (r received) credit() (id edge.ID) {
	copy(id[:], r.GetCredit())
	return id
}

func (r received) debit() (id edge.ID) {
	copy(id[:], r.GetDebit())
	return id
}

func (r received) about() (sum [32]byte) {
	copy(sum[:], r.GetAbout())
	return sum
}

// arrive decides on money another site sent, once. The answer stands for ever and is given again each time.
func (a *act) arrive(r received) error {
	k := siteKey(rowArrival, r.GetFrom(), r.id)
	row, found, err := load[arrivalRow](a.tx, k)
	switch about := hash(r.raw); {
	case err != nil:
		return err
	case found && row.About != about: // another note under an identifier that was answered
		_, _, err := a.answer(r, noteDeclined, ledger.CodeConflict)
		return err
	case found && row.Booked || found && !row.Accepted:
		return a.tell(row.Answer)
	case found: // answered before this site was restored: what was accepted is booked, whatever there is now
		return a.rebook(k, row, r, r.GetFrom())
	}
	kind, code, err := a.admit(r)
	if err != nil {
		return err
	}
	row = arrivalRow{About: hash(r.raw), Accepted: kind == noteReceived, Booked: kind == noteReceived}
	if row.Answer, _, err = a.answer(r, kind, code); err != nil {
		return err
	}
	return save(a.tx, k, row)
}

// answer says what was decided. Where money was accepted it says who was credited, so that this site can book it again
// by its own word alone, should it be restored.
func (a *act) answer(r received, kind walletv1.NoteKind, code string) (signed []byte, note [32]byte, err error) {
	about := hash(r.raw)
	n := &walletv1.Note{Kind: kind, To: r.GetFrom(), Id: r.id[:], About: about[:], Code: code, Amount: r.GetAmount(), Asset: r.GetAsset(), Fund: r.GetFund()}
	if kind == noteReceived {
		n.Credit, n.Purpose = r.GetCredit(), r.GetPurpose()
	}
	return a.say(n)
}

// admit credits the payee, or says why not.
func (a *act) admit(r received) (kind walletv1.NoteKind, code string, err error) {
	if r.GetExpires() != 0 && r.GetExpires() <= a.tx.Now().Unix() {
		return noteDeclined, CodeExpired, nil
	}
	if r.amount.IsZero() {
		return noteDeclined, amount.CodeInvalid, nil
	}
	refusal, err := a.creditable(r.credit(), r.money())
	if err == nil && refusal == nil {
		refusal, err = a.receive(r, r.GetFrom(), attempt(0, "across/in", r.GetFrom(), r.id.String()), ledger.Move{Purpose: r.GetPurpose(), Firm: true})
	}
	if err != nil {
		return 0, "", err
	}
	if refusal != nil {
		return noteDeclined, refusal.Code, nil
	}
	return noteReceived, "", nil
}

// receive moves the money from what the other site owes to the payee.
func (a *act) receive(r received, peer string, id edge.ID, how ledger.Move) (*edge.Error, error) {
	owed, err := a.clearing(peer, r.money())
	if err != nil {
		return refusalOf(err)
	}
	return a.clear(id, owed, r.credit(), r.amount, how)
}

// rebook does again what this site had done before it was restored: r is what the peer sent, or the answer to it.
func (a *act) rebook(k []byte, row arrivalRow, r received, peer string) error {
	how := settled()
	how.Purpose = r.GetPurpose()
	refusal, err := a.receive(r, peer, attempt(r.tries, "across/again", peer, r.id.String(), kindName(r.GetKind())), how)
	if err != nil {
		return err
	}
	if refusal != nil {
		return &parked{refusal}
	}
	row.Booked = true
	if err := save(a.tx, k, row); err != nil {
		return err
	}
	return a.tell(row.Answer)
}

// answered ends the hold of a crossing by what the other site says.
func (a *act) answered(r received) error {
	k := idKey(rowCrossing, r.id)
	row, found, err := load[crossingRow](a.tx, k)
	if err != nil {
		return err
	}
	done := map[walletv1.NoteKind]walletv1.CrossingStatus{noteReceived: walletv1.CrossingStatus_ARRIVED, noteDeclined: walletv1.CrossingStatus_DECLINED}[r.GetKind()]
	switch {
	case !found && r.GetKind() == noteReceived:
		return &parked{edge.E(edge.Unavailable, "site %s was paid by this site, which does not know of it", r.GetFrom()).WithCode(CodeCrossing)}
	case !found: // what this site forgot was refused: should it hear of it again, nothing is held
		return save(a.tx, k, crossingRow{To: r.GetFrom(), money: r.money(), Status: done, Code: r.GetCode(), Note: r.about(), Time: a.tx.Now()})
	case row.To != r.GetFrom() || row.Note != r.about():
		return contradicts("a site answers a transfer it was never sent like this")
	case row.Status == done:
		return nil
	case row.Status != walletv1.CrossingStatus_QUEUED:
		return contradicts("a site says that money arrived, and that it did not")
	}
	how := ledger.Move{ID: attempt(r.tries, "across/end", r.id.String()), Kind: ledger.Post, About: row.Hold, Settled: true, Judged: true}
	if r.GetKind() == noteDeclined {
		how.Kind = ledger.Void
	}
	return a.settle(k, row, r, done, how)
}

func (a *act) settle(k []byte, row crossingRow, r received, done walletv1.CrossingStatus, how ledger.Move) error {
	if _, err := a.clearing(row.To, row.money); err != nil {
		return err
	}
	refusal, err := a.b.Do(how)
	if err != nil {
		return err
	}
	if refusal != nil {
		return &parked{refusal}
	}
	row.Status, row.Code, row.Signed = done, r.GetCode(), nil
	row.plan(a.tx, k, 0)
	if err := save(a.tx, k, row); err != nil {
		return err
	}
	return a.emit(EventSettled, "crossing:"+r.id.String(), map[string]string{"id": r.id.String(), "to": row.To, "status": done.String(), "code": row.Code})
}

// resend holds again what this site had sent before it was restored.
func (a *act) resend(r received) error {
	k := idKey(rowCrossing, r.id)
	row, found, err := load[crossingRow](a.tx, k)
	switch {
	case err != nil:
		return err
	case found && row.Note == hash(r.raw):
		return nil
	case found:
		return contradicts("this site sent something else under the same identifier before it was restored")
	}
	row = crossingRow{To: r.GetTo(), Debit: r.debit(), Credit: r.credit(), money: r.money(), Purpose: r.GetPurpose(), Expires: r.GetExpires(),
		Status: walletv1.CrossingStatus_QUEUED, Note: hash(r.raw), Signed: r.signed, Time: a.tx.Now()}
	how := settled()
	how.Purpose = row.Purpose
	id := r.id
	if r.tries > 0 {
		id = attempt(r.tries, "across/hold", r.id.String())
	}
	refusal, err := a.hold(&row, id, how)
	if err != nil {
		refusal, err = refusalOf(err)
	}
	if err != nil {
		return err
	}
	if refusal != nil {
		return &parked{refusal}
	}
	return a.queued(r.id, row)
}

// reanswer remembers what this site had answered before it was restored, and books what it had accepted. Answers of an
// earlier version do not say who was credited: then the money is booked when the note comes that was answered.
func (a *act) reanswer(r received) error {
	k := siteKey(rowArrival, r.GetTo(), r.id)
	row, found, err := load[arrivalRow](a.tx, k)
	accepted := r.GetKind() == noteReceived
	switch {
	case err != nil:
		return err
	case found && row.About != r.about():
		return nil // an answer to a note under an identifier that was answered
	case found && row.Accepted != accepted:
		return contradicts("this site answered otherwise before it was restored")
	case found && row.Booked || r.GetCode() == ledger.CodeConflict: // the latter answered another note than the first
		return nil
	case !found:
		row = arrivalRow{About: r.about(), Accepted: accepted, Answer: r.signed}
		if err := save(a.tx, k, row); err != nil {
			return err
		}
	}
	if !accepted || len(r.GetCredit()) != len(edge.ID{}) {
		return nil
	}
	return a.rebook(k, row, r, r.GetTo())
}
