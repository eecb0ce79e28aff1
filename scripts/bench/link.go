package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/sync/badlink"
)

// thin is the link of a clinic: 200 kbit/s, a round trip of 100 ms, and a modem that queues 64 KB.
var thin = badlink.Shape{Rate: 200_000, Delay: 50 * time.Millisecond, Queue: 64 << 10}

// backlogSize is how many messages of 256 bytes wait when the link comes back: more than either side can
// deliver in the time it is watched.
const backlogSize = 60_000

const (
	urgentP50  = "urgent wait behind a backlog, 200 kbit/s, median: "
	urgentMost = "urgent wait behind a backlog, 200 kbit/s, worst: "
	drained    = "backlog delivered over 200 kbit/s: "
	perRecord  = "bytes on the link for each record of 256 B: "
)

// badLink fills a backlog while the link is down, heals it, and sends something urgent every second while
// the backlog drains. Ours counts until the hub has it on disk and the node knows; NATS's until the hub's
// stream shows it.
func badLink(b *bench) error {
	fmt.Printf("link: %d bit/s, %v each way, a queue of %d bytes; backlog: %d messages of 256 bytes\n\n", thin.Rate, thin.Delay, thin.Queue, backlogSize)
	if err := linkOurs(b); err != nil {
		return err
	}
	if err := linkNATS(b); err != nil {
		return err
	}
	b.out.atMost("urgent, median, ms", urgentP50+"aielon-edge", 250)
	b.out.atMost("urgent, worst, ms", urgentMost+"aielon-edge", 400)
	b.out.ratio("urgent wait of NATS leaf against ours", urgentP50+"NATS leaf", urgentP50+"aielon-edge", 20)
	b.out.ratio("backlog delivered, against NATS leaf", drained+"aielon-edge", drained+"NATS leaf", 1)
	return nil
}

func (b *bench) linkFigures(who string, trips []float64, delivered, bytes, seconds float64) {
	slices.Sort(trips)
	b.out.add(urgentP50+who, "ms", trips[len(trips)/2])
	b.out.add(urgentMost+who, "ms", trips[len(trips)-1])
	b.out.add(drained+who, "records/s", delivered/seconds)
	if delivered > 0 {
		b.out.add(perRecord+who, "B", bytes/delivered)
	}
}

func linkOurs(b *bench) error {
	hubAddr := freeAddr()
	l, err := badlink.Listen(badlink.Options{Target: hubAddr, Up: thin, Down: thin})
	if err != nil {
		return err
	}
	defer l.Close()
	hub, err := b.box("hub", fmt.Sprintf("[hub]\naddr = %q\njoin_addr = %q\nadvertise = [%q]\n", hubAddr, freeAddr(), l.Addr()))
	if err != nil {
		return err
	}
	defer hub.kill()
	x, err := b.box("leaf", "")
	if err != nil {
		return err
	}
	defer x.kill()
	i, err := hub.invite("site")
	if err != nil {
		return err
	}
	if err := b.join(x, i); err != nil {
		return err
	}
	return b.drainOurs(x, l)
}

func (b *bench) drainOurs(x *box, l *badlink.Link) error {
	passwords, err := x.devices(20)
	if err != nil {
		return err
	}
	l.Cut(badlink.Both)
	if err := (mqttLoad{addr: x.mqtt, passwords: passwords, publishers: 20, window: 20, count: backlogSize / 20}).fill(); err != nil {
		return err
	}
	c, err := dialMQTT(x.mqtt, "urgent", deviceName(0), passwords[0])
	if err != nil {
		return err
	}
	defer c.Close()
	l.Heal()
	if err := x.await(time.Minute, func() bool { return x.onHub("telemetry") > 100 }); err != nil {
		return err
	}
	time.Sleep(3 * time.Second) // the handshake's own queue
	meter, before, began := l.Meter(badlink.Up), x.onHub("telemetry"), time.Now()
	var trips []float64
	for n := 1; time.Since(began) < b.link; n++ {
		sent := time.Now()
		var acked atomic.Int64
		if err := c.publish(deviceName(0)+"/alarm", 99, 1, time.Time{}, 1, &acked); err != nil {
			return err
		}
		if err := x.await(b.link, func() bool { return x.onHub("critical") >= float64(n) }); err != nil {
			return err
		}
		trips = append(trips, float64(time.Since(sent).Milliseconds()))
		time.Sleep(time.Duration(700+n*37%600) * time.Millisecond)
	}
	got := x.onHub("telemetry") - before
	if left := backlogSize - int(before+got); left <= 0 {
		return errors.New("the backlog was too small: it has drained before the end")
	}
	b.linkFigures("aielon-edge", trips, got, float64(l.Meter(badlink.Up).OutBytes-meter.OutBytes), time.Since(began).Seconds())
	return nil
}

