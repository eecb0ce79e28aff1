package telemetry

import (
	"context"
	"log/slog"

	"github.com/aielon/edge/node/edge"
)

// Logger is l with the id of the request a line was written for, as "request", wherever the context it was written
// with carries one (slog.Logger.WarnContext and the like).
func Logger(l *slog.Logger) *slog.Logger {
	if _, ok := l.Handler().(requests); ok {
		return l
	}
	return slog.New(requests{l.Handler()})
}

// requests is a handler that adds the id of the request.
type requests struct{ slog.Handler }

// Handle implements slog.Handler.
func (h requests) Handle(ctx context.Context, r slog.Record) error {
	if id := edge.RequestOf(ctx); id != "" {
		r = r.Clone() // others may hold the same record
		r.AddAttrs(slog.String("request", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h requests) WithAttrs(a []slog.Attr) slog.Handler { return requests{h.Handler.WithAttrs(a)} }

// WithGroup implements slog.Handler.
func (h requests) WithGroup(name string) slog.Handler { return requests{h.Handler.WithGroup(name)} }
