package invoices_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book/booktest"
	"github.com/aielon/edge/services/wallet/invoices"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

const (
	open      = walletv1.InvoiceState_INVOICE_OPEN
	paying    = walletv1.InvoiceState_INVOICE_PAYING
	paid      = walletv1.InvoiceState_INVOICE_PAID
	cancelled = walletv1.InvoiceState_INVOICE_CANCELLED
)

// An invoice is paid whole and once, under whatever identifiers it is tried.
func TestPaidOnce(t *testing.T) {
	w := newWorld(t)
	baker, a, b := w.Member("baker", "0"), w.Member("a", "5000"), w.Member("b", "5000")
	in := bread(w, baker, "700")
	in.Lines = append(in.Lines, &walletv1.InvoiceLine{Description: "salt", Quantity: 3, Price: "100"})
	in.Total, in.Note = "1000", "for the feast"
	inv := &walletv1.Invoice{}
	w.Must("issue_invoice", in, inv)
	if inv.State != open || inv.Total != "1000" || inv.Payee != baker || len(inv.Lines) != 2 {
		t.Fatal(inv)
	}
	in.Note = "for another"
	w.Refuses(w.Do("issue_invoice", in, inv), edge.Conflict, ledger.CodeConflict)
	pay := &walletv1.PayInvoiceRequest{Invoice: inv.Id, Id: w.ID(), From: a}
	w.Must("pay_invoice", pay, inv)
	if inv.State != paid || inv.PaidBy != a || inv.Payment != pay.Id || inv.Ended == nil {
		t.Fatal(inv)
	}
	w.Untouched(func() {
		for _, from := range []string{a, b, baker} {
			_, err := w.pay(inv.Id, from)
			w.Refuses(err, edge.Conflict, invoices.CodePaid)
		}
		w.Refuses(w.Do("cancel_invoice", &walletv1.CancelInvoiceRequest{Invoice: inv.Id}, inv), edge.Conflict, invoices.CodePaid)
		w.Refuses(w.Do("reverse_transfer", &walletv1.ReverseTransferRequest{Transfer: pay.Id, Id: w.ID(), Reason: "by mistake"}, &walletv1.Transfer{}), edge.Conflict, ledger.CodeNotReversible)
	})
	w.Stands(a, "4000")
	w.Stands(baker, "1000")
	tr := &walletv1.Transfer{}
	if w.Ask("get_transfer", &walletv1.GetTransferRequest{Id: pay.Id}, tr); tr.Purpose != "purchase" || tr.Reference != inv.Id || tr.RuleSet == "" {
		t.Error(tr)
	}
	if w.Told(invoices.EventIssued, "feast", "bread") != 1 || w.Told(invoices.EventPaid, "feast", "bread") != 1 {
		t.Error("events are missing")
	}
	w.Check()
}

// What is not there to be paid is not paid, and the invoice stays open.
func TestNotPaid(t *testing.T) {
	w := newWorld(t)
	baker, a := w.Member("baker", "0"), w.Member("a", "999")
	inv := w.issue(baker, "1000")
	id := w.ID()
	pay := &walletv1.PayInvoiceRequest{Invoice: inv.Id, Id: id, From: a}
	w.Refuses(w.Do("pay_invoice", pay, inv), edge.Refused, ledger.CodeFunds)
	w.Refuses(w.Do("pay_invoice", pay, inv), edge.Conflict, ledger.CodeFailed)
	w.is(inv.Id, open)
	w.Send(w.Desk("amanah"), a, "1")
	if _, err := w.pay(inv.Id, a); err != nil {
		t.Fatal(err)
	}
	w.is(inv.Id, paid)
	for what, err := range map[string]error{
		"no invoice": w.Do("pay_invoice", &walletv1.PayInvoiceRequest{Invoice: w.ID(), Id: w.ID(), From: a}, inv),
		"no account": w.Do("pay_invoice", &walletv1.PayInvoiceRequest{Invoice: w.issue(baker, "1").Id, Id: w.ID(), From: w.ID()}, inv),
	} {
		if !edge.IsKind(err, edge.NotFound) {
			t.Error(what, err)
		}
	}
	w.Check()
}

