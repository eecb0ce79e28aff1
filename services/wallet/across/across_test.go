package across

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

func two(t *testing.T) (a, b *place, h *hubModel) {
	t.Helper()
	serial, at := 0, time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	a, b = newPlace(t, "a", at, &serial), newPlace(t, "b", at, &serial)
	meet(a, b)
	for _, p := range []*place{a, b} {
		for _, m := range p.who {
			p.deposit(m, "100")
		}
	}
	return a, b, newHub(a, b)
}

func refuses(t *testing.T, err error, k edge.Kind, code string) {
	t.Helper()
	if !edge.IsKind(err, k) || edge.CodeOf(err) != code {
		t.Errorf("%v (%s, %s), want %s, %s", err, edge.KindOf(err), edge.CodeOf(err), k, code)
	}
}

func has(t *testing.T, p *place, account, want string) {
	t.Helper()
	if got := p.available(account); got != want {
		t.Errorf("an account at %s has %s, want %s", p.name, got, want)
	}
}

// What is sent is held, and arrives or comes back by the other site's word alone. Repeated notes change nothing.
func TestSend(t *testing.T) {
	for name, c := range map[string]struct {
		to      func(b *place) string
		freeze  bool
		expires time.Duration
		status  walletv1.CrossingStatus
		code    string
		payer   string
	}{
		"arrives":             {to: func(b *place) string { return b.who[0] }, status: walletv1.CrossingStatus_ARRIVED, payer: "60"},
		"no such account":     {to: func(*place) string { return named("nobody") }, status: walletv1.CrossingStatus_DECLINED, code: ledger.CodeAccount, payer: "100"},
		"a frozen account":    {to: func(b *place) string { return b.who[0] }, freeze: true, status: walletv1.CrossingStatus_DECLINED, code: ledger.CodeFrozen, payer: "100"},
		"too late":            {to: func(b *place) string { return b.who[0] }, expires: time.Minute, status: walletv1.CrossingStatus_DECLINED, code: CodeExpired, payer: "100"},
		"the ledger's own":    {to: func(*place) string { return ledger.Named("clearing", "a", "IDR", "amanah").String() }, status: walletv1.CrossingStatus_DECLINED, code: ledger.CodeRestricted, payer: "100"},
		"with time to arrive": {to: func(b *place) string { return b.who[0] }, expires: 10 * 24 * time.Hour, status: walletv1.CrossingStatus_ARRIVED, payer: "60"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b, h := two(t)
			if _, err := do(b, "wallet.send_across", &walletv1.SendAcrossRequest{Debit: b.who[1], ToSite: "a", ToAccount: a.who[1], Amount: "1"}, &walletv1.Crossing{}); err != nil {
				t.Fatal(err) // so that b has an account of clearing
			}
			in := &walletv1.SendAcrossRequest{Id: named("x"), Debit: a.who[0], ToSite: "b", ToAccount: c.to(b), Amount: "40"}
			if c.expires > 0 {
				in.Expires = timestamppb.New(a.state.Time.Add(c.expires))
			}
			for range 2 {
				if got, err := do(a, "wallet.send_across", in, &walletv1.Crossing{}); err != nil || got.Status != walletv1.CrossingStatus_QUEUED || got.Code != CodeQueued {
					t.Fatal(got, err)
				}
			}
			has(t, a, a.who[0], "60")
			if c.freeze {
				if _, err := do(b, "wallet.freeze_account", &walletv1.FreezeAccountRequest{Id: b.who[0], Reason: "to see"}, &walletv1.Account{}); err != nil {
					t.Fatal(err)
				}
			}
			a.state.Time, b.state.Time = a.state.Time.Add(time.Hour), b.state.Time.Add(time.Hour)
			for range 3 { // each note comes three times
				h.told(a, b)
			}
			got, err := ask(a, "wallet.get_crossing", &walletv1.GetCrossingRequest{Id: named("x")}, &walletv1.Crossing{})
			if err != nil || got.Status != c.status || got.Code != c.code {
				t.Error(got, err)
			}
			has(t, a, a.who[0], c.payer)
			if len(a.troubles())+len(b.troubles()) > 0 {
				t.Error(a.troubles(), b.troubles())
			}
			in.Amount = "41"
			_, err = do(a, "wallet.send_across", in, &walletv1.Crossing{})
			refuses(t, err, edge.Conflict, ledger.CodeConflict)
			a.sound()
			b.sound()
		})
	}
}

