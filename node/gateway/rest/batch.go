package rest

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/problem"
)

const (
	lines    = "application/x-ndjson"
	maxLine  = 64 << 10 // bytes of one line
	maxBatch = 4 << 20  // bytes of a body of lines
)

// batches serves what comes in lines, each an item of the request, and leaves all else to next. All lines are read and
// looked at before anything is done. The answer is a line for each item of the reply, in order, sent as the parts of the
// request are decided.
func (d *Door) batches(m *method.Method, b binding, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != lines {
			next.ServeHTTP(w, r)
			return
		}
		d.batch(w, r, m, b)
	})
}

func (d *Door) batch(w http.ResponseWriter, r *http.Request, m *method.Method, b binding) {
	call.Unbound(w)
	info := infoOf(r, m)
	_, reply := m.Items()
	s := &batch{once: once{read: func(in proto.Message) error { return b.readLines(r, m, in) }}, reply: reply,
		many: many{door: d, w: w, ctl: http.NewResponseController(w), header: func() { copyHeader(w, info) }}}
	err := d.server.Call(call.WithParts(r.Context(), s.part), m.Spec.Procedure, info, &s.once)
	if err == nil && !s.told { // it was one command
		err = s.part(s.out)
	}
	if err != nil && !s.many.begun {
		copyHeader(w, info)
	}
	s.many.end(r, err)
}

// batch is a call whose answer is sent as its parts are decided.
type batch struct {
	once
	many  many
	reply protoreflect.FieldDescriptor
	told  bool // parts were told one by one
}

// part sends what became of the items of one part.
func (b *batch) part(out proto.Message) error {
	b.told = true
	s := &b.many
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		if err := s.begin(lines); err != nil {
			return err
		}
	}
	var all []byte
	items := out.ProtoReflect().Get(b.reply).List()
	for i := range items.Len() {
		line, err := s.door.json.Append(all, items.Get(i).Message().Interface())
		if err != nil {
			return edge.E(edge.Internal, "an answer cannot be encoded: %w", err)
		}
		all = append(line, '\n')
	}
	s.ctl.SetWriteDeadline(time.Now().Add(slowest))
	_, err := s.w.Write(all)
	if err = cmp.Or(err, s.ctl.Flush()); err != nil {
		return edge.E(edge.Unavailable, "whoever asked does not listen any more: %w", err) // no fault of ours
	}
	return nil
}

// readLines fills in a request from lines: each is one item. What else the request holds stands in the address.
func (b binding) readLines(r *http.Request, m *method.Method, in proto.Message) error {
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return problem.WithStatus(http.StatusUnsupportedMediaType, edge.E(edge.Invalid, "the body must not be compressed"))
	}
	if r.ContentLength > maxBatch {
		return &http.MaxBytesError{Limit: maxBatch}
	}
	request, _ := m.Items()
	list := in.ProtoReflect().Mutable(request).List()
	from := bufio.NewReaderSize(http.MaxBytesReader(nil, r.Body, maxBatch), maxLine)
	for n := 1; ; n++ {
		line, err := from.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return edge.E(edge.Invalid, "line %d has more than %d bytes", n, maxLine)
		case errors.Is(err, io.EOF) && len(line) == 0:
			return b.beside(r, in)
		case err != nil && !errors.Is(err, io.EOF):
			return brokenOff(err)
		case n > m.MaxItems():
			return edge.E(edge.Invalid, "line %d is one too many, %d is the most", n, m.MaxItems())
		}
		item := list.NewElement()
		if err := readLine(line, n, m, item.Message().Interface()); err != nil {
			return err
		}
		list.Append(item)
	}
}

func readLine(line []byte, n int, m *method.Method, item proto.Message) error {
	if len(bytes.TrimSpace(line)) == 0 {
		return edge.E(edge.Invalid, "line %d is empty", n)
	}
	if err := (protojson.UnmarshalOptions{RecursionLimit: maxNesting}).Unmarshal(line, item); err != nil {
		return edge.E(edge.Invalid, "line %d cannot be read: %s", n, plainly(err))
	}
	if err := m.CheckItem(item); err != nil {
		if e, ok := errors.AsType[*edge.Error](err); ok {
			c := *e
			c.Msg = edge.E(edge.Invalid, "line %d: %s", n, e.Msg).Msg
			return &c
		}
		return err
	}
	return nil
}

func brokenOff(err error) error {
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return err
	}
	return edge.E(edge.Invalid, "the request broke off")
}

// beside fills in what stands in the address.
func (b binding) beside(r *http.Request, in proto.Message) error {
	b.whole = false
	return b.address(r, in.ProtoReflect())
}
