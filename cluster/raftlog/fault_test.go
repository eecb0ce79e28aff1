package raftlog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// writer keeps putting numbered entries until stopped, and remembers what was acknowledged.
type writer struct {
	s     *site
	mu    sync.Mutex
	acked []string
	gap   time.Duration // longest between two acknowledgements
	stop  chan struct{}
	done  chan struct{}
}

func (s *site) writing(prefix string) *writer {
	w := &writer{s: s, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		last := time.Now()
		for i := 0; ; i++ {
			select {
			case <-w.stop:
				return
			default:
			}
			text := fmt.Sprint(prefix, i)
			ok := false
			s.mu.Lock()
			logs := slices.Clone(s.logs)
			s.mu.Unlock()
			for _, l := range logs {
				if !l.Leadership().Self {
					continue
				}
				if _, err := l.Append(within(s.t, time.Second), []byte(text)); err == nil {
					ok = true
					break
				}
			}
			if !ok {
				time.Sleep(5 * time.Millisecond)
				continue
			}
			w.mu.Lock()
			w.acked = append(w.acked, text)
			w.gap = max(w.gap, time.Since(last))
			w.mu.Unlock()
			last = time.Now()
		}
	}()
	return w
}

func (w *writer) end() []string {
	close(w.stop)
	<-w.done
	return w.acked
}

func (w *writer) count() int { w.mu.Lock(); defer w.mu.Unlock(); return len(w.acked) }

// reset forgets the longest gap and returns it.
func (w *writer) reset() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.gap
	w.gap = 0
	return g
}

func TestCutLeaderStepsDownAndNothingAcknowledgedIsLost(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	for _, way := range []string{"isolated", "deaf", "mute"} {
		t.Run(way, func(t *testing.T) {
			w := s.writing(way + "-")
			s.wait("writes", 10*time.Second, func() bool { return w.count() > 20 })
			w.reset()
			l, cut := s.leader(), time.Now()
			for _, o := range others(s.all, l) {
				s.net.set(l.addr, o.addr, way != "deaf")
				s.net.set(o.addr, l.addr, way != "mute")
			}
			s.wait("another leader", 10*time.Second, func() bool {
				for _, o := range others(s.all, l) {
					if o.log.Leadership().Ready {
						return true
					}
				}
				return false
			})
			s.wait("the old leader to step down", 5*time.Second, func() bool { return !l.log.Leadership().Self })
			n := w.count()
			s.wait("writes again", 10*time.Second, func() bool { return w.count() > n+20 })
			t.Logf("write gap %v", w.reset())
			time.Sleep(time.Until(cut.Add(3 * time.Second))) // long enough for a node that asks for votes without asking whether it may to come to terms far ahead
			term := uint64(0)
			for _, o := range others(s.all, l) {
				term = max(term, o.log.raft.CurrentTerm())
			}
			for _, o := range others(s.all, l) {
				s.net.set(l.addr, o.addr, false)
				s.net.set(o.addr, l.addr, false)
			}
			n = w.count()
			s.wait("writes after healing", 10*time.Second, func() bool { return w.count() > n+20 })
			acked := w.end()
			s.same(acked)
			if now := s.leader().log.raft.CurrentTerm(); now > term+3 {
				t.Errorf("the term rose from %d to %d: a cut node disturbs the others", term, now)
			}
		})
	}
}

func TestAllRestartAndLoseWhatWasNotSynced(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	want := texts("x", 30)
	for _, x := range want[:20] {
		s.put(x)
	}
	s.same(want[:20])
	for _, b := range s.all {
		b.app.Sync()
	}
	for _, x := range want[20:] {
		s.put(x)
	}
	for _, b := range s.all {
		b.kill()
	}
	for _, b := range s.all {
		if b.app.Applied() == 0 {
			t.Fatal("the fault did not happen as meant")
		}
		b.start()
	}
	s.same(want)
	if got := s.all[0].app.texts(); !slices.Equal(got, want) {
		t.Fatalf("the state holds %q", got)
	}
}

