package webhook

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Options say what a dispatcher works with. Store, View, Journals, Propose and Origin are required.
type Options struct {
	Store    Store
	View     func() (edge.View, func())                         // the newest state of the site, and what closes it
	Journals []edge.Journal                                     // of the site
	Propose  func(ctx context.Context, op string, in any) error // gets a command of this node decided
	Origin   string                                             // of the journals, "site:clinic"; part of every webhook-id
	Settle   time.Duration                                      // between two tellings of how far it is, default 10 s

	MaxMessages int               // that wait for one endpoint; default MaxMessages
	MaxBytes    int               // of them; default MaxBytes
	Roots       *x509.CertPool    // whom to trust in TLS; default the system's
	Resolver    *net.Resolver     // of names; default the system's
	Transport   http.RoundTripper // tests: in place of the network
	Now         func() time.Time  // default time.Now
	Watch       Watcher           // default: nobody
	Logger      *slog.Logger
}

// A Watcher is told of the calls that go out. It is called by many at once, and does not wait.
type Watcher interface {
	// Begin is told of a call, to whose headers it may add. end is told once what it came to: ok; refused, by an answer;
	// failed, without one that counts; stopped, by us.
	Begin(ctx context.Context, h http.Header) (_ context.Context, end func(result string))
	// Retry is told of a further try, or that there is none now because there were too many.
	Retry(made bool)
}

type nobody struct{}

func (nobody) Begin(ctx context.Context, _ http.Header) (context.Context, func(string)) {
	return ctx, func(string) {}
}
func (nobody) Retry(bool) {}

// A Dispatcher delivers while Run runs, which is while this node leads its site.
type Dispatcher struct {
	o       Options
	log     *slog.Logger
	public  http.RoundTripper
	private http.RoundTripper
	settle  chan struct{}

	mu      sync.Mutex // guards what follows
	running bool
	targets map[string]*target
	changed chan struct{} // closed when the set of endpoints has changed
	err     error         // of the last round, nil once it went well
}

// New returns a dispatcher that does nothing yet.
func New(o Options) (*Dispatcher, error) {
	if o.Store == nil || o.View == nil || o.Propose == nil || o.Origin == "" {
		return nil, edge.E(edge.Invalid, "webhooks need a store, a site and its name")
	}
	if o.Settle <= 0 {
		o.Settle = 10 * time.Second
	}
	if o.MaxMessages <= 0 {
		o.MaxMessages = MaxMessages
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = MaxBytes
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Watch == nil {
		o.Watch = nobody{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Dispatcher{o: o, log: o.Logger, settle: make(chan struct{}, 1), targets: map[string]*target{}, changed: make(chan struct{})}
	d.public, d.private = o.Transport, o.Transport
	if o.Transport == nil {
		d.public, d.private = newTransport(false, o.Roots, o.Resolver), newTransport(true, o.Roots, o.Resolver)
	}
	return d, nil
}

// Name implements edge.Part.
func (d *Dispatcher) Name() string { return "webhooks" }

func (d *Dispatcher) now() time.Time { return d.o.Now() }

// Run delivers until ctx ends, and returns nil then. Call it when this node has come to lead, and end ctx when it
// leads no more; it may be called again.
func (d *Dispatcher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.setRunning(true)
	defer d.setRunning(false)
	var all sync.WaitGroup
	for !d.begin(ctx, &all) {
		if !d.pause(ctx) {
			return nil
		}
	}
	for _, j := range d.o.Journals {
		all.Go(func() { d.feed(ctx, j, &all) })
	}
	t, look := time.NewTicker(d.o.Settle), time.NewTicker(min(lookEvery, d.o.Settle))
	defer t.Stop()
	defer look.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-look.C:
			d.note(d.refresh(ctx, &all))
		case <-t.C:
			d.tell(ctx, &all)
		case <-d.settle:
			d.tell(ctx, &all)
		}
	}
	all.Wait()
	d.mu.Lock()
	clear(d.targets)
	d.mu.Unlock()
	for _, rt := range []http.RoundTripper{d.public, d.private} {
		if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
			c.CloseIdleConnections()
		}
	}
	return nil
}

// lookEvery is how soon a new endpoint is seen at the latest while there is no other.
const lookEvery = 2 * time.Second

func (d *Dispatcher) setRunning(is bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running = is
}

// begin reads the endpoints and what this node has left of earlier times.
func (d *Dispatcher) begin(ctx context.Context, all *sync.WaitGroup) bool {
	err := d.refresh(ctx, all)
	if err == nil {
		err = d.sweep(ctx)
	}
	d.note(err)
	return err == nil
}

func (d *Dispatcher) note(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil && d.err == nil {
		d.log.Warn("webhooks are held up and will go on by themselves", "error", err)
	}
	d.err = err
}

// retryPause is between two tries at something of our own that failed.
const retryPause = time.Second

func (d *Dispatcher) pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(retryPause):
		return true
	}
}

