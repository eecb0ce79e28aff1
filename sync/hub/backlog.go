package hub

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

const (
	backlogEvery = time.Minute // how often what nodes said is written down
	backlogRows  = 250         // in one commit: 1,000 nodes are four small ones
)

// A Backlog is what a node last said of its own ledger.
type Backlog struct {
	Said    time.Time `json:"said"` // when it came, by the hub's clock
	Classes []Waiting `json:"classes,omitempty"`
}

// Waiting is what a node said of one class, in records; see wire.Waiting.
type Waiting struct {
	Class   edge.Urgency `json:"class"`
	Records uint64       `json:"records,omitempty"`
	Oldest  time.Time    `json:"oldest,omitzero"` // by the hub's clock: as long before Said as the node said it waits
	Lost    uint64       `json:"lost,omitempty"`
	Apart   uint64       `json:"apart,omitempty"`
	Shed    uint64       `json:"shed,omitempty"`
}

// told keeps what a node says of its ledger, in memory. It is written down later, with what others say: a
// word that is lost with the hub's power is said again on the node's next session.
func (h *Hub) told(p Peer, f *wire.Backlog) {
	b := Backlog{Said: h.now()}
	for _, c := range f.Classes {
		w := Waiting{Class: c.Class, Records: c.Records, Lost: c.Lost, Apart: c.Apart, Shed: c.Shed}
		if !c.Oldest.IsZero() {
			w.Oldest = b.Said.Add(-max(0, f.Time.Sub(c.Oldest)))
		}
		b.Classes = append(b.Classes, w)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.backlogs[p.ID] = b
	h.unkept[p.ID] = struct{}{}
}

// Backlog returns what a node last said waits there; false where it never said so.
func (h *Hub) Backlog(id edge.NodeID) (Backlog, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b, ok := h.backlogs[id]
	return b, ok
}

// Backlogs returns what every node last said waits there.
func (h *Hub) Backlogs() map[edge.NodeID]Backlog {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.backlogs)
}

// keepBacklogs writes down what was said since the last time. What cannot be written is tried again.
func (h *Hub) keepBacklogs(ctx context.Context) {
	for rows := h.backlogsToKeep(); len(rows) > 0; rows = h.backlogsToKeep() {
		if err := h.o.Store.Put(ctx, rows...); err != nil {
			h.trouble("keep what waits at nodes", err)
			h.backlogsAgain(rows)
			return
		}
	}
}

// backlogsToKeep takes the rows of one commit.
func (h *Hub) backlogsToKeep() (rows []store.Row) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.unkept {
		if len(rows) == backlogRows {
			break
		}
		delete(h.unkept, id)
		if n, known := h.nodes[id]; known {
			b, _ := json.Marshal(h.backlogs[id]) // plain fields always encode
			rows = append(rows, store.Row{Site: n.Site, Kind: kindBacklog, Key: id.String(), Value: b})
		}
	}
	return rows
}

func (h *Hub) backlogsAgain(rows []store.Row) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range rows {
		if id, err := edge.ParseNodeID(r.Key); err == nil {
			h.unkept[id] = struct{}{}
		}
	}
}

// loadBacklogs reads what was written down. A row that cannot be read counts as none: the node says it again.
func (h *Hub) loadBacklogs(ctx context.Context) error {
	for r, err := range h.o.Store.Rows(ctx, "", kindBacklog, "") {
		if err != nil {
			return err
		}
		var b Backlog
		id, err := edge.ParseNodeID(r.Key)
		if err != nil || json.Unmarshal(r.Value, &b) != nil {
			continue
		}
		if b.Said.After(h.backlogs[id].Said) { // a node that moved may have left a row at its former site
			h.backlogs[id] = b
		}
	}
	return nil
}
