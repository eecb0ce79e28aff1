package telemetry

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

func page(t *testing.T, f *Figures) string {
	t.Helper()
	w := httptest.NewRecorder()
	f.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// TestCalls: what strangers can choose makes no series.
func TestCalls(t *testing.T) {
	f := NewFigures(slog.New(slog.DiscardHandler))
	c := NewCalls(f, CallNames{Ops: []string{"devices.list", "identity.sign_in"}, SignIns: []string{"identity.sign_in"}, Doors: []string{"rest"}, Codes: []string{"ok", "permission_denied", "unauthenticated"}})
	c.Done(Call{Op: "devices.list", Door: "rest", Code: "ok", Took: 30 * time.Millisecond})
	c.Done(Call{Op: "identity.sign_in", Door: "rest", Code: "permission_denied", Denied: true})
	c.Done(Call{Op: "devices.list", Door: "rest", Code: "unauthenticated", Unproven: true, Proofs: true})
	c.Done(Call{Op: "devices.list", Door: "rest", Code: "unauthenticated", Unproven: true})
	for i := range 1000 {
		x := fmt.Sprintf("made-up-%d", i)
		c.Done(Call{Op: x, Door: x, Code: x, Streamed: true})
	}
	c.Stream("devices.list", 1)
	text := page(t, f)
	for _, want := range []string{
		`aielon_calls_total{code="ok",door="rest",op="devices.list"} 1`,
		`aielon_calls_total{code="other",door="other",op="other"} 1000`,
		`aielon_call_seconds_bucket{op="devices.list",le="0.025"} 2`, `aielon_call_seconds_bucket{op="devices.list",le="0.1"} 3`,
		`aielon_sign_in_failures_total{of="sign_in"} 1`, `aielon_sign_in_failures_total{of="credentials"} 1`,
		`aielon_streams_open{op="devices.list"} 1`, "go_goroutines ", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if strings.Contains(text, "made-up") {
		t.Error("a stranger made a series")
	}
	lint(t, text)
}

func lint(t *testing.T, text string) {
	t.Helper()
	found, err := promlint.New(strings.NewReader(text)).Lint()
	for _, p := range found {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if err != nil {
		t.Error(err)
	}
}

// TestLook: figures are read when somebody looks; one that makes no sense costs itself only, and is logged.
func TestLook(t *testing.T) {
	var log bytes.Buffer
	f := NewFigures(slog.New(slog.NewTextHandler(&log, nil)))
	n := 0.0
	f.Look(func(p Page) { n++; p.Gauge("aielon_looks", "Looks.", n, "by", "me") })
	f.Look(func(p Page) { p.Gauge("aielon_bad", "Bad.", 1, "by", "\xff") })
	page(t, f)
	text := page(t, f)
	if !strings.Contains(text, `aielon_looks{by="me"} 2`) || strings.Contains(text, "aielon_bad") {
		t.Error(text)
	}
	if !strings.Contains(log.String(), "some figures cannot be read") {
		t.Errorf("the log says %q", log.String())
	}
}

func BenchmarkDone(b *testing.B) {
	c := NewCalls(NewFigures(slog.New(slog.DiscardHandler)), CallNames{Ops: []string{"devices.list"}, Doors: []string{"rest"}, Codes: []string{"ok"}})
	b.ReportAllocs()
	for b.Loop() {
		c.Done(Call{Op: "devices.list", Door: "rest", Code: "ok", Took: time.Millisecond})
	}
}
