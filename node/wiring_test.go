package node

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/hardware/mqtt"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

func TestUrgencyOf(t *testing.T) {
	for topic, want := range map[string]edge.Urgency{
		"fridge/temperature": edge.Telemetry, "fridge/alarm": edge.Critical, "alarm/fridge": edge.Critical, "a/critical/b": edge.Critical,
		"fridge/alarms": edge.Telemetry, "fridge/Alarm": edge.Telemetry, "alarmclock/x": edge.Telemetry, "": edge.Telemetry, "/alarm/": edge.Critical,
	} {
		if got := urgencyOf(topic); got != want {
			t.Errorf("%q is %v, want %v", topic, got, want)
		}
	}
}

// TestIntake hands in what devices publish, good and bad: each message is kept, in the class of its topic,
// and what cannot be read is kept whole.
func TestIntake(t *testing.T) {
	n := start(t, smallConfig(t))
	for _, m := range []struct{ topic, payload string }{
		{"fridge/temperature", "4.5"}, {"fridge/alarm/door", "1"}, {"fridge/state", `{"temperature":`},
		{"fridge/raw", "\x00\xff\x01"}, {"fridge/state", `{"t":1,"bad":1e999}`},
	} {
		if err := n.publish("fridge", m.topic, m.payload); err != nil {
			t.Fatalf("%s: %v", m.topic, err)
		}
	}
	list := records(t, n.journals.Journal(edge.Telemetry))
	var aside []string
	for _, r := range list {
		if r.Subject != "fridge" {
			t.Errorf("subject %q", r.Subject)
		}
		if r.Type != edge.TypeQuarantined {
			continue
		}
		var q struct {
			Topic, Reason string
			Payload       []byte
		}
		if err := json.Unmarshal(r.Body, &q); err != nil || q.Reason == "" || q.Topic == "" {
			t.Errorf("%s: %v", r.Body, err)
		}
		aside = append(aside, string(q.Payload))
	}
	for _, want := range []string{`{"temperature":`, "\x00\xff\x01", `{"t":1,"bad":1e999}`} {
		if !slices.Contains(aside, want) {
			t.Errorf("%q was not kept aside: %q", want, aside)
		}
	}
	if c := records(t, n.journals.Journal(edge.Critical)); len(c) != 1 || c[0].Type != edge.TypeReading {
		t.Errorf("critical %v", c)
	}
	if n.intake.messages.Load() != 5 || n.intake.quarantined.Load()+n.intake.skipped.Load() < 3 {
		t.Errorf("%d messages, %d quarantined, %d skipped", n.intake.messages.Load(), n.intake.quarantined.Load(), n.intake.skipped.Load())
	}
}

