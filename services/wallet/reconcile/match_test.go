package reconcile

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

func (w *world) match(in *walletv1.MatchEntryRequest) (*walletv1.BankEntry, error) {
	w.t.Helper()
	out := &walletv1.BankEntry{}
	err := w.do("wallet.match_entry", in, out)
	return out, err
}

// What may belong together is proposed and never guessed; a person says, once.
func TestProposals(t *testing.T) {
	w := newWorld(t)
	p := w.pay(w.a, 1250)
	twin1, twin2 := w.transfer(w.bank, w.income, 777), w.transfer(w.bank, w.income, 777)
	fee := w.transfer(w.income, w.bank, 300) // money that left the bank
	named := w.transfer(w.bank, w.income, 55)
	w.taken(camt(iban, 1, 3, 0, row{2, 1250, "B-1", "", "no reference"}, row{2, -300, "B-2", "", ""}, row{3, 777, "B-3", "", ""}, row{3, 4, "B-4", "", ""}, row{3, 55, "B-5", named, ""}))
	list := w.entries(0)
	want := []struct {
		state  walletv1.EntryState
		reason string
		n      int
	}{{walletv1.EntryState_ENTRY_PROPOSED, "amount", 1}, {walletv1.EntryState_ENTRY_PROPOSED, "amount", 1}, {walletv1.EntryState_ENTRY_PROPOSED, "several", 2}, {walletv1.EntryState_ENTRY_OPEN, "", 0}, {walletv1.EntryState_ENTRY_MATCHED, "", 0}}
	by := map[string]*walletv1.BankEntry{}
	for _, e := range list {
		by[e.Reference] = e
	}
	for i, x := range want {
		e := by["B-"+string(rune('1'+i))]
		if e.State != x.state || len(e.Proposals) != x.n || x.n > 0 && e.Proposals[0].Reason != x.reason {
			t.Errorf("%d: %v", i+1, e)
		}
	}
	if by["B-1"].Proposals[0].Payment != p.Id || by["B-2"].Proposals[0].Transfer != fee || by["B-5"].Transfers[0] != named {
		t.Error("something else is proposed", list)
	}
	if len(w.entries(walletv1.EntryState_ENTRY_PROPOSED)) != 3 || len(w.entries(walletv1.EntryState_ENTRY_OPEN)) != 1 || len(w.entries(walletv1.EntryState_ENTRY_MATCHED)) != 1 {
		t.Error("lists of one state")
	}
	e, err := w.match(&walletv1.MatchEntryRequest{Entry: by["B-1"].Id, Payment: p.Id})
	if err != nil || e.State != walletv1.EntryState_ENTRY_MATCHED || e.Actor != "officer" || w.posted(w.a) != "1250" {
		t.Fatal(e, err)
	}
	if again, err := w.match(&walletv1.MatchEntryRequest{Entry: e.Id, Payment: p.Id}); err != nil || !proto.Equal(again, e) || w.posted(w.a) != "1250" {
		t.Fatal(again, err)
	}
	if err := w.do("wallet.unmatch_entry", &walletv1.UnmatchEntryRequest{Entry: e.Id}, e); edge.CodeOf(err) != CodeFinal {
		t.Error("what a payment was told is taken back", err)
	}
	if e, err = w.match(&walletv1.MatchEntryRequest{Entry: by["B-3"].Id, Transfers: []string{twin2}}); err != nil {
		t.Fatal(err)
	}
	if left := w.unmatched(""); len(left) != 2 || left[0].Transfer != twin1 || left[1].Transfer != fee || left[1].Amount != "-300" {
		t.Error(left)
	}
	w.must("wallet.unmatch_entry", &walletv1.UnmatchEntryRequest{Entry: e.Id}, e)
	if e.State != walletv1.EntryState_ENTRY_OPEN || len(e.Transfers) != 0 || len(w.unmatched("")) != 3 {
		t.Error(e)
	}
}

