package telemetry_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/telemetry"
)

// TestLogger: a line has the id of the request its context carries, once, whatever was added to the logger before.
func TestLogger(t *testing.T) {
	var out bytes.Buffer
	l := telemetry.Logger(telemetry.Logger(slog.New(slog.NewTextHandler(&out, nil)))).With("part", "door")
	ctx := edge.WithRequest(context.Background(), "req-1")
	l.WarnContext(ctx, "a")
	l.WarnContext(context.Background(), "b")
	l.LogAttrs(ctx, slog.LevelInfo, "c", slog.Int("n", 1), slog.Int("n2", 2), slog.Int("n3", 3), slog.Int("n4", 4), slog.Int("n5", 5), slog.Int("n6", 6))
	l.DebugContext(ctx, "not told")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || strings.Count(lines[0], "part=door request=req-1") != 1 || strings.Contains(lines[1], "request") || strings.Count(lines[2], "request=req-1") != 1 {
		t.Errorf("%s", out.String())
	}
}
