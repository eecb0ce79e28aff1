package compliance

import (
	"fmt"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

func (w *world) imports(list string, edition uint64, names ...string) {
	w.t.Helper()
	in := &walletv1.PutSanctionNamesRequest{List: list, Edition: edition}
	for i, n := range names {
		in.Entries = append(in.Entries, &walletv1.SanctionEntry{Id: fmt.Sprint("e", i+1), Name: n})
	}
	w.must("wallet.put_sanction_names", in, &walletv1.PutSanctionNamesResponse{})
}

func (w *world) uses(list string, edition, entries uint64) error {
	return w.do("wallet.use_sanction_list", &walletv1.UseSanctionListRequest{List: list, Edition: edition, Entries: entries}, &walletv1.SanctionList{})
}

func (w *world) openNamed(n int, name string) *walletv1.Account {
	w.t.Helper()
	a := &walletv1.Account{}
	w.must("wallet.open_account", &walletv1.OpenAccountRequest{Id: id(n), Kind: kindMember, Asset: "IDR", Owner: fmt.Sprint("person-", n), Name: name}, a)
	return a
}

func (w *world) standing(n int) walletv1.AccountState {
	w.t.Helper()
	a := &walletv1.Account{}
	if err := w.ask("wallet.get_account", &walletv1.GetAccountRequest{Id: id(n)}, a); err != nil {
		w.t.Fatal(err)
	}
	return a.State
}

func (w *world) tidies() {
	w.t.Helper()
	by := w.state.By
	w.state.By = edge.Actor{Kind: edge.Node, ID: "node"}
	for range 100 {
		due, err := w.s.Due(w.state, w.state.Time)
		if err != nil {
			w.t.Fatal(err)
		}
		if !due {
			w.state.By = by
			return
		}
		if _, err := w.s.tidy(w.state, struct{}{}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.t.Fatal("there is always more to tidy")
}

// A name that is like one on a list has the account frozen, when it is opened, when it is named and when the list
// changes, until a second person has looked; what was cleared stays so.
func TestNames(t *testing.T) {
	w := newWorld(t)
	if a := w.openNamed(1, "Alpha Bravo Charlie"); a.State != walletv1.AccountState_OPEN {
		t.Fatal(a)
	}
	for n := 2; n < 40; n++ { // more than one tidying looks at
		w.openNamed(n, "Quebec Romeo")
	}
	w.imports("un", 1, "Charly Bravo Alpha", "Xray Yankee Zulu")
	w.imports("un", 1, "Charly Bravo Alpha", "Xray Yankee Zulu") // once more: the answer was lost
	w.refuses(w.uses("un", 1, 3), edge.Conflict, ledger.CodeConflict)
	w.refuses(w.uses("un", 2, 2), edge.NotFound, CodeList)
	w.refuses(w.uses("eu", 1, 2), edge.NotFound, CodeList)
	for range 2 {
		if err := w.uses("un", 1, 2); err != nil {
			t.Fatal(err)
		}
	}
	hits := &walletv1.ScreenNameResponse{}
	if err := w.ask("wallet.screen_name", &walletv1.ScreenNameRequest{Name: "alpha bravo charlie"}, hits); err != nil || len(hits.Hits) != 1 || hits.Hits[0].Entry != "e1" {
		t.Fatal(hits, err)
	}
	w.tidies()
	if w.standing(1) != walletv1.AccountState_FROZEN || w.standing(2) != walletv1.AccountState_OPEN || w.waits() != 1 {
		t.Fatal(w.standing(1), w.standing(2), w.waits())
	}
	if a := w.openNamed(50, "Zulu, Xray Yankee"); a.State != walletv1.AccountState_FROZEN {
		t.Fatal(a)
	}
	out := &walletv1.ListReviewsResponse{}
	if err := w.ask("wallet.list_reviews", &walletv1.ListReviewsRequest{}, out); err != nil || len(out.Reviews) != 2 {
		t.Fatal(out, err)
	}
	for i, r := range out.Reviews {
		if r.Subject != walletv1.ReviewSubject_ACCOUNT_NAME || r.Decision.GetRule() != "AML-2" {
			t.Error(r)
		}
		if i == 1 { // who opened it does not decide
			_, err := w.as("desk").decide(r.Id, true)
			w.refuses(err, edge.Denied, CodeApproval)
		}
		if got, err := w.as("officer").decide(r.Id, i == 0); err != nil || got.Account == "" {
			t.Fatal(got, err)
		}
	}
	if w.standing(1) != walletv1.AccountState_OPEN || w.standing(50) != walletv1.AccountState_FROZEN || w.waits() != 0 {
		t.Error(w.standing(1), w.standing(50))
	}

	// The next edition: what was cleared stays so; the old names are dropped.
	w.imports("un", 2, "Charly Bravo Alpha", "Xray Yankee Zulu", "Quebec Romeo")
	if err := w.uses("un", 2, 3); err != nil {
		t.Fatal(err)
	}
	w.tidies()
	if w.standing(1) != walletv1.AccountState_OPEN || w.standing(39) != walletv1.AccountState_FROZEN || w.waits() != 38 {
		t.Error(w.standing(1), w.standing(39), w.waits())
	}
	rows := 0
	for range w.state.Scan(key(rowNames)) {
		rows++
	}
	if rows != 3 {
		t.Errorf("%d names are kept", rows)
	}
	w.must("wallet.change_account", &walletv1.ChangeAccountRequest{Id: id(1), Name: new("Quebec Romeo")}, &walletv1.Account{})
	if w.standing(1) != walletv1.AccountState_FROZEN {
		t.Error("a new name is not looked at")
	}
}
