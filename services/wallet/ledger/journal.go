package ledger

import (
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A Place is what never changes of an account.
type Place struct {
	Kind        Kind
	Asset, Fund string
}

// Place finds where an account stands in the books. It fails with NotFound.
func (s *Ledger) Place(v edge.View, id edge.ID) (Place, error) {
	a, err := s.load(v, id)
	if err != nil {
		return Place{}, err
	}
	return Place{a.kind, a.of.asset, a.of.fund}, nil
}

// A Record is one entry that moved money.
type Record struct {
	edge.Redacted

	Number   uint64 // within the ledger, from 1
	Time     time.Time
	ID       edge.ID
	Kind     string // "transfer", "post", "reverse", "release", "clearing"
	Purpose  string
	Postings []Posting
}

// Entries yields what moved money from one moment until before another, oldest first; a zero time is no bound. Holds,
// and what ends them without moving anything, are left out. It holds one block at a time and ends at the first error.
func (s *Ledger) Entries(v edge.View, from, until time.Time) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		m, err := loadMeta(v)
		if err != nil {
			yield(Record{}, err)
			return
		}
		first, err := blockFrom(v, m.blocks, from)
		for n := first; err == nil && n <= m.blocks; n++ {
			var b *block
			if b, err = loadBlock(v, n); err != nil || !until.IsZero() && !b.time.Before(until) {
				break
			}
			for i := range b.entries {
				if e := &b.entries[i]; e.moves() && !yield(b.record(e, i), nil) {
					return
				}
			}
		}
		if err != nil {
			yield(Record{}, err)
		}
	}
}

// blockFrom is the first of so many blocks that is not before a moment. Times of blocks never run backwards.
func blockFrom(v edge.View, blocks uint64, from time.Time) (uint64, error) {
	if from.IsZero() {
		return 1, nil
	}
	var failed error
	n := sort.Search(int(blocks), func(i int) bool {
		b, err := loadBlock(v, uint64(i)+1)
		if err != nil {
			failed = err
			return true
		}
		return !b.time.Before(from)
	})
	return uint64(n) + 1, failed
}

// moves reports whether an entry moved money.
func (e *entry) moves() bool {
	return e.kind != holdEntry && e.kind != voidEntry && e.kind != expireEntry
}

func (b *block) record(e *entry, i int) Record {
	r := Record{Number: b.first + uint64(i), Time: b.time, ID: e.id, Kind: entryNames[e.kind], Purpose: e.purpose, Postings: make([]Posting, len(e.legs))}
	for k := range e.legs {
		r.Postings[k] = Posting{Debit: e.legs[k].debit, Credit: e.legs[k].credit, Amount: e.legs[k].amount}
	}
	return r
}

// Accounts yields all accounts by id. Those opened meanwhile may be left out.
func (s *Ledger) Accounts(v edge.View) iter.Seq2[edge.ID, error] {
	return func(yield func(edge.ID, error) bool) {
		under := key(rowAccount)
		for k := range v.Scan(under) {
			if len(k) == len(under)+len(edge.ID{}) && !yield(edge.ID(k[len(under):]), nil) {
				return
			}
		}
		if err := v.Err(); err != nil {
			yield(edge.ID{}, err)
		}
	}
}

// A Period is what an account is, and where it stood at both ends of a time.
type Period struct {
	AccountInfo
	Opened           time.Time
	From, Until      time.Time     // until before Until
	Opening, Closing amount.Signed // posted, before the first entry and after the last

	a           *account
	first, last uint64 // entries: after first, up to last
}

// Period looks at an account from one moment until before another. Zero times are when it was opened, and after the
// newest entry. It fails with NotFound, and with Invalid where the end is before the beginning.
func (s *Ledger) Period(v edge.View, id edge.ID, from, until time.Time) (p Period, err error) {
	if !until.IsZero() && until.Before(from) {
		return p, invalid("the end of the period is before its beginning")
	}
	if p.AccountInfo, err = s.Find(v, id); err != nil {
		return p, err
	}
	what, err := s.loadAbout(v, id)
	if err != nil {
		return p, err
	}
	if p.a, err = s.load(v, id); err != nil {
		return p, err
	}
	p.Opened, p.From, p.Until, p.last = what.opened, from, until, p.a.n
	if !from.IsZero() {
		if p.first, err = s.lastUntil(v, p.a, from.Add(-1)); err != nil {
			return p, err
		}
	}
	if !until.IsZero() {
		if p.last, err = s.lastUntil(v, p.a, until.Add(-1)); err != nil {
			return p, err
		}
	}
	if p.Opening, err = s.postedAfter(v, p.a, p.first); err != nil {
		return p, err
	}
	p.Closing, err = s.postedAfter(v, p.a, p.last)
	return p, err
}

// postedAfter is what was posted on an account after its entry n.
func (s *Ledger) postedAfter(v edge.View, a *account, n uint64) (sum amount.Signed, err error) {
	w, err := s.walkFrom(v, a, n)
	if err != nil {
		return sum, err
	}
	m, ok, err := w.next()
	if err != nil || !ok {
		return sum, err
	}
	return m.side.posted(), nil
}

// A Line is what one leg of an entry moved on one account.
type Line struct {
	edge.Redacted

	Number    uint64 // within the account, from 1
	Time      time.Time
	Transfer  edge.ID
	Other     edge.ID       // the account on the other side
	Amount    amount.Signed // above zero: in
	Kind      string
	Purpose   string
	Memo      string
	Reference string
}

// Lines yields what moved money on an account in a period, oldest first. It holds 32 entries at a time and ends at the
// first error.
func (s *Ledger) Lines(v edge.View, p Period) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		for from := p.first; from < p.last; {
			to := min((from/historyStep+1)*historyStep, p.last)
			lines, err := s.linesOf(v, p.a, from, to)
			if err != nil {
				yield(Line{}, err)
				return
			}
			for _, l := range lines {
				if !yield(l, nil) {
					return
				}
			}
			from = to
		}
	}
}

// linesOf are the lines of the entries after from, up to to.
func (s *Ledger) linesOf(v edge.View, a *account, from, to uint64) (lines []Line, err error) {
	w, err := s.walkFrom(v, a, to)
	if err != nil {
		return nil, err
	}
	for {
		m, ok, err := w.next()
		if err != nil {
			return nil, err
		}
		if !ok || m.side.n <= from {
			slices.Reverse(lines)
			return lines, nil
		}
		if m.entry.moves() {
			lines = append(lines, m.line())
		}
	}
}

func (m *moment) line() Line {
	l := Line{Number: m.side.n, Time: m.block.time, Transfer: m.entry.id, Other: m.leg.credit, Amount: amount.Signed{Amount: m.leg.amount}.Negated(),
		Kind: entryNames[m.entry.kind], Purpose: m.entry.purpose, Memo: m.entry.memo, Reference: m.entry.ref}
	if m.into {
		l.Other, l.Amount = m.leg.debit, amount.Signed{Amount: m.leg.amount}
	}
	return l
}
