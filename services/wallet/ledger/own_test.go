package ledger

import (
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// What another part of the wallet holds for another site, people neither end nor move back, and they do not freeze the
// accounts in between. A frozen payer does not stop what has happened elsewhere.
func TestOwnAccounts(t *testing.T) {
	w := newWorld(t)
	desk, a := w.open(1, cashKind, "amanah"), w.open(2, memberKind, "")
	if _, err := w.send(10, desk, a, "100"); err != nil {
		t.Fatal(err)
	}
	payer, _ := ParseID(a)
	between, hold := Named("clearing"), Named("hold")
	move := func(m Move) (refusal *edge.Error) {
		t.Helper()
		if err := w.state.Try(func(tx edge.Tx) error {
			if err := w.s.OpenOwn(tx, between, walletv1.AccountKind_CLEARING, "IDR", "amanah", "b"); err != nil {
				return err
			}
			b, err := w.s.Begin(tx)
			if err != nil {
				return err
			}
			if refusal, err = b.Do(m); err != nil {
				return err
			}
			return b.Finish()
		}); err != nil {
			t.Fatal(err)
		}
		return refusal
	}
	if r := move(Move{ID: hold, Kind: Hold, Postings: []Posting{{payer, between, amount.Of(60)}}}); r != nil {
		t.Fatal(r)
	}
	w.refuses(do(w, "wallet.void_hold", &walletv1.VoidHoldRequest{Transfer: hold.String()}, &walletv1.Transfer{}), edge.Refused, CodeRestricted)
	w.refuses(do(w, "wallet.post_hold", &walletv1.PostHoldRequest{Transfer: hold.String()}, &walletv1.Transfer{}), edge.Refused, CodeRestricted)
	w.refuses(do(w, "wallet.freeze_account", &walletv1.FreezeAccountRequest{Id: between.String(), Reason: "mistake"}, &walletv1.Account{}), edge.Refused, CodeRestricted)
	if err := do(w, "wallet.freeze_account", &walletv1.FreezeAccountRequest{Id: a, Reason: "a court order"}, &walletv1.Account{}); err != nil {
		t.Fatal(err)
	}
	if r := move(Move{ID: Named("early"), Kind: Post, About: hold}); r == nil || r.Code != CodeFrozen {
		t.Fatal("a frozen account is not frozen: ", r)
	}
	if r := move(Move{ID: Named("post"), Kind: Post, About: hold, Settled: true}); r != nil {
		t.Fatal(r)
	}
	w.refuses(do(w, "wallet.reverse_transfer", &walletv1.ReverseTransferRequest{Transfer: Named("post").String(), Reason: "mistake"}, &walletv1.Transfer{}), edge.Refused, CodeFrozen)
	if err := do(w, "wallet.unfreeze_account", &walletv1.UnfreezeAccountRequest{Id: a, Reason: "court order lifted"}, &walletv1.Account{}); err != nil {
		t.Fatal(err)
	}
	w.refuses(do(w, "wallet.reverse_transfer", &walletv1.ReverseTransferRequest{Transfer: Named("post").String(), Reason: "mistake"}, &walletv1.Transfer{}), edge.Refused, CodeRestricted)
	w.stands(a, "40", "40", "40")
	w.check()
}
