package grpcdoor

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"os"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/method"
)

const (
	prefix  = 5 // bytes before each message: is it compressed, and its length
	keepMax = 64 << 10
)

// stream is one call: one message in, one or many out.
type stream struct {
	d       *Door
	w       http.ResponseWriter
	r       *http.Request
	m       *method.Method
	ctx     context.Context
	info    *connect.CallInfo
	json    bool
	zipped  bool  // the request's messages may be compressed
	zips    bool  // the client reads compressed answers
	refused error // what there is to say before anything is done
	read    bool
	begun   bool
	room    *[]byte
}

var _ connect.ServerStream = (*stream)(nil)

// buffer is room for a message. It is good until the next call of it.
func (s *stream) buffer() []byte {
	if s.room == nil {
		s.room = s.d.rooms.Get().(*[]byte)
	}
	return (*s.room)[:0]
}

// keep keeps a buffer that has grown.
func (s *stream) keep(b []byte) { *s.room = b[:0] }

func (s *stream) free() {
	if s.room != nil && cap(*s.room) <= keepMax {
		s.d.rooms.Put(s.room)
	}
	s.room = nil
}

// Receive implements connect.ServerStream.
func (s *stream) Receive(to any) error {
	if s.read {
		return io.EOF
	}
	s.read = true
	b, err := s.body()
	if err != nil {
		return err
	}
	message := b[prefix:]
	if b[0] == 1 && len(message) > 0 {
		if message, err = s.unzip(message); err != nil {
			return err
		}
	}
	return s.decode(message, to.(proto.Message))
}

// body reads the one message of a call with its prefix, and makes sure that it is the only one.
func (s *stream) body() ([]byte, error) {
	b := s.buffer()
	defer func() { s.keep(b) }()
	want := prefix
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := s.r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if want == prefix && len(b) >= prefix {
			if want, err = s.length(b, err); want == 0 {
				return nil, err
			}
		}
		switch {
		case want > prefix && len(b) > want || want == prefix && len(b) > prefix:
			return nil, edge.E(edge.Invalid, "the call takes one message, and there are more")
		case errors.Is(err, io.EOF) && len(b) == want:
			return b, nil
		case errors.Is(err, io.EOF) && len(b) == 0:
			return nil, edge.E(edge.Invalid, "the request is empty")
		case errors.Is(err, io.EOF):
			return nil, edge.E(edge.Invalid, "the message ends early: %d bytes of %d have come", len(b), want)
		case err != nil:
			return nil, s.broken(err)
		}
	}
}

// length is how long a message with its prefix is; 0: it is refused.
func (s *stream) length(b []byte, err error) (int, error) {
	n := binary.BigEndian.Uint32(b[1:])
	switch {
	case b[0] > 1:
		return 0, edge.E(edge.Invalid, "a message begins with a flag nobody knows")
	case b[0] == 1 && !s.zipped:
		return 0, edge.E(edge.Invalid, "a message is compressed, and it is not said how")
	case int64(n) > int64(s.d.o.MaxBytes):
		return 0, edge.E(edge.Exhausted, "a message may have %d bytes, this one has %d", s.d.o.MaxBytes, n)
	}
	return prefix + int(n), err
}

// broken says why a request did not come whole.
func (s *stream) broken(err error) error {
	switch ctx := s.ctx.Err(); {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(ctx, context.DeadlineExceeded):
		return connect.NewError(connect.CodeDeadlineExceeded, "the message did not come in time")
	case ctx != nil:
		return connect.NewError(connect.CodeCanceled, "the call was given up")
	}
	return err
}

func (s *stream) unzip(b []byte) ([]byte, error) {
	r, err := s.d.o.Gzip.Decompress(bytes.NewReader(b))
	if err != nil {
		return nil, edge.E(edge.Invalid, "a message cannot be decompressed: %w", err)
	}
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, int64(s.d.o.MaxBytes)+1))
	switch {
	case err != nil:
		return nil, edge.E(edge.Invalid, "a message cannot be decompressed: %w", err)
	case len(out) > s.d.o.MaxBytes:
		return nil, edge.E(edge.Exhausted, "a message may have %d bytes", s.d.o.MaxBytes)
	}
	return out, nil
}

func (s *stream) decode(b []byte, to proto.Message) error {
	if s.json {
		return s.d.o.JSON.UnmarshalRead(s.ctx, bytes.NewReader(b), to)
	}
	if err := proto.Unmarshal(b, to); err != nil {
		return edge.E(edge.Invalid, "the message cannot be read: it is no %s", to.ProtoReflect().Descriptor().FullName())
	}
	return nil
}

// begin writes the head, once.
func (s *stream) begin() {
	if s.begun {
		return
	}
	s.begun = true
	h := s.w.Header()
	for name, list := range s.info.ResponseHeader().All() {
		h[name] = append(h[name], list...)
	}
	s.w.WriteHeader(http.StatusOK)
}

// SendHeaders implements connect.ServerStream.
func (s *stream) SendHeaders() error {
	if !s.m.Stream || s.begun {
		return nil
	}
	s.begin()
	return http.NewResponseController(s.w).Flush()
}

// Send implements connect.ServerStream.
func (s *stream) Send(m any) error {
	b, err := s.encode(m.(proto.Message))
	if err != nil {
		return err
	}
	s.begin()
	if _, err := s.w.Write(b); err != nil {
		s.room = nil // such a write may go on in the background: the room must not hold another's answer
		return s.broken(err)
	}
	if !s.m.Stream {
		return nil // it leaves with the status, in one write
	}
	if err := http.NewResponseController(s.w).Flush(); err != nil {
		s.room = nil
		return s.broken(err)
	}
	return nil
}

// encode makes what is sent of a message.
func (s *stream) encode(m proto.Message) (b []byte, err error) {
	b = append(s.buffer(), 0, 0, 0, 0, 0)
	defer func() { s.keep(b) }()
	if s.json {
		w := bytes.NewBuffer(b)
		err = s.d.o.JSON.MarshalWrite(s.ctx, w, m)
		b = w.Bytes()
	} else {
		b, err = proto.MarshalOptions{}.MarshalAppend(b, m)
	}
	if err != nil {
		return b, edge.E(edge.Internal, "an answer cannot be encoded: %w", err)
	}
	if s.zips && len(b)-prefix >= s.d.o.MinGzip {
		if b, err = s.zip(b[prefix:]); err != nil {
			return b, err
		}
	}
	binary.BigEndian.PutUint32(b[1:], uint32(len(b)-prefix))
	return b, nil
}

func (s *stream) zip(message []byte) ([]byte, error) {
	out := bytes.NewBuffer(append(make([]byte, 0, prefix+len(message)/2), 1, 0, 0, 0, 0))
	w, err := s.d.o.Gzip.Compress(out)
	if err == nil {
		_, err = w.Write(message)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		return out.Bytes(), edge.E(edge.Internal, "an answer cannot be compressed: %w", err)
	}
	return out.Bytes(), nil
}
