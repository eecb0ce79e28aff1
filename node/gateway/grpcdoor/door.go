// Package grpcdoor serves gRPC over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md) for the methods of a table. It does for a call
// what a call needs: one read of the request, one write of an answer that is one message, no timer unless somebody
// waits, no copy of the head. gRPC-Web, gRPC over HTTP/1 and methods that are in no table are not its business.
package grpcdoor

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
)

// Options are what a Door serves with.
type Options struct {
	Server   *connect.Server
	JSON     connect.Codec      // for application/grpc+json
	Gzip     connect.Compressor // the one compression there is
	MaxBytes int                // of a message, either way, without its compression
	MinGzip  int                // bytes from which an answer is compressed, for clients that read it
	// Within returns a context that ends at a time, and what frees it.
	Within func(ctx context.Context, until time.Time) (context.Context, func())
}

// A Door serves methods over gRPC.
type Door struct {
	o     Options
	rooms sync.Pool // of *[]byte: messages as they are read and written
}

// New returns a Door.
func New(o Options) *Door {
	return &Door{o: o, rooms: sync.Pool{New: func() any { b := make([]byte, 0, 1<<10); return &b }}}
}

// Takes reports whether a request is one the door serves: gRPC over HTTP/2 in a form that is known.
func Takes(r *http.Request) bool {
	return r.ProtoMajor == 2 && r.Method == http.MethodPost && codecOf(r) != ""
}

// codecOf is how the messages of a call are encoded; empty: in no way that is known.
func codecOf(r *http.Request) string {
	if v := r.Header["Content-Type"]; len(v) == 1 {
		switch v[0] {
		case "application/grpc", "application/grpc+proto":
			return connect.CodecNameProto
		case "application/grpc+json":
			return connect.CodecNameJSON
		}
	}
	return ""
}

// Names of fields, as they are in Go.
const (
	encoding = "Grpc-Encoding"
	accepts  = "Grpc-Accept-Encoding"
	timeout  = "Grpc-Timeout"
)

// Serve serves one call of m.
func (d *Door) Serve(w http.ResponseWriter, r *http.Request, m *method.Method) {
	info := &connect.CallInfo{Spec: m.Spec, PeerAddr: r.RemoteAddr, Protocol: connect.ProtocolNameGRPC, Codec: codecOf(r)}
	for _, name := range []string{call.Idempotency, call.ReadAfter, call.Consistency, call.IfMatch} {
		if v := r.Header[name]; len(v) > 0 && v[0] != "" { // the names are canonical
			info.RequestHeader().Set(name, v[0])
		}
	}
	s := &stream{d: d, w: w, r: r, m: m, info: info, json: info.Codec == connect.CodecNameJSON}
	d.head(s, w.Header())
	defer s.free()
	w.Header()[http.TrailerPrefix+status] = ok
	if err := d.call(s); err != nil {
		s.begin()
		refuse(w.Header(), err)
		return
	}
	s.begin()
	for name, list := range info.ResponseTrailer().All() {
		w.Header()[http.TrailerPrefix+name] = list
	}
}

func (d *Door) call(s *stream) error {
	ctx := s.r.Context()
	if v := s.r.Header[timeout]; len(v) > 0 {
		span, err := parseTimeout(v[0])
		if err != nil {
			return err
		}
		if span >= 0 {
			var end func()
			ctx, end = d.o.Within(ctx, time.Now().Add(span))
			defer end()
		}
	}
	if s.refused != nil {
		return s.refused
	}
	s.ctx = ctx
	return d.o.Server.Call(ctx, s.m.Spec.Procedure, s.info, s)
}

// Values of fields that all answers have. Nobody changes them: who adds to one of them copies it.
var (
	ok       = []string{"0"}
	oneWay   = []string{"gzip"}
	identity = "identity"
)

// head takes out of the answer's head what is for browsers, which do not read gRPC, and agrees on a compression.
func (d *Door) head(s *stream, h http.Header) {
	for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Cross-Origin-Resource-Policy", "Cache-Control", "Strict-Transport-Security"} {
		delete(h, name)
	}
	h["Content-Type"] = s.r.Header["Content-Type"]
	switch v := s.r.Header[encoding]; {
	case len(v) == 0 || v[0] == "" || v[0] == identity:
	case v[0] == d.o.Gzip.Name():
		s.zipped = true
	default:
		h[accepts] = oneWay
		s.refused = connect.Errorf(connect.CodeUnimplemented, "messages may be compressed with %s", d.o.Gzip.Name())
	}
	for _, v := range s.r.Header[accepts] {
		for name := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == ',' || r == ' ' }) {
			s.zips = s.zips || name == d.o.Gzip.Name()
		}
	}
	if s.zips = s.zips || s.zipped; s.zips {
		h[encoding], h[accepts] = oneWay, oneWay
	}
}

// units of a timeout.
var units = map[byte]time.Duration{'n': time.Nanosecond, 'u': time.Microsecond, 'm': time.Millisecond, 'S': time.Second, 'M': time.Minute, 'H': time.Hour}

// forever is a time that is not counted.
const forever = -1

// parseTimeout reads how long a client waits: up to eight digits and a unit.
func parseTimeout(v string) (time.Duration, error) {
	bad := connect.NewError(connect.CodeInvalidArgument, "grpc-timeout must be up to eight digits and one of H, M, S, m, u, n")
	if len(v) < 2 || len(v) > 9 {
		return 0, bad
	}
	unit, known := units[v[len(v)-1]]
	n, err := strconv.ParseUint(v[:len(v)-1], 10, 64)
	switch {
	case !known || err != nil:
		return 0, bad
	case time.Duration(n) > (1<<63-1)/unit:
		return forever, nil
	}
	return time.Duration(n) * unit, nil
}
