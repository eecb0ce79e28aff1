package ledger

import (
	"encoding/binary"
	"math"
	"sort"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

const entryPage = 500

// A walker goes back over the entries of one account. It keeps the block it is in.
type walker struct {
	v     edge.View
	id    edge.ID
	at    ref
	block *block
}

// A moment is one entry of an account as it was made.
type moment struct {
	block *block
	entry *entry
	leg   *leg
	side  *side // of the account
	into  bool  // the account was credited
}

// next returns the entry the walker stands on and goes to the one before. It is not ok before the first.
func (w *walker) next() (m moment, ok bool, err error) {
	if w.at.block == 0 {
		return m, false, nil
	}
	if w.block == nil || w.block.number != w.at.block {
		if w.block, err = loadBlock(w.v, w.at.block); err != nil {
			return m, false, err
		}
	}
	m.block = w.block
	if m.entry, m.leg, err = w.block.find(w.at.leg); err != nil {
		return m, false, err
	}
	switch w.id {
	case m.leg.debit:
		m.side = &m.leg.debited
	case m.leg.credit:
		m.side, m.into = &m.leg.credited, true
	default:
		return m, false, edge.E(edge.Corrupt, "the history of an account leads to an entry of others")
	}
	w.at = m.side.prev
	return m, true, nil
}

// walkFrom returns a walker that stands on entry n of an account, or on its newest where n is larger.
func (s *Ledger) walkFrom(v edge.View, a *account, n uint64) (*walker, error) {
	w := &walker{v: v, id: a.id, at: a.last}
	if n == 0 {
		return &walker{}, nil
	}
	if n >= a.n {
		return w, nil
	}
	if slot := (n + historyStep - 1) / historyStep; slot*historyStep <= a.n { // the nearest row at or after n
		at, _, err := loadSlot(v, a.id, slot)
		if err != nil {
			return nil, err
		}
		w.at = at
	}
	for {
		back := *w
		m, ok, err := w.next()
		if err != nil {
			return nil, err
		}
		if !ok || m.side.n < n {
			return nil, edge.E(edge.Corrupt, "the history of an account lacks entry %d", n)
		}
		if m.side.n == n {
			back.block = w.block
			return &back, nil
		}
	}
}

func loadSlot(v edge.View, id edge.ID, slot uint64) (at ref, t time.Time, err error) {
	row, err := v.Get(historyKey(id, slot))
	if err != nil {
		return at, t, edge.E(edge.Corrupt, "the history of an account lacks a row: %w", err)
	}
	r := reader{b: row}
	at, t = r.ref(), r.time()
	return at, t, r.done("the history of an account")
}

// lastUntil is the number of the newest entry that is not after t; 0 where there is none.
func (s *Ledger) lastUntil(v edge.View, a *account, t time.Time) (uint64, error) {
	var failed error
	rows := int(a.n / historyStep)
	after := sort.Search(rows, func(i int) bool { // the first row after t
		_, at, err := loadSlot(v, a.id, uint64(i+1))
		if err != nil {
			failed = err
		}
		return at.After(t)
	})
	if failed != nil {
		return 0, failed
	}
	n := a.n
	if after < rows {
		n = uint64(after+1) * historyStep
	}
	w, err := s.walkFrom(v, a, n)
	if err != nil {
		return 0, err
	}
	for {
		m, ok, err := w.next()
		if err != nil || !ok {
			return 0, err
		}
		if !m.block.time.After(t) {
			return m.side.n, nil
		}
	}
}

func (s *Ledger) getBalance(v edge.View, in *walletv1.GetBalanceRequest) (*walletv1.Balance, error) {
	id, err := parseAccount(in.GetAccount())
	if err != nil {
		return nil, err
	}
	a, err := s.load(v, id)
	if err != nil {
		return nil, err
	}
	n := a.n
	if at := in.GetAt(); at != nil {
		if !at.IsValid() {
			return nil, invalid("the moment is no time")
		}
		if n, err = s.lastUntil(v, a, at.AsTime()); err != nil {
			return nil, err
		}
	}
	if n == 0 {
		return (&balances{}).message(a.of.asset), nil
	}
	w, err := s.walkFrom(v, a, n)
	if err != nil {
		return nil, err
	}
	m, _, err := w.next()
	if err != nil {
		return nil, err
	}
	out := m.side.balances.message(a.of.asset)
	out.Time = timestamppb.New(m.block.time)
	return out, nil
}

// listEntries lists entries from the newest back. Its token is the number of the next.
func (s *Ledger) listEntries(v edge.View, in *walletv1.ListEntriesRequest) (*walletv1.ListEntriesResponse, error) {
	size, err := edge.PageSize(in.GetPageSize(), usualPage, entryPage)
	if err != nil {
		return nil, err
	}
	id, err := parseAccount(in.GetAccount())
	if err != nil {
		return nil, err
	}
	a, err := s.load(v, id)
	if err != nil {
		return nil, err
	}
	n, of, err := s.entriesFrom(v, a, in)
	if err != nil {
		return nil, err
	}
	w, err := s.walkFrom(v, a, n)
	if err != nil {
		return nil, err
	}
	out := &walletv1.ListEntriesResponse{}
	for {
		m, ok, err := w.next()
		if err != nil || !ok || in.GetFrom() != nil && m.block.time.Before(in.GetFrom().AsTime()) {
			return out, err
		}
		if len(out.Entries) == size {
			out.NextPageToken = edge.PageToken(of, binary.BigEndian.AppendUint64(nil, m.side.n))
			return out, nil
		}
		out.Entries = append(out.Entries, m.message(a.of.asset))
	}
}

// entriesFrom is the number of the entry a list begins with, and what the list's tokens are bound to.
func (s *Ledger) entriesFrom(v edge.View, a *account, in *walletv1.ListEntriesRequest) (n uint64, of string, err error) {
	of = "wallet.entries/" + a.id.String() + "/" + in.GetFrom().String() + "/" + in.GetUntil().String()
	if in.GetFrom() != nil && !in.GetFrom().IsValid() || in.GetUntil() != nil && !in.GetUntil().IsValid() {
		return 0, of, invalid("the bounds of the list are no times")
	}
	if token := in.GetPageToken(); token != "" {
		at, err := edge.ParsePageToken(of, token)
		if err != nil || len(at) != 8 {
			return 0, of, err
		}
		return binary.BigEndian.Uint64(at), of, nil
	}
	if in.GetUntil() != nil {
		n, err = s.lastUntil(v, a, in.GetUntil().AsTime())
		return n, of, err
	}
	return math.MaxUint64, of, nil
}

func (m *moment) message(asset string) *walletv1.Entry {
	e := &walletv1.Entry{Number: m.side.n, Transfer: m.entry.id.String(), Time: timestamppb.New(m.block.time), Kind: entryNames[m.entry.kind],
		Purpose: m.entry.purpose, Memo: m.entry.memo, Reference: m.entry.ref, Balance: m.side.balances.message(asset)}
	e.Balance.Time = e.Time
	other, sum := m.leg.credit, amount.Signed{Amount: m.leg.amount}.Negated()
	if m.into {
		other, sum = m.leg.debit, amount.Signed{Amount: m.leg.amount}
	}
	e.Other, e.Amount = other.String(), sum.String()
	return e
}
