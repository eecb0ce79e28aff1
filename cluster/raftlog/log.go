package raftlog

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// A Log is one node's part in the log of its site.
type Log struct {
	edge.Redacted

	o     Options
	log   *slog.Logger
	store Storage
	marks *markStore
	wire  *wire // nil with an injected transport
	watch *watch
	raft  *raft.Raft

	state   sync.RWMutex // held to write while the Applier's state is replaced
	slots   chan struct{}
	appends sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	failed  error
	closing bool
	lead    Leadership
	subs    map[chan Leadership]struct{}

	failing  chan struct{} // closed with the first failure
	closed   chan struct{}
	changed  chan struct{} // the configuration may have changed; one pending note is enough
	grown    chan struct{} // the log has outgrown its budget
	started  chan struct{} // closed once raft is set
	begun    time.Time
	heard    atomic.Uint64 // the commit index a leader last told us of
	waited   bool          // owned by Run; see regainVote
	goal     uint64        // owned by Run; see regainVote
	passed   atomic.Uint64 // raft's index up to which the machine has seen everything
	stranger stranger
	lastSeen atomic.Int64  // Unix nanoseconds when a leader was last known
	fresh    atomic.Bool   // see Doubt
	cramped  atomic.Bool   // the state waits for room on the disk; set by the goroutine that applies
	away     atomic.Bool   // see BeginAway
	handing  atomic.Bool   // leadership is being handed over: no entries are taken
	settled  chan struct{} // closed by Run; see Settled
}

var _ edge.Log = (*Log)(nil)

// ErrNotLeader is beneath an error of Append when the entry was certainly not taken because this node does
// not lead: hand it to the leader.
var ErrNotLeader = errors.New("this node is not the leader")

// Open starts the log of this node from what its storage holds. It fails with Corrupt where log or state
// are damaged and Options.Resync does not let them be fetched anew, and changes nothing then.
func Open(o Options) (_ *Log, err error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	l := &Log{o: o, log: o.Logger.With("part", "raftlog"), slots: make(chan struct{}, maxWaiting), subs: map[chan Leadership]struct{}{},
		failing: make(chan struct{}), closed: make(chan struct{}), changed: make(chan struct{}, 1), grown: make(chan struct{}, 1),
		started: make(chan struct{}), settled: make(chan struct{}), begun: time.Now()}
	l.marks = &markStore{l: l}
	if l.store, err = l.openStorage(); err != nil {
		return nil, err
	}
	l.away.Store(l.store.Marks().Away)
	defer func() {
		if err != nil {
			l.store.Close()
		}
	}()
	if err := l.bootstrap(); err != nil {
		return nil, err
	}
	if err := l.startRaft(); err != nil {
		return nil, edge.E(edge.Internal, "raft does not start: %w", err)
	}
	return l, nil
}

func (l *Log) startRaft() (err error) {
	l.lastSeen.Store(time.Now().UnixNano())
	transport := l.o.Transport
	if transport == nil {
		l.wire = newWire(l.o, guard{l})
		transport = l.wire
	}
	l.watch = newWatch(transport)
	l.watch.inlet = &inlet{l: l, inner: transport, rpcs: make(chan raft.RPC), closed: l.closed}
	l.watch.voteless = func() bool { return l.store.Marks().NoVote }
	l.watch.behind = func(last, commit uint64) bool {
		<-l.started
		newest, err := l.store.LastIndex()
		return err != nil || newest > last || l.raft.CommitIndex() > commit
	}
	l.raft, err = raft.NewRaft(l.config(), &machine{l}, wakingStore{l.store, l.watch}, l.store, l.marks, l.watch)
	if err != nil {
		return err
	}
	close(l.started)
	go l.watch.inlet.run() // until Close
	if l.wire != nil {
		l.wire.start()
	}
	return l.hurry()
}

// hurry makes a node elect itself at once where it is the only voter: nobody else can be leading, and
// waiting for a heartbeat would make up most of its start. raft has no call for it, but a follower whose
// timeout gets shorter looks at once whether it has heard a leader; config makes it one tick too long.
func (l *Log) hurry() error {
	f := l.raft.GetConfiguration()
	if err := f.Error(); err != nil {
		return err
	}
	voters := slices.DeleteFunc(slices.Clone(f.Configuration().Servers), func(s raft.Server) bool { return s.Suffrage != raft.Voter })
	if len(voters) != 1 || voters[0].ID != serverID(l.o.ID) {
		return nil
	}
	c := l.raft.ReloadableConfig()
	c.HeartbeatTimeout, c.ElectionTimeout = l.o.Timing.Heartbeat, l.o.Timing.Election
	return l.raft.ReloadConfig(c)
}

