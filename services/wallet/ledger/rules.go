package ledger

import (
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// Rules decide which dealings are permissible. They are asked after the ledger has found a transfer to be well formed
// between accounts that are there and open, and before it looks at balances.
type Rules interface {
	// Begin is called once for each command that moves money.
	Begin(tx edge.Tx) (Judge, error)
	// Named is called when an account gets a name, in the command that gives it. Where why is not empty the account is
	// frozen for that reason.
	Named(tx edge.Tx, a AccountInfo) (why string, err error)
}

// A Judge decides on the transfers of one command, one after the other. What it writes about them it keeps in memory
// until Finish, since an item may be taken back.
type Judge interface {
	// Mark begins an item, Back takes back what was judged since.
	Mark()
	Back()
	// Judge may refuse, with an error of kind Refused or Denied; any other ends the command.
	Judge(d *Dealing) (Verdict, error)
	// Finish writes what is to be kept of the command's judgements, also of transfers that were refused.
	Finish() error
}

// A Verdict is what the rules say of a dealing they do not refuse.
type Verdict struct {
	Review  bool      // a person has to decide: the money is held until then
	Expires time.Time // of a review, in whole seconds: when it ends as if it had been refused; zero: never
	Rules   string    // name and version of what it was judged by: "aaoifi-core/1"
}

// A Dealing is a transfer as the rules see it.
type Dealing struct {
	edge.Redacted

	ID        edge.ID
	Purpose   string
	Reference string
	MCC       uint16 // ISO 18245; 0: not known
	Document  bool   // a document proves it
	Hold      bool   // the money is only held for now
	Balancing bool   // less may be moved
	Own       bool   // the ledger itself or another part of the wallet asks
	Legs      []DealingLeg
}

// A DealingLeg is one leg, with what its accounts are.
type DealingLeg struct {
	Debit, Credit Party
	Asset, Fund   string // of both
	Amount        amount.Amount
}

// A Party is one account of a dealing.
type Party struct {
	ID   edge.ID
	Kind Kind
	Tier uint8 // how well its owner is known
}

// judge asks the rules about a step, whose accounts are known. A dealing under review is held.
func (b *batch) judge(s *step) error {
	if b.rules == nil {
		return nil
	}
	d := &b.dealing
	*d = Dealing{ID: s.id, Purpose: s.purpose, Reference: s.ref, MCC: s.mcc, Document: s.doc != [32]byte{}, Hold: s.kind == holdEntry,
		Balancing: s.flags&isBalancing != 0, Own: s.own, Legs: d.Legs[:0]}
	for i := range s.legs {
		l := &s.legs[i]
		from, to := s.parties[i].debit, s.parties[i].credit
		d.Legs = append(d.Legs, DealingLeg{Debit: from.party(), Credit: to.party(), Asset: from.of.asset, Fund: from.of.fund, Amount: l.amount})
	}
	v, err := b.rules.Judge(d)
	if err != nil {
		return err
	}
	if v.Review && s.firm {
		return refused(CodeApproval, "a person would have to decide on this first, and it cannot wait for that", "ask whoever reviews transfers, or choose another way")
	}
	if s.rules = v.Rules; v.Review {
		if s.kind == dealEntry {
			s.flags |= isFinal
		}
		s.kind, s.flags = holdEntry, s.flags|isReview
		if !v.Expires.IsZero() && s.timeout == 0 && s.expires == 0 {
			s.expires = v.Expires.Unix()
		}
	}
	return nil
}

func (a *account) party() Party { return Party{ID: a.id, Kind: a.kind, Tier: a.tier} }
