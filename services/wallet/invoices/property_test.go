package invoices_test

import (
	"cmp"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A model is what invoices are, without a ledger: sums of accounts, and how far each invoice is.
type model struct {
	free map[string]int // what can be spent, by account
	all  []*bill
}

// A bill is an invoice of the model.
type bill struct {
	id, by, payment string
	mcc             string // as a code said
	sum             int
	state           walletv1.InvoiceState
}

// history plays with invoices and with the model beside them.
type history struct {
	*rapid.T
	w      *world
	m      model
	seller string
	buyers []string
	asked  []func() error // requests that went through, to be sent again
}

// Whatever happens to invoices, in whatever order and however often: each is paid at most once, all money is where the
// model has it, and what was answered is answered alike again.
func TestLifeOfInvoices(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := &history{T: rt, w: newWorld(t), m: model{free: map[string]int{}}}
		h.seller = h.w.Member("seller", "0")
		for i := range 2 {
			a := h.w.Member(fmt.Sprint("buyer-", i), "100")
			h.buyers, h.m.free[a] = append(h.buyers, a), 100
			h.w.known(a)
		}
		rt.Repeat(map[string]func(*rapid.T){"issue": h.issue, "pay": h.pay, "scan": h.scan, "cancel": h.cancel, "review": h.review, "again": h.again, "": h.same})
		h.w.Check()
	})
}

func (h *history) issue(t *rapid.T) {
	sum := rapid.IntRange(1, 60).Draw(t, "sum")
	inv := &walletv1.Invoice{}
	h.do(t, "issue_invoice", bread(h.w, h.seller, fmt.Sprint(sum)), inv, nil, true)
	h.m.all = append(h.m.all, &bill{id: inv.Id, sum: sum, state: open})
}

// some is one of the invoices there are.
func (h *history) some(t *rapid.T) *bill {
	if len(h.m.all) == 0 {
		t.Skip("there is none")
	}
	return h.m.all[rapid.IntRange(0, len(h.m.all)-1).Draw(t, "invoice")]
}

// takes has the model pay, and says whether that goes.
func (h *history) takes(b *bill, id, from string, under bool) bool {
	if b.state != open || h.m.free[from] < b.sum {
		return false
	}
	h.m.free[from] -= b.sum
	b.by, b.payment, b.state = from, id, paying
	if !under {
		b.state = paid
		h.m.free[h.seller] += b.sum
	}
	return true
}

func (h *history) pay(t *rapid.T) {
	b, from := h.some(t), rapid.SampledFrom(h.buyers).Draw(t, "from")
	in := &walletv1.PayInvoiceRequest{Invoice: b.id, Id: h.w.ID(), From: from}
	h.do(t, "pay_invoice", in, &walletv1.Invoice{}, nil, h.takes(b, in.Id, from, b.mcc == "5933"))
}

// scan pays by the code of a merchant who is allowed, looked at or denied.
func (h *history) scan(t *rapid.T) {
	b, from := h.some(t), rapid.SampledFrom(h.buyers).Draw(t, "from")
	code := rapid.SampledFrom([]string{"5411", "5933", "5921"}).Draw(t, "mcc")
	text := h.w.unlessClosed(b, h.seller, code)
	if text == "" {
		t.Skip("no code is made for it")
	}
	in := &walletv1.PayQrRequest{Id: h.w.ID(), Text: text, From: from}
	h.do(t, "pay_qr", in, &walletv1.QrPayment{}, func(out proto.Message) {
		if held := out.(*walletv1.QrPayment).Status == walletv1.TransferStatus_UNDER_REVIEW; held != (code == "5933") {
			t.Errorf("%s: held %v", code, held)
		}
	}, code != "5921" && (b.mcc == "" || b.mcc == code) && h.takes(b, in.Id, from, code == "5933"))
	if b.state != open {
		b.mcc = code
	}
}

func (h *history) cancel(t *rapid.T) {
	b := h.some(t)
	goes := b.state == open || b.state == cancelled
	if b.state == open {
		b.state = cancelled
	}
	h.do(t, "cancel_invoice", &walletv1.CancelInvoiceRequest{Invoice: b.id}, &walletv1.Invoice{}, nil, goes)
}

func (h *history) review(t *rapid.T) {
	b, yes := h.some(t), rapid.Bool().Draw(t, "approve")
	if b.state != paying {
		t.Skip("nobody waits")
	}
	h.w.review(b.payment, yes)
	if yes {
		b.state = paid
		h.m.free[h.seller] += b.sum
		return
	}
	h.m.free[b.by] += b.sum
	b.state, b.by, b.payment = open, "", ""
}

// again sends a request once more whose answer may have been lost.
func (h *history) again(t *rapid.T) {
	if len(h.asked) == 0 {
		t.Skip("nothing was asked for")
	}
	if err := h.asked[rapid.IntRange(0, len(h.asked)-1).Draw(t, "request")](); err != nil {
		t.Error(err)
	}
}

// do sends a request, which goes through as the model says.
func (h *history) do(t *rapid.T, op string, in, out proto.Message, look func(proto.Message), goes bool) {
	err := h.w.Do(op, in, out)
	if (err == nil) != goes {
		t.Fatalf("%s: %v, the model says %v", op, err, goes)
	}
	if err != nil {
		return
	}
	if look != nil {
		look(out)
	}
	if op != "cancel_invoice" { // it has no identifier: an invoice that is open again can be taken back again
		h.asked = append(h.asked, func() error { return h.w.Do(op, in, out.ProtoReflect().New().Interface()) })
	}
}

// same asserts that all is as in the model.
func (h *history) same(t *rapid.T) {
	for account, want := range h.m.free {
		h.w.Stands(account, fmt.Sprint(want))
	}
	for _, b := range h.m.all {
		inv := h.w.get(b.id)
		if inv.State != b.state || inv.Payment != b.payment || inv.PaidBy != b.by || inv.Mcc != b.mcc {
			t.Fatalf("%v, want %v", inv, b)
		}
	}
}

// unlessClosed is a code for an invoice; empty where none is made: it is not open, or the merchant is denied. Denied ones
// make their codes themselves.
func (w *world) unlessClosed(b *bill, seller, mcc string) string {
	if w.get(b.id).State != open {
		return ""
	}
	text := w.code(&walletv1.EncodeQrRequest{Account: seller, Mcc: cmp.Or(b.mcc, "5411"), Invoice: b.id})
	return w.forged(text, func(m *merchant) { m.MCC = mcc })
}

// known has the holder of an account known so well that nobody has to look at how often they pay.
func (w *world) known(account string) {
	w.T.Helper()
	id, err := ledger.ParseID(account)
	if err == nil {
		err = w.Ledger.SetTier(w.State, id, 2)
	}
	if err != nil {
		w.T.Fatal(err)
	}
}
