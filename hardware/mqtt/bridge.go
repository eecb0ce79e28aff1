package mqtt

import (
	"context"
	"crypto/tls"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/sync/semaphore"

	"github.com/aielon/edge/node/edge"
)

// BridgeOptions say which broker to take messages from.
type BridgeOptions struct {
	edge.Redacted

	URL      string      // "tcp://10.0.0.5:1883", "ssl://broker:8883"
	TLS      *tls.Config // for ssl://
	ClientID string      // under which the broker keeps our session while we are away; required
	Username string
	Password string
	Filters  []string // what to subscribe to
	// Device tells the device from the topic: %d stands for the level that names it, + for any level, and
	// # for the rest, as in "tele/%d/#". The first pattern that matches decides.
	Device   []string
	Intake   Intake
	InFlight int           // messages taken and not yet stored, 256 where zero
	Bytes    int64         // of them, 8 MiB where zero
	Backoff  time.Duration // longest pause between tries, 1 min where zero
	Logger   *slog.Logger
}

// A Bridge takes messages from a broker that is already there. It acknowledges a message to that broker
// only when the intake says it survives a power cut.
type Bridge struct {
	edge.Redacted

	o     BridgeOptions
	slots chan struct{}
	bytes *semaphore.Weighted
	up    atomic.Bool
	stats bridgeCounters
	mu    sync.Mutex // guards last
	last  string     // what went wrong last
}

type bridgeCounters struct{ taken, stored, refused, strange, connects atomic.Uint64 }

// BridgeStats are counts since the start.
type BridgeStats struct {
	Connected bool
	Connects  uint64
	Taken     uint64 // messages received
	Stored    uint64 // and acknowledged
	Refused   uint64 // not stored, so not acknowledged: the broker sends them again
	Strange   uint64 // on topics no pattern knows a device for: taken under the device "unknown"
}

// NewBridge checks the options. Nothing is connected before Run.
func NewBridge(o BridgeOptions) (*Bridge, error) {
	or(&o.InFlight, 256)
	or(&o.Bytes, 8<<20)
	or(&o.Backoff, time.Minute)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.URL == "" || o.ClientID == "" || len(o.Filters) == 0:
		return nil, edge.E(edge.Invalid, "a bridge to an MQTT broker needs the broker's address, a client identifier and topic filters")
	case o.Intake == nil:
		return nil, edge.E(edge.Invalid, "a bridge needs a place for what it takes")
	case len(o.ClientID) > 65535 || len(o.Username) > 65535 || len(o.Password) > 65535: // paho would encode them wrongly
		return nil, edge.E(edge.Invalid, "an identifier or password for the MQTT broker is too long")
	case len(o.Device) == 0:
		return nil, edge.E(edge.Invalid, "a bridge needs a pattern that tells devices from topics").WithHint(`"tele/%%d/#" for instance`)
	}
	limits := Limits{}.withDefaults()
	for _, f := range o.Filters {
		if !limits.goodFilter(f) {
			return nil, edge.E(edge.Invalid, "%q is not a topic filter", f)
		}
	}
	return &Bridge{o: o, slots: make(chan struct{}, o.InFlight), bytes: semaphore.NewWeighted(o.Bytes)}, nil
}

// Name is the part's name.
func (g *Bridge) Name() string { return "mqtt-bridge" }

// Run keeps connected until ctx ends, with growing pauses while the broker cannot be reached.
func (g *Bridge) Run(ctx context.Context) error {
	pause := time.Second
	for ctx.Err() == nil {
		begun := time.Now()
		err := g.session(ctx)
		g.up.Store(false)
		if ctx.Err() != nil {
			break
		}
		g.note(err)
		if time.Since(begun) > g.o.Backoff {
			pause = time.Second
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, g.o.Backoff)
		case <-ctx.Done():
		}
	}
	return nil
}

// session is one connection. It ends when the connection is lost or a message could not be stored: the
// broker sends again what was not acknowledged only to a new connection.
func (g *Bridge) session(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := paho.NewClient(g.options(ctx, cancel))
	defer c.Disconnect(100)
	if err := finished(ctx, c.Connect(), "it does not answer"); err != nil {
		return err
	}
	filters := map[string]byte{}
	for _, f := range g.o.Filters {
		filters[f] = 1
	}
	t := c.SubscribeMultiple(filters, nil)
	if err := finished(ctx, t, "it does not take our subscriptions"); err != nil {
		return err
	}
	if st, ok := t.(*paho.SubscribeToken); ok {
		for f, code := range st.Result() {
			if code > 2 {
				return edge.E(edge.Denied, "the MQTT broker does not let us read %q", f)
			}
		}
	}
	g.up.Store(true)
	g.stats.connects.Add(1)
	g.note(nil)
	<-ctx.Done()
	return context.Cause(ctx)
}

