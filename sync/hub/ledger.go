package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// Counters since the hub started. All only grow.
type Counters struct {
	Records      atomic.Uint64 // stored
	Duplicates   atomic.Uint64 // came again and were dropped
	Skipped      atomic.Uint64 // declared gone by their senders
	SetAside     atomic.Uint64 // could not be read
	Damaged      atomic.Uint64 // batches that did not open
	Refused      atomic.Uint64 // NACKs
	Busy         atomic.Uint64 // frames refused for want of room
	Forbidden    atomic.Uint64 // frames for streams their sender may not write
	Sessions     atomic.Uint64 // welcomed
	Broken       atomic.Uint64 // closed for a broken rule
	Denied       atomic.Uint64 // handshakes of nodes that are not welcome
	Storm        atomic.Uint64 // connections refused because too many came at once
	Clones       atomic.Uint64
	StoreErrors  atomic.Uint64
	Objects      ObjectCounters
	Trimmed      atomic.Uint64 // records forgotten because they were old, or took too much room
	TrimmedBytes atomic.Uint64 // of them, encoded
}

// Counters returns the counters, to be read only.
func (h *Hub) Counters() *Counters { return &h.count }

// Kinds of alarms.
const (
	AlarmFork      = "two histories" // a stream is frozen
	AlarmClone     = "clone"
	AlarmEpoch     = "new epoch"
	AlarmPoison    = "set aside"
	AlarmForbidden = "forbidden"
)

// An Alarm is something a person should look at. The same thing happening again is counted.
type Alarm struct {
	Kind   string      `json:"kind"`
	Node   edge.NodeID `json:"node"`
	Stream string      `json:"stream,omitempty"`
	Text   string      `json:"text"`
	First  time.Time   `json:"first"`
	Last   time.Time   `json:"last"`
	Times  uint64      `json:"times"`
}

func (a Alarm) key() string { return a.Kind + "/" + a.Node.String() + "/" + a.Stream }

// maxAlarms bounds the different alarms kept; the oldest goes first.
const maxAlarms = 2000

func (h *Hub) alarm(kind string, node edge.NodeID, id wire.StreamID, text string) {
	a := Alarm{Kind: kind, Node: node, Text: text, First: h.now()}
	if id != (wire.StreamID{}) {
		a.Stream = id.String()
	}
	h.mu.Lock()
	if old, again := h.alarms[a.key()]; again {
		a.First, a.Times = old.First, old.Times
	}
	a.Times, a.Last = a.Times+1, h.now()
	h.alarms[a.key()] = a
	rows := []store.Row{alarmRow(a)}
	if len(h.alarms) > maxAlarms {
		oldest := a
		for _, x := range h.alarms {
			if x.Last.Before(oldest.Last) {
				oldest = x
			}
		}
		delete(h.alarms, oldest.key())
		rows = append(rows, store.Row{Site: hubSite, Kind: kindAlarm, Key: oldest.key()})
	}
	h.mu.Unlock()
	h.o.Logger.Warn("hub alarm", "kind", kind, "node", node.Short(), "stream", a.Stream, "text", text, "times", a.Times)
	if a.Times&(a.Times-1) != 0 {
		return // the 1st, 2nd, 4th, 8th, ... time is written down: an alarm storm must not become a write storm
	}
	if err := h.o.Store.Put(context.Background(), rows...); err != nil {
		h.trouble("keep an alarm", err)
	}
}

func alarmRow(a Alarm) store.Row {
	b, _ := json.Marshal(a)
	return store.Row{Site: hubSite, Kind: kindAlarm, Key: a.key(), Value: b}
}

// Alarms lists what a person should look at, newest first.
func (h *Hub) Alarms() []Alarm {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]Alarm, 0, len(h.alarms))
	for _, a := range h.alarms {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Alarm) int { return b.Last.Compare(a.Last) })
	return out
}

// Clear removes an alarm somebody has looked at.
func (h *Hub) Clear(ctx context.Context, a Alarm) error {
	if err := h.o.Store.Put(ctx, store.Row{Site: hubSite, Kind: kindAlarm, Key: a.key()}); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.alarms, a.key())
	return nil
}

// Evidence is both sides of a stream with two histories.
type Evidence struct {
	Stream      string      `json:"stream"`
	Via         edge.NodeID `json:"via"`
	Time        time.Time   `json:"time"`
	At          string      `json:"at"`
	Theirs      string      `json:"theirs"`
	OurSum      []byte      `json:"our_sum"`
	TheirSum    []byte      `json:"their_sum"`
	OurRecord   []byte      `json:"our_record,omitempty"`   // encoding of the hub's record at At, up to 64 KiB
	TheirRecord []byte      `json:"their_record,omitempty"` // of the one that was sent for TheirSeq
	TheirSeq    uint64      `json:"their_seq,omitempty"`
}

