package node

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/cluster/gossip"
	"github.com/aielon/edge/cluster/raftlog"
	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/hardware/device"
	"github.com/aielon/edge/hardware/host"
	"github.com/aielon/edge/hardware/mqtt"
	"github.com/aielon/edge/hardware/registry"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/node/policy"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/node/telemetry"
	"github.com/aielon/edge/services/wallet"
	"github.com/aielon/edge/sync/join"
)

// SocketName is the file in the data directory over which the command line reaches a running node.
const SocketName = "control.sock"

// stopTime is how long parts may take to end before Close gives up waiting for them.
const stopTime = 15 * time.Second

// Options are what does not stand in the configuration.
type Options struct {
	Logger  *slog.Logger
	Version string
}

// A Node is one running aielon-edge. New opens everything that can fail, Run serves, Close gives all
// back, in the reverse order of New.
type Node struct {
	cfg     Config
	log     *slog.Logger
	version string
	started time.Time

	keys *keys
	link *linkFile

	readings   *state.Store
	journals   *journal.Set
	marks      *journal.Marks
	blobs      *blobs
	shelf      *site.Shelf
	site       *site.Site
	rolled     atomic.Pointer[rollList] // who belongs to the site; see roll.Member
	raft       *raftlog.Log
	client     *site.Client
	port       *port
	joins      *join.Server
	renewer    *join.Renewer
	succession *join.Succession
	doubted    atomic.Int64 // when the time was last asked for because of a peer's certificate, in Unix nanoseconds
	gossip     *gossip.Gossip

	intake  *intake
	broker  *mqtt.Broker
	bridges []*mqtt.Bridge
	sampler *host.Sampler
	up      *uplinkPart
	linked  atomic.Bool // the uplink was connected when it last said so
	hub     *hubPart    // nil unless this node is a hub

	policies   *policy.Live
	wallet     *wallet.Service
	words      translator
	doors      *doorkeeper
	registered *registry.Authenticator // finds devices by what they show
	front      *front
	figures    *telemetry.Figures
	outgoing   *telemetry.Outgoing
	traces     *telemetry.Tracer // nil where nobody collects them
	linkTrace  linkTrace
	attendant  attendant
	doorListen net.Listener
	doorAddr   net.Addr
	socket     *gateway.Socket
	backing    atomic.Bool // a backup is being made on this disk

	trail    *trail
	finder   *finder
	hooks    *hooks
	desired  *twin
	sup      *supervisor
	recent   recent
	nothing  nothingOwed    // by the accounts of what is gone
	restored string         // why the site's journals must begin a new epoch; empty mostly
	forkDue  atomic.Bool    // they have not begun it yet and are not to be delivered
	closes   []func() error // in the order of opening

	mu       sync.Mutex // guards ready
	ready    error
	knocked  error     // guarded by mu; why the site does not take this restored node back
	audited  time.Time // guarded by mu
	auditErr error     // guarded by mu
}

