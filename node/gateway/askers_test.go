package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/gateway/method"
)

func grpcAsker(t testing.TB, srv *httptest.Server) asker {
	conn, err := grpc.NewClient(srv.Listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func(t testing.TB, m *method.Method, in proto.Message, token string) (got told) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if token != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
		}
		s, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: m.Stream}, m.Spec.Procedure)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.SendMsg(in), s.CloseSend()); err != nil {
			t.Fatal(err)
		}
		for {
			out := m.NewOut()
			if err := s.RecvMsg(out); errors.Is(err, io.EOF) {
				return got
			} else if err != nil {
				for _, d := range status.Convert(err).Details() {
					if p, ok := d.(*api.Problem); ok {
						return refusal(p.GetKind(), p.GetDetail(), p.GetCode(), p.GetFacts())
					}
				}
				t.Fatal(err)
			}
			got.out = append(got.out, out)
			if !m.Stream {
				return got
			}
		}
	}
}

func connectAsker(srv *httptest.Server, o ...connecthttp.Option) asker {
	client := connect.NewClient(connecthttp.NewTransport(http.DefaultClient, srv.URL, o...))
	return func(t testing.TB, m *method.Method, in proto.Message, token string) (got told) {
		ctx, info := connect.NewClientContext(context.Background())
		if token != "" {
			info.RequestHeader().Set("Authorization", "Bearer "+token)
		}
		if !m.Stream {
			out := m.NewOut()
			if err := client.CallUnary(ctx, m.Spec, in, out); err != nil {
				return connectRefusal(t, err)
			}
			return told{out: []proto.Message{out}}
		}
		s, err := client.CallServerStream(ctx, m.Spec, in)
		if err != nil {
			return connectRefusal(t, err)
		}
		defer s.Close()
		for {
			out := m.NewOut()
			if err := s.Receive(out); errors.Is(err, io.EOF) {
				return got
			} else if err != nil {
				return connectRefusal(t, err)
			}
			got.out = append(got.out, out)
		}
	}
}

func connectRefusal(t testing.TB, err error) told {
	t.Helper()
	if c, ok := errors.AsType[*connect.Error](err); ok {
		for _, d := range c.Details() {
			if m, err := connectproto.UnmarshalErrorDetail(d); err == nil {
				p := m.(*api.Problem)
				return refusal(p.GetKind(), p.GetDetail(), p.GetCode(), p.GetFacts())
			}
		}
	}
	t.Fatal(err)
	return told{}
}

func socketAsker(srv *httptest.Server) asker {
	return func(t testing.TB, m *method.Method, in proto.Message, token string) (got told) {
		c := dialRPC(t, srv, token)
		defer c.Close(websocket.StatusNormalClosure, "")
		return askOver(c)(t, m, in, token)
	}
}

// askOver asks one call after the other over an open WebSocket.
func askOver(c *rpc) asker {
	return func(t testing.TB, m *method.Method, in proto.Message, _ string) (got told) {
		params, err := protojson.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		c.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, m.Op, params))
		for {
			type rpcError struct {
				Message string
				Data    struct {
					Kind, Code string
					Facts      []*api.Fact
				}
			}
			var a struct {
				Result json.RawMessage
				Error  *rpcError
				Params struct {
					Message  json.RawMessage
					Error    *rpcError
					Complete bool
				}
			}
			text := c.next()
			if err := json.Unmarshal([]byte(text), &a); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			switch e := cmp.Or(a.Error, a.Params.Error); {
			case e != nil:
				return refusal(e.Data.Kind, e.Message, ownCode(e.Data.Kind, e.Data.Code), e.Data.Facts)
			case a.Params.Complete:
				return got
			case a.Params.Message != nil:
				got.out = append(got.out, read(t, m, a.Params.Message))
			case !m.Stream:
				return told{out: []proto.Message{read(t, m, a.Result)}}
			}
		}
	}
}