// onHub is how many records of one urgency the node knows to be on the hub's disk.
func (x *box) onHub(class string) float64 {
	var st struct {
		Ledger struct {
			Rows []struct {
				Class string
				OnHub float64 `json:"on_hub"`
			}
		}
	}
	if err := x.call("GET", "/v1/status", nil, &st); err != nil {
		return 0
	}
	for _, r := range st.Ledger.Rows {
		if r.Class == class {
			return r.OnHub
		}
	}
	return 0
}

// The hub tells leaf nodes where it is; without "advertise" they would go around the link.
const natsHub = `listen: "%s"
jetstream { store_dir: "%s", domain: hub }
leafnodes { listen: "%s", advertise: "%s" }
`

const natsLeaf = `listen: "%s"
jetstream { store_dir: "%s", domain: leaf }
leafnodes { remotes = [ { url: "nats://%s", compression: s2_auto } ] }
`

// linkNATS measures a leaf node whose two streams are sourced by the hub: one with the backlog, one for
// what is urgent.
func linkNATS(b *bench) error {
	program, client := b.find("nats-server"), b.find("bench-peers")
	if program == "" || client == "" {
		return nil
	}
	hubAddr, leafPort, leafAddr := freeAddr(), freeAddr(), freeAddr()
	l, err := badlink.Listen(badlink.Options{Target: leafPort, Up: thin, Down: thin})
	if err != nil {
		return err
	}
	defer l.Close()
	for _, s := range []struct{ name, text, addr string }{
		{"nats-hub", fmt.Sprintf(natsHub, hubAddr, filepath.Join(b.dir, "nats-hub"), leafPort, l.Addr()), hubAddr},
		{"nats-leaf", fmt.Sprintf(natsLeaf, leafAddr, filepath.Join(b.dir, "nats-leaf"), l.Addr()), leafAddr},
	} {
		fmt.Printf("%s:\n%s\n", s.name, indent(strings.ReplaceAll(s.text, b.dir, "...")))
		path, err := b.show(s.name+".conf", s.text)
		if err != nil {
			return err
		}
		p, err := b.start(program, s.name, "-c", path)
		if err != nil {
			return err
		}
		defer p.kill()
		defer os.RemoveAll(filepath.Join(b.dir, s.name))
		if err := p.await(10*time.Second, p.listens(s.addr)); err != nil {
			return err
		}
	}
	return b.drainNATS(client, "nats://"+leafAddr, "nats://"+hubAddr, l)
}

func (b *bench) drainNATS(client, leaf, hub string, l *badlink.Link) error {
	time.Sleep(2 * time.Second) // the leaf's connection
	if _, err := b.client(client, "streams", "-url", leaf, "-hub", hub); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // the sources
	l.Cut(badlink.Both)
	if _, err := b.client(client, "backlog", "-url", leaf, "-count", fmt.Sprint(backlogSize)); err != nil {
		return err
	}
	l.Heal()
	if _, err := b.client(client, "drains", "-hub", hub); err != nil {
		return err
	}
	meter, began := l.Meter(badlink.Up), time.Now()
	m, err := b.client(client, "urgent", "-url", leaf, "-hub", hub, "-span", b.link.String())
	if err != nil {
		return err
	}
	var trips []float64
	for name, v := range m {
		if strings.HasPrefix(name, "trip") || name == "open" {
			trips = append(trips, v)
		}
	}
	if m["open"] > 0 {
		fmt.Printf("(NATS: one urgent message had still not come after %.0f ms, which is what counts for it here)\n", m["open"])
	}
	b.linkFigures("NATS leaf", trips, m["drained"], float64(l.Meter(badlink.Up).OutBytes-meter.OutBytes), time.Since(began).Seconds())
	return nil
}
