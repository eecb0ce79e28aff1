package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// loads are the shapes of load: how many publishers, and how many messages each leaves unacknowledged.
var loads = []struct{ publishers, window int }{{1, 1}, {1, 20}, {50, 1}, {50, 20}}

func ingestName(who string, publishers, window int) string {
	return fmt.Sprintf("ingest 256 B, %d publishers, window %d: %s", publishers, window, who)
}

// A sink is a server that takes messages in.
type sink struct {
	who  string
	load func(publishers, window int) (rate float64, err error)
	stop func()
}

// ingest measures acknowledged messages a second at QoS 1 of 256 bytes. Ours and NATS "always" are on disk
// when they are acknowledged; mosquitto's and NATS's default are not. All servers are up at the same time
// and get each load one right after the other, in turning order, so that whatever else the machine does
// strikes all alike; the ratios are those of neighbours.
func ingest(b *bench) error {
	for run := range b.runs {
		if err := b.ingestRun(run); err != nil {
			return err
		}
	}
	for _, s := range loads {
		ours := ingestName("aielon-edge", s.publishers, s.window)
		text := fmt.Sprintf("durable ingest, %d publishers, window %d, against ", s.publishers, s.window)
		for _, peer := range []struct {
			who   string
			least float64
		}{{"NATS always", 20}, {"NATS default", 1}, {"mosquitto keeping", 1}, {"mosquitto dropping", 1}} {
			if s.publishers == 1 {
				peer.least = 0 // one publisher waits for the disk, and no two messages share an fsync
			}
			b.out.ratio(text+peer.who, ours, ingestName(peer.who, s.publishers, s.window), peer.least)
		}
	}
	return nil
}

func (b *bench) ingestRun(run int) error {
	var sinks []sink
	defer func() {
		for _, s := range sinks {
			s.stop()
		}
	}()
	for _, open := range []func(*bench, int) ([]sink, error){ingestOurs, ingestMosquitto, ingestNATS} {
		list, err := open(b, run)
		sinks = append(sinks, list...)
		if err != nil {
			return err
		}
	}
	for _, l := range loads {
		for _, s := range sinks {
			time.Sleep(200 * time.Millisecond)
			rate, err := s.load(l.publishers, l.window)
			if err != nil {
				return fmt.Errorf("%s: %w", s.who, err)
			}
			b.out.add(ingestName(s.who, l.publishers, l.window), "msg/s", rate)
		}
		slices.Reverse(sinks)
	}
	return nil
}

func ingestOurs(b *bench, run int) ([]sink, error) {
	x, err := b.box(fmt.Sprintf("ingest-%d", run), "")
	if err != nil {
		return nil, err
	}
	stop := func() { x.kill(); os.RemoveAll(x.dir) }
	passwords, err := x.devices(50)
	return []sink{b.mqttSink("aielon-edge", mqttLoad{addr: x.mqtt, passwords: passwords}, stop)}, err
}

func (b *bench) mqttSink(who string, l mqttLoad, stop func()) sink {
	return sink{who, func(publishers, window int) (float64, error) {
		l.publishers, l.window, l.span = publishers, window, b.span
		return l.run()
	}, stop}
}

const mosquittoConfig = `listener %s 127.0.0.1
allow_anonymous true
persistence true
persistence_location %s/
max_queued_messages 0
max_inflight_messages 100
log_dest none
`

// ingestMosquitto measures mosquitto twice: with nobody subscribed, so that it throws every message away
// once it has acknowledged it, and with a durable session for which it must keep them all.
func ingestMosquitto(b *bench, run int) (list []sink, err error) {
	program := b.find("mosquitto")
	if program == "" {
		return nil, nil
	}
	if run == 0 {
		fmt.Printf("mosquitto.conf (autosave_interval at its default, 1800 s):\n%s\n", indent(fmt.Sprintf(mosquittoConfig, "...", "...")))
	}
	for _, who := range []string{"mosquitto dropping", "mosquitto keeping"} {
		s, err := b.oneMosquitto(program, who)
		if err != nil {
			return list, err
		}
		list = append(list, s)
	}
	return list, nil
}