// TestIntakeOrder submits without waiting: the calls of done come in the order of Submit.
func TestIntakeOrder(t *testing.T) {
	n := start(t, smallConfig(t))
	const many = 300
	var mu sync.Mutex
	var order []int
	all := make(chan struct{})
	for i := range many {
		m := mqtt.Publish{Device: "d", Topic: "d/x", Payload: fmt.Append(nil, i), Received: time.Now()}
		if err := n.intake.Submit(m, func(err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if order = append(order, i); len(order) == many {
				close(all)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	<-all
	if !slices.IsSorted(order) {
		t.Error("done was called out of order")
	}
}

// TestIntakeClosed refuses at once what cannot be kept any more; done is not called then.
func TestIntakeClosed(t *testing.T) {
	n := start(t, smallConfig(t))
	n.stop()
	err := n.intake.Submit(mqtt.Publish{Device: "d", Topic: "d/x", Payload: []byte("1")}, func(error) { t.Error("done was called") })
	if !edge.IsKind(err, edge.Unavailable) {
		t.Error(err)
	}
}

// TestGroup has one event of a message fail: the device is told once, and only when all are decided.
func TestGroup(t *testing.T) {
	in, calls, urgent := &intake{}, []error{}, 0
	in.urgent = func() { urgent++ }
	g := &group{left: 3, done: func(err error) { calls = append(calls, err) }}
	g.one(nil, in, edge.Critical)
	g.one(edge.E(edge.Exhausted, "full"), in, edge.Critical)
	if len(calls) != 0 {
		t.Fatal("told too early")
	}
	g.one(edge.E(edge.Unavailable, "later"), in, edge.Telemetry)
	if len(calls) != 1 || !edge.IsKind(calls[0], edge.Exhausted) || urgent != 1 {
		t.Errorf("%v, urgent %d", calls, urgent)
	}
}

func TestOrders(t *testing.T) {
	n := start(t, smallConfig(t))
	o := &orders{n: n.Node, s: n.readings}
	id, now := edge.NewID(), time.Now()
	if r, first, err := o.Begin(t.Context(), id, now.Add(time.Hour)); r != nil || !first || err != nil {
		t.Fatal(r, first, err)
	}
	// Killed in the middle: it is not run again, and there is no result.
	if r, first, err := o.Begin(t.Context(), id, now.Add(time.Hour)); r != nil || first || err != nil {
		t.Fatal(r, first, err)
	}
	if err := o.Finish(t.Context(), wire.CmdResult{ID: id, Body: []byte("done")}); err != nil {
		t.Fatal(err)
	}
	if r, first, err := o.Begin(t.Context(), id, now.Add(time.Hour)); first || err != nil || r == nil || string(r.Body) != "done" {
		t.Fatal(r, first, err)
	}
	if _, err := o.Run(t.Context(), &wire.Cmd{Name: "format-disk"}); !edge.IsKind(err, edge.Invalid) {
		t.Error(err)
	}
	b, err := o.Run(t.Context(), &wire.Cmd{Name: "scrub"})
	var res ScrubResult
	if err != nil || json.Unmarshal(b, &res) != nil || len(res.Damaged) > 0 {
		t.Errorf("%s %v", b, err)
	}
	for _, tc := range []struct {
		after time.Duration
		gone  bool
	}{{24 * time.Hour, false}, {26 * time.Hour, true}} {
		if err := o.forget(t.Context(), now.Add(tc.after)); err != nil {
			t.Fatal(err)
		}
		v := n.readings.View()
		_, found, err := load[orderRow](v, []byte(orderPrefix+id.String()))
		v.Close()
		if err != nil || found == tc.gone {
			t.Errorf("after %v: there %t, %v", tc.after, found, err)
		}
	}
}

func TestParseSettings(t *testing.T) {
	for doc, want := range map[string]time.Duration{`{}`: 0, `{"host_every":"5m"}`: 5 * time.Minute, `{"host_every":"1s"}`: time.Second, `{"host_every":"0s"}`: 0} {
		if s, err := parseSettings([]byte(doc)); err != nil || time.Duration(s.HostEvery) != want {
			t.Errorf("%s: %v %v", doc, s, err)
		}
	}
	for _, doc := range []string{``, `null x`, `{"host_evry":"5m"}`, `{"host_every":"1ms"}`, `{"host_every":5}`, `{"host_every":"-1s"}`, `[]`, `{} {}`, `{"host_every":"5m"} trailing`} {
		if s, err := parseSettings([]byte(doc)); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v %v", doc, s, err)
		}
	}
}

func TestStorageKey(t *testing.T) {
	good := strings.Repeat("0f", 32) + "\n"
	write := func(t *testing.T, dir, name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("made once", func(t *testing.T) {
		cfg := Config{DataDir: t.TempDir()}
		write(t, cfg.DataDir, "keys/x", "", 0o600)
		a, err := storageKey(cfg)
		b, err2 := storageKey(cfg)
		if err != nil || err2 != nil || len(a) != 32 || string(a) != string(b) {
			t.Error(a, b, err, err2)
		}
	})
	t.Run("named, missing", func(t *testing.T) {
		cfg := Config{DataDir: t.TempDir(), Storage: StorageConfig{KeyFile: filepath.Join(t.TempDir(), "no.key")}}
		if _, err := storageKey(cfg); !edge.IsKind(err, edge.NotFound) || exists(cfg.Storage.KeyFile) {
			t.Error(err)
		}
	})
	t.Run("gone, data there", func(t *testing.T) {
		cfg := Config{DataDir: t.TempDir()}
		write(t, cfg.DataDir, "readings/000001.sst", "x", 0o600)
		if _, err := storageKey(cfg); !edge.IsKind(err, edge.Corrupt) {
			t.Error(err)
		}
	})
	for name, text := range map[string]string{"short": "0f0f", "not hex": strings.Repeat("zz", 32), "long": strings.Repeat("0f", 33), "empty": ""} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{DataDir: t.TempDir()}
			cfg.Storage.KeyFile = write(t, cfg.DataDir, "k", text, 0o600)
			if _, err := storageKey(cfg); !edge.IsKind(err, edge.Invalid) {
				t.Error(err)
			}
		})
	}
	t.Run("open to others", func(t *testing.T) {
		cfg := Config{DataDir: t.TempDir()}
		cfg.Storage.KeyFile = write(t, cfg.DataDir, "k", good, 0o600)
		for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o620} {
			if err := os.Chmod(cfg.Storage.KeyFile, mode); err != nil {
				t.Fatal(err)
			}
			if _, err := storageKey(cfg); !edge.IsKind(err, edge.Denied) || !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("%o: %v", mode, err)
			}
		}
	})
	t.Run("a directory", func(t *testing.T) {
		if _, err := storageKey(Config{DataDir: t.TempDir(), Storage: StorageConfig{KeyFile: t.TempDir()}}); err == nil {
			t.Error("a directory was taken as a key")
		}
	})
	t.Run("of the service manager", func(t *testing.T) {
		dir := t.TempDir()
		t.Setenv("CREDENTIALS_DIRECTORY", dir)
		write(t, dir, "storage.key", good, 0o400)
		cfg := Config{DataDir: t.TempDir()}
		if k, err := storageKey(cfg); err != nil || k[0] != 0x0f || exists(filepath.Join(cfg.DataDir, "keys")) {
			t.Error(k, err)
		}
		cfg.Storage.KeyFile = write(t, cfg.DataDir, "named", strings.Repeat("aa", 32), 0o600)
		if k, err := storageKey(cfg); err != nil || k[0] != 0xaa {
			t.Error("the configuration goes before the service manager", k, err)
		}
	})
}

