package gateway

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// bodyTime is how long a request's body may take to come.
const bodyTime = 30 * time.Second

// steadyBody bounds how long a body takes to come, and lifts the bound once all of it has: a stream of answers goes
// on for as long as it likes.
type steadyBody struct {
	io.ReadCloser
	ctl  *http.ResponseController
	late *time.Timer // HTTP/2 only

	mu   sync.Mutex // guards done
	done bool       // ctl must not be used any more
}

// newSteadyBody begins to count. HTTP/2 has a deadline set only when it is over: each one that is set there wakes the
// goroutine that reads for all streams of the connection. For HTTP/1 it holds for bodies that no door reads too: the
// server does afterwards, and would wait for ever.
func newSteadyBody(w http.ResponseWriter, r *http.Request, patience time.Duration) *steadyBody {
	b := &steadyBody{ReadCloser: http.MaxBytesReader(w, r.Body, answerRoom), ctl: http.NewResponseController(w)}
	if r.ProtoMajor == 2 {
		b.late = time.AfterFunc(patience, b.tooLate)
	} else {
		b.ctl.SetReadDeadline(time.Now().Add(patience))
	}
	return b
}

func (b *steadyBody) tooLate() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.done {
		b.ctl.SetReadDeadline(time.Now())
	}
}

// leave is called when the request is answered.
func (b *steadyBody) leave() {
	if b.late == nil || b.late.Stop() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done = true
}

// Read implements io.Reader.
func (b *steadyBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case !errors.Is(err, io.EOF):
	case b.late != nil:
		b.late.Stop()
	default:
		b.ctl.SetReadDeadline(time.Time{})
	}
	return n, err
}
