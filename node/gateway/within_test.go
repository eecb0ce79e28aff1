package gateway

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestWithin: the context of a call ends at its time, with its caller, and with the call, whether somebody asked for
// its Done before, after or never.
func TestWithin(t *testing.T) {
	for _, asked := range []bool{false, true} {
		for _, c := range []struct {
			name string
			do   func(w *within, cancel func())
			want error
		}{
			{"goes on", func(*within, func()) {}, nil},
			{"its time comes", func(*within, func()) { time.Sleep(callTime + 1) }, context.DeadlineExceeded},
			{"its caller leaves", func(_ *within, cancel func()) { cancel() }, context.Canceled},
			{"it is over", func(w *within, _ func()) { w.end() }, context.Canceled},
		} {
			synctest.Test(t, func(t *testing.T) {
				outer, cancel := context.WithCancel(t.Context())
				defer cancel()
				w := &within{Context: outer, until: time.Now().Add(callTime)}
				defer w.end()
				var child context.Context
				if asked {
					inner, stop := context.WithCancel(w)
					defer stop()
					child = inner
				}
				c.do(w, cancel)
				synctest.Wait()
				if err := w.Err(); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
					t.Errorf("%s, asked before %v: %v", c.name, asked, err)
				}
				select {
				case <-w.Done():
					if c.want == nil {
						t.Errorf("%s, asked before %v: it is done", c.name, asked)
					}
				default:
					if c.want != nil {
						t.Errorf("%s, asked before %v: it is not done", c.name, asked)
					}
				}
				if child != nil && (child.Err() == nil) != (c.want == nil) {
					t.Errorf("%s: a context within it says %v", c.name, child.Err())
				}
			})
		}
	}
}
