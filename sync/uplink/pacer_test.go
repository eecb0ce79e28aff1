package uplink

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A simLink is a bottleneck with a drop-tail queue in virtual time, and a paced sender and an urgent one
// who share it. It is what TestUrgentLane does with real sockets, in milliseconds instead of minutes.
type simLink struct {
	rate   float64 // bytes/s
	delay  time.Duration
	queue  float64 // bytes
	jitter time.Duration
	loss   float64
	late   time.Duration // how late timers of the sender fire, at most
	change func(l *simLink, at time.Duration)
}

type simResult struct {
	p50, p99, p999 time.Duration
	use            float64 // of the line's capacity
	drops          int
	rate           float64
}

type simAck struct {
	at, rtt time.Duration
}

func (l *simLink) run(p *pacer, span time.Duration, seed uint64) simResult {
	const step = 500 * time.Microsecond
	rng := rand.New(rand.NewPCG(seed, 9))
	epoch := time.Unix(1e9, 0)
	var idle, next, urgentAt time.Duration
	var acks []simAck
	var urgent []time.Duration
	var sent uint64
	var latest, smooth time.Duration
	var passed, capacity float64
	var r simResult
	transmit := func(now time.Duration, size float64) (back time.Duration, ok bool) {
		sent += uint64(size)
		if rng.Float64() < l.loss {
			return 0, false
		}
		if (idle-now).Seconds()*l.rate+size > l.queue {
			r.drops++
			return 0, false
		}
		idle = max(idle, now) + time.Duration(size/l.rate*1e9)
		passed += size
		back = idle + 2*l.delay
		if l.jitter > 0 {
			back += time.Duration(rng.Int64N(int64(l.jitter)))
		}
		return back, true
	}
	for now := time.Duration(0); now < span; now += step {
		if l.change != nil {
			l.change(l, now)
		}
		capacity += l.rate * step.Seconds()
		for i := 0; i < len(acks); i++ {
			if acks[i].at <= now {
				latest = acks[i].rtt
				if smooth == 0 {
					smooth = latest
				}
				smooth += (latest - smooth) / 8
				acks = slices.Delete(acks, i, i+1)
				i--
			}
		}
		for next <= now {
			if back, ok := transmit(now, packetSize); ok {
				acks = append(acks, simAck{back, back - now})
			}
			p.observe(sample{epoch.Add(now), latest, smooth, sent}, true)
			next = max(next, now-2*time.Millisecond) + time.Duration(packetSize/p.allowed()*1e9)
			if l.late > 0 && next > now {
				next += time.Duration(rng.Int64N(int64(l.late)))
			}
		}
		if now >= urgentAt {
			urgentAt = now + 150*time.Millisecond + time.Duration(rng.Int64N(int64(200*time.Millisecond)))
			if back, ok := transmit(now, 320); ok {
				urgent = append(urgent, back-now)
				acks = append(acks, simAck{back, back - now})
			}
		}
	}
	slices.Sort(urgent)
	at := func(q float64) time.Duration { return urgent[int(q*float64(len(urgent)-1))].Round(time.Millisecond) }
	r.p50, r.p99, r.p999, r.use, r.rate = at(.5), at(.99), at(.999), passed/capacity, p.rate
	return r
}

func (r simResult) String() string {
	return fmt.Sprintf("p50 %v p99 %v p99.9 %v use %.1f%% drops %d", r.p50, r.p99, r.p999, r.use*100, r.drops)
}

