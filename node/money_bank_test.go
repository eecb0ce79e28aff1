package node

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// The longest statement a node takes: 400 entries, of which 120 pay payments. All of them are paid, those that did not fit
// into one command soon after; nobody but who reconciles sees who paid.
func TestMoneyByBank(t *testing.T) {
	x := newTill(t)
	var mira signedIn
	x.must("POST", "/v1/sign-in", "", `{"login":"mira","password":"purple camel teacup"}`, &mira)
	bank, rest := x.account(`"kind":"BANK","asset":"IDR","fund":"amanah"`), x.account(`"kind":"PAYABLE","asset":"IDR","fund":"amanah"`)
	x.must("POST", "/v1/wallet/gateways", mira.Session, fmt.Sprintf(`{"name":"bank","kind":"GATEWAY_BANK","accounts":[{"account":%q,"suspense":%q}]}`, bank, rest), nil)
	var rows strings.Builder
	for i := range 400 {
		text := strings.Repeat("payer wrote ", 5)
		if i < 120 {
			var p struct{ Reference string }
			x.must("POST", "/v1/wallet/payments", x.a.Session, fmt.Sprintf(`{"gateway":"bank","account":%q,"amount":"%d"}`, x.ofA, 1000+i), &p)
			text += p.Reference
		}
		fmt.Fprintf(&rows, `<Ntry><Amt Ccy="IDR">%d.%02d</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt><AcctSvcrRef>B-%d</AcctSvcrRef><NtryDtls><TxDtls>`+
			`<RltdPties><Dbtr><Nm>Secret Payer</Nm></Dbtr></RltdPties><RmtInf><Ustrd>%s</Ustrd></RmtInf></TxDtls></NtryDtls><!-- %s --></Ntry>`, (1000+i)/100, (1000+i)%100, i, text, strings.Repeat("x", 1200))
	}
	file := `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt><Id>S-1</Id><Acct><Id><Othr><Id>123-456</Id></Othr></Id><Ccy>IDR</Ccy></Acct>` + rows.String() + `</Stmt></BkToCstmrStmt></Document>`
	body := fmt.Sprintf(`{"account":%q,"format":"CAMT053","bankAccount":"123-456","document":%q}`, bank, base64.StdEncoding.EncodeToString([]byte(file)))
	const at = "/v1/wallet/reconciliation/"
	if code, answer := x.rest("POST", at+"statements", x.a.Session, body); code != 403 && code != 404 {
		t.Fatal("a member imports a statement:", code, answer)
	}
	type statement struct {
		ID                        string
		Entries, Matched, Waiting int
	}
	var out struct {
		Statements []statement
		Again      bool
	}
	if err := json.Unmarshal([]byte(x.post(at+"statements", body)), &out); err != nil || len(out.Statements) != 1 {
		t.Fatal(out, err)
	}
	st := out.Statements[0]
	if st.Entries != 400 || st.Matched == 0 || st.Matched+st.Waiting != 120 {
		t.Fatal(st, len(file))
	}
	eventually(t, "payments to be paid", func() error {
		var list struct{ Statements []statement }
		x.must("GET", at+"statements?account="+bank, x.officer.Session, "", &list)
		if list.Statements[0].Matched != 120 {
			return edge.E(edge.NotFound, "%+v", list)
		}
		return nil
	})
	if x.must("GET", at+"statements/"+st.ID, x.officer.Session, "", nil); !strings.Contains(x.post(at+"statements", body), `"again":true`) {
		t.Error("the same file is taken twice")
	}
	var b struct{ Posted string }
	x.must("GET", "/v1/wallet/accounts/"+x.ofA+"/balance", x.a.Session, "", &b)
	if want := fmt.Sprint(1000 + 120*1000 + 119*120/2); b.Posted != want {
		t.Errorf("%s, not %s", b.Posted, want)
	}
	list := at + "entries?account=" + bank
	if code, answer := x.rest("GET", list, x.officer.Session, ""); code != 200 || !strings.Contains(answer, "Secret Payer") {
		t.Error(code, answer)
	}
	for _, who := range []string{x.a.Session, mira.Session} {
		if code, answer := x.rest("GET", list, who, ""); code != 403 && code != 404 || strings.Contains(answer, "Secret") {
			t.Error(code, answer)
		}
	}
	x.stand()
}
