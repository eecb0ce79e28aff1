package node

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/webhook"
)

// A receiver keeps what it is sent.
type hookReceiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []http.Header
	body [][]byte
}

func newHookReceiver(t *testing.T) *hookReceiver {
	r := &hookReceiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP implements http.Handler.
func (r *hookReceiver) ServeHTTP(_ http.ResponseWriter, q *http.Request) {
	b, _ := io.ReadAll(q.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got, r.body = append(r.got, q.Header), append(r.body, b)
}

// wait waits for so many messages and returns the ids of all.
func (r *hookReceiver) wait(t *testing.T, n int) (ids []string) {
	t.Helper()
	eventually(t, "messages", func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if ids = nil; len(r.got) < n {
			return edge.E(edge.NotFound, "%d of %d", len(r.got), n)
		}
		for _, h := range r.got {
			ids = append(ids, h.Get("webhook-id"))
		}
		return nil
	})
	return ids
}

type hookMade struct {
	Webhook struct{ ID, Disabled string }
	Secret  string
}

// TestWebhookTest has a message sent at once, to a webhook that is disabled too, and is told what came of it.
func TestWebhookTest(t *testing.T) {
	b, r := start(t, smallConfig(t)), newHookReceiver(t)
	mira := b.ownerCalled("Mira")
	var h hookMade
	mira.do("POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"types":["device.*"],"allow_private":true,"allow_plain":true}`, r.URL), &h)
	mira.do("POST", "/v1/webhooks/"+h.Webhook.ID+"/disable", "{}", nil)
	var came struct {
		Outcome, Type, Error string
		Status               int
	}
	test := func(id string) {
		t.Helper()
		came.Outcome, came.Error = "", ""
		eventually(t, "a node that delivers", func() error {
			if status, body := b.rest("POST", "/v1/webhooks/"+id+"/test", mira.session, "{}"); status != 200 {
				return edge.E(edge.Unavailable, "%d %s", status, body)
			} else if err := json.Unmarshal([]byte(body), &came); err != nil {
				return err
			}
			return nil
		})
	}
	test(h.Webhook.ID)
	wh, err := standard.NewWebhook(h.Secret)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.got) != 1 || wh.Verify(r.body[0], r.got[0]) != nil || came.Outcome != "delivered" || came.Status != 200 || came.Type != webhook.TypeTest {
		t.Errorf("%+v, %d came", came, len(r.got))
	}
	r.Close()
	test(h.Webhook.ID)
	if came.Outcome != "gave_up" || came.Error == "" {
		t.Errorf("nobody is there: %+v", came)
	}
	if status, body := b.rest("POST", "/v1/webhooks/none/test", mira.session, "{}"); status != 404 {
		t.Errorf("%d %s", status, body)
	}
}

// TestWebhooksOverREST has an event posted, signed so that the Standard Webhooks library says so, listed and sent
// again; what is disabled waits.
func TestWebhooksOverREST(t *testing.T) {
	b, r := start(t, smallConfig(t)), newHookReceiver(t)
	mira := b.ownerCalled("Mira")
	var h hookMade
	mira.do("POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"types":["device.*"],"class":"CLASS_SITE_ONLY","allow_private":true,"allow_plain":true}`, r.URL), &h)
	mira.do("POST", "/v1/devices", `{"id":"fridge-7","name":"Refrigerator"}`, nil)
	ids := r.wait(t, 1)
	wh, err := standard.NewWebhook(h.Secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := wh.Verify(r.body[0], r.got[0]); err != nil {
		t.Error(err)
	}
	var e struct {
		SpecVersion, Type, Subject, Source string
		Data                               struct{ ID string }
	}
	if err := json.Unmarshal(r.body[0], &e); err != nil || e.SpecVersion != "1.0" || e.Type != "device.registered" || e.Subject != "device:fridge-7" ||
		e.Source != "urn:aielon:"+site.Origin("clinic") || e.Data.ID != "fridge-7" {
		t.Errorf("%v %s", err, r.body[0])
	}
	var log struct {
		Deliveries []struct {
			Message, Outcome string
			Status           int
		}
		Delivered string
	}
	eventually(t, "the log", func() error {
		mira.do("GET", "/v1/webhooks/"+h.Webhook.ID+"/deliveries", "", &log)
		if len(log.Deliveries) != 1 || log.Deliveries[0].Message != ids[0] || log.Deliveries[0].Outcome != "delivered" || log.Delivered != "1" {
			return edge.E(edge.NotFound, "%+v", log)
		}
		return nil
	})
	mira.do("POST", "/v1/webhooks/"+h.Webhook.ID+"/redeliver", fmt.Sprintf(`{"message":%q}`, ids[0]), nil)
	if ids = r.wait(t, 2); ids[0] != ids[1] {
		t.Errorf("sent again under another id: %q", ids)
	}
	if code, body := b.rest("GET", "/v1/webhooks/"+edge.NewID().String()+"/deliveries", mira.session, ""); code != http.StatusNotFound {
		t.Errorf("%d %s", code, body)
	}
	desk := b.invite(mira.session, "omar", `"front-desk"`)
	if code, body := b.rest("GET", "/v1/webhooks", desk.Session, ""); code != http.StatusForbidden {
		t.Errorf("the desk sees webhooks: %d %s", code, body)
	}
	_, body := b.rest("GET", "/v1/webhooks", mira.session, "")
	if !strings.Contains(body, r.URL) || strings.Contains(body, "whsec_") {
		t.Errorf("%s", body)
	}
	_, page := b.overSocket("GET", "/api/metrics", "")
	for _, want := range []string{`aielon_webhook_resting_seconds{endpoint="` + h.Webhook.ID + `"} 0`, `aielon_outgoing_total{result="ok",to="webhook"} 2`} {
		if !strings.Contains(page, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if h := b.hooks.Report(t.Context()); h.Level != edge.OK {
		t.Errorf("%+v", h)
	}
}

// TestHooksHoldBackPruning has pruning wait for a webhook that gets nothing through, for a while and no longer.
func TestHooksHoldBackPruning(t *testing.T) {
	b := start(t, smallConfig(t))
	down := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(down.Close)
	mira := b.ownerCalled("Mira")
	var h hookMade
	mira.do("POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"types":["device.*"],"class":"CLASS_SITE_ONLY","allow_private":true,"allow_plain":true}`, down.URL), &h)
	mira.do("POST", "/v1/devices", `{"id":"fridge-7"}`, nil)
	list := records(t, b.siteJournal(edge.Ledger))
	i := slices.IndexFunc(list, func(r edge.Record) bool { return r.Type == "device.registered" })
	mark, head := list[i-1].Pos, list[len(list)-1].Pos
	in := map[string]any{"id": h.Webhook.ID, "marks": map[string]any{site.Stream(edge.Ledger): map[string]any{"epoch": mark.Epoch, "seq": mark.Seq, "sum": mark.Sum[:]}}}
	if err := b.propose(t.Context(), webhook.OpSettle, in, nil); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[edge.Pos]edge.Pos{head: mark, mark: mark, list[0].Pos: list[0].Pos} {
		if got := b.hooks.wait(t.Context(), edge.Ledger, p); got != want {
			t.Errorf("up to %v: pruned to %v, want %v", p, got, want)
		}
	}
	b.hooks.keep = 0
	if got := b.hooks.wait(t.Context(), edge.Ledger, head); got != head {
		t.Errorf("what is old enough waits still at %v", got)
	}
}

// Event types are listed once each.
func TestEventTypes(t *testing.T) {
	var names []string
	for _, e := range eventTypes() {
		names = append(names, e.GetType())
	}
	if slices.Sort(names); len(slices.Compact(slices.Clone(names))) != len(names) || slices.Contains(names, "") {
		t.Errorf("%q", names)
	}
}
