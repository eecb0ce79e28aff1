package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
	"github.com/aielon/edge/sync/wire/object"
)

// Objects says where a hub keeps large objects and how much of them. Store is required.
type Objects struct {
	Store   *blob.Store // bounds all of them together
	PerNode int64       // bytes one node may bring; default 1 GiB
	Largest int64       // bytes of one object; default 1 GiB
	// Held says that an object is needed besides by what sites have brought; nil: none is.
	Held       func(h blob.Hash) bool
	Unfinished time.Duration // what came of an object is forgotten when nothing more came for so long; default 7 days
}

func (o *Objects) fill() {
	if o == nil {
		return
	}
	def(&o.PerNode, 1<<30)
	def(&o.Largest, 1<<30)
	def(&o.Unfinished, 7*24*time.Hour)
	o.Largest = min(o.Largest, wire.MaxObject)
}

// ObjectCounters count objects since the hub started.
type ObjectCounters struct {
	Taken   atomic.Uint64 // whole, verified and durable
	Known   atomic.Uint64 // not sent, because they were here already
	Bytes   atomic.Uint64 // of those taken
	Refused atomic.Uint64 // for any reason
	Damaged atomic.Uint64 // of which were not what their hash says
	Expired atomic.Uint64 // beginnings of objects nobody finished
	Given   atomic.Uint64 // fetched by nodes
	Denied  atomic.Uint64 // wanted by nodes they are not meant for
}

// An ObjectRow says that a site has brought an object.
type ObjectRow struct {
	Hash blob.Hash   `json:"-"`
	Hex  string      `json:"hash"`
	Size int64       `json:"size"`
	Node edge.NodeID `json:"node"` // who brought it, and whose quota it takes
	Site string      `json:"site"`
	Time time.Time   `json:"time"`
}

const (
	kindObject = "object"
	// maxStrikes is how often one node may send other content under one hash before that is refused at once.
	maxStrikes  = 3
	maxStruck   = 4096 // pairs of node and hash remembered
	expireEvery = time.Hour

	// AlarmObject is raised when a node sends something else than it announced.
	AlarmObject = "object"
)

// objects is what the hub knows of large objects. Guarded by Hub.mu but for rules.
type objects struct {
	used    map[edge.NodeID]int64 // bytes that each node has brought
	strikes map[strike]int
}

type strike struct {
	node edge.NodeID
	h    blob.Hash
}

// loadObjects adds up what nodes have brought.
func (h *Hub) loadObjects(ctx context.Context) error {
	h.objects = objects{used: map[edge.NodeID]int64{}, strikes: map[strike]int{}}
	if h.o.Objects == nil {
		return nil
	}
	for r, err := range h.o.Store.Rows(ctx, "", kindObject, "") {
		if err != nil {
			return err
		}
		var row ObjectRow
		if err := json.Unmarshal(r.Value, &row); err != nil {
			return edge.E(edge.Corrupt, "the hub's row of object %s cannot be read: %w", r.Key, err)
		}
		h.objects.used[row.Node] += row.Size
	}
	return nil
}

// A mover takes and gives the objects of one session.
type mover struct {
	recv *object.Receiver
	give *giver
}

// mover returns what moves objects for as long as ctx, the session's. Most sessions never need it.
func (s *session) mover(ctx context.Context) *mover {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects == nil {
		recv := object.NewReceiver(s.h.o.Objects.Store, s.peer.ID.String(), taker{s}, s.out.object, s.h.o.Logger.With("node", s.peer.ID.Short()))
		s.objects = &mover{recv, newGiver(ctx, s)}
	}
	return s.objects
}

// object takes the frames that concern large objects.
func (s *session) object(ctx context.Context, f wire.Frame) error {
	if s.h.o.Objects == nil {
		return nil // this hub takes none and has said so
	}
	m := s.mover(ctx)
	switch f := f.(type) {
	case *wire.Object:
		m.recv.Offer(f)
	case *wire.Chunk:
		return m.recv.Chunk(f)
	case *wire.Want:
		m.give.want(f)
	case *wire.Have:
		m.give.sender.Have(f)
	case *wire.Decline:
		m.give.sender.Declined(f)
		m.recv.Drop(f)
	}
	return nil
}

// closeObjects keeps what has come. It is called when no more frames do.
func (s *session) closeObjects() {
	s.mu.Lock()
	m := s.objects
	s.mu.Unlock()
	if m == nil {
		return
	}
	m.recv.Close()
	m.give.wg.Wait()
}

// taker is the rules by which a hub takes objects of one node.
type taker struct{ s *session }

