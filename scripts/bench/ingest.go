package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// loads are the shapes of load: how many publishers, and how many messages each leaves unacknowledged.
var loads = []struct{ publishers, window int }{{1, 1}, {1, 20}, {50, 1}, {50, 20}}

func ingestName(who string, publishers, window int) string {
	return fmt.Sprintf("ingest 256 B, %d publishers, window %d: %s", publishers, window, who)
}

// ingest measures acknowledged messages a second at QoS 1 of 256 bytes. Ours and NATS "always" are on disk
// when they are acknowledged; mosquitto's and NATS's default are not.
func ingest(b *bench) error {
	for run := range b.runs {
		for _, f := range []func(*bench, int) error{ingestOurs, ingestMosquitto, ingestNATS} {
			if err := f(b, run); err != nil {
				return err
			}
		}
	}
	for _, p := range []int{1, 50} {
		for _, w := range []int{1, 20} {
			ours := ingestName("aielon-edge", p, w)
			text := fmt.Sprintf("durable ingest, %d publishers, window %d, against ", p, w)
			b.out.ratio(text+"NATS sync always", ours, ingestName("NATS always", p, w), 20)
			b.out.ratio(text+"NATS default", ours, ingestName("NATS default", p, w), 1)
			b.out.ratio(text+"mosquitto keeping", ours, ingestName("mosquitto keeping", p, w), 1)
			b.out.ratio(text+"mosquitto dropping", ours, ingestName("mosquitto dropping", p, w), 1)
		}
	}
	return nil
}

func ingestOurs(b *bench, run int) error {
	x, err := b.box(fmt.Sprintf("ingest-%d", run), "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(x.dir)
	defer x.kill()
	passwords, err := x.devices(50)
	if err != nil {
		return err
	}
	return b.publishAll("aielon-edge", mqttLoad{addr: x.mqtt, passwords: passwords})
}

func (b *bench) publishAll(who string, l mqttLoad) error {
	for _, s := range loads {
		l.publishers, l.window, l.span = s.publishers, s.window, b.span
		rate, err := l.run()
		if err != nil {
			return fmt.Errorf("%s: %w", who, err)
		}
		b.out.add(ingestName(who, s.publishers, s.window), "msg/s", rate)
	}
	return nil
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
func ingestMosquitto(b *bench, run int) error {
	program := b.find("mosquitto")
	if program == "" {
		return nil
	}
	for _, who := range []string{"mosquitto dropping", "mosquitto keeping"} {
		if err := b.oneMosquitto(program, who, run); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) oneMosquitto(program, who string, run int) error {
	addr, dir := freeAddr(), filepath.Join(b.dir, "mosquitto")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	os.Chmod(dir, 0o777) // it gives up root where it has it
	os.Chmod(b.dir, 0o755)
	defer os.RemoveAll(dir)
	path, err := b.show("mosquitto.conf", fmt.Sprintf(mosquittoConfig, port(addr), dir))
	if err != nil {
		return err
	}
	if run == 0 && who == "mosquitto dropping" {
		fmt.Printf("mosquitto.conf (autosave_interval at its default, 1800 s):\n%s\n", indent(mosquittoConfig))
	}
	p, err := b.start(program, "mosquitto", "-c", path)
	if err != nil {
		return err
	}
	defer p.kill()
	if err := p.await(10*time.Second, p.listens(addr)); err != nil {
		return err
	}
	if who == "mosquitto keeping" {
		if err := leaveSession(addr); err != nil {
			return err
		}
	}
	return b.publishAll(who, mqttLoad{addr: addr})
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
func ingestNATS(b *bench, run int) error {
	program, client := b.find("nats-server"), b.find("bench-peers")
	if program == "" || client == "" {
		return nil
	}
	for _, s := range []struct{ who, sync string }{{"NATS default", ""}, {"NATS always", ", sync_interval: always"}} {
		if run == 0 {
			fmt.Printf("nats-server, %s:\n%s\n", s.who, indent(fmt.Sprintf(natsConfig, "...", "...", s.sync)))
		}
		if err := b.oneNATS(program, client, s.who, s.sync); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) oneNATS(program, client, who, sync string) error {
	addr, dir := freeAddr(), filepath.Join(b.dir, "nats")
	defer os.RemoveAll(dir)
	path, err := b.show("nats.conf", fmt.Sprintf(natsConfig, addr, dir, sync))
	if err != nil {
		return err
	}
	p, err := b.start(program, "nats", "-c", path)
	if err != nil {
		return err
	}
	defer p.kill()
	if err := p.await(10*time.Second, p.listens(addr)); err != nil {
		return err
	}
	for _, s := range loads {
		rate, err := b.client(client, "ingest", "-url", "nats://"+addr, "-publishers", fmt.Sprint(s.publishers), "-window", fmt.Sprint(s.window), "-span", b.span.String())
		if err != nil {
			return fmt.Errorf("%s: %w", who, err)
		}
		b.out.add(ingestName(who, s.publishers, s.window), "msg/s", rate["rate"])
	}
	return nil
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
