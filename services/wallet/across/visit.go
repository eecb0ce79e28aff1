package across

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// granted takes note of what another site set aside for this one.
func (a *act) granted(r received) error {
	k := siteKey(rowVisit, r.GetFrom(), r.id)
	row, found, err := load[visitRow](a.tx, k)
	switch {
	case err != nil:
		return err
	case found && row.Known && (row.money != r.money() || row.Voucher != r.GetVoucher()):
		return contradicts("a site set two different things aside under one identifier")
	case found && row.Closed != nil:
		row.know(r)
		return firstOf(save(a.tx, k, row), a.tell(row.Closed))
	case found && row.Known:
		return nil
	}
	row.know(r)
	return a.keepVisit(k, &row)
}

func (v *visitRow) know(r received) {
	v.Known, v.money, v.Expires, v.Purpose, v.Voucher = true, r.money(), r.GetExpires(), r.GetPurpose(), r.GetVoucher()
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// keepVisit writes the row, with when it closes by itself.
func (a *act) keepVisit(k []byte, row *visitRow) error {
	switch {
	case row.Closed != nil:
		row.plan(a.tx, k, 0)
	case row.Next == 0 && row.Expires != 0:
		row.plan(a.tx, k, row.Expires)
	}
	return save(a.tx, k, row)
}

func (v *visitRow) left() amount.Amount {
	rest, ok := v.Amount.Sub(v.Spent)
	if !ok || v.Closed != nil {
		return amount.Amount{}
	}
	return rest
}

func (v *visitRow) state() walletv1.AllotmentState {
	if v.Closed != nil {
		return stateClosed
	}
	return stateOpen
}

func (v *visitRow) message(id edge.ID, home, site string) *walletv1.Allotment {
	return &walletv1.Allotment{Id: id.String(), State: v.state(), Home: home, Site: site, Granted: v.Amount.String(), Spent: v.Spent.String(), Returned: v.returned().String(),
		Left: v.left().String(), Asset: v.Asset, Fund: v.Fund, Expires: stamp(v.Expires), Voucher: v.Voucher, Purpose: v.Purpose}
}

func (v *visitRow) returned() amount.Amount {
	if v.Closed == nil {
		return amount.Amount{}
	}
	rest, _ := v.Amount.Sub(v.Spent)
	return rest
}

// spendAllotment spends some of what another site set aside for this one. It needs no link.
func (x *Across) spendAllotment(tx edge.Tx, in *walletv1.SpendAllotmentRequest) (*walletv1.Allotment, error) {
	a, err := x.begin(tx)
	if err != nil {
		return nil, err
	}
	s := spending{home: in.GetHome()}
	if s.id, err = ledger.ParseID(in.GetId()); err != nil {
		return nil, err
	}
	if s.spend, err = ledger.ParseID(in.GetSpend()); err != nil {
		return nil, err
	}
	if s.credit, _, err = a.account(in.GetCredit()); err != nil {
		return nil, err
	}
	if s.amount, err = amount.Parse(in.GetAmount()); err != nil {
		return nil, err
	}
	row, found, err := load[visitRow](tx, siteKey(rowVisit, s.home, s.id))
	if err != nil || !found || !row.Known || row.Voucher {
		return nil, firstError(err, noAllotment())
	}
	return a.spend(s, row)
}

// A spending is what somebody asks to spend.
type spending struct {
	home      string
	id, spend edge.ID
	credit    edge.ID
	amount    amount.Amount
	asked     edge.ID // of whom redeems a voucher
	paper     []byte  // the voucher itself
}

// spend spends, once.
func (a *act) spend(s spending, row visitRow) (*walletv1.Allotment, error) {
	k := siteKey(rowSpending, s.home, s.id, s.spend)
	old, found, err := load[spendingRow](a.tx, k)
	switch {
	case err != nil:
		return nil, err
	case found && (old.Credit != s.credit || old.Amount != s.amount || old.Asked != s.asked):
		return nil, s.clash()
	case found:
		return row.message(s.id, s.home, a.me.Site), nil
	}
	if e := row.permits(s, a.tx.Now().Unix()); e != nil {
		return nil, e
	}
	refusal, err := a.creditable(s.credit, row.money)
	if err == nil && refusal == nil {
		refusal, err = a.pay(s, row.money, attempt(0, "across/spend", s.home, s.id.String(), s.spend.String()), ledger.Move{Purpose: row.Purpose, Firm: true})
	}
	switch {
	case err != nil:
		return nil, err
	case refusal != nil:
		return nil, a.refuse(refusal)
	}
	if err := a.noteSpent(k, s, &row); err != nil {
		return nil, err
	}
	return row.message(s.id, s.home, a.me.Site), a.end()
}

func (s spending) clash() *edge.Error {
	if !s.asked.IsZero() {
		return edge.E(edge.Conflict, "the voucher was used already").WithHint("each voucher counts once").WithCode(CodeUsed)
	}
	return edge.E(edge.Conflict, "this identifier was used for another spending").WithHint("make a new identifier for each").WithCode(ledger.CodeConflict)
}

// permits says why nothing can be spent, or nil.
func (v *visitRow) permits(s spending, now int64) *edge.Error {
	switch {
	case v.Voucher && !v.Spent.IsZero():
		return s.clash()
	case v.Closed != nil && v.Voucher:
		return edge.E(edge.Conflict, "the voucher was made void").WithHint("ask the site that made it").WithCode(CodeVoided)
	case v.Closed != nil:
		return edge.E(edge.Conflict, "the allotment is closed").WithHint("ask for another at home").WithCode(CodeClosed)
	case v.Expires != 0 && v.Expires <= now:
		return edge.E(edge.Refused, "its time is over").WithHint("ask for another at home").WithCode(CodeExpired)
	case s.amount.IsZero():
		return edge.E(edge.Invalid, "an amount of nothing cannot be spent").WithCode(amount.CodeInvalid)
	case v.left().Less(s.amount):
		return edge.E(edge.Refused, "less is left of it").WithHint("spend less").WithCode(ledger.CodeFunds, fact("left", v.left().String()))
	case v.Count >= maxSpendings:
		return edge.E(edge.Exhausted, "an allotment can be spent in %d parts", maxSpendings).WithHint("close it and ask for another").WithCode(CodeTooMany)
	}
	return nil
}

// pay moves the money from what the other site owes to the payee.
func (a *act) pay(s spending, m money, id edge.ID, how ledger.Move) (*edge.Error, error) {
	owed, err := a.clearing(s.home, m)
	if err != nil {
		return refusalOf(err)
	}
	return a.clear(id, owed, s.credit, s.amount, how)
}

// noteSpent keeps the spending and tells home.
func (a *act) noteSpent(k []byte, s spending, row *visitRow) error {
	signed, _, err := a.say(&walletv1.Note{Kind: walletv1.NoteKind_NOTE_SPENT, To: s.home, Id: s.id[:], Spend: s.spend[:], Credit: s.credit[:], Debit: s.asked[:],
		Amount: s.amount.String(), Asset: row.Asset, Fund: row.Fund, VoucherText: s.paper})
	if err != nil {
		return err
	}
	if err := save(a.tx, k, spendingRow{Credit: s.credit, Amount: s.amount, Booked: true, Asked: s.asked, Signed: signed}); err != nil {
		return err
	}
	return a.count(s, row)
}

func (a *act) count(s spending, row *visitRow) error {
	sum, ok := row.Spent.Add(s.amount)
	if !ok || row.Known && row.Amount.Less(sum) {
		return edge.E(edge.Internal, "more of an allotment would be spent than was granted")
	}
	row.Spent, row.Count = sum, row.Count+1
	return a.keepVisit(siteKey(rowVisit, s.home, s.id), row)
}

// closeHere ends what another site set aside, before its time.
func (a *act) closeHere(home string, id edge.ID) (*walletv1.Allotment, error) {
	k := siteKey(rowVisit, home, id)
	row, found, err := load[visitRow](a.tx, k)
	if err != nil || !found {
		return nil, firstError(err, noAllotment())
	}
	if err := a.finish(k, home, id, &row); err != nil {
		return nil, err
	}
	return row.message(id, home, a.me.Site), a.end()
}

// finish spends no more of it, for ever, and tells home what was spent.
func (a *act) finish(k []byte, home string, id edge.ID, row *visitRow) (err error) {
	if row.Closed != nil {
		return a.tell(row.Closed)
	}
	row.Closed, _, err = a.say(&walletv1.Note{Kind: walletv1.NoteKind_NOTE_CLOSED, To: home, Id: id[:], Spent: row.Spent.String()})
	if err != nil {
		return err
	}
	return a.keepVisit(k, row)
}

// closing ends what another site set aside because that site asks. What was never heard of is closed too: should it come
// later, it cannot be spent. Where home has not booked all, it is told of every spending again.
func (a *act) closing(r received) error {
	k := siteKey(rowVisit, r.GetFrom(), r.id)
	row, _, err := load[visitRow](a.tx, k)
	if err != nil {
		return err
	}
	if r.GetSpent() != row.Spent.String() {
		if err := a.tellSpendings(siteKey(rowSpending, r.GetFrom(), r.id)); err != nil {
			return err
		}
	}
	return a.finish(k, r.GetFrom(), r.id, &row)
}

func (a *act) tellSpendings(under []byte) error {
	for k := range a.tx.Scan(under) {
		s, _, err := load[spendingRow](a.tx, k)
		if err != nil {
			return err
		}
		if err := a.tell(s.Signed); err != nil {
			return err
		}
	}
	return a.tx.Err()
}

// respend books again what was spent here before this site was restored.
func (a *act) respend(r received) error {
	if len(r.GetSpend()) != len(edge.ID{}) {
		return invalid("a note says of no spending")
	}
	s := spending{home: r.GetTo(), id: r.id, spend: edge.ID(r.GetSpend()), credit: r.credit(), amount: r.amount, asked: r.debit()}
	k, at := siteKey(rowSpending, s.home, s.id, s.spend), siteKey(rowVisit, s.home, s.id)
	old, found, err := load[spendingRow](a.tx, k)
	if err != nil || found && old.Booked {
		return err
	}
	if !found { // it counts as spent from now on, whether it can be booked or not
		row, _, err := load[visitRow](a.tx, at)
		if err != nil {
			return err
		}
		if !row.Known {
			row.Asset, row.Fund = r.GetAsset(), r.GetFund()
		}
		if row.Spent, _ = row.Spent.Add(s.amount); row.Known && row.Amount.Less(row.Spent) {
			return contradicts("more was spent here before this site was restored than is left")
		}
		row.Count++
		if err := a.keepVisit(at, &row); err != nil {
			return err
		}
	}
	refusal, err := a.pay(s, r.money(), attempt(r.tries, "across/spend-again", s.home, s.id.String(), s.spend.String()), settled())
	if err != nil {
		return err
	}
	if err := save(a.tx, k, spendingRow{Credit: s.credit, Amount: s.amount, Booked: refusal == nil, Asked: s.asked, Signed: r.signed}); err != nil {
		return err
	}
	if refusal != nil {
		return &parked{refusal}
	}
	return nil
}

// reclose remembers that this site had closed it before it was restored.
func (a *act) reclose(r received) error {
	k := siteKey(rowVisit, r.GetTo(), r.id)
	row, _, err := load[visitRow](a.tx, k)
	if err != nil || row.Closed != nil {
		return err
	}
	row.Closed = r.signed
	return a.keepVisit(k, &row)
}
