package mqtt

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Publish is one message, from a device whose identity is proven. The receiver may keep it.
type Publish struct {
	Device     string // proven identity
	ClientID   string
	Topic      string
	Payload    []byte
	QoS        byte
	Retain     bool
	Will       bool // sent by the broker because the device was lost
	Received   time.Time
	Properties map[string]string // MQTT 5: user properties, and "content-type", "response-topic"; nil where none
}

// An Intake stores messages. Submit takes one over or refuses it at once; when it took it over it calls
// done exactly once, with nil only when the message survives a power cut. Calls of done come in the
// order of Submit, may come from any goroutine, and must not be made from within Submit's caller's locks.
type Intake interface {
	Submit(m Publish, done func(error)) error
}

// Credentials are what a client shows at CONNECT.
type Credentials struct {
	edge.Redacted

	ClientID    string
	Username    string
	Password    []byte
	HasPassword bool
	TLS         *tls.ConnectionState // nil without TLS
	Remote      string               // address and port
}

// A Device is who the authenticator found behind credentials, and what it may do. A device without
// patterns may do nothing.
type Device struct {
	ID        string   // without / + # and control characters; at most 128 bytes
	Publish   []string // topic filters it may publish under; %d stands for its ID
	Subscribe []string // topic filters whose every topic it may read; %d stands for its ID
	Rate      float64  // messages per second, 0: Limits.Rate
	Operator  bool     // may read topics that begin with $, where Subscribe names them
	// AnyClientID lets firmware choose its client identifier. Otherwise it must be the ID, or the ID
	// followed by one of -_:./ and more. Sessions of different identities never meet either way.
	AnyClientID bool

	Proof string        `json:"-"` // what proved it, in the authenticator's own words; see Broker.Renew
	Left  time.Duration `json:"-"` // how long the proof is good for: the connection ends then. 0: a certificate's own end, if there is one
}

// An Authenticator finds the device behind credentials. It fails with Denied for wrong credentials,
// after as much work for an unknown name as for a known one, and with Unavailable when it cannot tell.
type Authenticator interface {
	Authenticate(ctx context.Context, c Credentials) (Device, error)
}

// An Entry is one thing a SessionStore keeps; a nil Value deletes it.
type Entry struct {
	Key   string
	Value []byte
}

// A SessionStore keeps sessions, subscriptions and retained messages over restarts. Save is called at
// most every few seconds from one goroutine, with the newest state of what changed; what was not saved
// when the power failed is lost, which devices mend by subscribing again.
type SessionStore interface {
	Load(ctx context.Context) ([]Entry, error)
	Save(ctx context.Context, changes []Entry) error
}

// Options of a Broker.
type Options struct {
	Addr    string      // plain MQTT; "127.0.0.1:1883" is the usual value, empty: none
	TLSAddr string      // MQTT over TLS, ":8883"; empty: none
	TLS     *tls.Config // must refuse client certificates that do not hold; who has shown one is not slowed down like a stranger
	Auth    Authenticator
	// Allow decides by the policies of the whole site whether a device may use a topic: on every PUBLISH, will and
	// SUBSCRIBE, before what is retained or delivered leaves, and again for each second it goes on. It must not block
	// and not call the broker. Nil: the patterns of the devices decide alone.
	Allow    func(Question) bool
	Intake   Intake
	Sessions SessionStore // nil: sessions end with the process
	Limits   Limits
	Logger   *slog.Logger
}

// Limits bound what clients can make the broker hold. Zero values take the defaults named.
type Limits struct {
	Packet        int           // bytes of one packet, 256 KiB
	Connect       int           // bytes of a CONNECT packet, 72 KiB: a will may have 64 KiB
	Clients       int           // connected at once, 4,000: about 33 KB each
	Unproven      int           // connections that have not proven who they are, 512
	UnprovenPerIP int           // 64
	SessionsPer   int           // sessions one device may have, 8
	Sessions      int           // sessions kept, connected or not, 20,000
	Subscriptions int           // per session, 256
	TopicLevels   int           // 16
	TopicLength   int           // bytes, 512
	Aliases       uint16        // topic aliases per client, 32
	InFlight      int           // unacknowledged messages per client (Receive Maximum), 256
	Budget        int64         // bytes of all messages taken in and not yet done with, 32 MiB
	Outgoing      int           // messages waiting per subscriber, 256
	OutgoingBytes int           // bytes waiting per connection, 256 KiB
	Retained      int           // retained messages, 10,000
	RetainedBytes int64         // 16 MiB
	Rate          float64       // messages per second of one device, 20,000; more are read later, not refused
	Keepalive     time.Duration // longest, 20 min
	ConnectTime   time.Duration // until CONNECT is complete, 10 s
	PacketTime    time.Duration // until a packet begun is complete, 15 s and a second more per KiB
	WriteTime     time.Duration // a client that takes nothing for this long is let go, 10 s
	StallTime     time.Duration // a subscriber may hold up the others this long, once, 500 ms
	MessageExpiry time.Duration // of queued and retained messages, 7 days
	SessionExpiry time.Duration // of sessions whose client is away, 7 days
	FailureTime   time.Duration // a refusal takes at least this long, 250 ms
	SaveEvery     time.Duration // 5 s
}

func or[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

func (l Limits) withDefaults() Limits {
	or(&l.Packet, 256<<10)
	or(&l.Connect, 72<<10)
	or(&l.Clients, 4_000)
	or(&l.Unproven, 512)
	or(&l.UnprovenPerIP, 64)
	or(&l.SessionsPer, 8)
	or(&l.Sessions, 20_000)
	or(&l.Subscriptions, 256)
	or(&l.TopicLevels, 16)
	or(&l.TopicLength, 512)
	or(&l.Aliases, 32)
	or(&l.InFlight, 256)
	or(&l.Budget, 32<<20)
	or(&l.Outgoing, 256)
	or(&l.OutgoingBytes, 256<<10)
	or(&l.Retained, 10_000)
	or(&l.RetainedBytes, 16<<20)
	or(&l.Rate, 20_000)
	or(&l.Keepalive, 20*time.Minute)
	or(&l.ConnectTime, 10*time.Second)
	or(&l.PacketTime, 15*time.Second)
	or(&l.WriteTime, 10*time.Second)
	or(&l.StallTime, 500*time.Millisecond)
	or(&l.MessageExpiry, 7*24*time.Hour)
	or(&l.SessionExpiry, 7*24*time.Hour)
	or(&l.FailureTime, 250*time.Millisecond)
	or(&l.SaveEvery, 5*time.Second)
	return l
}

func (o Options) validate() error {
	switch {
	case o.Auth == nil:
		return edge.E(edge.Invalid, "the MQTT broker needs to know who may connect; without that nobody may")
	case o.Intake == nil:
		return edge.E(edge.Invalid, "the MQTT broker needs a place for what devices send")
	case o.TLSAddr != "" && o.TLS == nil:
		return edge.E(edge.Invalid, "the MQTT broker is to listen with TLS on %s and has no certificate", o.TLSAddr)
	case o.Limits.InFlight < 0 || o.Limits.InFlight > 65535:
		return edge.E(edge.Invalid, "MQTT allows 1 to 65535 messages in flight, not %d", o.Limits.InFlight)
	case o.Limits.Budget != 0 && o.Limits.Budget < int64(o.Limits.Packet)+overhead:
		return edge.E(edge.Invalid, "the MQTT broker's budget of %d bytes is less than one packet", o.Limits.Budget)
	}
	return nil
}

// overhead is what one message in hand is reckoned to cost beside its own bytes.
const overhead = 512
