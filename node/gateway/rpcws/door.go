// Package rpcws is the door for JSON-RPC 2.0 over WebSocket: every method of the schemas on one connection, many
// calls and streams at a time.
//
// A call is one text:
//
//	{"jsonrpc":"2.0","id":1,"method":"devices.get_device","params":{"id":"bp-1"},"meta":{"readAfter":"17"}}
//
// The method is the operation's name, or its procedure ("/aielon.devices.v1.Devices/GetDevice"). Params are the
// request in the JSON mapping of protobuf. Meta says what a request's head says elsewhere: "idempotencyKey",
// "readAfter", "consistency". The answer has the answer's message as its result, and a meta of its own with "index",
// "position" and "again", or an error whose data says its kind, code, status and hint.
//
// A method that answers with a stream gives {"subscription":"1"} as its result. Then come notifications
//
//	{"jsonrpc":"2.0","method":"subscription","params":{"subscription":"1","message":{…}}}
//
// and, at the end, one with "complete":true or with "error". The method "unsubscribe" ends one sooner.
//
// Callers prove themselves by the head of the request that opens the connection, with a token or a cookie, and in no
// other way: a token has no place in an address, and one way in is easier to watch than two.
package rpcws

import (
	"net/http"

	"connectrpc.com/connect/v2"

	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/fastjson"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/wsconn"
)

// Bounds of one connection.
const (
	maxCalls   = 32  // under way at a time
	maxStreams = 32  // subscriptions at a time
	maxBad     = 20  // messages that are no calls, before the connection is closed
	maxID      = 128 // bytes of a call's id
)

// A Door serves the methods of a table.
type Door struct {
	server  *connect.Server
	json    *fastjson.Writer
	methods map[string]*method.Method
	o       wsconn.Options
}

// New returns a Door.
func New(server *connect.Server, methods *method.Table, json *fastjson.Writer, o wsconn.Options) *Door {
	d := &Door{server: server, json: json, methods: map[string]*method.Method{}, o: o}
	for _, m := range methods.All() {
		d.methods[m.Op], d.methods[m.Spec.Procedure] = m, m
	}
	return d
}

// ServeHTTP implements http.Handler.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = call.Named(r, "websocket")
	wsconn.Serve(w, r, d.o, func(c *wsconn.Conn) { newClient(d, c).serve() })
}
