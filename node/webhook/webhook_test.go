package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The receiver's own library must accept what we send, and a CloudEvent must be in it.
func TestDelivers(t *testing.T) {
	s, r := newSite(), newReceiver(t, true)
	e := s.add(t, Endpoint{URL: r.URL, AllowPrivate: true, Class: edge.SiteOnly, Types: []string{"device.*", "x"}})
	s.lead(t, openStore(t), func(o *Options) { o.Roots = roots(r) })
	at := time.Date(2026, 5, 1, 10, 0, 0, 5e6, time.UTC)
	s.now = func() time.Time { return time.Now() }
	for _, ev := range []edge.Event{
		{Type: "device.added", Subject: "fridge", Class: edge.SiteOnly, Body: []byte(`{"name":"Kühlschrank"}`)},
		{Type: "device.secret", Class: edge.Personal},
		{Type: "devices.other"},
		{Type: "x", Body: []byte{0xff, 0}},
		{Type: "device.old", Time: at},
	} {
		s.emit(care, ev)
	}
	until(t, "two came", func() bool { return len(r.all()) >= 2 })
	time.Sleep(50 * time.Millisecond)
	got := r.all()
	if len(got) != 2 {
		t.Fatalf("%d messages came, want 2", len(got))
	}
	wh, err := standard.NewWebhook(e.Secrets[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range got {
		if err := wh.Verify(g.body, g.header); err != nil {
			t.Error(err)
		}
		if err := wh.Verify(append(g.body, ' '), g.header); err == nil {
			t.Error("another body has the same signature")
		}
		var ce map[string]any
		if err := json.Unmarshal(g.body, &ce); err != nil {
			t.Fatal(err)
		}
		if ce["specversion"] != "1.0" || ce["id"] == "" || ce["source"] != "urn:aielon:site:clinic" || ce["time"] == "" {
			t.Errorf("%s is not a CloudEvent", g.body)
		}
		switch ce["type"] {
		case "device.added":
			if ce["subject"] != "fridge" || ce["datacontenttype"] != "application/json" || ce["data"].(map[string]any)["name"] != "Kühlschrank" {
				t.Errorf("got %s", g.body)
			}
		case "x":
			if ce["data_base64"] != "/wA=" {
				t.Errorf("got %s", g.body)
			}
		}
		if ct := g.header.Get("Content-Type"); !strings.HasPrefix(ct, "application/cloudevents+json") {
			t.Errorf("content type %s", ct)
		}
	}
}

// Each kind of failure, where the message was lost and where it got through and only the answer was lost: it comes
// again under the same id until it is taken, and the log says what was wrong.
func TestFailures(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	cut := func(w http.ResponseWriter) { // the connection ends without an answer
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			c.Close()
		}
	}
	for name, c := range map[string]struct {
		fail           func(w http.ResponseWriter, r *http.Request)
		want, watching string
	}{
		"500":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "Internal Server Error", "failed"},
		"404":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, "Not Found", "refused"},
		"no reply": {func(w http.ResponseWriter, _ *http.Request) { cut(w) }, "EOF", "failed"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusTemporaryRedirect)
		}, "redirect", "refused"},
		"304": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, "redirect", "refused"},
		"not HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Write([]byte("220 smtp\r\n\r\n"))
			c.Close()
		}, "malformed HTTP", "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r := newSite(), newReceiver(t, false)
			r.answer = func(w http.ResponseWriter, req *http.Request, n int) {
				if n <= 2 {
					c.fail(w, req)
				}
			}
			clock := newClock()
			s.now = clock.now
			e := s.add(t, Endpoint{URL: r.URL, AllowPrivate: true, AllowPlain: true, Types: []string{"device.*"}})
			w := &watcher{}
			d, _ := s.lead(t, openStore(t), func(o *Options) { o.Watch = w })
			s.emit(care, event(1))
			for n := 1; n <= 3; n++ {
				until(t, "the next attempt is in the log", func() bool {
					l, _ := d.Deliveries(e.ID, 10)
					return len(l) == n
				})
				clock.add(time.Minute)
				d.target(e.ID).kick()
			}
			l, err := d.Deliveries(e.ID, 10)
			if err != nil || l[0].Outcome != Delivered || l[1].Outcome != Failed || l[0].Attempt != 3 || !strings.Contains(l[2].Error, c.want) {
				t.Errorf("%+v %v", l, err)
			}
			if ids := r.ids(); len(ids) != 3 || ids[0] != ids[1] || ids[1] != ids[2] {
				t.Errorf("ids %v", ids)
			}
			if got, want := w.all(), []string{c.watching, "again", c.watching, "again", "ok"}; !slices.Equal(got, want) || r.all()[2].header.Get("Traceparent") != "00-x" {
				t.Errorf("%v, want %v; with %q", got, want, r.all()[2].header)
			}
		})
	}
}

