package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// within is a context that ends at a time. Most calls are answered before anybody waits for anything, so its timer
// begins when somebody asks for Done, and not before.
type within struct {
	context.Context
	until time.Time
	timed atomic.Pointer[timed] // nil until somebody asks for Done

	mu   sync.Mutex // held while timed is made, and guards over
	over bool
}

// until returns a context that ends at a time, or when the function it returns is called.
func until(ctx context.Context, t time.Time) (context.Context, func()) {
	w := &within{Context: ctx, until: t}
	return w, w.end
}

// timed is a context that ends at its time by itself.
type timed struct {
	context.Context
	stop context.CancelFunc
}

// end is called when the call is over. Whoever still holds the context finds it cancelled.
func (w *within) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if t := w.timed.Load(); t != nil {
		t.stop()
	}
}

// Deadline implements context.Context.
func (w *within) Deadline() (time.Time, bool) {
	if d, ok := w.Context.Deadline(); ok && d.Before(w.until) {
		return d, true
	}
	return w.until, true
}

// Done implements context.Context.
func (w *within) Done() <-chan struct{} {
	if t := w.timed.Load(); t != nil {
		return t.Done()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.timed.Load()
	if t == nil {
		t = &timed{}
		t.Context, t.stop = context.WithDeadline(w.Context, w.until)
		if w.over {
			t.stop()
		}
		w.timed.Store(t)
	}
	return t.Done()
}

// Err implements context.Context.
func (w *within) Err() error {
	if t := w.timed.Load(); t != nil {
		return t.Err()
	}
	if err := w.Context.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.over:
		return context.Canceled
	case !time.Now().Before(w.until):
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements context.Context. What package context asks for to tie contexts together must come from the one
// that ends with this one.
func (w *within) Value(k any) any {
	if t := w.timed.Load(); t != nil {
		return t.Value(k)
	}
	return w.Context.Value(k)
}