// What the rules want looked at is held; the invoice waits with it, and follows what is decided.
func TestReviewed(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(w *world, payment string)
		want walletv1.InvoiceState
	}{
		"approved": {func(w *world, p string) { w.review(p, true) }, paid},
		"declined": {func(w *world, p string) { w.review(p, false) }, open},
		"taken back": {func(w *world, p string) {
			if err := w.Do("void_hold", &walletv1.VoidHoldRequest{Transfer: p, Id: w.ID()}, &walletv1.Transfer{}); err != nil {
				w.T.Fatal(err)
			}
		}, open},
		"nobody decided": {func(w *world, p string) { w.State.Time = w.State.Time.AddDate(0, 0, 2); w.tick() }, open},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if err := w.Do("configure_reviews", &walletv1.ConfigureReviewsRequest{ExpireAfterDays: 1}, &walletv1.ReviewSettings{}); err != nil {
				t.Fatal(err)
			}
			pawn, a := w.Member("pawn", "0"), w.Member("a", "5000")
			inv := w.issue(pawn, "1000")
			code := w.code(&walletv1.EncodeQrRequest{Account: pawn, Invoice: inv.Id, Mcc: "5933"})
			pay, got := &walletv1.PayQrRequest{Id: w.ID(), Text: code, From: a}, &walletv1.QrPayment{}
			w.Must("pay_qr", pay, got)
			if got.Status != walletv1.TransferStatus_UNDER_REVIEW || got.Invoice != inv.Id {
				t.Fatal(got)
			}
			w.is(inv.Id, paying)
			w.Stands(a, "4000")
			w.Stands(pawn, "0")
			_, err := w.pay(inv.Id, a)
			w.Refuses(err, edge.Conflict, invoices.CodePaying)
			w.Refuses(w.Do("cancel_invoice", &walletv1.CancelInvoiceRequest{Invoice: inv.Id}, inv), edge.Conflict, invoices.CodePaying)
			tc.end(w, pay.Id)
			w.is(inv.Id, tc.want)
			now := w.get(inv.Id)
			if tc.want == paid {
				w.Stands(pawn, "1000")
				w.paidFirmly(now)
			} else {
				w.Stands(a, "5000")
				if w.Told(invoices.EventReopened) != 1 || now.PaidBy != "" || now.Payment != "" {
					t.Error(now)
				}
				again, err := w.pay(inv.Id, a) // its number is no way around the officer
				if err != nil || again.Mcc != "5933" {
					t.Fatal(again, err)
				}
				w.is(inv.Id, paying)
				w.review(again.Payment, true)
				w.is(inv.Id, paid)
			}
			for k := range w.State.Rows {
				if strings.HasPrefix(k, "winp/") {
					t.Error("a payment that ended is still waited for")
				}
			}
			w.Check()
		})
	}
}

// paidFirmly asserts that what a review let through stays.
func (w *world) paidFirmly(inv *walletv1.Invoice) {
	w.T.Helper()
	t := &walletv1.Transfer{}
	w.Ask("get_transfer", &walletv1.GetTransferRequest{Id: inv.Payment}, t)
	for _, id := range []string{t.Id, t.EndedBy} {
		w.Refuses(w.Do("reverse_transfer", &walletv1.ReverseTransferRequest{Transfer: id, Id: w.ID(), Reason: "by mistake"}, t), edge.Conflict, ledger.CodeNotReversible)
	}
	if inv.PaidBy == "" || inv.Ended == nil || w.Told(invoices.EventPaid) != 1 {
		w.T.Error(inv)
	}
}

