package rest

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/problem"
)

const (
	slowest = 30 * time.Second // a listener that takes longer for one message is gone
	pulse   = 15 * time.Second // silence on an event stream is broken this often, so that proxies keep it open
)

// many is a call that is answered by a stream: server-sent events (WHATWG HTML section 9.2), lines of JSON, or
// the bytes of a file.
type many struct {
	once
	door   *Door
	w      http.ResponseWriter
	ctl    *http.ResponseController
	b      binding
	header func()
	file   bool // its messages are parts of a file

	mu     sync.Mutex // guards w, begun: pulses come from another goroutine
	events bool
	begun  bool
}

func (d *Door) stream(w http.ResponseWriter, r *http.Request, m *method.Method, b binding) {
	call.Unbound(w)
	info := infoOf(r, m)
	s := &many{door: d, w: w, ctl: http.NewResponseController(w), b: b, events: !strings.Contains(r.Header.Get("Accept"), "application/x-ndjson"),
		header: func() { copyHeader(w, info) }}
	s.file = m.Desc.Output().FullName() == (&httpbody.HttpBody{}).ProtoReflect().Descriptor().FullName()
	s.read = func(in proto.Message) error { return b.read(r, in) }
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { s.pulses(stop) })
	err := d.server.Call(r.Context(), m.Spec.Procedure, info, s)
	close(stop)
	wg.Wait()
	s.end(r, err)
}

// end tells of an error: by the status where nothing was sent yet, in the stream otherwise.
func (s *many) end(r *http.Request, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && !s.begun:
		refuse(s.w, r, err)
	case err != nil && r.Context().Err() == nil:
		d := problem.Of(err)
		d.Instance = call.From(r.Context()).ID
		b, _ := json.Marshal(d)
		s.write("error", b)
	case err == nil && !s.begun:
		s.begin("")
	}
}

// SendHeaders implements connect.ServerStream. What the bytes of a file are is known with its first part.
func (s *many) SendHeaders() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file || s.begun {
		return nil
	}
	return s.begin("")
}

func (s *many) begin(kind string) error {
	s.begun = true
	s.header()
	h := s.w.Header()
	switch {
	case kind != "":
	case s.events:
		kind = "text/event-stream"
	default:
		kind = "application/x-ndjson"
	}
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	return s.ctl.Flush()
}

// Send implements connect.ServerStream.
func (s *many) Send(m any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := m.(proto.Message)
	if raw, ok := out.(*httpbody.HttpBody); ok {
		return s.raw(raw)
	}
	if !s.begun {
		if err := s.begin(""); err != nil {
			return err
		}
	}
	b, err := s.door.encode(nil, s.b, out)
	if err != nil {
		return edge.E(edge.Internal, "an answer cannot be encoded: %w", err)
	}
	return s.write("", b)
}

func (s *many) raw(part *httpbody.HttpBody) error {
	if !s.begun {
		if err := s.begin(part.GetContentType()); err != nil {
			return err
		}
	}
	s.ctl.SetWriteDeadline(time.Now().Add(slowest))
	_, err := s.w.Write(part.GetData())
	return err
}

func (s *many) write(event string, b []byte) error {
	s.ctl.SetWriteDeadline(time.Now().Add(slowest))
	out := make([]byte, 0, len(b)+32)
	switch {
	case !s.events && event != "":
		out = append(append(append(out, `{"error":`...), b...), "}\n"...)
	case !s.events:
		out = append(append(out, b...), '\n')
	default:
		if event != "" {
			out = append(append(append(out, "event: "...), event...), '\n')
		}
		out = append(append(append(out, "data: "...), b...), "\n\n"...)
	}
	if _, err := s.w.Write(out); err != nil {
		return err
	}
	return s.ctl.Flush()
}

func (s *many) pulses(stop <-chan struct{}) {
	t := time.NewTicker(pulse)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		s.mu.Lock()
		if s.begun && s.events && !s.file {
			s.ctl.SetWriteDeadline(time.Now().Add(slowest))
			s.w.Write([]byte(": still here\n\n"))
			s.ctl.Flush()
		}
		s.mu.Unlock()
	}
}
