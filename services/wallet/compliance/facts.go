package compliance

import (
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/giving"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
	"github.com/aielon/edge/services/wallet/walletv1"
)

const (
	member   = ledger.Kind(walletv1.AccountKind_MEMBER)
	cash     = ledger.Kind(walletv1.AccountKind_CASH)
	bank     = ledger.Kind(walletv1.AccountKind_BANK)
	income   = ledger.Kind(walletv1.AccountKind_INCOME)
	expense  = ledger.Kind(walletv1.AccountKind_EXPENSE)
	equity   = ledger.Kind(walletv1.AccountKind_EQUITY)
	transit  = ledger.Kind(walletv1.AccountKind_TRANSIT)
	exchange = ledger.Kind(walletv1.AccountKind_EXCHANGE)
)

// held reports whether an account stands for money that is there.
func held(k ledger.Kind) bool { return k == cash || k == bank }

// usual is what a transfer between two accounts is for where nobody says.
func usual(l *ledger.DealingLeg) shariah.Purpose {
	from, to := l.Debit.Kind, l.Credit.Kind
	switch {
	case from == exchange || to == exchange:
		return shariah.Exchange
	case held(from) && to == member:
		return shariah.CashIn
	case from == member && held(to):
		return shariah.CashOut
	case from == member && to == member:
		return shariah.Gift
	case to == income:
		return shariah.Donation
	}
	return shariah.Transfer
}

// fund reads the name of a fund. Nearly always it is that of the dealing before.
func (j *judge) fund(name string) (shariah.Fund, error) {
	if name == j.lastName {
		return j.lastFund, nil
	}
	f, err := shariah.ParseFund(name)
	if err == nil {
		j.lastName, j.lastFund = name, f
	}
	return f, err
}

// own is the fund of what belongs to people: members' money, and what comes from or goes to somebody without an account.
var own = shariah.Fund{Kind: shariah.Amanah}

// describe makes facts of one leg.
func (j *judge) describe(d *ledger.Dealing, l *ledger.DealingLeg, p shariah.Purpose) error {
	fund, err := j.fund(l.Fund)
	if err != nil {
		return err
	}
	j.facts = shariah.Facts{Purpose: p, MCC: mcc.Code(d.MCC), From: fund, To: fund, Pending: d.Hold, Chain: true, AssetOut: l.Asset, AmountOut: l.Amount, Document: d.Document}
	if d.Document && p == shariah.CollectionCost {
		j.facts.ActualCost = l.Amount // the document says so, and an officer reads it
	}
	switch way(l) {
	case between:
		j.facts.OwesPayee, err = j.owes(l)
		return err
	case inside:
		j.facts.Within = true
	case inward:
		j.facts.From = own
	case outward:
		j.facts.To = own
		return j.attest(d, l.Fund)
	}
	return nil
}

// attest says what the fund's own description allows it to be spent for.
func (j *judge) attest(d *ledger.Dealing, name string) error {
	if k := j.facts.From.Kind; k != shariah.Sadaqah && k != shariah.WaqfYield {
		return nil
	}
	return attest(j.tx, &j.facts, name, d.Purpose, j.now)
}

// attest says whether a campaign or a deed names what its money is to be spent for. A deed that was written down binds; an
// endowment without one is spent on what its fund was opened for, and on nothing where that was not said (WAQF-2).
func attest(v edge.View, f *shariah.Facts, fund, purpose string, now time.Time) error {
	is, err := ledger.FundOf(v, fund, now)
	if err != nil {
		return err
	}
	listed := slices.Contains(is.Allowed, purpose)
	f.CampaignPurpose, f.DeedPurpose = listed || len(is.Allowed) == 0, listed
	f.CampaignEnded, f.DonorsConsent = is.Ended, is.ToGeneral
	if f.From.Kind != shariah.WaqfYield {
		return nil
	}
	allows, written, err := giving.DeedAllows(v, fund, purpose)
	if written {
		f.DeedPurpose = allows && f.CampaignPurpose
	}
	return err
}

// A direction is where money goes, seen from its fund.
type direction uint8

const (
	between direction = iota // people: from one to another
	inside                   // it stays: from a desk to a bank
	inward                   // it is given to the fund
	outward                  // it leaves the fund for good
)

// way says where the money of a leg goes. What is not known to stay leaves.
func way(l *ledger.DealingLeg) direction {
	from, to := l.Debit.Kind, l.Credit.Kind
	switch {
	case to == income && (held(from) || from == member):
		return inward
	case held(from) && !afar(to), books(from) && books(to):
		return inside
	case from == member:
		return between
	}
	return outward
}

