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
	"github.com/aielon/edge/sync/hub/badgerstore"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/wire"
)

// A holder stops a store's committer while a commit with something in it is gathered. A few of it always
// stand in the committer's queue, so that one comes right behind whatever is written next.
type holder struct {
	reached, gate chan struct{}
	slots         chan struct{}
	once, open    sync.Once
}

func holdNext(t *testing.T, s *state.Store) *holder {
	h := &holder{reached: make(chan struct{}), gate: make(chan struct{}), slots: make(chan struct{}, 4)}
	t.Cleanup(h.release)
	go func() {
		for {
			select {
			case <-h.reached:
				return
			case h.slots <- struct{}{}:
				if s.Submit(h) != nil {
					return
				}
			}
		}
	}()
	return h
}

// Prepare implements state.Writer.
func (h *holder) Prepare(b *state.Batch, _ time.Time) {
	if b.Len() == 0 {
		return
	}
	h.once.Do(func() { close(h.reached) })
	<-h.gate
}

// Done implements state.Writer.
func (h *holder) Done(error) { <-h.slots }

func (h *holder) holds() bool {
	select {
	case <-h.reached:
		return true
	default:
		return false
	}
}

func (h *holder) release() { h.open.Do(func() { close(h.gate) }) }

// The hub is killed between taking a batch into its memory and having it on its disk. A node that connects
// in that moment must not be told of the batch, and must keep the records: if the write is lost it has to
// send them again. Where the write gets through and only its acknowledgement is lost, nothing counts twice.
func TestHubKilledBeforeItsCommit(t *testing.T) {
	t.Run("the write was lost", func(t *testing.T) { hubKilled(t, false) })
	t.Run("the write got through", func(t *testing.T) { hubKilled(t, true) })
}

func hubKilled(t *testing.T, through bool) {
	t.Parallel()
	p := openReal(t, badlink.Options{}, uplink.Options{})
	dir, addr := filepath.Join(t.TempDir(), "hub"), p.hub.Addr()
	p.stopHub()
	p.startHub(addr, dir)
	j := p.set.Journal(edge.Critical)
	p.write(edge.Critical, 0, 50)
	await(t, 20*time.Second, "the first fifty", func() bool { p.up.Kick(); return j.Mark("uplink") == j.Head() })
	h, n := holdNext(t, p.hubState), 50
	for end := time.Now().Add(20 * time.Second); !h.holds(); n++ {
		if time.Now().After(end) {
			t.Fatal("no commit could be held")
		}
		p.write(edge.Critical, n, n+1)
		time.Sleep(5 * time.Millisecond)
	}
	p.stopUp() // the node is started again, and asks the hub where it stands
	p.startUplink(uplink.Options{})
	await(t, 20*time.Second, "a new session", func() bool { return p.up.Status().Connected })
	time.Sleep(200 * time.Millisecond) // marks are told at once; give a wrong one the time
	after := filepath.Join(t.TempDir(), "after")
	copyDir(t, dir, after)
	safe := persisted(t, after, p.stream(edge.Critical))
	if m := j.Mark("uplink"); m.Seq > safe.Seq {
		t.Errorf("the node may forget everything up to %v, the hub has %v on its disk", m, safe)
	}
	p.link.Cut(badlink.Both)
	h.release()
	await(t, 20*time.Second, "the end of the commit", p.has(edge.Critical, int(safe.Seq)+1))
	if through {
		after = filepath.Join(t.TempDir(), "through")
		copyDir(t, dir, after)
	}
	p.stopHub()
	p.startHub(addr, after)
	if p.has(edge.Critical, int(safe.Seq)+1)() != through {
		t.Fatalf("the hub that was killed: the write got through is %t", !through)
	}
	p.link.Heal()
	p.write(edge.Critical, n, n+20)
	await(t, 30*time.Second, "all of them", func() bool { p.up.Kick(); return p.has(edge.Critical, n+20)() })
	p.check(edge.Critical, n+20)
}

// persisted is the cursor in a copy of a hub's directory.
func persisted(t *testing.T, dir string, id wire.StreamID) edge.Pos {
	t.Helper()
	s := openState(t, "hub", dir)
	defer s.Close()
	z := must[*wire.Codec](t)(wire.NewCodec(1))
	defer z.Close()
	return must[store.Stream](t)(must[*badgerstore.Store](t)(badgerstore.Open(s, z, false)).Stream(t.Context(), id)).Cursor
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
