package card

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/gateway"
)

var (
	intent1 = Intent{Attempt: "a1", Amount: amount.Of(1250), Currency: "EUR"}
	march   = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
)

// Whatever is lost on the way, in either direction, there is one payment and one refund.
func TestFaults(t *testing.T) {
	for name, faults := range map[string][]fault{
		"none": {}, "request lost": {requestLost}, "answer lost": {answerLost}, "both, twice": {requestLost, answerLost, requestLost},
		"slow": {slow}, "busy": {busy, busy}, "too many": {tooMany}, "failing": {failing, answerLost}, "half an answer": {garbage}, "endless": {endless},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProcessor(t, faults...)
			c := p.client(t)
			got, err := c.Create(t.Context(), "k1", intent1)
			if err != nil || got.ID != "pi_1" || got.Attempt != "a1" || got.Secret != "pi_1_secret" || len(p.payments) != 1 {
				t.Fatalf("%v, %d payments", err, len(p.payments))
			}
			p.settle("pi_1", "succeeded")
			p.faults = faults
			r, err := c.Refund(t.Context(), "k2", "pi_1", amount.Of(250))
			if err != nil || r.ID != "re_1" || len(p.refunds) != 1 {
				t.Fatalf("%v, %d refunds", err, len(p.refunds))
			}
			p.faults = faults
			if again, err := c.Get(t.Context(), "pi_1"); err != nil || again.Received != amount.Of(1250) {
				t.Fatal(err)
			}
			if again, err := c.GetRefund(t.Context(), "re_1"); err != nil || again != r {
				t.Fatal(err)
			}
		})
	}
}

// Where every try is lost the outcome is unknown, in both cases: it was done, and it was not. Asking again later finds out.
func TestUnknown(t *testing.T) {
	for f, made := range map[fault]int{requestLost: 0, answerLost: 1, failing: 0, slow: 1} {
		p := newProcessor(t, f, f, f, f)
		c := p.client(t)
		_, err := c.Create(t.Context(), "k1", intent1)
		p.mu.Lock()
		if !edge.IsKind(err, edge.Unavailable) || edge.CodeOf(err) != CodeUnknown || p.requests != 4 || len(p.payments) != made {
			t.Errorf("%d: %v after %d requests, %d payments", f, err, p.requests, len(p.payments))
		}
		p.mu.Unlock()
		if got, err := c.Create(t.Context(), "k1", intent1); err != nil || got.ID != "pi_1" {
			t.Errorf("%d: %v", f, err)
		}
		if len(p.payments) != 1 {
			t.Errorf("%d: %d payments", f, len(p.payments))
		}
	}
}

