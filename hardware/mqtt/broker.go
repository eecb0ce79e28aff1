package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"golang.org/x/sync/semaphore"

	"github.com/aielon/edge/node/edge"
)

// A Broker takes in what devices publish. New opens its ports, Run serves them.
type Broker struct {
	o      Options
	log    *slog.Logger
	engine *mochi.Server
	lns    []net.Listener
	budget *semaphore.Weighted // bytes of messages in hand
	stats  counters
	guard  *guard

	ctx   context.Context // ends when the broker closes; connections hang on it
	stop  context.CancelFunc
	conns sync.WaitGroup // one per connection

	mu       sync.Mutex
	sessions map[string]*session // connected, by key
	kept     map[string]*kept    // connected or not, by key
	count    map[string]int      // of kept, by device
	open     map[net.Conn]string // all connections, with the address of those that are not proven yet
	unproven map[string]int      // of them, by address
	waiting  int                 // of them, together
	closed   bool
	revoked  atomic.Uint64 // how often Revoke was called

	// establish is held while the engine begins or resumes a session, and while it is given a message: it
	// would put a message that comes between into the session that is just being left.
	establish sync.Mutex

	out   outbox // messages on their way to subscribers
	keep  retained
	wills wills
	dirty dirtySet
	// subscribed is set by the first subscription and stays set: a broker nobody ever reads from need
	// not look for readers.
	subscribed atomic.Bool
	trouble    trouble
}

// New checks the options and opens the ports, so that a mistake shows before anything else starts.
func New(o Options) (*Broker, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o.Limits = o.Limits.withDefaults()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Broker{o: o, log: o.Logger, guard: newGuard(4096), budget: semaphore.NewWeighted(o.Limits.Budget),
		sessions: map[string]*session{}, kept: map[string]*kept{}, count: map[string]int{}, open: map[net.Conn]string{}, unproven: map[string]int{}}
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.out.init()
	b.keep.init()
	b.wills.init()
	b.dirty.init()
	b.engine = newEngine(&b.o.Limits)
	if err := b.engine.AddHook(&hook{b: b}, nil); err != nil {
		return nil, edge.E(edge.Internal, "the MQTT broker cannot be put together: %w", err)
	}
	return b, b.listen()
}

func newEngine(l *Limits) *mochi.Server {
	return mochi.New(&mochi.Options{
		Logger:                   slog.New(slog.DiscardHandler), // it would log payloads
		InlineClient:             false,
		SysTopicResendInterval:   60,
		ClientNetReadBufferSize:  512,
		ClientNetWriteBufferSize: 2048,
		Capabilities: &mochi.Capabilities{
			MaximumClients:               int64(l.Clients) + 1, // counted by us
			MaximumMessageExpiryInterval: int64(l.MessageExpiry / time.Second),
			MaximumClientWritesPending:   int32(l.Outgoing),
			MaximumSessionExpiryInterval: uint32(l.SessionExpiry / time.Second),
			MaximumPacketSize:            uint32(l.Packet),
			ReceiveMaximum:               uint16(l.InFlight),
			MaximumInflight:              uint16(min(l.Outgoing, 65535)),
			TopicAliasMaximum:            0, // ours, not the engine's
			SharedSubAvailable:           1,
			MinimumProtocolVersion:       4,
			MaximumQos:                   2,
			RetainAvailable:              1,
			WildcardSubAvailable:         1,
			SubIDAvailable:               1,
			Compatibilities:              mochi.Compatibilities{NoInheritedPropertiesOnAck: true},
		},
	})
}

func (b *Broker) listen() error {
	open := func(addr string, cfg *tls.Config) error {
		if addr == "" {
			return nil
		}
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			for _, l := range b.lns {
				l.Close()
			}
			return edge.E(edge.Unavailable, "the MQTT broker cannot listen on %s: %w", addr, err).
				WithHint("see whether another broker runs there already")
		}
		if cfg != nil {
			ln = tls.NewListener(ln, cfg)
		}
		b.lns = append(b.lns, ln)
		return nil
	}
	return errors.Join(open(b.o.Addr, nil), open(b.o.TLSAddr, b.o.TLS))
}

// Addrs are the addresses the broker listens on: plain first, then TLS, as far as they were asked for.
func (b *Broker) Addrs() []net.Addr {
	var out []net.Addr
	for _, l := range b.lns {
		out = append(out, l.Addr())
	}
	return out
}

// Name is the part's name.
func (b *Broker) Name() string { return "mqtt" }

// Run serves until ctx ends, and then closes the broker: clients are told, what is in hand is finished.
func (b *Broker) Run(ctx context.Context) error {
	if err := b.restore(ctx); err != nil {
		return err
	}
	if err := b.engine.Serve(); err != nil {
		return edge.E(edge.Internal, "the MQTT engine does not start: %w", err)
	}
	var wg sync.WaitGroup
	wg.Go(b.deliverAll)
	wg.Go(b.houseKeep)
	failed := make(chan error, len(b.lns)+1)
	for _, ln := range b.lns {
		wg.Go(func() { failed <- b.accept(ln) })
	}
	var err error
	select {
	case <-ctx.Done():
	case <-b.ctx.Done():
	case err = <-failed:
	}
	b.Close()
	wg.Wait()
	return err
}

