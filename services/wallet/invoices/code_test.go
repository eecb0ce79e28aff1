package invoices_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book/booktest"
	"github.com/aielon/edge/services/wallet/invoices"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/qr"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// merchant is what a code says.
type merchant = qr.Merchant

func sample(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "qr", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// code is the text of a merchant's code.
func (w *world) code(in *walletv1.EncodeQrRequest) string {
	w.T.Helper()
	in.Name, in.City, in.Country = "TOKO CONTOH", "JAKARTA", "ID"
	out := &walletv1.PaymentCode{}
	if w.Ask("encode_qr", in, out); !strings.HasPrefix(out.Svg, "<svg ") {
		w.T.Error(out.Svg)
	}
	return out.Text
}

// forged is a code whose parts somebody changed, with a checksum that is right.
func (w *world) forged(text string, change func(*qr.Merchant)) string {
	w.T.Helper()
	m, err := qr.DecodeMerchant(text)
	if err != nil {
		w.T.Fatal(err)
	}
	change(&m)
	out, err := m.Encode()
	if err != nil {
		w.T.Fatal(err)
	}
	return out
}

// The samples of EMVCo and QRIS are read, and each change of one byte is refused.
func TestSamples(t *testing.T) {
	w := newWorld(t)
	for name, want := range map[string]*walletv1.DecodedQr{
		"emvco.txt": {Name: "BEST TRANSPORT", City: "BEIJING", Country: "CN", Mcc: "4111", Asset: "CNY", Amount: "2372", Dynamic: true, Tip: true},
		"qris.txt":  {Name: "TOKO CONTOH", City: "JAKARTA", Country: "ID", Mcc: "5812", Asset: "IDR", Nmid: "ID1020012345678"},
	} {
		t.Run(name, func(t *testing.T) {
			text, got := sample(t, name), &walletv1.DecodedQr{}
			w.Ask("decode_qr", &walletv1.DecodeQrRequest{Text: text}, got)
			if got.Name != want.Name || got.City != want.City || got.Country != want.Country || got.Mcc != want.Mcc || got.Asset != want.Asset || got.Amount != want.Amount ||
				got.Dynamic != want.Dynamic || got.Tip != want.Tip || got.Nmid != want.Nmid || got.Account != "" || got.Payable || got.Verdict.GetMcc() != want.Mcc || got.Verdict.Act != 0 {
				t.Error(got)
			}
			sums := 0
			for i := range len(text) {
				for _, x := range []byte{text[i] ^ 1, text[i] ^ 0x10, '0', 'A', ' '} {
					if x == text[i] {
						continue
					}
					changed := text[:i] + string([]byte{x}) + text[i+1:]
					err := w.Try("decode_qr", &walletv1.DecodeQrRequest{Text: strings.ToValidUTF8(changed, "?")}, got)
					if !edge.IsKind(err, edge.Invalid) {
						t.Fatalf("byte %d changed to %q: %v", i, x, err)
					}
					if edge.CodeOf(err) == qr.BadCRC {
						sums++
					}
				}
			}
			if sums < 4*len(text) {
				t.Errorf("only %d changes were found by the checksum", sums)
			}
			a := w.Member("payer", "100000")
			w.Untouched(func() {
				err := w.Do("pay_qr", &walletv1.PayQrRequest{Id: w.ID(), Text: text, From: a, Amount: "1"}, &walletv1.QrPayment{})
				w.Refuses(err, edge.Refused, invoices.CodeMerchant)
				if e, ok := errors.AsType[*edge.Error](err); !ok || !strings.Contains(e.Hint, "cash") {
					t.Error(err)
				}
			})
		})
	}
}

// Who sells what is not permissible is not paid, and nothing is held before that is known: also where all else is wrong.
func TestMerchants(t *testing.T) {
	w := newWorld(t)
	shop, a := w.Member("shop", "0"), w.Member("a", "5000")
	good := w.code(&walletv1.EncodeQrRequest{Account: shop, Mcc: "5411"})
	for code, rule := range map[string]string{"5921": "MCC-D", "7995": "MAYSIR-1"} {
		problem := "shariah_" + strings.ToLower(strings.ReplaceAll(rule, "-", "_"))
		w.Refuses(w.Try("encode_qr", &walletv1.EncodeQrRequest{Account: shop, Mcc: code, Name: "A", City: "B", Country: "ID"}, &walletv1.PaymentCode{}), edge.Refused, problem)
		for name, text := range map[string]string{
			"ours":    w.forged(good, func(m *qr.Merchant) { m.MCC = code }),
			"another": w.forged(sample(t, "qris.txt"), func(m *qr.Merchant) { m.MCC = code }),
		} {
			t.Run(code+" "+name, func(t *testing.T) {
				got := &walletv1.DecodedQr{}
				if w.Ask("decode_qr", &walletv1.DecodeQrRequest{Text: text, Language: "ar"}, got); got.Verdict.Act != walletv1.RuleAct_RULE_DENY || got.Verdict.Rule != rule || got.Verdict.Text == "" || got.Payable {
					t.Error(got)
				}
				id := w.ID()
				w.Untouched(func() {
					w.Refuses(w.Do("pay_qr", &walletv1.PayQrRequest{Id: id, Text: text, From: a, Amount: "100"}, &walletv1.QrPayment{}), edge.Refused, problem)
				})
				w.decided(id, rule)
				holds := &walletv1.ListHoldsResponse{}
				if w.Ask("list_holds", &walletv1.ListHoldsRequest{}, holds); len(holds.Holds) != 0 {
					t.Error(holds)
				}
			})
		}
	}
	w.Stands(a, "5000")
	w.Check()
}

// A code on the counter: the payer says how much, or the code does and nobody else.
func TestCounter(t *testing.T) {
	w := newWorld(t)
	shop, a, b := w.Member("shop", "0"), w.Member("a", "5000"), w.Member("b", "0")
	text := w.code(&walletv1.EncodeQrRequest{Account: shop, Mcc: "5411"})
	if got := (&walletv1.DecodedQr{}); true {
		if w.Ask("decode_qr", &walletv1.DecodeQrRequest{Text: text}, got); got.Account != shop || got.Amount != "" || got.Dynamic || !got.Payable || got.Asset != booktest.Asset {
			t.Error(got)
		}
	}
	pay, got := &walletv1.PayQrRequest{Id: w.ID(), Text: text, From: a, Amount: "700"}, &walletv1.QrPayment{}
	w.Must("pay_qr", pay, got)
	if got.Id != pay.Id || got.Account != shop || got.Amount != "700" || got.Mcc != "5411" || got.Status != walletv1.TransferStatus_POSTED {
		t.Error(got)
	}
	fixed := w.code(&walletv1.EncodeQrRequest{Account: shop, Mcc: "5411", Amount: "30000"})
	if !strings.Contains(fixed, "5403300") || !strings.Contains(fixed, "5303360") {
		t.Error(fixed)
	}
	w.Send(w.Desk("amanah"), a, "60000")
	refused := func(in *walletv1.PayQrRequest, k edge.Kind, code string) {
		t.Helper()
		if in.Id == "" {
			in.Id = w.ID()
		}
		w.Untouched(func() { w.Refuses(w.Do("pay_qr", in, got), k, code) })
	}
	refused(&walletv1.PayQrRequest{Text: text, From: a}, edge.Invalid, amount.CodeInvalid)
	refused(&walletv1.PayQrRequest{Text: text, From: a, Amount: "0"}, edge.Invalid, amount.CodeInvalid)
	refused(&walletv1.PayQrRequest{Text: fixed, From: a, Amount: "29999"}, edge.Refused, invoices.CodeAmount)
	refused(&walletv1.PayQrRequest{Text: fixed, From: a, Amount: "30001"}, edge.Refused, invoices.CodeAmount)
	refused(&walletv1.PayQrRequest{Text: fixed, From: b}, edge.Refused, ledger.CodeFunds)
	refused(&walletv1.PayQrRequest{Text: fixed, From: shop}, edge.Invalid, ledger.CodeInvalid)
	refused(&walletv1.PayQrRequest{Id: pay.Id, Text: text, From: a, Amount: "701"}, edge.Conflict, ledger.CodeConflict)
	refused(&walletv1.PayQrRequest{Text: w.forged(text, func(m *qr.Merchant) { m.Tip.Kind = qr.AskTip }), From: a, Amount: "1"}, edge.Refused, invoices.CodeAmount)
	refused(&walletv1.PayQrRequest{Text: w.forged(text, func(m *qr.Merchant) { m.Currency, _ = qr.CurrencyOf("EUR") }), From: a, Amount: "1"}, edge.Refused, ledger.CodeCurrency)
	refused(&walletv1.PayQrRequest{Text: w.forged(text, func(m *qr.Merchant) { m.MCC = "0000" }), From: a, Amount: "1"}, edge.Refused, invoices.CodeMerchant)
	refused(&walletv1.PayQrRequest{Text: w.forged(text, func(m *qr.Merchant) { m.Accounts[0].Fields[0].Value = w.ID() }), From: a, Amount: "1"}, edge.Refused, invoices.CodeMerchant)
	refused(&walletv1.PayQrRequest{Text: w.forged(text, func(m *qr.Merchant) { m.Accounts[0].Fields[0].Value = "shop" }), From: a, Amount: "1"}, edge.Invalid, qr.Invalid)
	refused(&walletv1.PayQrRequest{Text: w.forged(text, func(m *qr.Merchant) {
		two := m.Accounts[0]
		two.ID = "27"
		m.Accounts = append(m.Accounts, two)
	}), From: a, Amount: "1"}, edge.Invalid, qr.Invalid)
	for _, in := range []*walletv1.PayQrRequest{{Text: fixed, From: a}, {Text: fixed, From: a, Amount: "30000"}} {
		in.Id = w.ID()
		w.Must("pay_qr", in, got)
	}
	w.Stands(shop, "60700")
	w.Check()
}

// The code of an invoice pays the invoice: once, and no other sum than its own.
func TestInvoiceCode(t *testing.T) {
	w := newWorld(t)
	shop, other, a := w.Member("shop", "0"), w.Member("other", "0"), w.Member("a", "50000")
	inv := w.issue(shop, "12345")
	text := w.code(&walletv1.EncodeQrRequest{Account: shop, Mcc: "5411", Invoice: inv.Id})
	got := &walletv1.DecodedQr{}
	if w.Ask("decode_qr", &walletv1.DecodeQrRequest{Text: text}, got); got.Invoice != inv.Id || got.Amount != "12345" || !got.Dynamic || !got.Payable {
		t.Error(got)
	}
	w.Refuses(w.Try("encode_qr", &walletv1.EncodeQrRequest{Account: other, Mcc: "5411", Invoice: inv.Id, Name: "A", City: "B", Country: "ID"}, &walletv1.PaymentCode{}), edge.NotFound, invoices.CodeInvoice)
	w.Refuses(w.Try("encode_qr", &walletv1.EncodeQrRequest{Account: shop, Mcc: "5411", Invoice: inv.Id, Amount: "1", Name: "A", City: "B", Country: "ID"}, &walletv1.PaymentCode{}), edge.Refused, invoices.CodeAmount)
	out := &walletv1.QrPayment{}
	for name, tc := range map[string]struct {
		kind edge.Kind
		code string
		in   *walletv1.PayQrRequest
	}{
		"less":          {edge.Refused, invoices.CodeAmount, &walletv1.PayQrRequest{Text: text, Amount: "12344"}},
		"more":          {edge.Refused, invoices.CodeAmount, &walletv1.PayQrRequest{Text: text, Amount: "12346"}},
		"a forged sum":  {edge.Refused, invoices.CodeAmount, &walletv1.PayQrRequest{Text: w.forged(text, func(m *qr.Merchant) { m.Amount = amount.Of(1) })}},
		"another payee": {edge.NotFound, invoices.CodeInvoice, &walletv1.PayQrRequest{Text: w.forged(text, func(m *qr.Merchant) { m.Accounts[0].Fields[0].Value = other })}},
		"no such invoice": {edge.NotFound, invoices.CodeInvoice, &walletv1.PayQrRequest{Text: w.forged(text, func(m *qr.Merchant) {
			m.Additional.Others[0].Value = strings.Replace(m.Additional.Others[0].Value, inv.Id, w.ID(), 1)
		})}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.in.Id, tc.in.From = w.ID(), a
			w.Untouched(func() { w.Refuses(w.Do("pay_qr", tc.in, out), tc.kind, tc.code) })
			w.is(inv.Id, open)
		})
	}
	w.Must("pay_qr", &walletv1.PayQrRequest{Id: w.ID(), Text: text, From: a}, out)
	if out.Invoice != inv.Id || out.Amount != "12345" {
		t.Error(out)
	}
	w.is(inv.Id, paid)
	w.Untouched(func() {
		w.Refuses(w.Do("pay_qr", &walletv1.PayQrRequest{Id: w.ID(), Text: text, From: a}, out), edge.Conflict, invoices.CodePaid)
	})
	if w.Ask("decode_qr", &walletv1.DecodeQrRequest{Text: text}, got); got.Payable {
		t.Error("what is paid can be paid")
	}
	w.Refuses(w.Try("encode_qr", &walletv1.EncodeQrRequest{Account: shop, Mcc: "5411", Invoice: inv.Id, Name: "A", City: "B", Country: "ID"}, &walletv1.PaymentCode{}), edge.Conflict, invoices.CodePaid)
	w.Check()
}