// What does not fit is refused with its code, and changes nothing.
func TestMatchRefused(t *testing.T) {
	w := newWorld(t)
	p := w.pay(w.a, 500)
	one, two, elsewhere := w.transfer(w.bank, w.income, 60), w.transfer(w.bank, w.income, 40), w.transfer(w.other, w.income, 100)
	w.taken(camt(iban, 1, 1, 0, row{1, 100, "B-1", "", ""}, row{1, -100, "B-2", "", ""}, row{1, 60, "B-3", "", ""}))
	list := w.entries(0)
	by := map[string]string{}
	for _, e := range list {
		by[e.Reference] = e.Id
	}
	mine := w.open(walletv1.AccountKind_MEMBER, officer.ID)
	for name, c := range map[string]struct {
		in   *walletv1.MatchEntryRequest
		kind edge.Kind
		code string
	}{
		"nothing":         {&walletv1.MatchEntryRequest{}, edge.Invalid, "invalid_request"},
		"two things":      {&walletv1.MatchEntryRequest{Payment: p.Id, Book: w.income}, edge.Invalid, "invalid_request"},
		"no payment":      {&walletv1.MatchEntryRequest{Payment: w.id()}, edge.NotFound, "payment_not_found"},
		"no transfer":     {&walletv1.MatchEntryRequest{Transfers: []string{w.id()}}, edge.NotFound, "transfer_not_found"},
		"another amount":  {&walletv1.MatchEntryRequest{Transfers: []string{one}}, edge.Refused, CodeAmount},
		"twice":           {&walletv1.MatchEntryRequest{Transfers: []string{one, one}}, edge.Invalid, "invalid_request"},
		"another account": {&walletv1.MatchEntryRequest{Transfers: []string{elsewhere}}, edge.Refused, CodeTransfer},
		"book to itself":  {&walletv1.MatchEntryRequest{Book: w.bank}, edge.Refused, CodeKind},
		"book to nobody":  {&walletv1.MatchEntryRequest{Book: w.id()}, edge.NotFound, "account_not_found"},
		"to oneself":      {&walletv1.MatchEntryRequest{Book: mine}, edge.Denied, CodeOwn},
		"from a member":   {&walletv1.MatchEntryRequest{Entry: by["B-2"], Book: w.a}, edge.Refused, CodeKind},
		"no entry":        {&walletv1.MatchEntryRequest{Entry: w.id(), Book: w.income}, edge.NotFound, CodeEntry},
	} {
		if c.in.Entry == "" {
			c.in.Entry = by["B-1"]
		}
		before := len(w.state.Events)
		if e, err := w.match(c.in); !edge.IsKind(err, c.kind) || edge.CodeOf(err) != c.code || len(w.state.Events) != before {
			t.Errorf("%s: %v, %v (%s)", name, e, err, edge.CodeOf(err))
		}
	}
	if _, err := w.match(&walletv1.MatchEntryRequest{Entry: by["B-1"], Transfers: []string{two, one}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.match(&walletv1.MatchEntryRequest{Entry: by["B-3"], Transfers: []string{one}}); !edge.IsKind(err, edge.Conflict) {
		t.Error("a transfer stands for two entries", err)
	}
	if _, err := w.match(&walletv1.MatchEntryRequest{Entry: by["B-1"], Book: w.income}); edge.CodeOf(err) != CodeDecided {
		t.Error("an entry stands for two things", err)
	}
}

// An entry is booked once. What was refused may be tried again, and what was reversed may be booked anew.
func TestBook(t *testing.T) {
	w := newWorld(t)
	w.taken(camt(iban, 1, 1, 0, row{1, 100, "B-1", "", ""}))
	id := w.entries(0)[0].Id
	w.must("wallet.freeze_account", &walletv1.FreezeAccountRequest{Id: w.a, Reason: "test"}, &walletv1.Account{})
	if _, err := w.match(&walletv1.MatchEntryRequest{Entry: id, Book: w.a}); edge.CodeOf(err) != "account_frozen" {
		t.Fatal(err)
	}
	w.must("wallet.unfreeze_account", &walletv1.UnfreezeAccountRequest{Id: w.a, Reason: "test"}, &walletv1.Account{})
	for range 2 {
		e, err := w.match(&walletv1.MatchEntryRequest{Entry: id, Book: w.a})
		if err != nil || !e.BookedHere || len(e.Transfers) != 1 || w.posted(w.a) != "100" || w.posted(w.bank) != "-100" {
			t.Fatal(e, err)
		}
	}
	e := &walletv1.BankEntry{}
	if err := w.do("wallet.unmatch_entry", &walletv1.UnmatchEntryRequest{Entry: id}, e); edge.CodeOf(err) != CodeFinal {
		t.Fatal(err)
	}
	w.must("wallet.reverse_transfer", &walletv1.ReverseTransferRequest{Transfer: w.entries(0)[0].Transfers[0], Id: w.id(), Reason: "wrong"}, &walletv1.Transfer{})
	w.must("wallet.unmatch_entry", &walletv1.UnmatchEntryRequest{Entry: id}, e)
	if e, err := w.match(&walletv1.MatchEntryRequest{Entry: id, Book: w.b}); err != nil || w.posted(w.a) != "0" || w.posted(w.b) != "100" {
		t.Fatal(e, err)
	}
	if left := w.unmatched(""); len(left) != 2 || left[0].Amount != "100" || left[1].Amount != "-100" {
		t.Error("what was booked and reversed", left)
	}
}

func TestIgnore(t *testing.T) {
	w := newWorld(t)
	w.taken(camt(iban, 1, 1, 0, row{1, 100, "B-1", "", ""}, row{1, 0, "B-2", "", ""}))
	list := w.entries(walletv1.EntryState_ENTRY_OPEN)
	if len(list) != 1 {
		t.Fatal("a movement of nothing is open", list)
	}
	e, in := &walletv1.BankEntry{}, &walletv1.IgnoreEntryRequest{Entry: list[0].Id, Reason: "of the house next door"}
	w.must("wallet.ignore_entry", in, e)
	w.must("wallet.ignore_entry", in, e)
	if e.State != walletv1.EntryState_ENTRY_IGNORED || e.Reason != in.Reason || len(w.entries(walletv1.EntryState_ENTRY_IGNORED)) != 2 {
		t.Fatal(e)
	}
	in.Reason = "another"
	if err := w.do("wallet.ignore_entry", in, e); edge.CodeOf(err) != CodeDecided {
		t.Error(err)
	}
	w.must("wallet.unmatch_entry", &walletv1.UnmatchEntryRequest{Entry: e.Id}, e)
	if e.State != walletv1.EntryState_ENTRY_OPEN || e.Reason != "" {
		t.Error(e)
	}
}
