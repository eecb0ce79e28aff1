package proc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
)

// A Control talks to a node over its local socket.
type Control struct {
	http *http.Client
}

// A Problem is an answer that is not a success (RFC 9457).
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
}

func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

// Control returns a client of the node, whether it runs or not.
func (p *Process) Control() *Control {
	path := filepath.Join(p.Data, node.SocketName)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
	}
	return &Control{http: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 64}}}
}

// Close lets go of idle connections.
func (c *Control) Close() { c.http.CloseIdleConnections() }

// Call asks for one JSON value. Errors of the node are *Problem; all others mean that the outcome is unknown.
func (c *Control) Call(method, path string, in, out any) error {
	r, err := c.open(method, path, in)
	if err != nil {
		return err
	}
	defer r.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, r)
		return err
	}
	return json.NewDecoder(r).Decode(out)
}

func (c *Control) open(method, path string, in any) (io.ReadCloser, error) {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequest(method, "http://node"+path, &body)
	if err != nil {
		return nil, err
	}
	a, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	if a.StatusCode < 300 {
		return a.Body, nil
	}
	defer a.Body.Close()
	p := &Problem{Status: a.StatusCode}
	if err := json.NewDecoder(a.Body).Decode(p); err != nil {
		return nil, fmt.Errorf("the node answered %s", a.Status)
	}
	return nil, p
}

// Status is what the node says of itself.
func (c *Control) Status() (st gateway.Status, err error) {
	err = c.Call("GET", "/v1/status", nil, &st)
	return st, err
}

// leads reports whether the site can decide, as far as this node knows.
func (c *Control) leads() bool {
	st, err := c.Status()
	if err != nil {
		return false
	}
	for _, m := range st.Members {
		if m.Leader {
			return true
		}
	}
	return false
}

// Do asks for a command; the same id may be asked for again. It returns the reply.
func (c *Control) Do(id edge.ID, typ string, body any) (json.RawMessage, error) {
	var out struct {
		Index uint64          `json:"index"`
		Again bool            `json:"again"`
		Reply json.RawMessage `json:"reply"`
	}
	err := c.Call("POST", "/v1/do", map[string]any{"id": id, "type": typ, "body": body}, &out)
	return out.Reply, err
}

// Set gives a setting a value.
func (c *Control) Set(id edge.ID, key, value string) (s node.Setting, err error) {
	b, err := c.Do(id, node.OpSettingSet, node.SettingSet{Key: key, Value: value})
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	return s, err
}

// Get reads a setting.
func (c *Control) Get(key string) (s node.Setting, err error) {
	var out struct {
		Reply json.RawMessage `json:"reply"`
	}
	err = c.Call("POST", "/v1/ask", map[string]any{"name": node.OpSettingGet, "body": node.SettingGet{Key: key}}, &out)
	if err == nil {
		err = json.Unmarshal(out.Reply, &s)
	}
	return s, err
}

// CaughtUp waits until the node's state holds everything that was ever decided, which a log may have to be
// replayed for. Before, local reads may be of an earlier time.
func (c *Control) CaughtUp(limit time.Duration) error {
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		err := c.Call("POST", "/v1/ask", map[string]any{"name": node.OpSettingGet, "body": node.SettingGet{Key: "none"}, "strict": true}, nil)
		if p, ok := errors.AsType[*Problem](err); err == nil || ok && p.Status == http.StatusNotFound {
			return nil
		}
		if time.Now().After(end) {
			return err
		}
	}
}

// Device registers a device and returns its password.
func (c *Control) Device(id string) (string, error) {
	var out node.DeviceCredentials
	err := c.Call("POST", "/v1/devices", node.DeviceInfo{ID: id}, &out)
	return out.Password, err
}

// Join lets the node behind c join the hub behind hub.
func (c *Control) Join(hub *Control, site string) error {
	var inv node.Invitation
	if err := hub.Call("POST", "/v1/invites", node.InviteRequest{Role: "site", Site: site}, &inv); err != nil {
		return err
	}
	return c.Call("POST", "/v1/join", node.JoinRequest{Addr: inv.Addr, Code: inv.Code}, nil)
}

// Journal returns the lines of one journal after a number, each a JSON object.
func (c *Control) Journal(stream string, after uint64, limit int) (lines []string, err error) {
	r, err := c.open("GET", fmt.Sprintf("/v1/journal?stream=%s&after=%d&limit=%d", url.QueryEscape(stream), after, limit), nil)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := bufio.NewScanner(r)
	s.Buffer(nil, 4<<20)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return lines, s.Err()
}

// Backup writes a backup of the node, which goes on meanwhile, to a file.
func (c *Control) Backup(path string) error {
	r, err := c.open("POST", "/v1/backup", nil)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// Ask asks a question; strict: everything decided before is in the answer.
func (c *Control) Ask(name string, body, out any) error {
	var a struct {
		Reply json.RawMessage `json:"reply"`
	}
	if err := c.Call("POST", "/v1/ask", map[string]any{"name": name, "body": body, "strict": true}, &a); err != nil {
		return err
	}
	return json.Unmarshal(a.Reply, out)
}
