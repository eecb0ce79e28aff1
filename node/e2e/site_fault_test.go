//go:build fault

package e2e

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the design promises of the time in which nothing can be written.
const (
	siteGapHalf = 1500 * time.Millisecond
	siteGapMost = 3 * time.Second
)

// A siteFault is something that happens to the leader, and its end.
type siteFault struct {
	name string
	do   func(w *siteWorld, leader *siteBox)
	undo func(w *siteWorld, leader *siteBox)
	stay bool // the leader still reaches a quorum and should go on leading
}

func siteFaults() []siteFault {
	heal := func(w *siteWorld, _ *siteBox) { w.net.cut() }
	ways := func(in, out bool) func(*siteWorld, *siteBox) {
		return func(w *siteWorld, leader *siteBox) {
			var list []siteWay
			for _, b := range w.boxes {
				if b != leader && in {
					list = append(list, siteWay{b.at, leader.at})
				}
				if b != leader && out {
					list = append(list, siteWay{leader.at, b.at})
				}
			}
			w.net.cut(list...)
		}
	}
	bridge := func(w *siteWorld, leader *siteBox) {
		other := (leader.at + 1) % 3
		w.net.cut(siteWay{leader.at, other}, siteWay{other, leader.at})
	}
	return []siteFault{
		{"killed", func(_ *siteWorld, b *siteBox) { b.kill() }, func(_ *siteWorld, b *siteBox) { b.start() }, false},
		{"paused", func(_ *siteWorld, b *siteBox) { b.signal(syscall.SIGSTOP) }, func(_ *siteWorld, b *siteBox) { b.signal(syscall.SIGCONT) }, false},
		{"cut off both ways", ways(true, true), heal, false},
		{"deaf", ways(true, false), heal, false},
		{"mute", ways(false, true), heal, false},
		{"cut off from one", bridge, heal, true},
		{"links forgotten", func(w *siteWorld, _ *siteBox) { w.net.forget() }, heal, true},
	}
}

// siteCount is a number from the environment, or its default.
func siteCount(name string, def int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return def
}

// TestSiteLeaderFaults lets the worst happen to the leader of a site, $SITE_FAULTS times (default 56), while
// clients write, read and compare-and-set through all nodes. $SITE_FAULT chooses faults by part of a name.
func TestSiteLeaderFaults(t *testing.T) {
	n := siteCount("SITE_FAULTS", 56)
	w := newSiteWorld(t, siteBuild(t, "fault"))
	load := newSiteLoad(w)
	calm := time.Since(load.start)
	time.Sleep(5 * time.Second)
	t.Logf("longest time without a write while nothing happens: %v; load of the machine %s", load.gap(calm, time.Since(load.start)).Round(time.Millisecond), siteMachine())

	gaps, moved, all := map[string][]time.Duration{}, map[string]int{}, []time.Duration{}
	kinds := slices.DeleteFunc(siteFaults(), func(f siteFault) bool { return !strings.Contains(f.name, os.Getenv("SITE_FAULT")) })
	order := rand.New(rand.NewPCG(3, 1)).Perm(n)
	for i, o := range order {
		f := kinds[o%len(kinds)]
		load.round.Store(int64(i))
		gap, changed := siteSuffer(t, w, load, f)
		gaps[f.name], all = append(gaps[f.name], gap), append(all, gap)
		if changed {
			moved[f.name]++
		}
		t.Logf("%2d %-18s write gap %v, load %s", i+1, f.name, gap.Round(time.Millisecond), siteMachine())
	}
	w.settled(3)
	load.end()
	acked, lost := load.lost(load.readAll())
	for _, f := range kinds {
		t.Logf("%-18s %d times, leader moved %d times, write gap p50 %v max %v", f.name, len(gaps[f.name]), moved[f.name], sitePercentile(gaps[f.name], .5), sitePercentile(gaps[f.name], 1))
	}
	t.Logf("all %d: write gap p50 %v p90 %v p99 %v max %v; %d writes acknowledged, %d lost, %d operations given up", n,
		sitePercentile(all, .5), sitePercentile(all, .9), sitePercentile(all, .99), sitePercentile(all, 1), acked, lost, len(load.slow))
	load.judge(t)
	if lost > 0 {
		t.Errorf("%d acknowledged writes are lost", lost)
	}
	if half, most := sitePercentile(all, .5), sitePercentile(all, .99); half > siteGapHalf || most > siteGapMost {
		t.Errorf("write gap p50 %v p99 %v, promised are %v and %v", half, most, siteGapHalf, siteGapMost)
	}
	for _, f := range kinds {
		if len(gaps[f.name]) > 0 && moved[f.name] == 0 && !f.stay {
			t.Errorf("%s: the leader never moved; the fault does not bite", f.name)
		}
	}
}

// siteSuffer lets one fault happen and end, and returns how long nobody could write.
func siteSuffer(t *testing.T, w *siteWorld, load *siteLoad, f siteFault) (gap time.Duration, moved bool) {
	leader := w.settled(3)
	for time.Sleep(300 * time.Millisecond); w.settled(3) != leader; time.Sleep(300 * time.Millisecond) {
		leader = w.settled(3)
	}
	from := time.Since(load.start)
	f.do(w, leader)
	began := time.Since(load.start)
	if !load.wrote(began, 30*time.Second) {
		t.Errorf("%s: nothing could be written for 30 s", f.name)
	}
	time.Sleep(time.Second)
	to := time.Since(load.start)
	for _, b := range w.boxes {
		if b == leader {
			continue
		}
		if id, _, err := b.Leader(t.Context()); err == nil && id != "" && id != leader.id {
			moved = true
		}
	}
	f.undo(w, leader)
	return load.gap(from, to), moved
}

// siteMachine is how busy the machine is: processes that want to run, over the last minute.
func siteMachine() string {
	b, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(b), " ")
	return first
}