// A watcher notes what it is told.
type watcher struct {
	mu   sync.Mutex // guards told
	told []string
}

func (w *watcher) Begin(ctx context.Context, h http.Header) (context.Context, func(string)) {
	h.Set("Traceparent", "00-x")
	return ctx, w.tell
}

func (w *watcher) Retry(made bool) { w.tell(map[bool]string{true: "again", false: "held back"}[made]) }

func (w *watcher) tell(s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, s)
}

func (w *watcher) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.told)
}

// TestResting: it is known since when nobody answers, until somebody does or nothing is to be sent.
func TestResting(t *testing.T) {
	s, clock, r := newSite(), newClock(), newReceiver(t, false)
	var answers atomic.Bool
	r.answer = func(w http.ResponseWriter, _ *http.Request, _ int) {
		if !answers.Load() {
			w.WriteHeader(500)
		}
	}
	s.now = clock.now
	e := s.add(t, Endpoint{URL: r.URL, AllowPrivate: true, AllowPlain: true, Types: []string{"device.*"}})
	began := clock.now()
	d, _ := s.lead(t, openStore(t), nil)
	for i := range 12 {
		s.emit(care, event(i))
	}
	until(t, "it is left alone", func() bool { return !d.Resting()[e.ID].IsZero() })
	if since := d.Resting()[e.ID]; since.Before(began) || since.After(clock.now()) {
		t.Errorf("nobody has answered since %v", since)
	}
	answers.Store(true)
	until(t, "somebody answers", func() bool {
		clock.add(time.Minute)
		d.target(e.ID).kick()
		return d.Resting()[e.ID].IsZero()
	})
	if _, err := s.do(edge.Person, opDisable, e); err != nil {
		t.Fatal(err)
	}
	until(t, "it is disabled", func() bool { _, ok := d.Resting()[e.ID]; return !ok })
}

// Nobody listens; later somebody does.
func TestReceiverDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	s, clock := newSite(), newClock()
	s.now = clock.now
	e := s.add(t, Endpoint{URL: "http://" + addr, AllowPrivate: true, AllowPlain: true, Types: []string{"device.*"}})
	d, _ := s.lead(t, openStore(t), nil)
	s.emit(care, event(1))
	until(t, "it failed", func() bool { st, _ := d.Status(e.ID); return st.Failed == 1 && st.Waiting == 1 })
	r := newReceiver(t, false)
	if _, err := s.do(edge.Person, opChange, Endpoint{ID: e.ID, URL: r.URL, AllowPrivate: true, AllowPlain: true, Types: e.Types}); err != nil {
		t.Fatal(err)
	}
	until(t, "it was taken", func() bool {
		clock.add(time.Minute)
		d.target(e.ID).kick()
		return len(r.all()) > 0
	})
}

// A node is stopped in the middle of a call, another leads, and comes back: nothing is lost, and whatever comes twice
// has the same id. The call may have been lost or have got through.
func TestLeaderChanges(t *testing.T) {
	for _, through := range []bool{false, true} {
		s, r := newSite(), newReceiver(t, false)
		block := make(chan struct{})
		var once sync.Once
		r.answer = func(w http.ResponseWriter, req *http.Request, n int) {
			first := false
			if n == 3 {
				once.Do(func() { first = true })
			}
			if first {
				if !through {
					r.mu.Lock()
					r.got = slices.Delete(r.got, 2, 3)
					r.mu.Unlock()
				}
				select {
				case <-block:
				case <-req.Context().Done():
				}
			}
		}
		s.add(t, Endpoint{URL: r.URL, AllowPrivate: true, AllowPlain: true, Ordered: true, Types: []string{"device.*"}})
		stores := []Store{openStore(t), openStore(t)}
		_, stop := s.lead(t, stores[0], nil)
		for i := range 10 {
			s.emit(care, event(i))
		}
		until(t, "the third is under way", func() bool { return len(r.all()) >= 2 })
		time.Sleep(60 * time.Millisecond)
		stop()
		close(block)
		_, stop = s.lead(t, stores[1], nil)
		for i := range 10 {
			s.emit(care, event(10+i))
		}
		until(t, "all came", func() bool { return len(subjects(r)) == 20 })
		time.Sleep(60 * time.Millisecond) // until it is told how far that is
		stop()
		d, stop := s.lead(t, stores[0], nil)
		s.emit(care, event(20))
		until(t, "the last came", func() bool { return len(subjects(r)) == 21 })
		stop()
		_ = d
		byID := map[string]string{}
		for _, g := range r.all() {
			if was, ok := byID[g.id()]; ok && was != string(g.body) {
				t.Error("one id came with two bodies")
			}
			byID[g.id()] = string(g.body)
		}
		if len(byID) != 21 {
			t.Errorf("%d ids for 21 events", len(byID))
		}
		if n := len(r.all()); n > 24 {
			t.Errorf("%d messages for 21 events: too much came again", n)
		}
	}
}