// SetAside is a record nobody could read. Its stream holds it whole (store.Raw).
type SetAside struct {
	Stream string    `json:"stream"`
	Epoch  uint64    `json:"epoch"`
	Seq    uint64    `json:"seq"`
	Time   time.Time `json:"time"`
	Reason string    `json:"reason"`
	Size   int       `json:"size"`
	Raw    []byte    `json:"raw"` // up to 64 KiB
}

// Evidences lists what is kept of streams with two histories, of one site or of all ("").
func (h *Hub) Evidences(ctx context.Context, site string) ([]Evidence, error) {
	return rowsOf[Evidence](ctx, h.o.Store, site, kindEvidence, "")
}

// Quarantine lists the records that were set aside, of one site or of all ("").
func (h *Hub) Quarantine(ctx context.Context, site string) ([]SetAside, error) {
	return rowsOf[SetAside](ctx, h.o.Store, site, kindQuarantine, "")
}

// maxListed bounds what one list returns.
const maxListed = 1000

func rowsOf[T any](ctx context.Context, s store.Store, site, kind, prefix string) (out []T, err error) {
	for r, err := range s.Rows(ctx, site, kind, prefix) {
		if err != nil {
			return nil, err
		}
		var v T
		if err := json.Unmarshal(r.Value, &v); err != nil {
			return nil, edge.E(edge.Corrupt, "a row of kind %s cannot be read: %w", kind, err)
		}
		if out = append(out, v); len(out) == maxListed {
			break
		}
	}
	return out, nil
}

// Streams lists what the hub has, stream by stream.
func (h *Hub) Streams(ctx context.Context) ([]store.Stream, error) {
	var out []store.Stream
	for s, err := range h.o.Store.Streams(ctx, "") {
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// Thaw lets a frozen stream go on from the hub's position, once a person has decided which history holds.
func (h *Hub) Thaw(ctx context.Context, id wire.StreamID) error {
	if err := h.o.Store.Freeze(ctx, id, ""); err != nil {
		return err
	}
	h.in.forget(id)
	return nil
}

// A Session is one live link, for a page.
type Session struct {
	Node    edge.NodeID
	Site    string
	Over    string // "quic" or "tcp"
	From    string // address
	Build   string
	Since   time.Time
	Heard   time.Time
	RTT     time.Duration
	Ahead   time.Duration // the node's clock at HELLO against ours
	Waiting uint64        // bytes received and not yet stored
}

// Sessions lists the live sessions.
func (h *Hub) Sessions() []Session {
	h.mu.Lock()
	all := make([]*session, 0, len(h.sessions))
	for _, s := range h.sessions {
		all = append(all, s)
	}
	h.mu.Unlock()
	out := make([]Session, 0, len(all))
	for _, s := range all {
		out = append(out, s.describe())
	}
	return out
}

func (s *session) describe() Session {
	rtt := s.link.Stats().Smoothed
	s.mu.Lock()
	defer s.mu.Unlock()
	d := Session{Node: s.peer.ID, Site: s.peer.Site, Over: s.link.Transport(), From: s.link.Remote().String(), Build: s.hello.Build,
		Since: s.born, Heard: s.heard, RTT: rtt}
	for u := range s.received {
		d.Waiting += s.received[u] - s.done[u]
	}
	if !s.hello.Clock.IsZero() {
		d.Ahead = s.hello.Clock.Sub(s.born)
	}
	return d
}

// Report says how the hub is.
func (h *Hub) Report(context.Context) edge.Health {
	h.mu.Lock()
	failing, retaining, n := h.failing, h.retaining, len(h.sessions)
	frozen, cloned := 0, 0
	for _, a := range h.alarms {
		switch a.Kind {
		case AlarmFork:
			frozen++
		case AlarmClone:
			cloned++
		}
	}
	h.mu.Unlock()
	switch {
	case failing != nil:
		return edge.Health{Level: edge.Failed, Msg: "the hub cannot store: " + words(failing), Hint: "nodes keep their records until it can"}
	case retaining != nil:
		return edge.Health{Level: edge.Degraded, Msg: "old records cannot be forgotten: " + words(retaining), Hint: "the hub's disk will fill up; see its log"}
	case frozen+cloned > 0:
		return edge.Health{Level: edge.Degraded, Msg: fmt.Sprintf("%d nodes connected; %d streams frozen, %d nodes copied", n, frozen, cloned), Hint: "look at the alarms"}
	}
	return edge.Health{Msg: fmt.Sprintf("%d nodes connected", n)}
}
