package node

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/node/telemetry"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/wire"
)

// An uplinkPart is the uplink of a node that may join a hub, or another one, while it runs.
type uplinkPart struct {
	make func(context.Context) (*uplink.Uplink, error) // nil uplink: there is no hub yet
	log  *slog.Logger

	mu    sync.Mutex // guards cur, again
	cur   *uplink.Uplink
	again chan struct{} // closed to make Run start over
}

func (n *Node) openUplink(context.Context) error {
	n.up = &uplinkPart{make: n.makeUplink, log: n.part("uplink"), again: make(chan struct{})}
	n.intake.urgent = n.up.kick
	return nil
}

// Name implements edge.Part.
func (p *uplinkPart) Name() string { return "uplink" }

// Run keeps an uplink to whatever hub is known.
func (p *uplinkPart) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		p.mu.Lock()
		again := p.again
		p.mu.Unlock()
		if err := p.session(ctx, again); err != nil {
			return err
		}
	}
	return nil
}

func (p *uplinkPart) session(ctx context.Context, again <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	u, err := p.make(ctx)
	if err != nil {
		return err
	}
	p.set(u)
	defer p.set(nil)
	if u == nil {
		select {
		case <-ctx.Done():
		case <-again:
		}
		return nil
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-again:
			cancel()
		case <-stop:
		}
	}()
	return u.Run(ctx)
}

func (p *uplinkPart) set(u *uplink.Uplink) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cur = u
}

func (p *uplinkPart) get() *uplink.Uplink {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cur
}

// kick tells the uplink that there is something new to deliver. It never blocks.
func (p *uplinkPart) kick() {
	if u := p.get(); u != nil {
		u.Kick()
	}
}

// restart makes the uplink start over with what is known now.
func (p *uplinkPart) restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.again)
	p.again = make(chan struct{})
}

func (n *Node) makeUplink(ctx context.Context) (*uplink.Uplink, error) {
	cfg := n.uplinkConfig()
	hubs := append(append([]string{}, cfg.Hubs...), n.link.get().Hubs...)
	if n.link.get().Held || len(hubs) == 0 || len(n.keys.trust.Roots(pki.RootAbove)) == 0 {
		return nil, nil
	}
	if err := n.sendRest(ctx); err != nil {
		return nil, err
	}
	return uplink.New(uplink.Options{
		Hubs: hubs[:min(len(hubs), 16)], Node: n.keys.id.ID(), Build: n.version, Hub: n.cfg.Role == "hub",
		TLS:     func(string) (*tls.Config, error) { return n.keys.end.ClientConfig(pki.ProtoSync, edge.NodeID{}), nil },
		Sources: n.sources, Clock: n.clock, Profile: profiles[cfg.Profile], Budget: cfg.budget(),
		Keeper: &keeper{n.readings, []byte("uplink/keeper")},
		Calls:  uplink.Callbacks{Doubt: n.doubt, Poisoned: n.poisoned, Time: n.tellTime, Changed: n.linkChanged},
		Twin:   n.desired, Command: &orders{n: n, s: n.readings}, Verify: n.verifyHub, Objects: n.blobs, Backlog: n.backlog, Logger: n.part("uplink"),
	})
}

var profiles = map[string]uplink.Profile{"normal": uplink.Normal, "metered": uplink.Metered, "full": uplink.Full}

func (n *Node) clock() (time.Time, edge.Confidence) {
	c := edge.Plausible
	if n.keys.trust.Behind() {
		c = edge.Implausible
	}
	return n.keys.trust.Now(), c
}

func (c UplinkConfig) budget() uplink.Budget {
	b := uplink.Budget{Day: uint64(c.DayBudget), Month: uint64(c.MonthBudget)}
	if w := c.BulkWindow; w != "" {
		b.Windows = map[edge.Urgency][]uplink.Window{edge.Bulk: {{From: clockTime(w[:5]), To: clockTime(w[6:])}}}
	}
	return b
}

