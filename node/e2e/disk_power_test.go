//go:build fault

package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aielon/edge/node/nodetest/disk"
)

// TestDiskPowerCut cuts the power of the node's disk: the file system is shut down without writing its log,
// the process killed, and the disk mounted again. What was not synced is gone; what was acknowledged is not.
func TestDiskPowerCut(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) { powerCuts(t, kind, full(50)) })
	}
}

func powerCuts(t *testing.T, kind string, rounds int) {
	r := dice(t)
	d := disk.New(t, kind, 400)
	w := newWorld(t, outfit{data: filepath.Join(d.Mount, "node")})
	w.connect(12, 0)
	for _, dev := range w.devices {
		dev.Run(0, 2*time.Millisecond)
	}
	w.people = newPeople(t, w.node, 6)
	var ready []time.Duration
	fired, forgot := 0, 0
	for range rounds {
		before, _ := w.acked()
		time.Sleep(time.Duration(100+r.IntN(1500)) * time.Millisecond)
		after, _ := w.acked()
		forgot += cutOff(t, w, d)
		if after > before {
			fired++
		}
		w.node.Start()
		took, err := w.node.WaitReady(30 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		ready = append(ready, took)
	}
	if forgot < rounds {
		t.Errorf("only %d of %d cuts lost what was not synced", forgot, rounds)
	}
	w.finish(rounds, fired, map[string]int{"power cut": rounds}, ready)
}

// cutOff cuts the power and gives it back. The process is frozen first: with the power the processor is gone
// too, and while a file system shuts down the kernel may still call a write synced whose log it throws away. It returns 1 where a file that was never synced is gone then,
// which shows that the cut was one.
func cutOff(t *testing.T, w *world, d *disk.Disk) int {
	t.Helper()
	canary := filepath.Join(d.Mount, "canary")
	if err := os.WriteFile(canary, []byte("never synced"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.node.Freeze(); err != nil {
		t.Fatal(err)
	}
	if err := d.Cut(); err != nil {
		t.Fatal(err)
	}
	if !d.Dead() {
		t.Error("the file system lives on after the cut")
	}
	w.node.Kill()
	if err := d.Down(); err != nil {
		t.Fatal(err)
	}
	if err := d.Up(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(canary)
	os.Remove(canary)
	if err == nil && string(b) == "never synced" {
		return 0
	}
	return 1
}
