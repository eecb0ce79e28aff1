package gateway

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

type fixed struct {
	status Status
	ready  error
}

func (f *fixed) Status(context.Context) Status               { return f.status }
func (f *fixed) Ready(context.Context) error                 { return f.ready }
func (f *fixed) WriteMetrics(_ context.Context, w io.Writer) { io.WriteString(w, "aielon_up 1\n") }

func testDoor(t *testing.T, src Source) http.Handler {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d, err := NewDoor(DoorOptions{Listener: l, Source: src, Hosts: []string{"clinic.local"}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return d.srv.Handler
}

func sample() *fixed {
	s := Status{Node: strings.Repeat("ab", 32), Site: "clinic", Role: "hub", Ledger: Ledger{Rows: []LedgerRow{{Class: "telemetry", Accepted: 10, OnHub: 7, Waiting: 2, Shed: 1}, {Class: "critical", Accepted: 1, Lost: 1}}},
		Parts: []PartStatus{{Name: "<script>", Level: "ok", Msg: "fine"}}, Recent: []Recent{{Subject: "fridge", Text: "v=1"}}, Hub: &HubStatus{Streams: []HubStream{{Site: "s", Name: "readings.telemetry", Received: 5}}}}
	s.Ledger.Sum()
	return &fixed{status: s}
}

func TestDoor(t *testing.T) {
	src := sample()
	src.ready = edge.E(edge.Unavailable, "the stores are being checked")
	h := testDoor(t, src)
	for _, tc := range []struct {
		method, path, host string
		status             int
		want               string
	}{
		{"GET", "/", "127.0.0.1:8480", 200, `data-total="accepted">11<`},
		{"GET", "/?lang=ar", "127.0.0.1", 200, `dir="rtl"`},
		{"GET", "/", "[::1]:8480", 200, "&lt;script&gt;"},
		{"GET", "/", "clinic.local:8480", 200, "clinic"},
		{"GET", "/", "evil.example", 421, "does not answer to that name"},
		{"GET", "/v1/ledger", "localhost", 200, `"lost":1`},
		{"GET", "/v1/status", "localhost", 200, `"received":5`},
		{"GET", "/metrics", "localhost", 200, "aielon_up 1"},
		{"GET", "/healthz", "localhost", 200, "alive"},
		{"GET", "/readyz", "localhost", 503, "the stores are being checked"},
		{"GET", "/page.js", "localhost", 200, "refresh"},
		{"GET", "/page.css", "localhost", 200, "--ink"},
		{"GET", "/../../etc/passwd", "localhost", 307, "/etc/passwd"},
		{"GET", "/etc/passwd", "localhost", 404, "no such page"},
		{"POST", "/", "localhost", 405, "read-only"},
		{"DELETE", "/v1/status", "localhost", 405, "read-only"},
	} {
		r := httptest.NewRequest(tc.method, "http://x/", strings.NewReader("x"))
		r.URL.Path, r.Host = strings.SplitN(tc.path, "?", 2)[0], tc.host
		_, r.URL.RawQuery, _ = strings.Cut(tc.path, "?")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s %s at %s: got %d\n%s\nwant %d with %q", tc.method, tc.path, tc.host, w.Code, w.Body, tc.status, tc.want)
		}
		if w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s: no content security policy", tc.path)
		}
	}
}

func TestStatusIsJSON(t *testing.T) {
	w := httptest.NewRecorder()
	testDoor(t, sample()).ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/v1/status", nil))
	var s Status
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || s.Ledger.Total.Accepted != 11 || s.Ledger.Total.Lost != 1 {
		t.Fatalf("got %+v, %v", s.Ledger, err)
	}
}

func TestSocketServesItsOwnUser(t *testing.T) {
	path := t.TempDir() + "/s"
	s, err := NewSocket(path, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("hello")) }), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	c := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	r, err := c.Get("http://node/")
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(r.Body); string(b) != "hello" {
		t.Fatalf("got %q", b)
	}
	r.Body.Close()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestLimitHoldsBackFurtherConnections(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limitConns(inner, 1)
	accepted := make(chan net.Conn, 2)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	for range 2 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	select {
	case <-accepted:
		t.Fatal("a second connection was let in")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	if c := <-accepted; c == nil {
		t.Fatal("the second connection was never let in")
	}
	l.Close()
	for range accepted {
	}
}
