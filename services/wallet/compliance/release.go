package compliance

import (
	"encoding/hex"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/hijri"
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

// facts are what the rules are told of a release with so many approvals.
func (s *Service) facts(v edge.View, r *releaseRow, now time.Time, approvals int) (f *shariah.Facts, err error) {
	f = &shariah.Facts{Purpose: shariah.FundRelease, Chain: true, AssetOut: r.Asset, AmountOut: r.Amount, Document: r.Document != "", Approvals: uint8(approvals),
		Asnaf: r.Category, Beneficiary: r.Whom != ""}
	if f.From, err = shariah.ParseFund(r.FromFund); err != nil {
		return nil, err
	}
	if f.To, err = shariah.ParseFund(r.ToFund); err != nil {
		return nil, err
	}
	if r.Swap {
		f.Purpose, f.ValueOut, f.ValueIn, f.AssetIn, f.AmountIn = shariah.Istibdal, r.ValueOut, r.ValueIn, r.AssetIn, r.AmountIn
		return f, nil
	}
	if r.Category == shariah.AmilCategory {
		f.Purpose = shariah.Amil
	}
	if err := attest(v, f, r.FromFund, r.Purpose, now); err != nil {
		return nil, err
	}
	if r.Purpose == shariah.Upkeep.String() && f.Purpose == shariah.FundRelease && f.From.Kind == shariah.Zakat {
		f.Purpose = shariah.Upkeep
	}
	if f.From.Kind == shariah.Zakat {
		f.AmilTaken, f.ZakatReceived, err = s.amil(v, r, now)
	}
	return f, err
}

// amil sums up what those who work on zakat took in this Hijri year, this release included, and what came in.
func (s *Service) amil(v edge.View, r *releaseRow, now time.Time) (taken, received amount.Amount, err error) {
	today, err := hijri.FromTime(now, time.UTC)
	if err != nil {
		return taken, received, err
	}
	begin, err := (hijri.Date{Year: today.Year, Month: 1, Day: 1}).ToGregorian(time.UTC)
	if err != nil {
		return taken, received, err
	}
	var sum amount.Signed
	for f, err := range s.ledger.Flows(v, r.Asset, r.FromFund, begin, now.Add(time.Hour)) {
		if err != nil {
			return taken, received, err
		}
		sum, _ = sum.Add(f.Income)
	}
	if !sum.Neg {
		received = sum.Amount
	}
	before, _, err := getJSON[amount.Amount](v, amilKey(r.Asset, r.FromFund, today.Year))
	taken, ok := before.Add(r.Amount)
	if !ok {
		taken = amount.Max()
	}
	return taken, received, err
}

// needed is how many people have to approve. What they could not make permissible is refused at once.
func (s *Service) needed(tx edge.Tx, r *releaseRow) (int, error) {
	set, err := s.inForce(tx)
	if err != nil {
		return 0, err
	}
	var what shariah.Decision
	for n := fewest; n <= most; n++ {
		f, err := s.facts(tx, r, tx.Now(), n)
		if err != nil {
			return 0, err
		}
		if what = set.Decide(f); refusal(&what) == nil {
			return n, nil
		}
	}
	return 0, s.denied(tx, set, r.ID, what)
}

// denied keeps a denial, and is its refusal.
func (s *Service) denied(tx edge.Tx, set *shariah.Compiled, id edge.ID, what shariah.Decision) error {
	if err := s.keep(tx, set, []decided{{id: id, what: what}}); err != nil {
		return err
	}
	return &edge.Kept{Err: refusal(&what)}
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

// ReleaseOwner is who asked for a release; empty where there is none.
func (s *Service) ReleaseOwner(v edge.View, id string) (string, error) {
	r, err := loadRelease(v, id)
	if edge.IsKind(err, edge.NotFound) || edge.IsKind(err, edge.Invalid) {
		return "", nil
	}
	return r.By, err
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

// release carries a release out. The rules are asked again, as they are now; where they or the ledger refuse, nothing is
// kept, and the last approval can be given again.
func (s *Service) release(tx edge.Tx, r *releaseRow) error {
	set, err := s.inForce(tx)
	if err != nil {
		return err
	}
	f, err := s.facts(tx, r, tx.Now(), len(r.Given))
	if err != nil {
		return err
	}
	what := set.Decide(f)
	if no := refusal(&what); no != nil {
		return no
	}
	m := ledger.Move{ID: r.ID, Kind: ledger.Release, Purpose: f.Purpose.String(), Judged: true}
	if _, err := hex.Decode(m.Document[:], []byte(r.Document)); err != nil {
		return book.Invalid("a document is named by its SHA-256, 64 hexadecimal digits")
	}
	if m.Postings, err = s.path(tx, r); err != nil {
		return err
	}
	if r.Swap {
		m.Kind = ledger.Swap
	}
	if err := s.carry(tx, m); err != nil {
		return err
	}
	if f.Asnaf == shariah.AmilCategory {
		today, err := hijri.FromTime(tx.Now(), time.UTC)
		if err != nil {
			return err
		}
		if err := setJSON(tx, amilKey(r.Asset, r.FromFund, today.Year), f.AmilTaken); err != nil {
			return err
		}
	}
	r.State = walletv1.ReleaseState_RELEASE_DONE
	return nil
}

// carry has the ledger do something; of what it refuses nothing is kept.
func (s *Service) carry(tx edge.Tx, m ledger.Move) error {
	b, err := s.ledger.Begin(tx)
	if err != nil {
		return err
	}
	no, err := b.Do(m)
	if err != nil {
		return err
	}
	if no != nil {
		return no
	}
	return b.Finish()
}

// path is how the money goes. In the books of the fund that gives it is spent, in those of the one that gets it comes in;
// the cash follows at once, so that accounts of kind transit end where they began.
func (s *Service) path(tx edge.Tx, r *releaseRow) ([]ledger.Posting, error) {
	if r.Swap {
		return s.swapPath(tx, r)
	}
	var house [4]edge.ID
	for i, h := range [...]struct {
		kind walletv1.AccountKind
		fund string
	}{{walletv1.AccountKind_EXPENSE, r.FromFund}, {walletv1.AccountKind_TRANSIT, r.FromFund}, {walletv1.AccountKind_TRANSIT, r.ToFund}, {walletv1.AccountKind_INCOME, r.ToFund}} {
		if i == 3 && !r.Cash.IsZero() {
			house[i] = r.To // it is owed to the member, and comes into no fund
			continue
		}
		var err error
		if house[i], err = s.ledger.House(tx, h.kind, r.Asset, h.fund); err != nil {
			return nil, err
		}
	}
	desk := r.To
	if !r.Cash.IsZero() {
		desk = r.Cash
	}
	return []ledger.Posting{{Debit: house[0], Credit: house[1], Amount: r.Amount}, {Debit: desk, Credit: house[2], Amount: r.Amount},
		{Debit: house[2], Credit: house[3], Amount: r.Amount}, {Debit: house[1], Credit: r.From, Amount: r.Amount}}, nil
}

// swapPath takes one thing out of a waqf, and another in.
func (s *Service) swapPath(tx edge.Tx, r *releaseRow) ([]ledger.Posting, error) {
	out, err := s.ledger.House(tx, walletv1.AccountKind_TRANSIT, r.Asset, r.FromFund)
	if err != nil {
		return nil, err
	}
	in, err := s.ledger.House(tx, walletv1.AccountKind_TRANSIT, r.AssetIn, r.ToFund)
	return []ledger.Posting{{Debit: out, Credit: r.From, Amount: r.Amount}, {Debit: r.To, Credit: in, Amount: r.AmountIn}}, err
}

// requestIstibdal asks for a swap of what a waqf consists of.
func (s *Service) requestIstibdal(tx edge.Tx, in *walletv1.RequestIstibdalRequest) (*walletv1.Release, error) {
	r := releaseRow{Swap: true, Purpose: shariah.Istibdal.String(), Reason: in.GetReason(), Document: in.GetDocument()}
	return s.request(tx, "istibdal", in.GetId(), in, &r, func() error {
		for _, x := range []struct {
			to   *amount.Amount
			text string
		}{{&r.Amount, in.GetAmount()}, {&r.AmountIn, in.GetAmountIn()}, {&r.ValueOut, in.GetValueOut()}, {&r.ValueIn, in.GetValueIn()}} {
			var err error
			if *x.to, err = book.ParseAmount(x.text); err != nil {
				return err
			}
		}
		from, err := s.money().Find(tx, in.GetFromAccount())
		if err != nil {
			return err
		}
		to, err := s.money().Find(tx, in.GetToAccount())
		if err != nil {
			return err
		}
		r.From, r.To, r.FromFund, r.ToFund, r.Asset, r.AssetIn = from.ID, to.ID, from.Fund, to.Fund, from.Asset, to.Asset
		f, err := shariah.ParseFund(from.Fund)
		if err != nil {
			return err
		}
		if f.Kind != shariah.WaqfCorpus || from.Fund != to.Fund || from.Asset == to.Asset || !book.IsDesk(from) || !book.IsDesk(to) {
			return book.Invalid("a swap is of one thing a waqf consists of for another: two accounts of the same waqf, of different units")
		}
		return nil
	})
}

func (r *releaseRow) message(now time.Time) *walletv1.Release {
	m := &walletv1.Release{Id: r.ID.String(), State: r.State, FromAccount: r.From.String(), ToAccount: r.To.String(), FromFund: r.FromFund, ToFund: r.ToFund, Asset: r.Asset, Amount: r.Amount.String(),
		Purpose: r.Purpose, Reason: r.Reason, Document: r.Document, Category: r.Category.String(), Beneficiary: r.Whom, AskedBy: r.By, Asked: timestamppb.New(r.Asked),
		Expires: timestamppb.New(r.Expires), ApprovalsNeeded: uint32(r.Needs), RejectedBy: r.Rejected}
	if r.over(now) {
		m.State = walletv1.ReleaseState_RELEASE_EXPIRED
	}
	if r.Swap {
		m.AssetIn, m.AmountIn = r.AssetIn, r.AmountIn.String()
	}
	for _, y := range r.Given {
		m.Approvals = append(m.Approvals, &walletv1.Approval{By: y.By, Time: timestamppb.New(y.Time)})
	}
	return m
}

func (s *Service) getRelease(v edge.View, in *walletv1.GetReleaseRequest) (*walletv1.Release, error) {
	r, err := loadRelease(v, in.GetId())
	if err != nil {
		return nil, err
	}
	return r.message(time.Now()), nil
}

func (s *Service) listReleases(v edge.View, in *walletv1.ListReleasesRequest) (*walletv1.ListReleasesResponse, error) {
	p, err := newPage("wallet.releases", in.GetPageSize(), in.GetPageToken())
	if err != nil {
		return nil, err
	}
	out := &walletv1.ListReleasesResponse{}
	for row, err := range p.rows(v, rowReleased, &out.NextPageToken) {
		if err != nil {
			return nil, err
		}
		r, err := loadRelease(v, edge.ID(row).String())
		if err != nil {
			return nil, err
		}
		out.Releases = append(out.Releases, r.message(time.Now()))
	}
	return out, nil
}
