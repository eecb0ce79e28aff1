package hub

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/sync/semaphore"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// A Hub listens, takes in and gives out. It does not own its Store and Codec.
type Hub struct {
	edge.Redacted

	o      Options
	codec  *wire.Codec
	in     *intake
	ports  *ports
	hellos *semaphore.Weighted // HELLOs that may use the store at a time
	count  Counters
	live   atomic.Int64 // sessions
	grown  atomic.Int64 // bytes of QUIC windows given beyond the first
	moves  atomic.Int64 // sessions that began or ended since the last crowd

	crowded chan struct{} // capacity 1: a crowd came or went

	downMu sync.Mutex // held while configurations and commands are changed

	mu        sync.Mutex               // guards what follows
	sessions  map[edge.NodeID]*session // live and welcomed
	boots     map[edge.NodeID]boots
	nodes     map[edge.NodeID]Node
	parents   map[string][]edge.NodeID // who forwards for an origin
	own       map[string]bool          // origins that are this box itself
	alarms    map[string]Alarm
	waiters   map[wire.StreamID]chan struct{} // closed when a stream moves
	failing   error                           // why the store did not work last
	windows   map[*quic.Conn]int64
	objects   objects
	backlogs  map[edge.NodeID]Backlog
	unkept    map[edge.NodeID]struct{} // nodes whose newest backlog is not in the store yet
	closing   bool
	retaining error // why old records could not be forgotten last
}

// Open reads what the hub knows and listens. Run does the work.
func Open(ctx context.Context, o Options) (*Hub, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	h := &Hub{o: o, codec: o.Codec, hellos: semaphore.NewWeighted(64), sessions: map[edge.NodeID]*session{}, boots: map[edge.NodeID]boots{},
		nodes: map[edge.NodeID]Node{}, parents: map[string][]edge.NodeID{}, own: map[string]bool{}, alarms: map[string]Alarm{},
		waiters: map[wire.StreamID]chan struct{}{}, windows: map[*quic.Conn]int64{}, crowded: make(chan struct{}, 1),
		backlogs: map[edge.NodeID]Backlog{}, unkept: map[edge.NodeID]struct{}{}}
	h.in = newIntake(h, o.Budget)
	if err := h.load(ctx); err != nil {
		return nil, err
	}
	if err := h.loadObjects(ctx); err != nil {
		return nil, err
	}
	p, err := listen(h)
	if err != nil {
		return nil, err
	}
	h.ports = p
	return h, nil
}

// Name is the name of the part.
func (h *Hub) Name() string { return "hub" }

// Addr is where the hub listens, host:port, UDP and TCP.
func (h *Hub) Addr() string { return h.ports.addr() }

// Run works until ctx ends; then it tells every node to leave, stores what it has, acknowledges it and
// closes.
func (h *Hub) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var intake, rest sync.WaitGroup
	intake.Go(func() { h.in.run(work) })
	rest.Go(func() { h.ports.serve(work) })
	rest.Go(func() { h.tick(work) })
	rest.Go(func() { h.retain(work) })
	rest.Go(func() { h.settle(work) })
	<-ctx.Done()
	h.farewell()
	stop()
	intake.Wait()
	h.ports.close()
	rest.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTime)
	defer cancel()
	h.keepBacklogs(last)
	return nil
}

// Close closes the ports of a hub that was never run, or is done.
func (h *Hub) Close() error {
	h.ports.close()
	return nil
}

const farewellTime = 5 * time.Second

// farewell empties the queue, then sends everybody away, with the last acknowledgements in front.
func (h *Hub) farewell() {
	h.mu.Lock()
	h.closing = true
	all := make([]*session, 0, len(h.sessions))
	for _, s := range h.sessions {
		all = append(all, s)
	}
	h.mu.Unlock()
	h.ports.stop()
	ctx, cancel := context.WithTimeout(context.Background(), farewellTime)
	defer cancel()
	for h.in.q.size() > 0 && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(func() {
			s.goaway(ctx, wire.Goaway{Reason: wire.Restarting, Text: "the hub restarts", Within: 30 * time.Second, Hubs: h.o.Others}, nil)
		})
	}
	wg.Wait()
}

func (h *Hub) now() time.Time { return h.o.Clock() }

// window is how much credit one class of one session gets at a time: the budget shared by all, but never
// so little that a link with a long round trip stands still.
func (h *Hub) window() uint64 {
	share := h.o.Budget / 2 / max(1, h.live.Load())
	if h.in.q.size() > h.o.Budget/2 {
		share = 0
	}
	return uint64(min(max(share, smallest), largest))
}

