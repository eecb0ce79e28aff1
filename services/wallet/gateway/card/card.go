// Package card speaks to a processor of card payments whose HTTP API has the public shape of Stripe's: PaymentIntents and
// refunds as forms in and JSON out, an Idempotency-Key on every POST, signed webhooks. It moves no money of ours; what it
// hears becomes events of package paygate.
//
// When an answer is lost the outcome is not known, and nothing here assumes one: the same request goes out again under the
// same key, and after the last try the caller gets Unavailable with code outcome_unknown and asks later, by key or by id.
package card

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

// CodeUnknown is the code of an error after which the processor may or may not have done what was asked.
const CodeUnknown = "outcome_unknown"

// CodeDeclined is the code of a refusal by the processor or the bank behind the card.
const CodeDeclined = "card_declined"

// Bounds of one call.
const (
	maxAnswer = 1 << 20          // bytes of an answer that are read
	maxWait   = 30 * time.Second // between two tries, whatever the processor asks for
)

// A Doer sends requests; *http.Client is one. It has to bound each request's time, refuse addresses that the site does
// not allow, and follow no redirects.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Options of a Client.
type Options struct {
	edge.Redacted
	Base       string // "https://api.example.com", without a path's last slash
	Key        string // the site's secret key
	HTTP       Doer
	AllowPlain bool          // http:// too: a processor's simulator on this machine
	Tries      int           // of one call, 1 to 10; 0 means 4
	Wait       time.Duration // before the second try, doubled for each further one, with jitter; 0 means 500 ms
}

// A Client calls one processor. It is safe for use by several goroutines.
type Client struct {
	edge.Redacted
	o Options
}

// New checks o. It fails with Invalid.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.Base)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, edge.E(edge.Invalid, "the address of the card processor is not one").WithHint("write it as https://host")
	case u.Scheme != "https" && !(o.AllowPlain && u.Scheme == "http"):
		return nil, edge.E(edge.Invalid, "the card processor must be reached by https").WithHint("write its address as https://host")
	case o.Key == "" || o.HTTP == nil:
		return nil, edge.E(edge.Invalid, "the card processor needs a secret key").WithHint("copy it from the processor's own pages")
	case o.Tries < 0 || o.Tries > 10 || o.Wait < 0 || o.Wait > maxWait:
		return nil, edge.E(edge.Invalid, "a call may be tried 1 to 10 times, with at most %s before the second", maxWait)
	}
	o.Base = strings.TrimSuffix(o.Base, "/")
	if o.Tries == 0 {
		o.Tries = 4
	}
	if o.Wait == 0 {
		o.Wait = 500 * time.Millisecond
	}
	return &Client{o: o}, nil
}

// post sends a form under a key, again and again under the same key while the outcome is not known.
func (c *Client) post(ctx context.Context, path, key string, form url.Values, into any) error {
	if key == "" || len(key) > 255 {
		return edge.E(edge.Invalid, "a request to the card processor needs an idempotency key of 1 to 255 characters")
	}
	return c.call(ctx, http.MethodPost, path, key, form.Encode(), into)
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	return c.call(ctx, http.MethodGet, path, "", "", into)
}

func (c *Client) call(ctx context.Context, method, path, key, body string, into any) error {
	var last error
	wait, unknown := c.o.Wait, false
	for try := range c.o.Tries {
		if try > 0 {
			if !pause(ctx, wait/2+rand.N(wait/2+1)) {
				break
			}
			wait = min(2*wait, maxWait)
		}
		t := c.once(ctx, method, path, key, body, into)
		if t.final {
			return t.err
		}
		last, unknown = t.err, unknown || t.sent
		wait = max(wait, min(t.after, maxWait))
	}
	if last == nil {
		last = ctx.Err()
	}
	if method == http.MethodGet || !unknown {
		return edge.E(edge.Unavailable, "the card processor cannot be asked now: %w", last).WithHint("try again in a while")
	}
	return edge.E(edge.Unavailable, "it is not known whether the card processor has done it: %w", last).WithCode(CodeUnknown).
		WithHint("do not ask the payer again yet; the site asks the processor again by itself")
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// A try is how one request went.
type try struct {
	err   error
	final bool          // no further try can change it
	sent  bool          // it may have been done
	after time.Duration // the processor asks to wait so long
}

func (c *Client) once(ctx context.Context, method, path, key, body string, into any) try {
	req, err := http.NewRequestWithContext(ctx, method, c.o.Base+path, strings.NewReader(body))
	if err != nil {
		return try{err: edge.E(edge.Invalid, "the request to the card processor cannot be made"), final: true}
	}
	req.Header.Set("Authorization", "Bearer "+c.o.Key)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := c.o.HTTP.Do(req)
	if err != nil {
		var dial *net.OpError
		return try{err: plain(err), sent: !errors.As(err, &dial) || dial.Op != "dial"}
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil || len(answer) > maxAnswer {
		return try{err: errors.New("its answer broke off"), sent: true}
	}
	return judge(res, answer, into)
}

// plain drops the address from what net/http says: it may hold ids of payments.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// judge says what an answer means for the request.
func judge(res *http.Response, answer []byte, into any) try {
	var problem struct {
		Error struct {
			Type, Code string
			Decline    string `json:"decline_code"`
		}
	}
	status := res.StatusCode
	if status >= 400 {
		json.Unmarshal(answer, &problem) // an answer that is no JSON has no type, which is all that is asked of it
	}
	switch {
	case status == http.StatusOK || status == http.StatusCreated:
		if err := json.Unmarshal(answer, into); err != nil {
			return try{err: errors.New("its answer is not JSON"), sent: true}
		}
		return try{final: true}
	case problem.Error.Type == "idempotency_error":
		return try{final: true, err: edge.E(edge.Conflict, "another request was made to the card processor under the same key").WithHint("this is a fault of the program; report it")}
	case status == http.StatusConflict, status == http.StatusTooManyRequests, status >= 500:
		return try{err: fmt.Errorf("it answers %d", status), sent: status != http.StatusTooManyRequests, after: retryAfter(res.Header)}
	case status == http.StatusPaymentRequired:
		return try{final: true, err: edge.E(edge.Refused, "the card was declined").WithCode(CodeDeclined,
			edge.Fact{Name: "reason", Value: code(problem.Error.Decline, problem.Error.Code)}).WithHint("use another card, or pay in another way")}
	case status == http.StatusNotFound:
		return try{final: true, err: edge.E(edge.NotFound, "the card processor does not know this payment")}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return try{final: true, err: edge.E(edge.Denied, "the card processor does not accept the site's secret key").WithHint("an administrator must enter the key again")}
	case status >= 400:
		return try{final: true, err: edge.E(edge.Invalid, "the card processor refuses the request (%s)", code(problem.Error.Code, problem.Error.Type, strconv.Itoa(status)))}
	}
	return try{final: true, err: edge.E(edge.Unavailable, "the card processor answers in a way that is not known (%d)", status).WithCode(CodeUnknown).
		WithHint("check its address in the settings")}
}

// code is the first text that is a code: nothing else of a processor's answer is shown.
func code(texts ...string) string {
	for _, s := range texts {
		if s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == "" {
			return s
		}
	}
	return "unknown"
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, int(maxWait/time.Second))) * time.Second
}
