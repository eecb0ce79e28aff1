package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/across"
	"github.com/aielon/edge/sync/hub"
	"github.com/aielon/edge/sync/hub/store"
)

// Kinds of the router's rows in the hub's store. The site of a row is the one it is about, or whose notes wait.
const (
	moneyMark    = "wallet-mark"     // how far the site's ledger was followed
	moneyKey     = "wallet-key"      // what certifies the site's key
	moneyKnows   = "wallet-knows"    // which keys the site has
	moneyNote    = "wallet-note"     // from/epoch/seq: a note that waits for the site
	moneyScan    = "wallet-scan"     // from: notes for the site that are still to be looked for
	moneyRecover = "wallet-recovery" // how far the recovery of the restored site is
	moneyStand   = "wallet-stand"    // peer/currency/fund: what the site says it owes
	moneyHanded  = "wallet-handed"   // where the site's ledger stood after it decided last
)

const (
	routeEvery  = 500 * time.Millisecond
	listEvery   = 15 * time.Second // how often it is looked for new sites
	maxQueue    = 4096             // notes that wait for a site; more are looked for later
	maxPass     = 2000             // records of one ledger in one pass
	orderNotes  = 32               // notes in one order
	orderBytes  = 20 << 10         // of them
	orderKeys   = 4
	orderLife   = 10 * time.Minute
	firstPause  = time.Second
	longPause   = 10 * time.Minute
	routerTable = 10_000 // sites
)

// A router hands notes from site to site. What it keeps can be made again from the ledgers that were delivered; what it
// hands over twice counts once.
type router struct {
	p     *hubPart
	busy  atomic.Bool              // some site has a key
	wrong atomic.Pointer[[]string] // pairs of sites whose ends differ

	mu       sync.Mutex // guards what follows, which only save reading rows
	ways     map[string]*way
	look     time.Time
	compared time.Time
}

// A way is what the router knows of one site.
type way struct {
	site    string
	source  *hub.Source // nil: it has delivered no ledger
	mark    moneyMarkRow
	key     *across.Proof
	knows   map[string]bool // fingerprints
	waiting map[string]int  // notes, by who they are from
	scans   map[string]scanRow
	recover *recoveryRow
	handed  edge.Pos

	order *moneyOrder
	pause time.Duration
	next  time.Time
	after string // the key of the last note that was not taken in
}

func (w *way) queued() (n int) {
	for _, x := range w.waiting {
		n += x
	}
	return n
}

type moneyMarkRow struct{ Pos edge.Pos }

type scanRow struct{ After edge.Pos }

// A recoveryRow is how far the recovery of a restored site is.
type recoveryRow struct {
	Epoch  uint64
	Echoed bool // it has what it said itself
}

type noteRow struct {
	Note []byte
	Kind string
}

// A moneyOrder is a command on its way.
type moneyOrder struct {
	id      edge.ID
	node    edge.NodeID
	expires time.Time
	what    delivery
	rows    []string // of the notes
	prints  []string // of the keys
}

func newRouter(p *hubPart) *router { return &router{p: p, ways: map[string]*way{}} }

func (r *router) run(ctx context.Context) error {
	if err := r.load(ctx); err != nil {
		return err
	}
	t := time.NewTicker(routeEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if err := r.round(ctx); err != nil && ctx.Err() == nil {
			r.p.n.log.Warn("notes between sites are held up", "error", err)
			wait(ctx, 5*time.Second)
		}
	}
}

// load reads what was kept.
func (r *router) load(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ways = map[string]*way{}
	for _, kind := range []string{moneyMark, moneyKey, moneyKnows, moneyScan, moneyRecover, moneyHanded, moneyNote} {
		for row, err := range r.p.store.Rows(ctx, "", kind, "") {
			if err != nil {
				return err
			}
			if err := r.way(row.Site).take(kind, row); err != nil {
				return edge.E(edge.Corrupt, "a row of kind %s cannot be read: %w", kind, err)
			}
		}
	}
	for _, w := range r.ways {
		if w.key != nil {
			r.busy.Store(true)
		}
	}
	return nil
}

func (w *way) take(kind string, row store.Row) error {
	switch kind {
	case moneyMark:
		return json.Unmarshal(row.Value, &w.mark)
	case moneyKey:
		return json.Unmarshal(row.Value, &w.key)
	case moneyKnows:
		return json.Unmarshal(row.Value, &w.knows)
	case moneyRecover:
		return json.Unmarshal(row.Value, &w.recover)
	case moneyHanded:
		return json.Unmarshal(row.Value, &w.handed)
	case moneyScan:
		var s scanRow
		err := json.Unmarshal(row.Value, &s)
		w.scans[row.Key] = s
		return err
	}
	from, _, _ := strings.Cut(row.Key, "/")
	w.waiting[from]++
	return nil
}

