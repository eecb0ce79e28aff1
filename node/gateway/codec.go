package gateway

import (
	"context"
	"io"
	"strings"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/fastjson"
)

// maxNesting bounds how deep JSON may be nested.
const maxNesting = 64

// jsonCodec is Connect's JSON with the same bytes for the same message, and as strict as every other door: a
// field nobody knows is refused, not overlooked.
type jsonCodec struct{ w *fastjson.Writer }

var _ connect.StableCodec = jsonCodec{}

// Name implements connect.Codec.
func (jsonCodec) Name() string { return connect.CodecNameJSON }

// IsBinary implements connect.StableCodec.
func (jsonCodec) IsBinary() bool { return false }

// MarshalWrite implements connect.Codec.
func (c jsonCodec) MarshalWrite(_ context.Context, dst io.Writer, msg any) error {
	m, ok := msg.(proto.Message)
	if !ok {
		return edge.E(edge.Internal, "%T is no protobuf message", msg)
	}
	b, err := c.w.Append(nil, m)
	if err != nil {
		return err
	}
	_, err = dst.Write(b)
	return err
}

// MarshalWriteStable implements connect.StableCodec.
func (c jsonCodec) MarshalWriteStable(ctx context.Context, dst io.Writer, msg any) error {
	return c.MarshalWrite(ctx, dst, msg)
}

// UnmarshalRead implements connect.Codec.
func (jsonCodec) UnmarshalRead(_ context.Context, src io.Reader, msg any) error {
	m, ok := msg.(proto.Message)
	if !ok {
		return edge.E(edge.Internal, "%T is no protobuf message", msg)
	}
	b, err := io.ReadAll(src)
	if err != nil {
		return err
	}
	if len(b) == 0 {
		return edge.E(edge.Invalid, "the request is empty").WithHint("send {} where there is nothing to say")
	}
	if err := (protojson.UnmarshalOptions{RecursionLimit: maxNesting}).Unmarshal(b, m); err != nil {
		return edge.E(edge.Invalid, "the body cannot be read: %s", strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "proto:")), " "))
	}
	return nil
}
