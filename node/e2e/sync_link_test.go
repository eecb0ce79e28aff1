//go:build fault

package e2e

import (
	"testing"
	"time"

	"github.com/aielon/edge/node/edge/testport"
	"github.com/aielon/edge/node/nodetest/proc"
	"github.com/aielon/edge/sync/badlink"
	"github.com/aielon/edge/sync/hub/pgtest"
)

// TestSyncBadLink sends 100,000 records over a line that loses every twentieth packet and has a round trip
// of 100 ms, cut and healed, with kills of both ends in between. The hub must have each once, in order.
func TestSyncBadLink(t *testing.T) {
	t.Run("badger", func(t *testing.T) { badLink(t, "") })
	t.Run("postgres", func(t *testing.T) { badLink(t, pgtest.Start(t).URL()) })
}

func badLink(t *testing.T, pg string) {
	r, began := dice(t), time.Now()
	records, cuts, kills := full(100_000), full(50), full(20)
	shape := badlink.Shape{Delay: 50 * time.Millisecond, Loss: .05}
	addr := testport.Addr(t)
	link, err := badlink.Listen(badlink.Options{Target: addr, Up: shape, Down: shape, Seed: r.Uint64()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { link.Close() })
	w := newWorld(t, outfit{hubAddr: addr, through: []string{link.Addr()}, pg: pg})
	const devices = 20
	w.connect(devices, 0)
	link.Cut(badlink.Both)
	w.publish(uint64(records/2/devices), 0)
	link.Heal()

	var faults []string
	for range cuts {
		faults = append(faults, "cut")
	}
	for range kills {
		faults = append(faults, "hub", "node")
	}
	r.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	each := uint64(records / devices)
	for _, d := range w.devices {
		d.Run(each, time.Duration(len(faults))*1500*time.Millisecond/time.Duration(each/2+1))
	}
	busy := 0
	for _, f := range faults {
		time.Sleep(time.Duration(100+r.IntN(1500)) * time.Millisecond)
		if st := w.status(); st.Ledger.Total.Waiting > 0 {
			busy++
		}
		switch f {
		case "cut":
			link.Cut([]badlink.Direction{badlink.Both, badlink.Up, badlink.Down}[r.IntN(3)])
			time.Sleep(time.Duration(50+r.IntN(800)) * time.Millisecond)
			link.Heal()
		case "hub":
			w.hub.Kill()
			w.hub.Up()
		case "node": // devices hold still meanwhile, so that none has to send anything twice
			w.each((*proc.Device).Hold)
			w.node.Kill()
			w.node.Up()
			w.each((*proc.Device).Resume)
		}
	}
	w.reach(each)
	w.each((*proc.Device).Stop)
	w.drained(5 * time.Minute)
	got, m := w.check(), link.Meter(badlink.Both)
	if got.Records != uint64(records)+got.Again || got.Distinct != uint64(records) {
		t.Errorf("the hub has %d records, %d different ones, of %d", got.Records, got.Distinct, records)
	}
	if m.Lost == 0 || m.Cut == 0 || busy < len(faults)/3 {
		t.Errorf("%d packets lost, %d cut off, records waiting at %d of %d faults: the faults did not bite", m.Lost, m.Cut, busy, len(faults))
	}
	row(t, "%d records (%d sent again by devices), once and in order at the hub; %d cuts, %d kills of the hub, %d of the node, records waiting at %d of %d faults; %d packets lost, %d cut; %v",
		got.Records, got.Again, cuts, kills, kills, busy, len(faults), m.Lost, m.Cut, time.Since(began).Round(time.Second))
}

// publish lets every device publish up to number n.
func (w *world) publish(n uint64, pause time.Duration) {
	w.t.Helper()
	for _, d := range w.devices {
		d.Run(n, pause)
	}
	w.reach(n)
}

// reach waits until every device has published up to number n.
func (w *world) reach(n uint64) {
	w.t.Helper()
	for end := time.Now().Add(10 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if total, _ := w.acked(); total >= n*uint64(len(w.devices)) {
			return
		}
		if time.Now().After(end) {
			w.t.Fatal("the devices do not come to an end")
		}
	}
}