func TestPacerOnSimulatedLinks(t *testing.T) {
	const ms = time.Millisecond
	kbit := 125.0
	cases := []struct {
		name     string
		link     simLink
		span     time.Duration
		p50, p99 time.Duration
		use      float64
	}{
		{"200 kbit/s", simLink{rate: 200 * kbit, delay: 50 * ms, queue: 64 << 10, late: 2 * ms}, time.Minute, 230 * ms, 380 * ms, .85},
		{"64 kbit/s", simLink{rate: 64 * kbit, delay: 50 * ms, queue: 64 << 10, late: 2 * ms}, time.Minute, 530 * ms, 1200 * ms, .75},
		{"1 Mbit/s", simLink{rate: 1000 * kbit, delay: 50 * ms, queue: 64 << 10, late: 2 * ms}, time.Minute, 180 * ms, 300 * ms, .85},
		{"10 Mbit/s", simLink{rate: 10_000 * kbit, delay: 20 * ms, queue: 256 << 10, late: 1 * ms}, time.Minute, 120 * ms, 300 * ms, .85},
		{"2 s round trip", simLink{rate: 1000 * kbit, delay: time.Second, queue: 64 << 10, late: 2 * ms}, 2 * time.Minute, 2300 * ms, 2700 * ms, .5},
		{"jitter 30 ms", simLink{rate: 200 * kbit, delay: 50 * ms, queue: 64 << 10, jitter: 30 * ms, late: 2 * ms}, time.Minute, 260 * ms, 420 * ms, .8},
		{"5 % loss", simLink{rate: 200 * kbit, delay: 50 * ms, queue: 64 << 10, loss: .05, late: 2 * ms}, time.Minute, 230 * ms, 400 * ms, .8},
		{"late timers", simLink{rate: 200 * kbit, delay: 50 * ms, queue: 64 << 10, late: 20 * ms}, time.Minute, 230 * ms, 400 * ms, .75},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := c.link.run(newPacer(0), c.span, 1)
			t.Log(r)
			if r.p50 > c.p50 || r.p99 > c.p99 || r.use < c.use {
				t.Errorf("%v, want p50 ≤ %v, p99 ≤ %v, use ≥ %.0f%%", r, c.p50, c.p99, c.use*100)
			}
		})
	}
}

// What changes on the way: the line becomes slower, faster, or its round trip longer.
func TestPacerFollowsThePath(t *testing.T) {
	const ms = time.Millisecond
	kbit := 125.0
	base := simLink{rate: 1000 * kbit, delay: 50 * ms, queue: 64 << 10, late: 2 * ms}
	cases := []struct {
		name   string
		change func(l *simLink, at time.Duration)
		p99    time.Duration
		use    float64
	}{
		{"five times slower", func(l *simLink, at time.Duration) {
			if at >= 20*time.Second {
				l.rate = 200 * kbit
			}
		}, 2400 * ms, .85},
		{"ten times faster", func(l *simLink, at time.Duration) {
			if at >= 20*time.Second {
				l.rate = 10_000 * kbit
			}
		}, 300 * ms, .75},
		{"longer by 300 ms", func(l *simLink, at time.Duration) {
			if at >= 20*time.Second {
				l.delay = 200 * ms
			}
		}, 800 * ms, .70},
		{"shorter by 80 ms", func(l *simLink, at time.Duration) {
			if at >= 20*time.Second {
				l.delay = 10 * ms
			}
		}, 300 * ms, .85},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := base
			l.change = c.change
			r := l.run(newPacer(0), time.Minute, 2)
			t.Log(r)
			if r.p99 > c.p99 || r.use < c.use {
				t.Errorf("%v, want p99 ≤ %v, use ≥ %.0f%%", r, c.p99, c.use*100)
			}
		})
	}
}

func TestPacerMeasuresTheEmptyPathAgain(t *testing.T) {
	l := simLink{rate: 25_000, delay: 50 * time.Millisecond, queue: 64 << 10}
	p, quiet := newPacer(0), 0
	l.change = func(_ *simLink, at time.Duration) {
		if !p.quiet.IsZero() {
			quiet++
		}
	}
	l.run(p, 25*time.Minute, 1)
	if quiet == 0 {
		t.Error("no quiet period in 25 minutes")
	}
	if p.base > 130*time.Millisecond {
		t.Errorf("the empty path is 100 ms long and was taken for %v", p.base)
	}
}

func TestPacerFullAndLimited(t *testing.T) {
	p := newPacer(0)
	p.full = true
	if p.allowed() != 0 {
		t.Error("the full profile is paced")
	}
	p.limit = 5000
	if p.allowed() != 5000 {
		t.Error("the full profile ignores the limit that people set")
	}
	p.full = false
	l := simLink{rate: 25_000, delay: 50 * time.Millisecond, queue: 64 << 10}
	if r := l.run(p, 30*time.Second, 1); r.use > 0.27 {
		t.Errorf("use %.0f%% although limited to 20%% and urgent traffic", r.use*100)
	}
}

// Nonsense from the network must never stop or unleash the sender.
func TestPacerStaysInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, now, sent := newPacer(0), time.Unix(1e9, 0), uint64(0)
		for range 300 {
			now = now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "gap")) * time.Millisecond)
			sent += uint64(rapid.IntRange(0, 100_000).Draw(t, "sent"))
			d := time.Duration(rapid.IntRange(0, 5000).Draw(t, "rtt")) * time.Millisecond
			p.observe(sample{now, d, d, sent}, rapid.Bool().Draw(t, "busy"))
			if r := p.allowed(); !(r >= floorRate && r <= topRate) {
				t.Fatalf("rate %v", r)
			}
		}
	})
}
