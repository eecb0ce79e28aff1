package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// slowWrites is how many writes a second the section "slow" leaves a server: what an SD card or a cheap
// eMMC does, where the disk of a workstation does ten or a hundred times as many.
const slowWrites = 1000

// slow repeats the ingest with the servers held to slowWrites by the kernel, one cgroup for each of them.
// What a server makes of the fsyncs it gets decides there, and not how fast they are.
func slow(b *bench) error {
	device, err := wholeDisk(b.dir)
	if err == nil {
		b.hold, err = holder(device)
	}
	if err != nil {
		fmt.Printf("skipped: writes cannot be held back here: %v\n", err)
		return nil
	}
	defer func() { b.hold.remove(); b.hold = nil }()
	for run := range b.runs {
		if err := b.slowRun(run); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("durable ingest on a disk of %d writes/s, 50 publishers, window 20, against NATS always", slowWrites)
	b.out.ratio(text, slowName("aielon-edge"), slowName("NATS always"), 20)
	return nil
}

func slowName(who string) string {
	return fmt.Sprintf("ingest 256 B, 50 publishers, window 20, %d writes/s: %s", slowWrites, who)
}

func (b *bench) slowRun(run int) error {
	sinks, err := ingestOurs(b, run)
	if err == nil {
		var nats []sink
		nats, err = ingestNATS(b, run+1) // its configurations are printed already
		sinks = append(sinks, nats...)
	}
	defer func() {
		for _, s := range sinks {
			s.stop()
		}
	}()
	if err != nil {
		return err
	}
	for _, s := range sinks {
		if s.who == "NATS default" {
			continue // it does not wait for the disk
		}
		time.Sleep(200 * time.Millisecond)
		rate, err := s.load(50, 20)
		if err != nil {
			return fmt.Errorf("%s: %w", s.who, err)
		}
		b.out.add(slowName(s.who), "msg/s", rate)
	}
	return nil
}

// wholeDisk is the device a folder lies on, as "major:minor"; of a partition it is the disk.
func wholeDisk(dir string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return "", err
	}
	device := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)))
	at, err := filepath.EvalSymlinks("/sys/dev/block/" + device)
	if err != nil {
		return "", errors.New("the folder is on no disk of its own")
	}
	if _, err := os.Stat(filepath.Join(at, "partition")); err != nil {
		return device, nil
	}
	whole, err := os.ReadFile(filepath.Join(filepath.Dir(at), "dev"))
	return strings.TrimSpace(string(whole)), err
}

// A hold puts processes into cgroups of their own that may write slowWrites times a second.
type hold struct {
	root, file, rule string // of the controller, and what is written where
	made             []string
}

// holder finds the controller of block devices: that of cgroup v2, or v1.
func holder(device string) (*hold, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("that needs root")
	}
	if _, err := os.Stat("/sys/fs/cgroup/blkio/blkio.throttle.write_iops_device"); err == nil {
		return &hold{root: "/sys/fs/cgroup/blkio", file: "blkio.throttle.write_iops_device", rule: fmt.Sprintf("%s %d", device, slowWrites)}, nil
	}
	if err := os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+io"), 0o644); err != nil {
		return nil, err
	}
	return &hold{root: "/sys/fs/cgroup", file: "io.max", rule: fmt.Sprintf("%s wiops=%d", device, slowWrites)}, nil
}

func (h *hold) take(pid int) error {
	dir := filepath.Join(h.root, "aielon-bench-"+strconv.Itoa(pid))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	h.made = append(h.made, dir)
	if err := os.WriteFile(filepath.Join(dir, h.file), []byte(h.rule), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644)
}

// remove takes the groups away; their processes have ended.
func (h *hold) remove() {
	for _, dir := range h.made {
		os.Remove(dir)
	}
}
