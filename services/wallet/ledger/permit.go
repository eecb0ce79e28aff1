package ledger

import (
	"github.com/aielon/edge/node/edge"
)

// permit looks at all that has to hold before anything moves, in a fixed order, so that the first thing that is wrong
// names the refusal: accounts, currency and fund of each leg, the fund itself, the rules.
func (b *batch) permit(s *step) error {
	for i := range s.legs {
		if err := b.find(s, i); err != nil {
			return err
		}
	}
	first := s.parties[0].debit.of
	s.of = first
	for _, p := range s.parties {
		if err := alike(s, p.debit, p.credit); err != nil {
			return err
		}
		if p.debit.of != first {
			s.flags |= isMixed
		}
	}
	for _, p := range s.parties {
		if err := b.admits(s, p.debit, p.credit); err != nil {
			return err
		}
	}
	if s.judged {
		return nil
	}
	return b.judge(s)
}

// find looks up the accounts of a leg. Both must be there and open.
func (b *batch) find(s *step, i int) error {
	d, err := b.usable(s, s.legs[i].debit)
	if err != nil {
		return err
	}
	c, err := b.usable(s, s.legs[i].credit)
	if err != nil {
		return err
	}
	s.parties = append(s.parties, pair{d, c})
	return nil
}

// usable finds an account on which money may move.
func (b *batch) usable(s *step, id edge.ID) (*account, error) {
	a, err := b.account(id)
	if err != nil {
		return nil, err
	}
	if a == nil {
		return nil, noAccount(id.String())
	}
	if e := s.bars(a); e != nil {
		return nil, e
	}
	return a, nil
}

// bars says why nothing may move on the account, or nil.
func (s *step) bars(a *account) *edge.Error {
	if s.settled && a.state == frozen {
		return nil
	}
	return a.refusal()
}

// alike refuses a leg between two currencies or two funds, and a currency the caller did not mean.
func alike(s *step, d, c *account) error {
	switch {
	case d.of.asset != c.of.asset:
		return refused(CodeCurrency, "the two accounts are of different currencies", "exchange it in two legs, through the accounts of an exchange", fact("debit", d.of.asset), fact("credit", c.of.asset))
	case s.asset != "" && s.asset != d.of.asset:
		return refused(CodeCurrency, "the accounts are of another currency", "name accounts of the currency that is meant", fact("asset", s.asset), fact("accounts", d.of.asset))
	case d.of.fund != c.of.fund:
		return refused(CodeRestricted, "money never changes its fund by a transfer", "have it released from the one fund to the other", fact("rule", "FUND-1"), fact("debit", d.of.fund), fact("credit", c.of.fund))
	}
	return nil
}

// trespass refuses, to people, to move what lies on an account that is the ledger's own, whatever got it there.
func (s *step) trespass(d, c *account) *edge.Error {
	if !s.own && (d.kind.ours() || c.kind.ours()) {
		return refused(CodeRestricted, "the account is the ledger's own", "use a transfer between sites, an allotment or a release")
	}
	return nil
}

// admits refuses what the kinds of two accounts or their fund do not take.
func (b *batch) admits(s *step, d, c *account) error {
	if e := s.trespass(d, c); e != nil {
		return e
	}
	f, err := b.fund(d.of.fund)
	if err != nil {
		return err
	}
	if c.kind == income && f.Ends != nil && !b.now.Before(*f.Ends) {
		return refused(CodeFundEnded, "the fund takes nothing in any more", "give to another fund", fact("fund", d.of.fund))
	}
	return nil
}