// mark makes a node's state durable and cuts its log, as happens when the log has grown.
func (b *box) mark() error { return b.log.raft.Snapshot().Error() }

// A node that lacks more than the log holds is filled by a snapshot while writes go on, and then by the log.
func TestSnapshotInstallDuringWrites(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, func(o *Options) { o.Trailing = 10 })
	w := s.writing("w")
	s.wait("writes", 20*time.Second, func() bool { return w.count() > 300 })
	l := s.leader()
	late := others(s.all, l)[0]
	late.stop()
	late.app.crash()
	n := w.count()
	s.wait("more writes", 20*time.Second, func() bool { return w.count() > n+300 })
	for _, b := range others(s.all, late) {
		s.must(b.mark())
	}
	newcomer := s.add()
	newcomer.start()
	late.start()
	s.wait("the newcomer to be added", 20*time.Second, func() bool {
		return s.leader().log.Add(within(t, 5*time.Second), newcomer.id.id, newcomer.addr) == nil
	})
	n = w.count()
	s.wait("writes to go on", 20*time.Second, func() bool { return w.count() > n+100 })
	acked := w.end()
	s.same(acked)
	if late.app.restore == 0 || newcomer.app.restore == 0 {
		t.Errorf("no snapshot was installed: %d, %d", late.app.restore, newcomer.app.restore)
	}
	for _, b := range []*box{late, newcomer} { // and what was installed survives
		b.stop()
		b.app.crash()
		b.start()
	}
	s.put("after")
	s.same(append(acked, "after"))
}

// Below the mark the state catches up from the log by itself, or says that it cannot.
func TestStateBehindItsMark(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.add()
	b.start(func(o *Options) { o.Bootstrap = true })
	want := texts("x", 40)
	for _, x := range want {
		s.put(x)
	}
	s.must(b.mark())
	b.stop()
	b.app.entries, b.app.applied, b.app.durable = b.app.entries[:10], b.app.entries[9].Index, 10
	b.start()
	s.leader()
	if got := b.app.texts(); !slices.Equal(got, want) {
		t.Fatalf("the state holds %q", got)
	}
	o := b.s.o
	b.s.o = func(o *Options) { o.Trailing = 5 }
	b.stop()
	b.start()
	for _, x := range texts("y", 20) {
		s.put(x)
	}
	s.must(b.mark())
	b.stop()
	b.s.o = o
	b.app.entries, b.app.applied, b.app.durable = nil, 0, 0
	opts := b.options()
	if _, err := Open(opts); !edge.IsKind(err, edge.Corrupt) {
		t.Fatalf("an empty state beside a cut log: %v", err)
	}
	opts.Streams.Close()
}

// A log that lost acknowledged entries is refused: the state knows better.
func TestLogShorterThanTheState(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.add()
	b.start(func(o *Options) { o.Bootstrap = true })
	for _, x := range texts("x", 10) {
		s.put(x)
	}
	b.stop()
	names, _ := filepath.Glob(filepath.Join(b.dir, "log", "*.seg"))
	raw, _ := os.ReadFile(names[len(names)-1])
	s.must(os.WriteFile(names[len(names)-1], raw[:len(raw)-100], 0o600))
	o := b.options()
	if _, err := Open(o); !edge.IsKind(err, edge.Corrupt) {
		t.Fatalf("opened: %v", err)
	}
	o.Streams.Close()
}

