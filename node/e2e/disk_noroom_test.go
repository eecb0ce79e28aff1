//go:build fault

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/nodetest/disk"
	"github.com/aielon/edge/node/nodetest/proc"
)

// TestDiskNoRoomToStart starts a node where not a byte is left: something else took the whole disk and what
// the ballast gave back. It must start, answer reads, refuse writes with words, and take writes again by
// itself once there is room.
func TestDiskNoRoomToStart(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ext4"} {
		for _, kill := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, killed %v", kind, kill), func(t *testing.T) { noRoomToStart(t, kind, kill) })
		}
	}
}

func noRoomToStart(t *testing.T, kind string, kill bool) {
	d := disk.New(t, kind, 420)
	f := &filling{d: d, world: newWorld(t, outfit{data: filepath.Join(d.Mount, "node"), storage: "reserve = \"32MiB\"\nmin_free = \"32MiB\"\n"})}
	f.c = f.node.Control()
	var err error
	if f.password, err = f.c.Device("filler"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.c.Set(edge.NewID(), "kept", "yes"); err != nil {
		t.Fatal(err)
	}
	if f.publish(200) != proc.ReasonSuccess {
		t.Fatal("readings are not taken")
	}
	if kill {
		f.node.Kill()
	} else if err := f.node.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"*/BALLAST", "*/*/BALLAST"} {
		ballast, _ := filepath.Glob(filepath.Join(d.Mount, "node", pattern))
		for _, b := range ballast {
			os.Remove(b)
		}
	}
	if err := d.Fill(0); err != nil {
		t.Fatal(err)
	}
	f.node.Start()
	if _, err := f.node.WaitReady(30 * time.Second); err != nil {
		t.Fatalf("no start with %d bytes free: %v\n%s", d.Free(), err, f.node.Log(12))
	}
	if !strings.Contains(f.node.Log(1000), "opened for reading only") {
		t.Fatal("there was room: this test shows nothing")
	}
	f.whileNoRoom()
	if err := d.Unfill(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for ok := false; !ok; time.Sleep(20 * time.Millisecond) {
		_, err := f.c.Set(edge.NewID(), "probe", "free")
		ok = err == nil && f.publish(1) == proc.ReasonSuccess
		if time.Since(began) > 30*time.Second {
			t.Fatalf("no writes after the space came back, %d bytes free: %v\n%s", d.Free(), err, f.node.Log(12))
		}
	}
	row(t, "started with not a byte left (%s, killed %v); reads answered, writes refused; writes again %v after the space came back", kind, kill, time.Since(began).Round(time.Millisecond))
}

func (f *filling) whileNoRoom() {
	f.t.Helper()
	for range 5 {
		if v, err := f.c.Get("kept"); err != nil || v.Value != "yes" {
			f.t.Errorf("a read: %+v, %v", v, err)
		}
		if lines, err := f.c.Journal("readings.telemetry", 0, 5); err != nil || len(lines) == 0 {
			f.t.Errorf("the journal: %d lines, %v", len(lines), err)
		}
		_, err := f.c.Set(edge.NewID(), "probe", "x")
		if p, ok := errors.AsType[*proc.Problem](err); !ok || p.Status != 507 {
			f.t.Errorf("a command: %v", err)
		}
		if reason := f.publish(1); reason != proc.ReasonQuota {
			f.t.Errorf("a reading: 0x%02x", reason)
		}
		time.Sleep(200 * time.Millisecond)
	}
	if !f.node.Running() {
		f.t.Fatalf("the node ended: %s", f.node.Log(8))
	}
}
