package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/edge"
)

func TestEndpointsAreChecked(t *testing.T) {
	s := newSite()
	long := strings.Repeat("x", 3000)
	for what, e := range map[string]Endpoint{
		"no address": {}, "no host": {URL: "https:///x"}, "plain": {URL: "http://example.org"}, "ftp": {URL: "ftp://example.org", AllowPlain: true},
		"password": {URL: "https://u:p@example.org"}, "fragment": {URL: "https://example.org/#x"}, "long": {URL: "https://example.org/" + long},
		"plain and clinical": {URL: "http://example.org", AllowPlain: true, Class: edge.Clinical}, "class": {URL: "https://example.org", Class: 9},
		"empty type": {URL: "https://example.org", Types: []string{""}}, "star inside": {URL: "https://example.org", Types: []string{"a*b"}},
		"long type": {URL: "https://example.org", Types: []string{long}}, "many types": {URL: "https://example.org", Types: make([]string, maxTypes+1)},
		"description": {URL: "https://example.org", Description: long}, "control character": {URL: "https://example.org/\n"},
	} {
		if _, err := s.do(edge.Person, opAdd, e); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for range MaxEndpoints {
		s.add(t, Endpoint{URL: "https://example.org"})
	}
	if _, err := s.do(edge.Person, opAdd, Endpoint{URL: "https://example.org"}); !edge.IsKind(err, edge.Exhausted) {
		t.Errorf("got %v", err)
	}
	for _, op := range []string{opChange, opRemove, opRotate, opEnable, opDisable} {
		for _, id := range []string{"", "nobody", edge.NewID().String()} {
			if _, err := s.do(edge.Person, op, Endpoint{ID: id, URL: "https://example.org"}); !edge.IsKind(err, edge.NotFound) && !edge.IsKind(err, edge.Invalid) {
				t.Errorf("%s %q: %v", op, id, err)
			}
		}
	}
}

// Secrets are shown once and stand in no list and no event.
func TestSecretsStayHidden(t *testing.T) {
	s := newSite()
	e := s.add(t, Endpoint{URL: "https://example.org"})
	if !strings.HasPrefix(e.Secrets[0].Value, "whsec_") || len(e.Secrets[0].Value) < 40 {
		t.Fatalf("the secret is %q", e.Secrets[0].Value)
	}
	var shown bytes.Buffer
	b, err := s.do(edge.Person, opChange, Endpoint{ID: e.ID, URL: "https://example.org/2"})
	if err != nil {
		t.Fatal(err)
	}
	shown.Write(b)
	if b, err = s.do(edge.Person, opEnable, Endpoint{ID: e.ID}); err != nil {
		t.Fatal(err)
	}
	shown.Write(b)
	ask, err := s.mux.Asker("webhooks.list_webhooks")
	if err != nil {
		t.Fatal(err)
	}
	v, _ := s.View()
	if b, err = ask(v, nil); err != nil || !bytes.Contains(b, []byte("example.org/2")) {
		t.Fatalf("%s %v", b, err)
	}
	shown.Write(b)
	for _, r := range s.streams[ledger] {
		shown.Write(r.Body)
	}
	if bytes.Contains(shown.Bytes(), []byte("whsec_")) {
		t.Errorf("a secret is shown in %s", shown.Bytes())
	}
}

// Only nodes settle, and marks never go back.
func TestSettle(t *testing.T) {
	s := newSite()
	e := s.add(t, Endpoint{URL: "https://example.org"})
	at := func(epoch, seq uint64) mark { return markOf(edge.Pos{Epoch: epoch, Seq: seq}) }
	in := Settlement{ID: e.ID, Marks: map[string]mark{care: at(1, 7)}}
	if _, err := s.do(edge.Person, OpSettle, in); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a person settled: %v", err)
	}
	for _, m := range []mark{at(1, 7), at(1, 5), at(2, 1), at(1, 9)} {
		in.Marks[care] = m
		if _, err := s.do(edge.Node, OpSettle, in); err != nil {
			t.Fatal(err)
		}
	}
	v, _ := s.View()
	got, err := marksOf(v, e.ID)
	if err != nil || got[care].Epoch != 2 || got[care].Seq != 1 {
		t.Errorf("%v %v", got, err)
	}
	in.Marks[care] = mark{Epoch: 3}
	if _, err := s.do(edge.Node, OpSettle, in); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("got %v", err)
	}
}

// trip is a network of one function.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answerOf(status int) *http.Response {
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("")), Header: http.Header{}}
}

