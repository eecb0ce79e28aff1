package gossip

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/aielon/edge/node/edge"
)

// Options for Open. Site, Secret, Key and Verify must be given.
type Options struct {
	edge.Redacted

	Site    string        // name of the site; other sites on the same network are not heard
	Secret  []byte        // of the site, 16 bytes or more; keys are derived
	Key     crypto.Signer // of this node, ECDSA
	Role    string
	Version string
	Addrs   map[string]string // of this node's other doors
	// Verify says whether a node that proved its key is a member of the site. It must answer from memory.
	Verify func(Meta) error

	Bind      string                   // "host:port", default ":7946"
	Advertise string                   // "host:port" under which the others reach us, default what Bind says
	Transport memberlist.Transport     // instead of Bind: tests
	Seeds     func() []string          // addresses to join by, asked again whenever this node is alone
	Discover  bool                     // look for nodes of the site on the local network as well
	Peers     int                      // nodes remembered at most, default 64
	tune      func(*memberlist.Config) // tests
	Logger    *slog.Logger
}

// Kind says what happened to a node.
type Kind uint8

// Joined and the others are what can happen.
const (
	Joined Kind = iota + 1
	Updated
	Left // gone, or not answering
)

// An Event is a hint that a node came, went or changed.
type Event struct {
	Kind Kind
	Meta Meta
}

// Gossip is this node's part in the site's gossip.
type Gossip struct {
	edge.Redacted

	o      Options
	list   *memberlist.Memberlist
	guard  *guard
	id     edge.NodeID
	count  counters
	events chan Event
	log    *slog.Logger

	mu    sync.Mutex // guards the fields below
	meta  []byte     // of this node, encoded
	self  Meta
	known map[edge.NodeID]uint64 // highest Seq a node signed, of those that are or were here
	here  map[edge.NodeID]Meta

	once   sync.Once
	closed chan struct{}
}

const (
	seedEvery = 30 * time.Second
	peersMax  = 64
)

// Open joins the gossip of the site; Run looks for the others.
func Open(o Options) (*Gossip, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	g := &Gossip{o: o, log: o.Logger.With("part", "gossip"), events: make(chan Event, 64), known: map[edge.NodeID]uint64{},
		here: map[edge.NodeID]Meta{}, closed: make(chan struct{})}
	key, err := hkdf.Key(sha256.New, o.Secret, []byte(o.Site), "aielon-edge/gossip/1", 32)
	if err != nil {
		return nil, edge.E(edge.Invalid, "the site's secret cannot be used: %w", err)
	}
	transport, host, port, err := g.transport(key)
	if err != nil {
		return nil, err
	}
	g.self = Meta{Role: o.Role, Version: o.Version, Addrs: maps.Clone(o.Addrs), Seq: uint64(time.Now().UnixNano())}
	if g.self.Addrs == nil {
		g.self.Addrs = map[string]string{}
	}
	g.self.Addrs[Self] = net.JoinHostPort(host, strconv.Itoa(port))
	if err := g.sign(); err != nil {
		transport.Shutdown()
		return nil, err
	}
	g.guard = transport
	if g.list, err = memberlist.Create(g.config(transport, key, host, port)); err != nil {
		transport.Shutdown()
		return nil, edge.E(edge.Unavailable, "gossip cannot start: %w", err)
	}
	return g, nil
}

func (o *Options) complete() error {
	switch {
	case o.Site == "" || len(o.Site) > 100:
		return edge.E(edge.Invalid, "gossip needs the name of the site")
	case len(o.Secret) < 16:
		return edge.E(edge.Invalid, "gossip needs a secret of 16 bytes or more")
	case o.Key == nil || o.Verify == nil:
		return edge.E(edge.Invalid, "gossip needs this node's key and a way to tell who is a member")
	}
	if o.Bind == "" {
		o.Bind = ":7946"
	}
	if o.Peers <= 0 {
		o.Peers = peersMax
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// transport opens the network and says where the others reach this node.
func (g *Gossip) transport(key []byte) (t *guard, host string, port int, err error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, "", 0, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, "", 0, err
	}
	inner := g.o.Transport
	if inner == nil {
		if inner, err = openNet(g.o.Bind); err != nil {
			return nil, "", 0, err
		}
	}
	advertised := ""
	if g.o.Advertise != "" {
		if advertised, port, err = splitAddr(g.o.Advertise); err != nil {
			inner.Shutdown()
			return nil, "", 0, err
		}
	}
	ip, port, err := inner.FinalAdvertiseAddr(advertised, port)
	if err != nil {
		inner.Shutdown()
		return nil, "", 0, edge.E(edge.Invalid, "the address others should use for gossip is not known: %w", err).WithHint("set the address to advertise")
	}
	return newGuard(inner, g.label(), aead, &g.count), ip.String(), port, nil
}

func (g *Gossip) label() string { return "aielon/" + g.o.Site }

func openNet(bind string) (memberlist.Transport, error) {
	host, port, err := splitAddr(bind)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "0.0.0.0"
	}
	t, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{BindAddrs: []string{host}, BindPort: port, Logger: log.New(io.Discard, "", 0)})
	if err != nil {
		return nil, edge.E(edge.Unavailable, "gossip cannot listen on %s: %w", bind, err)
	}
	return t, nil
}

