package node

import (
	"context"
	"time"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/wire"
)

// uplinkFollower is the name under which the uplink's marks are kept.
const uplinkFollower = "uplink"

// A source is a journal as the uplink sees it.
type source struct {
	edge.Journal
	id      wire.StreamID
	urgency edge.Urgency
	epochs  func() []journal.Epoch
	mark    func(ctx context.Context, p edge.Pos) error
}

func (s *source) ID() wire.StreamID                             { return s.id }
func (s *source) Urgency() edge.Urgency                         { return s.urgency }
func (s *source) Acked(ctx context.Context, p edge.Pos) error   { return s.mark(ctx, p) }
func (s *source) Epoch(number uint64) (e uplink.Epoch, ok bool) { return epochOf(s.epochs(), number) }

func epochOf(list []journal.Epoch, number uint64) (uplink.Epoch, bool) {
	for _, e := range list {
		if e.Number == number {
			return uplink.Epoch{First: e.First, Fork: e.Fork, Reason: e.Reason}, true
		}
	}
	return uplink.Epoch{}, false
}

// sources lists what this node delivers. A hub delivers what is in its store, its own records among it.
func (n *Node) sources() []uplink.Source {
	if n.hub != nil {
		return n.forwarded()
	}
	if !n.doors.pulls() {
		return nil
	}
	var list []uplink.Source
	for _, s := range n.own() {
		list = append(list, s)
	}
	return list
}

// own lists the journals of this box: its readings always, the site's journals while it leads.
func (n *Node) own() []*source {
	var list []*source
	for _, j := range n.journals.Journals() {
		list = append(list, &source{Journal: j, id: wire.StreamID{Origin: n.keys.id.ID().String(), Name: j.Stream()}, urgency: j.Urgency(), epochs: j.Epochs,
			mark: n.marker(j)})
	}
	// Not before everything that was decided in earlier terms is applied here: after a power cut the state
	// may be behind its own log, and the hub's records would look as if this node had lost them.
	// Nor before the site's journals have begun the epoch that a restore calls for.
	if _, self := n.raft.Leader(); self && n.raft.Leadership().Ready && !n.forkDue.Load() {
		list = append(list, n.siteSources()...)
	}
	return list
}

func (n *Node) siteSources() []*source {
	var list []*source
	origin := site.Origin(n.keys.trust.Site())
	for _, u := range edge.Urgencies() {
		j := n.marks.Source(n.siteJournal(u))
		list = append(list, &source{Journal: j, id: wire.StreamID{Origin: origin, Name: site.Stream(u)}, urgency: u,
			epochs: func() []journal.Epoch { return n.siteEpochs(u) },
			mark:   n.marker(j)})
	}
	return list
}

// A marked journal remembers how far its followers have come.
type marked interface {
	edge.Journal
	Mark(follower string) edge.Pos
	SetMark(ctx context.Context, follower string, p edge.Pos) error
}

// marker moves the uplink's mark of a journal. What a mark that goes back leaves behind is booked before it
// returns; until then the uplink sends nothing of the journal.
func (n *Node) marker(j marked) func(context.Context, edge.Pos) error {
	return func(ctx context.Context, p edge.Pos) error {
		if err := n.movesBack(ctx, j, p); err != nil {
			return err
		}
		if err := j.SetMark(ctx, uplinkFollower, p); err != nil {
			return err
		}
		return n.movedBack(ctx, j, p)
	}
}

// emptyEpochLook is how long a wait may go by a record that came just before the newest epoch began.
const emptyEpochLook = 10 * time.Second

// siteJournal reads the site's journal of one urgency from whatever state is newest.
func (n *Node) siteJournal(u edge.Urgency) *journal.Reader {
	head := journal.NewReader(n.site.View, site.Stream(u), nil)
	return journal.NewReader(n.site.View, site.Stream(u), func(ctx context.Context, after edge.Pos) error {
		applied := n.site.Applied() // before the look, so that what is applied in between ends the wait
		switch h := head.Head(); {
		case h.Epoch == after.Epoch && h.Seq > after.Seq, h.Epoch > after.Epoch && h.Seq > 0:
			return nil
		case h.Epoch != after.Epoch: // a new epoch without records yet is nothing to read
			look, cancel := context.WithTimeout(ctx, emptyEpochLook)
			defer cancel()
			if err := n.site.WaitApplied(look, applied+1); ctx.Err() != nil || look.Err() == nil {
				return err
			}
			return nil
		}
		return n.site.WaitApplied(ctx, applied+1)
	})
}

func (n *Node) siteEpochs(u edge.Urgency) []journal.Epoch {
	v := n.site.View()
	defer v.Close()
	c, err := journal.LoadChain(v, site.Stream(u))
	if err != nil {
		return nil
	}
	return c.Epochs()
}
