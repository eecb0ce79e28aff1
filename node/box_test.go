package node

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aielon/edge/hardware/mqtt"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/testport"
)

// A box is a node that runs in this process.
type box struct {
	*Node
	t      testing.TB
	cancel context.CancelFunc
	done   chan error
}

// smallConfig is a node that stands alone, with little of everything. The directory's name is short: a
// socket's path has room for 104 bytes.
func smallConfig(t testing.TB) Config {
	t.Helper()
	dir, err := os.MkdirTemp("", "box")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := Default()
	c.DataDir, c.Site, c.Region = filepath.Join(dir, "data"), "clinic", "north"
	c.Door.Addr, c.MQTT.Addr = "127.0.0.1:0", "127.0.0.1:0"
	c.Storage.Reserve, c.Storage.MinFree, c.Storage.Readings = 1<<20, 32<<20, 16<<20
	c.Host.Every = 0
	return c
}

func hubConfig(t testing.TB) Config {
	c := smallConfig(t)
	c.Site, c.Role = "hub", "hub"
	c.Hub.Addr, c.Hub.JoinAddr = testport.Addr(t), testport.Addr(t)
	return c
}

// start opens and runs a node, and ends it with the test at the latest.
func start(t testing.TB, cfg Config) *box {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("BOX_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("box", cfg.Site)
	}
	return startLogging(t, cfg, log)
}

func startLogging(t testing.TB, cfg Config, log *slog.Logger) *box {
	t.Helper()
	return startAsked(t, cfg, log, func(*box) {})
}

// startAsked starts a node of which something is asked before it runs.
func startAsked(t testing.TB, cfg Config, log *slog.Logger, early func(*box)) *box {
	t.Helper()
	n, err := New(t.Context(), cfg, Options{Logger: log, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &box{Node: n, t: t, cancel: cancel, done: make(chan error, 1)}
	early(b)
	go func() {
		err := n.Run(ctx)
		if cerr := n.Close(); err == nil {
			err = cerr
		}
		b.done <- err
	}()
	t.Cleanup(b.stop)
	ready, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if err := n.WaitReady(ready); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *box) stop() {
	if b.cancel == nil {
		return
	}
	b.cancel()
	b.cancel = nil
	if err := <-b.done; err != nil {
		b.t.Errorf("the node ended with %v", err)
	}
}

// joinTo makes b's site one of hub's region.
func (b *box) joinTo(hub *box) {
	b.t.Helper()
	inv, err := hub.Invite(b.t.Context(), InviteRequest{Role: "site"})
	if err == nil {
		_, err = b.JoinHub(b.t.Context(), JoinRequest{Addr: inv.Addr, Code: inv.Code})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// publish hands in what a device would publish and returns once it is durable.
func (b *box) publish(device, topic, payload string) error {
	done := make(chan error, 1)
	m := mqtt.Publish{Device: device, Topic: topic, Payload: []byte(payload), QoS: 1, Received: time.Now()}
	if err := b.intake.Submit(m, func(err error) { done <- err }); err != nil {
		return err
	}
	return <-done
}

// number publishes a reading that can be recognised again.
func (b *box) number(i int) {
	b.t.Helper()
	if err := b.publish("fridge", "fridge/state", fmt.Sprintf(`{"number":%d}`, i)); err != nil {
		b.t.Fatal(err)
	}
}

// records reads a whole journal; a gap fails the test.
func records(t testing.TB, j interface {
	Read(context.Context, edge.Pos) iter.Seq2[edge.Record, error]
}) (list []edge.Record) {
	t.Helper()
	for r, err := range j.Read(t.Context(), edge.Pos{}) {
		if err != nil {
			t.Fatal(err)
		}
		r.Body = append([]byte(nil), r.Body...)
		list = append(list, r)
	}
	return list
}

// numbers are the readings of number among records.
func numbers(list []edge.Record) map[int]int {
	found := map[int]int{}
	for _, r := range list {
		var pack []struct {
			N string   `json:"n"`
			V *float64 `json:"v"`
		}
		if json.Unmarshal(r.Body, &pack) != nil {
			continue
		}
		for _, s := range pack {
			if s.N == "number" && s.V != nil {
				found[int(*s.V)]++
			}
		}
	}
	return found
}

// eventually waits until f is content.
func eventually(t testing.TB, what string, f func() error) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// delivered waits until the hub has everything of b.
func (b *box) delivered() {
	b.t.Helper()
	eventually(b.t, "delivery", func() error {
		if l := b.ledger().Total; l.Waiting > 0 {
			return fmt.Errorf("%+v", l)
		}
		return nil
	})
}