// sweep removes what is left of endpoints that are no more.
func (d *Dispatcher) sweep(ctx context.Context) error {
	ids, err := known(d.o.Store)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if d.target(id) == nil {
			if err := clearQueue(ctx, d.o.Store, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Dispatcher) target(id string) *target {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.targets[id]
}

func (d *Dispatcher) all() []*target {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Values(d.targets))
}

// refresh brings the targets to what the site's state says now.
func (d *Dispatcher) refresh(ctx context.Context, all *sync.WaitGroup) error {
	v, done := d.o.View()
	defer done()
	eps, err := endpoints(v)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	changed := false
	seen := map[string]bool{}
	for _, e := range eps {
		seen[e.ID] = true
		t, ok := d.targets[e.ID]
		if ok {
			was := t.endpoint().Disabled != ""
			t.setEndpoint(e)
			changed = changed || was != (e.Disabled != "")
			continue
		}
		told, err := marksOf(v, e.ID)
		if err != nil {
			return err
		}
		if t, err = d.newTarget(e, told); err != nil {
			return err
		}
		run, stop := context.WithCancel(ctx)
		t.stop = stop
		d.targets[e.ID] = t
		all.Go(func() { t.run(run) })
		changed = true
	}
	for id, t := range d.targets {
		if !seen[id] {
			t.stop()
			delete(d.targets, id)
			changed = true
		}
	}
	if changed {
		close(d.changed)
		d.changed = make(chan struct{})
	}
	return nil
}

func (d *Dispatcher) changes() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// page is how many records are read before they are queued.
const page = 256

// feed queues the records of one journal for all endpoints, from where the last of them is.
func (d *Dispatcher) feed(ctx context.Context, j edge.Journal, all *sync.WaitGroup) {
	var at edge.Pos
	for ctx.Err() == nil {
		changed := d.changes() // before looking, so that nothing is missed
		if len(d.enabled()) == 0 {
			d.waitChange(ctx, changed)
			continue
		}
		at = d.from(j.Stream(), at)
		next, n, err := d.turn(ctx, j, at, all)
		switch {
		case ctx.Err() != nil:
		case edge.IsKind(err, edge.Conflict) && d.backToMarks(j.Stream()):
			next = edge.Pos{}
		case err != nil:
			d.note(edge.E(edge.KindOf(err), "the journal %s cannot be followed for webhooks: %w", j.Stream(), err))
			d.pause(ctx)
		case n == 0:
			d.note(nil)
			d.wait(ctx, j, at, changed)
		}
		at = next
	}
}

func (d *Dispatcher) enabled() (list []*target) {
	for _, t := range d.all() {
		if t.endpoint().Disabled == "" {
			list = append(list, t)
		}
	}
	return list
}

// from is where to read on: where the endpoint is that is farthest behind. One that has no place yet is new, and
// begins where the reader is.
func (d *Dispatcher) from(stream string, at edge.Pos) edge.Pos {
	first := true
	least := at
	for _, t := range d.enabled() {
		p := t.at(stream)
		if p.IsZero() && !at.IsZero() {
			p = at
		}
		if first || before(p, least) {
			least, first = p, false
		}
	}
	return least
}

// turn reads one page and queues it. Endpoints are looked up after the records were read, so that whoever was there
// when a record was made is known.
func (d *Dispatcher) turn(ctx context.Context, j edge.Journal, at edge.Pos, all *sync.WaitGroup) (next edge.Pos, n int, err error) {
	var items []item
	var gap *edge.Gap
	next = at
	for r, err := range j.Read(ctx, at) {
		if g, ok := errors.AsType[*edge.Gap](err); ok {
			gap = g
			break
		}
		if err != nil {
			return at, 0, err
		}
		items = append(items, item{next, r})
		if next = r.Pos; len(items) >= page {
			break
		}
	}
	if len(items) == 0 && gap == nil {
		return at, 0, nil
	}
	if err := d.refresh(ctx, all); err != nil {
		return at, 0, err
	}
	for _, t := range d.enabled() {
		if len(items) > 0 {
			if err := t.enqueue(j.Stream(), items, d.now()); err != nil {
				return at, 0, err
			}
		}
		if gap != nil {
			t.missed(j.Stream(), gap)
		}
	}
	if gap != nil {
		next = gap.To
	}
	return next, len(items) + 1, nil
}

// backToMarks is for a journal that has another history than this node has queued, after a restore: what the site
// itself says of how far it was delivered fits. It reports whether that is news.
func (d *Dispatcher) backToMarks(stream string) (moved bool) {
	for _, t := range d.all() {
		t.mu.Lock()
		if t.pos[stream] != t.told[stream] {
			t.pos[stream], moved = t.told[stream], true
		}
		t.mu.Unlock()
	}
	return moved
}

// wait returns when the journal has more, or the endpoints have changed.
func (d *Dispatcher) wait(ctx context.Context, j edge.Journal, at edge.Pos, changed <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var w sync.WaitGroup
	w.Go(func() {
		defer cancel()
		if err := j.Wait(ctx, at); err != nil && ctx.Err() == nil {
			d.pause(ctx)
		}
	})
	d.waitChange(ctx, changed)
	cancel()
	w.Wait()
}

func (d *Dispatcher) waitChange(ctx context.Context, changed <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-changed:
	}
}

var (
	_ edge.Part     = (*Dispatcher)(nil)
	_ edge.Reporter = (*Dispatcher)(nil)
)
