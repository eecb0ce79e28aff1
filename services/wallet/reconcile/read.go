package reconcile

import (
	"iter"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/payments"
	"github.com/aielon/edge/services/wallet/walletv1"
)

const (
	usualPage     = 50
	mostPage      = 200
	statementPage = 20
	mostStatement = 100
	mostLooked    = 5000 // rows a page looks at, whatever it is narrowed down to
)

// show is an entry with what its payment has moved.
func (s *Service) show(v edge.View, e *entry) (*walletv1.BankEntry, error) {
	m := e.message()
	if e.Payment.IsZero() {
		return m, nil
	}
	var err error
	if m.Conflict, err = payments.Undecided(v, e.Payment, e.ID.String()); err != nil {
		return nil, err
	}
	moved, err := s.ofPayment(v, e)
	for _, t := range moved {
		m.Transfers = append(m.Transfers, t.GetId())
	}
	return m, err
}

// ofPayment lists what an entry moved for its payment: one transfer, or none.
func (s *Service) ofPayment(v edge.View, e *entry) (list []*walletv1.Transfer, err error) {
	for _, id := range payments.Moves(e.Payment, e.ID.String(), e.amount.Neg) {
		t, err := s.led.ShowTransfer(v, id)
		if edge.IsKind(err, edge.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if t.GetStatus() == walletv1.TransferStatus_POSTED {
			list = append(list, t)
		}
	}
	return list, nil
}

// ids yields the ends of keys under a prefix that are after a token's.
func ids(v edge.View, under []byte, after string, length int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for k := range edge.ScanFrom(v, under, append(append([]byte{}, under...), after...)) {
			if rest := string(k[len(under):]); len(rest) == length && rest > after && !yield(rest) {
				return
			}
		}
	}
}

func token(of, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	after, err := edge.ParsePageToken(of, text)
	return string(after), err
}

func (s *Service) showAll(v edge.View, list []edge.ID, err error) (out []*walletv1.BankStatement, _ error) {
	if err != nil {
		return nil, err
	}
	for _, id := range list {
		var st statement
		found, err := get(v, key(underStatement, id[:]), &st)
		if err != nil || !found {
			return nil, edge.E(edge.Corrupt, "a statement that was taken in is missing: %w", err)
		}
		m, _, err := s.showStatement(v, &st)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// showStatement shows a statement with how its entries stand, and these.
func (s *Service) showStatement(v edge.View, st *statement) (*walletv1.BankStatement, []*entry, error) {
	m := &walletv1.BankStatement{Id: st.ID.String(), Account: st.Account.String(), Asset: st.Asset, Number: st.Number, Format: st.Format, From: timestamppb.New(st.From), Until: timestamppb.New(st.Until),
		Opening: st.Opening, Closing: st.Closing, Entries: int32(st.Entries), Known: int32(st.Known), Imported: timestamppb.New(st.Imported), Actor: st.By}
	list, err := s.entriesOf(v, st.ID)
	for _, e := range list {
		switch {
		case !e.Wants.IsZero():
			m.Waiting++
		case e.State == matched:
			m.Matched++
		case e.State == ignored:
			m.Ignored++
		default:
			m.Open++
		}
	}
	return m, list, err
}

func (s *Service) entriesOf(v edge.View, st edge.ID) (list []*entry, err error) {
	places, err := placesOf(v, st)
	for _, id := range places {
		e, err := loadEntry(v, id)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, err
}

// placesOf are the entries of a statement, in its order.
func placesOf(v edge.View, st edge.ID) (list []edge.ID, err error) {
	row, err := v.Get(key(underOf, st[:]))
	if err != nil || len(row)%len(edge.ID{}) != 0 {
		return nil, edge.E(edge.Corrupt, "the entries of a statement cannot be read: %w", err)
	}
	for ; len(row) > 0; row = row[len(edge.ID{}):] {
		list = append(list, edge.ID(row[:len(edge.ID{})]))
	}
	return list, nil
}

func (s *Service) listStatements(v edge.View, in *walletv1.ListStatementsRequest) (*walletv1.ListStatementsResponse, error) {
	a, err := s.account(v, in.GetAccount())
	if err != nil {
		return nil, err
	}
	b, err := loadBank(v, a.ID)
	if err != nil {
		return nil, err
	}
	size, err := edge.PageSize(in.GetPageSize(), statementPage, mostStatement)
	if err != nil {
		return nil, err
	}
	of := "wallet.statements/" + in.GetAccount()
	after, err := token(of, in.GetPageToken())
	if err != nil {
		return nil, err
	}
	out := &walletv1.ListStatementsResponse{BankAccounts: b.Numbers, Mapping: b.Mapping}
	for rest := range ids(v, key(underTime, a.ID[:]), after, 8+len(edge.ID{})) {
		if len(out.Statements) == size {
			out.NextPageToken = edge.PageToken(of, []byte(after))
			break
		}
		list, err := s.showAll(v, []edge.ID{edge.ID([]byte(rest[8:]))}, nil)
		if err != nil {
			return nil, err
		}
		out.Statements, after = append(out.Statements, list...), rest
	}
	return out, v.Err()
}