// grow lets a QUIC connection's window become larger while all of them stay within the budget.
func (h *Hub) grow(c *quic.Conn, delta uint64) bool {
	if h.grown.Add(int64(delta)) > h.o.Budget {
		h.grown.Add(-int64(delta))
		return false
	}
	h.mu.Lock()
	h.windows[c] += int64(delta)
	h.mu.Unlock()
	return true
}

func (h *Hub) shrink(c *quic.Conn) {
	h.mu.Lock()
	n := h.windows[c]
	delete(h.windows, c)
	h.mu.Unlock()
	h.grown.Add(-n)
}

// boots remembers the last processes of a node, newest last.
type boots [][16]byte

const (
	maxBoots   = 4
	cloneLimit = 3 // times two processes of one node may take turns before the node is locked out
)

// enter makes s the node's session. An older one is sent away; s itself is refused where it is the older.
func (h *Hub) enter(s *session, f *wire.Hello) error {
	h.mu.Lock()
	if h.closing {
		h.mu.Unlock()
		return edge.E(edge.Unavailable, "the hub is closing")
	}
	old := h.sessions[s.peer.ID]
	if old != nil && old.hello.Boot == f.Boot && old.hello.Session > f.Session {
		h.mu.Unlock()
		return edge.E(edge.Conflict, "a newer session of this node is open")
	}
	twice := h.turns(s.peer.ID, f.Boot)
	h.sessions[s.peer.ID] = s
	n := h.live.Load()
	h.mu.Unlock()
	h.count.Sessions.Add(1)
	h.moved()
	h.o.Logger.Info("a node connected", "node", s.peer.ID.Short(), "site", s.peer.Site, "over", s.link.Transport(), "build", clip(f.Build, 64), "sessions", n)
	if old != nil {
		g := wire.Goaway{Reason: wire.Replaced, Text: "a newer session of this node took over"}
		if twice {
			g.After = 30 * time.Second
		}
		go old.goaway(context.Background(), g, nil) // bounded by its own deadline
	}
	if twice {
		return h.cloned(s.peer)
	}
	return nil
}

// turns notes a process of a node and reports whether it was seen before with another in between: then
// two of them live. mu is held.
func (h *Hub) turns(id edge.NodeID, boot [16]byte) bool {
	b := h.boots[id]
	for i, x := range b {
		if x == boot {
			if i == len(b)-1 {
				return false
			}
			h.boots[id] = append(append(b[:i:i], b[i+1:]...), boot)
			return true
		}
	}
	if b = append(b, boot); len(b) > maxBoots {
		b = b[1:]
	}
	h.boots[id] = b
	return false
}

// leave forgets a session that has ended.
func (h *Hub) leave(s *session, err error) {
	h.moved()
	h.mu.Lock()
	mine := h.sessions[s.peer.ID] == s
	if mine {
		delete(h.sessions, s.peer.ID)
		if n, ok := h.nodes[s.peer.ID]; ok {
			n.Seen = h.now()
			h.nodes[s.peer.ID] = n
		}
	}
	h.mu.Unlock()
	if err != nil && !edge.IsKind(err, edge.Unavailable) {
		h.count.Broken.Add(1)
		h.o.Logger.Warn("a node's link was closed for cause", "node", s.peer.ID.Short(), "cause", err)
	} else if mine {
		h.o.Logger.Info("a node left", "node", s.peer.ID.Short(), "cause", err)
	}
}

// stored tells those who wait for a stream that it moved.
func (h *Hub) stored(id wire.StreamID, fresh bool) {
	h.mu.Lock()
	if c := h.waiters[id]; c != nil {
		close(c)
		delete(h.waiters, id)
	}
	worked := h.failing != nil
	h.failing = nil
	h.mu.Unlock()
	if worked {
		h.o.Logger.Info("the hub's store works again")
	}
	if fresh && h.o.Kick != nil {
		h.o.Kick(id)
	}
}

func (h *Hub) forked(id wire.StreamID, via edge.NodeID, f store.Fork) {
	if h.o.Forked != nil {
		h.o.Forked(id)
	}
	if f.At.IsZero() && f.Missing == 0 {
		return
	}
	text := "the stream began a new epoch: " + f.Reason
	if f.Missing > 0 {
		text += "; records of the old one are missing"
	}
	h.alarm(AlarmEpoch, via, id, text)
}

// trouble notes that the store does not work. It is logged once until it works again.
func (h *Hub) trouble(what string, err error) {
	h.mu.Lock()
	first := h.failing == nil
	h.failing = err
	h.mu.Unlock()
	h.count.StoreErrors.Add(1)
	if first {
		h.o.Logger.Error("the hub's store does not work", "doing", what, "cause", err)
	}
}

func clip(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "�")
	}
	return strings.ToValidUTF8(s[:n-3], "") + "…"
}