// told hands over everything both sites ever said, once more.
func (h *hubModel) told(places ...*place) {
	for _, p := range places {
		p.told, h.journal[p.name] = 0, nil
		h.sync(p)
	}
	for range 3 {
		for _, p := range places {
			h.all(p.name)
		}
		for _, p := range places {
			h.sync(p)
		}
	}
}

// A restored site books what it had accepted by its own answer alone: the note that was answered may be lost for good, and
// whoever sent it has no reason to tell it again.
func TestAcceptedWithoutTheNote(t *testing.T) {
	for name, frozen := range map[string]bool{"open": false, "frozen": true} {
		t.Run(name, func(t *testing.T) {
			a, b, h := two(t)
			before := b.backup()
			if _, err := do(a, "wallet.send_across", &walletv1.SendAcrossRequest{Id: named("x"), Debit: a.who[0], ToSite: "b", ToAccount: b.who[0], Amount: "40"}, &walletv1.Crossing{}); err != nil {
				t.Fatal(err)
			}
			h.told(a, b)
			has(t, b, b.who[0], "140")
			h.restore(b, before)
			if frozen {
				if _, err := do(b, "wallet.freeze_account", &walletv1.FreezeAccountRequest{Id: b.who[0], Reason: "to see"}, &walletv1.Account{}); err != nil {
					t.Fatal(err)
				}
			}
			h.all("b") // its own notes
			h.waiting["b"] = nil
			h.advance(b)
			for range 3 {
				b.later(25 * time.Hour)
				a.later(25 * time.Hour)
			}
			has(t, b, b.who[0], "140")
			if a.owes("b") != "40" || b.owes("a") != "-40" || len(b.troubles()) > 0 {
				t.Error(a.owes("b"), b.owes("a"), b.troubles())
			}
			h.told(a, b) // all of it comes nevertheless, and counts once
			has(t, b, b.who[0], "140")
			b.sound()
		})
	}
}

