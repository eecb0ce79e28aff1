package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestOutgoing: calls that go out are counted by result, timed and traced, and those of the tracer itself counted too.
func TestOutgoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{code: 200}
		tr, f := tracer(t, c), NewFigures(slog.New(slog.DiscardHandler))
		o := NewOutgoing(f, tr, "webhook")
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { tr.Run(ctx) })
		h := http.Header{}
		for _, result := range []string{Taken, Failed} {
			_, end := o.Begin(t.Context(), "webhook", h)
			time.Sleep(time.Second)
			end(result)
		}
		o.Retry("webhook", true)
		o.Retry("webhook", false)
		o.Retry("made up", true)
		time.Sleep(3 * spanEvery)
		stop()
		wg.Wait()
		if !strings.HasPrefix(h.Get("Traceparent"), "00-") || len(c.bodies) != 2 || strings.Count(strings.Join(c.bodies, ""), `"name":"call webhook","kind":3`) != 2 {
			t.Errorf("%v %q", h, c.bodies)
		}
		w := httptest.NewRecorder()
		f.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		for _, want := range []string{"# HELP aielon_outgoing_total ", "# HELP aielon_outgoing_seconds ", "# HELP aielon_outgoing_retries_total ",
			`aielon_outgoing_total{result="ok",to="webhook"} 1`, `aielon_outgoing_total{result="failed",to="webhook"} 1`, `aielon_outgoing_total{result="refused",to="webhook"} 0`,
			`aielon_outgoing_seconds_sum{to="webhook"} 2`, `aielon_outgoing_retries_total{fate="made",to="webhook"} 1`, `aielon_outgoing_retries_total{fate="held_back",to="webhook"} 1`,
			`aielon_outgoing_retries_total{fate="made",to="other"} 1`, `aielon_outgoing_total{result="ok",to="collector"} 2`} {
			if !strings.Contains("\n"+w.Body.String(), "\n"+want) {
				t.Errorf("there is no %s", want)
			}
		}
	})
}

// A node that measures nothing calls all the same.
func TestNoOutgoing(t *testing.T) {
	var o *Outgoing
	_, end := o.Begin(t.Context(), "webhook", http.Header{})
	end(Taken)
	o.Retry("webhook", true)
}