func TestNotSent(t *testing.T) {
	p := newProcessor(t)
	c := p.client(t)
	p.Close()
	_, err := c.Create(t.Context(), "k1", intent1)
	if !edge.IsKind(err, edge.Unavailable) || edge.CodeOf(err) != "" {
		t.Errorf("nothing listens, so nothing was done: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newProcessor(t).client(t).Create(ctx, "k1", intent1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	p := newProcessor(t)
	c := p.client(t)
	if _, err := c.Create(t.Context(), "k1", intent1); err != nil {
		t.Fatal(err)
	}
	other, declined := intent1, intent1
	other.Amount, declined.Amount = amount.Of(1), amount.Of(402)
	foreign := p.client(t)
	foreign.o.Key = "sk_other"
	for want, err := range map[edge.Kind]error{
		edge.Conflict: second(c.Create(t.Context(), "k1", other)),
		edge.Refused:  second(c.Create(t.Context(), "k2", declined)),
		edge.NotFound: second(c.Get(t.Context(), "pi_9")),
		edge.Denied:   second(foreign.Get(t.Context(), "pi_1")),
		edge.Invalid:  second(c.Refund(t.Context(), "k3", "pi_1", amount.Of(1))),
	} {
		if !edge.IsKind(err, want) || strings.Contains(err.Error(), "developer") || strings.Contains(err.Error(), "sk_") {
			t.Errorf("%v is not %v", err, want)
		}
		var e *edge.Error
		if want == edge.Refused && (!errors.As(err, &e) || e.Code != CodeDeclined || e.Facts[0].Value != "insufficient_funds") {
			t.Errorf("%+v", err)
		}
	}
	p.faults = []fault{redirect}
	if _, err := c.Create(t.Context(), "k4", intent1); !edge.IsKind(err, edge.Unavailable) || p.requests != 7 {
		t.Errorf("%v after %d", err, p.requests)
	}
	for _, in := range []Intent{{Attempt: "a", Currency: "EUR"}, {Attempt: "a", Currency: "EURO", Amount: amount.Of(1)}, {Currency: "EUR", Amount: amount.Of(1)}, {Attempt: "a", Currency: "EUR", Amount: amount.Max()}} {
		if _, err := c.Create(t.Context(), "k5", in); !edge.IsKind(err, edge.Invalid) {
			t.Error(err)
		}
	}
	if _, err := c.Create(t.Context(), "", intent1); !edge.IsKind(err, edge.Invalid) {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{Base: "http://api.example.com", Key: "k", HTTP: http.DefaultClient}, {Base: "https://", Key: "k", HTTP: http.DefaultClient}, {Base: "https://u:p@api.example.com", Key: "k", HTTP: http.DefaultClient},
		{Base: "https://api.example.com", HTTP: http.DefaultClient}, {Base: "https://api.example.com", Key: "k"}, {Base: "https://api.example.com", Key: "k", HTTP: http.DefaultClient, Tries: 11},
	} {
		if _, err := New(o); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", o.Base, err)
		}
	}
	c, err := New(Options{Base: "https://api.example.com/", Key: "sk_canary", HTTP: http.DefaultClient})
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %v", c, *c, c.o, Secret{Value: "whsec_canary"}); strings.Contains(text, "canary") {
		t.Error(text)
	}
}

