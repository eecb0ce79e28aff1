package qr_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/text/currency"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/qr"
)

func TestMerchantOfEMVCo(t *testing.T) {
	m, err := qr.DecodeMerchant(sample(t, "emvco.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want := qr.Merchant{
		Dynamic: true, MCC: "4111", Currency: qr.Currency{Number: "156", Name: "CNY", Scale: 2}, Amount: amount.Of(2372),
		Tip: qr.Tip{Kind: qr.AskTip}, Country: "CN", Name: "BEST TRANSPORT", City: "BEIJING",
		Accounts: []qr.Account{
			{ID: "29", GUID: "D15600000000", Fields: []qr.Object{{ID: "05", Value: "A93FO3230Q"}}},
			{ID: "31", GUID: "D15600000001", Fields: []qr.Object{{ID: "03", Value: "12345678"}}},
		},
		Additional: qr.Additional{Store: "1234", Customer: "***", Terminal: "A6008667", AskFor: "ME"},
		Local:      qr.Local{Language: "ZH", Name: "最佳运输", City: "北京"},
		Others:     []qr.Object{{ID: "91", Parts: []qr.Object{{ID: "00", Value: "A011223344998877"}, {ID: "07", Value: "12345678"}}}},
	}
	same(t, m, want)
	text, err := m.Encode() // in canonical order, so not as it came
	if err != nil {
		t.Fatal(err)
	}
	back, err := qr.DecodeMerchant(text)
	if err != nil {
		t.Fatal(err)
	}
	same(t, back, want)
}

// same compares without printing, which a Merchant does not do.
func same(t *testing.T, got, want qr.Merchant) {
	t.Helper()
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		a, b := g.Field(i), w.Field(i)
		if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
			continue
		}
		if !equal(a, b) {
			t.Errorf("%s: %+v, want %+v", g.Type().Field(i).Name, a, b)
		}
	}
}

func equal(a, b reflect.Value) bool {
	if a.Kind() != reflect.Struct {
		return reflect.DeepEqual(a.Interface(), b.Interface())
	}
	for i := range a.NumField() {
		x, y := a.Field(i), b.Field(i)
		if x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0 {
			continue
		}
		if !reflect.DeepEqual(x.Interface(), y.Interface()) {
			return false
		}
	}
	return true
}

// A code of QRIS is in canonical order, so what it says is enough to write it again.
func TestMerchantOfQRIS(t *testing.T) {
	text := sample(t, "qris.txt")
	m, err := qr.DecodeMerchant(text)
	if err != nil {
		t.Fatal(err)
	}
	q, ok, err := m.QRIS()
	if !ok || err != nil || q != (qr.QRIS{NMID: "ID1020012345678", Criteria: "UMI"}) {
		t.Errorf("%v, %v, %v", q, ok, err)
	}
	if m.Dynamic || m.MCC != "5812" || m.Currency.Name != "IDR" || !m.Amount.IsZero() || m.Postal != "10110" || m.Additional.Terminal != "KASIR-01" || len(m.Accounts) != 2 {
		t.Errorf("%v %s %s", m.Dynamic, m.MCC, m.Amount)
	}
	if again, err := m.Encode(); err != nil || again != text {
		t.Errorf("%q, %v", again, err)
	}
	m.Dynamic, m.Amount = true, amount.Of(2500000) // 25,000 rupiah for one payment
	dynamic, err := m.Encode()
	if err != nil || !strings.Contains(dynamic, "5303360540525000"+"5802ID") {
		t.Errorf("%q, %v", dynamic, err)
	}
	account, err := q.Account()
	if err != nil || !reflect.DeepEqual(account, m.Accounts[1]) {
		t.Errorf("account %v, %v", account.Fields, err)
	}
	if _, err := (qr.QRIS{NMID: "ID102001234567", Criteria: "UMI"}).Account(); edge.CodeOf(err) != qr.Invalid {
		t.Error(err)
	}
}

const head, tail = "520458125303360", "5802ID5901A6001B"

func TestMerchantMoney(t *testing.T) {
	account := "0204abcd"
	for fields, want := range map[string]string{
		head + "540523.72" + tail: "2372 {0 0 0}", head + "540298" + tail: "9800 {0 0 0}", head + "540398." + tail: "9800 {0 0 0}", head + "540498.7" + tail: "9870 {0 0 0}",
		head + "550201" + tail: "0 {1 0 0}", head + "550202560312." + tail: "0 {2 1200 0}", head + "55020357053.25." + tail: "", head + "55020357043.25" + tail: "0 {3 0 325}",
		head + "54010" + tail: "", head + "540400.0" + tail: "", head + "54051.005" + tail: "", head + "5404-1.0" + tail: "", head + "54041,50" + tail: "", head + "54041e10" + tail: "",
		head + "541412345678901.23" + tail: "", head + "5401." + tail: "", head + "5402.5" + tail: "", head + "54051.2.3" + tail: "", head + "54041.5." + tail: "",
		head + "550202" + tail: "", head + "550203" + tail: "", head + "5502015603100" + tail: "", head + "5603100" + tail: "", head + "5502025603100570110" + tail: "", head + "550204" + tail: "",
		head + "55020357040.00" + tail: "", head + "5502035703100" + tail: "", head + "55020357050.005" + tail: "",
	} {
		m, err := qr.DecodeMerchant(sealed(account + fields))
		got := ""
		if err == nil {
			got = fmt.Sprintf("%s {%d %s %d}", m.Amount, m.Tip.Kind, m.Tip.Fee, m.Tip.Percent)
		} else if edge.CodeOf(err) != qr.Invalid || !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", fields, err)
		}
		if got != want {
			t.Errorf("%s: %q, %v; want %q", fields, got, err, want)
		}
		if err != nil {
			continue
		}
		text, err := m.Encode()
		if err != nil {
			t.Errorf("%s: %v", fields, err)
		}
		back, err := qr.DecodeMerchant(text)
		if err != nil || back.Amount != m.Amount || back.Tip != m.Tip {
			t.Errorf("%s: %q, %v", fields, text, err)
		}
	}
}