func clockTime(s string) time.Duration {
	t, _ := time.Parse("15:04", s) // Validate has checked it
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

// doubt begins a new epoch where the hub has records that this node does not.
func (n *Node) doubt(ctx context.Context, id wire.StreamID, hub edge.Pos) error {
	const why = "the hub has records that this node has not"
	n.log.Warn("a stream begins a new epoch", "stream", id.Name, "reason", why, "hub", hub)
	if id.Origin == n.keys.id.ID().String() {
		return n.doubtOwn(ctx, id, hub, why)
	}
	if id.Origin == site.Origin(n.keys.trust.Site()) {
		if err := n.apartSite(ctx, id, hub); err != nil {
			return err
		}
		return n.site.NewEpoch(ctx, why)
	}
	return edge.E(edge.Conflict, "the hub above has more of %s than this hub", id.Origin).WithHint("restore this hub from its newest backup, or let the hub above forget the stream")
}

// doubtOwn begins a new epoch of this node's own journals. What the hub cannot have under the numbers it has
// here is told, and written once more.
func (n *Node) doubtOwn(ctx context.Context, id wire.StreamID, hub edge.Pos, why string) error {
	j, note := n.parted(id, hub)
	if note == nil {
		return n.journals.NewEpoch(ctx, why)
	}
	if mark, head := j.Mark(uplinkFollower), j.Head(); mark.Epoch == head.Epoch || mark.IsZero() {
		if err := n.setApart(ctx, id.Name, span{Epoch: head.Epoch, From: mark.Seq, To: head.Seq}); err != nil {
			return err
		}
	}
	if err := n.journals.NewEpoch(ctx, why); err != nil {
		return err
	}
	if _, err := n.journals.Append(ctx, *note); err != nil {
		return err
	}
	return n.sendAgain(ctx, j)
}

// apartSite books what the hub cannot have of a journal of the site. It is not written once more: what moves
// money may be in it.
func (n *Node) apartSite(ctx context.Context, id wire.StreamID, hub edge.Pos) error {
	for _, u := range edge.Urgencies() {
		if site.Stream(u) != id.Name {
			continue
		}
		j := n.marks.Source(n.siteJournal(u))
		mark, head := j.Mark(uplinkFollower), j.Head()
		if hub.Epoch == head.Epoch && hub.Seq <= head.Seq && mark.Epoch == head.Epoch && mark.Seq < head.Seq {
			return n.setApart(ctx, id.Name, span{Epoch: head.Epoch, From: mark.Seq, To: head.Seq})
		}
	}
	return nil
}

// parted describes what cannot be delivered where hub and node have different records under the same
// numbers: the disk forgot what it had confirmed, or a copy of this node runs elsewhere.
func (n *Node) parted(id wire.StreamID, hub edge.Pos) (*journal.Journal, *edge.Event) {
	for _, j := range n.journals.Journals() {
		head := j.Head()
		if j.Stream() != id.Name || hub.Epoch != head.Epoch || hub.Seq > head.Seq {
			continue
		}
		body, _ := json.Marshal(struct { // plain fields always encode
			Stream  string `json:"stream"`
			Hub     string `json:"hub"`
			Here    string `json:"here"`
			After   string `json:"after"`
			Records uint64 `json:"records"`
		}{id.Name, hub.String(), head.String(), j.Mark(uplinkFollower).String(), j.Counts(uplinkFollower).Waiting})
		return j, &edge.Event{Type: TypeParted, Subject: id.Name, Class: edge.SiteOnly, Urgency: edge.Ledger, Body: body}
	}
	return nil, nil
}

// TypeParted is the event type of records that the hub cannot take because it has others in their place.
const TypeParted = "sync.parted"

// poisoned keeps a record that the hub cannot take where a person can find it.
func (n *Node) poisoned(ctx context.Context, id wire.StreamID, r edge.Record, reason string) error {
	body, err := json.Marshal(struct {
		Stream, Pos, Reason, Type string
	}{id.Name, r.Pos.String(), reason, r.Type})
	if err != nil {
		return edge.E(edge.Internal, "a refusal cannot be noted: %w", err)
	}
	_, err = n.journals.Append(ctx, edge.Event{Type: "sync.refused", Subject: r.Subject, Class: edge.SiteOnly, Urgency: edge.Ledger, Body: body})
	return err
}

// linkChanged lets what waits for a hub try again as soon as there is one.
func (n *Node) linkChanged() {
	u := n.up.get()
	up := u != nil && u.Connected()
	n.linkTrace.set(n.traces, up)
	if n.linked.Swap(up) != up && up {
		n.renewer.Wake()
		n.succession.Wake()
	}
}

// tellTime takes the hub's word for the time where it is good to a few seconds. ahead is measured by the
// clock the uplink has from us, which is not the system's where that is wrong.
func (n *Node) tellTime(ahead, uncertainty time.Duration) {
	if uncertainty > 5*time.Second {
		return
	}
	now, _ := n.clock()
	if err := n.keys.trust.TellTime(now.Add(ahead)); err != nil {
		n.log.Warn("the hub's time cannot be kept", "error", err)
	}
}

// verifyHub checks a signature by the key of the region this site has joined.
func (n *Node) verifyHub(message, signature []byte) error {
	err := error(edge.E(edge.Denied, "this site is in no region"))
	for _, root := range n.keys.trust.Roots(pki.RootAbove) {
		if err = uplink.VerifyWith(root.PublicKey)(message, signature); err == nil {
			return nil
		}
	}
	return err
}

// A keeper keeps one small value in the readings store.
type keeper struct {
	s   *state.Store
	key []byte
}

// Load implements uplink.Keeper.
func (k *keeper) Load(context.Context) ([]byte, error) {
	v := k.s.View()
	defer v.Close()
	b, err := v.Get(k.key)
	if edge.IsKind(err, edge.NotFound) {
		return nil, nil
	}
	return b, err
}

// Save implements uplink.Keeper.
func (k *keeper) Save(ctx context.Context, b []byte) error {
	return k.s.Commit(ctx, func(out *state.Batch) { out.Set(k.key, b) })
}

// A linkTrace is the span of the session with the hub.
type linkTrace struct {
	mu  sync.Mutex // guards end
	end func()     // nil while there is no session
}

func (l *linkTrace) set(t *telemetry.Tracer, up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case up && l.end == nil:
		l.end = t.Begin(context.Background(), "uplink session")
	case !up && l.end != nil:
		l.end()
		l.end = nil
	}
}