// TestHubCommandsANode sends a configuration and a command down, and revokes the node: it is cut off
// within five seconds, and stays out when it comes back with the session tickets it has.
func TestHubCommandsANode(t *testing.T) {
	t.Parallel() // it mostly waits
	hub := start(t, hubConfig(t))
	n := start(t, smallConfig(t))
	n.joinTo(hub)
	n.number(1)
	n.delivered()
	p, id := hub.hub, n.ID()
	if _, err := p.h.SetDesired(t.Context(), id, []byte(`{"host_every":"7m"}`)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the configuration", func() error {
		if r, err := p.h.Reported(t.Context(), id); err != nil || r.Version != 1 {
			return fmt.Errorf("reported %+v %v", r, err)
		}
		return nil
	})
	if got := n.desired.settings(); time.Duration(got.HostEvery) != 7*time.Minute {
		t.Errorf("in force: %+v", got)
	}
	if r, err := p.h.Reported(t.Context(), id); err != nil || string(r.Doc) != `{"host_every":"7m0s"}` {
		t.Errorf("reported as in force: %s %v", r.Doc, err)
	}
	for _, life := range []time.Duration{0, -1, 31 * 24 * time.Hour} {
		if _, err := p.send(t.Context(), id, CommandRequest{Name: "sample", Life: life}); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("a command for %v: %v", life, err)
		}
	}
	for _, name := range []string{"scrub", "format-disk"} {
		if _, err := p.send(t.Context(), id, CommandRequest{Name: name, Life: time.Minute}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "two results", func() error {
		if list, err := p.h.Results(t.Context(), id); err != nil || len(list) != 2 {
			return fmt.Errorf("%v %v", list, err)
		}
		return nil
	})
	if !(roll{hub.Node}).Known(id) {
		t.Error("the renewal lane is closed for a node of the region")
	}
	if err := hub.revoke(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if (roll{hub.Node}).Known(id) || (roll{hub.Node}).Known(edge.NodeID{9}) {
		t.Error("the renewal lane is open for a revoked node, or for a stranger")
	}
	began := time.Now()
	eventually(t, "the cut", func() error {
		if len(p.h.Sessions()) > 0 {
			return fmt.Errorf("still there after %v", time.Since(began))
		}
		return nil
	})
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("cut off after %v", d)
	}
	n.number(2)
	n.up.restart() // with the tickets it holds
	for range 40 {
		time.Sleep(25 * time.Millisecond)
		if s := p.h.Sessions(); len(s) > 0 {
			t.Fatalf("a revoked node is back: %v", s)
		}
	}
	if got := numbers(hub.hubHas(telemetryOf(n))); got[1] != 1 || got[2] != 0 {
		t.Errorf("the hub has %v", got)
	}
	if n.ledger().Total.Lost != 0 {
		t.Error("the revoked node lost something")
	}
}
