package hub

import (
	"context"
	"encoding/json"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// Limits on what is kept for one node.
const (
	maxCommands = 64                   // without a result
	keepResults = 7 * 24 * time.Hour   // after they came, or their command has expired
	resendEvery = 2 * time.Minute      // what has no answer yet
	maxLife     = 366 * 24 * time.Hour // of a command
)

// tick does what is done now and then: sends again what has no answer, forgets what is old, signs
// receipts.
func (h *Hub) tick(ctx context.Context) {
	again, receipts, expire, told := time.NewTicker(resendEvery), time.NewTicker(h.o.Receipts), time.NewTicker(expireEvery), time.NewTicker(backlogEvery)
	defer told.Stop()
	defer expire.Stop()
	defer again.Stop()
	defer receipts.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			h.sendAgain(ctx)
		case <-expire.C:
			h.expireObjects()
		case <-told.C:
			h.keepBacklogs(ctx)
		case <-receipts.C:
			h.sendReceipts(ctx)
		}
	}
}

func (h *Hub) sendAgain(ctx context.Context) {
	seen := map[edge.NodeID]bool{}
	for r, err := range h.o.Store.Rows(ctx, "", kindCommand, "") {
		if err != nil {
			h.trouble("list commands", err)
			return
		}
		var c Command
		if json.Unmarshal(r.Value, &c) != nil {
			continue
		}
		if h.now().After(c.Expires.Add(keepResults)) {
			h.o.Store.Put(ctx, store.Row{Site: r.Site, Kind: r.Kind, Key: r.Key})
			continue
		}
		if s := h.session(c.Node); s != nil && c.Expires.After(h.now()) {
			seen[c.Node] = true
			s.out.push(c.frame())
		}
	}
	for r, err := range h.o.Store.Rows(ctx, "", kindResult, "") {
		var res Result
		if err == nil && json.Unmarshal(r.Value, &res) == nil && h.now().After(res.Time.Add(5*keepResults)) {
			h.o.Store.Put(ctx, store.Row{Site: r.Site, Kind: r.Kind, Key: r.Key})
		}
	}
}

// sendReceipts signs where the streams of connected nodes stand. One signature covers every record
// before it, because the sum does.
func (h *Hub) sendReceipts(ctx context.Context) {
	if h.o.Signer == nil {
		return
	}
	h.mu.Lock()
	all := make([]*session, 0, len(h.sessions))
	for _, s := range h.sessions {
		all = append(all, s)
	}
	h.mu.Unlock()
	for _, s := range all {
		h.Receipts(ctx, s.peer.ID)
	}
}

// Receipts sends a connected node signed receipts of its own and its site's streams.
func (h *Hub) Receipts(ctx context.Context, id edge.NodeID) {
	s := h.session(id)
	if s == nil || h.o.Signer == nil {
		return
	}
	for _, origin := range []string{id.String(), wire.SitePrefix + s.peer.Site} {
		for row, err := range h.o.Store.Streams(ctx, origin) {
			if err != nil {
				h.trouble("read cursors", err)
				return
			}
			r := &wire.Receipt{Hub: h.o.Self, Stream: row.ID, Pos: row.Cursor, Time: h.now()}
			if r.Sig, err = h.sign(r.SigningBytes()); err != nil {
				h.o.Logger.Error("receipts cannot be signed", "cause", err)
				return
			}
			s.out.push(r)
		}
	}
}
