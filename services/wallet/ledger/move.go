package ledger

import (
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A Kind is what an account stands for: a walletv1.AccountKind.
type Kind = kind

// A Move is what another part of the wallet has the ledger do. It may use accounts that are the ledger's own: those of
// clearing, escrow and transit.
type Move struct {
	edge.Redacted

	ID        edge.ID
	Kind      MoveKind
	About     edge.ID   // the hold that is posted or voided, the transfer that is reversed
	Postings  []Posting // of a transfer or a hold
	Expires   time.Time // of a hold, in whole seconds; zero: never
	Purpose   string    // letters, digits and _
	Memo      string
	Reference string
	MCC       uint16
	Document  [32]byte
	Judged    bool // the rules were asked before, and are not asked again
	Firm      bool // what the rules would put before a person is refused
	Settled   bool // it has happened elsewhere already: a frozen account does not stop it
}

// A Posting is one leg of a Move.
type Posting struct {
	Debit, Credit edge.ID
	Amount        amount.Amount
}

// A MoveKind is what a Move does.
type MoveKind uint8

// Kinds of moves.
const (
	Transfer MoveKind = iota // moves money now
	Hold                     // holds money until it is posted or voided
	Post                     // posts a hold, whole
	Void                     // ends a hold without moving anything
	Reverse                  // moves back what a transfer moved
	Release                  // moves money between funds, through their accounts of kind transit
	Clear                    // is one end of a transfer between sites, or of an allotment
	Deal                     // moves money now, and cannot be reversed, also where a review held it first: what keeps the contract or the gift undoes it
	Swap                     // takes something out of what a waqf consists of, for something else that comes in; a batch has one
)

// A Batch is what one command makes of the ledger. Nothing is written before Finish.
type Batch struct{ b *batch }

// Begin starts a batch on a transaction. A ledger that is halted refuses it.
func (s *Ledger) Begin(tx edge.Tx) (*Batch, error) {
	b, err := s.begin(tx)
	if err != nil {
		return nil, err
	}
	return &Batch{b}, nil
}

// Do carries out moves together or not at all. refusal says why not, and whether identifiers are spent is as with
// transfers of people; an error ends the command.
func (b *Batch) Do(moves ...Move) (refusal *edge.Error, err error) {
	steps := make([]step, len(moves))
	for i := range moves {
		if err := moves[i].step(&steps[i]); err != nil {
			return nil, err
		}
	}
	_, refusal, err = b.b.run(steps)
	return refusal, err
}

// Finish asserts what must always hold and writes what changed.
// The batch must not be used after it.
func (b *Batch) Finish() error {
	defer b.b.close()
	return b.b.finish()
}

// Known reports whether an identifier is spent, and whether what it did went through.
func (b *Batch) Known(id edge.ID) (spent, done bool, err error) {
	o, found, err := b.b.outcome(id)
	return found, found && o.block > 0, err
}

func (m *Move) step(s *step) error {
	kinds := [...]entryKind{Transfer: transferEntry, Hold: holdEntry, Post: postEntry, Void: voidEntry, Reverse: reverseEntry, Release: releaseEntry, Clear: clearEntry, Deal: dealEntry, Swap: swapEntry}
	if m.ID.IsZero() || int(m.Kind) >= len(kinds) || len(m.Postings) > maxLegs {
		return edge.E(edge.Internal, "a move of the wallet is not well formed")
	}
	*s = step{entry: entry{kind: kinds[m.Kind], id: m.ID, about: m.About, purpose: m.Purpose, memo: m.Memo, ref: m.Reference, mcc: m.MCC, doc: m.Document},
		own: true, judged: m.Judged, firm: m.Firm, settled: m.Settled, whole: true}
	if !m.Expires.IsZero() {
		s.expires = m.Expires.Unix()
	}
	for _, p := range m.Postings {
		if p.Debit == p.Credit || p.Amount.IsZero() {
			return invalid("a transfer of nothing, or of an account to itself, cannot be made")
		}
		s.legs = append(s.legs, leg{debit: p.Debit, credit: p.Credit, amount: p.Amount})
	}
	return nil
}

// Ended is what became of a hold that the rules had put before a person.
type Ended struct {
	Hold   edge.ID
	By     edge.ID // the entry that ended it
	Posted bool    // otherwise it was voided, or its time was over
}

// OnReviewed has f called for each hold under review that ends, in the command that ends it and after all else the ledger
// writes. An error of f ends the command. It is called while a site is put together.
func (s *Ledger) OnReviewed(f func(edge.Tx, Ended) error) { s.reviewed = append(s.reviewed, f) }

// An AccountInfo is what other parts of the wallet may know of an account.
type AccountInfo struct {
	edge.Redacted

	ID          edge.ID
	Kind        Kind
	Asset, Fund string
	Owner, Name string
	Open        bool // money may move on it
	Posted      amount.Signed
	Available   amount.Signed
	Tier        uint8
}

// Find looks an account up. It fails with NotFound.
func (s *Ledger) Find(v edge.View, id edge.ID) (AccountInfo, error) {
	a, err := s.load(v, id)
	if err != nil {
		return AccountInfo{}, err
	}
	what, err := s.loadAbout(v, id)
	return a.info(what), err
}

func (a *account) info(what about) AccountInfo {
	there, _ := a.available()
	return AccountInfo{ID: a.id, Kind: a.kind, Asset: a.of.asset, Fund: a.of.fund, Owner: what.owner, Name: what.name, Open: a.state == open, Posted: a.posted(), Available: there, Tier: a.tier}
}

// A FundInfo is what other parts of the wallet may know of a fund.
type FundInfo struct {
	Ended     bool     // it takes nothing in any more
	ToGeneral bool     // givers agreed that what is left then goes to the general fund
	Allowed   []string // purposes it may be spent for; none: any
}

// FundOf looks a fund up. It fails with NotFound.
func FundOf(v edge.View, id string, now time.Time) (FundInfo, error) {
	f, err := findFund(v, id)
	return FundInfo{Ended: f.Ends != nil && !now.Before(*f.Ends), ToGeneral: f.ToGeneral, Allowed: f.Allowed}, err
}

// SetTier notes how well the owner of an account is known. It fails with NotFound.
func (s *Ledger) SetTier(tx edge.Tx, id edge.ID, tier uint8) error {
	_, err := s.edit(tx, id.String(), "tier", func(a *account, _ *about) error {
		a.tier = tier
		return nil
	})
	return err
}

// Freeze freezes an account, with a reason people may read.
func (s *Ledger) Freeze(tx edge.Tx, id edge.ID, reason string) error {
	_, err := s.freezeAccount(tx, &walletv1.FreezeAccountRequest{Id: id.String(), Reason: reason})
	return err
}

// Unfreeze lets money move on an account again. One that is not frozen stays as it is.
func (s *Ledger) Unfreeze(tx edge.Tx, id edge.ID, reason string) error {
	a, err := s.load(tx, id)
	if err != nil || a.state != frozen {
		return err
	}
	_, err = s.unfreezeAccount(tx, &walletv1.UnfreezeAccountRequest{Id: id.String(), Reason: reason})
	return err
}

// After lists accounts by id, at most as many as asked for; after is the bytes of the last id of the list before, or
// empty.
func (s *Ledger) After(v edge.View, after []byte, most int) (list []AccountInfo, err error) {
	under := key(rowAbout)
	for k := range edge.ScanFrom(v, under, append(append([]byte{}, under...), after...)) {
		id := k[len(under):]
		if len(id) != len(edge.ID{}) || string(id) <= string(after) {
			continue
		}
		if len(list) == most {
			break
		}
		a, err := s.Find(v, edge.ID(id))
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, v.Err()
}

// OpenOwn opens an account that is the ledger's own, or leaves it as it is where it is there.
func (s *Ledger) OpenOwn(tx edge.Tx, id edge.ID, k walletv1.AccountKind, asset, fund, name string) error {
	if _, err := s.load(tx, id); !edge.IsKind(err, edge.NotFound) {
		return err
	}
	a, what, err := s.describe(tx, id, &walletv1.OpenAccountRequest{Kind: k, Asset: asset, Fund: fund, Name: name})
	if err != nil {
		return err
	}
	_, err = s.create(tx, a, what)
	return err
}

// ParseID reads an identifier of the wallet: 26 letters and digits, or a UUID; where there is none one is made. It fails
// with Invalid.
func ParseID(text string) (edge.ID, error) { return parseID(text) }

// Scale is how many decimals a currency has. It fails with NotFound.
func Scale(v edge.View, asset string) (int, error) { return scaleOf(v, asset) }

// Named is an identifier made of texts: the same for the same texts.
func Named(parts ...string) edge.ID { return named(parts) }
