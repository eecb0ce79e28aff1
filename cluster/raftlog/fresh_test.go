package raftlog

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// A gated ledger takes nothing until its gate is opened.
type gated struct {
	*ledger
	gate chan struct{}
	open func()
}

func newGated(l *ledger) *gated {
	g := &gated{ledger: l, gate: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.gate) })
	return g
}

func (g *gated) Apply(entries []edge.Entry) []error { <-g.gate; return g.ledger.Apply(entries) }

func settled(l *Log) bool {
	select {
	case <-l.Settled():
		return true
	default:
		return false
	}
}

// killedSole is a site of one node that was killed: its log is whole, and its state, which was never synced, is empty.
func killedSole(t *testing.T) (*site, *box, []string) {
	t.Helper()
	s := newSite(t)
	b := s.add()
	b.start(func(o *Options) { o.Bootstrap = true })
	want := texts("a", 30)
	for _, x := range want {
		s.put(x)
	}
	b.kill()
	if b.app.Applied() != 0 {
		t.Fatal("the fault did not happen as meant")
	}
	return s, b, want
}

// A node alone lost its unsynced state. It is not fresh before all of its log is applied again.
func TestSoleNodeIsFreshOnceItsLogIsReplayed(t *testing.T) {
	t.Parallel()
	s, b, want := killedSole(t)
	g := newGated(b.app)
	b.start(func(o *Options) { o.Applier, o.Patience = g, 100*time.Millisecond })
	t.Cleanup(g.open)
	s.wait("a leader", 5*time.Second, func() bool { return b.log.Leadership().Self })
	time.Sleep(300 * time.Millisecond)
	if settled(b.log) || b.log.Doubt() == nil {
		t.Error("a node says it is fresh while its log is not applied")
	}
	if err := b.log.WaitFresh(within(t, 10*time.Millisecond)); !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("waiting ended with %v", err)
	}
	if h := b.log.Report(t.Context()); h.Level != edge.Degraded {
		t.Errorf("health is %+v", h)
	}
	g.open()
	s.must(b.log.WaitFresh(within(t, 5*time.Second)))
	if got := b.app.texts(); b.log.Doubt() != nil || !slices.Equal(got, want) {
		t.Errorf("fresh with %v, doubt %v", got, b.log.Doubt())
	}
}

// What a state is known to have reached is in it again before anybody can ask, with no other node up. The node
// then says that it may be old, and no longer once a leader is there.
func TestReachedIsThereWithoutAQuorum(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	want := texts("a", 20)
	for _, x := range want {
		s.put(x)
	}
	s.same(want)
	one := others(s.all, s.leader())[0]
	reached := one.app.Applied()
	for _, b := range s.all {
		b.kill()
	}
	one.start(func(o *Options) { o.Reached, o.Patience = reached, 300*time.Millisecond })
	if got := one.app.texts(); !slices.Equal(got, want) {
		t.Fatalf("right after its start the node shows %v", got)
	}
	if one.log.Doubt() == nil {
		t.Error("a node that has heard nobody has no doubts")
	}
	s.must(one.log.WaitFresh(within(t, 5*time.Second)))
	if err := one.log.Doubt(); !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("a node without a quorum says %v", err)
	}
	for _, b := range others(s.all, one) {
		b.start()
	}
	for _, b := range s.all {
		s.wait("an end of doubts", 10*time.Second, func() bool { return b.log.Doubt() == nil })
		if got := b.app.texts(); !slices.Equal(got, want) {
			t.Errorf("fresh with %v", got)
		}
	}
}

// A follower that is behind is not fresh before it has what the leader had committed.
func TestFollowerIsFreshOnceItHasCaughtUp(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	late := others(s.all, s.leader())[0]
	late.kill()
	want := texts("a", 50)
	for _, x := range want {
		s.put(x, others(s.all, late)...)
	}
	g := newGated(late.app)
	late.start(func(o *Options) { o.Applier = g })
	t.Cleanup(g.open)
	s.wait("the log", 5*time.Second, func() bool { return late.log.Stats().Commit >= 50 })
	time.Sleep(100 * time.Millisecond)
	if settled(late.log) || late.log.Doubt() == nil {
		t.Error("a follower says it is fresh while it has applied nothing")
	}
	g.open()
	s.wait("an end of doubts", 5*time.Second, func() bool { return late.log.Doubt() == nil })
	if got := late.app.texts(); !slices.Equal(got, want) {
		t.Errorf("fresh with %v", got)
	}
}