func subjects(r *receiver) map[string]int {
	m := map[string]int{}
	for _, g := range r.all() {
		var ce struct{ Subject string }
		json.Unmarshal(g.body, &ce)
		m[ce.Subject]++
	}
	return m
}

// Without a quorum nothing is told to the site, and deliveries go on; a restart sends nothing again.
func TestRestartKeepsTheQueue(t *testing.T) {
	s, r, store := newSite(), newReceiver(t, false), openStore(t)
	s.add(t, Endpoint{URL: r.URL, AllowPrivate: true, AllowPlain: true, Types: []string{"device.*"}})
	s.deaf = true
	for round := range 3 {
		_, stop := s.lead(t, store, nil)
		for i := range 5 {
			s.emit(care, event(5*round+i))
		}
		until(t, "all came", func() bool { return len(subjects(r)) == 5*round+5 })
		time.Sleep(30 * time.Millisecond)
		stop()
	}
	if n := len(r.all()); n != 15 {
		t.Errorf("%d messages for 15 events", n)
	}
}

func TestOrder(t *testing.T) {
	s, r := newSite(), newReceiver(t, false)
	clock := newClock()
	s.now = clock.now
	r.answer = func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 3 || n == 4 {
			w.WriteHeader(503)
		}
	}
	e := s.add(t, Endpoint{URL: r.URL, AllowPrivate: true, AllowPlain: true, Ordered: true, Types: []string{"device.*"}})
	d, _ := s.lead(t, openStore(t), nil)
	for i := range 8 {
		s.emit(care, event(i))
	}
	until(t, "all came", func() bool {
		clock.add(time.Minute)
		if tg := d.target(e.ID); tg != nil {
			tg.kick()
		}
		return len(r.all()) == 10
	})
	var order []string
	for _, g := range r.all() {
		var ce struct{ Subject string }
		json.Unmarshal(g.body, &ce)
		order = append(order, ce.Subject)
	}
	if got := strings.Join(order, " "); got != "d0 d1 d2 d2 d2 d3 d4 d5 d6 d7" {
		t.Errorf("came as %s", got)
	}
}

// A queue that is full drops its oldest, counts them, and says so to the site.
func TestShed(t *testing.T) {
	s, r := newSite(), newReceiver(t, false)
	r.answer = func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(500) }
	clock := newClock()
	s.now = clock.now
	e := s.add(t, Endpoint{URL: r.URL, AllowPrivate: true, AllowPlain: true, Ordered: true, Types: []string{"device.*"}})
	d, _ := s.lead(t, openStore(t), func(o *Options) { o.MaxMessages = 10 })
	for i := range 35 {
		s.emit(care, event(i))
	}
	until(t, "all were queued", func() bool { st, err := d.Status(e.ID); return err == nil && st.Queued == 35 })
	st, _ := d.Status(e.ID)
	if st.Waiting != 10 && st.Waiting != 11 || int(st.Shed)+st.Waiting != 35 {
		t.Errorf("%+v", st)
	}
	until(t, "the site was told", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		lost := 0
		for _, rec := range s.streams[ledger] {
			if rec.Type == TypeLost {
				var b struct{ Messages int }
				json.Unmarshal(rec.Body, &b)
				lost += b.Messages
			}
		}
		return lost == int(st.Shed)
	})
}

