package ledger

import (
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// What came in and was spent is kept by the hour, whatever moves besides; what is moved back counts against it.
func TestFlows(t *testing.T) {
	w := newWorld(t)
	desk := w.open(1, cashKind, "general")
	in, out := w.open(2, walletv1.AccountKind_INCOME, "general"), w.open(3, walletv1.AccountKind_EXPENSE, "general")
	bank := w.open(4, walletv1.AccountKind_BANK, "general")
	must := func(_ *walletv1.Transfer, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	start := w.state.Time
	must(w.send(10, desk, in, "100"))
	must(w.send(11, desk, in, "20"))
	must(w.send(12, desk, bank, "50"))
	w.state.Time = start.Add(3 * time.Hour)
	must(w.send(13, out, desk, "30"))
	if err := do(w, "wallet.reverse_transfer", &walletv1.ReverseTransferRequest{Transfer: id(11), Id: id(14), Reason: "given back"}, &walletv1.Transfer{}); err != nil {
		t.Fatal(err)
	}
	flows := func(from, until time.Time) (list []Flow) {
		for f, err := range w.s.Flows(w.state, "IDR", "general", from, until) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, f)
		}
		return list
	}
	got := flows(start.Add(-time.Hour), start.Add(24*time.Hour))
	if len(got) != 2 || got[0].Income.String() != "120" || got[0].Spent.String() != "0" || got[1].Income.String() != "-20" || got[1].Spent.String() != "30" {
		t.Errorf("%+v", got)
	}
	if list := flows(start.Add(time.Hour), start.Add(2*time.Hour)); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	if list := flows(start, start.Add(time.Hour)); len(list) != 1 {
		t.Errorf("%+v", list)
	}
	w.check()
	for k := range w.state.Rows { // a row that says something else is found
		if k[:5] == "wl/y/" {
			w.state.Rows[k] = flow{}.append(nil)
		}
	}
	if rep, err := w.s.Check(t.Context(), w.state, nil); err != nil || len(rep.Problems) != 2 {
		t.Error(rep.Problems, err)
	}
}

// The house has one account of each kind in each currency of a fund, and opens it once.
func TestHouse(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		a, err := w.s.House(w.state, walletv1.AccountKind_TRANSIT, "IDR", "zakat")
		if err != nil || a != HouseID(walletv1.AccountKind_TRANSIT, "IDR", "zakat") {
			t.Fatal(a, err)
		}
	}
	if len(w.state.Events) != 1 {
		t.Errorf("%d events", len(w.state.Events))
	}
	_, err := w.s.House(w.state, walletv1.AccountKind_INCOME, "IDR", "sadaqah:none")
	w.refuses(err, edge.NotFound, CodeFund)
	w.open(2, memberKind, "")
	if list, err := w.s.Owned(w.state, "person-2"); err != nil || len(list) != 1 || list[0].Owner != "person-2" {
		t.Error(list, err)
	}
}
