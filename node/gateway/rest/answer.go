package rest

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"connectrpc.com/connect/v2"
	"github.com/cespare/xxhash/v2"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/problem"
)

// once is a call that is answered once.
type once struct {
	read func(proto.Message) error
	out  proto.Message
}

// Receive implements connect.ServerStream.
func (o *once) Receive(m any) error {
	if o.read == nil {
		return io.EOF
	}
	err := o.read(m.(proto.Message))
	o.read = nil
	return err
}

// SendHeaders implements connect.ServerStream.
func (o *once) SendHeaders() error { return nil }

// Send implements connect.ServerStream.
func (o *once) Send(m any) error {
	o.out = m.(proto.Message)
	return nil
}

// Values of fields that many answers have. Nobody changes them: who adds to one of them copies it.
var (
	jsonType    = []string{"application/json"}
	revalidated = []string{"private, no-cache"}
	varied      = []string{"Accept-Encoding"}
)

func (d *Door) unary(w http.ResponseWriter, r *http.Request, m *method.Method, b binding) {
	call.Bound(w, r)
	info := infoOf(r, m)
	s := &once{read: func(in proto.Message) error { return b.read(r, in) }}
	err := d.server.Call(r.Context(), m.Spec.Procedure, info, s)
	copyHeader(w, info)
	if err == nil {
		err = d.answer(w, r, m, b, s.out)
	}
	if err != nil {
		refuse(w, r, err)
	}
}

// infoOf tells the server what stands in the request's head.
func infoOf(r *http.Request, m *method.Method) *connect.CallInfo {
	info := &connect.CallInfo{Spec: m.Spec, PeerAddr: r.RemoteAddr, Protocol: "rest", Codec: connect.CodecNameJSON}
	for _, name := range []string{call.Idempotency, call.ReadAfter, call.Consistency, call.IfMatch} {
		if v := r.Header[name]; len(v) > 0 && v[0] != "" { // the names are canonical
			info.RequestHeader().Set(name, v[0])
		}
	}
	return info
}

func copyHeader(w http.ResponseWriter, info *connect.CallInfo) {
	h := w.Header()
	for name, values := range info.ResponseHeader().All() {
		h[name] = append(h[name], values...)
	}
}

// refuse writes err as problem details. A version that is not the one asked for is 412 (RFC 9110 section 13.1.1).
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := errors.AsType[*edge.Error](err); ok && e.Kind == edge.Conflict && r.Header.Get(call.IfMatch) != "" {
		err = problem.WithStatus(http.StatusPreconditionFailed, e)
	}
	problem.Write(w, err, call.From(r.Context()).ID)
}

func (d *Door) answer(w http.ResponseWriter, r *http.Request, m *method.Method, b binding, out proto.Message) error {
	if raw, ok := out.(*httpbody.HttpBody); ok {
		w.Header().Set("Content-Type", raw.GetContentType())
		measured(w.Header(), len(raw.GetData()))
		w.Write(raw.GetData())
		return nil
	}
	room := d.room.Get().(*[]byte)
	body, err := d.encode((*room)[:0], b, out)
	whole := true // nobody reads body any more when this returns
	defer func() {
		if whole && cap(body) <= keptRoom {
			*room = body
			d.room.Put(room)
		}
	}()
	if err != nil {
		return edge.E(edge.Internal, "an answer cannot be encoded: %w", err)
	}
	h := w.Header()
	pending := m.Pending(out)
	if minimal(r) && !m.Query && !pending {
		h.Set("Preference-Applied", "return=minimal")
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	h["Content-Type"] = jsonType
	if next := nextPage(r, out); next != "" {
		h.Set("Link", "<"+next+`>; rel="next"`)
	}
	tag, versioned := etag(out, body)
	if m.Query || versioned {
		h["Etag"] = []string{tag}
	}
	if m.Query { // what a command answers may hold a secret and is kept nowhere
		h["Cache-Control"] = revalidated
	}
	if none := r.Header["If-None-Match"]; m.Query && len(none) > 0 && matches(none[0], tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	measured(h, len(body))
	if pending { // nor does it say less than that by the wish of Prefer
		w.WriteHeader(http.StatusAccepted)
	}
	_, werr := w.Write(body)
	whole = werr == nil // over HTTP/2 a write that fails may go on in the background: the room must not hold another's answer
	return nil
}

// measured says how long an answer is, of n bytes, and that others might get it compressed. Of a short one the
// server says the first itself, and the second is not so.
func measured(h http.Header, n int) {
	if n < compressible {
		return
	}
	h["Content-Length"] = []string{strconv.Itoa(n)}
	if h["Vary"] == nil {
		h["Vary"] = varied
	}
}

// keptRoom is up to how many bytes the room of an answer is kept for the next.
const keptRoom = 64 << 10

// encode writes an answer into room, or into more.
func (d *Door) encode(room []byte, b binding, out proto.Message) ([]byte, error) {
	if b.out != nil {
		return d.json.AppendField(room, out, b.out)
	}
	return d.json.Append(room, out)
}

// etag names the bytes of an answer by a checksum, which keeps nothing secret and guards against nobody, with the version of what it shows before, where it has one: If-Match
// needs that.
func etag(out proto.Message, body []byte) (tag string, versioned bool) {
	tag = strconv.FormatUint(xxhash.Sum64(body), 36)
	m := out.ProtoReflect()
	f := m.Descriptor().Fields().ByName("version")
	if versioned = f != nil && f.Kind() == protoreflect.Uint64Kind; versioned {
		tag = strconv.FormatUint(m.Get(f).Uint(), 10) + "-" + tag
	}
	return `"` + tag + `"`, versioned
}

func matches(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if t = strings.TrimPrefix(strings.TrimSpace(t), "W/"); t == tag || t == "*" {
			return true
		}
	}
	return false
}

func minimal(r *http.Request) bool {
	for _, v := range r.Header.Values("Prefer") {
		for p := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(p), "return=minimal") {
				return true
			}
		}
	}
	return false
}

// nextPage is the address of the page that follows (RFC 8288), empty on the last.
func nextPage(r *http.Request, out proto.Message) string {
	m := out.ProtoReflect()
	f := m.Descriptor().Fields().ByName("next_page_token")
	if f == nil || m.Get(f).String() == "" || r.Method != http.MethodGet {
		return ""
	}
	q := r.URL.Query()
	q.Set("page_token", m.Get(f).String())
	q.Del("pageToken")
	return r.URL.Path + "?" + q.Encode()
}
