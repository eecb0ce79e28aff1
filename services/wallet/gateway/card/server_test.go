package card

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A fault is what happens to one request on its way.
type fault int

const (
	none        fault = iota
	requestLost       // the connection breaks before the processor has read it
	answerLost        // it breaks after the processor has done it
	slow              // it is done, and the answer comes after the client gave up
	busy              // 409: the same key is being worked on
	tooMany           // 429 with Retry-After
	failing           // 500, nothing was done
	garbage           // 200 with half an answer, and it was done
	endless           // 200 with more than can be read
	redirect          // 302 to somewhere else
)

// A processor behaves as the public API does: keys are remembered with their bodies, payments and refunds are kept.
type processor struct {
	*httptest.Server
	mu       sync.Mutex
	faults   []fault // of the next requests, in order
	answers  map[string]answer
	payments map[string]map[string]any
	refunds  map[string]map[string]any
	requests int
}

type answer struct {
	body, text string
	status     int
}

func newProcessor(t *testing.T, faults ...fault) *processor {
	p := &processor{faults: faults, answers: map[string]answer{}, payments: map[string]map[string]any{}, refunds: map[string]map[string]any{}}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *processor) client(t *testing.T) *Client {
	t.Helper()
	c, err := New(Options{Base: p.URL, Key: "sk_test", HTTP: &http.Client{Timeout: 300 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, AllowPlain: true, Wait: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (p *processor) next() fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	if len(p.faults) == 0 {
		return none
	}
	f := p.faults[0]
	p.faults = p.faults[1:]
	return f
}

func (p *processor) serve(w http.ResponseWriter, r *http.Request) {
	f := p.next()
	switch f {
	case requestLost:
		panic(http.ErrAbortHandler)
	case busy:
		fail(w, 409, "invalid_request_error", "idempotency_key_in_use")
		return
	case tooMany:
		w.Header().Set("Retry-After", "0")
		fail(w, 429, "rate_limit_error", "")
		return
	case failing:
		fail(w, 500, "api_error", "")
		return
	case redirect:
		http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		return
	}
	status, text := p.do(r)
	switch f {
	case answerLost:
		panic(http.ErrAbortHandler)
	case slow:
		time.Sleep(500 * time.Millisecond)
	case garbage:
		text = text[:len(text)/2]
	case endless:
		text = strings.Repeat(" ", maxAnswer+2)
	}
	w.WriteHeader(status)
	io.WriteString(w, text)
}

func fail(w http.ResponseWriter, status int, typ, code string) {
	w.WriteHeader(status)
	io.WriteString(w, problem(typ, code, ""))
}

func problem(typ, code, decline string) string {
	return fmt.Sprintf(`{"error":{"type":%q,"code":%q,"decline_code":%q,"message":"words for a developer"}}`, typ, code, decline)
}

func (p *processor) do(r *http.Request) (int, string) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer sk_test" {
		return 401, problem("invalid_request_error", "", "")
	}
	if r.Method == http.MethodGet {
		return p.look(r.URL.Path)
	}
	key := r.Header.Get("Idempotency-Key")
	if old, known := p.answers[key]; known {
		if old.body != r.URL.Path+string(body) {
			return 400, problem("idempotency_error", "", "")
		}
		return old.status, old.text
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		return 400, problem("invalid_request_error", "parameter_invalid", "")
	}
	status, text := 404, problem("invalid_request_error", "resource_missing", "")
	switch r.URL.Path {
	case "/v1/payment_intents":
		status, text = p.pay(form)
	case "/v1/refunds":
		status, text = p.giveBack(form)
	}
	p.answers[key] = answer{r.URL.Path + string(body), text, status}
	return status, text
}

func (p *processor) look(path string) (int, string) {
	id := path[strings.LastIndex(path, "/")+1:]
	for _, all := range []map[string]map[string]any{p.payments, p.refunds} {
		if all[id] != nil {
			return 200, asJSON(all[id])
		}
	}
	return 404, problem("invalid_request_error", "resource_missing", "")
}

func (p *processor) pay(form url.Values) (int, string) {
	n, err := strconv.ParseUint(form.Get("amount"), 10, 64)
	switch {
	case err != nil || len(form.Get("currency")) != 3:
		return 400, problem("invalid_request_error", "parameter_invalid_integer", "")
	case n == 402:
		return 402, problem("card_error", "card_declined", "insufficient_funds")
	}
	id := fmt.Sprint("pi_", len(p.payments)+1)
	p.payments[id] = map[string]any{"id": id, "object": "payment_intent", "amount": n, "amount_received": 0, "currency": form.Get("currency"),
		"status": "requires_payment_method", "client_secret": id + "_secret", "metadata": map[string]string{"attempt": form.Get("metadata[attempt]")}}
	return 200, asJSON(p.payments[id])
}

func (p *processor) giveBack(form url.Values) (int, string) {
	n, _ := strconv.ParseUint(form.Get("amount"), 10, 64)
	pay := p.payments[form.Get("payment_intent")]
	if pay == nil || pay["status"] != "succeeded" {
		return 400, problem("invalid_request_error", "charge_already_refunded", "")
	}
	id := fmt.Sprint("re_", len(p.refunds)+1)
	p.refunds[id] = map[string]any{"id": id, "object": "refund", "amount": n, "currency": pay["currency"], "status": "succeeded", "payment_intent": pay["id"]}
	return 200, asJSON(p.refunds[id])
}

// settle has the payer pay, and gives the messages the processor sends of it.
func (p *processor) settle(id, status string) [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	pay := p.payments[id]
	begun := message("evt_1_"+id, "payment_intent.processing", pay)
	if pay["status"] = status; status == "succeeded" {
		pay["amount_received"] = pay["amount"]
	}
	return [][]byte{begun, message("evt_2_"+id, "payment_intent."+status, pay)}
}

func message(id, typ string, object any) []byte {
	return []byte(asJSON(map[string]any{"id": id, "object": "event", "type": typ, "created": 1772352000, "data": map[string]any{"object": object}}))
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func sign(body []byte, at time.Time, secrets ...string) string {
	header := fmt.Sprint("t=", at.Unix())
	for _, s := range secrets {
		mac := hmac.New(sha256.New, []byte(s))
		fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
		header += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	return header + ",v0=ignored"
}