func splitAddr(addr string) (string, int, error) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, edge.E(edge.Invalid, "%q is not an address: host:port is expected", addr)
	}
	port, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return "", 0, edge.E(edge.Invalid, "%q is not a port", p)
	}
	return host, int(port), nil
}

func (g *Gossip) config(t memberlist.Transport, key []byte, host string, port int) *memberlist.Config {
	c := memberlist.DefaultLANConfig()
	c.Name, c.Transport, c.SecretKey, c.Label = g.id.String(), t, key, g.label()
	c.AdvertiseAddr, c.AdvertisePort, c.BindPort = host, port, port
	c.ProtocolVersion = memberlist.ProtocolVersionMax
	c.GossipVerifyIncoming, c.GossipVerifyOutgoing, c.EnableCompression = true, true, false
	// A site has a handful of nodes and sleeps most of the time: one small packet a second and node.
	c.GossipInterval, c.ProbeInterval, c.PushPullInterval = time.Second, 2*time.Second, time.Minute
	c.TCPTimeout, c.DeadNodeReclaimTime = streamWait, 10*time.Second
	c.HandoffQueueDepth, c.RequireNodeNames = 256, false
	d := delegate{g}
	c.Delegate, c.Events, c.Alive, c.Merge, c.Conflict = d, d, d, d, d
	c.Logger = log.New(io.Discard, "", 0) // the guard and the delegates count what matters
	if g.o.tune != nil {
		g.o.tune(c)
	}
	return c
}

// sign encodes what this node says about itself. The caller holds g.mu, or is the only one.
func (g *Gossip) sign() error {
	b, err := g.self.Encode(g.o.Key)
	if err != nil {
		return err
	}
	m, err := DecodeMeta(b)
	if err != nil {
		return edge.E(edge.Invalid, "this node's key cannot be used for gossip: %w", err)
	}
	g.meta, g.id, g.self.ID = b, m.ID, m.ID
	return nil
}

// Name is the name of this part of a node.
func (g *Gossip) Name() string { return "gossip" }

// ID is this node's.
func (g *Gossip) ID() edge.NodeID { return g.id }

// Addr is where the others reach this node's gossip.
func (g *Gossip) Addr() string { g.mu.Lock(); defer g.mu.Unlock(); return g.self.Addrs[Self] }

// Events is a channel of hints. It holds 64; what nobody reads in time is counted and dropped, and Peers
// still tells all. It is not closed.
func (g *Gossip) Events() <-chan Event { return g.events }

// Peers lists the other nodes that seem to be there, by id.
func (g *Gossip) Peers() []Meta {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := slices.Collect(maps.Values(g.here))
	slices.SortFunc(out, func(a, b Meta) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return out
}

// Counts say what was dropped.
func (g *Gossip) Counts() Counts { return g.count.read() }

// Update changes what this node says about itself and tells the others. Addrs[Self] stays as it is.
func (g *Gossip) Update(change func(*Meta)) error {
	g.mu.Lock()
	old, self := g.self, g.self.Addrs[Self]
	g.self.Addrs = maps.Clone(g.self.Addrs)
	change(&g.self)
	g.self.Addrs[Self], g.self.Seq = self, max(old.Seq+1, uint64(time.Now().UnixNano()))
	err := g.sign()
	if err != nil {
		g.self = old
	}
	g.mu.Unlock()
	if err != nil {
		return err
	}
	if err := g.list.UpdateNode(time.Second); err != nil {
		g.log.Debug("the change has not been passed on yet", "error", err)
	}
	return nil
}

// Join asks the nodes at these addresses who is there. It returns how many answered.
func (g *Gossip) Join(addrs []string) (int, error) {
	n, err := g.list.Join(addrs)
	if n == 0 && err != nil {
		return 0, edge.E(edge.Unavailable, "no node of the site answered: %w", err)
	}
	return n, nil
}

// Run looks for other nodes while this one is alone, and answers those that look, until ctx ends.
func (g *Gossip) Run(ctx context.Context) error {
	var found <-chan string
	if g.o.Discover {
		finder := newFinder(g.o.Secret, g.o.Site, func() (int, bool) { _, p, err := splitAddr(g.Addr()); return p, err == nil }, func() bool { return len(g.Peers()) == 0 })
		found = finder.found
		done := make(chan struct{})
		go func() { finder.run(ctx); close(done) }()
		defer func() { <-done }()
	}
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-g.closed:
			return nil
		case addr := <-found:
			if addr != g.Addr() && len(g.Peers()) == 0 {
				g.Join([]string{addr}) // a hint: it may come to nothing
			}
		case <-t.C:
			t.Reset(seedEvery)
			if g.o.Seeds != nil && len(g.Peers()) == 0 {
				if seeds := g.o.Seeds(); len(seeds) > 0 {
					g.Join(seeds[:min(len(seeds), peersMax)])
				}
			}
		}
	}
}

// Report says who is there.
func (g *Gossip) Report(context.Context) edge.Health {
	n := len(g.Peers())
	return edge.Health{Msg: fmt.Sprintf("%d other nodes seen", n)}
}

// Close says good-bye to the others, for at most two seconds, and stops.
func (g *Gossip) Close() (err error) {
	g.once.Do(func() {
		close(g.closed)
		if len(g.Peers()) > 0 {
			if err := g.list.Leave(2 * time.Second); err != nil {
				g.log.Debug("left without telling everybody", "error", err)
			}
		}
		err = g.list.Shutdown()
	})
	return err
}
