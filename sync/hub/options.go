package hub

import (
	"context"
	"crypto"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// Options describe a hub. Addr, TLS, PeerID, Store and Codec are required.
type Options struct {
	edge.Redacted

	Addr   string // host:port, the same for UDP and TCP; port 0 chooses one
	TLS    *tls.Config
	PeerID func(tls.ConnectionState) (edge.NodeID, string, error) // who a verified certificate names
	// Admit is asked in every handshake, resumed ones too, and again at HELLO. nil admits all whom the
	// certificate check let through.
	Admit func(ctx context.Context, p Peer) error
	// Child says whether a peer has joined as a hub: then it is registered as one that may bring the streams
	// of any origin that nobody else brings. nil: hubs are made known with Register only.
	Child func(p Peer) bool
	Store store.Store
	Codec *wire.Codec

	Self   edge.NodeID
	Signer crypto.Signer            // Ed25519 or ECDSA P-256; signs commands and receipts; nil: neither is sent
	Policy func(p Peer) wire.Policy // what a node is asked; nil: nothing
	Kick   func(id wire.StreamID)   // a stream was seen for the first time; must not block
	Forked func(id wire.StreamID)   // a stream began a new epoch; must not block
	Clock  func() time.Time         // default time.Now
	Others []string                 // other hubs a node may try when this one closes

	Objects *Objects              // large objects; nil: this hub takes none
	Keep    map[edge.Urgency]Keep // what is kept of a class; a class without one is kept for ever
	Sweep   time.Duration         // how often old records are looked for; default 10 min
	Parent  func() bool           // there is a hub above: what it has not acknowledged is not forgotten

	Budget     int64         // bytes of records that may wait for the store; default 64 MiB
	Sessions   int           // most live sessions; default 20,000
	Handshakes int           // most handshakes at a time; default 512
	Rate       int           // new connections a second above which QUIC addresses are verified first; default 200
	Idle       time.Duration // silence that ends a link; default 5 min
	Receipts   time.Duration // how often a stream's receipt is signed while it moves; default 1 h
	// Collect collects garbage when many nodes have come or gone; release, when no more of them do, gives
	// memory back to the system besides. Default runtime.GC and debug.FreeOSMemory.
	Collect func(release bool)

	ResetKey, TokenKey [32]byte // of QUIC (RFC 9000 sections 10.3 and 8.1); the same after a restart, secret
	Logger             *slog.Logger
}

func (o *Options) fill() error {
	if o.Addr == "" || o.TLS == nil || o.PeerID == nil || o.Store == nil || o.Codec == nil {
		return edge.E(edge.Invalid, "a hub needs an address, its certificate, a way to tell nodes apart, a store and a codec")
	}
	if o.ResetKey == ([32]byte{}) || o.TokenKey == ([32]byte{}) {
		return edge.E(edge.Invalid, "a hub needs its two QUIC keys").WithHint("make 32 random bytes each, once, and keep them sealed")
	}
	if err := o.keeps(); err != nil {
		return err
	}
	def(&o.Sweep, 10*time.Minute)
	def(&o.Budget, 64<<20)
	def(&o.Sessions, 20_000)
	def(&o.Handshakes, 512)
	def(&o.Rate, 200)
	def(&o.Idle, 5*time.Minute)
	def(&o.Receipts, time.Hour)
	o.Objects.fill()
	if o.Collect == nil {
		o.Collect = collect
	}
	if o.Clock == nil {
		o.Clock = time.Now
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