// A voucher counts once, at one site, as it was written.
func TestVoucher(t *testing.T) {
	a, b, h := two(t)
	v, err := do(a, "wallet.issue_voucher", &walletv1.IssueVoucherRequest{Id: named("v"), Account: a.who[0], Site: "b", Amount: "25", Purpose: "food"}, &walletv1.Voucher{})
	if err != nil || len(v.Text) >= 300 || !strings.HasPrefix(v.Text, "AV1.") {
		t.Fatal(v, err)
	}
	redeem := func(p *place, text, id string) error {
		_, err := do(p, "wallet.redeem_voucher", &walletv1.RedeemVoucherRequest{Text: text, Credit: p.who[0], Id: id}, &walletv1.Allotment{})
		return err
	}
	refuses(t, redeem(a, v.Text, ""), edge.Refused, CodeNotHome)
	for i := range v.Text {
		changed := []byte(v.Text)
		if changed[i]++; changed[i] == 'z'+1 {
			changed[i] = 'A'
		}
		if err := redeem(b, string(changed), ""); err == nil || edge.IsKind(err, edge.Internal) {
			t.Fatalf("a voucher with another byte %d: %v", i, err)
		}
	}
	for range 2 {
		if err := redeem(b, v.Text, named("mine")); err != nil {
			t.Fatal(err)
		}
	}
	refuses(t, redeem(b, v.Text, ""), edge.Conflict, CodeUsed)
	has(t, b, b.who[0], "125")
	h.told(a, b)
	if got, err := ask(a, "wallet.get_allotment", &walletv1.GetAllotmentRequest{Id: named("v")}, &walletv1.Allotment{}); err != nil || got.State != stateClosed || got.Spent != "25" || a.owes("b") != "25" {
		t.Error(got, err)
	}
	// One that is void is taken no more, and its money comes back on the other site's word.
	w, err := do(a, "wallet.issue_voucher", &walletv1.IssueVoucherRequest{Id: named("w"), Account: a.who[0], Site: "b", Amount: "25"}, &walletv1.Voucher{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := do(a, "wallet.void_voucher", &walletv1.VoidVoucherRequest{Id: named("w")}, &walletv1.Allotment{}); err != nil {
		t.Fatal(err)
	}
	has(t, a, a.who[0], "50")
	h.told(a, b)
	has(t, a, a.who[0], "75")
	refuses(t, redeem(b, w.Text, ""), edge.Conflict, CodeVoided)
	a.sound()
	b.sound()
}

// An allotment ends at the other site by itself, and comes home on that site's word.
func TestAllotment(t *testing.T) {
	a, b, h := two(t)
	if _, err := do(a, "wallet.open_allotment", &walletv1.OpenAllotmentRequest{Id: named("g"), Account: a.who[0], Site: "b", Amount: "50", Expires: timestamppb.New(a.state.Time.Add(time.Hour))}, &walletv1.Allotment{}); err != nil {
		t.Fatal(err)
	}
	spend := func(id, sum string) error {
		_, err := do(b, "wallet.spend_allotment", &walletv1.SpendAllotmentRequest{Id: named("g"), Home: "a", Spend: named(id), Credit: b.who[0], Amount: sum}, &walletv1.Allotment{})
		return err
	}
	refuses(t, spend("s", "10"), edge.NotFound, CodeAllotment)
	h.told(a, b)
	for range 2 {
		if err := spend("s", "10"); err != nil {
			t.Fatal(err)
		}
	}
	refuses(t, spend("s", "11"), edge.Conflict, ledger.CodeConflict)
	refuses(t, spend("t", "41"), edge.Refused, ledger.CodeFunds)
	a.later(time.Hour) // a's clock alone does nothing
	has(t, a, a.who[0], "50")
	b.state.Time = b.state.Time.Add(time.Hour)
	refuses(t, spend("u", "1"), edge.Refused, CodeExpired)
	b.later(0)
	h.told(a, b)
	has(t, a, a.who[0], "90")
	has(t, b, b.who[0], "110")
	if a.owes("b") != "10" || b.owes("a") != "-10" {
		t.Error(a.owes("b"), b.owes("a"))
	}
	a.sound()
}

// Nobody but the site itself can say something in its name, and another key needs a person.
func TestForgedNotes(t *testing.T) {
	a, b, _ := two(t)
	to, _ := ledger.ParseID(b.who[0])
	id := ledger.Named("forged")
	raw, err := proto.Marshal(&walletv1.Note{Kind: walletv1.NoteKind_NOTE_SENT, From: "a", To: "b", Id: id[:], Credit: to[:], Amount: "1000", Asset: "IDR", Fund: "amanah"})
	if err != nil {
		t.Fatal(err)
	}
	public, private, _ := ed25519.GenerateKey(nil)
	forged, _ := proto.Marshal(&walletv1.SignedNote{Note: raw, Signature: ed25519.Sign(private, append([]byte(noteDomain), raw...))})
	if again := b.takes(forged); len(again) > 0 {
		t.Error("a forged note is wanted again")
	}
	has(t, b, b.who[0], "100")
	var ok Accepted
	if err := b.asNode(OpAccept, Accept{Site: "a", Public: public}, &ok); err != nil || ok.Believed {
		t.Fatal("another key is believed: ", err)
	}
	if again := b.takes(forged); len(again) != 1 {
		t.Error("a note under a key that a person may confirm is dropped")
	}
	has(t, b, b.who[0], "100")
	if _, err := do(b, "wallet.confirm_peer", &walletv1.ConfirmPeerRequest{Site: "a", Fingerprint: fingerprint(public)}, &walletv1.Peer{}); err != nil {
		t.Fatal(err)
	}
	b.takes(forged)
	_ = a
	for op, body := range map[string]any{OpTake: Take{}, OpAccept: Accept{Site: "c", Public: public}, OpRecovered: Epoch{}, OpRestored: Epoch{}, OpKey: KeyRequest{Site: "b"}} {
		raw, _ := json.Marshal(body)
		if _, err := b.run(op, raw); !edge.IsKind(err, edge.Denied) {
			t.Errorf("%s is done for a person: %v", op, err)
		}
	}
}

// A restored site takes up what it had said itself before it decides anything again.
func TestRestoredDecidesNothingAnew(t *testing.T) {
	a, b, h := two(t)
	old := b.backup()
	if _, err := do(b, "wallet.freeze_account", &walletv1.FreezeAccountRequest{Id: b.who[0], Reason: "to see"}, &walletv1.Account{}); err != nil {
		t.Fatal(err)
	}
	if _, err := do(a, "wallet.send_across", &walletv1.SendAcrossRequest{Id: named("x"), Debit: a.who[0], ToSite: "b", ToAccount: b.who[0], Amount: "40"}, &walletv1.Crossing{}); err != nil {
		t.Fatal(err)
	}
	h.told(a, b) // declined
	has(t, a, a.who[0], "100")
	sent := h.journal["a"][0].note
	h.restore(b, old) // nothing is frozen now
	if again := b.takes(sent); len(again) != 1 {
		t.Error("a note is taken in before the site knows what it had said")
	}
	_, err := do(b, "wallet.send_across", &walletv1.SendAcrossRequest{Debit: b.who[0], ToSite: "a", ToAccount: a.who[0], Amount: "1"}, &walletv1.Crossing{})
	refuses(t, err, edge.Unavailable, CodeRecovering)
	for range 3 {
		h.all("b")
	}
	b.takes(sent)
	has(t, b, b.who[0], "100")
	if _, err := do(b, "wallet.send_across", &walletv1.SendAcrossRequest{Debit: b.who[0], ToSite: "a", ToAccount: a.who[0], Amount: "1"}, &walletv1.Crossing{}); err != nil {
		t.Error(err)
	}
}

// Where the hub has nothing any more a person ends the wait. What others were told and this site has forgotten is shown
// and never booked by itself.
func TestEndRecovery(t *testing.T) {
	a, b, h := two(t)
	before := a.backup()
	if _, err := do(a, "wallet.send_across", &walletv1.SendAcrossRequest{Id: named("x"), Debit: a.who[0], ToSite: "b", ToAccount: b.who[0], Amount: "40"}, &walletv1.Crossing{}); err != nil {
		t.Fatal(err)
	}
	h.told(a, b)
	answers := h.journal["b"]
	h.journal["a"] = nil // the hub has lost what it was told
	h.restore(a, before)
	h.phase["a"], h.waiting["a"] = 0, nil
	if err := a.asNode(OpRestored, Epoch{Epoch: a.epoch}, nil); err != nil {
		t.Fatal(err)
	}
	send := &walletv1.SendAcrossRequest{Id: named("y"), Debit: a.who[1], ToSite: "b", ToAccount: b.who[1], Amount: "1"}
	_, err := do(a, "wallet.send_across", send, &walletv1.Crossing{})
	refuses(t, err, edge.Unavailable, CodeRecovering)
	for i, want := range []bool{true, false} {
		if out, err := do(a, "wallet.end_recovery", &walletv1.EndRecoveryRequest{}, &walletv1.EndRecoveryResponse{}); err != nil || out.WasRecovering != want {
			t.Fatal(i, out, err)
		}
	}
	if _, err := do(a, "wallet.send_across", send, &walletv1.Crossing{}); err != nil {
		t.Fatal(err)
	}
	for _, r := range answers {
		if r.to == "a" {
			a.takes(r.note)
		}
	}
	list := a.troubles()
	if len(list) != 1 || list[0].Conflict || list[0].Site != "b" || list[0].Id != named("x") {
		t.Fatal("money that b says it got from here is not shown", list)
	}
	has(t, a, a.who[0], "100")
	a.sound()
}
