package node

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Statements go to whose account it is and to officers, journals to officers alone, in every format.
func TestMoneyFiles(t *testing.T) {
	x := newTill(t)
	get := func(token, path string) (int, string, http.Header) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+x.DoorAddr()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b strings.Builder
		if err := res.Write(&b); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, b.String(), res.Header
	}
	account := "/v1/wallet/accounts/" + x.ofA + "/statement."
	for _, tc := range []struct {
		token, path string
		status      int
		kind, holds string
	}{
		{x.a.Session, account + "pdf", 200, "application/pdf", "%PDF-1.7"},
		{x.a.Session, account + "pdf?language=ur", 200, "application/pdf", "/Lang (ur)"},
		{x.a.Session, account + "csv", 200, "text/csv", "10.00"},
		{x.officer.Session, account + "hledger", 200, "text/plain", "-10.00 IDR"},
		{x.officer.Session, account + "ledger?until=2020-01-01T00:00:00Z", 200, "text/plain", "tag time"},
		{x.officer.Session, account + "beancount", 200, "text/plain", "-10.00 IDR"},
		{x.officer.Session, account + "camt053", 200, "application/xml", ">10.00<"},
		{x.officer.Session, account + "doc", 400, "application/problem+json", "invalid_request"},
		{x.officer.Session, account + "pdf?language=xx", 400, "application/problem+json", "invalid_request"},
		{x.officer.Session, account + "pdf?from=2027-01-01T00:00:00Z&until=2026-01-01T00:00:00Z", 400, "application/problem+json", "invalid_request"},
		{x.officer.Session, "/v1/wallet/accounts/" + x.fresh() + "/statement.pdf", 404, "application/problem+json", "account_not_found"},
		{x.b.Session, account + "pdf", 404, "application/problem+json", "not_found"},
		{x.officer.Session, "/v1/wallet/ledger/journal.hledger", 200, "text/plain", "Assets:Cash:"},
		{x.officer.Session, "/v1/wallet/ledger/balances.csv", 200, "text/csv", ",IDR,-10.00"},
		{x.officer.Session, "/v1/wallet/ledger/balances.csv?from=2026-01-01T00:00:00Z", 400, "application/problem+json", "invalid_request"},
		{x.a.Session, "/v1/wallet/ledger/journal.hledger", 403, "application/problem+json", "denied"},
		{"", account + "pdf", 401, "application/problem+json", ""},
	} {
		status, body, head := get(tc.token, tc.path)
		if status != tc.status || !strings.HasPrefix(head.Get("Content-Type"), tc.kind) || !strings.Contains(body, tc.holds) {
			t.Errorf("%s: %d %.1500s", tc.path, status, body)
		}
	}
}

// Whoever asked for it is told of money that moved, once, under a signature, without a name or a note.
func TestMoneyTold(t *testing.T) {
	r := &hookReceiver{}
	r.Server = httptest.NewTLSServer(r)
	t.Cleanup(r.Close)
	if os.Getenv("SSL_CERT_FILE") != filepath.Join(os.Getenv("MONEY_TOLD"), "ca.pem") { // what is personal goes out by TLS alone, and roots are read once in a process
		dir := t.TempDir()
		ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})
		if err := os.WriteFile(filepath.Join(dir, "ca.pem"), ca, 0o600); err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMoneyTold$")
		c.Env = append(os.Environ(), "MONEY_TOLD="+dir, "SSL_CERT_FILE="+filepath.Join(dir, "ca.pem"))
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	x := newTill(t)
	var mira signedIn
	x.must("POST", "/v1/sign-in", "", `{"login":"mira","password":"purple camel teacup"}`, &mira)
	var h hookMade
	x.must("POST", "/v1/webhooks", mira.Session, fmt.Sprintf(`{"url":%q,"types":["wallet.posted"],"class":"CLASS_PERSONAL","allow_private":true}`, r.URL), &h)
	pay := fmt.Sprintf(`{"transfer":{"id":%q,"debit":%q,"credit":%q,"amount":"10","memo":"for the medicine"}}`, x.fresh(), x.ofA, x.ofB)
	for range 2 {
		x.must("POST", "/v1/wallet/transfers", x.a.Session, pay, nil)
	}
	x.post("/v1/wallet/transfers", fmt.Sprintf(`{"transfer":{"id":%q,"debit":%q,"credit":%q,"amount":"7"}}`, x.fresh(), x.desk, x.ofB))
	r.wait(t, 2) // what came of the second payment is after all that came of the first
	wh, err := standard.NewWebhook(h.Secret)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) != 2 {
		t.Errorf("%d messages", len(r.got))
	}
	for i := range r.got {
		var m struct{ Type string }
		if err := wh.Verify(r.body[i], r.got[i]); err != nil || json.Unmarshal(r.body[i], &m) != nil || m.Type != "wallet.posted" {
			t.Errorf("%v %s", err, r.body[i])
		}
		if strings.Contains(string(r.body[i]), "medicine") || strings.Contains(string(r.body[i]), x.a.Person.ID) && i == 1 {
			t.Errorf("the message says too much: %s", r.body[i])
		}
	}
}
