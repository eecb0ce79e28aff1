package sitebox

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
)

// A Client asks the node on one data directory, whether it runs or not.
type Client struct{ http http.Client }

// NewClient returns a client of the node on a data directory.
func NewClient(data string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(data, node.SocketName))
	}
	return &Client{http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 16}}}
}

// Close lets go of connections that nobody uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Known reports whether an answer says for certain that nothing was done. Of all other errors it is not
// known whether the command was carried out.
func Known(err error) bool {
	switch edge.KindOf(err) {
	case edge.Conflict, edge.NotFound, edge.Invalid, edge.Denied:
		return true
	}
	return false
}

// Call makes one request. Errors are *edge.Error: the node's own, or Unavailable where it did not answer.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return edge.E(edge.Internal, "the request cannot be written: %w", err)
	}
	if method == "GET" {
		b = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://node"+path, bytes.NewReader(b))
	if err != nil {
		return edge.E(edge.Internal, "the request cannot be made: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	a, err := c.http.Do(r)
	if err != nil {
		return edge.E(edge.Unavailable, "no answer: %w", err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		return edge.E(edge.Unavailable, "half an answer: %w", err)
	}
	if a.StatusCode >= 300 {
		var p struct{ Title, Detail string }
		if err := json.Unmarshal(body, &p); err != nil {
			return edge.E(edge.Internal, "the node answered %s: %w", a.Status, err)
		}
		return edge.E(edge.ParseKind(p.Title), "%s", p.Detail)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return edge.E(edge.Unavailable, "the answer cannot be read: %w", err)
	}
	return nil
}

type answer struct {
	Index uint64          `json:"index"`
	Again bool            `json:"again"`
	Reply json.RawMessage `json:"reply"`
}

// Set asks for a setting to have a value, under an ID of which every repetition is the same command.
func (c *Client) Set(ctx context.Context, id edge.ID, in node.SettingSet) (s node.Setting, err error) {
	var a answer
	if err := c.Call(ctx, "POST", "/v1/do", map[string]any{"id": id, "type": node.OpSettingSet, "body": in}, &a); err != nil {
		return s, err
	}
	return s, json.Unmarshal(a.Reply, &s)
}

// Get reads a setting: strict is linearizable, otherwise it is what this node has. A setting that was never
// set has version 0.
func (c *Client) Get(ctx context.Context, key string, strict bool) (s node.Setting, err error) {
	var a answer
	err = c.Call(ctx, "POST", "/v1/ask", map[string]any{"name": node.OpSettingGet, "body": node.SettingGet{Key: key}, "strict": strict}, &a)
	if edge.IsKind(err, edge.NotFound) {
		return node.Setting{Key: key}, nil
	}
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(a.Reply, &s)
}

// Status is what the node says of itself.
func (c *Client) Status(ctx context.Context) (st gateway.Status, err error) {
	err = c.Call(ctx, "GET", "/v1/status", nil, &st)
	return st, err
}

// Invite makes a code with which another box becomes a node of this site.
func (c *Client) Invite(ctx context.Context) (inv node.Invitation, err error) {
	err = c.Call(ctx, "POST", "/v1/invites", node.InviteRequest{Role: "node"}, &inv)
	return inv, err
}

// Leader is who leads as this node sees it, empty where nobody does, and how many vote.
func (c *Client) Leader(ctx context.Context) (id string, voters int, err error) {
	st, err := c.Status(ctx)
	for _, m := range st.Members {
		if m.Leader {
			id = m.Node
		}
		if m.Role == "voter" {
			voters++
		}
	}
	return id, voters, err
}