// New opens a node. It fails with the kind of what could not be opened, and leaves nothing open then.
func New(ctx context.Context, cfg Config, o Options) (_ *Node, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	log := telemetry.Logger(o.Logger)
	n := &Node{cfg: cfg, log: log, version: o.Version, started: time.Now(), sup: newSupervisor(log), wallet: wallet.New(), words: newTranslator()}
	n.ready = edge.E(edge.Unavailable, "the node is starting")
	if n.policies, err = policy.NewLive(); err != nil {
		return nil, err
	}
	n.doors = newDoorkeeper(n)
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	for _, open := range []func(context.Context) error{
		n.lock, n.openKeys, n.openReadings, n.openTrail, n.openBlobs, n.openSite, n.openRaft, n.openSiteTrail, n.openJoin, n.openGossip, n.openHub, n.openThings, n.openSearch, n.openHooks, n.openUplink, n.openDoor, n.openFront,
	} {
		if err := open(ctx); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// onClose remembers what to give back.
func (n *Node) onClose(f func() error) { n.closes = append(n.closes, f) }

// lock makes sure that no second process works on the data directory.
func (n *Node) lock(context.Context) error {
	if err := os.MkdirAll(n.cfg.DataDir, 0o700); err != nil {
		return edge.E(edge.Invalid, "the data directory cannot be made: %w", err).WithHint("run as a user who may write there, or choose another data_dir")
	}
	unlock, err := lockDir(n.cfg.DataDir)
	if err != nil {
		return err
	}
	n.onClose(unlock)
	return nil
}

func (n *Node) openKeys(context.Context) (err error) {
	if n.keys, err = openKeys(n.cfg, roll{n}.Known); err != nil {
		return err
	}
	n.openRenewal()
	n.link, err = openLink(n.keys)
	return err
}

func (n *Node) openReadings(ctx context.Context) (err error) {
	n.readings, err = state.Open(ctx, n.storeOptions("readings", "readings"))
	if err != nil {
		return err
	}
	n.onClose(n.readings.Close)
	o := journal.Default()
	o.Family, o.Origin, o.Disk, o.Logger = "readings", n.keys.id.ID(), int64(n.cfg.Storage.Readings), n.part("journal")
	tb := o.Budgets[edge.Telemetry]
	tb.Keep = time.Duration(n.cfg.Storage.Keep)
	o.Budgets[edge.Telemetry] = tb
	if n.hasHub() || n.cfg.Role == "hub" {
		o.Required = []string{uplinkFollower}
	}
	if n.journals, err = journal.OpenSet(n.readings, o); err != nil {
		return err
	}
	n.onClose(n.journals.Close)
	if n.marks, err = journal.OpenMarks(n.readings, n.part("marks")); err != nil {
		return err
	}
	n.onClose(n.marks.Close)
	return n.forkAfterRestore(ctx)
}

// storeOptions names the store, its directory and the key that is its own.
func (n *Node) storeOptions(name, dir string) state.Options {
	return state.Options{Dir: filepath.Join(n.cfg.DataDir, dir), Name: name, Key: n.keys.derive("store/" + name),
		Reserve: int64(n.cfg.Storage.Reserve), MinFree: int64(n.cfg.Storage.MinFree), Logger: n.part("store")}
}

func (n *Node) part(name string) *slog.Logger { return n.log.With("part", name) }

func (n *Node) hasHub() bool { return len(n.link.get().Hubs)+len(n.cfg.Uplink.Hubs) > 0 }

func (n *Node) openThings(context.Context) (err error) {
	n.desired = openTwin(n.readings, settings{HostEvery: n.cfg.Host.Every})
	n.desired.may = func() error { return n.doors.hub("sync.push") }
	n.desired.budgets = func() { n.up.restart() }
	n.intake = &intake{journals: n.journals, decoder: device.New(device.Options{})}
	if n.sampler, err = host.New(host.Options{DataDir: n.cfg.DataDir}); err != nil {
		return err
	}
	if err := n.openBroker(); err != nil {
		return err
	}
	for _, b := range n.cfg.Bridges {
		bridge, err := n.openBridge(b)
		if err != nil {
			return err
		}
		n.bridges = append(n.bridges, bridge)
	}
	return nil
}

// Run serves until ctx ends or a part fails whose failure leaves state unknown.
func (n *Node) Run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	base, stopBase := context.WithCancel(context.WithoutCancel(ctx)) // what the others stand on ends last
	defer stopBase()

	under := newSupervisor(n.log)
	for _, p := range n.foundation() {
		under.vital(base, p, fail)
	}
	for _, p := range n.services() {
		n.sup.restart(ctx, p)
	}
	n.watchStores(ctx, fail)
	n.announce(ctx)

	<-ctx.Done()
	n.setReady(edge.E(edge.Unavailable, "the node is stopping"))
	waitFor(&n.sup.wg)
	stopBase()
	waitFor(&under.wg)
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// foundation is what the site's state stands on. If one of these ends, so does the node.
func (n *Node) foundation() []edge.Part {
	return []edge.Part{partFunc{"cluster port", n.port.run}, n.raft, n.site}
}

// services are the parts that may fail alone and are started again.
func (n *Node) services() []edge.Part {
	parts := []edge.Part{n.front.server, n.socket, partFunc{"identity", n.front.people.Run}, partFunc{"oauth", n.front.oauth.Run}, n.broker, n.up, n.renewer, n.succession,
		partFunc{"join", func(ctx context.Context) error { return n.serveJoin(ctx) }},
		partFunc{"site requests", n.serveSite},
		partFunc{"leader", n.followLeader},
		partFunc{"return", n.comeBack},
		partFunc{"members", n.keepMembers},
		partFunc{"wallet", n.keepMoney},
		partFunc{"payments", n.askProcessors},
		partFunc{"housekeeping", n.keepHouse},
		partFunc{"attention", n.attend},
		partFunc{"policies", n.followPolicies},
		partFunc{"refusals", n.doors.run},
		partFunc{"device rights", n.followDevices},
		partFunc{"device certificates", n.followTrust},
		partFunc{"host", n.sampleHost},
		partFunc{"newest", n.followRecent}}
	parts = append(parts, n.trail.parts(n)...)
	if n.traces != nil {
		parts = append(parts, n.traces)
	}
	parts = append(append(parts, n.finder.parts()...), n.hooks)
	for _, b := range n.bridges {
		parts = append(parts, b)
	}
	if n.gossip != nil {
		parts = append(parts, n.gossip)
	}
	if n.hub != nil {
		parts = append(parts, n.hub.parts()...)
	}
	return parts
}

// watchStores ends the node when a store cannot say any more what is on its disk.
func (n *Node) watchStores(ctx context.Context, fail context.CancelCauseFunc) {
	for _, s := range n.stores() {
		n.sup.wg.Go(func() {
			select {
			case err := <-s.Failed():
				fail(err)
			case <-ctx.Done():
			}
		})
	}
}

func (n *Node) stores() []*state.Store {
	list := []*state.Store{n.readings, n.shelf.Store()}
	if n.hub != nil && n.hub.badger != nil {
		list = append(list, n.hub.badger)
	}
	return list
}

func waitFor(wg *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(stopTime):
	}
}

// Close gives back everything New opened. It is safe after a failed New and after Run.
func (n *Node) Close() error {
	var first error
	for i := len(n.closes) - 1; i >= 0; i-- {
		if err := n.closes[i](); err != nil && first == nil {
			first = err
		}
	}
	n.closes = nil
	return first
}