// Admit implements object.Rules. An object is known to be here only within the site that brought it: else
// a node could find out what other sites have.
func (t taker) Admit(ctx context.Context, h blob.Hash, size int64) (bool, error) {
	hub, peer := t.s.h, t.s.peer
	o := hub.o.Objects
	if _, err := hub.Object(ctx, peer.Site, h); err == nil && o.Store.Has(h) {
		hub.count.Objects.Known.Add(1)
		return true, nil
	}
	if size > o.Largest {
		return false, edge.E(edge.Invalid, "an object may have %d MiB here, this one has %d", o.Largest>>20, size>>20)
	}
	pending := o.Store.Pending(peer.ID.String(), h) // of the others, beginnings count whole
	hub.mu.Lock()
	used, strikes := hub.objects.used[peer.ID], hub.objects.strikes[strike{peer.ID, h}]
	hub.mu.Unlock()
	switch {
	case strikes >= maxStrikes:
		return false, edge.E(edge.Denied, "this node has sent something else as object %s too often", h)
	case used+pending+size > o.PerNode:
		return false, edge.E(edge.Exhausted, "this node's objects take %d of the %d MiB they may at the hub, with those not finished yet", (used+pending)>>20, o.PerNode>>20).
			WithHint("ask the hub's operator to raise the quota or to remove old objects")
	}
	return false, nil
}

// Proven implements object.Rules.
func (t taker) Proven(ctx context.Context, h blob.Hash, size int64) error {
	hub, peer := t.s.h, t.s.peer
	if _, err := hub.Object(ctx, peer.Site, h); err == nil {
		return nil
	}
	row := ObjectRow{Hash: h, Hex: h.String(), Size: size, Node: peer.ID, Site: peer.Site, Time: hub.now()}
	if err := hub.putJSON(ctx, peer.Site, kindObject, h.String(), row); err != nil {
		hub.trouble("book an object", err)
		return edge.E(edge.Unavailable, "the hub's store does not answer")
	}
	hub.mu.Lock()
	hub.objects.used[peer.ID] += size
	hub.mu.Unlock()
	return nil
}

// Done implements object.Rules.
func (t taker) Done(h blob.Hash, size int64) {
	t.s.h.count.Objects.Taken.Add(1)
	t.s.h.count.Objects.Bytes.Add(uint64(size))
}

// Failed implements object.Rules.
func (t taker) Failed(h blob.Hash, size int64, err error) {
	hub, peer := t.s.h, t.s.peer
	hub.count.Objects.Refused.Add(1)
	if !edge.IsKind(err, edge.Corrupt) {
		return
	}
	hub.count.Objects.Damaged.Add(1)
	hub.mu.Lock()
	if len(hub.objects.strikes) >= maxStruck {
		clear(hub.objects.strikes)
	}
	hub.objects.strikes[strike{peer.ID, h}]++
	hub.mu.Unlock()
	hub.alarm(AlarmObject, peer.ID, wire.StreamID{}, fmt.Sprintf("what came as object %s of %d bytes is something else; it was thrown away", h, size))
}

// Object returns what is known of an object that a site has brought, or NotFound.
func (h *Hub) Object(ctx context.Context, site string, x blob.Hash) (row ObjectRow, err error) {
	r, err := h.o.Store.Row(ctx, site, kindObject, x.String())
	if err != nil {
		return row, err
	}
	if err := json.Unmarshal(r.Value, &row); err != nil {
		return row, edge.E(edge.Corrupt, "the hub's row of object %s cannot be read: %w", x, err)
	}
	row.Hash = x
	return row, nil
}

// ListObjects lists up to 1,000 objects that a site, or any ("") has brought.
func (h *Hub) ListObjects(ctx context.Context, site string) ([]ObjectRow, error) {
	list, err := rowsOf[ObjectRow](ctx, h.o.Store, site, kindObject, "")
	for i := range list {
		list[i].Hash, err = blob.ParseHash(list[i].Hex)
		if err != nil {
			return nil, err
		}
	}
	return list, err
}

// RemoveObject forgets an object of a site, and deletes it where no other site has it. Its node's quota
// gets the room back.
func (h *Hub) RemoveObject(ctx context.Context, site string, x blob.Hash) error {
	row, err := h.Object(ctx, site, x)
	if err != nil {
		return err
	}
	if err := h.o.Store.Put(ctx, store.Row{Site: site, Kind: kindObject, Key: x.String()}); err != nil {
		return err
	}
	h.mu.Lock()
	h.objects.used[row.Node] -= row.Size
	h.mu.Unlock()
	used, err := h.HasObject(ctx, x)
	if o := h.o.Objects; err == nil && !used && (o.Held == nil || !o.Held(x)) {
		err = o.Store.Delete(x)
	}
	return err
}

// HasObject reports whether any site has brought an object.
func (h *Hub) HasObject(ctx context.Context, x blob.Hash) (bool, error) {
	for r, err := range h.o.Store.Rows(ctx, "", kindObject, x.String()) {
		if err != nil || r.Key == x.String() {
			return err == nil, err
		}
	}
	return false, nil
}

// expireObjects removes the beginnings of objects that nobody finishes.
func (h *Hub) expireObjects() {
	if h.o.Objects == nil {
		return
	}
	n, err := h.o.Objects.Store.Expire(time.Now().Add(-h.o.Objects.Unfinished))
	h.count.Objects.Expired.Add(uint64(n))
	if err != nil {
		h.trouble("remove unfinished objects", err)
	}
}