// GHARAR-1: nobody can be asked to pay for what is not said.
func TestGharar(t *testing.T) {
	for missing, change := range map[string]func(*walletv1.IssueInvoiceRequest){
		"price":                                  func(in *walletv1.IssueInvoiceRequest) { in.Lines[0].Price = "" },
		"price ":                                 func(in *walletv1.IssueInvoiceRequest) { in.Lines[0].Price = "0" },
		"currency":                               func(in *walletv1.IssueInvoiceRequest) { in.Asset = "" },
		"quantity":                               func(in *walletv1.IssueInvoiceRequest) { in.Lines[0].Quantity = 0 },
		"description":                            func(in *walletv1.IssueInvoiceRequest) { in.Lines[0].Description = " \t" },
		"delivery":                               func(in *walletv1.IssueInvoiceRequest) { in.Delivery = "" },
		"delivery ":                              func(in *walletv1.IssueInvoiceRequest) { in.Delivery = "soon" },
		"delivery  ":                             func(in *walletv1.IssueInvoiceRequest) { in.Delivery = "2026-02-30" },
		"price, quantity, description":           func(in *walletv1.IssueInvoiceRequest) { in.Lines = nil },
		"price, currency, quantity, description": func(in *walletv1.IssueInvoiceRequest) { in.Lines, in.Asset = nil, "" },
		"description ": func(in *walletv1.IssueInvoiceRequest) {
			in.Lines = append(in.Lines, &walletv1.InvoiceLine{Quantity: 1, Price: "1"})
		},
	} {
		t.Run(missing, func(t *testing.T) {
			w := newWorld(t)
			in := bread(w, w.Member("baker", "0"), "1000")
			change(in)
			w.Untouched(func() {
				err := w.Do("issue_invoice", in, &walletv1.Invoice{})
				w.Refuses(err, edge.Refused, "shariah_gharar_1")
				if !strings.Contains(err.Error(), "Missing: "+strings.TrimSpace(missing)+".") {
					t.Error(err)
				}
			})
			w.decided(in.Id, "GHARAR-1")
			w.Refuses(w.Try("get_invoice", &walletv1.GetInvoiceRequest{Invoice: in.Id}, &walletv1.Invoice{}), edge.NotFound, invoices.CodeInvoice)
		})
	}
}

// What is there and wrong is refused with what is wrong.
func TestIssueRefused(t *testing.T) {
	w := newWorld(t)
	baker, a, desk := w.Member("baker", "0"), w.Member("a", "100"), w.Desk("amanah")
	zakat := w.Open(walletv1.AccountKind_INCOME, "zakat", "")
	for name, tc := range map[string]struct {
		kind   edge.Kind
		code   string
		change func(*walletv1.IssueInvoiceRequest)
	}{
		"another total": {edge.Invalid, invoices.CodeAmount, func(in *walletv1.IssueInvoiceRequest) { in.Total = "999" }},
		"no number":     {edge.Invalid, amount.CodeInvalid, func(in *walletv1.IssueInvoiceRequest) { in.Lines[0].Price = "1e3" }},
		"less than 0":   {edge.Invalid, amount.CodeInvalid, func(in *walletv1.IssueInvoiceRequest) { in.Lines[0].Price = "-1" }},
		"too much": {edge.Invalid, amount.CodeInvalid, func(in *walletv1.IssueInvoiceRequest) {
			in.Lines[0].Price, in.Lines[0].Quantity = amount.Max().String(), 2
		}},
		"another currency": {edge.Refused, ledger.CodeCurrency, func(in *walletv1.IssueInvoiceRequest) { in.Asset = "EUR" }},
		"a desk sells":     {edge.Invalid, ledger.CodeInvalid, func(in *walletv1.IssueInvoiceRequest) { in.Payee = desk }},
		"zakat sells":      {edge.Invalid, ledger.CodeInvalid, func(in *walletv1.IssueInvoiceRequest) { in.Payee = zakat }},
		"to oneself":       {edge.Invalid, ledger.CodeInvalid, func(in *walletv1.IssueInvoiceRequest) { in.Payer = baker }},
		"no account":       {edge.NotFound, ledger.CodeAccount, func(in *walletv1.IssueInvoiceRequest) { in.Payer = w.ID() }},
	} {
		t.Run(name, func(t *testing.T) {
			in := bread(w, baker, "1000")
			tc.change(in)
			rows := len(w.State.Rows)
			w.Refuses(w.Do("issue_invoice", in, &walletv1.Invoice{}), tc.kind, tc.code)
			if len(w.State.Rows) != rows {
				t.Error("something was kept")
			}
		})
	}
	_ = a
}

// The house sells too, and its income is that of the fund.
func TestHouseSells(t *testing.T) {
	w := newWorld(t)
	hall, a, till := w.Open(walletv1.AccountKind_INCOME, "", ""), w.Member("a", "5000"), w.Desk("")
	inv := w.issue(hall, "1000")
	if _, err := w.pay(inv.Id, a); err != nil {
		t.Fatal(err)
	}
	w.is(inv.Id, paid)
	inv = w.issue(hall, "300")
	if _, err := w.pay(inv.Id, till); err != nil { // in cash, at a desk of the fund
		t.Fatal(err)
	}
	got := &walletv1.Account{}
	if w.Ask("get_account", &walletv1.GetAccountRequest{Id: hall}, got); got.Balance.Posted != "1300" {
		t.Error(got.Balance)
	}
	_, err := w.pay(w.issue(hall, "5").Id, w.Desk("zakat"))
	w.Refuses(err, edge.Refused, ledger.CodeRestricted)
	w.Check()
}

