package across

import (
	"encoding/hex"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// sendAcross holds money for another site and tells it so. Nothing here ends the hold but that site's answer.
func (x *Across) sendAcross(tx edge.Tx, in *walletv1.SendAcrossRequest) (*walletv1.Crossing, error) {
	a, err := x.begin(tx)
	if err != nil {
		return nil, err
	}
	id, err := ledger.ParseID(in.GetId())
	if err != nil {
		return nil, err
	}
	row, err := a.wanted(in)
	if err != nil {
		return nil, err
	}
	old, found, err := load[crossingRow](tx, idKey(rowCrossing, id))
	if err != nil {
		return nil, err
	}
	if found {
		return old.again(id, row)
	}
	if err := row.timely(tx.Now()); err != nil {
		return nil, err
	}
	refusal, err := a.hold(&row, id, ledger.Move{Purpose: row.Purpose, Memo: in.GetMemo(), Firm: true})
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		return nil, a.refuse(refusal)
	}
	row.Signed, row.Note, err = a.say(&walletv1.Note{Kind: walletv1.NoteKind_NOTE_SENT, To: row.To, Id: id[:], Debit: row.Debit[:], Credit: row.Credit[:],
		Amount: row.Amount.String(), Asset: row.Asset, Fund: row.Fund, Expires: row.Expires, Purpose: row.Purpose})
	if err != nil {
		return nil, err
	}
	if err := a.queued(id, row); err != nil {
		return nil, err
	}
	return row.message(id), a.end()
}

// wanted reads what is asked for.
func (a *act) wanted(in *walletv1.SendAcrossRequest) (row crossingRow, err error) {
	if err := a.other(in.GetToSite()); err != nil {
		return row, err
	}
	row = crossingRow{To: in.GetToSite(), Purpose: in.GetPurpose(), Status: walletv1.CrossingStatus_QUEUED, Time: a.tx.Now()}
	if row.Credit, err = ledger.ParseID(in.GetToAccount()); err != nil || in.GetToAccount() == "" {
		return row, invalid("an account at the other site has 26 letters and digits")
	}
	if row.Expires, err = unix(in.GetExpires()); err != nil {
		return row, err
	}
	row.Debit, row.money, err = a.source(in.GetDebit(), in.GetAmount(), in.GetAsset())
	return row, err
}

// source reads an account money is taken from, and how much.
func (a *act) source(account, sum, asset string) (id edge.ID, m money, err error) {
	id, info, err := a.account(account)
	if err != nil {
		return id, m, err
	}
	m = money{Asset: info.Asset, Fund: info.Fund}
	if m.Amount, err = amount.Parse(sum); err != nil {
		return id, m, err
	}
	switch {
	case m.Amount.IsZero():
		return id, m, edge.E(edge.Invalid, "an amount of nothing cannot be moved").WithCode(amount.CodeInvalid)
	case asset != "" && asset != info.Asset:
		return id, m, edge.E(edge.Refused, "the account is of another currency").WithHint("name an account of the currency that is meant").
			WithCode(ledger.CodeCurrency, fact("asset", asset), fact("account", info.Asset))
	case endowed(info.Fund):
		return id, m, edge.E(edge.Refused, "what was endowed stays where it is").WithHint("spend the yield of the endowment").WithCode("shariah_waqf_1", fact("rule", "WAQF-1"))
	}
	return id, m, nil
}

func endowed(fund string) bool { return len(fund) > 12 && fund[:12] == "waqf_corpus:" }

func unix(t *timestamppb.Timestamp) (int64, error) {
	if t == nil {
		return 0, nil
	}
	if !t.IsValid() || t.GetSeconds() <= 0 {
		return 0, invalid("the time it expires at is none")
	}
	return t.GetSeconds(), nil
}

func (r *crossingRow) timely(now time.Time) error {
	if r.Expires != 0 && r.Expires <= now.Unix() {
		return invalid("it would have expired already").WithHint("choose a later time, or none")
	}
	return nil
}

