package hub

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// Kinds of rows the hub keeps in its store.
const (
	kindNode       = "node"
	kindAlarm      = "alarm"
	kindQuarantine = "quarantine"
	kindEvidence   = "evidence"
	kindDesired    = "desired"
	kindReported   = "reported"
	kindCommand    = "command"
	kindResult     = "result"
	kindBacklog    = "backlog"
	hubSite        = "hub" // of rows that belong to no site
)

// A Node is what the hub knows of one node.
type Node struct {
	ID      edge.NodeID       `json:"id"`
	Site    string            `json:"site"`
	Label   string            `json:"label,omitempty"`
	Hub     bool              `json:"hub,omitempty"`     // may bring streams of others
	Any     bool              `json:"any,omitempty"`     // of any origin nobody else brings; else of Origins only
	Origins map[string]string `json:"origins,omitempty"` // origins it may bring, and the site of each
	Revoked string            `json:"revoked,omitempty"` // why it is not welcome any more
	Cloned  int               `json:"cloned,omitempty"`  // times two processes with its key took turns
	Added   time.Time         `json:"added"`
	Seen    time.Time         `json:"seen"`
}

func (n Node) row() store.Row {
	b, _ := json.Marshal(n)
	return store.Row{Site: n.Site, Kind: kindNode, Key: n.ID.String(), Value: b}
}

func (h *Hub) load(ctx context.Context) error {
	for r, err := range h.o.Store.Rows(ctx, "", kindNode, "") {
		if err != nil {
			return err
		}
		var n Node
		if err := json.Unmarshal(r.Value, &n); err != nil {
			return edge.E(edge.Corrupt, "the hub's row of node %s cannot be read: %w", r.Key, err)
		}
		h.remember(n)
	}
	for r, err := range h.o.Store.Rows(ctx, "", kindAlarm, "") {
		if err != nil {
			return err
		}
		var a Alarm
		if err := json.Unmarshal(r.Value, &a); err == nil {
			h.alarms[a.key()] = a
		}
	}
	return h.loadBacklogs(ctx)
}

// remember is load's and Register's inside; mu is held or not needed yet.
func (h *Hub) remember(n Node) {
	for o := range h.nodes[n.ID].Origins {
		h.parents[o] = slices.DeleteFunc(h.parents[o], func(id edge.NodeID) bool { return id == n.ID })
	}
	h.nodes[n.ID] = n
	for o := range n.Origins {
		h.parents[o] = append(h.parents[o], n.ID)
	}
}

// Register makes a node known, or changes what is known. It fails with Invalid on an origin that is none.
func (h *Hub) Register(ctx context.Context, n Node) error {
	for o := range n.Origins {
		if err := (wire.StreamID{Origin: o, Name: "x"}).Check(); err != nil {
			return err
		}
	}
	if n.Site == "" || n.ID.IsZero() {
		return edge.E(edge.Invalid, "a node is registered with its id and its site")
	}
	if n.Added.IsZero() {
		n.Added = h.now()
	}
	rows := []store.Row{n.row()}
	if old, err := h.Node(n.ID); err == nil && old.Site != n.Site { // it moved
		rows = append(rows, store.Row{Site: old.Site, Kind: kindNode, Key: n.ID.String()}, store.Row{Site: old.Site, Kind: kindBacklog, Key: n.ID.String()})
	}
	if err := h.o.Store.Put(ctx, rows...); err != nil {
		return err
	}
	h.mu.Lock()
	h.remember(n)
	h.mu.Unlock()
	return nil
}

// Nodes lists all nodes the hub knows.
func (h *Hub) Nodes() []Node {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Node, 0, len(h.nodes))
	for _, n := range h.nodes {
		out = append(out, n)
	}
	return out
}

// Node returns one, or NotFound.
func (h *Hub) Node(id edge.NodeID) (Node, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, ok := h.nodes[id]
	if !ok {
		return n, edge.E(edge.NotFound, "the hub knows no node %s", id.Short())
	}
	return n, nil
}

