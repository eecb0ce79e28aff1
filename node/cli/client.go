package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
)

// maxAnswer bounds what a command reads into memory from the node, in bytes.
const maxAnswer = 16 << 20

const defaultConfig = "/etc/aielon-edge/config.toml"

// config reads the configuration the flags or the environment name; without any, the default place where
// there is a file.
func (in *invocation) config() (node.Config, error) {
	c, path := node.Default(), cmp.Or(in.flags.Config, os.Getenv("AIELON_CONFIG"))
	if path == "" {
		if _, err := os.Stat(defaultConfig); err == nil {
			path = defaultConfig
		}
	}
	if path != "" {
		var err error
		if c, err = node.LoadConfig(path); err != nil {
			return c, err
		}
	}
	if in.flags.Data != "" {
		c.DataDir = in.flags.Data
	}
	return c, c.Validate()
}

// client talks to the node that runs on the configured data directory.
type client struct {
	http *http.Client
	dir  string
}

func (in *invocation) client() (*client, error) {
	c, err := in.config()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(c.DataDir, node.SocketName)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	return &client{http: &http.Client{Transport: &http.Transport{DialContext: dial}}, dir: c.DataDir}, nil
}

// stream sends a request and returns the answer's body, which the caller closes.
func (c *client) stream(ctx context.Context, method, path string, query url.Values, body any) (io.ReadCloser, error) {
	var b bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&b).Encode(body); err != nil {
			return nil, edge.E(edge.Internal, "the request cannot be written: %w", err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://node"+path+"?"+query.Encode(), &b)
	if err != nil {
		return nil, edge.E(edge.Internal, "the request cannot be made: %w", err)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if answer.StatusCode >= 300 {
		defer answer.Body.Close()
		return nil, problemOf(answer)
	}
	return answer.Body, nil
}

// upload sends size bytes of body as they are and decodes the answer.
func (c *client) upload(ctx context.Context, path string, query url.Values, body io.Reader, size int64, out any) error {
	r, err := http.NewRequestWithContext(ctx, "POST", "http://node"+path+"?"+query.Encode(), body)
	if err != nil {
		return edge.E(edge.Internal, "the request cannot be made: %w", err)
	}
	r.ContentLength = size
	answer, err := c.http.Do(r)
	if err != nil {
		return c.unreachable(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return problemOf(answer)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(out); err != nil {
		return edge.E(edge.Unavailable, "the node's answer cannot be read: %w", err)
	}
	return nil
}

// call is stream for answers that are one JSON value.
func (c *client) call(ctx context.Context, method, path string, query url.Values, body, out any) error {
	r, err := c.stream(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer r.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(r, maxAnswer)).Decode(out); err != nil {
		return edge.E(edge.Unavailable, "the node's answer cannot be read: %w", err)
	}
	return nil
}

func (c *client) unreachable(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return edge.E(edge.Unavailable, "no node is running on %s", c.dir).WithHint("start it with: aielon-edge run; or name its data directory with --data")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EPERM), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		strings.Contains(err.Error(), "server closed idle connection"): // net/http does not export this one
		return edge.E(edge.Denied, "the node on %s does not talk to this user", c.dir).WithHint("run the command as the node's own user or as root")
	}
	return edge.E(edge.Unavailable, "the node on %s does not answer: %w", c.dir, err)
}

// problemOf turns an RFC 9457 answer back into the error it was.
func problemOf(answer *http.Response) error {
	var p struct{ Title, Detail, Hint string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(&p); err != nil || p.Detail == "" {
		return edge.E(edge.Internal, "the node answered %s", answer.Status)
	}
	e := edge.E(edge.ParseKind(p.Title), "%s", p.Detail)
	e.Hint = p.Hint
	return e
}
