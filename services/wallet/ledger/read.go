package ledger

import (
	"encoding/hex"
	"fmt"
	"iter"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// listAssets lists the units that were defined and the currencies in use.
func listAssets(v edge.View, _ *walletv1.ListAssetsRequest) (*walletv1.ListAssetsResponse, error) {
	out, seen := &walletv1.ListAssetsResponse{}, map[string]bool{}
	add := func(code string) error {
		if seen[code] {
			return nil
		}
		seen[code] = true
		a, err := findAsset(v, code)
		if err == nil {
			out.Assets = append(out.Assets, a)
		}
		return err
	}
	under := key(rowAsset)
	for k := range v.Scan(under) {
		if err := add(string(k[len(under):])); err != nil {
			return nil, err
		}
	}
	var failed error
	if err := eachTotal(v, func(u universe, _ *totals) {
		if err := add(u.asset); err != nil {
			failed = err
		}
	}); err != nil {
		return nil, err
	}
	return out, failed
}

// statusOf is what an entry came to when it was made.
func statusOf(e *entry) walletv1.TransferStatus {
	switch {
	case e.kind == holdEntry && e.flags&isReview != 0:
		return walletv1.TransferStatus_UNDER_REVIEW
	case e.kind == holdEntry:
		return walletv1.TransferStatus_HELD
	case e.kind == voidEntry:
		return walletv1.TransferStatus_VOIDED
	case e.kind == expireEntry:
		return walletv1.TransferStatus_EXPIRED
	}
	return walletv1.TransferStatus_POSTED
}

func (s *Ledger) getTransfer(v edge.View, in *walletv1.GetTransferRequest) (*walletv1.Transfer, error) {
	id, err := parseHold(in.GetId())
	if err != nil {
		return nil, err
	}
	row, found, err := get(v, idKey(rowID, id))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, edge.E(edge.NotFound, "there is no such transfer").WithHint("check its identifier").WithCode(CodeTransfer, fact("transfer", id.String()))
	}
	o, err := decodeOutcome(row)
	if err != nil {
		return nil, err
	}
	if o.block == 0 {
		return &walletv1.Transfer{Id: id.String(), Status: walletv1.TransferStatus_REFUSED, Code: o.code, Detail: o.detail, Time: timestamppb.New(o.time)}, nil
	}
	return s.transferAt(v, o)
}

// transferAt shows the entry an outcome leads to, and what became of it since.
func (s *Ledger) transferAt(v edge.View, o outcome) (*walletv1.Transfer, error) {
	b, err := loadBlock(v, o.block)
	if err != nil {
		return nil, err
	}
	if int(o.index) >= len(b.entries) {
		return nil, edge.E(edge.Corrupt, "block %d of the ledger has no entry %d", o.block, o.index)
	}
	return showEntry(v, b, &b.entries[o.index])
}

func showEntry(v edge.View, b *block, e *entry) (*walletv1.Transfer, error) {
	t := &walletv1.Transfer{Id: e.id.String(), Status: statusOf(e), Asset: e.of.asset, Fund: e.of.fund, Purpose: e.purpose, Memo: e.memo, Reference: e.ref,
		Time: timestamppb.New(b.time), Actor: b.actor.ID, Number: b.numberOf(e), RuleSet: e.rules}
	if e.mcc > 0 {
		t.Mcc = fmt.Sprintf("%04d", e.mcc)
	}
	if e.doc != [32]byte{} {
		t.Document = hex.EncodeToString(e.doc[:])
	}
	for i := range e.legs {
		l := &e.legs[i]
		t.Legs = append(t.Legs, &walletv1.Leg{Debit: l.debit.String(), Credit: l.credit.String(), Amount: l.amount.String()})
	}
	switch e.kind {
	case holdEntry:
		return t, showHold(v, e, t)
	case postEntry, voidEntry, expireEntry:
		t.Hold = e.about.String()
	case reverseEntry:
		t.Reverses = e.about.String()
	}
	row, found, err := get(v, idKey(rowBack, e.id))
	if found {
		var by edge.ID
		copy(by[:], row)
		t.ReversedBy = by.String()
	}
	return t, err
}

