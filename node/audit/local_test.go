package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/node/state"
)

func openSet(t *testing.T, o state.Options, disk, reserve int64) (*state.Store, *journal.Set) {
	t.Helper()
	o.Name, o.Key, o.Reserve = "readings", bytes.Repeat([]byte{7}, 32), -1
	s, err := state.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	set, err := journal.OpenSet(s, journal.SetOptions{Family: "readings", Origin: edge.NodeID{1}, Disk: disk, Reserve: reserve, Required: []string{"uplink"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return s, set
}

// Readings that fill the budget do not keep the audit from being written: it has a reserve. When that is used up too,
// nothing is shown any more.
func TestAuditHasRoomOfItsOwn(t *testing.T) {
	_, set := openSet(t, state.Options{InMemory: true, MinFree: 1}, 256<<10, 64<<10)
	l := audit.NewLocal(set, mask(t))
	body := bytes.Repeat([]byte{1}, 4000)
	for range 50 { // what may not be shed and is not delivered
		if _, err := set.Append(t.Context(), edge.Event{Type: "care.noted", Urgency: edge.Care, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	written, shown := 0, 0
	var err error
	for err == nil && written < 10_000 {
		if err = l.Then(t.Context(), full(), func() error { shown++; return nil }); err == nil {
			written++
		}
	}
	if !edge.IsKind(err, edge.Exhausted) || written != shown || written < 100 {
		t.Errorf("%d written, %d shown: %v", written, shown, err)
	}
}

func TestAuditIsWrittenWhileReadingsFillTheDisk(t *testing.T) {
	_, set := openSet(t, state.Options{InMemory: true, MinFree: 1}, 256<<10, 64<<10)
	l := audit.NewLocal(set, mask(t))
	for i := range 300 {
		if _, err := set.Append(t.Context(), edge.Event{Type: "device.reading", Urgency: edge.Telemetry, Body: bytes.Repeat([]byte{1}, 4000)}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(t.Context(), full()); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
}

// At the red line of the disk nothing can be recorded, so nothing is shown; with room it goes on by itself.
func TestRedLine(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	_, set := openSet(t, state.Options{Dir: filepath.Join(dir, "store"), MinFree: 8 << 20}, 1<<30, 0)
	l := audit.NewLocal(set, mask(t))
	shown := 0
	show := func() error { shown++; return nil }
	if err := l.Then(t.Context(), full(), show); err != nil || shown != 1 {
		t.Fatal(err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "somebody-elses")
	if err := os.WriteFile(other, make([]byte, int(st.Bavail)*int(st.Bsize)-4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Then(t.Context(), full(), show); !edge.IsKind(err, edge.Exhausted) || shown != 1 {
		t.Errorf("shown %d times: %v", shown, err)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if err := l.Then(t.Context(), full(), show); err != nil || shown != 2 {
		t.Errorf("with room again: %v", err)
	}
}

// BenchmarkLocal is what a record costs whoever waits for it, alone and together with others, on a disk.
func BenchmarkLocal(b *testing.B) {
	for _, n := range []int{1, 50} {
		b.Run(fmt.Sprintf("%d at once", n), func(b *testing.B) {
			s, err := state.Open(context.Background(), state.Options{Name: "readings", Key: bytes.Repeat([]byte{7}, 32), Dir: b.TempDir(), Reserve: -1, MinFree: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			set, err := journal.OpenSet(s, journal.SetOptions{Family: "readings", Origin: edge.NodeID{1}})
			if err != nil {
				b.Fatal(err)
			}
			defer set.Close()
			l := audit.NewLocal(set, mask(b))
			b.SetParallelism(n)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := l.Append(context.Background(), full()); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	r := full()
	e, err := r.ToEvent()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(edge.AppendEvent(nil, e))), "bytes/record")
	for b.Loop() {
		if _, err := r.ToEvent(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	e, err := full().ToEvent()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := audit.FromEvent(e); err != nil {
			b.Fatal(err)
		}
	}
}
