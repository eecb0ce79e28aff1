package graph

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

const (
	slowest = 30 * time.Second // a listener that takes longer for one event is gone
	pulse   = 15 * time.Second // silence is broken this often, so that proxies keep the stream open
)

// overEvents serves an operation as server-sent events: "next" with each response, "complete" at the end (the
// distinct connections of the GraphQL over Server-Sent Events Protocol).
type overEvents struct{ schema *schema }

var _ graphql.Transport = overEvents{}

// Supports implements graphql.Transport.
func (overEvents) Supports(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodPost) && strings.Contains(r.Header.Get("Accept"), typeEvent)
}

// Do implements graphql.Transport. What is refused before it is executed is answered without a stream.
func (t overEvents) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	params, err := paramsOf(w, r)
	if err != nil {
		overHTTP{}.refuse(w, typeGraph, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	op, list := exec.CreateOperationContext(ctx, params)
	if list != nil {
		send(w, typeGraph, statusOf(dressed(list)), &graphql.Response{Errors: list})
		return
	}
	if err := possible(r, op, t.schema, ast.Query, ast.Subscription); err != nil {
		w.Header().Set("Allow", http.MethodPost)
		overHTTP{}.refuse(w, typeGraph, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", typeEvent)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	s := &events{w: w, ctl: http.NewResponseController(w)}
	s.write(":\n\n")
	stop := s.pulses()
	defer stop()
	responses, ctx := exec.DispatchOperation(ctx, op)
	for response := responses(ctx); response != nil; response = responses(ctx) {
		if s.write("event: next\ndata: "+string(encode(nil, response))+"\n\n") != nil {
			return
		}
	}
	s.write("event: complete\ndata:\n\n")
}

// events writes a stream of events.
type events struct {
	mu  sync.Mutex // guards what follows: pulses come from another goroutine
	w   http.ResponseWriter
	ctl *http.ResponseController
}

func (s *events) write(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctl.SetWriteDeadline(time.Now().Add(slowest))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.ctl.Flush()
}

// pulses breaks silence until the function it returns is called.
func (s *events) pulses() (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(pulse)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				s.write(":\n\n")
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}
