package rpcws

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"sync"

	"connectrpc.com/connect/v2"
	"github.com/coder/websocket"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/wsconn"
)

// maxNesting bounds how deep params may be nested.
const maxNesting = 64

// client is one connection.
type client struct {
	door *Door
	conn *wsconn.Conn
	crew *crew

	mu      sync.Mutex // guards what follows
	calls   int
	streams map[string]context.CancelFunc
	next    int // the number of the next subscription
}

func newClient(d *Door, c *wsconn.Conn) *client {
	return &client{door: d, conn: c, crew: newCrew(), streams: map[string]context.CancelFunc{}}
}

// serve takes calls until the connection ends. Who keeps sending what is none is cut off.
func (c *client) serve() {
	defer c.crew.dismiss()
	for bad := 0; bad < maxBad; {
		b, err := c.conn.Read()
		if err != nil {
			return
		}
		q, code, err := parse(b)
		if err != nil {
			bad++
			c.conn.Send(refusal(q.ID, err, code))
			continue
		}
		if err := c.take(q); err != nil {
			c.conn.Send(refusal(q.ID, err, codeOf(err)))
		}
	}
	c.conn.Close(websocket.StatusPolicyViolation, "too many messages that are no calls")
}

// take begins a call.
func (c *client) take(q request) error {
	if q.Method == "unsubscribe" {
		return c.unsubscribe(q)
	}
	m := c.door.methods[q.Method]
	if m == nil {
		c.conn.Send(refusal(q.ID, edge.E(edge.Invalid, "there is no method of that name"), codeMethod))
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Stream {
		if len(c.streams) >= maxStreams {
			return edge.E(edge.Exhausted, "%d subscriptions are open on this connection, no more may be", maxStreams)
		}
		c.next++
		name := strconv.Itoa(c.next)
		ctx, cancel := context.WithCancel(c.conn.Context())
		c.streams[name] = cancel
		c.crew.do(func() { c.stream(ctx, q, m, name) })
		return nil
	}
	if c.calls >= maxCalls {
		return edge.E(edge.Exhausted, "%d calls are under way on this connection, no more may be", maxCalls).WithHint("wait for an answer")
	}
	c.calls++
	c.crew.do(func() { c.unary(q, m) })
	return nil
}

func (c *client) unsubscribe(q request) error {
	var in struct {
		Subscription string `json:"subscription"`
	}
	if err := json.Unmarshal(q.Params, &in); err != nil {
		return edge.E(edge.Invalid, "params must name the subscription")
	}
	c.mu.Lock()
	cancel := c.streams[in.Subscription]
	c.mu.Unlock()
	if cancel == nil {
		return edge.E(edge.NotFound, "there is no such subscription")
	}
	cancel()
	c.conn.Send(answer(q.ID, []byte("{}"), &connect.CallInfo{}))
	return nil
}

// infoOf tells the server what stands in the call's meta.
func (c *client) infoOf(q request, m *method.Method) *connect.CallInfo {
	info := &connect.CallInfo{Spec: m.Spec, PeerAddr: call.From(c.conn.Context()).Peer.String(), Protocol: "jsonrpc", Codec: connect.CodecNameJSON}
	for name, v := range map[string]string{call.Idempotency: q.Meta.IdempotencyKey, call.ReadAfter: q.Meta.ReadAfter, call.Consistency: q.Meta.Consistency} {
		if v != "" {
			info.RequestHeader().Set(name, v)
		}
	}
	return info
}

func (c *client) unary(q request, m *method.Method) {
	info := c.infoOf(q, m)
	s := &once{params: q.Params}
	err := c.door.server.Call(c.conn.Context(), m.Spec.Procedure, info, s)
	var out []byte
	if err == nil {
		out, err = c.encode(s.out)
	}
	c.mu.Lock()
	c.calls--
	c.mu.Unlock()
	if err != nil {
		c.conn.Send(refusal(q.ID, err, codeOf(err)))
		return
	}
	c.conn.Send(answer(q.ID, out, info))
}

func (c *client) encode(m proto.Message) ([]byte, error) {
	b, err := c.door.json.Append(make([]byte, 0, 512), m)
	if err != nil {
		return nil, edge.E(edge.Internal, "an answer cannot be encoded: %w", err)
	}
	return b, nil
}

// stream serves one subscription. What is refused before it began is the answer to the call.
func (c *client) stream(ctx context.Context, q request, m *method.Method, name string) {
	s := &follow{once: once{params: q.Params}, client: c, id: q.ID, name: name, info: c.infoOf(q, m)}
	err := c.door.server.Call(ctx, m.Spec.Procedure, s.info, s)
	c.mu.Lock()
	stopped := ctx.Err() != nil && c.conn.Context().Err() == nil
	c.streams[name]()
	delete(c.streams, name)
	c.mu.Unlock()
	switch {
	case err != nil && !s.begun:
		c.conn.Send(refusal(q.ID, err, codeOf(err)))
	case err != nil && !stopped:
		c.conn.Send(notice(name, "error", errorOf(err, codeOf(err))))
	case s.SendHeaders() == nil:
		c.conn.Send(notice(name, "complete", []byte("true")))
	}
}

// once is a call that is answered once.
type once struct {
	params json.RawMessage
	read   bool
	out    proto.Message
}

// Receive implements connect.ServerStream. Params that are left out are an empty request.
func (o *once) Receive(m any) error {
	if o.read {
		return io.EOF
	}
	o.read = true
	if len(o.params) == 0 || string(o.params) == "null" {
		return nil
	}
	if err := (protojson.UnmarshalOptions{RecursionLimit: maxNesting}).Unmarshal(o.params, m.(proto.Message)); err != nil {
		return edge.E(edge.Invalid, "params cannot be read: %s", strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "proto:")), " "))
	}
	return nil
}

// SendHeaders implements connect.ServerStream.
func (o *once) SendHeaders() error { return nil }

// Send implements connect.ServerStream.
func (o *once) Send(m any) error {
	o.out = m.(proto.Message)
	return nil
}

// follow is a call that is answered by a stream.
type follow struct {
	once
	client *client
	id     json.RawMessage
	name   string
	info   *connect.CallInfo
	begun  bool
}

// SendHeaders implements connect.ServerStream: the subscription is open.
func (f *follow) SendHeaders() error {
	if f.begun {
		return nil
	}
	f.begun = true
	return f.client.conn.Send(answer(f.id, []byte(`{"subscription":"`+f.name+`"}`), f.info))
}

// Send implements connect.ServerStream.
func (f *follow) Send(m any) error {
	if err := f.SendHeaders(); err != nil {
		return err
	}
	b, err := f.client.encode(m.(proto.Message))
	if err != nil {
		return err
	}
	return f.client.conn.Send(notice(f.name, "message", b))
}