// An invoice that is made out to somebody is theirs to pay, and there for both sides only. Any other is for whoever has
// its number.
func TestMadeOut(t *testing.T) {
	w := newWorld(t)
	baker, a, b := w.Member("baker", "0"), w.Member("a", "5000"), w.Member("b", "5000")
	in := bread(w, baker, "1000")
	in.Payer = a
	inv := &walletv1.Invoice{}
	w.Must("issue_invoice", in, inv)
	_, err := w.pay(inv.Id, b)
	w.Refuses(err, edge.Refused, invoices.CodePayer)
	anybody := w.issue(baker, "10")
	for id, who := range map[string]map[string]bool{inv.Id: {baker: true, a: true, b: false, "": true}, anybody.Id: {baker: true, a: true, b: true, "": true}} {
		for account, want := range who {
			got := &walletv1.Invoice{}
			if err := w.Try("get_invoice", &walletv1.GetInvoiceRequest{Invoice: id, Account: account}, got); want != (err == nil) || err != nil && edge.CodeOf(err) != invoices.CodeInvoice {
				t.Error(account, err)
			}
		}
	}
	if owner, err := w.invoices.Owner(w.State, inv.Id); owner != "baker" || err != nil {
		t.Error(owner, err)
	}
	for _, id := range []string{w.ID(), "?", ""} {
		if owner, err := w.invoices.Owner(w.State, id); owner != "" || err != nil {
			t.Error(owner, err)
		}
	}
	list := func(in *walletv1.ListInvoicesRequest, want ...string) {
		t.Helper()
		out := &walletv1.ListInvoicesResponse{}
		w.Ask("list_invoices", in, out)
		got := []string{}
		for _, i := range out.Invoices {
			got = append(got, i.Id)
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%v: %v, want %v", in, got, want)
		}
	}
	list(&walletv1.ListInvoicesRequest{Account: baker}, inv.Id, anybody.Id)
	list(&walletv1.ListInvoicesRequest{Account: a})
	list(&walletv1.ListInvoicesRequest{Account: a, Payable: true}, inv.Id)
	list(&walletv1.ListInvoicesRequest{Account: b, Payable: true})
	if _, err := w.pay(anybody.Id, b); err != nil {
		t.Fatal(err)
	}
	list(&walletv1.ListInvoicesRequest{Account: b, Payable: true}, anybody.Id)
	list(&walletv1.ListInvoicesRequest{Account: baker, State: open}, inv.Id)
	list(&walletv1.ListInvoicesRequest{State: paid}, anybody.Id)
	page := &walletv1.ListInvoicesResponse{}
	w.Ask("list_invoices", &walletv1.ListInvoicesRequest{PageSize: 1}, page)
	list(&walletv1.ListInvoicesRequest{PageToken: page.NextPageToken}, anybody.Id)
	w.Refuses(w.Try("list_invoices", &walletv1.ListInvoicesRequest{Account: a, PageToken: page.NextPageToken}, page), edge.Invalid, edge.CodeOf(w.Try("list_invoices", &walletv1.ListInvoicesRequest{PageToken: "?"}, page)))
	w.Check()
}

// What was taken back is not paid.
func TestCancelled(t *testing.T) {
	w := newWorld(t)
	baker, a := w.Member("baker", "0"), w.Member("a", "5000")
	inv := w.issue(baker, "1000")
	w.Must("cancel_invoice", &walletv1.CancelInvoiceRequest{Invoice: inv.Id}, inv)
	if inv.State != cancelled || inv.Ended == nil || w.Told(invoices.EventCancelled) != 1 {
		t.Error(inv)
	}
	w.Untouched(func() {
		_, err := w.pay(inv.Id, a)
		w.Refuses(err, edge.Conflict, invoices.CodeCancelled)
	})
	w.Check()
}