// tick is by how much the timeouts are longer at first; see hurry.
const tick = time.Microsecond

func (l *Log) config() *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = serverID(l.o.ID)
	c.HeartbeatTimeout, c.ElectionTimeout = l.o.Timing.Heartbeat+tick, l.o.Timing.Election+tick
	c.LeaderLeaseTimeout, c.CommitTimeout = l.o.Timing.Lease, l.o.Timing.Commit
	c.MaxAppendEntries = maxAppend
	c.SnapshotInterval, c.SnapshotThreshold = markInterval, markEvery
	c.TrailingLogs = uint64(l.o.Trailing)
	c.NoSnapshotRestoreOnStart, c.NoLegacyTelemetry = true, true
	c.ShutdownOnRemove = false
	c.Logger = newQuietLog(l.log)
	return c
}

// bootstrap makes this node the only member of a new site, where that is wanted and nothing is there.
func (l *Log) bootstrap() error {
	if !l.o.Bootstrap {
		return nil
	}
	has, err := raft.HasExistingState(l.store, l.store, l.marks)
	if err != nil || has {
		return err
	}
	addr := raft.ServerAddress(l.o.Advertise)
	if l.o.Transport != nil {
		addr = l.o.Transport.LocalAddr()
	}
	c := raft.Configuration{Servers: []raft.Server{{Suffrage: raft.Voter, ID: serverID(l.o.ID), Address: addr}}}
	first := &raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(c)}
	if err := l.store.SetUint64([]byte("CurrentTerm"), 1); err != nil {
		return err
	}
	return l.store.StoreLog(first)
}

// Name is the name of this part of a node.
func (l *Log) Name() string { return "raftlog" }

// Err returns the failure after which this node neither takes nor applies entries, or nil.
func (l *Log) Err() error { l.mu.Lock(); defer l.mu.Unlock(); return l.failed }

// fail stops this node's part in the log: its state or its disk is no longer to be relied on.
func (l *Log) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
		close(l.failing)
	}
}

// reached notes how far the machine is, tells waiting followers of the commit, and keeps the log in its budget.
func (l *Log) reached(index uint64) {
	l.passed.Store(index)
	l.watch.wake()
	if l.store.Size() > l.o.LogBudget {
		note(l.grown)
	}
}

// configured hears that a new list of members is in force.
func (l *Log) configured() { note(l.changed) }

// note leaves a note on a channel with room for one.
func note(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// configuration is the latest list of members, committed or not.
func (l *Log) configuration() raft.Configuration {
	if l.raft == nil {
		return raft.Configuration{}
	}
	return l.raft.GetConfiguration().Configuration()
}

// Append puts an entry into the log and returns its index once it is durable on a quorum and applied here.
// The entry is the log's to keep: it must not be changed afterwards.
// Its error is the Applier's own where that refused the entry. Otherwise it is Invalid (too large),
// Exhausted (disk full; not taken) or Unavailable: with ErrNotLeader beneath the entry was not taken, else
// it is unknown whether it was or will be.
func (l *Log) Append(ctx context.Context, entry []byte) (uint64, error) {
	if err := l.writable(len(entry)); err != nil {
		return 0, err
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return 0, edge.E(edge.Unavailable, "the site is busy and did not take the change: %w", ctx.Err())
	case <-l.failing:
		return 0, l.Err()
	}
	if !l.begin() {
		<-l.slots
		return 0, edge.E(edge.Unavailable, "this node is stopping: %w", ErrNotLeader)
	}
	wait := appendTimeout
	if d, ok := ctx.Deadline(); ok {
		wait = time.Until(d)
	}
	type result struct {
		index uint64
		err   error
	}
	done := make(chan result, 1)
	go func() {
		defer l.appends.Done()
		defer func() { <-l.slots }()
		f := l.raft.Apply(entry, max(wait, time.Nanosecond))
		err := f.Error()
		if err == nil {
			err, _ = f.Response().(error)
			done <- result{f.Index(), err}
			return
		}
		done <- result{0, appendError(err)}
	}()
	select {
	case r := <-done:
		return r.index, r.err
	case <-ctx.Done():
		return 0, edge.E(edge.Unavailable, "the site did not answer in time; it is not known whether the change was made: %w", ctx.Err())
	}
}

func (l *Log) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return false
	}
	l.appends.Add(1)
	return true
}

