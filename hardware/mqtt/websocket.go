package mqtt

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// WebSocket returns a handler for MQTT over WebSocket (MQTT 5 section 6), for the gateway to mount. It
// takes browsers of the same origin only.
func (b *Broker) WebSocket() http.Handler {
	up := websocket.Upgrader{Subprotocols: []string{"mqtt"}, HandshakeTimeout: b.o.Limits.ConnectTime, ReadBufferSize: 2048, WriteBufferSize: 2048}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ok := false
		for _, p := range websocket.Subprotocols(r) {
			ok = ok || p == "mqtt"
		}
		if !ok {
			http.Error(w, "the subprotocol mqtt is expected", http.StatusBadRequest)
			return
		}
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return // Upgrade has answered
		}
		c.SetReadLimit(int64(b.o.Limits.Packet) + 5)
		b.Serve(&wsConn{Conn: c, cs: r.TLS})
	})
}

// A wsConn is a WebSocket as a stream of bytes. Packets need not keep to its messages.
type wsConn struct {
	*websocket.Conn
	cs    *tls.ConnectionState
	until atomic.Pointer[time.Time]
	r     io.Reader // rest of the message at hand; of the reading goroutine
}

// ConnectionState tells how the gateway's TLS proved the client, nil where it did not.
func (c *wsConn) ConnectionState() *tls.ConnectionState { return c.cs }

func (c *wsConn) Read(p []byte) (int, error) {
	for {
		if c.r == nil {
			kind, r, err := c.NextReader()
			if err != nil {
				return 0, err
			}
			if kind != websocket.BinaryMessage {
				return 0, protocol("a WebSocket message is not binary")
			}
			c.r = r
		}
		n, err := c.r.Read(p)
		if err == io.EOF {
			c.r, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Write is called from one goroutine at a time.
func (c *wsConn) Write(p []byte) (int, error) {
	if t := c.until.Load(); t != nil {
		c.Conn.SetWriteDeadline(*t)
	}
	if err := c.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// SetWriteDeadline holds from the next Write on: the library's own may not be called beside a write.
func (c *wsConn) SetWriteDeadline(t time.Time) error {
	c.until.Store(&t)
	return nil
}

func (c *wsConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

var _ net.Conn = (*wsConn)(nil)
