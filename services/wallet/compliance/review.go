package compliance

import (
	"encoding/binary"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// EventReviewed tells that a review was opened or decided: {"review":...,"state":"REVIEW_APPROVED"}.
const EventReviewed = "wallet.reviewed"

// maxWaiting bounds what waits for people to decide.
const maxWaiting = 5000

// reviews is how many are kept, decided ones included.
var reviews = series{rowReviewed, 50_000}

// A reviewRow is a review as it is kept.
type reviewRow struct {
	edge.Redacted `json:"-"`

	ID      edge.ID                `json:"id"`
	N       uint64                 `json:"n"`
	Subject walletv1.ReviewSubject `json:"subject"`
	Account edge.ID                `json:"account,omitzero"`
	State   walletv1.ReviewState   `json:"state"`
	By      string                 `json:"by"`
	Asked   time.Time              `json:"asked"`
	Judge   string                 `json:"judge,omitempty"` // who decided
	Decided time.Time              `json:"decided,omitzero"`
	Reason  string                 `json:"reason,omitempty"`
	Ended   edge.ID                `json:"ended,omitzero"` // the transfer that ended the hold
}

func waitingKey(n uint64, id edge.ID) []byte {
	return append(binary.BigEndian.AppendUint64(key(rowWaiting), n), id[:]...)
}

// openReview writes a new review.
func openReview(tx edge.Tx, r reviewRow) error {
	n, old, gone, err := reviews.add(tx, r.ID)
	if err != nil {
		return err
	}
	r.N, r.State, r.By, r.Asked = n, walletv1.ReviewState_REVIEW_WAITING, tx.Actor().ID, tx.Now()
	if gone > 0 {
		was, found, err := getJSON[reviewRow](tx, idKey(rowReview, old))
		if err != nil {
			return err
		}
		if found && was.N == gone && was.State != walletv1.ReviewState_REVIEW_WAITING {
			tx.Delete(idKey(rowReview, old))
		}
	}
	tx.Set(waitingKey(n, r.ID), r.ID[:])
	if err := countWaiting(tx, 1); err != nil {
		return err
	}
	return r.write(tx)
}

// waiting is how many reviews wait.
func waiting(v edge.View) (uint64, error) { return series{kind: rowWaiting}.count(v) }

func countWaiting(tx edge.Tx, by int) error {
	n, err := waiting(tx)
	if err == nil {
		tx.Set(key(rowCount, []byte{rowWaiting}), binary.AppendUvarint(nil, uint64(max(int(n)+by, 0))))
	}
	return err
}

func (r *reviewRow) write(tx edge.Tx) error {
	emit(tx, EventReviewed, "review:"+r.ID.String(), edge.Personal, map[string]string{"review": r.ID.String(), "state": r.State.String()})
	return setJSON(tx, idKey(rowReview, r.ID), r)
}

// end writes what became of a review.
func (r *reviewRow) end(tx edge.Tx, state walletv1.ReviewState) error {
	r.State, r.Decided = state, tx.Now()
	tx.Delete(waitingKey(r.N, r.ID))
	if err := countWaiting(tx, -1); err != nil {
		return err
	}
	return r.write(tx)
}

func loadReview(v edge.View, text string) (r reviewRow, err error) {
	id, err := ledger.ParseID(text)
	if err != nil {
		return r, err
	}
	r, found, err := getJSON[reviewRow](v, idKey(rowReview, id))
	if err == nil && !found {
		err = edge.E(edge.NotFound, "there is no such review").WithHint("check its identifier").WithCode(CodeReview, fact("review", id.String()))
	}
	return r, err
}

// ReviewOwner is who asked for what is reviewed; empty where there is no such review.
func (s *Service) ReviewOwner(v edge.View, id string) (string, error) {
	r, err := loadReview(v, id)
	if edge.IsKind(err, edge.NotFound) || edge.IsKind(err, edge.Invalid) {
		return "", nil
	}
	return r.By, err
}

// stands is how a review stands now: its hold may have ended without it.
func (s *Service) stands(v edge.View, r *reviewRow) (walletv1.ReviewState, error) {
	if r.State != walletv1.ReviewState_REVIEW_WAITING || r.Subject != walletv1.ReviewSubject_HELD_TRANSFER {
		return r.State, nil
	}
	t, err := s.ledger.ShowTransfer(v, r.ID)
	if err != nil {
		return r.State, err
	}
	if t.GetStatus() != walletv1.TransferStatus_UNDER_REVIEW {
		return walletv1.ReviewState_REVIEW_LAPSED, nil
	}
	return r.State, nil
}

func (s *Service) showReview(v edge.View, r reviewRow, lang string) (*walletv1.Review, error) {
	state, err := s.stands(v, &r)
	if err != nil {
		return nil, err
	}
	m := &walletv1.Review{Id: r.ID.String(), Subject: r.Subject, State: state, AskedBy: r.By, Asked: timestamppb.New(r.Asked), DecidedBy: r.Judge, Reason: r.Reason}
	if !r.Decided.IsZero() {
		m.Decided = timestamppb.New(r.Decided)
	}
	if !r.Ended.IsZero() {
		m.Transfer = r.Ended.String()
	}
	if !r.Account.IsZero() {
		m.Account = r.Account.String()
	}
	d, err := loadDecision(v, r.ID)
	if edge.IsKind(err, edge.NotFound) {
		return m, nil
	} else if err != nil {
		return nil, err
	}
	m.Decision, err = s.message(v, r.ID, d, lang)
	return m, err
}

func (s *Service) getReview(v edge.View, in *walletv1.GetReviewRequest) (*walletv1.Review, error) {
	r, err := loadReview(v, in.GetId())
	if err != nil {
		return nil, err
	}
	return s.showReview(v, r, in.GetLanguage())
}

func (s *Service) listReviews(v edge.View, in *walletv1.ListReviewsRequest) (*walletv1.ListReviewsResponse, error) {
	kind, of := byte(rowWaiting), "wallet.reviews/waiting"
	if in.GetAll() {
		kind, of = rowReviewed, "wallet.reviews/all"
	}
	p, err := newPage(of, in.GetPageSize(), in.GetPageToken())
	if err != nil {
		return nil, err
	}
	out := &walletv1.ListReviewsResponse{}
	for row, err := range p.rows(v, kind, &out.NextPageToken) {
		if err != nil {
			return nil, err
		}
		r, err := loadReview(v, edge.ID(row).String())
		if err != nil {
			return nil, err
		}
		m, err := s.showReview(v, r, in.GetLanguage())
		if err != nil {
			return nil, err
		}
		out.Reviews = append(out.Reviews, m)
	}
	return out, nil
}

// decideReview posts or voids what is held. The same decision again, by the same person, is answered alike.
func (s *Service) decideReview(tx edge.Tx, in *walletv1.DecideReviewRequest) (*walletv1.Review, error) {
	r, err := loadReview(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	state := walletv1.ReviewState_REVIEW_DECLINED
	if in.GetApprove() {
		state = walletv1.ReviewState_REVIEW_APPROVED
	}
	if r.State == state && r.Judge == tx.Actor().ID {
		return s.showReview(tx, r, "en")
	}
	if err := s.mayDecide(tx, &r); err != nil {
		return nil, err
	}
	now, err := s.stands(tx, &r)
	if err != nil {
		return nil, err
	}
	if now != walletv1.ReviewState_REVIEW_WAITING {
		return nil, lapsed(tx, &r, now)
	}
	r.Judge, r.Reason = tx.Actor().ID, in.GetReason()
	if err := s.carryOut(tx, &r, in.GetApprove()); err != nil {
		return nil, err
	}
	if err := r.end(tx, state); err != nil {
		return nil, err
	}
	return s.showReview(tx, r, "en")
}

// lapsed refuses a decision that comes too late. What had ended without one is noted as that.
func lapsed(tx edge.Tx, r *reviewRow, now walletv1.ReviewState) error {
	refused := clash(CodeDecided, "this was decided already, or ended before", "look at the review", fact("state", now.String()))
	if r.State == now {
		return refused
	}
	if err := r.end(tx, now); err != nil {
		return err
	}
	return &edge.Kept{Err: refused}
}

// mayDecide refuses whoever asked, whoever's accounts it is about, and what is no person.
func (s *Service) mayDecide(tx edge.Tx, r *reviewRow) error {
	who := tx.Actor()
	if err := another(who, r.By); err != nil {
		return err
	}
	t, err := s.about(tx, r)
	if err != nil {
		return err
	}
	for _, account := range t {
		a, err := s.ledger.Find(tx, account)
		if err != nil {
			return err
		}
		if a.Owner != "" && a.Owner == who.ID {
			return foureyes()
		}
	}
	return nil
}

// another refuses what needs a second person.
func another(who edge.Actor, first string) error {
	if who.Kind != edge.Person || who.ID == first {
		return foureyes()
	}
	return nil
}

func foureyes() error {
	return edge.E(edge.Denied, "somebody else has to decide this").WithHint("ask a second person who may").WithCode(CodeApproval)
}

// about lists the accounts a review is about.
func (s *Service) about(v edge.View, r *reviewRow) (ids []edge.ID, err error) {
	if r.Subject == walletv1.ReviewSubject_ACCOUNT_NAME {
		return []edge.ID{r.Account}, nil
	}
	t, err := s.ledger.ShowTransfer(v, r.ID)
	if err != nil {
		return nil, err
	}
	for _, l := range t.GetLegs() {
		for _, text := range []string{l.GetDebit(), l.GetCredit()} {
			id, err := ledger.ParseID(text)
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// carryOut ends the hold of a transfer as it was decided, or unfreezes an account.
func (s *Service) carryOut(tx edge.Tx, r *reviewRow, approve bool) error {
	if r.Subject == walletv1.ReviewSubject_ACCOUNT_NAME {
		if !approve {
			return nil
		}
		return s.unname(tx, r)
	}
	m := ledger.Move{ID: ledger.Named("review", r.ID.String()), Kind: ledger.Void, About: r.ID}
	if approve {
		m.Kind = ledger.Post
	}
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
	r.Ended = m.ID
	if approve {
		if err := s.countHeld(tx, r.ID); err != nil {
			return err
		}
	}
	return b.Finish()
}

// countHeld counts what was held for a review among what moved, now that it did.
func (s *Service) countHeld(tx edge.Tx, id edge.ID) error {
	t, err := s.ledger.ShowTransfer(tx, id)
	if err != nil {
		return err
	}
	j, err := s.begin(tx)
	if err != nil {
		return err
	}
	if err := j.add(t); err != nil {
		return err
	}
	return j.Finish()
}

type settings struct {
	Days int `json:"days"` // until what waits for a review counts as refused; 0: never
}

func reviewDays(v edge.View) (int, error) {
	row, _, err := getJSON[settings](v, key(rowSettings))
	return row.Days, err
}

func configureReviews(tx edge.Tx, in *walletv1.ConfigureReviewsRequest) (*walletv1.ReviewSettings, error) {
	err := setJSON(tx, key(rowSettings), settings{int(in.GetExpireAfterDays())})
	return &walletv1.ReviewSettings{ExpireAfterDays: in.GetExpireAfterDays()}, err
}