// Revoke makes a node unwelcome, for ever or until Register, and cuts its session.
func (h *Hub) Revoke(ctx context.Context, id edge.NodeID, why string) error {
	n, err := h.Node(id)
	if err != nil {
		return err
	}
	n.Revoked = why
	if err := h.Register(ctx, n); err != nil {
		return err
	}
	h.Cut(id, why)
	return nil
}

// Cut ends a node's live session, if it has one.
func (h *Hub) Cut(id edge.NodeID, why string) {
	h.mu.Lock()
	s := h.sessions[id]
	h.mu.Unlock()
	if s != nil {
		s.goaway(context.Background(), wire.Goaway{Reason: wire.Revoked, Text: clip(why, wire.MaxText)}, edge.E(edge.Denied, "this node is not welcome any more: %s", why))
	}
}

// welcome says whether a node may be here. It is asked in the handshake and at HELLO.
func (h *Hub) welcome(ctx context.Context, p Peer) error {
	h.mu.Lock()
	n := h.nodes[p.ID]
	h.mu.Unlock()
	switch {
	case n.Revoked != "":
		return edge.E(edge.Denied, "node %s is not welcome any more: %s", p.ID.Short(), n.Revoked)
	case n.Cloned >= cloneLimit:
		return edge.E(edge.Denied, "node %s is locked out: two machines use its key", p.ID.Short()).
			WithHint("find the copy, then register the node anew with a new key")
	}
	if h.o.Admit != nil {
		if err := h.o.Admit(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// known makes a row for a node that comes for the first time, from another site than before, or as a hub.
func (h *Hub) known(ctx context.Context, p Peer) error {
	n, err := h.Node(p.ID)
	child := !n.Hub && h.o.Child != nil && h.o.Child(p)
	if err == nil && n.Site == p.Site && !child {
		return nil
	}
	if child {
		n.Hub, n.Any = true, true
	}
	n.ID, n.Site, n.Seen = p.ID, p.Site, h.now()
	return h.Register(ctx, n)
}

// cloned notes that two processes with one key take turns.
func (h *Hub) cloned(p Peer) error {
	h.count.Clones.Add(1)
	h.alarm(AlarmClone, p.ID, wire.StreamID{}, "two machines use the key of this node in turn")
	n, err := h.Node(p.ID)
	if err != nil {
		n = Node{ID: p.ID, Site: p.Site}
	}
	n.Cloned++
	if err := h.Register(context.Background(), n); err != nil {
		h.trouble("note a clone", err)
	}
	if n.Cloned >= cloneLimit {
		return h.welcome(context.Background(), p)
	}
	return nil
}

// site says whether a peer may write a stream, and whose data it is. A node writes its own streams and
// its site's; a hub writes what it is registered for, or, if it may bring any, what nobody else brings.
func (h *Hub) site(p Peer, id wire.StreamID) (string, bool) {
	h.mu.Lock()
	own := h.own[id.Origin]
	h.mu.Unlock()
	if own || id.Check() != nil {
		return "", false
	}
	if n, ok := id.Node(); ok && n == p.ID {
		return p.Site, true
	}
	of, ofSite := id.Site()
	if ofSite && of == p.Site {
		return of, true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nodes[p.ID]
	if !n.Hub {
		return "", false
	}
	if site, ok := n.Origins[id.Origin]; ok {
		return site, true
	}
	if !n.Any || len(h.parents[id.Origin]) > 0 || h.direct(id, of) {
		return "", false
	}
	if ofSite {
		return of, true
	}
	return p.Site, true
}

// direct reports whether the origin itself comes to this hub; mu is held.
func (h *Hub) direct(id wire.StreamID, site string) bool {
	if n, ok := id.Node(); ok {
		_, here := h.nodes[n]
		return here
	}
	for _, n := range h.nodes {
		if n.Site == site && !n.Hub {
			return true
		}
	}
	return false
}

// origins lists where to look for the streams a peer may write; "" is everywhere.
func (h *Hub) origins(p Peer) []string {
	out := []string{p.ID.String(), wire.SitePrefix + p.Site}
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nodes[p.ID]
	if n.Hub && n.Any {
		return []string{""}
	}
	if n.Hub {
		for o := range n.Origins {
			out = append(out, o)
		}
	}
	return out
}
