package site

import (
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/node/state"
)

// A place is where a replica is, as its next entry will find it: the meta row and the ends of the site's
// journals. It is a cache of rows of the store, read anew after a restore.
type place struct {
	meta
	origin string
	chains [edge.Bulk + 1]*journal.Chain // by urgency; the first is unused
}

// heads are the newest positions of the site's journals, by urgency.
type heads [edge.Bulk + 1]edge.Pos

// loadPlace reads a replica's place from its store.
func loadPlace(st *state.Store, site string) (*place, error) {
	v := st.View()
	defer v.Close()
	p := &place{origin: Origin(site)}
	var err error
	if p.meta, err = loadMeta(v); err != nil {
		return nil, err
	}
	for _, u := range edge.Urgencies() {
		if p.chains[u], err = journal.LoadChain(v, Stream(u)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Stream is the name of the site's journal of an urgency.
func Stream(u edge.Urgency) string { return "site." + u.String() }

// Origin is the name under which a site's journals are delivered.
func Origin(site string) string { return "site:" + site }

func (p *place) heads() (h heads) {
	for _, u := range edge.Urgencies() {
		h[u] = p.chains[u].Head()
	}
	return h
}

// write adds what a batch says to out, and moves the journals' ends. Orders come before events.
func (p *place) write(v *state.View, out *state.Batch, b *batch, index uint64) error {
	out.Apply(b.Writes)
	for _, o := range b.Orders {
		if err := p.obey(v, out, o, time.Unix(0, b.Now)); err != nil {
			return err
		}
	}
	var by [edge.Bulk + 1][]edge.Event
	for _, e := range b.Events {
		by[e.Urgency] = append(by[e.Urgency], e)
	}
	for _, u := range edge.Urgencies() {
		if len(by[u]) == 0 {
			continue
		}
		if _, _, err := p.chains[u].Append(out, by[u]); err != nil {
			return err
		}
	}
	pos := p.chains[edge.Ledger].Head()
	for _, r := range b.Results {
		out.Set(outcomeKey(r.ID), appendOutcome(nil, index, pos, r))
	}
	return nil
}

// trimBlocks is how many blocks of a journal one order removes at most, so that a commit stays small.
const trimBlocks = 128

// obey carries out one order. A new epoch that the journal refuses is refused on every replica alike, and
// leaves the journal as it was.
func (p *place) obey(v *state.View, out *state.Batch, o order, now time.Time) error {
	c := p.chains[o.Urgency]
	if o.Do == orderEpoch {
		err := c.Begin(out, p.origin, o.Pos.Epoch, o.Reason, now)
		if k := edge.KindOf(err); k == edge.Invalid || k == edge.Exhausted {
			return nil
		}
		return err
	}
	_, err := c.Trim(v, out, o.Pos, trimBlocks, now)
	return err
}

// settled tells the chains how a commit ended.
func (p *place) settled(kept bool) {
	for _, u := range edge.Urgencies() {
		if kept {
			p.chains[u].Committed()
		} else {
			p.chains[u].Rollback()
		}
	}
}

// check compares the cache with the store: an invariant of tests.
func (p *place) check(st *state.Store, site string) error {
	q, err := loadPlace(st, site)
	if err != nil {
		return err
	}
	if q.meta != p.meta || q.heads() != p.heads() {
		return edge.E(edge.Corrupt, "the store is at %+v and the replica at %+v", q.meta, p.meta)
	}
	for _, u := range edge.Urgencies() {
		if q.chains[u].Totals() != p.chains[u].Totals() {
			return edge.E(edge.Corrupt, "the counters of %s differ between store and replica", Stream(u))
		}
	}
	return nil
}
