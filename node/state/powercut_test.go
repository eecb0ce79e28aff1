//go:build fault

package state

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A power cut on one machine: a file system on a loop device is shut down without flushing its log
// (XFS_IOC_GOINGDOWN, flag 2, which ext4 knows too), unmounted and mounted again. What was not synced is gone.
//
//	go test -tags fault -run PowerCut ./node/state/

// disk is a file system on a loop device.
type disk struct {
	t            *testing.T
	image, mount string
}

func newDisk(t *testing.T, kind string) *disk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a loop device needs root")
	}
	d := &disk{t: t, image: filepath.Join(t.TempDir(), "image"), mount: t.TempDir()}
	if err := exec.Command("truncate", "-s", "400M", d.image).Run(); err != nil {
		t.Skip(err)
	}
	if out, err := exec.Command("mkfs."+kind, "-q", d.image).CombinedOutput(); err != nil {
		t.Skipf("mkfs.%s: %v: %s", kind, err, out)
	}
	d.up()
	t.Cleanup(func() { exec.Command("umount", d.mount).Run() })
	return d
}

func (d *disk) up() {
	d.t.Helper()
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.mount).CombinedOutput(); err != nil {
		d.t.Skipf("mount: %v: %s", err, out)
	}
}

func (d *disk) cut() {
	d.t.Helper()
	f, err := os.Open(d.mount)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(f.Fd()), goingDown, noLogFlush); err != nil {
		d.t.Fatal(err)
	}
	f.Close()
}

// cutFrom cuts the power of a process and its disk.
func (d *disk) cutFrom(pid int) {
	freeze(d.t, pid)
	d.cut()
}

// freeze stops a process as a power cut does: at once. With the power the processor is gone too, and while a
// file system shuts down the kernel may still call a write synced whose log it throws away: of a program that
// does nothing but pwrite and fdatasync, one cut in five took the last write that was confirmed after the
// shutdown had begun, and none took one that was confirmed before.
func freeze(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Error(err)
		return
	}
	// Once one thread is seen to be stopped, each of the others will stop before it runs a line of its own.
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		for _, name := range tasks {
			if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, []byte(") T ")) {
				return
			}
		}
	}
	t.Error("the victim could not be frozen")
}

func (d *disk) down() {
	d.t.Helper()
	for range 50 {
		if exec.Command("umount", d.mount).Run() == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	d.t.Fatal("the disk could not be unmounted")
}

func TestPowerCut(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			d := newDisk(t, kind)
			dir := filepath.Join(d.mount, "store")
			confirmed := map[int]int{}
			for round := range 8 {
				runVictim(t, dir, time.Duration(100*round)*time.Millisecond, d.cutFrom, confirmed)
				d.down()
				d.up()
				s, err := Open(t.Context(), victimOptions(dir))
				if err != nil {
					t.Fatalf("round %d: a false alarm: %v", round, err)
				}
				checkVictim(t, s, confirmed)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("confirmed: %v", confirmed)
		})
	}
}

// TestPowerCutManaged cuts a managed store between its syncs. What was synced is there, what is there has
// no hole, and the store goes on from there.
func TestPowerCutManaged(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			d := newDisk(t, kind)
			dir := filepath.Join(d.mount, "store")
			t.Setenv("STATE_TEST_MANAGED", "1")
			o := victimOptions(dir)
			o.Managed = true
			lost := 0
			for round := range 10 {
				told := map[int]int{} // 0: committed, 1: synced
				runVictim(t, dir, time.Duration(50+50*round)*time.Millisecond, d.cutFrom, told)
				d.down()
				d.up()
				s, err := Open(t.Context(), o)
				if err != nil {
					t.Fatalf("round %d: a false alarm: %v", round, err)
				}
				have := int(s.MaxVersion())
				if have < told[1] {
					t.Errorf("round %d: %d was synced, %d is there", round, told[1], have)
				}
				lost += max(0, told[0]-have)
				v, n := s.View(), 0
				for range v.Scan([]byte("at/")) {
					n++
				}
				if v.Err() != nil || n != have {
					t.Errorf("round %d: %d of %d records: %v", round, n, have, v.Err())
				}
				v.Close()
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d unsynced commits were lost, as they may be", lost)
		})
	}
}

// TestPowerCutAfterKill: what a store shows after it was killed survives a power cut, though it may have
// been killed between writing and syncing: others are told of it and throw away their copies.
func TestPowerCutAfterKill(t *testing.T) {
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			d := newDisk(t, kind)
			dir := filepath.Join(d.mount, "store")
			t.Setenv("STATE_TEST_MANAGED", "1") // it syncs now and then, so most of what it wrote is not synced
			o := victimOptions(dir)
			o.Managed = true
			unsynced := 0
			for round := range 4 {
				told := map[int]int{} // 0: committed, 1: synced, 2: shown by the process after it
				runVictim(t, dir, time.Duration(200+70*round)*time.Millisecond, nil, told)
				t.Setenv("STATE_TEST_CUT", d.mount)
				runVictim(t, dir, 1500*time.Millisecond, nil, told)
				os.Unsetenv("STATE_TEST_CUT")
				unsynced += told[2] - told[1]
				d.down()
				d.up()
				s, err := Open(t.Context(), o)
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				if have := int(s.MaxVersion()); have < told[2] || told[2] == 0 {
					t.Errorf("round %d: %d was shown, %d is there", round, told[2], have)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if unsynced == 0 {
				t.Error("all was synced before the kill: this shows nothing")
			}
		})
	}
}
