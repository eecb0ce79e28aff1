package site

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// Options for Open. Shelf, Mux, Site and Node must be given.
type Options struct {
	Shelf   *Shelf    // the store the site lives in; the caller closes it after the site
	Mux     *edge.Mux // what the site can do
	Site    string    // its name; part of what its journals' chains are bound to
	Node    edge.NodeID
	Forward Forwarder // takes commands to the leader; nil where this node is the site

	Member  func(edge.NodeID) bool                                                                // who may forward commands to this node; nil: whoever Serve is called for
	Answer  func(ctx context.Context, peer edge.NodeID, name string, body []byte) ([]byte, error) // what another member's Client.Call gets; nil: nothing
	Watch   string                                                                                // prefix of the keys that Changes counts changes of; empty: of none
	Fresh   func(context.Context) error                                                           // waits until this replica holds what it had shown before it was started; nil: it always does
	Forever func(op string) bool                                                                  // whose outcomes are never forgotten; nil: none
	Wall    func() time.Time                                                                      // the node's clock; default time.Now
	Held    func(op string) error                                                                 // asked before a command is evaluated here: an error has whoever asks wait and try again; nil: none is held
	Floor   time.Time                                                                             // nothing happens before: when the program was built
	Logger  *slog.Logger                                                                          // default: silent
	Alarm   func(error)                                                                           // told once when this replica stops applying
	Check   func(edge.View) error                                                                 // tests: called after every entry, stops the replica where it fails

	MaxCommands  int           // commands in a batch, and four times as many waiting; default 1024
	MaxBytes     int           // bytes a batch may reach before it is closed, and the most one command may cost; default 512 KiB
	MaxWaiting   int           // bytes of bodies waiting; default 16 MiB
	Linger       time.Duration // how long a batch waits for as many commands as the one before; default 200 µs, 0 with an idle site
	KeepOutcomes int           // forgettable outcomes kept at most; default 1,000,000
	KeepFor      time.Duration // and for how long; default 30 days
}

func (o *Options) complete() error {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.MaxCommands, 1024)
	def(&o.MaxBytes, 512<<10)
	def(&o.MaxWaiting, 16<<20)
	def(&o.KeepOutcomes, 1_000_000)
	if o.Linger == 0 {
		o.Linger = 200 * time.Microsecond
	}
	if o.KeepFor <= 0 {
		o.KeepFor = 30 * 24 * time.Hour
	}
	if o.Wall == nil {
		o.Wall = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Shelf == nil || o.Mux == nil || o.Site == "" || o.Node.IsZero() {
		return edge.E(edge.Invalid, "a site needs a store, a table of operations, a name and this node's id")
	}
	return nil
}

// A Site is one replica of the state of a site, and its sequencer while this node leads. It is an
// edge.Proposer, an edge.Applier, an edge.Part and an edge.Reporter.
type Site struct {
	opt    Options
	mux    *edge.Mux
	logger *slog.Logger
	shelf  *Shelf
	seq    *sequencer
	room   int // bytes one command may cost
	count  counts
	log    atomic.Pointer[wiring]
	watch  atomic.Uint64 // see Changes
	sealed atomic.Pointer[sealed]

	place *place       // owned by the goroutine that calls Apply and Restore; they never run at once
	batch *state.Batch // as place

	mu     sync.Mutex      // guards the rest
	at     reached         // what has been applied
	moved  chan struct{}   // closed and replaced whenever at moves
	halted error           // why nothing is applied any more
	turn   context.Context // ended by over, and replaced, when somebody says that the leader changed
	over   context.CancelFunc
	closed chan struct{} // closed when Run has ended
}

// wiring is the log and what it knows about who leads.
type wiring struct {
	edge.Log
	leader func() (edge.NodeID, bool)
}

// reached is how far this replica has come, for everybody to read.
type reached struct {
	meta
	heads  heads       // of the site's journals
	recent [16]indexed // the ledger's head after the entries applied last, by index modulo its length
}

type indexed struct {
	index uint64
	pos   edge.Pos
}

// ledgerAt is the head of the ledger journal after an entry that was applied a moment ago.
func (s *Site) ledgerAt(index uint64) edge.Pos {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.at.recent[index%uint64(len(s.at.recent))]; r.index == index {
		return r.pos
	}
	return s.at.heads[edge.Ledger]
}

// Open reads where the replica is. It fails with Corrupt where that cannot be read.
func Open(o Options) (*Site, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	p, err := loadPlace(o.Shelf.Store(), o.Site)
	if err != nil {
		return nil, err
	}
	s := &Site{
		opt: o, mux: o.Mux, logger: o.Logger.With("part", "site"), shelf: o.Shelf, place: p, batch: state.NewBatch(),
		at: reached{meta: p.meta, heads: p.heads()}, moved: make(chan struct{}), closed: make(chan struct{}),
	}
	s.turn, s.over = context.WithCancel(context.Background())
	spare := o.Shelf.Store().MaxBatch() - maxOverhead - o.MaxBytes
	if s.room = min(o.MaxBytes, spare); s.room < 8<<10 {
		return nil, edge.E(edge.Invalid, "batches of %d bytes do not fit the site's store, which takes %d", o.MaxBytes, o.Shelf.Store().MaxBatch())
	}
	s.seq = &sequencer{site: s, queue: newQueue(4*o.MaxCommands, o.MaxWaiting), clock: clock{wall: o.Wall, floor: o.Floor.UnixNano()}}
	if o.Floor.IsZero() {
		s.seq.clock.floor = 0
	}
	return s, nil
}

// maxOverhead bounds what a commit holds besides the batch: meta row, queue and retention rows, the heads
// and gaps of six journals.
const maxOverhead = 96 << 10 // bytes

// SetLog connects the site with the log that drives it, and with what that log knows about who leads (a
// zero id where nobody is known to; self where it is this node). It is called once, before Run.
func (s *Site) SetLog(l edge.Log, leader func() (id edge.NodeID, self bool)) {
	s.log.Store(&wiring{l, leader})
}

// LeaderChanged tells the site that another node may lead now, so that those who wait need not find out
// by themselves.
func (s *Site) LeaderChanged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over()
	s.turn, s.over = context.WithCancel(context.Background())
}

// Name implements edge.Part.
func (s *Site) Name() string { return "site" }

// Run sequences commands while this node leads. It returns nil when ctx ends; what was appended by then
// may or may not have got through.
func (s *Site) Run(ctx context.Context) error {
	if s.log.Load() == nil {
		return edge.E(edge.Internal, "the site was started without a log")
	}
	defer close(s.closed)
	s.seq.run(ctx)
	return nil
}

// leader says who leads, as far as is known here.
func (s *Site) leader() (id edge.NodeID, self bool) {
	w := s.log.Load()
	if w == nil {
		return id, false
	}
	return w.leader()
}

func (s *Site) leads() bool { _, self := s.leader(); return self }

// writable says why no new command can be taken: the disk is full, or this replica has stopped.
func (s *Site) writable() error {
	if err := s.halt(nil); err != nil {
		return err
	}
	return s.shelf.Store().Writable()
}

// view opens the newest state.
func (s *Site) view() *state.View { return s.shelf.view() }
