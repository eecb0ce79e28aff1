package reconcile

import (
	"encoding/binary"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// listUnmatchedTransfers lists what moved in the ledger and stands for no entry, the oldest first.
func (s *Service) listUnmatchedTransfers(v edge.View, in *walletv1.ListUnmatchedTransfersRequest) (*walletv1.ListUnmatchedTransfersResponse, error) {
	a, err := s.account(v, in.GetAccount())
	if err != nil {
		return nil, err
	}
	size, err := edge.PageSize(in.GetPageSize(), usualPage, mostPage)
	if err != nil {
		return nil, err
	}
	from, until, err := s.span(v, a, in.GetStatement())
	if err != nil {
		return nil, err
	}
	of := "wallet.unmatched_transfers/" + in.GetAccount() + "/" + in.GetStatement()
	after, err := token(of, in.GetPageToken())
	if err != nil {
		return nil, err
	}
	last := uint64(0)
	if len(after) == 16 {
		at, number := split(after)
		from, last = time.Unix(0, at).UTC(), number
	}
	list, cut, err := s.free(v, a.ID, from, until)
	if err != nil {
		return nil, err
	}
	out := &walletv1.ListUnmatchedTransfersResponse{}
	if cut = pageOf(out, list, last, size, cut); cut != nil {
		out.NextPageToken = edge.PageToken(of, append(place(uint64(cut.at.UnixNano())), place(cut.number)...))
	}
	return out, nil
}

// pageOf puts the moves after a number on a page, and returns where the next one goes on; nil: there is none.
func pageOf(out *walletv1.ListUnmatchedTransfersResponse, list []*move, last uint64, size int, cut *move) *move {
	var before *move
	for _, m := range list {
		if m.number <= last || m.sum.IsZero() {
			continue
		}
		if len(out.Transfers) == size {
			return before
		}
		out.Transfers, before = append(out.Transfers, m.line), m
	}
	return cut
}

// span is the time of a statement, or all since the first.
func (s *Service) span(v edge.View, a ledger.AccountInfo, statement string) (from, until time.Time, err error) {
	if statement == "" {
		b, err := loadBank(v, a.ID)
		return b.Since, time.Time{}, err
	}
	st, err := ofThis(v, a.ID, statement)
	return st.From, st.Until, err
}

// split takes apart where a list of transfers goes on: when the last one was made, and its number.
func split(at string) (nanos int64, number uint64) {
	return int64(binary.BigEndian.Uint64([]byte(at[:8]))), binary.BigEndian.Uint64([]byte(at[8:]))
}
