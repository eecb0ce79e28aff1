//go:build fault

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/testport"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/nodetest/proc"
	"github.com/aielon/edge/node/nodetest/stored"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// full is how often a run does its thing; FAULT_PERCENT scales all of them, for a quick look.
func full(n int) int {
	if p, err := strconv.Atoi(os.Getenv("FAULT_PERCENT")); err == nil {
		return max(n*p/100, 1)
	}
	return n
}

// dice are seeded anew for every run, or by FAULT_SEED, and say by what.
func dice(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	if s, err := strconv.ParseUint(os.Getenv("FAULT_SEED"), 10, 64); err == nil {
		seed = s
	}
	fmt.Printf("%s: seed %d\n", t.Name(), seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// row prints what came of a run, as a line of a table.
func row(t *testing.T, format string, args ...any) {
	verdict := "ok"
	if t.Failed() {
		verdict = "FAILED"
	}
	fmt.Printf("| %s | %s | %s |\n", t.Name(), fmt.Sprintf(format, args...), verdict)
}

// A world is a hub and a node that has joined it, in processes, and devices and people who use the node.
type world struct {
	t         *testing.T
	hub, node *proc.Process
	id        edge.NodeID
	mqtt      string
	devices   []*proc.Device
	people    *people
	pg        string // URL; empty: the hub keeps its things in Badger
}

// An outfit says what a world is to be like.
type outfit struct {
	data    string   // of the node; empty: a temporary directory
	through []string // addresses under which the hub is reached; empty: its own
	hubAddr string   // empty: any
	storage string   // TOML of [storage] of the node
	pg      string   // URL of a PostgreSQL for the hub
}

const smallStorage = "reserve = \"1MiB\"\nmin_free = \"32MiB\"\n"

func newWorld(t *testing.T, o outfit) *world {
	t.Helper()
	dir := t.TempDir()
	if o.data == "" {
		o.data = filepath.Join(dir, "node")
	}
	if o.hubAddr == "" {
		o.hubAddr = testport.Addr(t)
	}
	if o.storage == "" {
		o.storage = smallStorage
	}
	w := &world{t: t, mqtt: testport.Addr(t), pg: o.pg}
	w.hub = proc.New(t, "hub", dir, filepath.Join(dir, "hub"), hubConfig(t, dir, o))
	w.node = proc.New(t, "node", dir, o.data, fmt.Sprintf("site = \"clinic\"\nregion = \"fault\"\n[door]\naddr = %q\n[mqtt]\naddr = %q\n[host]\nevery = \"0s\"\n[storage]\n%s",
		testport.Addr(t), w.mqtt, o.storage))
	t.Cleanup(w.keepLogs)
	w.hub.Up()
	w.node.Up()
	c := w.node.Control()
	if err := c.Join(w.hub.Control(), "clinic"); err != nil {
		t.Fatal(err)
	}
	st, err := c.Status()
	if err != nil {
		t.Fatal(err)
	}
	if w.id, err = edge.ParseNodeID(st.Node); err != nil {
		t.Fatal(err)
	}
	return w
}

func hubConfig(t *testing.T, dir string, o outfit) string {
	keep := "store = \"badger\"\n"
	if o.pg != "" {
		file := filepath.Join(dir, "postgres-url")
		if err := os.WriteFile(file, []byte(o.pg+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		keep = fmt.Sprintf("store = \"postgres\"\npostgres_url_file = %q\n", file)
	}
	if len(o.through) > 0 {
		keep += fmt.Sprintf("advertise = [%q]\n", o.through[0])
	}
	return fmt.Sprintf("site = \"hub\"\nregion = \"fault\"\nrole = \"hub\"\n[door]\naddr = %q\n[mqtt]\naddr = \"\"\n[host]\nevery = \"0s\"\n[storage]\n%s[hub]\naddr = %q\njoin_addr = %q\n%s",
		testport.Addr(t), smallStorage, o.hubAddr, testport.Addr(t), keep)
}

// keepLogs shows the ends of both logs where a run failed, and keeps the whole where FAULT_KEEP says.
func (w *world) keepLogs() {
	if !w.t.Failed() {
		return
	}
	for _, p := range []*proc.Process{w.node, w.hub} {
		w.t.Logf("the end of what the %s said:\n%s", p.Name, p.Log(25))
		if dir := os.Getenv("FAULT_KEEP"); dir != "" {
			os.WriteFile(filepath.Join(dir, filepath.Base(w.t.Name())+"-"+p.Name+".log"), []byte(p.Log(1<<30)), 0o600)
		}
	}
}

// connect registers n devices and connects them.
func (w *world) connect(n, pad int) {
	w.t.Helper()
	c := w.node.Control()
	defer c.Close()
	for i := range n {
		id := fmt.Sprintf("device-%02d", i)
		password, err := c.Device(id)
		if err != nil {
			w.t.Fatal(err)
		}
		w.devices = append(w.devices, proc.NewDevice(w.t, w.mqtt, id, password, pad))
	}
}

// each calls f with every device at the same time.
func (w *world) each(f func(*proc.Device)) {
	var wg sync.WaitGroup
	for _, d := range w.devices {
		wg.Go(func() { f(d) })
	}
	wg.Wait()
}

// acked is how many messages of devices were acknowledged.
func (w *world) acked() (total, again uint64) {
	for _, d := range w.devices {
		n, a := d.Acked()
		total, again = total+n, again+a
	}
	return total, again
}

// status asks the node until it answers.
func (w *world) status() gateway.Status {
	w.t.Helper()
	c := w.node.Control()
	defer c.Close()
	var err error
	for range 100 {
		var st gateway.Status
		if st, err = c.Status(); err == nil {
			return st
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.t.Fatalf("the node does not say how it is: %v\n%s", err, w.node.Log(8))
	return gateway.Status{}
}

// drained waits until the hub has everything the node has.
func (w *world) drained(limit time.Duration) {
	w.t.Helper()
	var l gateway.Ledger
	var link gateway.Link
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		st := w.status()
		if l, link = st.Ledger, st.Link; l.Total.Waiting == 0 && l.Total.Accepted == l.Total.OnHub {
			return
		}
	}
	w.t.Fatalf("after %v the hub does not have everything: %+v; %+v", limit, l.Total, link)
}

// check stops both and compares what they have on their disks with each other and with what was acknowledged.
func (w *world) check() stored.Compared {
	w.t.Helper()
	if l := w.status().Ledger.Total; l.Lost != 0 || l.Shed != 0 {
		w.t.Errorf("the node itself says that it lost %d and shed %d records", l.Lost, l.Shed)
	}
	for _, p := range []*proc.Process{w.node, w.hub} {
		if err := p.Stop(30 * time.Second); err != nil {
			w.t.Error(err)
		}
		if n := p.Panics(); n > 0 {
			w.t.Errorf("the %s panicked %d times", p.Name, n)
		}
	}
	return w.compare()
}

func (w *world) compare() stored.Compared {
	w.t.Helper()
	readings, done := stored.Readings(w.t, w.node.Data)
	defer done()
	hub := w.openHub()
	defer hub.Close()
	got, err := stored.Compare(w.t.Context(), readings, hub, wire.NodeStream(w.id, "readings.telemetry"))
	if err != nil {
		w.t.Error(err)
	}
	for _, d := range w.devices {
		if acked, _ := d.Acked(); got.Last[d.ID] < acked {
			w.t.Errorf("LOST: %s was told that %d messages are safe, the hub has %d", d.ID, acked, got.Last[d.ID])
		}
	}
	for s, err := range hub.Streams(w.t.Context(), "") {
		if err != nil || s.Frozen != "" || s.Counts.Missing+s.Counts.Skipped+s.Counts.Quarantined > 0 {
			w.t.Errorf("the hub on %s: %+v %q %v", s.ID, s.Counts, s.Frozen, err)
		}
	}
	return got
}

func (w *world) openHub() store.Store {
	if w.pg != "" {
		return openPostgres(w.t, w.pg)
	}
	return stored.Hub(w.t, w.hub.Data)
}

// percentile is of a sorted copy.
func percentile(list []time.Duration, q float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(list))
	return s[int(q*float64(len(s)-1))].Round(time.Millisecond)
}
