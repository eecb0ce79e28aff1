package raftlog

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// Proto is the ALPN name of the connections between the logs of a site.
const Proto = "aielon-raft/1"

// Streams gives and takes connections that are already proven to come from a node of this site. Whether
// that node may do what it asks is checked here, on every request.
type Streams interface {
	Accept() (*tls.Conn, error)
	Dial(ctx context.Context, addr, proto string) (*tls.Conn, error)
	Close() error
	Addr() net.Addr
}

// Timing sets how soon a dead leader is replaced. The zero value is replaced by DefaultTiming.
type Timing struct {
	Heartbeat time.Duration // without contact for this long to twice this long, a follower calls an election
	Election  time.Duration // an election that came to nothing is repeated after this long to twice this long
	Lease     time.Duration // a leader that reached no quorum for this long steps down
	Commit    time.Duration // followers hear of a commit within this long to twice this long
}

// DefaultTiming is what a site runs with. DESIGN.md says how it was chosen.
func DefaultTiming() Timing {
	return Timing{Heartbeat: 400 * time.Millisecond, Election: 400 * time.Millisecond, Lease: 250 * time.Millisecond, Commit: 5 * time.Millisecond}
}

// Options for Open. ID, Applier and either Dir with Key or Storage must be given, and either Streams with
// PeerID or Transport.
type Options struct {
	edge.Redacted

	ID      edge.NodeID
	Applier edge.Applier

	Dir     string
	Key     []byte  // 32 bytes; subkeys are derived
	Storage Storage // instead of Dir and Key: tests and simulations; Close closes it

	Streams   Streams // the log's own; Close closes it
	PeerID    func(tls.ConnectionState) (edge.NodeID, error)
	Advertise string         // host:port under which the others reach Streams, default its Addr
	Transport raft.Transport // instead of Streams, without any check of identity: tests and simulations

	// Member says whether a node that is not in the configuration known here may be heard while there is
	// no leader: this node may be new, or may have been away while all others were replaced. It must rest
	// on proof of its own (a signed list of members) and answer from memory; nil means nobody.
	Member func(edge.NodeID) bool

	Reached     uint64 // an index the state is known to have had, before a crash perhaps: Open brings it there from the log, or fails with Corrupt
	Bootstrap   bool   // begin a new site with this node as its only member; without effect once there is a log
	ManualRoles bool   // do not let the leader give and take votes by itself (see PlanRoles)
	Resync      bool   // where log or state are damaged, set them aside and start over from a peer (see DESIGN.md)

	MaxEntry    int           // bytes, default 4 MiB, at most 8 MiB
	LogBudget   int64         // bytes of log kept for followers that fall behind, default 64 MiB, at least 32 MiB
	Trailing    int           // entries kept for them at most, default 10,000
	MaxSnapshot int64         // bytes of a snapshot taken from a leader at most, default 64 GiB
	Patience    time.Duration // how long after its start a node without a leader doubts what it has before it settles for that; default 10 s
	Timing      Timing
	Logger      *slog.Logger
}

const (
	maxAppend     = 16 // entries in one message; bounds its size to 16 MaxEntry
	markEvery     = 2048
	markInterval  = 30 * time.Second
	appendTimeout = 10 * time.Second // where the caller gave no deadline
	maxWaiting    = 256              // appends under way
)

func (o *Options) complete() error {
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.LogBudget, 64<<20)
	o.LogBudget = max(o.LogBudget, 32<<20)
	def(&o.MaxSnapshot, 64<<30)
	if o.MaxEntry <= 0 {
		o.MaxEntry = 4 << 20
	}
	if o.Trailing <= 0 {
		o.Trailing = 10_000
	}
	if o.Patience <= 0 {
		o.Patience = 10 * time.Second
	}
	if o.Timing == (Timing{}) {
		o.Timing = DefaultTiming()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Advertise == "" && o.Streams != nil {
		o.Advertise = o.Streams.Addr().String()
	}
	return o.check()
}

func (o *Options) check() error {
	switch {
	case o.ID.IsZero():
		return edge.E(edge.Invalid, "the log needs the id of this node")
	case o.Applier == nil:
		return edge.E(edge.Invalid, "the log needs a state to apply entries to")
	case o.Storage == nil && (o.Dir == "" || len(o.Key) != 32):
		return edge.E(edge.Invalid, "the log needs a folder and a key of 32 bytes")
	case o.Transport == nil && (o.Streams == nil || o.PeerID == nil):
		return edge.E(edge.Invalid, "the log needs connections and a way to tell whose they are")
	case o.MaxEntry > 8<<20:
		return edge.E(edge.Invalid, "entries of %d bytes are too large: 8 MiB is the most", o.MaxEntry)
	}
	return nil
}
