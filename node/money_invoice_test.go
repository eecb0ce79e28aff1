package node

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aielon/edge/services/wallet/qr"
)

// ask asks as somebody, and reads the answer.
func (x *till) ask(who signedIn, method, path, body string, want int, code string) map[string]any {
	x.t.Helper()
	status, answer := x.rest(method, path, who.Session, body)
	out := map[string]any{}
	if err := json.Unmarshal([]byte(answer), &out); err != nil {
		x.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	if got, _ := out["code"].(string); status != want || code != "" && got != code {
		x.t.Fatalf("%s %s: %d %s, want %d %s", method, path, status, answer, want, code)
	}
	return out
}

// A member asks another for money by number and by code, at the door of a real node: who may see and do what, what is
// held until an officer decided, and what comes of it.
func TestMoneyInvoices(t *testing.T) {
	x := newTill(t)
	officer := x.invite(x.boss.Session, "reviewer", `"shariah-reviewer"`)
	issue := func(price string) string {
		return x.ask(x.b, "POST", "/v1/wallet/invoices", fmt.Sprintf(`{"payee":%q,"asset":"IDR","delivery":"spot","lines":[{"description":"bread","quantity":"2","price":%q}]}`, x.ofB, price), 200, "")["id"].(string)
	}
	inv := issue("100")
	x.ask(x.b, "POST", "/v1/wallet/invoices", fmt.Sprintf(`{"payee":%q,"asset":"IDR","delivery":"soon","lines":[{"description":"bread","quantity":"2","price":"1"}]}`, x.ofB), 422, "shariah_gharar_1")
	x.ask(x.a, "POST", "/v1/wallet/invoices", fmt.Sprintf(`{"payee":%q}`, x.ofB), 404, "") // not one's own account
	if got := x.ask(x.a, "GET", "/v1/wallet/invoices/"+inv+"?account="+x.ofA, "", 200, ""); got["total"] != "200" || got["state"] != "INVOICE_OPEN" {
		t.Error(got)
	}
	x.ask(x.a, "GET", "/v1/wallet/invoices/"+inv, "", 403, "")
	x.ask(x.a, "POST", "/v1/wallet/invoices/"+inv+":cancel", `{}`, 404, "")
	if got := x.ask(x.a, "POST", "/v1/wallet/invoices/"+inv+":pay", fmt.Sprintf(`{"from":%q}`, x.ofA), 200, ""); got["state"] != "INVOICE_PAID" {
		t.Error(got)
	}
	x.ask(x.a, "POST", "/v1/wallet/invoices/"+inv+":pay", fmt.Sprintf(`{"from":%q}`, x.ofA), 409, "invoice_paid")

	second := issue("150")
	code := x.ask(x.b, "POST", "/v1/wallet/qr:encode", fmt.Sprintf(`{"account":%q,"invoice":%q,"mcc":"5933","name":"A","city":"B","country":"ID"}`, x.ofB, second), 200, "")["text"].(string)
	x.ask(x.a, "POST", "/v1/wallet/qr:decode", fmt.Sprintf(`{"text":%q}`, strings.Replace(code, "5933", "5411", 1)), 400, "qr_bad_crc")
	if got := x.ask(x.a, "POST", "/v1/wallet/qr:decode", fmt.Sprintf(`{"text":%q}`, code), 200, ""); got["payable"] != true || got["amount"] != "300" || got["invoice"] != second {
		t.Error(got)
	}
	before := x.stand()
	x.ask(x.a, "POST", "/v1/wallet/qr:pay", fmt.Sprintf(`{"text":%q,"from":%q}`, casino(t, code), x.ofA), 422, "shariah_maysir_1")
	x.ask(x.a, "POST", "/v1/wallet/qr:pay", fmt.Sprintf(`{"text":%q,"from":%q,"amount":"299"}`, code, x.ofA), 422, "amount_differs")
	if after := x.stand(); after != before {
		t.Errorf("something has changed\n%s\n%s", before, after)
	}
	held := x.ask(x.a, "POST", "/v1/wallet/qr:pay", fmt.Sprintf(`{"text":%q,"from":%q}`, code, x.ofA), 202, "")
	state := func(want string) {
		t.Helper()
		if got := x.ask(x.b, "GET", "/v1/wallet/invoices/"+second+"?account="+x.ofB, "", 200, ""); got["state"] != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	state("INVOICE_PAYING")
	x.ask(x.b, "POST", "/v1/wallet/invoices/"+second+":cancel", `{}`, 409, "invoice_paying")
	x.ask(officer, "POST", fmt.Sprintf("/v1/wallet/compliance/reviews/%s:decide", held["id"]), `{"approve":true,"reason":"a fair shop"}`, 200, "")
	state("INVOICE_PAID")
	third := issue("1")
	if got := x.ask(x.b, "POST", "/v1/wallet/invoices/"+third+":cancel", `{}`, 200, ""); got["state"] != "INVOICE_CANCELLED" {
		t.Error(got)
	}
	x.stand()
}

// casino is a code whose merchant is one.
func casino(t *testing.T, text string) string {
	t.Helper()
	m, err := qr.DecodeMerchant(text)
	if err != nil {
		t.Fatal(err)
	}
	m.MCC = "7995"
	out, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
