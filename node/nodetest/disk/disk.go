// Package disk gives tests small file systems of their own, that can be filled, and cut off as a power cut
// does. It needs root and says so where it is not.
package disk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The ioctl XFS_IOC_GOINGDOWN, which ext4 knows too, and its flag that leaves the log as it is.
const (
	goingDown  = 0x8004587d
	noLogFlush = 2
)

// A Disk is a file system on a loop device, or in memory.
type Disk struct {
	Kind  string // "ext4", "xfs", "tmpfs"
	Mount string
	image string
	size  string
	tb    testing.TB
}

// New makes and mounts a file system of so many MiB. It skips the test where that is not possible.
func New(tb testing.TB, kind string, mib int) *Disk {
	tb.Helper()
	if os.Getuid() != 0 {
		tb.Skip("file systems can be made and mounted by root only")
	}
	dir := tb.TempDir()
	d := &Disk{Kind: kind, Mount: filepath.Join(dir, "mount"), image: filepath.Join(dir, "image"), size: fmt.Sprintf("%dm", mib), tb: tb}
	if err := os.Mkdir(d.Mount, 0o700); err != nil {
		tb.Fatal(err)
	}
	if kind != "tmpfs" {
		run(tb, "truncate", "-s", fmt.Sprintf("%dM", mib), d.image)
		run(tb, "mkfs."+kind, "-q", d.image)
	}
	if err := d.Up(); err != nil {
		tb.Skipf("%s cannot be mounted here: %v", kind, err)
	}
	tb.Cleanup(d.remove)
	return d
}

func run(tb testing.TB, name string, args ...string) {
	tb.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		tb.Skipf("%s does not work here: %v: %s", name, err, out)
	}
}

// Up mounts the disk.
func (d *Disk) Up() error {
	if d.Kind == "tmpfs" {
		return unix.Mount("tmpfs", d.Mount, "tmpfs", 0, "size="+d.size)
	}
	var out []byte
	var err error
	for range 20 { // the machine has few loop devices, and others use them too
		if out, err = exec.Command("mount", "-o", "loop", d.image, d.Mount).CombinedOutput(); err == nil {
			return nil
		}
		time.Sleep(250 * time.Millisecond)
	}
	return fmt.Errorf("%w: %s", err, out)
}

// Cut shuts the file system down as it is: what was not synced is lost.
func (d *Disk) Cut() error {
	f, err := os.Open(d.Mount)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.IoctlSetPointerInt(int(f.Fd()), goingDown, noLogFlush)
}

// Dead reports whether the file system refuses everything, as it does after Cut.
func (d *Disk) Dead() bool {
	f, err := os.Create(filepath.Join(d.Mount, "alive"))
	if err != nil {
		return true
	}
	f.Close()
	os.Remove(f.Name())
	return false
}

// Down unmounts the disk, and gives its loop device back. Whatever used it must have ended.
func (d *Disk) Down() error {
	var err error
	for range 100 {
		if err = unix.Unmount(d.Mount, 0); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("%s cannot be unmounted: %w", d.Mount, err)
}

// remove gives everything back, whatever state it is in.
func (d *Disk) remove() {
	if err := unix.Unmount(d.Mount, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		time.Sleep(time.Second)
		if err := unix.Unmount(d.Mount, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			d.tb.Errorf("%s stays mounted: %v", d.Mount, err)
		}
	}
	if d.Kind == "tmpfs" {
		return
	}
	for range 20 { // the kernel lets go of the device some time after the file system
		out, err := exec.Command("losetup", "-j", d.image).Output()
		if err != nil || len(strings.TrimSpace(string(out))) == 0 {
			return
		}
		dev, _, _ := strings.Cut(string(out), ":")
		exec.Command("losetup", "-d", dev).Run()
		time.Sleep(100 * time.Millisecond)
	}
	d.tb.Errorf("the loop device of %s is not given back", d.image)
}

// Free is how many bytes are free.
func (d *Disk) Free() int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(d.Mount, &st); err != nil {
		return 0
	}
	return int64(st.Bavail) * st.Bsize
}

// Fill lets something else take all space but leave bytes. It may be called again to take what came free.
func (d *Disk) Fill(leave int64) error {
	f, err := os.OpenFile(d.filler(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := int64(1 << 20); size > 0; {
		if d.Free()-leave < size {
			size /= 2
			continue
		}
		if _, err := f.Write(make([]byte, size)); errors.Is(err, unix.ENOSPC) {
			size /= 2
		} else if err != nil {
			return err
		}
	}
	return nil
}

// Shrink lets the other thing give some bytes back.
func (d *Disk) Shrink(bytes int64) error {
	st, err := os.Stat(d.filler())
	if err != nil {
		return err
	}
	return os.Truncate(d.filler(), max(0, st.Size()-bytes))
}

// Unfill gives the space back.
func (d *Disk) Unfill() error { return os.Remove(d.filler()) }

func (d *Disk) filler() string { return filepath.Join(d.Mount, "filler") }
