package graph

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/wsconn"
)

// The GraphQL over WebSocket Protocol (enisdenjo/graphql-ws, PROTOCOL.md) and the codes it closes with.
const (
	protocol = "graphql-transport-ws"

	closeInvalid  websocket.StatusCode = 4400
	closeTooEarly websocket.StatusCode = 4401
	closeProtocol websocket.StatusCode = 4406
	closeNoInit   websocket.StatusCode = 4408
	closeTwice    websocket.StatusCode = 4409
	closeTwoInits websocket.StatusCode = 4429

	initTime      = 10 * time.Second // to the first message
	maxOperations = 32               // open at a time on one connection
	maxID         = 128              // bytes of an operation's id
)

// overSocket serves operations over a WebSocket, many at a time.
type overSocket struct {
	o   wsconn.Options
	log *slog.Logger
}

var _ graphql.Transport = overSocket{}

// Supports implements graphql.Transport.
func (overSocket) Supports(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// Do implements graphql.Transport.
func (t overSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	wsconn.Serve(w, r, t.o, func(c *wsconn.Conn) {
		s := &socket{conn: c, exec: exec, log: t.log, head: r.Header, open: map[string]context.CancelFunc{}}
		s.serve()
		s.wg.Wait()
	})
}

// frame is a message of the protocol.
type frame struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// socket is one connection.
type socket struct {
	conn *wsconn.Conn
	exec graphql.GraphExecutor
	log  *slog.Logger
	head http.Header
	wg   sync.WaitGroup // operations under way

	mu   sync.Mutex // guards open
	open map[string]context.CancelFunc
}

func (s *socket) serve() {
	if s.conn.Protocol() != protocol {
		s.conn.Close(closeProtocol, "Subprotocol not acceptable")
		return
	}
	late := time.AfterFunc(initTime, func() { s.conn.Close(closeNoInit, "Connection initialisation timeout") })
	defer late.Stop()
	for ready := false; ; {
		b, err := s.conn.Read()
		if err != nil {
			return
		}
		var f frame
		if err := decodeOne(b, &f); err != nil || len(f.ID) > maxID {
			s.conn.Close(closeInvalid, "Invalid message received")
			return
		}
		switch {
		case f.Type == "connection_init" && ready:
			s.conn.Close(closeTwoInits, "Too many initialisation requests")
			return
		case f.Type == "connection_init":
			ready = late.Stop()
			s.send(frame{Type: "connection_ack"})
		case f.Type == "ping":
			s.send(frame{Type: "pong", Payload: f.Payload})
		case f.Type == "pong":
		case f.Type == "complete":
			s.stop(f.ID)
		case f.Type == "subscribe" && !ready:
			s.conn.Close(closeTooEarly, "Unauthorized")
			return
		case f.Type == "subscribe" && f.ID != "":
			if !s.begin(f) {
				return
			}
		default:
			s.conn.Close(closeInvalid, "Invalid message received")
			return
		}
	}
}

func (s *socket) send(f frame) error {
	b, err := json.Marshal(f)
	if err != nil {
		return edge.E(edge.Internal, "a message cannot be encoded: %w", err)
	}
	return s.conn.Send(b)
}

func (s *socket) refuse(id string, list gqlerror.List) {
	if b, err := json.Marshal(dressed(list)); err == nil {
		s.send(frame{ID: id, Type: "error", Payload: b}) // a connection that cannot be written to ends by itself
	}
}

func (s *socket) stop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.open[id]; cancel != nil {
		cancel()
		delete(s.open, id)
	}
}

// begin starts an operation. It reports whether the connection may go on.
func (s *socket) begin(f frame) bool {
	ctx, cancel := context.WithCancel(s.conn.Context())
	s.mu.Lock()
	twice, full := s.open[f.ID] != nil, len(s.open) >= maxOperations
	if !twice && !full {
		s.open[f.ID] = cancel
	}
	s.mu.Unlock()
	switch {
	case twice:
		cancel()
		s.conn.Close(closeTwice, "Subscriber for "+f.ID+" already exists")
		return false
	case full:
		cancel()
		s.refuse(f.ID, gqlerror.List{gqlError(edge.E(edge.Exhausted, "%d operations are open on this connection, no more may be", maxOperations), nil)})
		return true
	}
	s.wg.Go(func() {
		defer cancel()
		if s.run(ctx, f) {
			s.send(frame{ID: f.ID, Type: "complete"})
		}
	})
	return true
}

// run executes one operation and reports whether it came to its end.
func (s *socket) run(ctx context.Context, f frame) (complete bool) {
	defer func() {
		if p := recover(); p != nil {
			s.log.ErrorContext(ctx, "GraphQL panicked", "panic", edge.Panicked(p), "stack", string(debug.Stack()))
			s.refuse(f.ID, gqlerror.List{gqlError(edge.E(edge.Internal, "a fault of the program"), nil)})
			complete = false
		}
		complete = s.forget(f.ID, ctx) && complete
	}()
	params, err := parseParams(f.Payload)
	if err != nil {
		s.refuse(f.ID, gqlerror.List{gqlError(err, nil)})
		return false
	}
	params.Headers = s.head
	op, list := s.exec.CreateOperationContext(graphql.StartOperationTrace(ctx), params)
	if list != nil {
		s.refuse(f.ID, list)
		return false
	}
	responses, ctx := s.exec.DispatchOperation(ctx, op)
	for response := responses(ctx); response != nil; response = responses(ctx) {
		if response.Data == nil {
			s.refuse(f.ID, response.Errors)
			return false
		}
		if s.send(frame{ID: f.ID, Type: "next", Payload: encode(nil, response)}) != nil {
			return false
		}
	}
	return true
}

// forget closes an operation's books. It reports whether the client still waits for it.
func (s *socket) forget(id string, ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil { // the client completed it, and may use its id again
		return false
	}
	delete(s.open, id)
	return true
}
