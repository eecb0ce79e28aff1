package reconcile

import (
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A part of a difference while it is added up.
type part struct {
	n   int32
	sum amount.Signed
}

func (p *part) add(x amount.Signed) {
	p.n++
	p.sum, _ = p.sum.Add(x) // sums of a statement, which was counted when it was taken in
}

func (p *part) message() *walletv1.SummaryPart {
	return &walletv1.SummaryPart{Count: p.n, Amount: p.sum.String()}
}

// A summary is a statement held against the ledger.
type summary struct {
	edge.Redacted
	s           *Service
	v           edge.View
	from, until time.Time
	carried     part

	open, ignored, undecided, earlier, later, missing, elsewhere part
}

// getStatementSummary takes the difference between the bank and the ledger apart. Between two moments each moves by
// entries of its own; what stands for each other within the time cancels, and the rest is what differs.
func (s *Service) getStatementSummary(v edge.View, in *walletv1.GetStatementSummaryRequest) (*walletv1.StatementSummary, error) {
	st, err := findStatement(v, in.GetId())
	if err != nil {
		return nil, err
	}
	shown, entries, err := s.showStatement(v, &st)
	if err != nil {
		return nil, err
	}
	p, err := s.led.Period(v, st.Account, st.From, st.Until)
	if err != nil {
		return nil, err
	}
	out := &walletv1.StatementSummary{Statement: shown, LedgerOpening: p.Opening.Negated().String(), LedgerClosing: p.Closing.Negated().String()}
	u := &summary{s: s, v: v, from: st.From, until: st.Until}
	mine := map[edge.ID]bool{}
	for _, e := range entries {
		mine[e.ID] = true
		if err := u.entry(e); err != nil {
			return nil, err
		}
	}
	if err := u.ledger(st.Account, mine); err != nil {
		return nil, err
	}
	if st.Opening != "" && st.Closing != "" {
		if err := u.balances(out, &st, p.Opening, p.Closing); err != nil {
			return nil, err
		}
	}
	out.Carried, out.Open, out.Ignored, out.Undecided = u.carried.message(), u.open.message(), u.ignored.message(), u.undecided.message()
	out.Earlier, out.Later, out.Missing, out.Elsewhere = u.earlier.message(), u.later.message(), u.missing.message(), u.elsewhere.message()
	return out, nil
}

// entry adds what an entry of the statement makes of the difference.
func (u *summary) entry(e *entry) error {
	switch e.State {
	case open:
		u.open.add(e.amount)
		return nil
	case ignored:
		u.ignored.add(e.amount)
		return nil
	}
	list, err := u.s.ofEntry(u.v, e)
	if err != nil {
		return err
	}
	rest := e.amount
	for _, t := range list {
		sum, err := net(t, e.Account.String())
		if err != nil {
			return err
		}
		switch at := t.GetTime().AsTime(); {
		case at.Before(u.from):
			u.earlier.add(sum)
		case !at.Before(u.until):
			u.later.add(sum)
		}
		rest, _ = rest.Add(sum.Negated())
	}
	if !rest.IsZero() {
		u.undecided.add(rest)
	}
	return nil
}

// ofEntry lists what an entry stands for in the ledger.
func (s *Service) ofEntry(v edge.View, e *entry) (list []*walletv1.Transfer, err error) {
	if !e.Payment.IsZero() {
		return s.ofPayment(v, e)
	}
	for _, id := range e.Transfers {
		t, err := s.led.ShowTransfer(v, id)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// ledger adds what moved in the ledger and does not stand for an entry of the statement.
func (u *summary) ledger(account edge.ID, mine map[edge.ID]bool) error {
	list, cut, err := u.s.moves(u.v, account, u.from, u.until)
	switch {
	case err != nil:
		return err
	case cut != nil:
		return edge.E(edge.Exhausted, "more moved on the account in this time than can be held against one statement").WithHint("import statements of fewer days").WithCode(CodeTooLong)
	}
	for _, m := range list {
		who, err := u.v.Get(key(underTransfer, account[:], m.id[:]))
		switch {
		case edge.IsKind(err, edge.NotFound):
			if !m.sum.IsZero() {
				u.missing.add(m.sum.Negated())
			}
		case err != nil:
			return err
		case !mine[edge.ID(who)]:
			u.elsewhere.add(m.sum.Negated())
		}
	}
	return nil
}

// balances says what the difference is, what of it was there before, and what nothing explains.
func (u *summary) balances(out *walletv1.StatementSummary, st *statement, before, after amount.Signed) error {
	opening, err := amount.ParseSigned(st.Opening)
	if err != nil {
		return edge.E(edge.Corrupt, "a statement cannot be read: %w", err)
	}
	closing, err := amount.ParseSigned(st.Closing)
	if err != nil {
		return edge.E(edge.Corrupt, "a statement cannot be read: %w", err)
	}
	// The ledger has what the bank holds as debits, so its sign is the opposite one.
	if first, _ := opening.Add(before); !first.IsZero() {
		u.carried.add(first)
	}
	difference, _ := closing.Add(after)
	rest := difference
	for _, p := range []part{u.carried, u.open, u.ignored, u.undecided, u.earlier, u.later, u.missing, u.elsewhere} {
		rest, _ = rest.Add(p.sum.Negated())
	}
	out.Difference, out.Unexplained = difference.String(), rest.String()
	return nil
}