// showHold adds how a hold stands now.
func showHold(v edge.View, e *entry, t *walletv1.Transfer) error {
	if e.expires > 0 {
		t.Expires = timestamppb.New(time.Unix(e.expires, 0))
	}
	row, found, err := get(v, idKey(rowHold, e.id))
	if err != nil || !found {
		return err
	}
	h, err := decodeHold(row)
	if err != nil || h.state == holdOpen {
		return err
	}
	t.EndedBy = h.by.String()
	t.Status = map[holdState]walletv1.TransferStatus{holdPosted: walletv1.TransferStatus_POSTED, holdVoided: walletv1.TransferStatus_VOIDED, holdExpired: walletv1.TransferStatus_EXPIRED}[h.state]
	return nil
}

const (
	usualPage   = 50
	accountPage = 500
	holdPage    = 200
	mostLooked  = 5000 // rows a page looks at, whatever it is narrowed down to
)

// listAccounts lists accounts by id, those of one owner, or all.
func (s *Ledger) listAccounts(v edge.View, in *walletv1.ListAccountsRequest) (*walletv1.ListAccountsResponse, error) {
	size, err := edge.PageSize(in.GetPageSize(), usualPage, accountPage)
	if err != nil {
		return nil, err
	}
	of := fmt.Sprintf("wallet.accounts/%s/%d/%s/%s", in.GetOwner(), in.GetKind(), in.GetFund(), in.GetAsset())
	under := key(rowAbout)
	if in.GetOwner() != "" {
		under = key(rowOwner, []byte(in.GetOwner()), []byte{'/'})
	}
	out, looked, before := &walletv1.ListAccountsResponse{}, 0, ""
	for k, err := range keysAfter(v, under, of, in.GetPageToken()) {
		if err != nil {
			return nil, err
		}
		if len(k) != len(edge.ID{}) {
			continue
		}
		if looked++; looked > mostLooked { // few are wanted of many: the next page goes on from here
			out.NextPageToken = edge.PageToken(of, []byte(before))
			break
		}
		before = k
		a, err := s.load(v, edge.ID([]byte(k)))
		if err != nil {
			return nil, err
		}
		if in.GetKind() != 0 && a.kind != kind(in.GetKind()) || in.GetFund() != "" && a.of.fund != in.GetFund() || in.GetAsset() != "" && a.of.asset != in.GetAsset() {
			continue
		}
		if len(out.Accounts) == size {
			last, _ := edge.ParseID(out.Accounts[size-1].Id)
			out.NextPageToken = edge.PageToken(of, last[:])
			break
		}
		what, err := s.loadAbout(v, a.id)
		if err != nil {
			return nil, err
		}
		out.Accounts = append(out.Accounts, a.message(what))
	}
	return out, v.Err()
}

// keysAfter yields the keys under a prefix, without it, that come after a page token.
func keysAfter(v edge.View, under []byte, of, token string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var after []byte
		if token != "" {
			var err error
			if after, err = edge.ParsePageToken(of, token); err != nil {
				yield("", err)
				return
			}
		}
		for k := range edge.ScanFrom(v, under, append(append([]byte{}, under...), after...)) {
			if rest := string(k[len(under):]); rest > string(after) && !yield(rest, nil) {
				return
			}
		}
	}
}

// listHolds lists holds that are open, soonest to end first. Those without an end come last.
func (s *Ledger) listHolds(v edge.View, in *walletv1.ListHoldsRequest) (*walletv1.ListHoldsResponse, error) {
	size, err := edge.PageSize(in.GetPageSize(), usualPage, holdPage)
	if err != nil {
		return nil, err
	}
	of, under := "wallet.holds/"+in.GetAccount(), key(rowExpiry)
	out, looked := &walletv1.ListHoldsResponse{}, 0
	last := ""
	for k, err := range keysAfter(v, under, of, in.GetPageToken()) {
		if err != nil {
			return nil, err
		}
		if len(k) != 8+len(edge.ID{}) {
			continue
		}
		if looked++; looked > mostLooked || len(out.Holds) == size {
			out.NextPageToken = edge.PageToken(of, []byte(last))
			break
		}
		last = k
		t, err := s.getTransfer(v, &walletv1.GetTransferRequest{Id: edge.ID([]byte(k[8:])).String()})
		if err != nil {
			return nil, err
		}
		if !concerns(t, in.GetAccount()) {
			continue
		}
		out.Holds = append(out.Holds, t)
	}
	return out, v.Err()
}

// concerns reports whether a transfer is about an account; any where none is named.
func concerns(t *walletv1.Transfer, account string) bool {
	if account == "" {
		return true
	}
	for _, l := range t.Legs {
		if l.Debit == account || l.Credit == account {
			return true
		}
	}
	return false
}
