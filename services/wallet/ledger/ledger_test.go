package ledger

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Money comes in at a desk, is sent, held, posted in part, and moved back; no retry changes anything.
func TestLifeOfMoney(t *testing.T) {
	w := newWorld(t)
	desk, a, b := w.open(1, cashKind, "amanah"), w.open(2, memberKind, ""), w.open(3, memberKind, "")
	for try := range 2 {
		if got, err := w.send(10, desk, a, "1000"); err != nil || got.Status != walletv1.TransferStatus_POSTED || got.Number != 1 {
			t.Fatal(try, got, err)
		}
	}
	w.stands(a, "1000", "1000", "1000")
	w.stands(desk, "-1000", "-1000", "-1000")
	_, err := w.send(11, a, b, "1001")
	w.refuses(err, edge.Refused, CodeFunds)
	_, err = w.send(11, a, b, "1")
	w.refuses(err, edge.Conflict, CodeFailed)
	_, err = w.send(10, desk, a, "999")
	w.refuses(err, edge.Conflict, CodeConflict)

	h, err := w.transfer(&walletv1.NewTransfer{Id: id(12), Debit: a, Credit: b, Amount: "600", Hold: true, TimeoutSeconds: 3600})
	if err != nil || h.Status != walletv1.TransferStatus_HELD || h.Expires == nil {
		t.Fatal(h, err)
	}
	w.stands(a, "1000", "400", "400")
	w.stands(b, "0", "600", "0")
	_, err = w.send(13, a, b, "401")
	w.refuses(err, edge.Refused, CodeFunds)
	w.check()
	for range 2 {
		p := &walletv1.Transfer{}
		if err := do(w, "wallet.post_hold", &walletv1.PostHoldRequest{Transfer: h.Id, Id: id(14), Amount: "250"}, p); err != nil || p.Legs[0].Amount != "250" || p.Hold != h.Id {
			t.Fatal(p, err)
		}
	}
	w.stands(a, "750", "750", "750")
	w.stands(b, "250", "250", "250")
	w.refuses(do(w, "wallet.void_hold", &walletv1.VoidHoldRequest{Transfer: h.Id, Id: id(15)}, &walletv1.Transfer{}), edge.Conflict, CodeHoldPosted)

	r := &walletv1.Transfer{}
	back := func(n, of int) error {
		return do(w, "wallet.reverse_transfer", &walletv1.ReverseTransferRequest{Transfer: id(of), Id: id(n), Reason: "wrong goods"}, r)
	}
	if err := back(16, 14); err != nil || r.Reverses != id(14) {
		t.Fatal(r, err)
	}
	w.stands(a, "1000", "1000", "1000")
	w.refuses(back(17, 14), edge.Conflict, CodeReversed)
	w.refuses(back(18, 12), edge.Conflict, CodeNotReversible)
	w.refuses(back(19, 77), edge.NotFound, CodeTransfer)
	if rep := w.check(); rep.Entries != 4 || rep.Holds != 0 {
		t.Errorf("%+v", rep)
	}
}

// A hold whose time is over moves nothing any more, and ends once.
func TestHoldExpires(t *testing.T) {
	w := newWorld(t)
	desk, a := w.open(1, cashKind, "amanah"), w.open(2, memberKind, "")
	if _, err := w.transfer(&walletv1.NewTransfer{Id: id(10), Debit: desk, Credit: a, Amount: "5", Hold: true, TimeoutSeconds: 60}); err != nil {
		t.Fatal(err)
	}
	w.state.Time = w.state.Time.Add(time.Minute)
	w.refuses(do(w, "wallet.post_hold", &walletv1.PostHoldRequest{Transfer: id(10), Id: id(11)}, &walletv1.Transfer{}), edge.Conflict, CodeHoldExpired)
	w.state.By = edge.Actor{Kind: edge.Node, ID: "n"}
	for want := 1; want >= 0; want-- {
		due, err := w.s.Due(w.state, w.state.Time, 10)
		if err != nil || len(due) != want {
			t.Fatalf("%d due, %v; want %d", len(due), err, want)
		}
		if out, err := w.s.tick(w.state, struct{}{}); err != nil || out.Expired != want {
			t.Fatal(out, err)
		}
	}
	got := &walletv1.Transfer{}
	if err := ask(w, "wallet.get_transfer", &walletv1.GetTransferRequest{Id: id(10)}, got); err != nil || got.Status != walletv1.TransferStatus_EXPIRED {
		t.Error(got, err)
	}
	w.stands(a, "0", "0", "0")
	w.check()
}

// All legs count or none, and each sees what those before it did.
func TestLegs(t *testing.T) {
	w := newWorld(t)
	desk, a, b := w.open(1, cashKind, "amanah"), w.open(2, memberKind, ""), w.open(3, memberKind, "")
	legs := func(sum string) []*walletv1.Leg {
		return []*walletv1.Leg{{Debit: desk, Credit: a, Amount: "10"}, {Debit: a, Credit: b, Amount: sum}}
	}
	_, err := w.transfer(&walletv1.NewTransfer{Id: id(10), Legs: legs("11")})
	w.refuses(err, edge.Refused, CodeFunds)
	w.stands(desk, "0", "0", "0")
	if _, err := w.transfer(&walletv1.NewTransfer{Id: id(11), Legs: legs("4")}); err != nil {
		t.Fatal(err)
	}
	w.stands(a, "6", "6", "6")
	w.stands(b, "4", "4", "4")
	w.check()
}

