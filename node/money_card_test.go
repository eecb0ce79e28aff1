package node

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A fakeProcessor speaks as a card processor does. It loses the answer to the first of each request it has done.
type fakeProcessor struct {
	*httptest.Server
	mu    sync.Mutex
	done  map[string]string // by Idempotency-Key
	calls int
}

func newFakeProcessor(t *testing.T) *fakeProcessor {
	f := &fakeProcessor{done: map[string]string{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// ServeHTTP implements http.Handler.
func (f *fakeProcessor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	key := r.Header.Get("Idempotency-Key")
	if answer, ok := f.done[key]; ok {
		w.Write([]byte(answer))
		return
	}
	switch r.ParseForm(); r.URL.Path {
	case "/v1/payment_intents":
		f.done[key] = fmt.Sprintf(`{"id":"pi_%d","object":"payment_intent","amount":%s,"currency":%q,"status":"requires_payment_method","client_secret":"cs_%d","metadata":{"attempt":%q}}`,
			len(f.done), r.Form.Get("amount"), r.Form.Get("currency"), len(f.done), r.Form.Get("metadata[attempt]"))
	case "/v1/refunds":
		f.done[key] = fmt.Sprintf(`{"id":"re_%d","object":"refund","amount":%s,"currency":"idr","status":"succeeded","payment_intent":%q}`, len(f.done), r.Form.Get("amount"), r.Form.Get("payment_intent"))
	default:
		w.WriteHeader(404)
		return
	}
	w.WriteHeader(502) // done, and the answer is lost
}

// A payment by card, from its beginning to a refund: answers are lost, messages come twice, forged and late, and money
// moves once each way.
func TestMoneyByCard(t *testing.T) {
	x, f := newTill(t), newFakeProcessor(t)
	var mira signedIn
	x.must("POST", "/v1/sign-in", "", `{"login":"mira","password":"purple camel teacup"}`, &mira)
	bank, rest := x.account(`"kind":"BANK","asset":"IDR","fund":"amanah"`), x.account(`"kind":"PAYABLE","asset":"IDR","fund":"amanah"`)
	const secret, older = "whsec_a_secret_of_a_test", "whsec_the_one_before_it"
	for i, s := range []string{older, secret} {
		x.must("POST", "/v1/wallet/gateways", mira.Session, fmt.Sprintf(`{"name":"card","kind":"GATEWAY_CARD","base":%q,"allow_private":true,"key":"sk_test","signing_secret":%q,"rotate":true,"if_version":%d,"accounts":[{"account":%q,"suspense":%q}]}`,
			f.URL, s, i, bank, rest), nil)
	}
	if code, answer := x.rest("GET", "/v1/wallet/gateways", x.officer.Session, ""); code != 200 || strings.Contains(answer, "whsec") || strings.Contains(answer, "sk_test") {
		t.Error(code, answer)
	}
	var p struct{ ID, State, Confirmed, Returned, Refunding string }
	x.must("POST", "/v1/wallet/payments", x.a.Session, fmt.Sprintf(`{"gateway":"card","account":%q,"amount":"250000"}`, x.ofA), &p)
	if code, answer := x.rest("POST", "/v1/wallet/payments/"+p.ID+"/start", x.b.Session, `{}`); code != 404 {
		t.Error("somebody else starts it:", code, answer)
	}
	var started struct{ ClientSecret string }
	for range 2 {
		if x.must("POST", "/v1/wallet/payments/"+p.ID+"/start", x.a.Session, `{}`, &started); started.ClientSecret != "cs_0" {
			t.Fatal(started)
		}
	}
	tell := func(id, object string, at time.Time, sign ...string) int {
		t.Helper()
		body := fmt.Sprintf(`{"id":%q,"type":"payment_intent.succeeded","created":%d,"data":{"object":%s}}`, id, at.Unix(), object)
		head := fmt.Sprint("t=", at.Unix())
		for _, s := range sign {
			mac := hmac.New(sha256.New, []byte(s))
			fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
			head += ",v1=" + hex.EncodeToString(mac.Sum(nil))
		}
		code, _ := x.rest("POST", "/v1/wallet/gateways/card/webhook", "", body, "Stripe-Signature", head)
		return code
	}
	paid := fmt.Sprintf(`{"id":"pi_0","object":"payment_intent","amount":250000,"amount_received":250000,"currency":"idr","status":"succeeded","metadata":{"attempt":%q}}`, p.ID)
	now := time.Now()
	before := x.stand()
	for name, code := range map[string]int{"unsigned": tell("evt", paid, now), "forged": tell("evt", paid, now, "whsec_of_somebody_else"), "old": tell("evt", paid, now.Add(-6*time.Minute), secret),
		"of tomorrow": tell("evt", paid, now.Add(6*time.Minute), secret)} {
		if code != 403 && code != 401 {
			t.Errorf("%s: %d", name, code)
		}
	}
	if code, _ := x.rest("POST", "/v1/wallet/gateways/card/webhook", "", strings.Repeat("x", 65<<10)); code != 400 && code != 413 {
		t.Errorf("too long: %d", code)
	}
	if code, _ := x.rest("POST", "/v1/wallet/gateways/none/webhook", "", "{}"); code != 404 {
		t.Errorf("no gateway: %d", code)
	}
	if after := x.stand(); after != before {
		t.Error("something has changed")
	}
	for _, s := range []string{secret, older, secret} { // told three times, while the secret is changed
		if code := tell("evt_1", paid, now, s); code != 204 {
			t.Fatal(code)
		}
	}
	balance := func() (b struct{ Posted string }) {
		t.Helper()
		x.must("GET", "/v1/wallet/accounts/"+x.ofA+"/balance", x.a.Session, "", &b)
		return b
	}
	if got := balance().Posted; got != "251000" {
		t.Fatal(got)
	}
	x.post("/v1/wallet/payments/"+p.ID+"/refund", fmt.Sprintf(`{"event":%q,"amount":"50000"}`, x.fresh()))
	eventually(t, "the refund", func() error {
		x.must("GET", "/v1/wallet/payments/"+p.ID, x.a.Session, "", &p)
		if p.Returned != "50000" {
			return edge.E(edge.NotFound, "%+v", p)
		}
		return nil
	})
	if code := tell("evt_2", `{"id":"re_1","object":"refund","amount":50000,"currency":"idr","status":"succeeded","payment_intent":"pi_0"}`, now, secret); code != 204 && code != 200 {
		t.Error(code)
	}
	if got := balance().Posted; got != "201000" {
		t.Error(got)
	}
	x.stand()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.done) != 2 {
		b, _ := json.Marshal(f.done)
		t.Errorf("the processor did %s", b)
	}
}