// afar reports whether money on an account is for another site.
func afar(k ledger.Kind) bool {
	return k == ledger.Kind(walletv1.AccountKind_CLEARING) || k == ledger.Kind(walletv1.AccountKind_ESCROW)
}

// books reports whether an account only says how a fund came to what it has.
func books(k ledger.Kind) bool { return k == income || k == equity }

// swaps reports whether a leg is one side of something: of an exchange, or of money that changes its fund.
func swaps(l *ledger.DealingLeg) bool {
	return l.Credit.Kind == exchange || l.Debit.Kind == exchange || l.Credit.Kind == transit || l.Debit.Kind == transit
}

// decide asks the rules about a dealing: about each leg, and about the whole where money changes its currency or fund.
func (j *judge) decide(d *ledger.Dealing) (worst shariah.Decision, err error) {
	first := true
	ask := func() {
		if one := j.set.Decide(&j.facts); first || one.Act > worst.Act {
			worst, first = one, false
		}
	}
	if len(d.Legs) > 1 || swaps(&d.Legs[0]) {
		whole, err := j.whole(d)
		if err != nil {
			return worst, err
		}
		if whole {
			ask()
		}
	}
	for i := range d.Legs {
		l := &d.Legs[i]
		if swaps(l) {
			continue
		}
		p, err := j.s.purpose(d, l)
		if err != nil {
			return worst, err
		}
		if err := j.describe(d, l, p); err != nil {
			return worst, err
		}
		ask()
	}
	return worst, nil
}

// whole makes facts of a dealing whose legs mean something only together: an exchange, or money that changes its fund
// on the ledger's own accounts.
func (j *judge) whole(d *ledger.Dealing) (bool, error) {
	var out, in *ledger.DealingLeg
	for i := range d.Legs {
		l := &d.Legs[i]
		if l.Credit.Kind == exchange || l.Credit.Kind == transit {
			out = both(out, l)
		}
		if l.Debit.Kind == exchange || l.Debit.Kind == transit {
			in = both(in, l)
		}
	}
	if out == nil && in == nil {
		return false, nil
	}
	one := out
	if one == nil {
		one = in
	}
	p, err := j.s.purpose(d, one)
	if err != nil {
		return true, err
	}
	if one.Credit.Kind == exchange || one.Debit.Kind == exchange {
		p = shariah.Exchange
	}
	return true, j.join(d, p, out, in)
}

// both is two legs on one side of an exchange as one; where they are of different currencies it has none.
func both(was, l *ledger.DealingLeg) *ledger.DealingLeg {
	if was == nil {
		return l
	}
	sum, ok := was.Amount.Add(l.Amount)
	if was.Asset != l.Asset || was.Fund != l.Fund || !ok {
		return &ledger.DealingLeg{Debit: was.Debit, Credit: was.Credit, Fund: was.Fund, Amount: was.Amount}
	}
	one := *was
	one.Amount = sum
	return &one
}

func (j *judge) join(d *ledger.Dealing, p shariah.Purpose, out, in *ledger.DealingLeg) error {
	j.facts = shariah.Facts{Purpose: p, MCC: mcc.Code(d.MCC), Pending: d.Hold, Chain: true, Document: d.Document}
	for _, side := range []struct {
		l    *ledger.DealingLeg
		fund *shariah.Fund
	}{{out, &j.facts.From}, {in, &j.facts.To}} {
		if side.l == nil {
			continue
		}
		f, err := j.fund(side.l.Fund)
		if err != nil {
			return err
		}
		*side.fund = f
	}
	if out == nil {
		j.facts.From = j.facts.To
	} else {
		j.facts.AssetOut, j.facts.AmountOut = out.Asset, out.Amount
	}
	if in == nil {
		j.facts.To = j.facts.From
	} else if p == shariah.Exchange || out == nil || in.Asset != out.Asset {
		j.facts.AssetIn, j.facts.AmountIn = in.Asset, in.Amount
	}
	j.facts.Within = j.facts.From == j.facts.To
	if out != nil {
		return j.attest(d, out.Fund)
	}
	return nil
}

// refusal says why a dealing may not be done as it is; nil where it may, if perhaps only after a review.
func refusal(d *shariah.Decision) *edge.Error {
	if d.Act == shariah.Deny {
		return d.Err("en")
	}
	if d.To == shariah.NoFund {
		return nil
	}
	no := *d
	no.Act = shariah.Deny
	e := no.Err("en")
	return e.WithHint("send it to an account of the fund %s", d.To).WithCode(e.Code, append(e.Facts, fact("to_fund", d.To.String()))...)
}
