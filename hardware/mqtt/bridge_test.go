package mqtt

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

func bridge(t *testing.T, o BridgeOptions) (*Bridge, *disk, func()) {
	t.Helper()
	d := newDisk(0)
	o.Intake, o.ClientID = d, "op-bridge"
	o.Filters, o.Device = []string{"devices/#"}, []string{"devices/%d/#"}
	g, err := NewBridge(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go d.run(ctx)
	go func() { g.Run(ctx); close(over) }()
	stop := func() { cancel(); <-over }
	t.Cleanup(stop)
	return g, d, stop
}

func connected(t *testing.T, g *Bridge, n uint64) {
	t.Helper()
	for range 600 {
		if s := g.Stats(); s.Connected && s.Connects >= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not connected: %+v, %+v", g.Stats(), g.Report(t.Context()))
}

// try runs one story against a broker: what is not stored is not acknowledged and comes again.
func tryBridge(t *testing.T, url string, send func(topic, body string)) {
	g, d, stop := bridge(t, BridgeOptions{URL: url, Username: "op", Password: "op-pw"})
	connected(t, g, 1)
	send("devices/a/t", "1")
	send("odd", "x")
	if got := d.waitFor(t, 1); got[0].Device != "a" || got[0].Topic != "devices/a/t" || string(got[0].Payload) != "1" {
		t.Fatalf("%+v", got)
	}
	d.set(func(d *disk) { d.fail = edge.E(edge.Exhausted, "full") })
	send("devices/a/t", "2")
	for range 300 {
		if g.Stats().Refused > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.set(func(d *disk) { d.fail = nil })
	connected(t, g, 2)
	if got := d.waitFor(t, 2); string(got[1].Payload) != "2" {
		t.Fatalf("%+v", got)
	}
	stop() // messages sent while we are away are kept by the broker
	send("devices/b/t", "3")
	g, d, _ = bridge(t, BridgeOptions{URL: url, Username: "op", Password: "op-pw"})
	connected(t, g, 1)
	if got := d.waitFor(t, 1); string(got[0].Payload) != "3" || got[0].Device != "b" {
		t.Fatalf("%+v", got)
	}
}

func TestBridgeToOurs(t *testing.T) {
	t.Parallel()
	w := start(t)
	r := w.enter(t, "op", func(o *connectOpt) { o.id = "sender" })
	n := uint16(0)
	tryBridge(t, "tcp://"+w.b.Addrs()[0].String(), func(topic, body string) {
		n++
		r.send(pub(5, 1, n, topic, body))
		r.want(tPuback)
	})
}

func TestBridgeToMosquitto(t *testing.T) {
	t.Parallel()
	bin, err := exec.LookPath("mosquitto")
	if err != nil {
		t.Skip("mosquitto is not installed, so the bridge is not tried against it")
	}
	addr := mosquitto(t, bin, "")
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.Write(connectOpt{v: 4, id: "sender", clean: true}.bytes())
	nc.Read(make([]byte, 4))
	n := uint16(0)
	tryBridge(t, "tcp://"+addr, func(topic, body string) {
		n++
		nc.Write(pub(4, 1, n, topic, body))
		nc.Read(make([]byte, 4))
	})
}

func TestBridgeOptions(t *testing.T) {
	d := newDisk(0)
	for i, o := range []BridgeOptions{{}, {URL: "tcp://x", ClientID: "a", Filters: []string{"a#"}, Device: []string{"%d"}, Intake: d},
		{URL: "tcp://x", ClientID: "a", Filters: []string{"a"}, Intake: d}, {URL: "tcp://x", ClientID: "a", Filters: []string{"a"}, Device: []string{"%d"}}} {
		if _, err := NewBridge(o); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%d: %v", i, err)
		}
	}
	g, _, _ := bridge(t, BridgeOptions{URL: "tcp://127.0.0.1:1"})
	for range 100 {
		if h := g.Report(t.Context()); h.Level == edge.Degraded && h.Hint != "" && h.Msg != "connecting to tcp://127.0.0.1:1" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("an unreachable broker is not reported")
}

func TestDeviceOf(t *testing.T) {
	for _, c := range [][3]string{{"tele/%d/#", "tele/plug/SENSOR", "plug"}, {"%d/sensor/+/state", "n/sensor/t/state", "n"}, {"%d", "a/b", ""}, {"a/%d/#", "a", ""}, {"a/%d", "a//b", ""}} {
		if d, _ := deviceOf([]string{c[0]}, c[1]); d != c[2] {
			t.Error(fmt.Sprint(c, d))
		}
	}
}
