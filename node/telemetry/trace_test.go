package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A collector keeps what it is sent, or is away, or answers something else than 200.
type collector struct {
	mu     sync.Mutex // guards what follows
	away   bool
	code   int
	tries  int
	bodies []string
}

func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries++
	if c.away {
		return nil, errors.New("connection refused")
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if c.code == 0 || c.code == 200 {
		c.bodies = append(c.bodies, string(b))
		c.code = 200
	}
	return &http.Response{StatusCode: c.code, Body: io.NopCloser(bytes.NewReader(nil))}, nil
}

func tracer(t *testing.T, c *collector) *Tracer {
	t.Helper()
	tr, err := NewTracer(TraceOptions{URL: "http://127.0.0.1:4318", Node: "n1", Version: "v1", Client: &http.Client{Transport: c}})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestSpans: a call and what it led to arrive in the form the protocol wants, within the caller's trace.
func TestSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{}
		tr := tracer(t, c)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { tr.Run(ctx) })
		h := http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "Tracestate": {"who=amina"}}
		in, end := tr.Call(Incoming(context.Background(), h), "devices.list", "rest", "req1")
		out := http.Header{}
		o := NewOutgoing(NewFigures(slog.New(slog.DiscardHandler)), nil, "webhook")
		o.Begin(in, "webhook", out)
		if got := out.Get("Traceparent"); !strings.HasPrefix(got, "00-0af7651916cd43dd8448eb211c80319c-") || strings.Contains(got, "b7ad6b7169203331") || out.Get("Tracestate") != "" {
			t.Errorf("%v goes out", out)
		}
		_, ended := Child(in, "propose")
		time.Sleep(time.Millisecond)
		ended(true)
		end("ok")
		time.Sleep(3 * spanEvery)
		stop()
		wg.Wait()
		var got tracesRequest
		if len(c.bodies) != 1 || json.Unmarshal([]byte(c.bodies[0]), &got) != nil || len(got.Resources[0].Scopes[0].Spans) != 2 {
			t.Fatalf("%q", c.bodies)
		}
		child, call := got.Resources[0].Scopes[0].Spans[0], got.Resources[0].Scopes[0].Spans[1]
		if call.Trace != "0af7651916cd43dd8448eb211c80319c" || call.Parent != "b7ad6b7169203331" || call.Kind != 2 || call.Name != "devices.list" || call.Status.Code != 0 {
			t.Errorf("%+v", call)
		}
		if child.Parent != call.ID || child.Trace != call.Trace || child.Status.Code != 2 || len(child.Start) < 18 {
			t.Errorf("%+v", child)
		}
		if !strings.Contains(c.bodies[0], `{"key":"aielon.code","value":{"stringValue":"ok"}}`) || !strings.Contains(c.bodies[0], `"service.instance.id","value":{"stringValue":"n1"}`) {
			t.Error(c.bodies[0])
		}
		if tr.out.sent.Load() != 2 || tr.out.dropped.Load() != 0 {
			t.Errorf("%d sent, %d dropped", tr.out.sent.Load(), tr.out.dropped.Load())
		}
	})
}

// TestCollectorAway: calls are not held up, what waits is bounded, and what is dropped is counted; once the collector
// is back the rest arrives.
func TestCollectorAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{away: true}
		tr := tracer(t, c)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { tr.Run(ctx) })
		const calls = 5000
		for range calls {
			_, end := tr.Call(context.Background(), "op", "rest", "r")
			end("ok")
		}
		time.Sleep(time.Hour)
		c.mu.Lock()
		if c.tries < 50 || c.tries > 80 {
			t.Errorf("%d tries in an hour", c.tries)
		}
		c.away = false
		c.mu.Unlock()
		time.Sleep(2 * time.Minute)
		stop()
		wg.Wait()
		sent, dropped := tr.out.sent.Load(), tr.out.dropped.Load()
		if sent+dropped != calls || sent < spanQueue || sent > spanQueue+spanBatch+1 {
			t.Errorf("%d sent, %d dropped of %d", sent, dropped, calls)
		}
	})
}

// TestCollectorRefuses: what the collector does not want is not sent again; what it wants later is.
func TestCollectorRefuses(t *testing.T) {
	for code, tries := range map[int]int{400: 1, 302: 1, 503: 2} {
		synctest.Test(t, func(t *testing.T) {
			c := &collector{code: code}
			tr := tracer(t, c)
			ctx, stop := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { tr.Run(ctx) })
			_, end := tr.Call(context.Background(), "op", "rest", "r")
			end("internal")
			time.Sleep(spanEvery + spanAgain/2)
			stop()
			wg.Wait()
			if c.tries != tries || tr.out.dropped.Load() != 1 {
				t.Errorf("%d: %d tries, %d dropped", code, c.tries, tr.out.dropped.Load())
			}
		})
	}
}

// TestNoTracer: without a collector nothing is made.
func TestNoTracer(t *testing.T) {
	tr, err := NewTracer(TraceOptions{})
	if tr != nil || err != nil {
		t.Fatal(tr, err)
	}
	ctx, end := tr.Call(t.Context(), "op", "rest", "r")
	_, ended := Child(ctx, "propose")
	ended(false)
	end("ok")
	tr.Begin(ctx, "session")()
	if n := testing.AllocsPerRun(100, func() { _, end := tr.Call(ctx, "op", "rest", "r"); end("ok") }); n > 0 {
		t.Errorf("%v allocations for nothing", n)
	}
}

func TestCheckCollector(t *testing.T) {
	for raw, want := range map[string]string{
		"http://127.0.0.1:4318": "http://127.0.0.1:4318/v1/traces", "https://c.example.org": "https://c.example.org/v1/traces", "http://localhost:1/x": "http://localhost:1/x",
		"http://10.0.0.1:4318": "", "https://u:p@c.example.org": "", "https://c.example.org?token=x": "", "collector:4318": "", "ftp://127.0.0.1": "", "https://": "", "http://localhost.evil.example": "", "%": "",
	} {
		got, err := CheckCollector(raw)
		if got != want || (err != nil) != (want == "") || err != nil && !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %q, %v", raw, got, err)
		}
	}
}