func TestVerify(t *testing.T) {
	body := []byte(`{"id":"evt_1"}`)
	now := march
	good := sign(body, now, "old", "new")
	for name, c := range map[string]struct {
		header, body string
		secrets      []string
		at           time.Duration
		ok           bool
	}{
		"right":         {good, string(body), []string{"new"}, 0, true},
		"rotated":       {good, string(body), []string{"third", "old"}, 0, true},
		"edge of time":  {good, string(body), []string{"new"}, Tolerance, true},
		"clock ahead":   {good, string(body), []string{"new"}, -Tolerance, true},
		"stale":         {good, string(body), []string{"new"}, Tolerance + time.Second, false},
		"future":        {good, string(body), []string{"new"}, -Tolerance - time.Second, false},
		"other secret":  {good, string(body), []string{"other"}, 0, false},
		"no secret":     {good, string(body), nil, 0, false},
		"empty secret":  {sign(body, now, ""), string(body), []string{""}, 0, false},
		"changed body":  {good, `{"id":"evt_2"}`, []string{"new"}, 0, false},
		"changed time":  {strings.Replace(good, "t=1", "t=2", 1), string(body), []string{"new"}, 0, false},
		"two times":     {"t=1," + good, string(body), []string{"new"}, 0, false},
		"only v0":       {strings.ReplaceAll(good, "v1=", "v0="), string(body), []string{"new"}, 0, false},
		"empty":         {"", string(body), []string{"new"}, 0, false},
		"too many":      {strings.Repeat("v1=00,", 20) + good, string(body), []string{"new"}, 0, false},
		"not hex":       {fmt.Sprint("t=", now.Unix(), ",v1=zz"), string(body), []string{"new"}, 0, false},
		"half of a sum": {good[:len(good)-len(",v0=ignored")-70], string(body), []string{"new"}, 0, false},
	} {
		var secrets []Secret
		for _, s := range c.secrets {
			secrets = append(secrets, Secret{Value: s})
		}
		if err := Verify(c.header, []byte(c.body), secrets, now.Add(c.at)); (err == nil) != c.ok || err != nil && !edge.IsKind(err, edge.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The published form of the signature, computed with openssl: printf '%s' '1772352000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
	const known = "t=1772352000,v1=ffaa2bd774a525edbf586b1f808ef6f10a75002310da07530311b8cd863a693b"
	if err := Verify(known, body, []Secret{{Value: "whsec_test"}}, time.Unix(1772352000, 0)); err != nil {
		t.Error(err)
	}
}

// Messages twice and in any order, mixed with answers to our own questions, count the money once.
func TestMessages(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		p := newProcessor(t)
		c := p.client(t)
		if _, err := c.Create(t.Context(), "k1", intent1); err != nil {
			t.Fatal(err)
		}
		bodies := p.settle("pi_1", "succeeded")
		back, err := c.Refund(t.Context(), "k2", "pi_1", amount.Of(250))
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, message("evt_3", "refund.created", p.refunds[back.ID]), message("evt_4", "charge.refund.updated", p.refunds[back.ID]), message("evt_5", "customer.created", nil))
		bodies = append(bodies, bodies...)
		r.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
		a, _ := paygate.New("a1", "card", "pi_1", "EUR", amount.Of(1250), march)
		posted := 0
		apply := func(e paygate.Event) {
			var out paygate.Outcome
			if a, out, err = a.Apply(e); err != nil {
				t.Fatal(err)
			}
			posted += len(out.Postings)
		}
		for i, body := range bodies {
			m, err := Parse(body)
			if err != nil {
				t.Fatal(err)
			}
			if !m.Ignored {
				apply(m.Event)
			}
			if i == 3 {
				got, err := c.Get(t.Context(), "pi_1")
				if err != nil {
					t.Fatal(err)
				}
				apply(got.Event(march))
			}
		}
		if a.State != paygate.Confirmed || a.Left() != amount.Of(1000) || posted != 2 || len(a.Conflicts) != 0 {
			t.Fatalf("%+v, %d postings", a, posted)
		}
	}
}

func TestCanceled(t *testing.T) {
	p := newProcessor(t)
	if _, err := p.client(t).Create(t.Context(), "k1", intent1); err != nil {
		t.Fatal(err)
	}
	m, err := Parse(p.settle("pi_1", "canceled")[1])
	if err != nil || m.Event.Kind != paygate.Declined || m.Attempt != "a1" {
		t.Fatalf("%+v %v", m, err)
	}
	// A card that was declined may be followed by another one: that is not the end.
	m, err = Parse(message("evt_9", "payment_intent.payment_failed", p.payments["pi_1"]))
	if p.payments["pi_1"]["status"] = "requires_payment_method"; err != nil {
		t.Fatal(err)
	}
	if m, err = Parse(message("evt_9", "payment_intent.payment_failed", p.payments["pi_1"])); err != nil || m.Event.Kind != paygate.Submitted {
		t.Fatalf("%+v %v", m, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(message("evt_1", "payment_intent.succeeded", map[string]any{"id": "pi_1", "status": "succeeded", "amount_received": 5, "currency": "eur", "metadata": map[string]string{"attempt": "a"}}))
	f.Add(message("evt_1", "refund.updated", map[string]any{"id": "re_1", "payment_intent": "pi_1", "status": "succeeded", "amount": 5}))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := Parse(body)
		if err != nil && !edge.IsKind(err, edge.Invalid) {
			t.Fatal(err)
		}
		if err == nil && !m.Ignored && (m.Event.ID == "" || m.Payment == "") {
			t.Fatalf("%+v", m)
		}
		Verify(string(body), body, []Secret{{Value: "x"}}, time.Unix(0, 0))
	})
}
