package mqtt

import (
	"bufio"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

func TestWebSocket(t *testing.T) {
	w := start(t)
	srv := httptest.NewServer(w.b.WebSocket())
	defer srv.Close()
	url := "ws" + strings.TrimPrefix(srv.URL, "http")
	if _, _, err := websocket.DefaultDialer.Dial(url, nil); err == nil {
		t.Error("a WebSocket without the subprotocol got in")
	}
	c, _, err := (&websocket.Dialer{Subprotocols: []string{"mqtt"}}).Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	ws := &wsConn{Conn: c}
	r := &raw{t: t, nc: ws, br: bufio.NewReader(ws), v: 5}
	hello := connectOpt{v: 5, id: "d1", user: "d1", pass: str("d1-pw")}.bytes()
	r.send(hello[:5]) // a packet need not keep to one message
	r.send(hello[5:], pub(5, 1, 1, "devices/d1/x", "1"))
	r.want(tConnack)
	r.want(tPuback)
	if got := w.disk.waitFor(t, 1); got[0].Device != "d1" {
		t.Errorf("%+v", got)
	}
}
