package sim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/cluster/raftlog"
	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// Options for New.
type Options struct {
	Nodes     int
	Seed      uint64
	Mux       *edge.Mux
	Log       *slog.Logger                                // default: silent
	LogCap    int                                         // entries of log kept for followers; default 10,000
	Wrap      func(node int, a edge.Applier) edge.Applier // mutants: put between log and site
	WrapLog   func(node int, l edge.Log) edge.Log         // faults and mutants: put between site and log
	Invariant func(edge.View) error
}

// A Cluster is a site whose nodes can be broken.
type Cluster struct {
	Net   *Network
	opt   Options
	nodes []*Node // n1 is at 1; the first is unused
}

// A Node is one node of the site. Its log and its store outlive its crashes.
type Node struct {
	Number int
	ID     edge.NodeID
	c      *Cluster
	mem    *memory
	shelf  *site.Shelf

	mu     sync.Mutex // guards the rest
	skew   time.Duration
	synced uint64 // index at the last Sync: what survives a power cut
	on     *running
}

// A memory is a node's log on a disk that never fails. While shrink is on it claims to be large, so that
// the log is cut short and a node that was away needs a snapshot.
type memory struct {
	*raftlog.Memory
	shrink atomic.Bool
}

// Size implements raftlog.Storage.
func (m *memory) Size() int64 {
	if m.shrink.Load() {
		return 1 << 30
	}
	return 0
}

// running is what a crash ends.
type running struct {
	site   *site.Site
	log    *raftlog.Log
	client *site.Client
	end    *endpoint
	cancel context.CancelFunc
	ctx    context.Context
	wg     sync.WaitGroup
}

