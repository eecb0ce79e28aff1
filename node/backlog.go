package node

import (
	"context"
	"errors"
	"time"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/sync/wire"
)

// backlog is what this node says of its ledger to its hub, class by class. A hub says what waits for the hub
// above, whoever's it is.
func (n *Node) backlog(ctx context.Context) (list []wire.Waiting) {
	above := n.waitingAbove()
	for _, j := range n.journals.Journals() {
		u := j.Urgency()
		row := n.ledgerRow(j)
		w := wire.Waiting{Class: u, Records: row.Waiting, Lost: row.Lost, Shed: row.Shed, Apart: n.apart(j.Stream(), site.Stream(u))}
		if n.hub != nil {
			w.Records = above[u]
		} else if w.Records > 0 {
			w.Oldest = n.oldestWaiting(ctx, j)
		}
		if w != (wire.Waiting{Class: u}) {
			list = append(list, w)
		}
	}
	return list
}

// waitingAbove is what a hub still has to hand on.
func (n *Node) waitingAbove() map[edge.Urgency]uint64 {
	u := n.up.get()
	if n.hub == nil || u == nil {
		return nil
	}
	sum := map[edge.Urgency]uint64{}
	for _, s := range u.Status().Streams {
		sum[s.Class] += s.Waiting
	}
	return sum
}

// apart counts the records the hub does not have under the numbers they have here, and that are accounted for.
func (n *Node) apart(streams ...string) (sum uint64) {
	for _, s := range streams {
		sum += countOf(n.goneOf(s).Only)
	}
	return sum
}

// oldestWaiting is when the oldest record of a class that waits was taken in.
func (n *Node) oldestWaiting(ctx context.Context, j *journal.Journal) time.Time {
	at := firstAfter(ctx, j, j.Mark(uplinkFollower))
	if _, self := n.raft.Leader(); self {
		sj := n.siteJournal(j.Urgency())
		if t := firstAfter(ctx, sj, n.marks.Source(sj).Mark(uplinkFollower)); at.IsZero() || !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	return at
}

// firstAfter is the time of the first record behind a position, and zero where there is none that can be read.
func firstAfter(ctx context.Context, j edge.Journal, p edge.Pos) time.Time {
	for r, err := range j.Read(ctx, p) {
		var g *edge.Gap
		if errors.As(err, &g) {
			continue
		}
		if err != nil {
			break
		}
		return r.Time
	}
	return time.Time{}
}
