//go:build linux

package raftlog

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The figures of DESIGN.md: RAFTLOG_FIGURES=40 go test -run Figures -v ./cluster/raftlog
func rounds(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("RAFTLOG_FIGURES"))
	if err != nil {
		t.Skip("set RAFTLOG_FIGURES to the number of rounds")
	}
	return n
}

func TestFiguresOfFailover(t *testing.T) {
	n := rounds(t)
	s := newSiteOf(t, 3, nil)
	w := s.writing("f")
	all := map[string][]time.Duration{}
	for i := range 4 * n {
		kind := []string{"kill", "isolated", "deaf", "mute"}[i%4]
		s.wait("steady writes", 30*time.Second, func() bool {
			for _, b := range s.all {
				if b.log.Stats().Leader == "" || b.log.Err() != nil {
					return false
				}
			}
			c := w.count()
			time.Sleep(100 * time.Millisecond)
			return w.count() > c+5
		})
		w.reset()
		l := s.leader()
		at := w.count()
		if kind == "kill" {
			l.log.wire.Close() // connections reset, as by the death of a process
		} else {
			for _, o := range others(s.all, l) {
				s.net.set(l.addr, o.addr, kind != "deaf")
				s.net.set(o.addr, l.addr, kind != "mute")
			}
		}
		s.wait("the next leader's writes", 30*time.Second, func() bool { return w.count() > at+20 && !l.log.Leadership().Self })
		all[kind] = append(all[kind], w.reset())
		if kind == "kill" {
			l.kill()
			l.start()
		}
		for _, o := range others(s.all, l) {
			s.net.set(l.addr, o.addr, false)
			s.net.set(o.addr, l.addr, false)
		}
	}
	acked := w.end()
	s.same(acked)
	var every []time.Duration
	for kind, ds := range all {
		every = append(every, ds...)
		t.Logf("%-9s %s", kind, quantiles(ds))
	}
	t.Logf("%-9s %s", "all", quantiles(every))
	t.Logf("%d writes acknowledged, none lost", len(acked))
}

func quantiles(ds []time.Duration) string {
	slices.Sort(ds)
	at := func(q float64) time.Duration {
		return ds[min(int(q*float64(len(ds))), len(ds)-1)].Round(time.Millisecond)
	}
	return "n " + strconv.Itoa(len(ds)) + " p50 " + at(.5).String() + " p99 " + at(.99).String() + " max " + at(1).String()
}

func TestFiguresOfThroughput(t *testing.T) {
	rounds(t)
	for _, nodes := range []int{1, 3} {
		s := newSiteOf(t, nodes, nil)
		l := s.leader()
		for _, writers := range []int{1, 16, 64} {
			var wg sync.WaitGroup
			var mu sync.Mutex
			var took []time.Duration
			end := time.Now().Add(3 * time.Second)
			for range writers {
				wg.Go(func() {
					for time.Now().Before(end) {
						start := time.Now()
						if _, err := l.log.Append(within(t, 5*time.Second), make([]byte, 700)); err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						took = append(took, time.Since(start))
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			t.Logf("%d nodes, %2d writers: %5.0f entries/s, %s", nodes, writers, float64(len(took))/3, quantiles(took))
		}
		for _, b := range s.all {
			b.stop()
		}
	}
}

func TestFiguresOfIdling(t *testing.T) {
	rounds(t)
	for _, nodes := range []int{1, 3} {
		s := newSiteOf(t, nodes, nil)
		time.Sleep(2 * time.Second)
		cpu := func() time.Duration {
			var r syscall.Rusage
			syscall.Getrusage(0, &r)
			return time.Duration(r.Utime.Nano() + r.Stime.Nano())
		}
		c0, w0 := cpu(), writtenBytes()
		time.Sleep(20 * time.Second)
		t.Logf("%d nodes idle: %.2f %% of one core for all of them, %d bytes written in 20 s", nodes, 100*(cpu()-c0).Seconds()/20, writtenBytes()-w0)
		for _, b := range s.all {
			b.stop()
		}
	}
}

// writtenBytes is what this process caused to be written to disk, -1 where that is not told.
func writtenBytes() int64 {
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "write_bytes: "); ok {
			n, _ := strconv.ParseInt(v, 10, 64)
			return n
		}
	}
	return -1
}
