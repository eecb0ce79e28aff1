package reconcile

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/bankfile"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Bounds of what is looked at for proposals, and how many days an entry and what it stands for may be apart.
const (
	mostOpen      = 1000
	mostExpected  = 2000
	mostLines     = 5000
	daysApart     = 7
	mostProposals = 8
)

// proposals are found when somebody looks, and so are never old.
type proposals struct {
	by      map[edge.ID][]*walletv1.EntryProposal
	partial bool // there was more than was looked at
}

// propose pairs what is open of an account with payments that are expected and with what moved in the ledger.
func (s *Service) propose(v edge.View, account edge.ID) (p proposals, err error) {
	p.by = map[edge.ID][]*walletv1.EntryProposal{}
	ids, entries, err := p.opened(v, account)
	if err != nil || len(entries) == 0 {
		return p, err
	}
	items, shown, err := s.candidates(v, account, entries, &p)
	if err != nil {
		return p, err
	}
	found := bankfile.Match(entries, items, daysApart)
	for _, list := range [][]bankfile.Group{found.Pairs, found.Ambiguous} {
		for _, g := range list {
			for _, n := range g.Entries {
				for _, i := range g.Items[:min(len(g.Items), mostProposals)] {
					c := *shown[i]
					p.by[ids[n]] = append(p.by[ids[n]], &walletv1.EntryProposal{Payment: c.payment, Transfer: c.transfer, Reason: g.Reason.String(), Amount: items[i].Amount.String(), Time: timestamppb.New(items[i].Date)})
				}
			}
		}
	}
	return p, nil
}

// opened are the entries that nobody has said anything of, the oldest first.
func (p *proposals) opened(v edge.View, account edge.ID) (ids []edge.ID, entries []bankfile.Entry, err error) {
	under := key(underOpen, ofAccount(account))
	for k := range v.Scan(under) {
		if len(k) != len(underOpen)+len(edge.ID{}) {
			continue
		}
		e, err := loadEntry(v, edge.ID(k[len(underOpen):]))
		switch {
		case err != nil:
			return nil, nil, err
		case e.Account != account:
			continue
		case len(ids) == mostOpen:
			p.partial = true
			return ids, entries, v.Err()
		}
		ids, entries = append(ids, e.ID), append(entries, e.file())
	}
	return ids, entries, v.Err()
}

// A candidate is something an entry may stand for.
type candidate struct{ payment, transfer string }

func (s *Service) candidates(v edge.View, account edge.ID, entries []bankfile.Entry, p *proposals) (items []bankfile.Item, shown []*candidate, err error) {
	expected, more, err := s.pay.Expecting(v, account, mostExpected)
	if err != nil {
		return nil, nil, err
	}
	p.partial = p.partial || more
	for _, x := range expected {
		items = append(items, bankfile.Item{ID: x.ID.String(), Amount: amount.Signed{Amount: x.Amount}, Reference: x.Reference, Date: x.Created})
		shown = append(shown, &candidate{payment: x.ID.String()})
	}
	first, last := entries[0].Booked, entries[len(entries)-1].Booked // they are in the order of their days
	moves, cut, err := s.free(v, account, first.AddDate(0, 0, -daysApart), last.AddDate(0, 0, daysApart+1))
	if err != nil {
		return nil, nil, err
	}
	p.partial = p.partial || cut != nil
	for _, m := range moves {
		items = append(items, bankfile.Item{ID: m.id.String(), Amount: m.sum, Reference: m.id.String(), Date: m.at})
		shown = append(shown, &candidate{transfer: m.id.String()})
	}
	return items, shown, nil
}

// A move is what a transfer moved on an account, as the bank sees it.
type move struct {
	edge.Redacted
	id     edge.ID
	at     time.Time
	sum    amount.Signed
	number uint64 // of its last entry of the account
	line   *walletv1.UnmatchedTransfer
}

// free lists what moved on an account and stands for no entry, the oldest first, of as much as is looked at. Where that
// is not all, cut is the last that was looked at.
func (s *Service) free(v edge.View, account edge.ID, from, until time.Time) (list []*move, cut *move, err error) {
	all, cut, err := s.moves(v, account, from, until)
	for _, m := range all {
		switch _, err := v.Get(key(underTransfer, account[:], m.id[:])); {
		case edge.IsKind(err, edge.NotFound):
			list = append(list, m)
		case err != nil:
			return nil, nil, err
		}
	}
	return list, cut, err
}

// moves lists what moved on an account, transfer by transfer, as free does.
func (s *Service) moves(v edge.View, account edge.ID, from, until time.Time) (list []*move, cut *move, err error) {
	p, err := s.led.Period(v, account, from, until)
	if err != nil {
		return nil, nil, err
	}
	by, looked := map[edge.ID]*move{}, 0
	for l, err := range s.led.Lines(v, p) {
		if err != nil {
			return nil, nil, err
		}
		if looked++; looked > mostLines { // the last transfer may not be whole
			list = list[:len(list)-1]
			return list, list[len(list)-1], nil
		}
		m := by[l.Transfer]
		if m == nil {
			m = &move{id: l.Transfer, at: l.Time, line: &walletv1.UnmatchedTransfer{Transfer: l.Transfer.String(), Time: timestamppb.New(l.Time), Kind: l.Kind, Purpose: l.Purpose, Other: l.Other.String()}}
			by[l.Transfer], list = m, append(list, m)
		}
		m.sum, _ = m.sum.Add(l.Amount.Negated()) // each is within the account's balance
		m.number, m.line.Amount = l.Number, m.sum.String()
	}
	return list, nil, nil
}