func TestMerchantRefuses(t *testing.T) {
	const account = "0204abcd"
	for _, fields := range []string{
		"", head + tail, account, account + head, account + tail, account + "52045812" + tail, account + "520358153033605802ID5901A6001B", account + "5204abcd53033605802ID5901A6001B",
		account + "520458125303999" + tail, account + "52045812530299" + tail, account + head + "5802id5901A6001B", account + head + "5803IDN5901A6001B", account + head + "5802ID6001B",
		account + head + "5802ID5926" + strings.Repeat("A", 26) + "6001B", account + head + "5802ID5901A6016" + strings.Repeat("B", 16), account + head + tail + "6111" + strings.Repeat("1", 11),
		account + "010213" + head + tail, account + head + tail + "62300126" + strings.Repeat("1", 26), account + head + tail + "64060002ZH", account + head + tail + "64050101A", account + head + tail + "64110002Z10101A",
		"26080104abcd" + head + tail, "2637" + "0033" + strings.Repeat("A", 33) + head + tail,
	} {
		if _, err := qr.DecodeMerchant(sealed(fields)); edge.CodeOf(err) != qr.Invalid || !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", fields, err)
		}
	}
	good, err := qr.DecodeMerchant(sample(t, "qris.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*qr.Merchant){
		"no account": func(m *qr.Merchant) { m.Accounts = nil }, "account 52": func(m *qr.Merchant) { m.Accounts = []qr.Account{{ID: "52", GUID: "A"}} },
		"account without scheme": func(m *qr.Merchant) { m.Accounts = []qr.Account{{ID: "30"}} }, "currency": func(m *qr.Merchant) { m.Currency.Scale = 0 },
		"no name": func(m *qr.Merchant) { m.Name = "" }, "control": func(m *qr.Merchant) { m.Name = "A\nB" }, "other 58": func(m *qr.Merchant) { m.Others = []qr.Object{{ID: "58", Value: "ID"}} },
		"percent and fee": func(m *qr.Merchant) { m.Tip = qr.Tip{Kind: qr.Percent, Percent: 5, Fee: amount.Of(1)} }, "fee of nothing": func(m *qr.Merchant) { m.Tip = qr.Tip{Kind: qr.Fee} },
		"tip with a fee": func(m *qr.Merchant) { m.Tip = qr.Tip{Kind: qr.AskTip, Fee: amount.Of(1)} }, "kind": func(m *qr.Merchant) { m.Tip.Kind = 9 }, "amount": func(m *qr.Merchant) { m.Amount = amount.Max() },
		"percent": func(m *qr.Merchant) { m.Tip = qr.Tip{Kind: qr.Percent, Percent: 10000} }, "same account twice": func(m *qr.Merchant) { m.Accounts[1] = m.Accounts[0] },
		"too long": func(m *qr.Merchant) {
			m.Others = []qr.Object{{ID: "65", Value: strings.Repeat("北", 99)}, {ID: "66", Value: strings.Repeat("北", 99)}}
		},
	} {
		m := good
		m.Accounts = append([]qr.Account(nil), good.Accounts...)
		spoil(&m)
		if text, err := m.Encode(); text != "" || edge.CodeOf(err) != qr.Invalid {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

// A code names people; a log must not.
func TestMerchantDoesNotPrint(t *testing.T) {
	m := qr.Merchant{Name: "somebody", Additional: qr.Additional{Mobile: "0812"}}
	if s := fmt.Sprintf("%v %+v %s", m, m.Additional, m); strings.Contains(s, "somebody") || strings.Contains(s, "0812") {
		t.Error(s)
	}
}

// The table agrees with Unicode's on how many decimals there are, but where Unicode leaves out those that nobody uses.
func TestCurrencies(t *testing.T) {
	n := 0
	for number := range 1000 {
		c, ok := qr.CurrencyOf(fmt.Sprintf("%03d", number))
		if !ok {
			continue
		}
		n++
		if back, ok := qr.CurrencyOf(c.Name); !ok || back != c {
			t.Errorf("%v, %v", c, back)
		}
		unit, err := currency.ParseISO(c.Name)
		if err != nil {
			continue // younger than that table
		}
		if scale, _ := currency.Standard.Rounding(unit); scale != c.Scale && scale != 0 {
			t.Errorf("%s: %d decimals, Unicode has %d", c.Name, c.Scale, scale)
		}
	}
	if n != 155 {
		t.Errorf("%d currencies", n)
	}
	for name, scale := range map[string]int{"IDR": 2, "MYR": 2, "KWD": 3, "JPY": 0, "SAR": 2, "PKR": 2, "EUR": 2} {
		if c, ok := qr.CurrencyOf(name); !ok || c.Scale != scale {
			t.Errorf("%s: %v", name, c)
		}
	}
	for _, s := range []string{"", "9", "ID", "idr", "R2 ", "999", "36", "3600"} {
		if c, ok := qr.CurrencyOf(s); ok {
			t.Errorf("%q is %v", s, c)
		}
	}
}
