package hub

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// A Command is one thing a node is asked to do, once.
type Command struct {
	ID        edge.ID     `json:"id"`
	Node      edge.NodeID `json:"node"`
	Seq       uint64      `json:"seq"`
	Name      string      `json:"name"`
	Body      []byte      `json:"body,omitempty"`
	NotBefore time.Time   `json:"not_before"`
	Expires   time.Time   `json:"expires"`
	Sig       []byte      `json:"sig"`
}

func (c Command) frame() *wire.Cmd {
	return &wire.Cmd{ID: c.ID, Target: c.Node, Seq: c.Seq, Name: c.Name, Body: c.Body, NotBefore: c.NotBefore, Expires: c.Expires, Sig: c.Sig}
}

// A Result is how a command ended.
type Result struct {
	ID     edge.ID     `json:"id"`
	Node   edge.NodeID `json:"node"`
	Status wire.Status `json:"status"`
	Time   time.Time   `json:"time"`
	Text   string      `json:"text,omitempty"`
	Body   []byte      `json:"body,omitempty"`
}

// Send signs a command and keeps it until the node has answered or it has expired. A second Send with
// the same ID changes nothing.
func (h *Hub) Send(ctx context.Context, c Command) error {
	n, err := h.Node(c.Node)
	if err != nil {
		return err
	}
	now := h.now()
	switch {
	case h.o.Signer == nil:
		return edge.E(edge.Denied, "this hub has no key to sign commands with")
	case c.ID.IsZero() || c.Name == "" || len(c.Name) > 128 || len(c.Body) > wire.MaxCmdBody:
		return edge.E(edge.Invalid, "a command needs an id and a name, and its body may have %d bytes", wire.MaxCmdBody)
	case !c.Expires.After(now) || c.Expires.Sub(now) > maxLife || c.NotBefore.After(c.Expires):
		return edge.E(edge.Invalid, "a command must expire within a year, and after it begins")
	}
	h.downMu.Lock()
	defer h.downMu.Unlock()
	for _, old := range h.pending(ctx, Peer{c.Node, n.Site}) {
		if old.ID == c.ID {
			return nil
		}
		c.Seq = max(c.Seq, old.Seq)
	}
	if _, err := h.o.Store.Row(ctx, n.Site, kindResult, resultKey(c.Node, c.ID)); err == nil {
		return nil // it was answered
	}
	if len(h.pending(ctx, Peer{c.Node, n.Site})) >= maxCommands {
		return edge.E(edge.Exhausted, "%d commands wait for node %s", maxCommands, c.Node.Short()).WithHint("wait until it has answered, or until they expire")
	}
	c.Seq = max(c.Seq+1, uint64(now.UnixMicro()))
	f := c.frame()
	if c.Sig, err = h.sign(f.SigningBytes()); err != nil {
		return err
	}
	if err := h.putJSON(ctx, n.Site, kindCommand, resultKey(c.Node, c.ID), c); err != nil {
		return err
	}
	if s := h.session(c.Node); s != nil {
		s.out.push(c.frame())
	}
	return nil
}

func resultKey(n edge.NodeID, id edge.ID) string { return n.String() + "/" + id.String() }

// sign uses Ed25519 as it is, and ECDSA over SHA-256.
func (h *Hub) sign(m []byte) ([]byte, error) {
	var sig []byte
	var err error
	if _, ok := h.o.Signer.Public().(ed25519.PublicKey); ok {
		sig, err = h.o.Signer.Sign(rand.Reader, m, crypto.Hash(0))
	} else {
		d := sha256.Sum256(m)
		sig, err = h.o.Signer.Sign(rand.Reader, d[:], crypto.SHA256)
	}
	if err != nil {
		return nil, edge.E(edge.Internal, "the hub cannot sign: %w", err)
	}
	return sig, nil
}

// pending lists the commands of a node that have no result and have not expired, oldest first.
func (h *Hub) pending(ctx context.Context, p Peer) []Command {
	list, err := rowsOf[Command](ctx, h.o.Store, p.Site, kindCommand, p.ID.String()+"/")
	if err != nil {
		h.trouble("list commands", err)
		return nil
	}
	var out []Command
	for _, c := range list {
		if c.Expires.After(h.now()) {
			out = append(out, c)
		}
	}
	return out
}

// Pending lists the commands that wait for a node.
func (h *Hub) Pending(ctx context.Context, id edge.NodeID) ([]Command, error) {
	n, err := h.Node(id)
	if err != nil {
		return nil, err
	}
	return h.pending(ctx, Peer{id, n.Site}), nil
}

// Results lists how a node's commands ended.
func (h *Hub) Results(ctx context.Context, id edge.NodeID) ([]Result, error) {
	n, err := h.Node(id)
	if err != nil {
		return nil, err
	}
	return rowsOf[Result](ctx, h.o.Store, n.Site, kindResult, id.String()+"/")
}

// Result is how one command of a node ended; found is false while it has not, and after it was forgotten.
func (h *Hub) Result(ctx context.Context, id edge.NodeID, command edge.ID) (r Result, found bool, err error) {
	n, err := h.Node(id)
	if err != nil {
		return r, false, err
	}
	row, err := h.o.Store.Row(ctx, n.Site, kindResult, resultKey(id, command))
	if edge.IsKind(err, edge.NotFound) {
		return r, false, nil
	}
	if err == nil && json.Unmarshal(row.Value, &r) != nil {
		err = edge.E(edge.Corrupt, "the result of command %s cannot be read", command)
	}
	return r, err == nil, err
}

// finished keeps a result and forgets its command, in one step. The first result stands.
func (h *Hub) finished(ctx context.Context, p Peer, f *wire.CmdResult) error {
	key := resultKey(p.ID, f.ID)
	if _, err := h.o.Store.Row(ctx, p.Site, kindCommand, key); err != nil {
		return nil // not ours, or answered before
	}
	b, err := json.Marshal(Result{ID: f.ID, Node: p.ID, Status: f.Status, Time: f.Time, Text: f.Text, Body: f.Body})
	if err == nil {
		err = h.o.Store.Put(ctx, store.Row{Site: p.Site, Kind: kindResult, Key: key, Value: b}, store.Row{Site: p.Site, Kind: kindCommand, Key: key})
	}
	if err != nil {
		h.trouble("keep a result", err) // the command is sent again and answered again
	}
	return nil
}
