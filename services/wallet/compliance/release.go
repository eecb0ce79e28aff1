package compliance

import (
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// EventReleased tells of a release: {"release":...,"state":"RELEASE_DONE","from":"general","to":"building"}.
const EventReleased = "wallet.released"

// CodeRelease is the code where there is no such release.
const CodeRelease = "release_not_found"

// fewest is how many people approve a release at least, besides whoever asked. A rule set may ask for more.
const fewest, most = 2, 5

var releases = series{rowReleased, 50_000}

// A releaseRow is a release as it is kept.
type releaseRow struct {
	edge.Redacted `json:"-"`

	ID       edge.ID               `json:"id"`
	N        uint64                `json:"n"`
	State    walletv1.ReleaseState `json:"state"`
	From     edge.ID               `json:"from"`
	To       edge.ID               `json:"to"`
	Cash     edge.ID               `json:"cash,omitzero"`
	FromFund string                `json:"from_fund"`
	ToFund   string                `json:"to_fund"`
	Asset    string                `json:"asset"`
	Amount   amount.Amount         `json:"amount"`
	Purpose  string                `json:"purpose,omitempty"`
	Reason   string                `json:"reason"`
	Document string                `json:"document"`
	Category shariah.Asnaf         `json:"category,omitempty"`
	Whom     string                `json:"beneficiary,omitempty"`

	Swap     bool          `json:"swap,omitempty"` // of what a waqf consists of
	AssetIn  string        `json:"asset_in,omitempty"`
	AmountIn amount.Amount `json:"amount_in,omitzero"`
	ValueOut amount.Amount `json:"value_out,omitzero"`
	ValueIn  amount.Amount `json:"value_in,omitzero"`

	approval
}

func (s *Service) money() book.Money { return book.Money{Ledger: s.ledger} }

// requestRelease asks for money to change its fund.
func (s *Service) requestRelease(tx edge.Tx, in *walletv1.RequestReleaseRequest) (*walletv1.Release, error) {
	r := releaseRow{Purpose: in.GetPurpose(), Reason: in.GetReason(), Document: in.GetDocument(), Whom: in.GetBeneficiary()}
	return s.request(tx, "release", in.GetId(), in, &r, func() (err error) {
		if in.GetCategory() != "" {
			if r.Category, err = shariah.ParseAsnaf(in.GetCategory()); err != nil {
				return err
			}
		}
		if r.Amount, err = book.ParseAmount(in.GetAmount()); err != nil {
			return err
		}
		return s.ends(tx, &r, in.GetFromAccount(), in.GetToAccount(), in.GetCashAccount())
	})
}

// request writes a release that read fills in, once, and has it wait for as many people as the rules ask for.
func (s *Service) request(tx edge.Tx, op, id string, in proto.Message, r *releaseRow, read func() error) (*walletv1.Release, error) {
	a, again, err := book.Begin(tx, op, id, in)
	if err != nil {
		return nil, err
	}
	if again {
		was, err := loadRelease(tx, a.Text)
		return was.message(tx.Now()), err
	}
	if err := read(); err != nil {
		return nil, err
	}
	r.ID = a.ID
	needs, err := s.needed(tx, r)
	if err != nil {
		return nil, err
	}
	if r.approval, err = wait(tx, rowRelease, r.ID, needs); err != nil {
		return nil, err
	}
	var old edge.ID
	var gone uint64
	if r.N, old, gone, err = releases.add(tx, r.ID); err != nil {
		return nil, err
	}
	if was, found, err := getJSON[releaseRow](tx, idKey(rowRelease, old)); gone > 0 && err == nil && found && was.N == gone && !was.Decided.IsZero() {
		tx.Delete(idKey(rowRelease, old))
	}
	r.State = walletv1.ReleaseState_RELEASE_WAITING
	a.Done(tx)
	return r.message(tx.Now()), r.write(tx)
}

// ends looks at the accounts of a release: money that is there, in two funds; or in one, and somebody it goes to.
func (s *Service) ends(v edge.View, r *releaseRow, fromID, toID, cashID string) error {
	from, err := s.money().Find(v, fromID)
	if err != nil {
		return err
	}
	to, err := s.money().Find(v, toID)
	if err != nil {
		return err
	}
	r.From, r.To, r.FromFund, r.ToFund, r.Asset = from.ID, to.ID, from.Fund, to.Fund, from.Asset
	switch {
	case from.Asset != to.Asset:
		return edge.E(edge.Refused, "the two accounts are of different currencies").WithHint("exchange it first").WithCode(ledger.CodeCurrency)
	case !book.IsDesk(from) || !book.IsDesk(to) && !book.IsMember(to):
		return book.Invalid("money is released from a desk or a bank, to a desk, a bank or a member's account")
	case from.Fund == to.Fund:
		return book.Invalid("the two accounts are of one fund").WithHint("use a transfer")
	case book.IsDesk(to):
		return nil
	}
	cash, err := s.money().Find(v, cashID)
	if err != nil {
		return err
	}
	if r.Cash = cash.ID; !book.IsDesk(cash) || cash.Fund != to.Fund || cash.Asset != to.Asset {
		return book.Invalid("a desk or a bank of the same fund and currency has to take the cash").WithHint("name it as cash_account")
	}
	return nil
}

func loadRelease(v edge.View, text string) (r releaseRow, err error) {
	id, err := ledger.ParseID(text)
	if err != nil {
		return r, err
	}
	r, found, err := getJSON[releaseRow](v, idKey(rowRelease, id))
	if err == nil && !found {
		err = edge.E(edge.NotFound, "there is no such release").WithHint("check its identifier").WithCode(CodeRelease, fact("release", id.String()))
	}
	return r, err
}

func (r *releaseRow) write(tx edge.Tx) error {
	emit(tx, EventReleased, "release:"+r.ID.String(), edge.Personal, map[string]string{"release": r.ID.String(), "state": r.State.String(), "from": r.FromFund, "to": r.ToFund})
	return setJSON(tx, idKey(rowRelease, r.ID), r)
}

// approveRelease takes one person's yes. The last that is needed carries the release out.
func (s *Service) approveRelease(tx edge.Tx, in *walletv1.ApproveReleaseRequest) (*walletv1.Release, error) {
	r, err := loadRelease(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	if r.Rejected == "" && r.gave(tx.Actor().ID) {
		return r.message(tx.Now()), nil
	}
	if owner, err := s.ledger.Owner(tx, r.To.String()); err != nil {
		return nil, err
	} else if who := tx.Actor().ID; who != "" && (owner == who || r.Whom == who) {
		return nil, foureyes()
	}
	enough, err := r.give(tx, rowRelease, r.ID)
	if err != nil {
		return nil, err
	}
	if enough {
		if err := s.release(tx, &r); err != nil {
			return nil, err
		}
	}
	return r.message(tx.Now()), r.write(tx)
}

func (s *Service) rejectRelease(tx edge.Tx, in *walletv1.RejectReleaseRequest) (*walletv1.Release, error) {
	r, err := loadRelease(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	if r.Rejected != "" && r.Rejected == tx.Actor().ID {
		return r.message(tx.Now()), nil
	}
	if err := r.reject(tx, rowRelease, r.ID); err != nil {
		return nil, err
	}
	r.State = walletv1.ReleaseState_RELEASE_REJECTED
	return r.message(tx.Now()), r.write(tx)
}
