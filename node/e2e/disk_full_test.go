//go:build fault

package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/nodetest/disk"
	"github.com/aielon/edge/node/nodetest/proc"
)

// TestDiskFull fills the disk of a node under load, from outside and with what the node itself stores, and
// starts it again while the disk is full.
func TestDiskFull(t *testing.T) {
	for _, kind := range []string{"ext4", "tmpfs"} {
		t.Run(kind, func(t *testing.T) { fullDisk(t, kind) })
	}
}

// A filling is one world on a small disk, and what became of it.
type filling struct {
	*world
	d        *disk.Disk
	c        *proc.Control
	password string
	big      uint64 // messages of the device that fills the disk: acknowledged
	quota    int    // PUBACKs with reason 0x97
	refused  int    // commands refused with 507
	shut     int    // starts refused, with words, for want of any room
	back     []time.Duration
}

func fullDisk(t *testing.T, kind string) {
	d := disk.New(t, kind, 420)
	f := &filling{d: d, world: newWorld(t, outfit{data: filepath.Join(d.Mount, "node"), storage: "reserve = \"48MiB\"\nmin_free = \"48MiB\"\n"})}
	f.c = f.node.Control()
	var err error
	if f.password, err = f.c.Device("filler"); err != nil {
		t.Fatal(err)
	}
	f.connect(4, 0)
	for _, dev := range f.devices {
		dev.Run(0, 5*time.Millisecond)
	}
	f.people = newPeople(t, f.node, 3)
	f.people.begun()
	rounds := full(5)
	for i := range rounds {
		f.fill(i%2 == 1)
		f.whileFull()
		f.restartFull(i%3 == 2)
		f.release()
	}
	f.refused = f.people.typed[507]
	f.each((*proc.Device).Stop)
	acked, _ := f.acked()
	commands, _ := f.people.check()
	f.drained(2 * time.Minute)
	got := f.check()
	if got.Last["filler"] < f.big {
		t.Errorf("LOST: the filler was told that %d messages are safe, the hub has %d", f.big, got.Last["filler"])
	}
	if f.quota == 0 || f.refused == 0 {
		t.Errorf("%d PUBACKs said quota exceeded, %d commands were refused with 507: the disk was not full", f.quota, f.refused)
	}
	row(t, "%d times full (outside, inside, both restarts); %d PUBACKs with 0x97, %d commands with 507, %d starts refused with not a byte left; %d+%d readings and %d commands acknowledged, all there; %d at the hub exactly as in the journal; writes back after p50 %v max %v",
		rounds, f.quota, f.refused, f.shut, acked, f.big, commands, got.Records, percentile(f.back, .5), percentile(f.back, 1))
}

// fill fills the disk with something else, or lets it come near and the node do the rest.
func (f *filling) fill(inside bool) {
	f.t.Helper()
	leave := int64(0)
	if inside {
		leave = 90 << 20 // the line is at some 72 MiB
	}
	if err := f.d.Fill(leave); err != nil {
		f.t.Fatal(err)
	}
	for end := time.Now().Add(90 * time.Second); f.publish(200) != proc.ReasonQuota; {
		if time.Now().After(end) {
			f.t.Fatalf("the disk is full but the node takes more: %d bytes free", f.d.Free())
		}
		if !f.node.Running() {
			f.t.Fatalf("the node ended: %s", f.node.Log(8))
		}
	}
	if err := f.d.Fill(40 << 20); err != nil { // below the lines of all stores, which are not the same
		f.t.Fatal(err)
	}
}

// publish sends up to n long messages, and returns the reason of the last answer.
func (f *filling) publish(n int) byte {
	p, err := proc.NewPublisher(f.mqtt, "filler", f.password)
	if err != nil {
		time.Sleep(50 * time.Millisecond)
		return 0xff
	}
	defer p.Close()
	for range n {
		reason, why, err := p.Publish("filler/sensor", fmt.Sprintf(`{"count":%d,"note":%q}`, f.big+1, noise(3500, f.big)))
		switch {
		case err != nil:
			return 0xff
		case reason == proc.ReasonQuota:
			f.quota++
			return reason
		case reason >= 0x80:
			f.t.Errorf("refused with 0x%02x %q", reason, why)
			return reason
		}
		f.big++
	}
	return proc.ReasonSuccess
}

// noise is text that cannot be compressed much.
func noise(n int, seed uint64) string {
	var b strings.Builder
	for x := seed*2654435761 + 1; b.Len() < n; {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		fmt.Fprintf(&b, "%x", x)
	}
	return b.String()
}

// whileFull looks that the node lives, answers reads, says what is wrong, and refuses writes with a type.
func (f *filling) whileFull() {
	f.t.Helper()
	st := f.status()
	said := false
	for _, p := range st.Parts {
		said = said || p.Level != "ok" && (p.Name == "disk" || p.Name == "journal")
	}
	if !said {
		f.t.Errorf("no part of the node says that the disk is full: %+v", st.Parts)
	}
	if _, err := f.c.Get(key(0)); err != nil {
		f.t.Errorf("a read while the disk is full: %v", err)
	}
	if lines, err := f.c.Journal("readings.telemetry", 0, 5); err != nil || len(lines) == 0 {
		f.t.Errorf("the journal while the disk is full: %d lines, %v", len(lines), err)
	}
	var err error
	for range 100 { // the raft log may have a little room of its own
		if _, err = f.c.Set(edge.NewID(), "probe", noise(3000, 1)); err != nil {
			break
		}
	}
	if p, ok := errors.AsType[*proc.Problem](err); !ok || p.Status != 507 {
		f.t.Errorf("a command while the disk is full: %v", err)
	}
}

// restartFull ends the node, in order or not, and starts it on the full disk. Where something else has taken
// even the ballast it may refuse to start, in words, and must start once a little room is there.
func (f *filling) restartFull(kill bool) {
	f.t.Helper()
	if kill {
		f.node.Kill()
	} else if err := f.node.Stop(30 * time.Second); err != nil && !strings.Contains(err.Error(), "full") {
		f.t.Error(err)
	}
	if kill {
		f.d.Fill(0)
	}
	none := f.d.Free() < 20<<20 // the ballast went too: whoever fills the disk was quicker
	f.node.Start()
	_, err := f.node.WaitReady(30 * time.Second)
	if err != nil && none && f.node.ExitCode() > 0 && strings.Contains(f.node.Log(1), "to open it") {
		f.shut++
		if err := f.d.Shrink(40 << 20); err != nil {
			f.t.Fatal(err)
		}
		f.node.Start()
		_, err = f.node.WaitReady(30 * time.Second)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.c.Get(key(0)); err != nil {
		f.t.Errorf("a read after a start on a full disk: %v", err)
	}
}

// release gives the space back and measures how long until both kinds of writes are taken again.
func (f *filling) release() {
	f.t.Helper()
	if err := f.d.Unfill(); err != nil {
		f.t.Fatal(err)
	}
	began := time.Now()
	for ok := false; !ok; time.Sleep(20 * time.Millisecond) {
		_, err := f.c.Set(edge.NewID(), "probe", "free")
		ok = err == nil && f.publish(1) == proc.ReasonSuccess
		if time.Since(began) > 60*time.Second {
			f.t.Fatalf("no writes a minute after the space came back, %d bytes free: %v", f.d.Free(), err)
		}
	}
	f.back = append(f.back, time.Since(began))
}