func (l *Log) writable(size int) error {
	if size > l.o.MaxEntry {
		return edge.E(edge.Invalid, "a change of %d bytes is too large: %d is the most", size, l.o.MaxEntry)
	}
	if err := l.Err(); err != nil {
		return edge.E(edge.Unavailable, "this node cannot take changes: %w", err)
	}
	if l.raft.State() != raft.Leader {
		return edge.E(edge.Unavailable, "this node does not lead the site: %w", ErrNotLeader)
	}
	if l.handing.Load() {
		return edge.E(edge.Unavailable, "another node is about to lead the site: %w", ErrNotLeader)
	}
	return l.store.Writable()
}

// appendError sorts raft's errors by what is known about the entry.
func appendError(err error) error {
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress), errors.Is(err, raft.ErrEnqueueTimeout):
		return edge.E(edge.Unavailable, "the change was not taken (%v): %w", err, ErrNotLeader)
	case edge.IsKind(err, edge.Exhausted):
		return err
	}
	return edge.E(edge.Unavailable, "it is not known whether the change was made: %w", err)
}

// Run keeps the log until ctx ends, and then hands leadership over if this node has it. It returns an
// error of kind Corrupt, Exhausted or Unavailable when the log or the state under it can no longer be
// relied on; the node must Close it and may Open it again.
func (l *Log) Run(ctx context.Context) error {
	inner, end := context.WithCancel(ctx)
	var fresh sync.WaitGroup
	fresh.Go(func() { l.becomeFresh(inner) })
	err := l.run(ctx)
	end()
	fresh.Wait()
	l.handOver()
	return err
}

func (l *Log) run(ctx context.Context) error {
	obs := make(chan raft.Observation, 64)
	watcher := raft.NewObserver(obs, false, func(o *raft.Observation) bool {
		switch o.Data.(type) {
		case raft.LeaderObservation, raft.RaftState:
			return true
		}
		return false
	})
	l.raft.RegisterObserver(watcher)
	defer l.raft.DeregisterObserver(watcher)
	l.observe(ctx)
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	var cut time.Time // when the log was last cut for its size
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.closed:
			return nil
		case <-l.failing:
			return l.Err()
		case <-obs:
			l.observe(ctx)
		case <-l.changed:
			if l.wire != nil {
				l.wire.prune()
			}
			l.balance(ctx)
		case <-l.grown:
			if time.Since(cut) < cutEvery {
				continue
			}
			cut = time.Now()
			if err := l.raft.Snapshot().Error(); err != nil && !errors.Is(err, raft.ErrNothingNewToSnapshot) {
				l.log.Debug("the log could not be shortened", "error", err)
			}
		case <-tick.C:
			l.tick(ctx)
		}
	}
}

const (
	tickEvery = time.Second     // how often Run looks after what no event tells
	cutEvery  = 2 * time.Second // each cut makes the state durable, which costs it an fsync
)

func (l *Log) tick(ctx context.Context) {
	l.observe(ctx)
	if err := l.store.Err(); err != nil {
		l.fail(err)
	}
	l.balance(ctx)
	l.regainVote()
}

// Close stops this node's part in the log and closes its storage. Appends under way are given time to end.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		return nil
	}
	l.closing = true
	l.mu.Unlock()
	close(l.closed)
	l.drain()
	stopped := l.raft.Shutdown()
	err := l.watch.Close()
	err = errors.Join(err, stopped.Error(), l.store.Close())
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.subs {
		close(c)
	}
	l.subs = nil
	return err
}

// drain waits for appends under way: raft leaves some without an answer when it is shut down.
func (l *Log) drain() {
	done := make(chan struct{})
	go func() { l.appends.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(4 * l.o.Timing.Election):
	}
}

// fitTrailing bounds the entries kept behind a mark by their bytes, not only their number.
func (l *Log) fitTrailing() {
	first, err1 := l.store.FirstIndex()
	last, err2 := l.store.LastIndex()
	size := l.store.Size()
	if err1 != nil || err2 != nil || last <= first || size == 0 {
		return
	}
	mean := max(uint64(size)/(last-first+1), 1)
	c := l.raft.ReloadableConfig()
	c.TrailingLogs = min(uint64(l.o.Trailing), max(uint64(l.o.LogBudget)/2/mean, 64))
	if err := l.raft.ReloadConfig(c); err != nil {
		l.log.Warn("the log's length could not be set", "error", err)
	}
}