// accept takes connections until the listener is closed. Errors that pass, such as too many open
// files, are waited out.
func (b *Broker) accept(ln net.Listener) error {
	wait := time.Millisecond
	for {
		nc, err := ln.Accept()
		if err == nil {
			wait = time.Millisecond
			b.Serve(nc)
			continue
		}
		if b.isClosed() {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return edge.E(edge.Unavailable, "the MQTT port %s was closed: %w", ln.Addr(), err)
		}
		b.trouble.set("connections cannot be accepted: " + err.Error())
		select {
		case <-time.After(wait):
			wait = min(2*wait, time.Second)
		case <-b.ctx.Done():
			return nil
		}
	}
}

// Serve takes over a connection, from a listener of ours or from a WebSocket, and returns at once.
func (b *Broker) Serve(nc net.Conn) {
	addr := host(nc.RemoteAddr())
	b.mu.Lock()
	full := b.closed || b.waiting >= b.o.Limits.Unproven || b.unproven[addr] >= b.o.Limits.UnprovenPerIP
	if !full {
		b.open[nc] = addr
		b.unproven[addr]++
		b.waiting++
		b.conns.Add(1)
	}
	b.mu.Unlock()
	if full {
		b.stats.Turned.Add(1)
		nc.Close()
		return
	}
	go b.serve(nc, addr)
}

// proven takes a connection off the count of those that have yet to say who they are.
func (b *Broker) proven(nc net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	addr := b.open[nc]
	if addr == "" {
		return
	}
	b.open[nc] = ""
	b.waiting--
	if b.unproven[addr]--; b.unproven[addr] <= 0 {
		delete(b.unproven, addr)
	}
}

func host(a net.Addr) string {
	h, _, err := net.SplitHostPort(a.String())
	if err != nil || h == "" {
		return "?" + a.String()
	}
	return h
}

// Close tells clients, finishes what is in hand and returns when nothing of the broker runs any more.
// It may be called more than once.
func (b *Broker) Close() error {
	b.mu.Lock()
	was := b.closed
	b.closed = true
	all := make([]*session, 0, len(b.sessions))
	for _, s := range b.sessions {
		all = append(all, s)
	}
	open := make([]net.Conn, 0, len(b.open))
	for nc := range b.open {
		open = append(open, nc)
	}
	b.mu.Unlock()
	if was {
		return nil
	}
	for _, ln := range b.lns {
		ln.Close()
	}
	for _, s := range all {
		s.leave(rcShutdown)
	}
	time.AfterFunc(2*time.Second, func() {
		for _, nc := range open {
			nc.Close()
		}
	})
	for _, nc := range open {
		nc.SetReadDeadline(time.Unix(1, 0))
	}
	b.conns.Wait()
	b.drain(5 * time.Second)
	b.stop()
	b.out.close()
	err := b.save(context.Background())
	b.engine.Close()
	return err
}

func (b *Broker) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// drain waits until every message in hand is settled, so that nobody calls back into a closed broker
// with something to deliver. The intake's own end settles them anyway.
func (b *Broker) drain(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if b.budget.Acquire(ctx, b.o.Limits.Budget) == nil {
		b.budget.Release(b.o.Limits.Budget)
	}
}

func (b *Broker) takeBudget(ctx context.Context, n int64) error {
	if b.budget.TryAcquire(n) {
		return nil
	}
	b.stats.Throttled.Add(1)
	return b.budget.Acquire(ctx, n)
}

// submit hands a message to the intake.
func (b *Broker) submit(in *incoming) {
	m := Publish{Device: in.rights.ID, ClientID: in.s.clientID, Topic: in.topic, Payload: in.payload, QoS: in.qos,
		Retain: in.retain, Will: in.will, Received: time.Now(), Properties: in.props.forIntake()}
	if err := b.o.Intake.Submit(m, in.done); err != nil {
		in.done(err)
	}
}

func (p *props) forIntake() map[string]string {
	if p == nil || p.contentType == "" && p.responseTopic == "" && len(p.user) == 0 {
		return nil
	}
	m := make(map[string]string, len(p.user)+2)
	for _, u := range p.user {
		m[u[0]] = u[1]
	}
	if p.contentType != "" {
		m["content-type"] = p.contentType
	}
	if p.responseTopic != "" {
		m["response-topic"] = p.responseTopic
	}
	return m
}

// refused counts a message that was not stored. The first of a kind is logged, and then one a minute.
func (b *Broker) refused(in *incoming, err error) {
	b.stats.Refused.Add(1)
	if b.trouble.set("messages are not stored: " + err.Error()) {
		b.log.Warn("mqtt: a message was not stored; the device was told", "device", in.rights.ID, "err", err)
	}
}