// Two who pay at once come one after the other: the second finds it paid. Nothing else is written for them.
func TestNothingKeptOfRefusals(t *testing.T) {
	w := newWorld(t)
	baker, a := w.Member("baker", "0"), w.Member("a", "5000")
	inv := w.issue(baker, "1000")
	if _, err := w.pay(inv.Id, a); err != nil {
		t.Fatal(err)
	}
	was, rows, events := w.get(inv.Id), len(w.State.Rows), len(w.State.Events)
	_, err := w.pay(inv.Id, a)
	w.Refuses(err, edge.Conflict, invoices.CodePaid)
	if rows != len(w.State.Rows) || events != len(w.State.Events) || !proto.Equal(was, w.get(inv.Id)) {
		t.Error("a refusal left something")
	}
	if booktest.Asset != inv.Asset {
		t.Error(inv.Asset)
	}
}

// What ends a hold together with something that is refused does not end it: the invoice waits on.
func TestWaitsOn(t *testing.T) {
	w := newWorld(t)
	pawn, a := w.Member("pawn", "0"), w.Member("a", "5000")
	inv := w.issue(pawn, "1000")
	pay := &walletv1.PayQrRequest{Id: w.ID(), Text: w.code(&walletv1.EncodeQrRequest{Account: pawn, Invoice: inv.Id, Mcc: "5933"}), From: a}
	w.Must("pay_qr", pay, &walletv1.QrPayment{})
	out := &walletv1.CreateTransfersResponse{}
	if err := w.Do("create_transfers", &walletv1.CreateTransfersRequest{Items: []*walletv1.Item{{Action: &walletv1.Item_Void{Void: &walletv1.NewVoid{Id: w.ID(), Hold: pay.Id}},
		Linked: []*walletv1.Step{{Action: &walletv1.Step_Transfer{Transfer: &walletv1.NewTransfer{Id: w.ID(), Debit: a, Credit: pawn, Amount: "5001"}}}}}}}, out); err != nil || out.Items[0].Result.Code != ledger.CodeLinked {
		t.Fatal(out, err)
	}
	w.is(inv.Id, paying)
	w.review(pay.Id, true)
	w.is(inv.Id, paid)
	w.Check()
}

// An invoice may say what its seller sells: then it is judged by that however it is paid, and codes say the same.
func TestCategory(t *testing.T) {
	w := newWorld(t)
	shop, a := w.Member("shop", "0"), w.Member("a", "5000")
	issue := func(mcc string) (*walletv1.Invoice, *walletv1.IssueInvoiceRequest, error) {
		in, inv := bread(w, shop, "100"), &walletv1.Invoice{}
		in.Mcc = mcc
		return inv, in, w.Do("issue_invoice", in, inv)
	}
	for mcc, rule := range map[string]string{"5921": "MCC-D", "7995": "MAYSIR-1"} {
		_, in, err := issue(mcc)
		w.Refuses(err, edge.Refused, "shariah_"+strings.ToLower(strings.ReplaceAll(rule, "-", "_")))
		w.decided(in.Id, rule)
	}
	for _, mcc := range []string{"0000", "12", "bars"} {
		_, _, err := issue(mcc)
		w.Refuses(err, edge.Invalid, ledger.CodeInvalid)
	}
	inv, _, err := issue("5933")
	if err != nil || inv.Mcc != "5933" {
		t.Fatal(inv, err)
	}
	w.Refuses(w.Try("encode_qr", &walletv1.EncodeQrRequest{Account: shop, Invoice: inv.Id, Mcc: "5411", Name: "A", City: "B", Country: "ID"}, &walletv1.PaymentCode{}), edge.Refused, invoices.CodeMerchant)
	text := w.forged(w.code(&walletv1.EncodeQrRequest{Account: shop, Invoice: inv.Id, Mcc: "5933"}), func(m *merchant) { m.MCC = "5411" })
	w.Untouched(func() {
		w.Refuses(w.Do("pay_qr", &walletv1.PayQrRequest{Id: w.ID(), Text: text, From: a}, &walletv1.QrPayment{}), edge.Refused, invoices.CodeMerchant)
	})
	if inv, err = w.pay(inv.Id, a); err != nil || inv.State != paying {
		t.Fatal(inv, err)
	}
	w.review(inv.Payment, true)
	w.is(inv.Id, paid)
	tr := &walletv1.Transfer{}
	if w.Ask("get_transfer", &walletv1.GetTransferRequest{Id: inv.Payment}, tr); tr.Mcc != "5933" {
		t.Error(tr)
	}
	w.Check()
}
