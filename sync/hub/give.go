package hub

import (
	"context"
	"sync"
	"time"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
	"github.com/aielon/edge/sync/wire/object"
)

const (
	kindGift  = "gift"
	maxGifts  = 256 // that wait for one node
	givenOnce = 2   // objects on their way to one node at a time
	giveLater = 5 * time.Second
)

// A Gift is an object that a node may fetch, until it has it.
type Gift struct {
	Hex  string      `json:"hash"`
	Size int64       `json:"size"`
	Node edge.NodeID `json:"node"`
	Time time.Time   `json:"time"`
}

// Give lets a node fetch an object that lies in the hub's store; nothing else can it have. It fails with
// NotFound and Exhausted. How the node learns of it is up to the caller: by a command.
func (h *Hub) Give(ctx context.Context, id edge.NodeID, x blob.Hash) error {
	n, err := h.Node(id)
	if err != nil {
		return err
	}
	if h.o.Objects == nil {
		return edge.E(edge.Invalid, "this hub keeps no large objects")
	}
	size, err := h.o.Objects.Store.Size(x)
	if err != nil {
		return err
	}
	h.downMu.Lock()
	defer h.downMu.Unlock()
	waiting, err := h.Gifts(ctx, id)
	if err != nil {
		return err
	}
	if len(waiting) >= maxGifts {
		return edge.E(edge.Exhausted, "%d objects wait for node %s", maxGifts, id.Short()).WithHint("wait until it has fetched some")
	}
	return h.putJSON(ctx, n.Site, kindGift, giftKey(id, x), Gift{Hex: x.String(), Size: size, Node: id, Time: h.now()})
}

func giftKey(id edge.NodeID, x blob.Hash) string { return id.String() + "/" + x.String() }

// Gifts lists the objects that a node may fetch and has not yet.
func (h *Hub) Gifts(ctx context.Context, id edge.NodeID) ([]Gift, error) {
	n, err := h.Node(id)
	if err != nil {
		return nil, err
	}
	return rowsOf[Gift](ctx, h.o.Store, n.Site, kindGift, id.String()+"/")
}

// TakeBack ends the leave to fetch an object. One that is on its way already arrives.
func (h *Hub) TakeBack(ctx context.Context, id edge.NodeID, x blob.Hash) error {
	n, err := h.Node(id)
	if err != nil {
		return err
	}
	return h.o.Store.Put(ctx, store.Row{Site: n.Site, Kind: kindGift, Key: giftKey(id, x)})
}

// giver sends objects over one session.
type giver struct {
	s      *session
	ctx    context.Context // of the session: a transfer ends with it
	pacer  *object.Pacer
	sender *object.Sender
	slots  chan struct{}
	wg     sync.WaitGroup
}

func newGiver(ctx context.Context, s *session) *giver {
	g := &giver{s: s, ctx: ctx, pacer: object.NewPacer(s.link.Stats), slots: make(chan struct{}, givenOnce)}
	g.sender = object.NewSender(s.h.o.Objects.Store, g)
	return g
}

// Say implements object.Transport.
func (g *giver) Say(_ context.Context, f wire.Frame) error {
	g.s.out.push(f)
	return nil
}

// Range implements object.Transport.
func (g *giver) Range(ctx context.Context, next wire.Next) error {
	return g.s.link.SendRange(ctx, next, g.pacer.Pace)
}

// May implements object.Transport. The node says DECLINE when it wants no more for now.
func (g *giver) May() (bool, time.Duration) { return true, 0 }

// want answers a WANT.
func (g *giver) want(f *wire.Want) {
	x := blob.Hash(f.ID)
	if g.sender.Busy(x) {
		return
	}
	select {
	case g.slots <- struct{}{}:
		g.wg.Go(func() {
			defer func() { <-g.slots }()
			g.give(x)
		})
	default:
		g.decline(x, edge.E(edge.Unavailable, "other objects go first"), giveLater)
	}
}

// give sends one object, if the node may have it.
func (g *giver) give(x blob.Hash) {
	h, peer := g.s.h, g.s.peer
	if _, err := h.o.Store.Row(g.ctx, peer.Site, kindGift, giftKey(peer.ID, x)); edge.IsKind(err, edge.NotFound) {
		h.count.Objects.Denied.Add(1)
		g.decline(x, edge.E(edge.Denied, "the object %s is not meant for this node", x), time.Hour)
		return
	} else if err != nil {
		h.trouble("look for an object", err)
		g.decline(x, edge.E(edge.Unavailable, "the hub's store does not answer"), giveLater)
		return
	}
	err := g.sender.Send(g.ctx, x)
	switch {
	case g.ctx.Err() != nil:
		return
	case err != nil:
		h.o.Logger.Warn("an object does not reach its node", "node", peer.ID.Short(), "object", x.String(), "error", err)
		if edge.IsKind(err, edge.NotFound) || edge.IsKind(err, edge.Corrupt) {
			g.decline(x, err, time.Hour)
		}
		return
	}
	h.count.Objects.Given.Add(1)
	if err := h.o.Store.Put(g.ctx, store.Row{Site: peer.Site, Kind: kindGift, Key: giftKey(peer.ID, x)}); err != nil {
		h.trouble("note that an object was fetched", err) // it may be fetched once more
	}
}

func (g *giver) decline(x blob.Hash, err error, retry time.Duration) {
	g.s.out.push(&wire.Decline{ID: wire.ObjectID(x), Kind: edge.KindOf(err), Retry: retry, Text: clip(words(err), wire.MaxText)})
}
