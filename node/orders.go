package node

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/sync/wire"
)

// orders runs what the hub asks for, each once, and remembers that in the readings store.
type orders struct {
	n *Node
	s *state.Store
}

const orderPrefix = "order/"

// An orderRow is one command: noted before it runs, with its result after.
type orderRow struct {
	Expires time.Time
	Result  *wire.CmdResult
}

// Begin implements uplink.Commands.
func (o *orders) Begin(ctx context.Context, id edge.ID, expires time.Time) (*wire.CmdResult, bool, error) {
	key := []byte(orderPrefix + id.String())
	v := o.s.View()
	row, found, err := load[orderRow](v, key)
	v.Close()
	if err != nil || found {
		return row.Result, false, err
	}
	b, err := json.Marshal(orderRow{Expires: expires})
	if err != nil {
		return nil, false, edge.E(edge.Internal, "a command cannot be noted: %w", err)
	}
	return nil, true, o.s.Commit(ctx, func(out *state.Batch) { out.Set(key, b) })
}

// Finish implements uplink.Commands.
func (o *orders) Finish(ctx context.Context, r wire.CmdResult) error {
	key := []byte(orderPrefix + r.ID.String())
	v := o.s.View()
	row, _, err := load[orderRow](v, key)
	v.Close()
	if err != nil {
		return err
	}
	row.Result = &r
	b, err := json.Marshal(row)
	if err != nil {
		return edge.E(edge.Internal, "a result cannot be kept: %w", err)
	}
	return o.s.Commit(ctx, func(out *state.Batch) { out.Set(key, b) })
}

// What each order is, in the words of the policies: it is decided like anybody's wish for the same.
func orderNeeds() map[string]edge.Permission {
	return map[string]edge.Permission{"sample": "readings.read", "scrub": "node.read", fetchOrder: "sync.push", deliverOrder: "sync.push", "restart-uplink": "sync.pull"}
}

// Run implements uplink.Commands.
func (o *orders) Run(ctx context.Context, c *wire.Cmd) ([]byte, error) {
	if needs, known := orderNeeds()[c.Name]; known {
		if err := o.n.doors.hub(needs); err != nil {
			return nil, err
		}
	}
	switch c.Name {
	case "sample":
		samples, _ := o.n.sampler.Latest()
		r := edge.Reading{Device: "node-" + o.n.keys.id.ID().Short(), Received: o.n.keys.trust.Now(), Samples: samples}
		return r.AppendSenML(nil), nil
	case "scrub":
		res, err := o.n.scrub(ctx)
		if err != nil {
			return nil, err
		}
		return json.Marshal(res)
	case fetchOrder:
		return nil, o.n.fetchBlob(ctx, c.Body)
	case deliverOrder:
		return o.n.deliver(ctx, c.Body)
	case "restart-uplink":
		time.AfterFunc(time.Second, o.n.up.restart) // after the result has gone
		return nil, nil
	}
	return nil, edge.E(edge.Invalid, "this version knows no command %q", c.Name).WithHint("sample, scrub, fetch and restart-uplink are known")
}

// forget drops orders that expired more than a day ago: a replay of them is refused for their age.
func (o *orders) forget(ctx context.Context, now time.Time) error {
	v := o.s.View()
	var gone [][]byte
	for k, b := range v.Scan([]byte(orderPrefix)) {
		var row orderRow
		if json.Unmarshal(b, &row) == nil && now.After(row.Expires.Add(24*time.Hour)) {
			gone = append(gone, k)
		}
	}
	v.Close()
	if len(gone) == 0 {
		return nil
	}
	return o.s.Commit(ctx, func(out *state.Batch) {
		for _, k := range gone {
			out.Delete(k)
		}
	})
}

// settings is the configuration a hub may ask of a node.
type settings struct {
	HostEvery Duration `json:"host_every"` // how often the box is measured; 0: as the node's own file says
	// Budgets of the link. They count where they are smaller than those of the node's file and portal; 0: no wish.
	DayBudget   Bytes `json:"day_budget,omitempty"`
	MonthBudget Bytes `json:"month_budget,omitempty"`
}

// A twin is the configuration in force, as the hub asked for it.
type twin struct {
	s   *state.Store
	own settings // what the node's own file says

	may     func() error // whether the hub may hand over a configuration; nil: it may
	budgets func()       // called a moment after other budgets of the link were asked for; may be nil
	mu      sync.Mutex   // guards what follows
	version uint64
	doc     []byte
	set     settings
	moved   chan struct{} // closed when set changes
}

type twinRow struct {
	Version uint64
	Doc     json.RawMessage
}

var twinKey = []byte("twin")

// openTwin opens the configuration the hub last asked for, with or without a link to it now. One that
// cannot be read counts as none: the hub sends it again.
func openTwin(s *state.Store, own settings) *twin {
	t := &twin{s: s, own: own, moved: make(chan struct{})}
	v := s.View()
	defer v.Close()
	row, found, err := load[twinRow](v, twinKey)
	if err == nil && found {
		set, _ := parseSettings(row.Doc)
		t.put(row.Version, row.Doc, set)
	}
	return t
}

// Current implements uplink.Twin.
func (t *twin) Current() (uint64, []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.version, t.doc
}

// Apply implements uplink.Twin.
func (t *twin) Apply(ctx context.Context, version uint64, doc []byte) error {
	if t.may != nil {
		if err := t.may(); err != nil {
			return err
		}
	}
	set, err := parseSettings(doc)
	if err != nil {
		return err
	}
	b, err := json.Marshal(twinRow{version, doc})
	if err != nil {
		return edge.E(edge.Internal, "the configuration cannot be kept: %w", err)
	}
	if err := t.s.Commit(ctx, func(out *state.Batch) { out.Set(twinKey, b) }); err != nil {
		return err
	}
	old := t.settings()
	t.put(version, doc, set)
	if t.budgets != nil && (old.DayBudget != set.DayBudget || old.MonthBudget != set.MonthBudget) {
		time.AfterFunc(time.Second, t.budgets) // after the report has gone
	}
	return nil
}

// put makes a configuration the one in force.
func (t *twin) put(version uint64, doc []byte, set settings) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version, t.doc, t.set = version, doc, set
	close(t.moved)
	t.moved = make(chan struct{})
}

// changes returns a channel that is closed when another configuration is in force.
func (t *twin) changes() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.moved
}

// settings is what is in force: what the hub asked for, else what the node's own file says.
func (t *twin) settings() settings {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.set
	if s.HostEvery == 0 {
		s.HostEvery = t.own.HostEvery
	}
	return s
}

// InForce implements uplink.TwinReporter.
func (t *twin) InForce() []byte {
	b, _ := json.Marshal(t.settings()) // plain fields always encode
	return b
}

func parseSettings(doc []byte) (s settings, err error) {
	if err := strictly(bytes.NewReader(doc), &s); err != nil {
		return s, edge.E(edge.Invalid, "the configuration cannot be used: %w", err).WithHint(`known: {"host_every": "5m", "day_budget": "20MiB", "month_budget": "500MiB"}`)
	}
	if s.HostEvery != 0 && time.Duration(s.HostEvery) < time.Second {
		return s, edge.E(edge.Invalid, "host_every must be at least 1s")
	}
	return s, nil
}
