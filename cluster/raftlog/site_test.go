package raftlog

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/testport"
)

// site is a few logs over TLS on loopback.
type site struct {
	t    testing.TB
	ca   *authority
	net  *netem
	dirs *directory
	all  []*box
	o    func(*Options) // changes to the options of every node

	mu   sync.Mutex
	logs []*Log // every log ever started, for those that write meanwhile
}

// box is one node of it.
type box struct {
	s    *site
	id   identity
	dir  string
	addr string
	app  *ledger
	log  *Log
	stop func()
}

func newSite(t testing.TB) *site {
	return &site{t: t, ca: newAuthority(t), net: &netem{cut: map[[2]string]bool{}}, dirs: &directory{}}
}

func (s *site) add() *box {
	b := &box{s: s, id: s.ca.node(s.t), dir: s.t.TempDir(), addr: testport.Addr(s.t), app: &ledger{}}
	s.all = append(s.all, b)
	return b
}

func (b *box) options() Options {
	st := listen(b.s.t, b.id, b.s.net, b.s.dirs, b.addr)
	b.addr = st.addr
	o := Options{ID: b.id.id, Applier: b.app, Dir: b.dir, Key: make([]byte, 32), Streams: st, PeerID: peerID,
		Member: func(edge.NodeID) bool { return true }}
	if os.Getenv("RAFTLOG_VERBOSE") != "" {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", b.id.id.Short())
	}
	if b.s.o != nil {
		b.s.o(&o)
	}
	return o
}

func (b *box) start(change ...func(*Options)) {
	b.s.t.Helper()
	o := b.options()
	for _, f := range change {
		f(&o)
	}
	l, err := Open(o)
	if err != nil {
		b.s.t.Fatalf("open: %v", err)
	}
	b.run(l)
}

func (b *box) run(l *Log) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { l.Run(ctx); close(done) }()
	b.log = l
	b.s.mu.Lock()
	b.s.logs = append(b.s.logs, l)
	b.s.mu.Unlock()
	b.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		l.Close()
	})
	b.s.t.Cleanup(b.stop)
}

// kill ends a node without handing over, as a crash would; what was not synced is lost.
func (b *box) kill() {
	b.log.Close()
	b.app.crash()
}

// newSiteOf starts n nodes that form a site.
func newSiteOf(t testing.TB, n int, o func(*Options)) *site {
	t.Helper()
	s := newSite(t)
	s.o = o
	first := s.add()
	first.start(func(o *Options) { o.Bootstrap = true })
	s.leader()
	for range n - 1 {
		b := s.add()
		b.start()
		s.must(first.log.Add(within(t, 10*time.Second), b.id.id, b.addr))
	}
	s.wait("votes", 15*time.Second, func() bool {
		voters := 0
		for _, m := range first.log.Members() {
			if m.Voter {
				voters++
			}
		}
		return voters == Voters(n)
	})
	return s
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) wait(what string, d time.Duration, f func() bool) {
	s.t.Helper()
	for end := time.Now().Add(d); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			for _, b := range s.all {
				if b.log != nil {
					s.t.Logf("%s: %+v", b.id.id.Short(), b.log.Stats())
				}
			}
			s.t.Fatalf("no %s after %v", what, d)
		}
	}
}

// leader waits for a node that leads and is ready, among those given or all.
func (s *site) leader(among ...*box) (b *box) {
	s.t.Helper()
	if len(among) == 0 {
		among = s.all
	}
	s.wait("leader", 10*time.Second, func() bool {
		for _, x := range among {
			if x.log != nil && x.log.Leadership().Ready && x.log.leads() {
				b = x
				return true
			}
		}
		return false
	})
	return b
}

// leads asks the others whether this node leads. The answer may be late; it keeps tests from asking a leader
// that has just been cut off.
func (l *Log) leads() bool {
	done := make(chan error, 1)
	go func() { done <- l.raft.VerifyLeader().Error() }()
	select {
	case err := <-done:
		return err == nil
	case <-time.After(time.Second):
		return false
	}
}

// put appends through whoever leads, retrying until it is known to have got through once.
func (s *site) put(text string, among ...*box) {
	s.t.Helper()
	s.wait("answer to "+text, 15*time.Second, func() bool {
		l := s.leader(among...)
		_, err := l.log.Append(within(s.t, 3*time.Second), []byte(text))
		return err == nil
	})
}

// same waits until the states of the boxes hold the same entries, and checks that want is among them.
func (s *site) same(want []string, among ...*box) {
	s.t.Helper()
	if len(among) == 0 {
		among = s.all
	}
	s.wait("agreement", 15*time.Second, func() bool {
		a := among[0].app.texts()
		for _, b := range among[1:] {
			if !slices.Equal(a, b.app.texts()) {
				return false
			}
		}
		return len(want) == 0 || containsAll(a, want)
	})
}

func containsAll(have, want []string) bool {
	set := map[string]bool{}
	for _, h := range have {
		set[h] = true
	}
	for _, w := range want {
		if !set[w] {
			return false
		}
	}
	return true
}

func texts(prefix string, n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("%s%d", prefix, i))
	}
	return out
}

func others(all []*box, not *box) (out []*box) {
	for _, b := range all {
		if b != not {
			out = append(out, b)
		}
	}
	return out
}

func TestSingleNode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.add()
	b.start(func(o *Options) { o.Bootstrap = true })
	for _, x := range texts("a", 20) {
		s.put(x)
	}
	for range 3 {
		b.kill()
		b.start()
		s.leader()
		if got := b.app.texts(); !slices.Equal(got, texts("a", 20)) {
			t.Fatalf("after a restart the state holds %v", got)
		}
	}
}

func TestThreeNodesAgreeAndSurviveTheirLeader(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	var want []string
	for round := range 2 {
		xs := texts(fmt.Sprint("r", round, "-"), 10)
		for _, x := range xs {
			s.put(x)
		}
		want = append(want, xs...)
		l := s.leader()
		l.kill()
		rest := others(s.all, l)
		start := time.Now()
		s.put(fmt.Sprint("after", round), rest...)
		t.Logf("write gap after a kill: %v", time.Since(start))
		want = append(want, fmt.Sprint("after", round))
		l.start()
		s.same(want)
	}
	if got := strings.Join(s.all[0].app.texts(), " "); strings.Count(got, "after0") != 1 {
		t.Fatalf("an entry was applied twice: %s", got)
	}
}