// hold keeps the money for the other site.
func (a *act) hold(row *crossingRow, id edge.ID, how ledger.Move) (*edge.Error, error) {
	to, err := a.clearing(row.To, row.money)
	if err != nil {
		return nil, err
	}
	row.Hold, how.ID, how.Kind = id, id, ledger.Hold
	how.Postings = []ledger.Posting{{Debit: row.Debit, Credit: to, Amount: row.Amount}}
	return a.b.Do(how)
}

// queued keeps a crossing that waits for its answer.
func (a *act) queued(id edge.ID, row crossingRow) error {
	k := idKey(rowCrossing, id)
	row.due.again(a.tx, k)
	return save(a.tx, k, row)
}

// again answers a request that comes once more.
func (r *crossingRow) again(id edge.ID, in crossingRow) (*walletv1.Crossing, error) {
	if r.To != in.To || r.Debit != in.Debit || r.Credit != in.Credit || r.money != in.money || r.Expires != in.Expires || r.Purpose != in.Purpose {
		return nil, edge.E(edge.Conflict, "this identifier was used for another transfer").WithHint("make a new identifier for each transfer").
			WithCode(ledger.CodeConflict, fact("id", id.String()))
	}
	return r.message(id), nil
}

func (r *crossingRow) message(id edge.ID) *walletv1.Crossing {
	m := &walletv1.Crossing{Id: id.String(), Status: r.Status, Debit: r.Debit.String(), ToSite: r.To, ToAccount: r.Credit.String(), Amount: r.Amount.String(),
		Asset: r.Asset, Fund: r.Fund, Time: timestamppb.New(r.Time), Code: r.Code, Note: hex.EncodeToString(r.Note[:])}
	if r.Status == walletv1.CrossingStatus_QUEUED {
		m.Code = CodeQueued
	}
	if r.Expires != 0 {
		m.Expires = &timestamppb.Timestamp{Seconds: r.Expires}
	}
	return m
}

func getCrossing(v edge.View, in *walletv1.GetCrossingRequest) (*walletv1.Crossing, error) {
	id, err := ledger.ParseID(in.GetId())
	if err != nil {
		return nil, err
	}
	row, found, err := load[crossingRow](v, idKey(rowCrossing, id))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, edge.E(edge.NotFound, "no money was sent to another site under this identifier").WithHint("check the identifier").WithCode(CodeCrossing)
	}
	return row.message(id), nil
}

const (
	usualPage = 50
	mostPage  = 500
)

func listCrossings(v edge.View, in *walletv1.ListCrossingsRequest) (*walletv1.ListCrossingsResponse, error) {
	out := &walletv1.ListCrossingsResponse{}
	of := "wallet.crossings/" + in.GetToSite() + "/" + in.GetStatus().String()
	next, err := page(v, key(rowCrossing), of, in.GetPageSize(), in.GetPageToken(), func(at []byte) (bool, error) {
		if len(at) != len(edge.ID{}) {
			return false, nil
		}
		row, _, err := load[crossingRow](v, idKey(rowCrossing, edge.ID(at)))
		if err != nil || in.GetToSite() != "" && in.GetToSite() != row.To || in.GetStatus() != 0 && in.GetStatus() != row.Status {
			return false, err
		}
		out.Crossings = append(out.Crossings, row.message(edge.ID(at)))
		return true, nil
	})
	out.NextPageToken = next
	return out, err
}

// page goes over rows from where a token says, until size of them were taken; looked bounds the work.
func page(v edge.View, under []byte, of string, asked int32, token string, take func(at []byte) (bool, error)) (next string, err error) {
	size, err := edge.PageSize(asked, usualPage, mostPage)
	if err != nil {
		return "", err
	}
	after := ""
	if token != "" {
		at, err := edge.ParsePageToken(of, token)
		if err != nil {
			return "", err
		}
		after = string(at)
	}
	taken := 0
	for k := range v.Scan(under) {
		at := k[len(under):]
		if string(at) <= after {
			continue
		}
		if taken == size {
			return edge.PageToken(of, []byte(after)), nil
		}
		ok, err := take(at)
		if err != nil {
			return "", err
		}
		if after = string(at); ok {
			taken++
		}
	}
	return "", v.Err()
}