// New starts a site, all of whose nodes vote.
func New(o Options) (*Cluster, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Cluster{Net: NewNetwork(rand.New(rand.NewPCG(o.Seed, 1))), opt: o, nodes: make([]*Node, o.Nodes+1)}
	var conf raft.Configuration
	for i := 1; i <= o.Nodes; i++ {
		c.nodes[i] = &Node{Number: i, ID: edge.NodeID{byte(i)}, c: c, mem: &memory{Memory: raftlog.NewMemory()}}
		conf.Servers = append(conf.Servers, raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(c.nodes[i].ID.String()), Address: address(i)})
	}
	for _, n := range c.nodes[1:] {
		if err := n.prepare(conf); err != nil {
			return nil, err
		}
		if err := n.Start(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// prepare gives a node the log every node of the site begins with, and an empty store.
func (n *Node) prepare(conf raft.Configuration) (err error) {
	if n.shelf, err = openShelf(); err != nil {
		return err
	}
	if err := n.mem.SetUint64([]byte("CurrentTerm"), 1); err != nil {
		return err
	}
	return n.mem.StoreLog(&raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(conf)})
}

func openShelf() (*site.Shelf, error) {
	return site.OpenShelf(context.Background(), state.Options{Name: "site", Key: make([]byte, 32), InMemory: true, MemTable: 1 << 20})
}

// Nodes lists all nodes.
func (c *Cluster) Nodes() []*Node { return c.nodes[1:] }

// Node returns node n<i>.
func (c *Cluster) Node(i int) *Node { return c.nodes[i] }

// Start switches a node on that is off.
func (n *Node) Start() error {
	r := &running{end: n.c.Net.endpoint(n.Number)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.client = site.NewClient(n.dial)
	var err error
	r.site, err = site.Open(site.Options{
		Shelf: n.shelf, Mux: n.c.opt.Mux, Site: "sim", Node: n.ID, Forward: r.client, Wall: n.wall,
		Logger: n.logger(), Check: n.c.opt.Invariant, MaxBytes: 16 << 10,
	})
	if err != nil {
		return err
	}
	var a edge.Applier = &syncing{r.site, n}
	if n.c.opt.Wrap != nil {
		a = n.c.opt.Wrap(n.Number, a)
	}
	r.log, err = raftlog.Open(raftlog.Options{
		ID: n.ID, Applier: a, Storage: n.mem, Transport: r.end, Logger: n.logger(), Trailing: n.c.opt.LogCap,
		Timing: raftlog.Timing{Heartbeat: 500 * time.Millisecond, Election: 500 * time.Millisecond, Lease: 250 * time.Millisecond, Commit: 50 * time.Millisecond},
	})
	if err != nil {
		return err
	}
	n.wire(r)
	n.mu.Lock()
	n.on = r
	n.mu.Unlock()
	return nil
}

// wire connects site and log and starts both.
func (n *Node) wire(r *running) {
	var l edge.Log = r.log
	if n.c.opt.WrapLog != nil {
		l = n.c.opt.WrapLog(n.Number, l)
	}
	r.site.SetLog(l, func() (edge.NodeID, bool) {
		at := r.log.Leadership()
		if at.Self && !at.Ready {
			return edge.NodeID{}, false
		}
		return at.Leader, at.Self
	})
	changes, cancel := r.log.Subscribe()
	r.wg.Go(func() {
		for range changes {
			r.site.LeaderChanged()
		}
	})
	r.wg.Go(func() { r.site.Run(r.ctx) })
	r.wg.Go(func() { defer cancel(); r.log.Run(r.ctx) })
}

func (n *Node) logger() *slog.Logger { return n.c.opt.Log.With("node", n.Number) }

func (n *Node) wall() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Now().Add(n.skew)
}

// dial connects to another node of the site.
func (n *Node) dial(_ context.Context, to edge.NodeID) (net.Conn, error) {
	peer := n.c.nodes[to[0]]
	r := peer.running()
	if r == nil || !n.c.Net.pass(n.Number, peer.Number) || !n.c.Net.pass(peer.Number, n.Number) {
		return nil, io.ErrUnexpectedEOF
	}
	near, far := n.c.Net.connect(n.Number, peer.Number)
	r.wg.Go(func() { r.site.Serve(r.ctx, far, n.ID) })
	return near, nil
}

func (n *Node) running() *running {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.on
}

// Site is the node's site, nil while it is off.
func (n *Node) Site() *site.Site {
	if r := n.running(); r != nil {
		return r.site
	}
	return nil
}

// Err is why the node's log has stopped, nil while it has not.
func (n *Node) Err() error {
	if r := n.running(); r != nil {
		return r.log.Err()
	}
	return nil
}

// Leads reports whether the node believes to lead.
func (n *Node) Leads() bool {
	r := n.running()
	return r != nil && r.log.Leadership().Self
}

// Transfer hands leadership from this node to another.
func (n *Node) Transfer(ctx context.Context, to *Node) error {
	if r := n.running(); r != nil {
		return r.log.Transfer(ctx, to.ID)
	}
	return nil
}

// Skew sets how far the node's clock is off.
func (n *Node) Skew(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.skew = d
}

// Crash switches a node off at once: the network loses it first, so that nothing it does while its parts
// end is seen by anybody.
func (n *Node) Crash() error {
	n.mu.Lock()
	r := n.on
	n.on = nil
	n.mu.Unlock()
	if r == nil {
		return nil
	}
	r.end.Close()
	r.client.Close()
	r.cancel()
	r.wg.Wait()
	return r.log.Close()
}

// PowerCut is Crash, and what the store had not synced is lost.
func (n *Node) PowerCut() error {
	if err := n.Crash(); err != nil {
		return err
	}
	n.mu.Lock()
	at := n.synced
	n.mu.Unlock()
	old := n.shelf
	defer old.Close()
	fresh, err := openShelf()
	if err != nil {
		return err
	}
	n.shelf = fresh
	if at == 0 {
		return nil
	}
	var b bytes.Buffer
	if err := old.WriteAt(&b, at); err != nil {
		return fmt.Errorf("what was synced at %d is not there: %w", at, err)
	}
	return fresh.Fill(&b)
}

// syncing notes up to where a node's store would survive a power cut.
type syncing struct {
	*site.Site
	n *Node
}

func (s *syncing) Sync() error {
	at := s.Applied()
	if err := s.Site.Sync(); err != nil {
		return err
	}
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	s.n.synced = max(s.n.synced, at)
	return nil
}

// Restore replaces the state by one that is synced.
func (s *syncing) Restore(r io.Reader) error {
	if err := s.Site.Restore(r); err != nil {
		return err
	}
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	s.n.synced = s.Applied()
	return nil
}

// Close switches all nodes off, for good.
func (c *Cluster) Close() error {
	c.Net.Heal()
	var first error
	for _, n := range c.Nodes() {
		if err := n.Crash(); err != nil && first == nil {
			first = err
		}
		if err := n.shelf.Close(); err != nil && first == nil {
			first = err
		}
	}
	c.Net.under.Wait()
	return first
}