func finished(ctx context.Context, t paho.Token, what string) error {
	select {
	case <-t.Done():
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(30 * time.Second):
		return edge.E(edge.Unavailable, "the MQTT broker cannot be used: %s in time", what)
	}
	if err := t.Error(); err != nil {
		return edge.E(edge.Unavailable, "the MQTT broker cannot be used: %s: %w", what, err)
	}
	return nil
}

// options sets paho up. The session's store is in memory: it holds only what we would have to send
// again, and we publish nothing; what we have received and not acknowledged the broker keeps.
func (g *Bridge) options(ctx context.Context, cancel context.CancelCauseFunc) *paho.ClientOptions {
	o := paho.NewClientOptions().AddBroker(g.o.URL).SetClientID(g.o.ClientID).SetUsername(g.o.Username).SetPassword(g.o.Password)
	o.SetCleanSession(false).SetAutoAckDisabled(true).SetOrderMatters(true).SetProtocolVersion(4)
	o.SetAutoReconnect(false).SetConnectRetry(false).SetResumeSubs(false).SetStore(paho.NewMemoryStore())
	o.SetKeepAlive(30 * time.Second).SetPingTimeout(15 * time.Second).SetConnectTimeout(15 * time.Second).SetWriteTimeout(15 * time.Second)
	if g.o.TLS != nil {
		o.SetTLSConfig(g.o.TLS)
	}
	o.SetConnectionLostHandler(func(_ paho.Client, err error) {
		cancel(edge.E(edge.Unavailable, "the connection to the MQTT broker was lost: %w", err))
	})
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { g.take(ctx, cancel, m) })
	return o
}

// take hands one message to the intake. It runs on paho's reading goroutine, so waiting here for room
// stops reading from the broker, which is what bounds us.
func (g *Bridge) take(ctx context.Context, cancel context.CancelCauseFunc, m paho.Message) {
	size := min(int64(len(m.Payload()))+overhead, g.o.Bytes)
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	if g.bytes.Acquire(ctx, size) != nil {
		<-g.slots
		return
	}
	g.stats.taken.Add(1)
	device, ok := deviceOf(g.o.Device, m.Topic())
	if !ok {
		g.stats.strange.Add(1)
		device = "unknown"
	}
	var once sync.Once
	done := func(err error) {
		once.Do(func() {
			if err == nil {
				g.stats.stored.Add(1)
				go m.Ack() // it may wait for the connection, and the intake must not
			} else {
				g.stats.refused.Add(1)
				cancel(edge.E(edge.Unavailable, "a message of the MQTT broker could not be stored and will be asked for again: %w", err))
			}
			g.bytes.Release(size)
			<-g.slots
		})
	}
	p := Publish{Device: device, ClientID: g.o.ClientID, Topic: m.Topic(), Payload: m.Payload(), QoS: m.Qos(), Retain: m.Retained(), Received: time.Now()}
	if err := g.o.Intake.Submit(p, done); err != nil {
		done(err)
	}
}

// deviceOf finds the level of a topic that names the device.
func deviceOf(patterns []string, topic string) (string, bool) {
	levels := strings.Split(topic, "/")
	for _, p := range patterns {
		if d, ok := matchDevice(strings.Split(p, "/"), levels); ok && d != "" {
			return d, true
		}
	}
	return "", false
}

func matchDevice(pattern, levels []string) (device string, ok bool) {
	for i, p := range pattern {
		if p == "#" {
			return device, true
		}
		if i >= len(levels) {
			return "", false
		}
		switch p {
		case "%d":
			device = levels[i]
		case "+", levels[i]:
		default:
			return "", false
		}
	}
	return device, len(pattern) == len(levels)
}

func (g *Bridge) note(err error) {
	g.mu.Lock()
	was := g.last
	g.last = ""
	if err != nil {
		g.last = err.Error()
	}
	now := g.last
	g.mu.Unlock()
	if now != was && now != "" {
		g.o.Logger.Warn("mqtt: the bridge is down and tries again", "broker", g.o.URL, "err", err)
	}
}

// Stats returns counts from memory.
func (g *Bridge) Stats() BridgeStats {
	return BridgeStats{Connected: g.up.Load(), Connects: g.stats.connects.Load(), Taken: g.stats.taken.Load(),
		Stored: g.stats.stored.Load(), Refused: g.stats.refused.Load(), Strange: g.stats.strange.Load()}
}

// Report says how the bridge is.
func (g *Bridge) Report(context.Context) edge.Health {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.up.Load() {
		return edge.Health{Msg: "connected to " + g.o.URL}
	}
	msg := g.last
	if msg == "" {
		msg = "connecting to " + g.o.URL
	}
	return edge.Health{Level: edge.Degraded, Msg: msg, Hint: "the broker keeps our messages while its own limits allow"}
}
