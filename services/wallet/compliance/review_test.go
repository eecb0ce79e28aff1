package compliance

import (
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

func (w *world) decide(id string, approve bool) (*walletv1.Review, error) {
	out := &walletv1.Review{}
	err := w.do("wallet.decide_review", &walletv1.DecideReviewRequest{Id: id, Approve: approve, Reason: "looked at"}, out)
	return out, err
}

func (w *world) waits() int {
	w.t.Helper()
	out := &walletv1.ListReviewsResponse{}
	if err := w.ask("wallet.list_reviews", &walletv1.ListReviewsRequest{}, out); err != nil {
		w.t.Fatal(err)
	}
	if n, err := waiting(w.state); err != nil || int(n) != len(out.Reviews) {
		w.t.Errorf("%d counted, %d listed, %v", n, len(out.Reviews), err)
	}
	return len(out.Reviews)
}

// What is held is posted or voided by a second person, once.
func TestReviews(t *testing.T) {
	for approve, tc := range map[bool]struct {
		state     walletv1.ReviewState
		status    walletv1.TransferStatus
		from, to  string
		available string
	}{
		true:  {walletv1.ReviewState_REVIEW_APPROVED, walletv1.TransferStatus_POSTED, "999990", "10", "999990"},
		false: {walletv1.ReviewState_REVIEW_DECLINED, walletv1.TransferStatus_VOIDED, "1000000", "0", "1000000"},
	} {
		w := newTown(t)
		got, err := w.transfer(&walletv1.NewTransfer{Id: id(500), Debit: w.a, Credit: w.b, Amount: "10", Mcc: "5933"})
		if err != nil || got.Status != walletv1.TransferStatus_UNDER_REVIEW || w.waits() != 1 {
			t.Fatal(got, err)
		}
		w.stands(w.a, "1000000", "999990")
		w.refuses(w.do("wallet.post_hold", &walletv1.PostHoldRequest{Transfer: got.Id}, &walletv1.Transfer{}), edge.Denied, ledger.CodeApproval)
		for _, who := range []string{"desk", "person-2"} { // who asked, and whose money it is
			_, err = w.as(who).decide(got.Id, approve)
			w.refuses(err, edge.Denied, CodeApproval)
		}
		for range 2 { // and again, where the answer was lost
			r, err := w.as("officer").decide(got.Id, approve)
			if err != nil || r.State != tc.state || r.DecidedBy != "officer" || r.AskedBy != "desk" || r.Decision.GetRule() != "MCC-R" || r.Transfer == "" {
				t.Fatal(r, err)
			}
		}
		_, err = w.decide(got.Id, !approve)
		w.refuses(err, edge.Conflict, CodeDecided)
		_, err = w.as("second").decide(got.Id, approve)
		w.refuses(err, edge.Conflict, CodeDecided)
		w.stands(w.a, tc.from, tc.available)
		w.stands(w.b, tc.to, tc.to)
		if got, err := w.l.ShowTransfer(w.state, edge.ID([]byte("test-id-00000500"))); err != nil || got.Status != tc.status {
			t.Error(got, err)
		}
		if w.waits() != 0 {
			t.Error("it still waits")
		}
		all := &walletv1.ListReviewsResponse{}
		if err := w.ask("wallet.list_reviews", &walletv1.ListReviewsRequest{All: true}, all); err != nil || len(all.Reviews) != 1 {
			t.Error(all, err)
		}
		w.check()
	}
}

// A hold that ended without a decision cannot be decided any more; nor can what is not there.
func TestReviewLapses(t *testing.T) {
	w := newTown(t)
	w.must("wallet.configure_reviews", &walletv1.ConfigureReviewsRequest{ExpireAfterDays: 3}, &walletv1.ReviewSettings{})
	for n := range 2 {
		got, err := w.transfer(&walletv1.NewTransfer{Id: id(500 + n), Debit: w.a, Credit: w.b, Amount: "10", Mcc: "5933"})
		if err != nil || got.Expires.AsTime() != w.state.Time.AddDate(0, 0, 3) {
			t.Fatal(got, err)
		}
	}
	w.must("wallet.void_hold", &walletv1.VoidHoldRequest{Transfer: id(500)}, &walletv1.Transfer{})
	_, err := w.as("officer").decide(id(500), true)
	w.refuses(err, edge.Conflict, CodeDecided)
	if w.waits() != 1 {
		t.Error("what ended is still listed")
	}
	w.state.Time = w.state.Time.AddDate(0, 0, 4)
	_, err = w.decide(id(501), true)
	w.refuses(err, edge.Conflict, ledger.CodeHoldExpired)
	_, err = w.decide(id(777), true)
	w.refuses(err, edge.NotFound, CodeReview)
	w.stands(w.b, "0", "0")
}

// What is refused for another reason after it was found to need a review is no review.
func TestReviewTakenBack(t *testing.T) {
	w := newTown(t)
	_, err := w.transfer(&walletv1.NewTransfer{Id: id(500), Debit: w.a, Credit: w.b, Amount: "1000001", Mcc: "5933"})
	w.refuses(err, edge.Refused, ledger.CodeFunds)
	w.refuses(w.ask("wallet.get_decision", &walletv1.GetDecisionRequest{Id: id(500)}, &walletv1.RuleDecision{}), edge.NotFound, CodeDecision)
	if w.waits() != 0 {
		t.Error("a review of nothing")
	}
	if err := w.ask("wallet.try_transfer", &walletv1.TryTransferRequest{Transfer: &walletv1.NewTransfer{Debit: w.a, Credit: w.b, Amount: "1", Mcc: "5933"}}, &walletv1.Transfer{}); err != nil || w.waits() != 0 {
		t.Error("trying opens a review", err)
	}
}

// A tier changes the limits; nobody sets their own, and none without proof.
func TestTiers(t *testing.T) {
	w := newTown(t)
	w.fund(w.a, "500000000")
	_, err := w.send(500, w.a, w.b, "300000000")
	w.refuses(err, edge.Refused, "aml_limit")
	set := func(tier uint32, doc string) error {
		return w.do("wallet.set_tier", &walletv1.SetTierRequest{Account: w.a, Tier: tier, Document: doc}, &walletv1.AccountTier{})
	}
	w.refuses(set(1, ""), edge.Invalid, ledger.CodeInvalid)
	doc := strings.Repeat("0a", 32)
	w.as("person-2")
	w.refuses(set(1, doc), edge.Denied, CodeApproval)
	w.as("desk")
	for range 2 {
		if err := set(1, doc); err != nil {
			t.Fatal(err)
		}
	}
	if _, err = w.send(501, w.a, w.b, "300000000"); err != nil {
		t.Error(err)
	}
	w.check()
}

// Reviews that are approved count among what moved from then on.
func TestReviewedMoneyIsCounted(t *testing.T) {
	w := newTown(t)
	w.fund(w.a, "500000000")
	send := func(n int, mcc string) error {
		_, err := w.transfer(&walletv1.NewTransfer{Id: id(n), Debit: w.a, Credit: w.b, Amount: "150000000", Mcc: mcc})
		return err
	}
	if err := send(500, "5933"); err != nil {
		t.Fatal(err)
	}
	if err := send(501, ""); err != nil { // what waits does not count
		t.Fatal(err)
	}
	w.state.Time = w.state.Time.Add(26 * time.Hour)
	if _, err := w.as("officer").decide(id(500), true); err != nil {
		t.Fatal(err)
	}
	w.as("desk").refuses(send(502, ""), edge.Refused, "aml_limit")
}