// Whatever a code says of its account and its invoice, it is read or refused, and what can be paid is paid.
func FuzzCode(f *testing.F) {
	w := newWorld(f)
	shop, a := w.Member("shop", "0"), w.Member("a", "1000000")
	w.known(a)
	inv := w.issue(shop, "5")
	f.Add("26", "ORG.AIELON.WALLET", "01", shop, "50", "0017ORG.AIELON.WALLET0126"+inv.Id, "5411", uint64(5))
	f.Add("51", "ID.CO.QRIS.WWW", "02", "ID1020012345678", "07", "A", "5812", uint64(0))
	f.Fuzz(func(t *testing.T, tag, guid, field, account, at, bill, mcc string, amt uint64) {
		w.T = t
		m := qr.Merchant{MCC: mcc, Country: "ID", Name: "A", City: "B", Amount: amount.Of(amt), Accounts: []qr.Account{{ID: tag, GUID: guid, Fields: []qr.Object{{ID: field, Value: account}}}}}
		m.Currency, _ = qr.CurrencyOf(booktest.Asset)
		if bill != "" {
			m.Additional.Others = []qr.Object{{ID: at, Value: bill}}
		}
		text, err := m.Encode()
		if err != nil {
			t.Skip()
		}
		got, in := &walletv1.DecodedQr{}, &walletv1.PayQrRequest{Id: w.ID(), Text: text, From: a}
		if err := w.Try("decode_qr", &walletv1.DecodeQrRequest{Text: text}, got); err != nil {
			w.Refuses(err, edge.Invalid, qr.Invalid)
			got.Payable = false
		}
		if got.Amount == "" {
			in.Amount = "1"
		}
		switch err := w.Do("pay_qr", in, &walletv1.QrPayment{}); {
		case (err == nil) == got.Payable:
		case edge.CodeOf(err) == ledger.CodeFunds, edge.CodeOf(err) == invoices.CodeAmount, edge.CodeOf(err) == "aml_limit", edge.CodeOf(err) == "reviews_full":
		default:
			t.Errorf("payable %v, and %v", got.Payable, err)
		}
	})
}
