package site

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A place is where a replica is, as its next entry will find it: the meta row and the ends of the site's
// journals. It is a cache of rows of the store, read anew after anything went wrong.
type place struct {
	meta
	chains [edge.Bulk + 1]*chain // by urgency; the first is unused
}

// loadPlace reads a replica's place from its store.
func loadPlace(st *state.Store, site string) (*place, error) {
	v := st.View()
	defer v.Close()
	p := &place{}
	var err error
	if p.meta, err = loadMeta(v); err != nil {
		return nil, err
	}
	for _, u := range edge.Urgencies() {
		if p.chains[u], err = loadChain(v, Stream(u), Origin(site)); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Stream is the name of the site's journal of an urgency.
func Stream(u edge.Urgency) string { return "site." + u.String() }

// Origin is the name under which a site's journals are delivered.
func Origin(site string) string { return "site:" + site }

// ledger is the head of the site's ledger journal.
func (p *place) ledger() edge.Pos { return p.chains[edge.Ledger].head() }

// write adds what a batch says to out, and moves the journals' ends.
func (p *place) write(out *state.Batch, b *batch, index uint64) error {
	out.Apply(b.Writes)
	var by [edge.Bulk + 1][]edge.Event
	for _, e := range b.Events {
		by[e.Urgency] = append(by[e.Urgency], e)
	}
	for _, u := range edge.Urgencies() {
		if err := p.chains[u].append(out, by[u]); err != nil {
			return err
		}
	}
	for _, o := range b.Orders {
		if err := p.chains[o.Urgency].obey(out, o, b.Now); err != nil {
			return err
		}
	}
	pos := p.ledger()
	for _, r := range b.Results {
		out.Set(outcomeKey(r.ID), appendOutcome(nil, index, pos, r))
	}
	return nil
}

// check compares the cache with the store: an invariant of tests.
func (p *place) check(v edge.View) error {
	m, err := loadMeta(v)
	if err != nil {
		return err
	}
	if m != p.meta {
		return edge.E(edge.Corrupt, "the store is at %+v and the replica at %+v", m, p.meta)
	}
	return nil
}
