package syncpair

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/badlink"
	"github.com/aielon/edge/sync/hub"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/uplink"
)

// twin is a second machine with a copy of the node's disk and key. Its uplink is not started.
func (p *realPair) twin(t *testing.T) *realPair {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	copyDir(t, p.dir, dir)
	q := &realPair{TB: t, id: p.id, certs: p.certs, conf: p.conf, link: p.link, hub: p.hub, store: p.store}
	q.openSet(dir)
	return q
}

func (p *realPair) lastError() string { return p.up.Status().LastError }

// Two machines with one key. The newer session sends the older one away; when they take turns, the hub says
// that there is a copy and, after some turns, lets neither in. Neither forgets anything.
func TestTwoMachinesWithOneKey(t *testing.T) {
	quic := uplink.Options{NoTCP: true}
	p := openReal(t, badlink.Options{}, quic)
	p.write(edge.Critical, 0, 10)
	await(t, 20*time.Second, "ten records", p.has(edge.Critical, 10))
	p.check(edge.Critical, 10)
	q := p.twin(t)
	q.startUplink(quic)
	await(t, 20*time.Second, "the older session is sent away", func() bool { return strings.Contains(p.lastError(), "a newer session of this node took over") })
	alarm := func(kind string) bool {
		for _, a := range p.hub.Alarms() {
			if a.Kind == kind && a.Node == p.id {
				return true
			}
		}
		return false
	}
	await(t, 20*time.Second, "the alarm", func() bool { p.up.Kick(); return alarm(hub.AlarmClone) })
	locked := func(x *realPair) bool {
		st := x.up.Status()
		return !st.Connected && st.Failures > 0
	}
	await(t, 30*time.Second, "both are locked out", func() bool {
		p.up.Kick()
		q.up.Kick()
		n, err := p.hub.Node(p.id)
		return err == nil && n.Cloned >= 3 && len(p.hub.Sessions()) == 0 && locked(p) && locked(q)
	})
	p.write(edge.Critical, 10, 15)
	q.write(edge.Critical, 50, 55)
	p.up.Kick()
	q.up.Kick()
	time.Sleep(300 * time.Millisecond)
	if !p.has(edge.Critical, 10)() || p.has(edge.Critical, 11)() || len(p.hub.Sessions()) != 0 {
		t.Error("a machine that is locked out has delivered something")
	}
	for _, x := range []*realPair{p, q} {
		if c := x.set.Journal(edge.Critical).Counts("uplink"); c.Lost != 0 || c.Waiting != 5 {
			t.Errorf("a machine keeps %+v", c)
		}
	}
}

// A slow disk is a store that takes its time to commit.
type slowDisk struct {
	store.Store
	mu   sync.Mutex
	gate chan struct{} // guarded by mu; closed: commits pass
}

// Commit implements store.Store.
func (s *slowDisk) Commit(ctx context.Context, list []store.Append) ([]store.Result, error) {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	<-gate
	return s.Store.Commit(ctx, list)
}

func (s *slowDisk) set(gate chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = gate
}

// Two machines with one key write different records under one number, and the hub's disk is so slow that the
// second comes while the first is being stored. The stream is frozen, both records are kept as evidence,
// also after the hub was started again, and the other streams go on.
func TestFrozenStreamKeepsBothRecords(t *testing.T) {
	open := make(chan struct{})
	close(open)
	disk := &slowDisk{gate: open}
	p := openTuned(t, badlink.Options{}, uplink.Options{NoTCP: true}, func(o *hub.Options) { disk.Store, o.Store = o.Store, disk })
	dir, addr := filepath.Join(t.TempDir(), "hub"), p.hub.Addr()
	p.stopHub()
	p.startHub(addr, dir)
	p.write(edge.Critical, 0, 10)
	await(t, 20*time.Second, "ten records", func() bool { p.up.Kick(); return p.has(edge.Critical, 10)() })
	p.check(edge.Critical, 10)
	p.stopUp()
	q := p.twin(t)

	gate := make(chan struct{})
	disk.set(gate)
	release := sync.OnceFunc(func() { close(gate); disk.set(open) })
	t.Cleanup(release)
	p.write(edge.Critical, 100, 101)
	q.write(edge.Critical, 200, 201)
	waiting := func(x *realPair) func() bool {
		return func() bool {
			s := p.hub.Sessions()
			return x.up.Status().Connected && len(s) == 1 && s[0].Waiting > 0
		}
	}
	p.startUplink(uplink.Options{NoTCP: true})
	await(t, 20*time.Second, "the first machine's record", waiting(p))
	time.Sleep(100 * time.Millisecond) // it is in the commit that stands
	q.startUplink(uplink.Options{NoTCP: true})
	await(t, 20*time.Second, "the first machine gone", func() bool { return !p.up.Status().Connected })
	p.stopUp()
	await(t, 20*time.Second, "the second machine's record", waiting(q))
	release()
	id := p.stream(edge.Critical)
	await(t, 20*time.Second, "the stream frozen", func() bool { s, err := p.store.Stream(t.Context(), id); return err == nil && s.Frozen != "" })
	q.write(edge.Ledger, 0, 5)
	await(t, 20*time.Second, "another stream", p.has(edge.Ledger, 5))
	await(t, 20*time.Second, "word at the second machine", func() bool {
		for _, s := range q.up.Status().Streams {
			if s.ID == id && strings.Contains(s.Held, "frozen") {
				return true
			}
		}
		return false
	})
	q.stopUp()
	p.stopHub()
	p.startHub(addr, dir)
	list, err := p.hub.Evidences(t.Context(), "")
	if err != nil || len(list) != 1 || list[0].Stream != id.String() {
		t.Fatalf("%+v, %v", list, err)
	}
	if e := list[0]; !strings.Contains(string(e.OurRecord), `"v":100}`) || !strings.Contains(string(e.TheirRecord), `"v":200}`) {
		t.Errorf("the evidence is %q and %q", e.OurRecord, e.TheirRecord)
	}
	if s, err := p.store.Stream(t.Context(), id); err != nil || s.Frozen == "" || s.Counts.Accepted != 11 {
		t.Errorf("after a restart: %+v, %v", s, err)
	}
	if a := p.hub.Alarms(); len(a) == 0 || a[0].Kind != hub.AlarmFork {
		t.Errorf("alarms %+v", a)
	}
	if c := q.set.Journal(edge.Critical).Counts("uplink"); c.Waiting != 1 || c.Lost != 0 {
		t.Errorf("the second machine keeps %+v", c)
	}
}