func (b *bench) oneMosquitto(program, who string) (s sink, err error) {
	name := strings.ReplaceAll(who, " ", "-")
	addr, dir := freeAddr(), filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return s, err
	}
	os.Chmod(dir, 0o777) // it gives up root where it has it
	os.Chmod(b.dir, 0o755)
	path, err := b.show(name+".conf", fmt.Sprintf(mosquittoConfig, port(addr), dir))
	if err != nil {
		return s, err
	}
	p, err := b.start(program, name, "-c", path)
	if err != nil {
		return s, err
	}
	if err = p.await(10*time.Second, p.listens(addr)); err == nil && who == "mosquitto keeping" {
		err = leaveSession(addr)
	}
	if err != nil {
		p.kill()
	}
	return b.mqttSink(who, mqttLoad{addr: addr}, func() { p.kill(); os.RemoveAll(dir) }), err
}

// leaveSession makes a durable session that subscribes to everything and goes away.
func leaveSession(addr string) error {
	c, err := dialDurable(addr, "keeper")
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write(packet(0x82, append(mqttString([]byte{0, 1}, "#"), 1))); err != nil {
		return err
	}
	var ack [5]byte
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if n, err := c.r.Read(ack[:]); err != nil || n < 5 || ack[0] != 0x90 || ack[4] > 2 {
		return fmt.Errorf("the subscription was refused: % x %v", ack, err)
	}
	return nil
}

const natsConfig = `listen: "%s"
jetstream { store_dir: "%s"%s }
`

// ingestNATS measures JetStream with its file store, with its default sync_interval (2 minutes) and with
// an fsync for every message.
func ingestNATS(b *bench, run int) (list []sink, err error) {
	program, client := b.find("nats-server"), b.find("bench-peers")
	if program == "" || client == "" {
		return nil, nil
	}
	for _, s := range []struct{ who, sync string }{{"NATS default", ""}, {"NATS always", ", sync_interval: always"}} {
		if run == 0 {
			fmt.Printf("nats-server, %s:\n%s\n", s.who, indent(fmt.Sprintf(natsConfig, "...", "...", s.sync)))
		}
		one, err := b.oneNATS(program, client, s.who, s.sync)
		if err != nil {
			return list, err
		}
		list = append(list, one)
	}
	return list, nil
}

func (b *bench) oneNATS(program, client, who, sync string) (s sink, err error) {
	name := strings.ReplaceAll(who, " ", "-")
	addr, dir := freeAddr(), filepath.Join(b.dir, name)
	path, err := b.show(name+".conf", fmt.Sprintf(natsConfig, addr, dir, sync))
	if err != nil {
		return s, err
	}
	p, err := b.start(program, name, "-c", path)
	if err != nil {
		return s, err
	}
	if err := p.await(10*time.Second, p.listens(addr)); err != nil {
		p.kill()
		return s, err
	}
	load := func(publishers, window int) (float64, error) {
		m, err := b.client(client, "ingest", "-url", "nats://"+addr, "-publishers", fmt.Sprint(publishers), "-window", fmt.Sprint(window), "-span", b.span.String())
		return m["rate"], err
	}
	return sink{who, load, func() { p.kill(); os.RemoveAll(dir) }}, nil
}

// client runs bench-peers, which speaks the peers' own protocols, and reads "name value" lines from it.
func (b *bench) client(program string, args ...string) (map[string]float64, error) {
	cmd := exec.CommandContext(b.ctx, program, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	return figures(string(out))
}

func figures(text string) (map[string]float64, error) {
	m := map[string]float64{}
	for line := range strings.Lines(text) {
		var name string
		var v float64
		if _, err := fmt.Sscan(line, &name, &v); err != nil {
			return nil, fmt.Errorf("%q is no figure", line)
		}
		m[name] = v
	}
	return m, nil
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ") + "\n"
}
