package badlink

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestBottleneckRateIsExact(t *testing.T) {
	for _, rate := range []int64{9_600, 200_000, 1_000_000, 50_000_000} {
		b := newBottleneck(Shape{Rate: rate, Delay: 50 * time.Millisecond, Queue: 1 << 30}, 1, 1)
		var last time.Time
		for range 1000 {
			_, last, _, _ = b.datagram(start, 1200)
		}
		want := 1000*1200*8/float64(rate) + 0.05
		if got := last.Sub(start).Seconds(); math.Abs(got-want) > 1e-4*want {
			t.Errorf("rate %d: the last of 1000 packets after %.4f s, want %.4f s", rate, got, want)
		}
	}
}

func TestBottleneckDropsTheTail(t *testing.T) {
	b := newBottleneck(Shape{Rate: 200_000, Queue: 64 << 10}, 1, 1)
	passed := 0
	for range 100 {
		if f, _, _, _ := b.datagram(start, 1200); f == pass {
			passed++
		}
	}
	if want := 64 << 10 / 1200; passed != want {
		t.Errorf("%d of 100 packets fitted a 64 KiB queue, want %d", passed, want)
	}
	if f, _, _, _ := b.datagram(start.Add(48*time.Millisecond), 1200); f != pass {
		t.Error("no room although one packet has left")
	}
}

func TestBottleneckTakesPacketsLargerThanItsQueue(t *testing.T) {
	b := newBottleneck(Shape{Rate: 8000, Queue: 100}, 1, 1)
	if f, _, _, _ := b.datagram(start, 1200); f != pass {
		t.Error("an idle line refused a packet")
	}
}

func TestBottleneckShares(t *testing.T) {
	const n = 20_000
	b := newBottleneck(Shape{Loss: 0.05, Duplicate: 0.1, Reorder: 0.2}, 7, 1)
	var dropped, copies, holds int
	for range n {
		f, _, again, held := b.datagram(start, 100)
		if f == lost {
			dropped++
		}
		if !again.IsZero() {
			copies++
		}
		if held {
			holds++
		}
	}
	for _, c := range []struct {
		what      string
		got, want float64
	}{{"loss", float64(dropped) / n, 0.05}, {"duplicates", float64(copies) / n, 0.095}, {"reordered", float64(holds) / n, 0.19}} {
		if math.Abs(c.got-c.want) > 0.008 {
			t.Errorf("%s: %.3f, want %.3f", c.what, c.got, c.want)
		}
	}
}

func TestSameSeedSameFate(t *testing.T) {
	run := func() (fates []fate) {
		b := newBottleneck(Shape{Loss: 0.3, Rate: 1e6, Jitter: time.Millisecond}, 42, 2)
		for i := range 500 {
			f, _, _, _ := b.datagram(start.Add(time.Duration(i)*time.Millisecond), 300)
			fates = append(fates, f)
		}
		return fates
	}
	a, b := run(), run()
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("packet %d: %v and then %v", i, a[i], b[i])
		}
	}
}

// Whatever arrives whenever: without Reorder nothing overtakes, nothing is early, the queue keeps its bound.
func TestBottleneckNeverReordersByItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Shape{
			Rate:  rapid.Int64Range(10_000, 10_000_000).Draw(t, "rate"),
			Delay: time.Duration(rapid.IntRange(0, 500).Draw(t, "delay")) * time.Millisecond,
			Queue: rapid.IntRange(1500, 100_000).Draw(t, "queue"),
		}
		s.Jitter = time.Duration(rapid.IntRange(0, 50).Draw(t, "jitter")) * time.Millisecond
		b, now, last := newBottleneck(s, 1, 1), start, start
		for range 200 {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "gap")) * time.Microsecond)
			size := rapid.IntRange(1, 1500).Draw(t, "size")
			f, due, _, _ := b.datagram(now, size)
			if f != pass {
				continue
			}
			if due.Before(last) || due.Before(now.Add(s.Delay)) {
				t.Fatalf("due %v, after %v, sent %v", due.Sub(start), last.Sub(start), now.Sub(start))
			}
			if got := b.backlog(now); got > s.Queue+1 {
				t.Fatalf("%d bytes wait in a queue of %d", got, s.Queue)
			}
			last = due
		}
	})
}
