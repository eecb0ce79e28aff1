package node

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// overSocket asks the node over its own socket.
func (b *box) overSocket(method, path, body string) (int, string) {
	b.t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(b.cfg.DataDir, SocketName))
	}
	t := &http.Transport{DialContext: dial}
	defer t.CloseIdleConnections()
	r, err := http.NewRequestWithContext(b.t.Context(), method, "http://node"+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	return answerOf(b.t, &http.Client{Transport: t}, r)
}

func answerOf(t testing.TB, c *http.Client, r *http.Request) (int, string) {
	t.Helper()
	a, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(text)
}

// TestMetrics: the page is what Prometheus expects, with every figure a hub has, and counts what was asked.
func TestMetrics(t *testing.T) {
	b := start(t, hubConfig(t))
	b.number(1)
	if code, text := b.overSocket("GET", "/api/v1/status", ""); code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	code, text := b.overSocket("GET", "/api/metrics", "")
	if code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	for _, want := range []string{`aielon_records{class="telemetry",fate="accepted"}`, `aielon_calls_total{code="ok",door="rest",op="node.get_status"} 1`, "aielon_messages_total 1\n",
		"aielon_ready 1\n", "aielon_hub_sessions 0\n", `aielon_limit_refused_total{budget="stranger"} 0`, `aielon_audit_records_total{fate="failed"} 0`,
		"# HELP aielon_outgoing_total ", `aielon_outgoing_total{result="failed",to="webhook"} 0`, `aielon_outgoing_retries_total{fate="held_back",to="webhook"} 0`, `aielon_outgoing_seconds_count{to="webhook"} 0`,
		`aielon_search_queries_total{fate="answered"} 0`, "aielon_search_seconds_total 0\n", "aielon_search_documents "} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s", want)
		}
	}
	found, err := promlint.New(strings.NewReader(text)).Lint()
	for _, p := range found {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if err != nil {
		t.Error(err)
	}
	promtool(t, text, "check", "metrics")
}

// promtool has Prometheus' own tool judge, where it is there.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	tool := os.Getenv("PROMTOOL")
	if tool == "" {
		tool = "promtool"
	}
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Logf("not judged by promtool, which is not there: %v", err)
		return
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func get(t testing.TB, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return answerOf(t, http.DefaultClient, r)
}
