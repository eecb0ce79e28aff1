package node

import (
	"context"
	"time"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/sync/hub/store"
)

const (
	houseEvery  = time.Hour
	auditEvery  = 24 * time.Hour
	scrubSpeed  = 20 << 20 // bytes a second: a scrub may not be felt
	siteKeepFor = 24 * time.Hour
)

// keepHouse does what is due now and then: prunes the site's journals of what the hub has had for a day,
// forgets old orders, and once a day reads everything that is stored to see that it is still what was
// written.
func (n *Node) keepHouse(ctx context.Context) error {
	t := time.NewTicker(houseEvery)
	defer t.Stop()
	acked := n.siteMarks()
	var suspects map[blob.Hash]bool
	var trimmed, audited time.Time = time.Now(), time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := (&orders{s: n.readings}).forget(ctx, n.keys.trust.Now()); err != nil {
			n.log.Warn("old orders are not forgotten", "error", err)
		}
		var err error
		if suspects, err = n.blobs.sweep(ctx, suspects); err != nil {
			n.log.Warn("large objects nobody knows are not removed", "error", err)
		}
		if time.Since(trimmed) >= siteKeepFor {
			n.trimSite(ctx, acked)
			acked, trimmed = n.siteMarks(), time.Now()
		}
		if time.Since(audited) >= auditEvery {
			n.audit(ctx)
			audited = time.Now()
		}
	}
}

// siteMarks is how far the hub has the site's journals.
func (n *Node) siteMarks() map[edge.Urgency]edge.Pos {
	m := map[edge.Urgency]edge.Pos{}
	for _, u := range edge.Urgencies() {
		m[u] = n.marks.Source(n.siteJournal(u)).Mark(uplinkFollower)
	}
	return m
}

func (n *Node) trimSite(ctx context.Context, acked map[edge.Urgency]edge.Pos) {
	if _, self := n.raft.Leader(); !self {
		return
	}
	for u, p := range acked {
		if now := n.marks.Source(n.siteJournal(u)).Mark(uplinkFollower); store.Before(now, p) {
			p = now // the hub has less than it had a day ago: it was restored
		}
		if u == edge.Ledger {
			if seen := n.trail.site.Mark(auditFollower); store.Before(seen, p) {
				p = seen // not before it is part of the audit's tree
			}
		}
		if p = n.hooks.wait(ctx, u, p); p.IsZero() {
			continue
		}
		if err := n.site.Trim(ctx, u, p); err != nil && !edge.IsKind(err, edge.NotFound) {
			n.log.Warn("the site's journal is not pruned", "urgency", u, "error", err)
		}
	}
}

// audit recomputes the journals' chains and reads every stored value.
func (n *Node) audit(ctx context.Context) {
	err := n.journals.Audit(ctx)
	for _, s := range n.stores() {
		if err != nil {
			break
		}
		_, err = s.ScrubWith(ctx, state.ScrubOptions{BytesPerSecond: scrubSpeed})
	}
	if ctx.Err() == nil {
		n.setAudit(err)
	}
}

func (n *Node) setAudit(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.audited, n.auditErr = time.Now(), err
	if err != nil {
		n.log.Error("stored data is damaged", "error", err)
	}
}

// ScrubResult says what a scrub has read.
type ScrubResult struct {
	Files   int      `json:"files"`
	Keys    int      `json:"keys"`
	Damaged []string `json:"damaged"`
}

// scrub reads every stored value of every store and says what is damaged.
func (n *Node) scrub(ctx context.Context) (ScrubResult, error) {
	res := ScrubResult{Damaged: []string{}}
	for _, s := range n.stores() {
		r, err := s.Scrub(ctx)
		res.Files, res.Keys = res.Files+r.Files, res.Keys+r.Keys
		res.Damaged = append(res.Damaged, r.Damaged...)
		if err != nil && len(r.Damaged) == 0 {
			return res, err
		}
	}
	if err := n.journals.Audit(ctx); err != nil {
		res.Damaged = append(res.Damaged, err.Error())
	}
	return res, nil
}
