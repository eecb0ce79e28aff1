package gateway

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/auth"
)

// rawSocket speaks WebSocket byte by byte, so that it can speak it wrongly.
type rawSocket struct {
	net.Conn
	r *bufio.Reader
	t *testing.T
}

func dialRaw(t *testing.T, addr, path string, head ...string) (*rawSocket, *http.Response) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	r, _ := http.NewRequest("GET", "http://"+addr+path, nil)
	for name, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Authorization": "Bearer good"} {
		r.Header.Set(name, v)
	}
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
		if head[i+1] == "" {
			r.Header.Del(head[i])
		}
	}
	if err := r.Write(c); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(c)
	res, err := http.ReadResponse(br, r)
	if err != nil {
		t.Fatal(err)
	}
	return &rawSocket{c, br, t}, res
}

// frame makes a frame with a mask of zeros.
func frame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// closed reads until the server closes, and returns its code: 0 for none.
func (s *rawSocket) closed() (code int, reason string) {
	for {
		op, payload, err := s.read()
		if err != nil {
			return 0, err.Error()
		}
		if op == 8 && len(payload) >= 2 {
			return int(binary.BigEndian.Uint16(payload)), string(payload[2:])
		}
	}
}

func (s *rawSocket) read() (op byte, payload []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(s.r, h[:]); err != nil {
		return 0, nil, err
	}
	n := int(h[1] & 0x7f)
	switch n {
	case 126:
		var b [2]byte
		io.ReadFull(s.r, b[:])
		n = int(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		io.ReadFull(s.r, b[:])
		n = int(binary.BigEndian.Uint64(b[:]))
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(s.r, payload)
	return h[0] & 0xf, payload, err
}

func serve(t testing.TB, h http.Handler) *httptest.Server {
	srv := httptest.NewServer(h)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv
}

// TestWebSocketBadInput is the row "WebSocket" of the table of bad inputs, on both doors that speak it.
func TestWebSocketBadInput(t *testing.T) {
	srv := serve(t, newBench(t).h)
	addr := srv.Listener.Addr().String()
	for _, path := range []string{"/ws", "/graphql"} {
		for _, tc := range []struct {
			name string
			send func(w io.Writer)
			code int
		}{
			{"not masked", func(w io.Writer) { w.Write([]byte{0x81, 2, '{', '}'}) }, 1002},
			{"length 2^63", func(w io.Writer) { w.Write([]byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) }, 1002},
			{"length 2^62", func(w io.Writer) {
				w.Write([]byte{0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
				w.Write(make([]byte, 2<<20))
			}, 1009},
			{"too long", func(w io.Writer) { w.Write(frame(0x81, strings.Repeat(" ", 1<<20+2))) }, 1009},
			{"fragments without end", func(w io.Writer) {
				w.Write(frame(0x01, "{"))
				for range 4096 {
					if _, err := w.Write(frame(0x00, strings.Repeat(" ", 512))); err != nil {
						return
					}
				}
			}, 1009},
			{"compressed though nobody agreed", func(w io.Writer) { w.Write(frame(0xc1, "abc")) }, 1002},
			{"unknown opcode", func(w io.Writer) { w.Write(frame(0x83, "abc")) }, 1002},
			{"continuation of nothing", func(w io.Writer) { w.Write(frame(0x80, "abc")) }, 1002},
			{"text within a text", func(w io.Writer) { w.Write(frame(0x01, "a")); w.Write(frame(0x81, "b")) }, 1002},
			{"long ping", func(w io.Writer) { w.Write(frame(0x89, strings.Repeat("a", 126))) }, 1002},
			{"fragmented ping", func(w io.Writer) { w.Write(frame(0x09, "a")) }, 1002},
			{"bad UTF-8", func(w io.Writer) { w.Write(frame(0x81, "\xff\xfe")) }, 1007},
			{"binary", func(w io.Writer) { w.Write(frame(0x82, "abc")) }, 1003},
			{"pings without end", func(w io.Writer) {
				for range 200 {
					w.Write(frame(0x89, "a"))
				}
			}, 1008},
		} {
			t.Run(path+"/"+tc.name, func(t *testing.T) {
				t.Parallel()
				s, res := dialRaw(t, addr, path, "Sec-WebSocket-Protocol", "graphql-transport-ws", "Sec-WebSocket-Extensions", "permessage-deflate")
				if res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Extensions") != "" {
					t.Fatalf("%v", res)
				}
				go tc.send(s)
				if code, why := s.closed(); code != tc.code {
					t.Fatalf("closed with %d %q, want %d", code, why, tc.code)
				}
			})
		}
	}
}

func TestWebSocketRefusesTheUpgrade(t *testing.T) {
	b := newBench(t)
	srv := serve(t, b.h)
	addr := srv.Listener.Addr().String()
	for _, tc := range []struct {
		name   string
		head   []string
		status int
	}{
		{"foreign page", []string{"Origin", "https://evil.example"}, 403},
		{"page without a place", []string{"Origin", "null"}, 403},
		{"own page", []string{"Origin", "http://" + addr}, 101},
		{"bad credentials", []string{"Authorization", "Bearer bad"}, 401},
		{"no credentials", []string{"Authorization", ""}, 101},
		{"old version", []string{"Sec-WebSocket-Version", "8"}, 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, path := range []string{"/ws", "/graphql"} {
				if _, res := dialRaw(t, addr, path, tc.head...); res.StatusCode != tc.status {
					t.Fatalf("%s: %d, want %d", path, res.StatusCode, tc.status)
				}
			}
		})
	}
	if _, res := dialRaw(t, addr, "/ws?token=good", "Authorization", ""); res.StatusCode != 400 {
		t.Fatalf("a token in the address: %d", res.StatusCode)
	}
}

// rpc is a connection to /ws.
type rpc struct {
	*websocket.Conn
	t testing.TB
}

func dialRPC(t testing.TB, srv *httptest.Server, token string) *rpc {
	t.Helper()
	h := http.Header{}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	c, _, err := websocket.Dial(context.Background(), srv.URL+"/ws", &websocket.DialOptions{HTTPHeader: h})
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(8 << 20)
	t.Cleanup(func() { c.CloseNow() })
	return &rpc{c, t}
}

func (c *rpc) send(text string) {
	c.t.Helper()
	if err := c.Write(context.Background(), websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *rpc) next() string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, b, err := c.Read(ctx)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (c *rpc) call(text string) string {
	c.t.Helper()
	c.send(text)
	return c.next()
}

func TestJSONRPC(t *testing.T) {
	b := newBench(t)
	srv := serve(t, b.h)
	for _, tc := range []struct{ name, token, text, want string }{
		{"command", "good", `{"jsonrpc":"2.0","id":1,"method":"node.set_setting","params":{"key":"hours","value":"8-18"},"meta":{"idempotencyKey":"k1"}}`,
			`{"jsonrpc":"2.0","id":1,"result":{"key":"hours","value":"8-18","version":"1","by":"amina"},"meta":{"index":"1","position":"`},
		{"again", "good", `{"jsonrpc":"2.0","id":"a","method":"node.set_setting","params":{"key":"hours","value":"8-18"},"meta":{"idempotencyKey":"k1"}}`, `"again":true}}`},
		{"query by its procedure", "good", `{"jsonrpc":"2.0","id":2,"method":"/aielon.node.v1.Settings/GetSetting","params":{"key":"hours"}}`,
			`{"jsonrpc":"2.0","id":2,"result":{"key":"hours","value":"8-18","version":"1","by":"amina"},"meta":{"index":"1"}}`},
		{"no params", "good", `{"jsonrpc":"2.0","id":3,"method":"node.get_status"}`, `{"jsonrpc":"2.0","id":3,"result":{"site":"clinic","role":"websocket"}}`},
		{"behind", "good", `{"jsonrpc":"2.0","id":3,"method":"node.get_setting","params":{"key":"hours"},"meta":{"readAfter":"999"}}`, `"code":-32005`},
		{"not there", "good", `{"jsonrpc":"2.0","id":4,"method":"node.get_setting","params":{"key":"no"}}`,
			`{"jsonrpc":"2.0","id":4,"error":{"code":-32002,"message":"there is no setting \"no\"","data":{"kind":"not_found","code":"not_found","status":404}}}`},
		{"nobody", "", `{"jsonrpc":"2.0","id":5,"method":"node.get_setting","params":{"key":"no"}}`, `"error":{"code":-32004,"message":"sign in first","data":{"kind":"denied","code":"unauthenticated","status":401}}`},
		{"not allowed", "guest", `{"jsonrpc":"2.0","id":5,"method":"node.get_setting","params":{"key":"no"}}`, `"message":"you may not do that","data":{"kind":"denied","code":"permission_denied","status":403}`},
		{"a stream refused", "", `{"jsonrpc":"2.0","id":5,"method":"node.watch_status"}`, `{"jsonrpc":"2.0","id":5,"error":{"code":-32004,"message":"sign in first"`},
		{"unknown method", "good", `{"jsonrpc":"2.0","id":6,"method":"node.nothing"}`, `"error":{"code":-32601`},
		{"unknown param", "good", `{"jsonrpc":"2.0","id":7,"method":"node.get_setting","params":{"k":1}}`, `"error":{"code":-32602,"message":"params cannot be read: (line 1:2): unknown field`},
		{"params by position", "good", `{"jsonrpc":"2.0","id":7,"method":"node.get_setting","params":["hours"]}`, `"error":{"code":-32602,"message":"params cannot be read`},
		{"deep params", "good", `{"jsonrpc":"2.0","id":7,"method":"node.get_setting","params":` + strings.Repeat(`{"key":`, 9000) + "1" + strings.Repeat("}", 9000) + `}`, `"error":{"code":-32602`},
		{"no JSON", "good", `{`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700`},
		{"no version", "good", `{"id":8,"method":"node.get_status"}`, `{"jsonrpc":"2.0","id":8,"error":{"code":-32600`},
		{"no id", "good", `{"jsonrpc":"2.0","method":"node.get_status"}`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600`},
		{"an object as id", "good", `{"jsonrpc":"2.0","id":{"a":1},"method":"node.get_status"}`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600`},
		{"a long id", "good", `{"jsonrpc":"2.0","id":"` + strings.Repeat("a", 200) + `","method":"node.get_status"}`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600`},
		{"unknown member", "good", `{"jsonrpc":"2.0","id":9,"method":"node.get_status","token":"x"}`, `"error":{"code":-32600`},
		{"batch", "good", `[{"jsonrpc":"2.0","id":9,"method":"node.get_status"}]`, `one by one`},
		{"unsubscribe from another's", "good", `{"jsonrpc":"2.0","id":9,"method":"unsubscribe","params":{"subscription":"1"}}`, `"error":{"code":-32002`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := dialRPC(t, srv, tc.token).call(tc.text); !strings.Contains(got, tc.want) {
				t.Fatalf("%s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestJSONRPCSubscriptions(t *testing.T) {
	b := newBench(t)
	c := dialRPC(t, serve(t, b.h), "good")
	if got := c.call(`{"jsonrpc":"2.0","id":1,"method":"node.watch_status"}`); got != `{"jsonrpc":"2.0","id":1,"result":{"subscription":"1"}}` {
		t.Fatal(got)
	}
	b.status <- &nodev1.Status{Site: "a"}
	if got := c.next(); got != `{"jsonrpc":"2.0","method":"subscription","params":{"subscription":"1","message":{"site":"a"}}}` {
		t.Fatal(got)
	}
	c.send(`{"jsonrpc":"2.0","id":2,"method":"unsubscribe","params":{"subscription":"1"}}`)
	got := c.next() + c.next()
	if !strings.Contains(got, `{"jsonrpc":"2.0","id":2,"result":{}}`) || !strings.Contains(got, `{"subscription":"1","complete":true}`) {
		t.Fatal(got)
	}
	for i := range 32 {
		c.call(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"node.watch_status"}`, i))
	}
	if got := c.call(`{"jsonrpc":"2.0","id":99,"method":"node.watch_status"}`); !strings.Contains(got, `32 subscriptions are open on this connection`) {
		t.Fatal(got)
	}
}

func TestJSONRPCWhoTalksNonsenseIsCutOff(t *testing.T) {
	c := dialRPC(t, serve(t, newBench(t).h), "good")
	for range 20 {
		c.call(`nonsense`)
	}
	if _, _, err := c.Read(context.Background()); websocket.CloseStatus(err) != 1008 {
		t.Fatal(err)
	}
}

func TestJSONRPCBoundsCalls(t *testing.T) {
	b := newBench(t)
	hold := make(chan struct{})
	l := b.g.o.Locals
	l.unary["aielon.node.v1.Node.GetStatus"] = nil
	delete(l.unary, "aielon.node.v1.Node.GetStatus")
	Local(l, func(ctx context.Context, _ *nodev1.GetStatusRequest) (*nodev1.Status, error) {
		<-hold
		return &nodev1.Status{}, nil
	})
	g, err := New(b.g.o)
	if err != nil {
		t.Fatal(err)
	}
	h, err := g.Handler(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := dialRPC(t, serve(t, &Entrance{Next: h}), "good")
	for i := range 32 {
		c.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"node.get_status"}`, i))
	}
	if got := c.call(`{"jsonrpc":"2.0","id":32,"method":"node.get_status"}`); !strings.Contains(got, `32 calls are under way`) {
		t.Fatal(got)
	}
	close(hold)
	for range 32 {
		if got := c.next(); !strings.Contains(got, `"result":{}`) {
			t.Fatal(got)
		}
	}
}

// TestSocketsEndWithTheRight revokes what proved a caller while its connections are open.
func TestSocketsEndWithTheRight(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	srv := serve(t, b.h)
	c := dialRPC(t, srv, "good")
	c.call(`{"jsonrpc":"2.0","id":1,"method":"node.watch_status"}`)
	g, _, err := websocket.Dial(context.Background(), srv.URL+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: http.Header{"Authorization": {"Bearer good"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.CloseNow()
	b.people.mu.Lock()
	b.people.revoked = true
	b.people.mu.Unlock()
	began := time.Now()
	for _, conn := range []*websocket.Conn{c.Conn, g} {
		var err error
		for err == nil {
			_, _, err = conn.Read(context.Background())
		}
		var ce websocket.CloseError
		if !errors.As(err, &ce) || ce.Code != 1008 || ce.Reason != "sign in again" || time.Since(began) > 5*time.Second {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
	}
}

// fading is people who lose their roles, and stay who they are.
type fading struct {
	Authenticator
	gone atomic.Bool
}

func (f *fading) Authenticate(ctx context.Context, c auth.Credentials) (auth.Caller, error) {
	who, err := f.Authenticator.Authenticate(ctx, c)
	if f.gone.Load() {
		who.Roles = nil
	}
	return who, err
}

// TestSocketsEndWithTheRole takes a role from somebody who is connected: the connections end, and what is left of the
// rights is there on new ones.
func TestSocketsEndWithTheRole(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	o := b.g.o
	who := &fading{Authenticator: o.Who}
	o.Who = who
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	h, err := g.Handler(nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := serve(t, &Entrance{Next: h})
	c, quiet := dialRPC(t, srv, "good"), dialRPC(t, srv, "good")
	c.call(`{"jsonrpc":"2.0","id":1,"method":"node.watch_status"}`)
	who.gone.Store(true)
	began := time.Now()
	for _, conn := range []*rpc{c, quiet} {
		var err error
		for err == nil {
			_, _, err = conn.Read(context.Background())
		}
		var ce websocket.CloseError
		if !errors.As(err, &ce) || ce.Code != 1008 || ce.Reason != "a role was taken from you" || time.Since(began) > 5*time.Second {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
	}
	c = dialRPC(t, srv, "good")
	if got := c.call(`{"jsonrpc":"2.0","id":2,"method":"node.get_status"}`); !strings.Contains(got, `you may not do that`) {
		t.Fatal(got)
	}
	if got := c.call(`{"jsonrpc":"2.0","id":3,"method":"node.get_ledger"}`); !strings.Contains(got, `"result"`) {
		t.Fatal(got)
	}
}

func TestGraphQLOverWebSocket(t *testing.T) {
	b := newBench(t)
	srv := serve(t, b.h)
	dial := func(token string) *rpc {
		c, _, err := websocket.Dial(context.Background(), srv.URL+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.CloseNow() })
		return &rpc{c, t}
	}
	c := dial("good")
	if got := c.call(`{"type":"connection_init","payload":{"a":1}}`); got != `{"type":"connection_ack"}` {
		t.Fatal(got)
	}
	if got := c.call(`{"type":"ping","payload":{"a":1}}`); got != `{"type":"pong","payload":{"a":1}}` {
		t.Fatal(got)
	}
	sub := func(id, query string) string {
		p, _ := json.Marshal(map[string]any{"id": id, "type": "subscribe", "payload": map[string]any{"query": query, "extensions": map[string]any{"idempotencyKey": "k"}}})
		return string(p)
	}
	if got := c.call(sub("1", `mutation { setSetting(key:"a", value:"b") { value } }`)); got != `{"id":"1","type":"next","payload":{"data":{"setSetting":{"value":"b"}},"extensions":{"index":"1"}}}` {
		t.Fatal(got)
	}
	if got := c.next(); got != `{"id":"1","type":"complete"}` {
		t.Fatal(got)
	}
	if got := c.call(sub("1", `{ nothing }`)); !strings.HasPrefix(got, `{"id":"1","type":"error","payload":[{"message":"Cannot query field`) {
		t.Fatal(got)
	}
	c.send(sub("2", `subscription { watchStatus { site } }`))
	b.status <- &nodev1.Status{Site: "x"}
	if got := c.next(); got != `{"id":"2","type":"next","payload":{"data":{"watchStatus":{"site":"x"}}}}` {
		t.Fatal(got)
	}
	c.send(`{"id":"2","type":"complete"}`)
	if got := c.call(sub("3", `{ ledger { joined } }`)); !strings.Contains(got, `{"id":"3","type":"next"`) {
		t.Fatal(got)
	}
	for _, tc := range []struct {
		name string
		send []string
		code websocket.StatusCode
	}{
		{"before it is ready", []string{sub("1", "{ ledger { joined } }")}, 4401},
		{"no JSON", []string{`{`}, 4400},
		{"unknown type", []string{`{"type":"start"}`}, 4400},
		{"no id", []string{`{"type":"connection_init"}`, `{"type":"subscribe","payload":{}}`}, 4400},
		{"two inits", []string{`{"type":"connection_init"}`, `{"type":"connection_init"}`}, 4429},
		{"twice", []string{`{"type":"connection_init"}`, sub("1", "subscription { watchStatus { site } }"), sub("1", "{ ledger { joined } }")}, 4409},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial("good")
			for _, text := range tc.send {
				c.send(text)
			}
			var err error
			for err == nil {
				_, _, err = c.Read(context.Background())
			}
			if websocket.CloseStatus(err) != tc.code {
				t.Fatalf("%v, want %d", err, tc.code)
			}
		})
	}
	n := dial("guest")
	n.call(`{"type":"connection_init"}`)
	if got := n.call(sub("1", `subscription { watchStatus { site } }`)); got != `{"id":"1","type":"error","payload":[{"message":"you may not do that","path":["watchStatus"],"extensions":{"code":"permission_denied","kind":"denied","status":403}}]}` {
		t.Fatal(got)
	}
}
