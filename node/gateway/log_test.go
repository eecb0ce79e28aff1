package gateway

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/telemetry"
)

// TestLog: a refused call leaves one line with its request's id; addresses stand there at debug only, secrets never.
func TestLog(t *testing.T) {
	const secret = "canary-bearer-1"
	for level, want := range map[slog.Level]int{slog.LevelDebug: 1, slog.LevelInfo: 0} {
		b := newBench(t)
		var out bytes.Buffer
		b.g.o.Logger = telemetry.Logger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})))
		r := httptest.NewRequest("GET", "http://127.0.0.1/v1/status", nil)
		r.RemoteAddr = "192.0.2.77:1234"
		r.Header.Set("Authorization", "Bearer "+secret)
		r.Header.Set(call.RequestID, "req-77")
		b.h.ServeHTTP(httptest.NewRecorder(), r)
		text := out.String()
		if strings.Count(text, "request=req-77") != want || strings.Count(text, "192.0.2.77") != want || strings.Contains(text, secret) {
			t.Errorf("at %s: %s", level, text)
		}
	}
	var out bytes.Buffer
	c := auth.Credentials{Bearer: secret, Cookie: secret}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "c", c)
	fmt.Fprintf(&out, "%v %+v %#v %s", c, call.Request{Credentials: c}, c, c)
	if strings.Contains(out.String(), secret) {
		t.Errorf("a secret can get into a log: %s", out.String())
	}
}
