package syncpair

import (
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/badlink"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/uplink/hubtest"
)

// loss is a line of 100 ms round trip that loses one packet in twenty, and sends some twice and late.
var loss = badlink.Shape{Delay: 50 * time.Millisecond, Loss: .05, Duplicate: .02, Reorder: .02}

func TestTenThousandRecordsThroughLossAndCuts(t *testing.T) {
	t.Parallel()
	n, cuts := 10_000, 6
	if testing.Short() {
		n, cuts = 2000, 2
	}
	hub, j := hubtest.New(), stream("readings.telemetry", edge.Telemetry)
	hub.Sync = time.Millisecond
	all := readings(n, 120)
	j.Append(all[:n/2]...)
	p := join(t, hub, badlink.Options{Up: loss, Down: loss, Seed: 11}, uplink.Options{NoTCP: true}, j)
	go j.Append(all[n/2:]...)
	for i := range cuts {
		time.Sleep(300 * time.Millisecond)
		switch i % 3 {
		case 0:
			p.link.Cut(badlink.Both)
		case 1:
			p.link.Cut(badlink.Down) // what was sent got through, its acknowledgement did not
		case 2:
			for _, l := range hub.Links() {
				l.Close(edge.E(edge.Unavailable, "the hub restarts"))
			}
		}
		time.Sleep(150 * time.Millisecond)
		p.link.Heal()
		p.up.Kick()
	}
	await(t, 60*time.Second, "all at the hub", func() bool { return hub.Count(j.ID()) >= n })
	if s := len(hub.Hellos()); s < 1+cuts/3 {
		t.Errorf("%d sessions: the faults did not bite", s)
	}
	time.Sleep(300 * time.Millisecond) // what comes again would be counted twice now
	inOrder(t, hub, j.ID(), all)
}

func TestRebindsGoUnnoticed(t *testing.T) {
	t.Parallel()
	hub, j := hubtest.New(), stream("readings.telemetry", edge.Telemetry)
	all := readings(4000, 300)
	shape := badlink.Shape{Rate: 6_000_000, Delay: 20 * time.Millisecond}
	p := join(t, hub, badlink.Options{Up: shape, Down: shape}, uplink.Options{NoTCP: true}, j)
	moved := 0
	for i := 0; i < len(all); i += 1000 {
		j.Append(all[i : i+1000]...)
		time.Sleep(300 * time.Millisecond) // less than it takes to send them
		moved += p.link.Rebind()
	}
	await(t, 20*time.Second, "all at the hub", func() bool { return hub.Count(j.ID()) >= len(all) })
	inOrder(t, hub, j.ID(), all)
	if n := len(hub.Hellos()); n != 1 || moved < 4 {
		t.Errorf("%d sessions over %d rebinds, want one session", n, moved)
	}
}

func TestFallsBackToTCPAndReturnsToQUIC(t *testing.T) {
	hub, j := hubtest.New(), stream("readings.telemetry", edge.Telemetry)
	alarms := stream("alarms", edge.Critical)
	all := readings(3000, 300)
	shape := badlink.Shape{Rate: 20_000_000, Delay: 10 * time.Millisecond}
	bad := badlink.Options{Up: shape, Down: shape}
	began := time.Now()
	p := join(t, hub, bad, uplink.Options{ReprobeEvery: 2 * time.Second}, j, alarms)
	p.link.UDPOff(true)
	for _, l := range hub.Links() { // in case QUIC was quicker than the test
		l.Close(edge.E(edge.Unavailable, "the hub restarts"))
	}
	p.up.Kick()
	j.Append(all[:1500]...)
	alarms.Append([]byte("help"))
	await(t, 20*time.Second, "a TCP session", func() bool { return p.up.Status().Transport == "tcp" })
	await(t, 20*time.Second, "half at the hub", func() bool { return hub.Count(j.ID()) >= 1500 && hub.Count(alarms.ID()) == 1 })
	t.Logf("over TCP after %v", time.Since(began).Round(time.Millisecond))
	p.link.UDPOff(false)
	back := time.Now()
	await(t, 20*time.Second, "QUIC again", func() bool { return p.up.Status().Transport == "quic" })
	t.Logf("back on QUIC after %v", time.Since(back).Round(time.Millisecond))
	j.Append(all[1500:]...)
	await(t, 20*time.Second, "all at the hub", func() bool { return hub.Count(j.ID()) >= len(all) })
	inOrder(t, hub, j.ID(), all)
}

func TestTCPSurvivesCutsToo(t *testing.T) {
	hub, j := hubtest.New(), stream("readings.telemetry", edge.Telemetry)
	all := readings(3000, 300)
	shape := badlink.Shape{Rate: 10_000_000, Delay: 10 * time.Millisecond, Loss: .01}
	p := join(t, hub, badlink.Options{Up: shape, Down: shape}, uplink.Options{NoQUIC: true}, j)
	j.Append(all...)
	for range 4 {
		time.Sleep(300 * time.Millisecond)
		p.link.Cut(badlink.Both)
		p.link.Heal()
		p.up.Kick()
	}
	await(t, 30*time.Second, "all at the hub", func() bool { return hub.Count(j.ID()) >= len(all) })
	inOrder(t, hub, j.ID(), all)
}

func TestBudgetStopsBulkWithinOnePercent(t *testing.T) {
	hub, j := hubtest.New(), stream("images", edge.Bulk)
	alarms := stream("alarms", edge.Critical)
	j.Append(readings(20_000, 500)...)
	const budget = 2_000_000
	shape := badlink.Shape{Rate: 16_000_000, Delay: 10 * time.Millisecond, Queue: 64 << 10}
	p := join(t, hub, badlink.Options{Up: shape, Down: shape}, uplink.Options{NoTCP: true, Budget: uplink.Budget{Day: budget}}, j, alarms)
	await(t, 30*time.Second, "the budget used up", func() bool { return p.up.Status().Day >= budget })
	time.Sleep(time.Second)
	alarms.Append([]byte("help"))
	await(t, 5*time.Second, "an alarm in spite of the budget", func() bool { return hub.Count(alarms.ID()) == 1 })
	up, down := p.link.Meter(badlink.Up), p.link.Meter(badlink.Down)
	got := float64(up.InBytes + down.InBytes + 28*(up.InPackets+down.InPackets))
	t.Logf("%.0f bytes passed, IP and UDP headers included, of a budget of %d; the meter says %d", got, budget, p.up.Status().Day)
	if got < .99*budget || got > 1.035*budget { // one batch of 64 KB is 3 % of this small budget
		t.Errorf("bulk stopped at %.0f bytes of a budget of %d", got, budget)
	}
}
