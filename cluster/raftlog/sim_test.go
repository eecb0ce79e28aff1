package raftlog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// simNode is a node whose network and disk are memory.
type simNode struct {
	id    edge.NodeID
	store *Memory
	app   *ledger
	tr    *raft.InmemTransport
	log   *Log
	ran   chan struct{} // closed when Run has returned
	stop  func()
}

type simSite struct {
	t     *testing.T
	nodes []*simNode
	down  map[*simNode]bool
}

func (s *simSite) start(n *simNode, bootstrap bool) {
	s.t.Helper()
	_, n.tr = raft.NewInmemTransport(raft.ServerAddress(n.id.Short()))
	l, err := Open(Options{ID: n.id, Applier: n.app, Storage: n.store, Transport: n.tr, Bootstrap: bootstrap, Trailing: 20})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { l.Run(ctx); close(done) }()
	n.log, n.ran = l, done
	n.stop = func() { cancel(); <-done; l.Close() }
	delete(s.down, n)
	s.wire()
}

// wire connects all nodes that are up.
func (s *simSite) wire() {
	for _, a := range s.nodes {
		for _, b := range s.nodes {
			if a != b && a.tr != nil && b.tr != nil && !s.down[a] && !s.down[b] {
				a.tr.Connect(b.tr.LocalAddr(), b.tr)
			}
		}
	}
}

func (s *simSite) isolate(n *simNode) {
	n.tr.DisconnectAll()
	for _, o := range s.nodes {
		if o != n && o.tr != nil {
			o.tr.Disconnect(n.tr.LocalAddr())
		}
	}
}

func (s *simSite) leader() *simNode {
	for range 10_000 {
		for _, n := range s.nodes {
			if !s.down[n] && n.log != nil && n.log.Leadership().Ready && n.log.leads() {
				return n
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatal("no leader in 100 s")
	return nil
}

func (s *simSite) put(text string) {
	for range 1000 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err := s.leader().log.Append(ctx, []byte(text))
		cancel()
		if err == nil {
			return
		}
	}
	s.t.Fatalf("%s was never acknowledged", text)
}

// Leaders are killed, with what was not synced, cut off or asked to hand over, in virtual time. Whatever was
// acknowledged is everywhere in the end, once and in one order, but for retries.
func TestSimulatedFailovers(t *testing.T) {
	seeds := 20
	if n, err := strconv.Atoi(os.Getenv("RAFTLOG_SEEDS")); err == nil {
		seeds = n
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { simulate(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func simulate(t *testing.T, rnd *rand.Rand) {
	s := &simSite{t: t, down: map[*simNode]bool{}}
	defer time.Sleep(time.Minute) // what raft has left to time out
	for i := range 3 {
		s.nodes = append(s.nodes, &simNode{id: edge.NodeID{byte(i + 1)}, store: NewMemory(), app: &ledger{}})
	}
	for i, n := range s.nodes {
		s.start(n, i == 0)
		defer func() { n.stop() }()
		if i > 0 {
			if err := s.leader().log.Add(t.Context(), n.id, string(n.tr.LocalAddr())); err != nil {
				t.Fatal(err)
			}
		}
	}
	for votes := 0; votes < 3; time.Sleep(100 * time.Millisecond) {
		votes = 0
		for _, m := range s.leader().log.Members() {
			if m.Voter {
				votes++
			}
		}
	}
	var want []string
	worst := time.Duration(0)
	for round := range 12 {
		for i := range 5 {
			x := fmt.Sprint(round, "-", i)
			s.put(x)
			want = append(want, x)
		}
		l := s.leader()
		start := time.Now()
		switch kind := rnd.IntN(4); kind {
		case 0:
			s.isolate(l)
			s.down[l] = true
			l.stop()
			l.app.crash()
			s.put(fmt.Sprint("killed", round))
			want = append(want, fmt.Sprint("killed", round))
			worst = max(worst, time.Since(start))
			s.start(l, false)
		case 1:
			s.isolate(l)
			s.down[l] = true
			s.put(fmt.Sprint("cut", round))
			want = append(want, fmt.Sprint("cut", round))
			worst = max(worst, time.Since(start))
			delete(s.down, l)
			s.wire()
		case 2:
			l.log.Transfer(t.Context(), edge.NodeID{})
		case 3:
			l.log.raft.Snapshot().Error()
		}
	}
	deadline := time.Now().Add(2 * time.Minute)
	for !agree(s.nodes, want) {
		if time.Now().After(deadline) {
			for _, n := range s.nodes {
				t.Logf("%+v holds %d entries", n.log.Stats(), len(n.app.texts()))
			}
			t.Fatal("the nodes do not come to agree")
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("longest write gap %v", worst)
	if worst > 3*time.Second {
		t.Errorf("the longest write gap was %v", worst)
	}
}

func agree(nodes []*simNode, want []string) bool {
	first := nodes[0].app.texts()
	for _, n := range nodes[1:] {
		if !slices.Equal(n.app.texts(), first) {
			return false
		}
	}
	return containsAll(first, want)
}

func TestPlanRoles(t *testing.T) {
	now := time.Unix(1000, 0)
	mk := func(s string) (ms []Member) { // L leader, V voter, o non-voter fit, x non-voter behind, z not heard of
		for i, c := range s {
			m := Member{ID: edge.NodeID{byte(i + 1)}, Addr: fmt.Sprint(i), Seen: now, Leader: c == 'L', Voter: c == 'L' || c == 'V'}
			if c == 'x' {
				m.Behind = 10_000
			}
			if c == 'z' {
				m.Seen = time.Time{}
			}
			ms = append(ms, m)
		}
		return ms
	}
	for _, tc := range []struct{ in, want string }{
		{"L", ""}, {"Lo", ""}, {"LV", "-2"}, {"Loo", "+2"}, {"LVo", "+3"}, {"Lox", ""}, {"Loz", ""}, {"LVx", ""},
		{"LVV", ""}, {"LVVo", ""}, {"LVVV", "-2"}, {"LVVoo", "+4"}, {"LVVVo", "+5"}, {"LVVVV", ""}, {"LVVVVo", ""}, {"oL", ""}, {"ooL", "+1"},
	} {
		got := ""
		if r, ok := PlanRoles(mk(tc.in), now); ok {
			got = fmt.Sprint(map[bool]string{true: "+", false: "-"}[r.Voter], r.ID[0])
		}
		if got != tc.want {
			t.Errorf("%s: %q, not %q", tc.in, got, tc.want)
		}
	}
}
