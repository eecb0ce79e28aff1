package site

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Forwarder takes requests to the node that leads. Its errors wrap NotRun where the request is known to
// have had no effect; any other error means that this is unknown.
type Forwarder interface {
	// Forward gets a command evaluated by leader.
	Forward(ctx context.Context, leader edge.NodeID, c edge.Command) (edge.Outcome, error)
	// ReadIndex returns an index that holds all that was acknowledged before the call.
	ReadIndex(ctx context.Context, leader edge.NodeID) (uint64, error)
}

// A Client is the Forwarder that speaks with Site.Serve: one connection to each node, many requests on it.
type Client struct {
	dial func(ctx context.Context, node edge.NodeID) (net.Conn, error)

	mu     sync.Mutex // guards the rest
	links  map[edge.NodeID]*link
	closed bool
}

// NewClient returns a Client. dial connects to a node and makes sure that it is that node.
func NewClient(dial func(ctx context.Context, node edge.NodeID) (net.Conn, error)) *Client {
	return &Client{dial: dial, links: map[edge.NodeID]*link{}}
}

// Close ends all connections; what is under way ends with Unavailable.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, l := range c.links {
		l.end()
	}
	clear(c.links)
	return nil
}

// Forward implements Forwarder.
func (c *Client) Forward(ctx context.Context, leader edge.NodeID, cmd edge.Command) (edge.Outcome, error) {
	m, err := c.ask(ctx, leader, &message{kind: askPropose, cmd: cmd, asker: cmd.Request})
	if err == nil && m.kind != sayOutcome {
		err = edge.E(edge.Unavailable, "node %s answered something else", leader.Short())
	}
	return m.out, err
}

// ReadIndex implements Forwarder.
func (c *Client) ReadIndex(ctx context.Context, leader edge.NodeID) (uint64, error) {
	m, err := c.ask(ctx, leader, &message{kind: askIndex})
	if err == nil && m.kind != sayIndex {
		err = edge.E(edge.Unavailable, "node %s answered something else", leader.Short())
	}
	return m.index, err
}

// Call asks a node something that is no command: what Options.Answer there makes of it. It fails as that does, and with
// Unavailable where no answer came; whoever calls must be able to ask again.
func (c *Client) Call(ctx context.Context, node edge.NodeID, name string, body []byte) ([]byte, error) {
	if len(name) > maxName || len(body) > maxBody {
		return nil, edge.E(edge.Invalid, "%d bytes are too much to ask another node at once; %d are the most", len(body), maxBody)
	}
	m, err := c.ask(ctx, node, &message{kind: askCall, name: name, body: body})
	if err == nil && m.kind != sayReply {
		err = edge.E(edge.Unavailable, "node %s answered something else", node.Short())
	}
	return m.body, err
}

// ask sends one request and waits for its answer.
func (c *Client) ask(ctx context.Context, node edge.NodeID, m *message) (message, error) {
	m.wait = maxWait
	if m.asker == "" {
		m.asker = edge.RequestOf(ctx)
	}
	if d, ok := ctx.Deadline(); ok {
		m.wait = min(m.wait, time.Until(d))
	}
	l, err := c.link(ctx, node)
	if err != nil {
		return message{}, &NotRun{edge.E(edge.Unavailable, "node %s cannot be reached: %w", node.Short(), err)}
	}
	sent := time.Now()
	answer, err := l.send(ctx, m)
	if err != nil {
		return message{}, err
	}
	select {
	case a, ok := <-answer:
		switch {
		case !ok:
			return message{}, edge.E(edge.Unavailable, "the connection to node %s broke", node.Short())
		case a.kind == sayError && a.notRun:
			return message{}, &NotRun{a.err}
		case a.kind == sayError:
			return message{}, a.err
		}
		return a, nil
	case <-ctx.Done():
		l.forget(m.number)
		l.suspect(sent)
		return message{}, edge.E(edge.Unavailable, "node %s did not answer in time: %w", node.Short(), ctx.Err())
	}
}

// link returns the connection to a node, made now where there is none. Callers that come meanwhile wait
// for the same connection.
func (c *Client) link(ctx context.Context, node edge.NodeID) (*link, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, edge.E(edge.Unavailable, "this node is shutting down")
	}
	l := c.links[node]
	if l == nil || l.over() {
		l = newLink(c.dial, node)
		c.links[node] = l
	}
	c.mu.Unlock()
	select {
	case <-l.up:
		return l, l.failed()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