// way is called with mu held.
func (r *router) way(site string) *way {
	w := r.ways[site]
	if w == nil {
		w = &way{site: site, knows: map[string]bool{}, waiting: map[string]int{}, scans: map[string]scanRow{}}
		r.ways[site] = w
	}
	return w
}

// round follows all ledgers, and hands over what waits.
func (r *router) round(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.find(ctx); err != nil {
		return err
	}
	var errs []error
	for _, w := range r.ways {
		if w.source == nil || ctx.Err() != nil {
			continue
		}
		errs = append(errs, r.follow(ctx, w))
	}
	if !r.busy.Load() {
		return errors.Join(errs...)
	}
	for _, w := range r.ways {
		for from := range w.scans {
			errs = append(errs, r.scan(ctx, w, from))
		}
		errs = append(errs, r.hand(ctx, w))
	}
	return errors.Join(append(errs, r.compare(ctx))...)
}

// find looks which sites deliver a ledger here.
func (r *router) find(ctx context.Context) error {
	now := time.Now()
	if now.Sub(r.look) < listEvery && r.look.Before(now) {
		return nil
	}
	r.look = now
	list, err := r.p.h.Sources(ctx)
	if err != nil {
		return err
	}
	for _, s := range list {
		_, at := whoseJournal(s.ID().Origin)
		if at == "" || s.Stream() != site.Stream(edge.Ledger) || len(r.ways) >= routerTable && r.ways[at] == nil {
			continue
		}
		r.way(at).source = s
	}
	return nil
}

// follow reads what is new in a site's ledger. The notes in it and how far it was read are kept together.
func (r *router) follow(ctx context.Context, w *way) error {
	head := w.source.Head()
	if head == w.mark.Pos || head.IsZero() {
		return nil
	}
	if w.mark.Pos.Epoch != 0 && head.Epoch != w.mark.Pos.Epoch {
		if err := r.restored(ctx, w, head.Epoch); err != nil {
			return err
		}
	}
	b := &routed{r: r, added: map[*way][]string{}}
	pos, n := w.mark.Pos, 0
	for rec, err := range w.source.Read(ctx, w.mark.Pos) {
		if gap := (*edge.Gap)(nil); errors.As(err, &gap) {
			pos = gap.To
			continue
		}
		if err != nil {
			return err
		}
		if err := b.record(w, rec, pos); err != nil {
			return err
		}
		if pos, n = rec.Pos, n+1; n == maxPass || len(b.rows) >= maxPass {
			break
		}
	}
	if pos == w.mark.Pos && head.Seq == 0 {
		pos = head // an epoch without records yet
	}
	if pos == w.mark.Pos {
		return nil // another hub process took it in; it is read in the next round
	}
	mark := moneyMarkRow{pos}
	b.put(w.site, moneyMark, "", mark)
	if err := b.keep(ctx); err != nil {
		return err
	}
	w.mark = mark
	return nil
}

// Routed is what one pass found, kept all at once.
type routed struct {
	r     *router
	rows  []store.Row
	added map[*way][]string // notes that wait, by who they are from
	after []func()
}

func (b *routed) put(site, kind, key string, v any) {
	row := store.Row{Site: site, Kind: kind, Key: key}
	if v != nil {
		row.Value, _ = json.Marshal(v) // rows of ours, which always encode
	}
	b.rows = append(b.rows, row)
}

func (b *routed) keep(ctx context.Context) error {
	if err := b.r.p.store.Put(ctx, b.rows...); err != nil {
		return err
	}
	for w, from := range b.added {
		for _, f := range from {
			w.waiting[f]++
		}
	}
	for _, f := range b.after {
		f()
	}
	return nil
}

