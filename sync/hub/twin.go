package hub

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// Desired is the configuration a node should have.
type Desired struct {
	Version uint64          `json:"version"`
	Doc     json.RawMessage `json:"doc"` // canonical JSON
	Time    time.Time       `json:"time"`
	// Base is the last document the node said it has, to send changes against.
	Base        uint64          `json:"base,omitempty"`
	BaseDoc     json.RawMessage `json:"base_doc,omitempty"`
	PrevVersion uint64          `json:"prev,omitempty"`
}

// Reported is what a node last said it has.
type Reported struct {
	Version uint64          `json:"version"`
	Doc     json.RawMessage `json:"doc,omitempty"`
	Err     string          `json:"err,omitempty"`
	Time    time.Time       `json:"time"`
}

// SetDesired gives a node a new configuration and returns its version. Only the newest is ever sent.
func (h *Hub) SetDesired(ctx context.Context, id edge.NodeID, doc []byte) (uint64, error) {
	n, err := h.Node(id)
	if err != nil {
		return 0, err
	}
	canon, err := canonical(doc)
	if err != nil {
		return 0, err
	}
	if len(canon) > wire.MaxTwin {
		return 0, edge.E(edge.Invalid, "a configuration may have %d bytes, this one has %d", wire.MaxTwin, len(canon))
	}
	h.downMu.Lock()
	defer h.downMu.Unlock()
	d, err := h.Desired(ctx, id)
	if err != nil && !edge.IsKind(err, edge.NotFound) {
		return 0, err
	}
	d.Version, d.Doc, d.Time = d.Version+1, canon, h.now()
	if err := h.putJSON(ctx, n.Site, kindDesired, id.String(), d); err != nil {
		return 0, err
	}
	if s := h.session(id); s != nil {
		h.sendTwin(s, d)
	}
	return d.Version, nil
}

// Desired returns what a node should have, or NotFound.
func (h *Hub) Desired(ctx context.Context, id edge.NodeID) (d Desired, err error) {
	err = h.getJSON(ctx, id, kindDesired, id.String(), &d)
	return d, err
}

// Reported returns what a node last said it has, or NotFound.
func (h *Hub) Reported(ctx context.Context, id edge.NodeID) (r Reported, err error) {
	err = h.getJSON(ctx, id, kindReported, id.String(), &r)
	return r, err
}

func (h *Hub) putJSON(ctx context.Context, site, kind, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return edge.E(edge.Internal, "a row of kind %s cannot be written: %w", kind, err)
	}
	return h.o.Store.Put(ctx, store.Row{Site: site, Kind: kind, Key: key, Value: b})
}

func (h *Hub) getJSON(ctx context.Context, id edge.NodeID, kind, key string, v any) error {
	n, err := h.Node(id)
	if err != nil {
		return err
	}
	r, err := h.o.Store.Row(ctx, n.Site, kind, key)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(r.Value, v); err != nil {
		return edge.E(edge.Corrupt, "the row %s %s cannot be read: %w", kind, key, err)
	}
	return nil
}

func (h *Hub) session(id edge.NodeID) *session {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sessions[id]
}

// sendDown sends what waits for a node.
func (h *Hub) sendDown(ctx context.Context, s *session) {
	if d, err := h.Desired(ctx, s.peer.ID); err == nil {
		s.mu.Lock()
		has := s.twinSent
		s.mu.Unlock()
		if has < d.Version {
			h.sendTwin(s, d)
		}
	}
	for _, c := range h.pending(ctx, s.peer) {
		s.out.push(c.frame())
	}
}

// sendTwin sends the newest document, as a change where the node is known to have the old one and that
// is shorter.
func (h *Hub) sendTwin(s *session, d Desired) {
	f := &wire.Twin{Version: d.Version, Hash: sha256.Sum256(d.Doc), Doc: d.Doc}
	s.mu.Lock()
	has := s.reported
	s.twinSent = d.Version
	s.mu.Unlock()
	if d.Base != 0 && has.Version == d.Base && has.Hash == sha256.Sum256(d.BaseDoc) && has.Err == "" {
		if p, ok := diff(d.BaseDoc, d.Doc); ok && len(p) < len(d.Doc) {
			f.Base, f.Doc = d.Base, p
		}
	}
	s.out.push(f)
}

// reported keeps what a node says it has. Where that is not the newest, the newest is sent.
func (h *Hub) reported(ctx context.Context, s *session, f *wire.Reported) error {
	r := Reported{Version: f.Version, Err: f.Err, Time: h.now()}
	if json.Valid(f.Doc) {
		r.Doc = f.Doc
	}
	if err := h.putJSON(ctx, s.peer.Site, kindReported, s.peer.ID.String(), r); err != nil {
		h.trouble("keep a report", err)
		return nil // it is said again on the next session
	}
	s.mu.Lock()
	s.reported = wire.Reported{Version: f.Version, Hash: f.Hash, Err: f.Err}
	s.mu.Unlock()
	h.downMu.Lock()
	defer h.downMu.Unlock()
	d, err := h.Desired(ctx, s.peer.ID)
	if err != nil {
		return nil
	}
	if f.Version == d.Version && f.Hash == sha256.Sum256(d.Doc) && d.Base != d.Version {
		d.Base, d.BaseDoc = d.Version, d.Doc
		if err := h.putJSON(ctx, s.peer.Site, kindDesired, s.peer.ID.String(), d); err != nil {
			h.trouble("keep a report", err)
		}
		return nil
	}
	s.mu.Lock()
	again := f.Version < d.Version && s.twinSent < d.Version
	s.mu.Unlock()
	if again {
		h.sendTwin(s, d)
	}
	return nil
}
