package raftlog

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// quietLog lets raft write to a slog.Logger, one level below what it asks for: most of its errors say that
// a peer is away, which is for Report to tell. It repeats a message once in 30 seconds at most.
type quietLog struct {
	to   *slog.Logger
	name string
	args []any

	mu   *sync.Mutex // guards last; shared by all loggers derived from one
	last map[string]time.Time
}

const repeatAfter = 30 * time.Second

func newQuietLog(to *slog.Logger) *quietLog {
	return &quietLog{to: to, mu: &sync.Mutex{}, last: map[string]time.Time{}}
}

// Log writes one message.
func (q *quietLog) Log(level hclog.Level, msg string, args ...any) {
	to := map[hclog.Level]slog.Level{hclog.Error: slog.LevelWarn, hclog.Warn: slog.LevelInfo}[level]
	if level < hclog.Warn {
		to = slog.LevelDebug
	}
	if !q.to.Enabled(context.Background(), to) || to > slog.LevelDebug && q.repeated(msg, args) {
		return
	}
	all := append(append([]any{}, q.args...), args...)
	for i, a := range all {
		if f, ok := a.(hclog.Format); ok {
			all[i] = fmt.Sprintf(f[0].(string), f[1:]...)
		}
	}
	q.to.Log(context.Background(), to, msg, all...)
}

// repeated reports whether the same was said about the same peer a moment ago.
func (q *quietLog) repeated(msg string, args []any) bool {
	key := msg
	if len(args) > 1 {
		key += fmt.Sprint(args[1])
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if time.Since(q.last[key]) < repeatAfter {
		return true
	}
	if len(q.last) >= 256 {
		clear(q.last)
	}
	q.last[key] = time.Now()
	return false
}

func (q *quietLog) Trace(msg string, args ...any) { q.Log(hclog.Trace, msg, args...) }
func (q *quietLog) Debug(msg string, args ...any) { q.Log(hclog.Debug, msg, args...) }
func (q *quietLog) Info(msg string, args ...any)  { q.Log(hclog.Info, msg, args...) }
func (q *quietLog) Warn(msg string, args ...any)  { q.Log(hclog.Warn, msg, args...) }
func (q *quietLog) Error(msg string, args ...any) { q.Log(hclog.Error, msg, args...) }

func (q *quietLog) IsTrace() bool { return q.IsDebug() }
func (q *quietLog) IsDebug() bool { return q.to.Enabled(context.Background(), slog.LevelDebug) }
func (q *quietLog) IsInfo() bool  { return q.IsDebug() }
func (q *quietLog) IsWarn() bool  { return true }
func (q *quietLog) IsError() bool { return true }

func (q *quietLog) ImpliedArgs() []any { return q.args }
func (q *quietLog) Name() string       { return q.name }

// With and the Named methods return loggers that share q's memory of what was said.
func (q *quietLog) With(args ...any) hclog.Logger {
	c := *q
	c.args = append(append([]any{}, q.args...), args...)
	return &c
}

func (q *quietLog) Named(name string) hclog.Logger { return q.ResetNamed(name) }

func (q *quietLog) ResetNamed(name string) hclog.Logger {
	c := *q
	c.name = name
	return &c
}

// SetLevel does nothing: the slog.Logger decides.
func (q *quietLog) SetLevel(hclog.Level) {}

func (q *quietLog) GetLevel() hclog.Level { return hclog.Debug }

func (q *quietLog) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return slog.NewLogLogger(q.to.Handler(), slog.LevelDebug)
}

func (q *quietLog) StandardWriter(*hclog.StandardLoggerOptions) io.Writer {
	return slog.NewLogLogger(q.to.Handler(), slog.LevelDebug).Writer()
}