// record looks at one record of a site's ledger; before is the position it follows on.
func (b *routed) record(w *way, rec edge.Record, before edge.Pos) error {
	switch {
	case across.Carries(rec.Type):
		var c across.Carried
		if json.Unmarshal(rec.Body, &c) != nil || len(c.Note) == 0 || len(c.Note) > 4<<10 || b.r.ways[c.To] == nil && !b.r.joined(c.To) {
			return nil // nobody can be handed this
		}
		b.queue(b.r.way(c.To), w.site, rec, c, before)
	case rec.Type == across.EventKey:
		var p across.Proof
		if json.Unmarshal(rec.Body, &p) != nil || p.Site != w.site {
			return nil
		}
		b.put(w.site, moneyKey, "", p)
		b.after = append(b.after, func() {
			w.key = &p
			b.r.busy.Store(true)
		})
	case rec.Type == across.EventStands:
		var s across.Stands
		if json.Unmarshal(rec.Body, &s) != nil {
			return nil
		}
		for _, x := range s.Stands {
			b.put(w.site, moneyStand, x.Peer+"/"+x.Asset+"/"+x.Fund, standRow{x.Posted, rec.Time})
		}
	}
	return nil
}

// joined reports whether a site delivers here at all.
func (r *router) joined(site string) bool {
	for _, n := range r.p.h.Nodes() {
		if n.Site == site {
			return true
		}
	}
	return site == r.p.n.keys.trust.Site()
}

// queue has a note wait for the site it is for. Where too many do already, or a restored site first needs others, the
// note is looked for again later.
func (b *routed) queue(to *way, from string, rec edge.Record, c across.Carried, before edge.Pos) {
	if _, later := to.scans[from]; later || to.recover != nil && !to.recover.Echoed {
		return
	}
	if to.queued()+len(b.added[to]) >= maxQueue {
		s := scanRow{before}
		b.put(to.site, moneyScan, from, s)
		to.scans[from] = s
		return
	}
	b.put(to.site, moneyNote, noteKey(from, rec.Pos), noteRow{c.Note, c.Kind})
	b.added[to] = append(b.added[to], from)
}

func noteKey(from string, p edge.Pos) string {
	return fmt.Sprintf("%s/%020d/%020d", from, p.Epoch, p.Seq)
}

// scan looks for notes from one site to another in what was delivered before; a site that recovers gets its own.
func (r *router) scan(ctx context.Context, to *way, from string) error {
	w := r.ways[from]
	if to.queued() >= maxQueue/2 || w == nil || w.source == nil {
		return nil
	}
	b := &routed{r: r, added: map[*way][]string{}}
	s, n, done := to.scans[from], 0, true
	for rec, err := range w.source.Read(ctx, s.After) {
		if gap := (*edge.Gap)(nil); errors.As(err, &gap) {
			s.After = gap.To
			continue
		}
		if err != nil {
			return err
		}
		if store.Before(w.mark.Pos, rec.Pos) {
			break
		}
		if n == maxPass || to.queued()+len(b.added[to]) >= maxQueue {
			done = false
			break
		}
		var c across.Carried
		if n++; across.Carries(rec.Type) && json.Unmarshal(rec.Body, &c) == nil && (c.To == to.site || from == to.site) {
			b.put(to.site, moneyNote, noteKey(from, rec.Pos), noteRow{c.Note, c.Kind})
			b.added[to] = append(b.added[to], from)
		}
		s.After = rec.Pos
	}
	if done {
		b.put(to.site, moneyScan, from, nil)
	} else {
		b.put(to.site, moneyScan, from, s)
	}
	if err := b.keep(ctx); err != nil {
		return err
	}
	if to.scans[from] = s; done {
		delete(to.scans, from)
	}
	return nil
}

// restored begins the recovery of a site whose ledger has begun a new epoch: it gets what it said itself after what it
// knows, then all that others ever told it.
func (r *router) restored(ctx context.Context, w *way, epoch uint64) error {
	forks, err := r.p.store.Forks(ctx, w.source.ID())
	if err != nil {
		return err
	}
	var from edge.Pos
	for _, f := range forks {
		if f.Genesis.Epoch > w.mark.Pos.Epoch {
			from = f.From
			break
		}
	}
	b := &routed{r: r}
	for row, err := range r.p.store.Rows(ctx, w.site, moneyNote, "") {
		if err != nil {
			return err
		}
		b.put(w.site, moneyNote, row.Key, nil)
	}
	for other := range w.scans {
		b.put(w.site, moneyScan, other, nil)
	}
	rec, own := recoveryRow{Epoch: epoch}, scanRow{from}
	b.put(w.site, moneyRecover, "", rec)
	b.put(w.site, moneyScan, w.site, own)
	if err := b.keep(ctx); err != nil {
		return err
	}
	w.recover, w.scans, w.waiting, w.order = &rec, map[string]scanRow{w.site: own}, map[string]int{}, nil
	return nil
}
