package node

import (
	"context"
	"strings"
	"time"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub"
	"github.com/aielon/edge/sync/wire"
)

// mirrorEvery is how often a hub cosigns what was delivered to it.
const mirrorEvery = 10 * time.Minute

// vouchDelivered has the hub keep trees over the ledger journals that are delivered to it, and cosign them: it has
// the records, and needs nobody's word.
func (p *hubPart) vouchDelivered(ctx context.Context) error {
	t := time.NewTicker(mirrorEvery)
	defer t.Stop()
	seen := map[wire.StreamID]edge.Pos{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := p.mirror(ctx, seen); err != nil && ctx.Err() == nil {
			p.n.log.Warn("what was delivered is not cosigned", "error", err)
		}
	}
}

// mirror goes over all ledger journals that have something new since seen.
func (p *hubPart) mirror(ctx context.Context, seen map[wire.StreamID]edge.Pos) error {
	list, err := p.h.Sources(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		head := s.Head()
		if !audited(s) || head.IsZero() || seen[s.ID()] == head {
			continue
		}
		if err := p.vouch(ctx, s); err != nil {
			if ctx.Err() != nil {
				return err
			}
			p.n.log.Warn("a delivered journal is not cosigned", "origin", s.ID().Origin, "stream", s.Stream(), "error", err)
			continue
		}
		seen[s.ID()] = head
	}
	return nil
}

func audited(s *hub.Source) bool {
	return s.Stream() == ownLedger || s.Stream() == site.Stream(edge.Ledger)
}

func (p *hubPart) vouch(ctx context.Context, s *hub.Source) error {
	id, at := whoseJournal(s.ID().Origin)
	if at == "" {
		at = elsewhere
		if n, err := p.h.Node(id); err == nil {
			at = n.Site
		}
	}
	t, region := p.n.trail, p.n.keys.region.Load().Label()
	l, err := audit.OpenLog(audit.LogOptions{Store: p.n.readings, Journal: unmarked{s}, Name: "hub/" + s.ID().Origin + "/" + s.Stream(), Node: id, Key: t.key,
		Now: p.n.keys.trust.Now, Logger: p.n.part("audit"), Place: func() (string, string) { return region, at }})
	if err != nil {
		return err
	}
	return t.witness.Mirror(ctx, l)
}

// elsewhere stands for the site of a node this hub knows from another hub's deliveries only.
const elsewhere = "elsewhere"

// whoseJournal takes a stream's origin apart: a node, or a site.
func whoseJournal(origin string) (id edge.NodeID, at string) {
	if at, ok := strings.CutPrefix(origin, "site:"); ok {
		return id, at
	}
	id, _ = edge.ParseNodeID(origin) // the hub takes no others
	return id, ""
}

// An unmarked journal has no memory of followers: an audit.Log is its own.
type unmarked struct{ edge.Journal }

func (unmarked) Mark(string) edge.Pos                            { return edge.Pos{} }
func (unmarked) SetMark(context.Context, string, edge.Pos) error { return nil }
