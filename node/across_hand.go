package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/across"
	"github.com/aielon/edge/sync/hub"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// hand gives a site what waits for it, one order at a time, again and again until it has decided.
func (r *router) hand(ctx context.Context, w *way) error {
	if w.order != nil {
		return r.check(ctx, w)
	}
	if time.Now().Before(w.next) {
		return nil
	}
	o, err := r.pack(ctx, w)
	if err != nil || o == nil {
		return err
	}
	own := w.site == r.p.n.keys.trust.Site()
	if !own && !r.online(w.site, o) {
		return nil
	}
	body, err := json.Marshal(o.what)
	if err != nil {
		return edge.E(edge.Internal, "an order cannot be written: %w", err)
	}
	if own {
		out, err := r.p.n.takeDelivery(ctx, body)
		return r.done(ctx, w, o, out, err)
	}
	now := r.p.n.keys.trust.Now()
	o.id, o.expires = edge.NewID(), now.Add(orderLife)
	err = r.p.h.Send(ctx, hub.Command{ID: o.id, Node: o.node, Name: deliverOrder, Body: body, NotBefore: now.Add(-time.Minute), Expires: o.expires})
	if err != nil {
		w.later()
		return err
	}
	w.order = o
	return nil
}

// later has the site left alone for a while, longer each time.
func (w *way) later() {
	w.pause = min(max(2*w.pause, firstPause), longPause)
	w.next = time.Now().Add(w.pause)
}

// online finds a node of the site that is connected.
func (r *router) online(site string, o *moneyOrder) bool {
	for _, s := range r.p.h.Sessions() {
		if s.Site == site {
			o.node = s.Node
			return true
		}
	}
	return false
}

// pack puts an order together: keys the site does not have, else notes, else how far its recovery is. nil: nothing waits.
func (r *router) pack(ctx context.Context, w *way) (*moneyOrder, error) {
	o := &moneyOrder{}
	for _, other := range r.ways {
		if other.key == nil || other == w || w.knows[keyPrint(other.key)] || len(o.what.Keys) == orderKeys {
			continue
		}
		o.what.Keys, o.prints = append(o.what.Keys, *other.key), append(o.prints, keyPrint(other.key))
	}
	if len(o.prints) > 0 {
		return o, nil
	}
	if err := r.notes(ctx, w, o); err != nil || len(o.rows) > 0 {
		return o, err
	}
	if w.after != "" { // the rest was not taken in: from the beginning, after a pause
		w.after = ""
		w.later()
		return nil, nil
	}
	if w.recover == nil || w.queued() > 0 || len(w.scans) > 0 {
		return nil, nil
	}
	o.what.Recovered = &across.Epoch{Epoch: w.recover.Epoch, Echoed: !w.recover.Echoed}
	return o, nil
}

func keyPrint(p *across.Proof) string {
	sum := sha256.Sum256(p.Public)
	return p.Site + "/" + hex.EncodeToString(sum[:8])
}

// notes takes the oldest notes that wait, behind those that were not taken in.
func (r *router) notes(ctx context.Context, w *way, o *moneyOrder) error {
	if w.queued() == 0 {
		return nil
	}
	size := 0
	for row, err := range r.p.store.Rows(ctx, w.site, moneyNote, "") {
		if err != nil {
			return err
		}
		if row.Key <= w.after {
			continue
		}
		var n noteRow
		if json.Unmarshal(row.Value, &n) != nil {
			return edge.E(edge.Corrupt, "a note that waits for site %s cannot be read", w.site)
		}
		if size += len(n.Note); len(o.rows) == orderNotes || len(o.rows) > 0 && size > orderBytes {
			break
		}
		o.what.Notes, o.rows = append(o.what.Notes, n.Note), append(o.rows, row.Key)
	}
	return nil
}

// check looks whether an order was answered.
func (r *router) check(ctx context.Context, w *way) error {
	o := w.order
	res, found, err := r.p.h.Result(ctx, o.node, o.id)
	if err != nil {
		return err
	}
	if !found {
		if r.p.n.keys.trust.Now().After(o.expires) {
			w.order = nil
			w.later()
		}
		return nil
	}
	w.order = nil
	var out delivered
	switch {
	case res.Status != wire.DoneOK:
		err = edge.E(edge.Unavailable, "site %s does not take notes in: %s", w.site, res.Text)
	case json.Unmarshal(res.Body, &out) != nil:
		err = edge.E(edge.Unavailable, "what site %s answers cannot be read", w.site)
	}
	return r.done(ctx, w, o, out, err)
}

// done forgets what the site has decided on.
func (r *router) done(ctx context.Context, w *way, o *moneyOrder, out delivered, err error) error {
	if err != nil || len(out.Notes) != len(o.rows) {
		w.later()
		return err
	}
	b := &routed{r: r}
	for i, key := range o.rows {
		if !out.Notes[i].Done {
			w.after = key
			continue
		}
		b.put(w.site, moneyNote, key, nil)
		from, _, _ := strings.Cut(key, "/")
		b.after = append(b.after, func() {
			if w.waiting[from]--; w.waiting[from] <= 0 {
				delete(w.waiting, from)
			}
		})
	}
	if len(o.prints) > 0 {
		for _, p := range o.prints {
			w.knows[p] = true
		}
		b.put(w.site, moneyKnows, "", w.knows)
	}
	if pos := (edge.Pos{Epoch: out.Epoch, Seq: out.Seq}); store.Before(w.handed, pos) {
		b.put(w.site, moneyHanded, "", pos)
		b.after = append(b.after, func() { w.handed = pos })
	}
	if e := o.what.Recovered; e != nil && w.recover != nil && w.recover.Epoch == e.Epoch {
		r.advance(b, w, e)
	}
	w.pause = 0
	return b.keep(ctx)
}

// advance goes on with a recovery: after what the site said itself comes all that others told it, and then it is over.
func (r *router) advance(b *routed, w *way, e *across.Epoch) {
	if !e.Echoed {
		b.put(w.site, moneyRecover, "", nil)
		b.after = append(b.after, func() { w.recover = nil })
		return
	}
	rec := recoveryRow{Epoch: e.Epoch, Echoed: true}
	b.put(w.site, moneyRecover, "", rec)
	scans := map[string]scanRow{}
	for from, other := range r.ways {
		if from != w.site && other.source != nil {
			scans[from] = scanRow{}
			b.put(w.site, moneyScan, from, scanRow{})
		}
	}
	b.after = append(b.after, func() { w.recover, w.scans = &rec, scans })
}
