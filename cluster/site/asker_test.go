package site

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// A talk is a connection that was opened under one version of the protocol, and what was written to it.
type talk struct {
	net.Conn
	proto string

	mu   sync.Mutex // guards sent
	sent bytes.Buffer
}

func (c *talk) ConnectionState() tls.ConnectionState {
	return tls.ConnectionState{NegotiatedProtocol: c.proto}
}

func (c *talk) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.sent.Write(b)
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *talk) said(s string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Contains(c.sent.String(), s)
}

// TestAskersAreNamed: the id of a request goes with what is forwarded for it, to the handler's hooks, into the log and
// to Options.Answer, but only to a node that understands it.
func TestAskersAreNamed(t *testing.T) {
	for proto, want := range map[string]string{Proto: "req-77", protoFirst: ""} {
		l, done, called := &testLog{}, "", ""
		var out bytes.Buffer
		var conn *talk
		forward := testForward(t, l, func(c net.Conn) net.Conn { conn = &talk{Conn: c, proto: proto}; return conn })
		var client *Client
		sites := openSites(t, l, 2, func(o *Options) {
			forward(o)
			client = o.Forward.(*Client)
			if o.Node == (edge.NodeID{1}) {
				o.Mux.OnDone(func(_ edge.Tx, _ edge.Op, c edge.Command, _ []edge.Event, _ *edge.Error) error {
					done = c.Request
					return nil
				})
				o.Answer = func(ctx context.Context, _ edge.NodeID, _ string, b []byte) ([]byte, error) {
					called = edge.RequestOf(ctx)
					return b, nil
				}
				o.Logger = slog.New(contextual{slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})})
			}
		})
		ctx := edge.WithRequest(t.Context(), "req-77")
		if o, err := sites[1].Propose(ctx, command("add", addIn{"x"})); err != nil || o.Err != nil {
			t.Fatal(err, o.Err)
		}
		if o, err := sites[1].Propose(ctx, command("refuse", addIn{"x"})); err != nil || o.Err == nil {
			t.Fatal(err)
		}
		if _, err := sites[1].Linearizable(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Call(ctx, edge.NodeID{1}, "echo", nil); err != nil {
			t.Fatal(err)
		}
		if done != want || called != want || conn.said("req-77") != (want != "") {
			t.Errorf("%s: the command was of %q, the call of %q, told %v", proto, done, called, conn.said("req-77"))
		}
		if line := out.String(); !strings.Contains(line, "what=refuse") || strings.Contains(line, "req-77") != (want != "") {
			t.Errorf("%s: %s", proto, line)
		}
	}
}

// contextual adds the id of the request, as the program's logger does.
type contextual struct{ slog.Handler }

func (h contextual) WithAttrs(a []slog.Attr) slog.Handler { return contextual{h.Handler.WithAttrs(a)} }

func (h contextual) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(slog.String("request", edge.RequestOf(ctx)))
	return h.Handler.Handle(ctx, r)
}

// What is no id of a request is refused, wherever it comes from.
func TestAskersHaveProperNames(t *testing.T) {
	_, sites := testSites(t, 1, nil)
	for _, id := range []string{"two words", "a\nb", strings.Repeat("a", edge.MaxRequest+1)} {
		c := command("add", addIn{"x"})
		c.Request = id
		if _, err := sites[0].Propose(t.Context(), c); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%q: %v", id, err)
		}
		for _, m := range []message{{kind: askPropose, cmd: c, asker: id}, {kind: askIndex, asker: id}, {kind: askCall, name: "x", asker: id}} {
			if _, err := decodeMessage(m.append(nil)[4:]); !edge.IsKind(err, edge.Invalid) {
				t.Errorf("%q in a frame: %v", id, err)
			}
		}
	}
}

// TestDialFails: a dial that fails costs those who ask an error and the program nothing, whatever it returns beside
// the error.
func TestDialFails(t *testing.T) {
	for name, conn := range map[string]net.Conn{"nothing": nil, "a nil of a type": (*tls.Conn)(nil)} {
		c := NewClient(func(context.Context, edge.NodeID) (net.Conn, error) {
			return conn, edge.E(edge.Unavailable, "nobody is there")
		})
		if _, err := c.Call(t.Context(), edge.NodeID{2}, "x", nil); !edge.IsKind(err, edge.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
}