// Items of a batch succeed or fail each by itself; what is linked happens together.
func TestBatch(t *testing.T) {
	w := newWorld(t)
	desk, a, b := w.open(1, cashKind, "amanah"), w.open(2, memberKind, ""), w.open(3, memberKind, "")
	move := func(n int, from, to, sum string) *walletv1.NewTransfer {
		return &walletv1.NewTransfer{Id: id(n), Debit: from, Credit: to, Amount: sum}
	}
	item := func(tr *walletv1.NewTransfer, linked ...*walletv1.NewTransfer) *walletv1.Item {
		i := &walletv1.Item{Action: &walletv1.Item_Transfer{Transfer: tr}}
		for _, l := range linked {
			i.Linked = append(i.Linked, &walletv1.Step{Action: &walletv1.Step_Transfer{Transfer: l}})
		}
		return i
	}
	in := &walletv1.CreateTransfersRequest{Items: []*walletv1.Item{
		item(move(10, desk, a, "100")),
		item(move(11, a, b, "1.5")),
		item(move(12, a, b, "60"), move(13, a, b, "41")),
		item(move(14, a, b, "60"), move(15, b, a, "10")),
		item(move(10, desk, a, "100")),
		{},
		{Action: &walletv1.Item_Post{Post: &walletv1.NewPost{Id: id(16), Hold: id(99)}}},
	}}
	out := &walletv1.CreateTransfersResponse{}
	if err := do(w, "wallet.create_transfers", in, out); err != nil {
		t.Fatal(err)
	}
	for i, code := range []string{"", "scale_mismatch", CodeLinked, "", "", CodeInvalid, CodeHold} {
		if got := out.Items[i].Result; got.Code != code || (got.Status == walletv1.TransferStatus_REFUSED) != (code != "") {
			t.Errorf("item %d: %v", i, got)
		}
	}
	if got := out.Items[2].Linked[0]; got.Code != CodeFunds {
		t.Errorf("what failed in the chain: %v", got)
	}
	if !out.Items[4].Result.Replayed {
		t.Error("the second of the same is not said to be that")
	}
	w.stands(a, "50", "50", "50")
	w.stands(b, "50", "50", "50")
	_, err := w.transfer(move(12, a, b, "1"))
	w.refuses(err, edge.Conflict, CodeFailed)
	if _, err := w.transfer(move(11, a, b, "1")); err != nil { // what could not be read spent nothing
		t.Error(err)
	}
	w.check()
}

// An item that is taken back leaves nothing behind, also where its entry would have been one that history has a row of.
func TestTakenBackWithoutTrace(t *testing.T) {
	w := newWorld(t)
	desk, a, b := w.open(1, cashKind, "amanah"), w.open(2, memberKind, ""), w.open(3, memberKind, "")
	for n := range historyStep - 1 {
		if _, err := w.send(100+n, desk, a, "3"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.transfer(&walletv1.NewTransfer{Id: id(10), Legs: []*walletv1.Leg{{Debit: desk, Credit: a, Amount: "1"}, {Debit: b, Credit: a, Amount: "1"}}})
	w.refuses(err, edge.Refused, CodeFunds)
	if rep := w.check(); rep.Entries != historyStep-1 {
		t.Errorf("%+v", rep)
	}
}

// Every entry of an account is found again, from any point, and its balance at any time.
func TestHistory(t *testing.T) {
	w := newWorld(t)
	desk, a := w.open(1, cashKind, "amanah"), w.open(2, memberKind, "")
	var times []time.Time
	for n := range 100 {
		if _, err := w.send(100+n, desk, a, "3"); err != nil {
			t.Fatal(err)
		}
		times = append(times, w.state.Time)
	}
	at := func(m time.Time) string {
		b := &walletv1.Balance{}
		if err := ask(w, "wallet.get_balance", &walletv1.GetBalanceRequest{Account: a, At: timestamppb.New(m)}, b); err != nil {
			t.Fatal(err)
		}
		return b.Posted
	}
	for n := range 100 {
		if got := at(times[n]); got != formatUint(uint64(3*n+3)) {
			t.Fatalf("at %d: %s", n, got)
		}
	}
	if got := at(times[0].Add(-1)); got != "0" {
		t.Errorf("before the first: %s", got)
	}
	in := &walletv1.ListEntriesRequest{Account: a, PageSize: 7, From: timestamppb.New(times[3]), Until: timestamppb.New(times[90])}
	next := uint64(91)
	for {
		out := &walletv1.ListEntriesResponse{}
		if err := ask(w, "wallet.list_entries", in, out); err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Entries {
			if e.Number != next || e.Balance.Posted != formatUint(3*next) || e.Amount != "3" || e.Other != desk {
				t.Fatalf("entry %d: %v", next, e)
			}
			next--
		}
		if in.PageToken = out.NextPageToken; in.PageToken == "" {
			break
		}
	}
	if next != 3 {
		t.Errorf("the list ended before %d", next)
	}
	w.check()
}
