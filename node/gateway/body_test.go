package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aielon/edge/node/gateway/call"
)

const shortPatience = 300 * time.Millisecond

// overHTTP2 serves what passes the entrance over one HTTP/2 connection.
func overHTTP2(t *testing.T, next http.HandlerFunc) func(body io.Reader) (int, string) {
	t.Helper()
	s := httptest.NewUnstartedServer(&Entrance{patience: shortPatience, Next: next})
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	c := s.Client()
	c.Timeout = 10 * time.Second
	return func(body io.Reader) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/v1/x", body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = -1
		res, err := c.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		if res.ProtoMajor != 2 {
			t.Errorf("it went over %s", res.Proto)
		}
		b, err := io.ReadAll(res.Body)
		if err != nil {
			return res.StatusCode, err.Error()
		}
		return res.StatusCode, string(b)
	}
}

// TestLateBodiesOverHTTP2: a body that does not come is not waited for longer than is patient, whatever part of it
// came, and other requests of the same connection go on meanwhile.
func TestLateBodiesOverHTTP2(t *testing.T) {
	waited := make(chan time.Duration, 4)
	post := overHTTP2(t, func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			waited <- time.Since(began)
			http.Error(w, "late", http.StatusRequestTimeout)
			return
		}
		w.Write(b)
	})
	for name, sent := range map[string]string{"nothing came": "", "half of it came": `{"a":`} {
		body, send := io.Pipe()
		if sent != "" {
			go io.WriteString(send, sent)
		}
		done := make(chan string, 1)
		go func() {
			code, text := post(body)
			if code != http.StatusRequestTimeout {
				done <- name + ": " + text
			}
			close(done)
		}()
		if code, text := post(strings.NewReader("whole")); code != 200 || text != "whole" {
			t.Errorf("%s: another request meanwhile: %d %s", name, code, text)
		}
		select {
		case took := <-waited:
			if took < shortPatience/2 || took > 20*shortPatience {
				t.Errorf("%s: it was waited for %v", name, took)
			}
		case <-time.After(8 * time.Second):
			t.Fatalf("%s: it is still waited for", name)
		}
		send.CloseWithError(io.ErrUnexpectedEOF)
		if text, bad := <-done; bad && !strings.Contains(text, "unexpected EOF") { // either end may be first
			t.Error(text)
		}
		if code, text := post(strings.NewReader("after")); code != 200 || text != "after" {
			t.Errorf("%s: another request afterwards: %d %s", name, code, text)
		}
	}
}

// TestSteadyBodiesOverHTTP2: once a body has come whole there is no bound any more for an answer that goes on.
func TestSteadyBodiesOverHTTP2(t *testing.T) {
	post := overHTTP2(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		for range 4 {
			w.Write(b)
			http.NewResponseController(w).Flush()
			time.Sleep(shortPatience / 2)
		}
		if again, aerr := r.Body.Read(make([]byte, 1)); again != 0 || aerr != io.EOF || err != nil || r.Context().Err() != nil {
			io.WriteString(w, "ended early")
		}
	})
	body, send := io.Pipe()
	go func() {
		for range 3 {
			io.WriteString(send, "a")
			time.Sleep(shortPatience / 6)
		}
		send.Close()
	}()
	if code, text := post(body); code != 200 || text != strings.Repeat("aaa", 4) {
		t.Errorf("%d %q", code, text)
	}
}

// TestUnreadBodiesOverHTTP2: a body that nobody reads holds up nobody.
func TestUnreadBodiesOverHTTP2(t *testing.T) {
	var reads atomic.Bool
	post := overHTTP2(t, func(w http.ResponseWriter, r *http.Request) {
		if reads.Load() {
			io.Copy(w, r.Body)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	body, send := io.Pipe()
	defer send.Close()
	go io.WriteString(send, "never read")
	if code, text := post(body); code != http.StatusNoContent {
		t.Errorf("%d %s", code, text)
	}
	time.Sleep(2 * shortPatience)
	reads.Store(true)
	if code, text := post(strings.NewReader("after")); code != 200 || text != "after" {
		t.Errorf("%d %s", code, text)
	}
}

// TestUnboundAnswers: an answer that takes longer than the server lets answers take breaks off, unless its door lifts
// the bound, over each version of HTTP.
func TestUnboundAnswers(t *testing.T) {
	for _, two := range []bool{false, true} {
		for _, unbound := range []bool{false, true} {
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if unbound {
					call.Unbound(whole{w}) // as doors wrap it
				}
				io.WriteString(w, "first ")
				http.NewResponseController(w).Flush()
				time.Sleep(3 * shortPatience)
				io.WriteString(w, "second")
			}))
			s.Config.WriteTimeout, s.EnableHTTP2 = shortPatience, two
			s.StartTLS()
			res, err := s.Client().Get(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(res.Body)
			if ok := err == nil && string(b) == "first second"; ok != unbound || (res.ProtoMajor == 2) != two {
				t.Errorf("%s, unbound %v: %q %v", res.Proto, unbound, b, err)
			}
			res.Body.Close()
			s.Close()
		}
	}
}