// After five days of failure an endpoint is disabled, with an event; until then the tries get fewer and never stop.
// Enabled again it gets everything that came meanwhile.
func TestFiveDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		var mu sync.Mutex // guards made
		var made []time.Time
		calls := func() []time.Time { mu.Lock(); defer mu.Unlock(); return slices.Clone(made) }
		var down atomic.Bool
		down.Store(true)
		e := s.add(t, Endpoint{URL: "https://example.org", Types: []string{"device.*"}})
		store := openStore(t)
		d, stop := s.lead(t, store, func(o *Options) {
			o.Settle = 10 * time.Second
			o.Transport = trip(func(*http.Request) (*http.Response, error) {
				mu.Lock()
				made = append(made, time.Now())
				mu.Unlock()
				if down.Load() {
					return nil, errors.New("connection refused")
				}
				return answerOf(204), nil
			})
		})
		start := time.Now()
		s.emit(care, event(1))
		time.Sleep(GiveUp - time.Minute)
		if st, err := d.Status(e.ID); err != nil || st.Waiting != 1 || len(calls()) < 100 || len(calls()) > 300 {
			t.Fatalf("%+v %v, %d calls in five days", st, err, len(calls()))
		}
		for i, list := 1, calls(); i < len(list); i++ {
			if gap := list[i].Sub(list[i-1]); gap > lastRetry+10*time.Minute {
				t.Errorf("no try for %v", gap)
			}
		}
		time.Sleep(3 * time.Hour)
		v, _ := s.View()
		row, err := load(v, e.ID)
		if err != nil || row.Disabled == "" || !has(s, TypeDisabled) {
			t.Fatalf("after %v: %+v %v", time.Since(start), row, err)
		}
		if h := d.Report(t.Context()); h.Level != edge.Degraded {
			t.Errorf("health is %+v", h)
		}
		n := len(calls())
		s.emit(care, event(2))
		time.Sleep(24 * time.Hour)
		if len(calls()) != n {
			t.Errorf("%d calls after it was disabled", len(calls())-n)
		}
		down.Store(false)
		if _, err := s.do(edge.Person, opEnable, Endpoint{ID: e.ID}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if st, _ := d.Status(e.ID); st.Delivered != 2 || st.Waiting != 0 || st.GaveUp != 0 {
			t.Errorf("after it was enabled: %+v", st)
		}
		if h := d.Report(t.Context()); h.Level != edge.OK {
			t.Errorf("health is %+v", h)
		}
		stop()
		store.Close()
	})
}

// A message nobody takes is given up after five days where others get through.
func TestOneMessageIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		e := s.add(t, Endpoint{URL: "https://example.org", Types: []string{"device.*"}})
		store := openStore(t)
		d, stop := s.lead(t, store, func(o *Options) {
			o.Settle = time.Minute
			o.Transport = trip(func(r *http.Request) (*http.Response, error) {
				if b, _ := io.ReadAll(r.Body); bytes.Contains(b, []byte(`"subject":"d0"`)) {
					return answerOf(400), nil
				}
				return answerOf(200), nil
			})
		})
		for i := range 6 * 24 {
			s.emit(care, event(i))
			time.Sleep(time.Hour)
		}
		if st, err := d.Status(e.ID); err != nil || st.GaveUp != 1 || st.Waiting != 0 || st.Delivered != 6*24-1 || !has(s, TypeLost) || has(s, TypeDisabled) {
			t.Errorf("%+v %v", st, err)
		}
		stop()
		store.Close()
	})
}

func has(s *site, what string) bool {
	for _, r := range s.streams[ledger] {
		if r.Type == what {
			return true
		}
	}
	return false
}

// A receiver that says it is gone is not asked again.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		e := s.add(t, Endpoint{URL: "https://example.org", Types: []string{"device.*"}})
		calls := 0
		store := openStore(t)
		_, stop := s.lead(t, store, func(o *Options) {
			o.Settle = time.Second
			o.Transport = trip(func(*http.Request) (*http.Response, error) { calls++; return answerOf(http.StatusGone), nil })
		})
		s.emit(care, event(1))
		time.Sleep(time.Hour)
		v, _ := s.View()
		if row, err := load(v, e.ID); err != nil || row.Disabled == "" || calls != 1 {
			t.Errorf("%+v %v, %d calls", row, err, calls)
		}
		stop()
		store.Close()
	})
}

// A receiver that hangs holds up only itself, and is let go of after a while.
func TestHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite()
		slow := s.add(t, Endpoint{URL: "https://slow.example.org", Types: []string{"device.*"}})
		quick := s.add(t, Endpoint{URL: "https://quick.example.org", Types: []string{"device.*"}})
		store := openStore(t)
		d, stop := s.lead(t, store, func(o *Options) {
			o.Transport = trip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Host == "slow.example.org" {
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				return answerOf(200), nil
			})
		})
		for i := range 20 {
			s.emit(care, event(i))
		}
		time.Sleep(time.Second)
		if st, _ := d.Status(quick.ID); st.Delivered != 20 {
			t.Errorf("the quick one got %d of 20", st.Delivered)
		}
		time.Sleep(callTime)
		st, _ := d.Status(slow.ID)
		if l, _ := d.Deliveries(slow.ID, 1); st.Failed != maxFlying || len(l) != 1 || l[0].Error != "there was no answer in time" {
			t.Errorf("%+v %+v", st, l)
		}
		stop()
		store.Close()
	})
}

func FuzzEncodeEvent(f *testing.F) {
	f.Add("device.added", "s", []byte(`{"a":1}`))
	f.Add("x", "\xff", []byte{0xff})
	f.Fuzz(func(t *testing.T, typ, subject string, body []byte) {
		b, err := encodeEvent("site:x", care, edge.Record{Event: edge.Event{Type: typ, Subject: subject, Body: body}})
		if err != nil {
			return
		}
		var ce cloudEvent
		if err := json.Unmarshal(b, &ce); err != nil || ce.SpecVersion != "1.0" {
			t.Fatalf("%s: %v", b, err)
		}
	})
}
