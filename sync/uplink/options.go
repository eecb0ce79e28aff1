// Package uplink is the node's side of the sync: it delivers the records of the node's journals to a
// regional hub, each once and in order, the urgent ones first, over whatever link there is, and takes
// commands, configuration and time from the hub. It keeps no records itself: the journals do, and a
// record may go only when the hub has said that it lies on its disk.
package uplink

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// A Source is one journal to deliver.
type Source interface {
	edge.Journal
	ID() wire.StreamID
	Urgency() edge.Urgency
	// Acked says that the hub holds everything up to p on disk, and nothing beyond. It is called from one
	// goroutine at a time, with rising positions but for the first of a session: a hub that was restored
	// from a backup is behind what it said before, and the mark must go back, so that what it lost stays
	// here to be sent again. What is no longer here must be booked durably when Acked returns: nothing of the
	// source is sent in a session before the first call of it has succeeded, or failed with Conflict because
	// the source does not know the position. A mark that moved forward may become durable later.
	Acked(ctx context.Context, p edge.Pos) error
}

// An Epoch is how an epoch of a source began.
type Epoch struct {
	First  edge.Pos // its genesis, sequence number 0
	Fork   edge.Pos // the last record before it, as the node knew it
	Reason string   // "new", "restored from a backup"
}

// Epochs is what a Source may know besides: how its epochs began. Without it the uplink reckons the
// beginning from the stream's name and the last record before it.
type Epochs interface {
	Epoch(number uint64) (Epoch, bool)
}

// Foreign is what a Source may say of itself besides: its records were made elsewhere and are only handed on.
// Where the hub has more of them than there is here, nobody here can begin a new epoch; the stream waits.
type Foreign interface {
	Foreign() bool
}

// A Profile says how eager the uplink is.
type Profile uint8

const (
	Normal  Profile = iota // always connected, bulk paced
	Metered                // connected only for data, windows and every PollEvery; no keepalive
	Full                   // always connected, nothing paced: a line that nobody shares
)

// Callbacks are how the uplink reaches the rest of the node. Each may be nil.
type Callbacks struct {
	// Doubt is called when the hub holds records of a stream that this node does not have: its store lost
	// data or was restored. The node must begin a new epoch of the journal before it returns.
	Doubt func(ctx context.Context, id wire.StreamID, hub edge.Pos) error
	// Poisoned is called with a record that the hub refused three times and that the stream now skips, or
	// that the hub itself has set aside (then r is zero but for its position).
	Poisoned func(ctx context.Context, id wire.StreamID, r edge.Record, reason string) error
	// Time is called with how far the hub's clock is ahead of ours and how far off that may be.
	Time func(ahead, uncertainty time.Duration)
	// Policy is called with what the hub asks of the use of the link, after it was applied.
	Policy func(p wire.Policy)
	// Receipt is called with the hub's signed word. Checking the signature is up to the callee.
	Receipt func(r wire.Receipt)
	// Changed is called, from any goroutine, when Status has something new worth showing.
	Changed func()
}

// A Keeper keeps a small value of the uplink's own across restarts: budget counters and what is known of
// networks. It is called rarely.
type Keeper interface {
	Load(ctx context.Context) ([]byte, error) // nil where nothing was saved
	Save(ctx context.Context, b []byte) error
}

// Options describe an uplink. Hubs, TLS and Sources are required.
type Options struct {
	Hubs []string // host:port, UDP and TCP; tried in order
	// TLS makes the client configuration for a hub at host:port, with our certificate and the check of
	// the hub's. The protocol (ALPN) is filled in.
	TLS     func(hub string) (*tls.Config, error)
	Sources func() []Source // asked on every connection and every Kick

	Node    edge.NodeID
	Build   string                              // version of this program, told to the hub
	Hub     bool                                // this node is a hub that forwards for others
	Clock   func() (time.Time, edge.Confidence) // default: the system's, Plausible
	Profile Profile
	Budget  Budget
	Keeper  Keeper
	Calls   Callbacks
	Twin    Twin     // nil: the node takes no configuration from the hub
	Command Commands // nil: the node takes no commands
	Objects Objects  // nil: the node has no large objects
	// Backlog lists what waits here, by urgency, for the hub to show. It is asked at the start of a session and
	// then every 5 s at most. nil: the hub is not told.
	Backlog func(ctx context.Context) []wire.Waiting
	// Verify checks the hub's signature over a command; see VerifyWith. Required with Command.
	Verify func(message, signature []byte) error

	FallbackAfter time.Duration // how long QUIC runs alone before TCP joins; default 300 ms
	ReprobeEvery  time.Duration // how often a TCP session tries QUIC again; default 5 min, at most 10
	PollEvery     time.Duration // metered profile: how often to ask the hub for news; default 6 h
	MaxRate       uint64        // bytes/s for classes 4 to 6; 0: what the line takes
	Window        int           // bytes of one class that may be unacknowledged; default 4 MiB
	NoQUIC, NoTCP bool          // do not use this transport
	Logger        *slog.Logger
}

func (o *Options) fill() error {
	switch {
	case len(o.Hubs) == 0 || len(o.Hubs) > maxHubs:
		return edge.E(edge.Invalid, "an uplink needs 1 to %d hubs, this one has %d", maxHubs, len(o.Hubs))
	case o.TLS == nil || o.Sources == nil:
		return edge.E(edge.Invalid, "an uplink needs its certificate and its sources")
	case o.Command != nil && o.Verify == nil:
		return edge.E(edge.Invalid, "an uplink that takes commands needs the key that signs them")
	case o.NoQUIC && o.NoTCP:
		return edge.E(edge.Invalid, "an uplink needs QUIC or TCP")
	}
	if err := o.Budget.Validate(); err != nil {
		return err
	}
	def(&o.FallbackAfter, 300*time.Millisecond)
	def(&o.ReprobeEvery, 5*time.Minute)
	def(&o.PollEvery, 6*time.Hour)
	def(&o.Window, 4<<20)
	o.ReprobeEvery = min(o.ReprobeEvery, 10*time.Minute)
	if o.Clock == nil {
		o.Clock = func() (time.Time, edge.Confidence) { return time.Now(), edge.Plausible }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

func def[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

const maxHubs = 16