// A follower that has a leader and does not get on settles for what it has, and says so.
func TestFollowerThatDoesNotGetOnSettles(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	want := texts("a", 10)
	for _, x := range want {
		s.put(x)
	}
	s.same(want)
	stuck := others(s.all, s.leader())[0]
	stuck.stop()
	s.put("b", others(s.all, stuck)...)
	g := newGated(stuck.app)
	const patience = time.Second
	stuck.start(func(o *Options) { o.Applier, o.Patience = g, patience })
	t.Cleanup(g.open)
	s.wait("a leader", 5*time.Second, func() bool { return stuck.log.led() })
	s.wait("an end of waiting", stuckAfter*patience/2, func() bool { return settled(stuck.log) })
	if err := stuck.log.Doubt(); !edge.IsKind(err, edge.Unavailable) || !strings.Contains(err.Error(), "may be old") {
		t.Errorf("it says %v", err)
	}
	g.open()
	s.wait("an end of doubts", 10*time.Second, func() bool { return stuck.log.Doubt() == nil })
}

// Who reads on a node that has nothing yet gets a reason, and not silence for as long as he bears it.
func TestReaderOfAnEmptyNodeHearsWhy(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.add()
	b.start(func(o *Options) { o.Patience = 50 * time.Millisecond })
	ctx := within(t, 30*time.Second)
	if err := b.log.WaitFresh(ctx); !edge.IsKind(err, edge.Unavailable) || ctx.Err() != nil {
		t.Errorf("waiting ended with %v, %v", err, ctx.Err())
	}
}

// What a node hears from one that does not lead any more says nothing about how far the log is.
func TestOldLeaderIsNotHeard(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	s.put("a")
	l := s.leader()
	victim, member := others(s.all, l)[0], others(s.all, l)[1]
	term := victim.log.raft.CurrentTerm()
	for _, old := range []uint64{term, term - 1} {
		say(t, s, member.id, victim, message(&raft.AppendEntriesRequest{RPCHeader: header(member.id.id, member.addr), Term: old, PrevLogEntry: 1, PrevLogTerm: 1, LeaderCommitIndex: 1 << 40}))
		if got := victim.log.heard.Load(); got == 1<<40 {
			t.Errorf("a leader of term %d in term %d was believed to have committed %d", old, term, got)
			victim.log.heard.Store(0)
		}
	}
}

// Log and state lost their ends together, so they fit each other; what the state had reached tells.
func TestLogWithoutItsConfirmedTailIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.add()
	b.start(func(o *Options) { o.Bootstrap = true })
	for _, x := range texts("x", 10) {
		s.put(x)
	}
	s.must(b.app.Sync())
	for _, x := range texts("y", 10) {
		s.put(x)
	}
	reached := b.app.Applied()
	b.stop()
	b.app.crash()
	names, _ := filepath.Glob(filepath.Join(b.dir, "log", "*.seg"))
	raw, _ := os.ReadFile(names[len(names)-1])
	s.must(os.WriteFile(names[len(names)-1], raw[:len(raw)-100], 0o600))
	o := b.options()
	o.Reached = reached
	if _, err := Open(o); !edge.IsKind(err, edge.Corrupt) {
		t.Fatalf("opened: %v", err)
	}
	o.Streams.Close()
}

// A full ledger has no room until it is given some.
type full struct {
	*ledger
	room atomic.Bool
}

func (f *full) Apply(entries []edge.Entry) []error {
	if f.room.Load() {
		return f.ledger.Apply(entries)
	}
	errs := make([]error, len(entries))
	for i := range errs {
		errs[i] = edge.E(edge.Exhausted, "the disk is full")
	}
	return errs
}

// A node whose disk is full shows what it has, says that it may be old, and is fresh once there is room.
func TestFullDiskIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s, b, want := killedSole(t)
	f := &full{ledger: b.app}
	b.start(func(o *Options) { o.Applier = f })
	s.must(b.log.WaitFresh(within(t, 5*time.Second)))
	if err := b.log.Doubt(); err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("with a full disk: %v", err)
	}
	f.room.Store(true)
	s.wait("an end of doubts", 10*time.Second, func() bool { return b.log.Doubt() == nil })
	if got := b.app.texts(); !slices.Equal(got, want) {
		t.Errorf("fresh with %v", got)
	}
}
