package across

import (
	"bytes"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

const (
	stateOpen    = walletv1.AllotmentState_ALLOTMENT_OPEN
	stateClosing = walletv1.AllotmentState_ALLOTMENT_CLOSING
	stateClosed  = walletv1.AllotmentState_ALLOTMENT_CLOSED
)

// grace is how long after its end, in seconds, the other site is asked what became of an allotment.
const grace = 60

// openAllotment sets money aside for another site.
func (x *Across) openAllotment(tx edge.Tx, in *walletv1.OpenAllotmentRequest) (*walletv1.Allotment, error) {
	a, err := x.begin(tx)
	if err != nil {
		return nil, err
	}
	id, row, err := a.set(in, false)
	if err != nil {
		return nil, err
	}
	return row.message(id, a.me.Site), a.end()
}

// set sets money aside under an identifier, once.
func (a *act) set(in *walletv1.OpenAllotmentRequest, voucher bool) (id edge.ID, row grantRow, err error) {
	if err := a.other(in.GetSite()); err != nil {
		return id, row, err
	}
	if id, err = ledger.ParseID(in.GetId()); err != nil {
		return id, row, err
	}
	row = grantRow{Site: in.GetSite(), Purpose: in.GetPurpose(), Voucher: voucher, State: stateOpen}
	if row.Expires, err = unix(in.GetExpires()); err != nil {
		return id, row, err
	}
	if row.Account, row.money, err = a.source(in.GetAccount(), in.GetAmount(), ""); err != nil {
		return id, row, err
	}
	old, found, err := load[grantRow](a.tx, idKey(rowGrant, id))
	switch {
	case err != nil:
		return id, row, err
	case found && (old.Site != row.Site || old.Account != row.Account || old.money != row.money || old.Expires != row.Expires || old.Purpose != row.Purpose || old.Voucher != voucher):
		return id, row, edge.E(edge.Conflict, "this identifier was used for something else").WithHint("make a new identifier").WithCode(ledger.CodeConflict, fact("id", id.String()))
	case found:
		return id, old, nil
	case row.Expires != 0 && row.Expires <= a.tx.Now().Unix():
		return id, row, invalid("it would have expired already").WithHint("choose a later time, or none")
	}
	return id, row, a.aside(id, &row)
}

// aside moves the money to escrow, and tells the other site.
func (a *act) aside(id edge.ID, row *grantRow) error {
	to, err := a.escrow(row.Site, row.money)
	if err != nil {
		return err
	}
	refusal, err := a.clear(id, row.Account, to, row.Amount, ledger.Move{Purpose: row.Purpose, Firm: true})
	if err != nil {
		return err
	}
	if refusal != nil {
		return a.refuse(refusal)
	}
	row.Signed, _, err = a.say(&walletv1.Note{Kind: walletv1.NoteKind_NOTE_GRANTED, To: row.Site, Id: id[:], Debit: row.Account[:], Amount: row.Amount.String(),
		Asset: row.Asset, Fund: row.Fund, Expires: row.Expires, Voucher: row.Voucher, Purpose: row.Purpose})
	if err != nil {
		return err
	}
	return a.keepGrant(id, row)
}

// keepGrant writes a grant, with when the other site is to be asked about it.
func (a *act) keepGrant(id edge.ID, row *grantRow) error {
	if err := row.sound(); err != nil {
		return err
	}
	k := idKey(rowGrant, id)
	switch {
	case row.State == stateClosed:
		row.plan(a.tx, k, 0)
	case row.Next == 0 && row.Expires != 0:
		row.plan(a.tx, k, row.Expires+grace)
	}
	return save(a.tx, k, row)
}

// ask asks the other site to close a grant, and to say what was spent.
func (a *act) ask(id edge.ID, row *grantRow) error {
	if row.State == stateClosed {
		return nil
	}
	row.State = stateClosing
	if _, _, err := a.say(&walletv1.Note{Kind: walletv1.NoteKind_NOTE_CLOSING, To: row.Site, Id: id[:], Spent: row.Spent.String()}); err != nil {
		return err
	}
	row.again(a.tx, idKey(rowGrant, id))
	return a.keepGrant(id, row)
}

// spent books what the other site says was spent, once for each spending.
func (a *act) spent(r received) error {
	if err := a.recognise(r); err != nil {
		return err
	}
	row, found, err := load[grantRow](a.tx, idKey(rowGrant, r.id))
	if err != nil {
		return err
	}
	if len(r.GetSpend()) != len(edge.ID{}) || r.amount.IsZero() {
		return invalid("a note says of no spending")
	}
	spend := edge.ID(r.GetSpend())
	k := key(rowBooked, r.id[:], spend[:])
	was, booked, err := load[money](a.tx, k)
	switch {
	case err != nil:
		return err
	case !found:
		return a.unknown(r)
	case row.Site != r.GetFrom() || row.Asset != r.GetAsset() || row.Fund != r.GetFund():
		return contradicts("a site spent what was not set aside for it")
	case booked && was != r.money():
		return contradicts("a site says that it spent two different amounts under one identifier")
	case booked:
		return nil
	case row.left().Less(r.amount):
		return contradicts("a site spent more than was set aside, or after it said that it had spent all")
	}
	refusal, err := a.bookSpent(r, &row, spend)
	if err != nil {
		return err
	}
	if refusal != nil {
		return &parked{refusal}
	}
	row.Spent, _ = row.Spent.Add(r.amount)
	if row.left().IsZero() {
		row.State = stateClosed
	}
	if err := save(a.tx, k, r.money()); err != nil {
		return err
	}
	return a.keepGrant(r.id, &row)
}

// unknown keeps what was spent of something that this site has forgotten, and asks the other site to tell all of it.
func (a *act) unknown(r received) error {
	if _, _, err := a.say(&walletv1.Note{Kind: walletv1.NoteKind_NOTE_CLOSING, To: r.GetFrom(), Id: r.id[:], Spent: "0"}); err != nil {
		return err
	}
	return &parked{edge.E(edge.NotFound, "site %s spent something this site does not know of", r.GetFrom()).WithCode(CodeAllotment)}
}

// recognise takes up a voucher that this site made and forgot when it was restored, from the voucher itself.
func (a *act) recognise(r received) error {
	p := a.own(r.GetVoucherText())
	if p == nil || !bytes.Equal(p.GetId(), r.GetId()) || p.GetTo() != r.GetFrom() {
		return nil
	}
	if _, found, err := load[grantRow](a.tx, idKey(rowGrant, r.id)); err != nil || found {
		return err
	}
	sum, err := amount.Parse(p.GetAmount())
	if err != nil {
		return err
	}
	signed, _, err := a.sign(&walletv1.Note{Kind: walletv1.NoteKind_NOTE_GRANTED, To: p.GetTo(), Id: p.GetId(), Debit: p.GetDebit(), Amount: p.GetAmount(), Asset: p.GetAsset(),
		Fund: p.GetFund(), Expires: p.GetExpires(), Voucher: true, Purpose: p.GetPurpose()})
	if err != nil {
		return err
	}
	g, _, err := read(signed)
	if err != nil {
		return err
	}
	g.amount, g.tries = sum, r.tries
	return a.regrant(g)
}

func (a *act) bookSpent(r received, row *grantRow, spend edge.ID) (*edge.Error, error) {
	from, err := a.escrow(row.Site, row.money)
	if err != nil {
		return nil, err
	}
	to, err := a.clearing(row.Site, row.money)
	if err != nil {
		return nil, err
	}
	return a.clear(attempt(r.tries, "across/spent", r.GetFrom(), r.id.String(), spend.String()), from, to, r.amount, settled())
}

// closed returns what is left, on the other site's word that it spends no more. Spendings that are still on their way
// stay in escrow for when they come.
func (a *act) closed(r received) error {
	row, found, err := load[grantRow](a.tx, idKey(rowGrant, r.id))
	if err != nil {
		return err
	}
	final, err := amount.Parse(r.GetSpent())
	if err != nil {
		return err
	}
	switch {
	case !found && final.IsZero():
		return nil
	case !found:
		return a.unknown(r)
	case row.Site != r.GetFrom():
		return contradicts("a site closed what was not set aside for it")
	case row.Final != nil && *row.Final != final:
		return contradicts("a site says twice what it spent, and not the same")
	case row.Final != nil:
		return nil
	case row.Amount.Less(final) || final.Less(row.Spent):
		return contradicts("a site closed with another sum than it spent")
	}
	rest, _ := row.Amount.Sub(final)
	if refusal, err := a.giveBack(r, &row, rest); err != nil || refusal != nil {
		if refusal != nil {
			return &parked{refusal}
		}
		return err
	}
	if row.Final, row.Returned, row.State = &final, rest, stateClosing; row.left().IsZero() {
		row.State = stateClosed
	}
	return a.keepGrant(r.id, &row)
}

func (a *act) giveBack(r received, row *grantRow, rest amount.Amount) (*edge.Error, error) {
	if rest.IsZero() {
		return nil, nil
	}
	from, err := a.escrow(row.Site, row.money)
	if err != nil {
		return nil, err
	}
	return a.clear(attempt(r.tries, "across/back", r.id.String()), from, row.Account, rest, settled())
}

// regrant sets aside again what this site had set aside before it was restored.
func (a *act) regrant(r received) error {
	row, found, err := load[grantRow](a.tx, idKey(rowGrant, r.id))
	switch {
	case err != nil:
		return err
	case found && row.Site == r.GetTo() && row.Account == r.debit() && row.money == r.money():
		return nil
	case found:
		return contradicts("this site set something else aside under the same identifier before it was restored")
	}
	row = grantRow{Site: r.GetTo(), Account: r.debit(), money: r.money(), Expires: r.GetExpires(), Purpose: r.GetPurpose(), Voucher: r.GetVoucher(), State: stateOpen, Signed: r.signed}
	to, err := a.escrow(row.Site, row.money)
	var refusal *edge.Error
	if err == nil {
		how := settled()
		how.Purpose = row.Purpose
		refusal, err = a.clear(attempt(r.tries, "across/aside", r.id.String()), row.Account, to, row.Amount, how)
	} else {
		refusal, err = refusalOf(err)
	}
	if err != nil {
		return err
	}
	if refusal != nil {
		return &parked{refusal}
	}
	return a.keepGrant(r.id, &row)
}

func (g *grantRow) message(id edge.ID, home string) *walletv1.Allotment {
	return &walletv1.Allotment{Id: id.String(), State: g.State, Home: home, Site: g.Site, Account: g.Account.String(), Granted: g.Amount.String(), Spent: g.Spent.String(),
		Returned: g.Returned.String(), Left: g.left().String(), Asset: g.Asset, Fund: g.Fund, Expires: stamp(g.Expires), Voucher: g.Voucher, Purpose: g.Purpose}
}

func stamp(at int64) *timestamppb.Timestamp {
	if at == 0 {
		return nil
	}
	return &timestamppb.Timestamp{Seconds: at}
}

// closeAllotment ends a grant of this site by asking the other, or one of another site by closing it here.
func (x *Across) closeAllotment(tx edge.Tx, in *walletv1.CloseAllotmentRequest) (*walletv1.Allotment, error) {
	a, err := x.begin(tx)
	if err != nil {
		return nil, err
	}
	id, err := ledger.ParseID(in.GetId())
	if err != nil {
		return nil, err
	}
	if in.GetHome() != "" && in.GetHome() != a.me.Site {
		return a.closeHere(in.GetHome(), id)
	}
	return a.closeThere(id, false)
}

func (x *Across) voidVoucher(tx edge.Tx, in *walletv1.VoidVoucherRequest) (*walletv1.Allotment, error) {
	a, err := x.begin(tx)
	if err != nil {
		return nil, err
	}
	id, err := ledger.ParseID(in.GetId())
	if err != nil {
		return nil, err
	}
	return a.closeThere(id, true)
}

func (a *act) closeThere(id edge.ID, voucher bool) (*walletv1.Allotment, error) {
	row, found, err := load[grantRow](a.tx, idKey(rowGrant, id))
	if err != nil {
		return nil, err
	}
	if !found || voucher && !row.Voucher {
		return nil, noAllotment()
	}
	if err := a.ask(id, &row); err != nil {
		return nil, err
	}
	return row.message(id, a.me.Site), a.end()
}

func noAllotment() *edge.Error {
	return edge.E(edge.NotFound, "there is no such allotment or voucher here").WithHint("check the identifier, and which site set it aside").WithCode(CodeAllotment)
}

func getAllotment(v edge.View, in *walletv1.GetAllotmentRequest) (*walletv1.Allotment, error) {
	id, err := ledger.ParseID(in.GetId())
	if err != nil {
		return nil, err
	}
	me, _, err := load[selfRow](v, key(rowSelf))
	if err != nil {
		return nil, err
	}
	if home := in.GetHome(); home != "" && home != me.Site {
		row, found, err := load[visitRow](v, siteKey(rowVisit, home, id))
		if err != nil || !found || !row.Known {
			return nil, firstError(err, noAllotment())
		}
		return row.message(id, home, me.Site), nil
	}
	row, found, err := load[grantRow](v, idKey(rowGrant, id))
	if err != nil || !found {
		return nil, firstError(err, noAllotment())
	}
	return row.message(id, me.Site), nil
}

func firstError(err error, e *edge.Error) error {
	if err != nil {
		return err
	}
	return e
}

// Account is the account an allotment or a voucher of this site was taken from; empty where there is none.
func Account(v edge.View, id string) (string, error) {
	x, err := edge.ParseID(id)
	if err != nil {
		return "", nil
	}
	row, found, err := load[grantRow](v, idKey(rowGrant, x))
	if err != nil || !found {
		return "", err
	}
	return row.Account.String(), nil
}

func listAllotments(v edge.View, in *walletv1.ListAllotmentsRequest) (*walletv1.ListAllotmentsResponse, error) {
	me, _, err := load[selfRow](v, key(rowSelf))
	if err != nil {
		return nil, err
	}
	out := &walletv1.ListAllotmentsResponse{}
	under, of := key(rowGrant), "wallet.allotments"
	if in.GetFromOthers() {
		under, of = key(rowVisit), "wallet.allotments/others"
	}
	out.NextPageToken, err = page(v, under, of, in.GetPageSize(), in.GetPageToken(), func(at []byte) (bool, error) {
		m, err := listed(v, in.GetFromOthers(), at, me.Site)
		if m != nil {
			out.Allotments = append(out.Allotments, m)
		}
		return m != nil, err
	})
	return out, err
}

func listed(v edge.View, others bool, at []byte, self string) (*walletv1.Allotment, error) {
	n := len(at) - len(edge.ID{})
	if n < 0 {
		return nil, nil
	}
	id := edge.ID(at[n:])
	if !others {
		row, _, err := load[grantRow](v, key(rowGrant, at))
		return row.message(id, self), err
	}
	row, _, err := load[visitRow](v, key(rowVisit, at))
	if err != nil || !row.Known {
		return nil, err
	}
	return row.message(id, string(at[:n-1]), self), nil
}
