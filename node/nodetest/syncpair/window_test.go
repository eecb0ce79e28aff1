package syncpair

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/sync/badlink"
	"github.com/aielon/edge/sync/uplink"
)

// A holder stops a store's committer while a commit with something in it is gathered.
type holder struct {
	reached, gate, stop chan struct{}
	once                *sync.Once
}

func holdNext(t *testing.T, s *state.Store) *holder {
	h := &holder{make(chan struct{}), make(chan struct{}), make(chan struct{}), new(sync.Once)}
	t.Cleanup(h.release)
	go func() {
		for {
			select {
			case <-h.stop:
				return
			default:
				if s.Submit(h) != nil {
					time.Sleep(100 * time.Microsecond)
				}
			}
		}
	}()
	return h
}

func (h *holder) Prepare(b *state.Batch, _ time.Time) {
	if b.Len() == 0 {
		return
	}
	h.once.Do(func() { close(h.stop); close(h.reached) })
	<-h.gate
}

func (h *holder) Done(error) {}

func (h *holder) release() {
	select {
	case <-h.gate:
	default:
		close(h.gate)
	}
}

// The hub is killed between taking a batch into its memory and having it on its disk. A node that connects
// in that moment must not be told of the batch, and must keep the records: if the write is lost it has to
// send them again. Where the write gets through and only its acknowledgement is lost, nothing counts twice.
func TestHubKilledBeforeItsCommit(t *testing.T) {
	t.Run("the write was lost", func(t *testing.T) { hubKilled(t, false) })
	t.Run("the write got through", func(t *testing.T) { hubKilled(t, true) })
}

func hubKilled(t *testing.T, through bool) {
	p := openReal(t, badlink.Options{}, uplink.Options{})
	dir, addr := filepath.Join(t.TempDir(), "hub"), p.hub.Addr()
	p.stopHub()
	p.startHub(addr, dir)
	j := p.set.Journal(edge.Critical)
	p.write(edge.Critical, 0, 50)
	await(t, 20*time.Second, "the first fifty", func() bool { p.up.Kick(); return j.Mark("uplink") == j.Head() })
	safe := j.Head()

	h := holdNext(t, p.hubState)
	p.write(edge.Critical, 50, 80)
	<-h.reached
	p.stopUp() // the node is started again, and asks the hub where it stands
	p.startUplink(uplink.Options{})
	await(t, 20*time.Second, "a new session", func() bool { return p.up.Status().Connected })
	time.Sleep(200 * time.Millisecond) // marks are told at once; give a wrong one the time
	if m := j.Mark("uplink"); m != safe {
		t.Errorf("the node may forget everything up to %v, the hub has %v on its disk", m, safe)
	}
	p.link.Cut(badlink.Both)
	after := filepath.Join(t.TempDir(), "after")
	if !through {
		copyDir(t, dir, after)
	}
	h.release()
	await(t, 20*time.Second, "the end of the commit", p.has(edge.Critical, 80))
	if through {
		copyDir(t, dir, after)
	}
	p.stopHub()
	p.startHub(addr, after)
	if want := map[bool]int{false: 50, true: 80}[through]; !p.has(edge.Critical, want)() || p.has(edge.Critical, want+1)() {
		t.Fatalf("the hub that was killed does not have %d records", want)
	}
	p.link.Heal()
	p.write(edge.Critical, 80, 100)
	await(t, 30*time.Second, "all hundred", func() bool { p.up.Kick(); return p.has(edge.Critical, 100)() })
	p.check(edge.Critical, 100)
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

