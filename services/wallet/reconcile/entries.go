package reconcile

import (
	"fmt"
	"iter"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

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
	g := &gathering{s: s, v: v, account: a.ID, state: in.GetState()}
	out, looked := &walletv1.ListBankEntriesResponse{}, 0
	for rest, id := range list {
		if looked++; looked > mostLooked || len(out.Entries) == size {
			out.NextPageToken = edge.PageToken(of, []byte(after))
			break
		}
		after = rest
		m, err := g.entry(id)
		if err != nil {
			return nil, err
		}
		if m != nil {
			out.Entries = append(out.Entries, m)
		}
	}
	out.Partial = g.found != nil && g.found.partial
	return out, v.Err()
}

// A gathering is a list of entries while it is made.
type gathering struct {
	edge.Redacted
	s       *Service
	v       edge.View
	account edge.ID
	state   walletv1.EntryState // that is listed; none: all
	found   *proposals          // nil until an entry is open
}

// entry is an entry as it is listed, or nil where it is not.
func (g *gathering) entry(id edge.ID) (*walletv1.BankEntry, error) {
	e, err := loadEntry(g.v, id)
	if err != nil || e.Account != g.account { // the first bytes of its identifier stand for this account too
		return nil, err
	}
	m, err := g.s.show(g.v, e)
	if err != nil {
		return nil, err
	}
	if e.opened() && g.state != walletv1.EntryState_ENTRY_MATCHED && g.state != walletv1.EntryState_ENTRY_IGNORED {
		if g.found == nil {
			p, err := g.s.propose(g.v, g.account)
			if err != nil {
				return nil, err
			}
			g.found = &p
		}
		if m.Proposals = g.found.by[id]; len(m.Proposals) > 0 {
			m.State = walletv1.EntryState_ENTRY_PROPOSED
		}
	}
	if g.state != 0 && g.state != m.State {
		return nil, nil
	}
	return m, nil
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
