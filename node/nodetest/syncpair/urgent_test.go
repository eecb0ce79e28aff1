//go:build fault

package syncpair

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/badlink"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/uplink/hubtest"
)

// TestUrgentLane measures how long an emergency takes to be safe at the hub while a backlog drains over a
// thin line, and how much of the line the backlog uses meanwhile. It prints a table.
func TestUrgentLane(t *testing.T) {
	fmt.Println("line           round trip  transport  urgent p50  p99       max       line use")
	for _, c := range []struct {
		name     string
		rate     int64
		span     time.Duration
		p50, p99 time.Duration
		use      float64
		tcp      bool
	}{
		{"200 kbit/s", 200_000, time.Minute, 250 * time.Millisecond, 400 * time.Millisecond, .80, false},
		{"1 Mbit/s", 1_000_000, 30 * time.Second, 200 * time.Millisecond, 400 * time.Millisecond, .80, false},
		{"10 Mbit/s", 10_000_000, 20 * time.Second, 200 * time.Millisecond, 400 * time.Millisecond, .70, false},
		{"200 kbit/s TCP", 200_000, time.Minute, 500 * time.Millisecond, 1500 * time.Millisecond, .50, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			trips, use, transport := urgentLane(t, c.rate, c.span, c.tcp)
			at := func(q float64) time.Duration { return trips[int(q*float64(len(trips)-1))].Round(time.Millisecond) }
			fmt.Printf("%-14s %-11v %-10s %-11v %-9v %-9v %.0f %%\n", c.name, 100*time.Millisecond, transport, at(.5), at(.99), at(1), use*100)
			if at(.5) > c.p50 || at(.99) > c.p99 || use < c.use {
				t.Errorf("want p50 ≤ %v, p99 ≤ %v, use ≥ %.0f %%", c.p50, c.p99, c.use*100)
			}
		})
	}
}

func urgentLane(t *testing.T, rate int64, span time.Duration, tcp bool) (trips []time.Duration, use float64, transport string) {
	hub := hubtest.New()
	hub.Sync = 5 * time.Millisecond
	bulk, alarms := stream("readings.telemetry", edge.Telemetry), stream("alarms", edge.Critical)
	const size = 50_000_000 // of backlog, more than any of the lines takes in its time
	bulk.Append(readings(size/500, 500)...)
	shape := badlink.Shape{Rate: rate, Delay: 50 * time.Millisecond, Queue: 64 << 10}
	p := join(t, hub, badlink.Options{Up: shape, Down: shape}, uplink.Options{NoQUIC: tcp, NoTCP: !tcp}, bulk, alarms)
	await(t, 10*time.Second, "connected", func() bool { return p.up.Status().Connected })
	time.Sleep(time.Second) // the handshake's own queue
	before, began := p.link.Meter(badlink.Up), time.Now()
	for i := 0; time.Since(began) < span; i++ {
		sent := time.Now()
		alarms.Append(fmt.Appendf(nil, "%0250d", i))
		for alarmMark(alarms) < uint64(i+1) {
			time.Sleep(500 * time.Microsecond)
			if time.Since(sent) > 10*time.Second {
				t.Fatalf("alarm %d took more than 10 s; %+v", i, p.up.Status())
			}
		}
		trips = append(trips, time.Since(sent))
		if d := time.Since(sent); d > 350*time.Millisecond {
			t.Logf("%v after the start an alarm took %v; %+v", sent.Sub(began).Round(time.Millisecond), d.Round(time.Millisecond), p.up.Status().Queue)
		}
		time.Sleep(time.Duration(100+i*37%150) * time.Millisecond)
	}
	after := p.link.Meter(badlink.Up)
	use = float64(after.OutBytes-before.OutBytes) * 8 / time.Since(began).Seconds() / float64(rate)
	st := p.up.Status()
	t.Logf("%d alarms, queue %v, capacity %.0f bytes/s, rate %.0f, %d overflows", len(trips), st.Queue, st.Capacity, st.Rate, after.Overflow)
	slices.Sort(trips)
	return trips, use, st.Transport
}

func alarmMark(j *hubtest.Journal) uint64 { p, _ := j.Mark(); return p.Seq }

// TestFastLine drains a backlog over loopback: the pacer must not be what limits it.
func TestFastLine(t *testing.T) {
	for _, profile := range []uplink.Profile{uplink.Normal, uplink.Full} {
		hub := hubtest.New()
		j := stream("readings.telemetry", edge.Telemetry)
		all := readings(200_000, 500)
		j.Append(all...)
		began := time.Now()
		join(t, hub, badlink.Options{}, uplink.Options{Profile: profile, NoTCP: true}, j)
		await(t, time.Minute, "all at the hub", func() bool { return hub.Count(j.ID()) == len(all) })
		took := time.Since(began)
		fmt.Printf("profile %d: %.1f MB/s of records\n", profile, 100/took.Seconds())
		inOrder(t, hub, j.ID(), all)
	}
}