// Records that were removed before they were read are counted and told.
func TestGap(t *testing.T) {
	s, r := newSite(), newReceiver(t, false)
	e := s.add(t, Endpoint{URL: r.URL, AllowPrivate: true, AllowPlain: true, Types: []string{"device.*"}})
	store := openStore(t)
	_, stop := s.lead(t, store, nil)
	s.emit(care, event(0))
	until(t, "the first came", func() bool { return len(r.all()) == 1 })
	stop()
	for i := range 9 {
		s.emit(care, event(1+i))
	}
	s.mu.Lock()
	l := s.streams[care]
	s.gaps[care] = edge.Gap{From: l[0].Pos, To: l[5].Pos, Count: 5, Reason: "trimmed"}
	s.mu.Unlock()
	d, _ := s.lead(t, store, nil)
	until(t, "the rest came", func() bool { return len(subjects(r)) == 5 })
	if st, _ := d.Status(e.ID); st.Missed != 5 {
		t.Errorf("%+v", st)
	}
}

func TestRotation(t *testing.T) {
	s, r := newSite(), newReceiver(t, false)
	clock := newClock()
	clock.set(time.Now())
	s.now = clock.now
	e := s.add(t, Endpoint{URL: r.URL, AllowPrivate: true, AllowPlain: true, Types: []string{"device.*"}})
	b, err := s.do(edge.Person, opRotate, Endpoint{ID: e.ID})
	if err != nil {
		t.Fatal(err)
	}
	e2 := issued(t, b)
	if e2.Secrets[0].Value == e.Secrets[0].Value {
		t.Fatalf("a rotation shows the old secret")
	}
	s.lead(t, openStore(t), nil)
	verify := func(g *received, secret string) error {
		wh, err := standard.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		return wh.VerifyIgnoringTimestamp(g.body, g.header)
	}
	s.emit(care, event(1))
	until(t, "it came", func() bool { return len(r.all()) == 1 })
	for _, sec := range []string{e.Secrets[0].Value, e2.Secrets[0].Value} {
		if err := verify(r.all()[0], sec); err != nil {
			t.Error(err)
		}
	}
	clock.add(Rotation + time.Second)
	s.emit(care, event(2))
	until(t, "it came", func() bool { return len(r.all()) == 2 })
	if err := verify(r.all()[1], e2.Secrets[0].Value); err != nil {
		t.Error(err)
	}
	if err := verify(r.all()[1], e.Secrets[0].Value); !errors.Is(err, standard.ErrNoMatchingSignature) {
		t.Errorf("the old secret still signs a day later: %v", err)
	}
}

func TestRedeliverAndResponses(t *testing.T) {
	s, r := newSite(), newReceiver(t, false)
	r.answer = func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Write([]byte(strings.Repeat("x", 100_000)))
	}
	e := s.add(t, Endpoint{URL: r.URL, AllowPrivate: true, AllowPlain: true, Types: []string{"device.*"}})
	d, _ := s.lead(t, openStore(t), nil)
	s.emit(care, event(1))
	s.emit(care, event(2))
	until(t, "both came", func() bool { l, _ := d.Deliveries(e.ID, 9); return len(l) == 2 })
	l, _ := d.Deliveries(e.ID, 9)
	if len(l[0].Response) != keepResponse {
		t.Errorf("%d bytes of the response were kept", len(l[0].Response))
	}
	if err := d.Redeliver(t.Context(), e.ID, l[1].ID); err != nil {
		t.Fatal(err)
	}
	until(t, "it came again", func() bool { return len(r.all()) == 3 })
	if ids := r.ids(); ids[2] != l[1].ID {
		t.Errorf("%s came again, want %s", ids[2], l[1].ID)
	}
	if err := d.Redeliver(t.Context(), e.ID, "msg_other"); !edge.IsKind(err, edge.NotFound) {
		t.Errorf("got %v", err)
	}
	if err := d.Redeliver(t.Context(), "other", l[1].ID); !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("got %v", err)
	}
}

// What is removed leaves nothing behind.
func TestRemove(t *testing.T) {
	s, r, store := newSite(), newReceiver(t, false), openStore(t)
	e := s.add(t, Endpoint{URL: r.URL, AllowPrivate: true, AllowPlain: true, Types: []string{"device.*"}})
	s.lead(t, store, nil)
	s.emit(care, event(1))
	until(t, "it came", func() bool { return len(r.all()) == 1 })
	if _, err := s.do(edge.Person, opRemove, Endpoint{ID: e.ID}); err != nil {
		t.Fatal(err)
	}
	until(t, "its rows are gone", func() bool {
		v := store.View()
		defer v.Close()
		for range v.Scan([]byte("wq/")) {
			return false
		}
		return v.Err() == nil
	})
	s.emit(care, event(2))
	time.Sleep(50 * time.Millisecond)
	if n := len(r.all()); n != 1 {
		t.Errorf("%d came after it was removed", n-1)
	}
}
