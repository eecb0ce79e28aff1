package reconcile

import (
	"fmt"
	"iter"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
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

// listBankEntries lists entries in the order of their days, or of a statement. What is open comes with proposals.
func (s *Service) listBankEntries(v edge.View, in *walletv1.ListBankEntriesRequest) (*walletv1.ListBankEntriesResponse, error) {
	a, err := s.account(v, in.GetAccount())
	if err != nil {
		return nil, err
	}
	size, err := edge.PageSize(in.GetPageSize(), usualPage, mostPage)
	if err != nil {
		return nil, err
	}
	of := fmt.Sprintf("wallet.bank_entries/%s/%s/%d", in.GetAccount(), in.GetStatement(), in.GetState())
	after, err := token(of, in.GetPageToken())
	if err != nil {
		return nil, err
	}
	list, err := s.under(v, a.ID, in, after)
	if err != nil {
		return nil, err
	}
	out, looked := &walletv1.ListBankEntriesResponse{}, 0
	var found *proposals
	for rest, id := range list {
		if looked++; looked > mostLooked || len(out.Entries) == size {
			out.NextPageToken = edge.PageToken(of, []byte(after))
			break
		}
		after = rest
		e, err := loadEntry(v, id)
		if err != nil {
			return nil, err
		}
		if e.Account != a.ID { // the first bytes of its identifier stand for this account too
			continue
		}
		if e.opened() && found == nil && in.GetState() != walletv1.EntryState_ENTRY_MATCHED && in.GetState() != walletv1.EntryState_ENTRY_IGNORED {
			p, err := s.propose(v, a.ID)
			if err != nil {
				return nil, err
			}
			found = &p
		}
		m, err := s.withProposals(v, e, found)
		if err != nil {
			return nil, err
		}
		if in.GetState() == 0 || in.GetState() == m.State {
			out.Entries = append(out.Entries, m)
		}
	}
	out.Partial = found != nil && found.partial
	return out, v.Err()
}

func (s *Service) withProposals(v edge.View, e *entry, found *proposals) (*walletv1.BankEntry, error) {
	m, err := s.show(v, e)
	if err == nil && e.opened() && found != nil {
		if m.Proposals = found.by[e.ID]; len(m.Proposals) > 0 {
			m.State = walletv1.EntryState_ENTRY_PROPOSED
		}
	}
	return m, err
}

// under yields the entries a list goes over, with where each stands.
func (s *Service) under(v edge.View, account edge.ID, in *walletv1.ListBankEntriesRequest, after string) (iter.Seq2[string, edge.ID], error) {
	if in.GetStatement() != "" {
		return s.underStatement(v, account, in.GetStatement(), after)
	}
	under := underEntry
	if st := in.GetState(); st == walletv1.EntryState_ENTRY_OPEN || st == walletv1.EntryState_ENTRY_PROPOSED {
		under = underOpen
	}
	first := ofAccount(account)
	return func(yield func(string, edge.ID) bool) {
		for rest := range ids(v, key(under, first), after, len(edge.ID{})-len(first)) {
			if !yield(rest, edge.ID(append(first[:len(first):len(first)], rest...))) {
				return
			}
		}
	}, nil
}

func (s *Service) underStatement(v edge.View, account edge.ID, statement, after string) (iter.Seq2[string, edge.ID], error) {
	st, err := ofThis(v, account, statement)
	if err != nil {
		return nil, err
	}
	list, err := placesOf(v, st.ID)
	return func(yield func(string, edge.ID) bool) {
		for n, id := range list {
			if at := string(place(uint64(n))); at > after && !yield(at, id) {
				return
			}
		}
	}, err
}

// ofThis finds a statement of an account.
func ofThis(v edge.View, account edge.ID, text string) (statement, error) {
	st, err := findStatement(v, text)
	if err == nil && st.Account != account {
		err = edge.E(edge.NotFound, "there is no such statement of this account").WithHint("list the statements of the account").WithCode(CodeStatement)
	}
	return st, err
}

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
	var before *move
	for _, m := range list {
		if m.number <= last || m.sum.IsZero() {
			continue
		}
		if len(out.Transfers) == size {
			cut = before
			break
		}
		out.Transfers, before = append(out.Transfers, m.line), m
	}
	if cut != nil {
		out.NextPageToken = edge.PageToken(of, append(place(uint64(cut.at.UnixNano())), place(cut.number)...))
	}
	return out, nil
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