// A damaged log is refused, or fetched anew from the others where that is allowed; until then the node has
// no vote.
func TestDamagedLogIsFetchedFromTheOthers(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	want := texts("x", 20)
	for _, x := range want {
		s.put(x)
	}
	s.same(want)
	hurt := others(s.all, s.leader())[0]
	hurt.stop()
	names, _ := filepath.Glob(filepath.Join(hurt.dir, "log", "*.seg"))
	raw, _ := os.ReadFile(names[len(names)-1])
	raw[len(raw)/2] ^= 1
	s.must(os.WriteFile(names[len(names)-1], raw, 0o600))
	o := hurt.options()
	if _, err := Open(o); !edge.IsKind(err, edge.Corrupt) {
		t.Fatalf("a damaged log was opened: %v", err)
	}
	o.Streams.Close()
	hurt.app = &ledger{}
	hurt.start(func(o *Options) { o.Resync = true })
	if !hurt.log.Stats().NoVote {
		t.Fatal("a node that forgot entries may vote")
	}
	s.put("more")
	s.same(append(want, "more"))
	hurt.log.begun = hurt.log.begun.Add(-forgottenAfter)
	s.wait("the vote", 10*time.Second, func() bool { return !hurt.log.Stats().NoVote })
	if got := hurt.app.texts(); !bytes.Equal([]byte(fmt.Sprint(got)), []byte(fmt.Sprint(append(want, "more")))) {
		t.Fatalf("the state holds %q", got)
	}
}

func TestErrorsOfAppend(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	l := s.leader()
	f := others(s.all, l)[0]
	if _, err := f.log.Append(within(t, time.Second), []byte("x")); !edge.IsKind(err, edge.Unavailable) || !errors.Is(err, ErrNotLeader) {
		t.Errorf("on a follower: %v", err)
	}
	if _, err := l.log.Append(within(t, time.Second), make([]byte, 5<<20)); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("too large: %v", err)
	}
	for _, b := range s.all {
		b.app.refuse = func(e edge.Entry) error {
			if string(e.Data) == "no" {
				return edge.E(edge.Conflict, "no")
			}
			return nil
		}
	}
	if _, err := l.log.Append(within(t, time.Second), []byte("no")); !edge.IsKind(err, edge.Conflict) {
		t.Errorf("refused by the state: %v", err)
	}
	for _, o := range others(s.all, l) {
		s.net.set(l.addr, o.addr, true)
		s.net.set(o.addr, l.addr, true)
	}
	_, err := l.log.Append(within(t, 3*time.Second), []byte("maybe"))
	if !edge.IsKind(err, edge.Unavailable) || errors.Is(err, ErrNotLeader) {
		t.Errorf("without a quorum: %v", err)
	}
}

// A state that cannot go on stops its own node and no other.
func TestStateThatStops(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	s.put("one")
	l := s.leader()
	l.app.mu.Lock()
	l.app.stop = edge.E(edge.Corrupt, "the store is damaged")
	l.app.mu.Unlock()
	if _, err := l.log.Append(within(t, 2*time.Second), []byte("two")); err == nil {
		t.Error("was acknowledged")
	}
	if err := l.log.Err(); !edge.IsKind(err, edge.Corrupt) {
		t.Errorf("the log reports %v", err)
	}
	if h := l.log.Report(t.Context()); h.Level != edge.Failed {
		t.Errorf("health is %v", h)
	}
	l.stop()
	rest := others(s.all, l)
	s.put("three", rest...)
	s.same([]string{"one", "two", "three"}, rest...)
}

func TestVotesFollowTheNumberOfNodes(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 2, nil)
	votes := func() (n int) {
		for _, m := range s.leader().log.Members() {
			if m.Voter {
				n++
			}
		}
		return n
	}
	for n := 3; n <= 5; n++ {
		b := s.add()
		b.start()
		s.must(s.leader().log.Add(within(t, 5*time.Second), b.id.id, b.addr))
		s.wait(fmt.Sprint("votes of ", n), 15*time.Second, func() bool { return votes() == Voters(n) })
	}
	for n := 4; n >= 2; n-- {
		l := s.leader()
		gone := others(s.all, l)[0]
		s.must(l.log.Remove(within(t, 5*time.Second), gone.id.id))
		gone.stop()
		s.all = others(s.all, gone)
		s.wait(fmt.Sprint("votes of ", n), 15*time.Second, func() bool { return votes() == Voters(n) })
	}
	s.put("x")
}
