package syncpair

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/badlink"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/uplink/hubtest"
	"github.com/aielon/edge/sync/wire"
)

var me = edge.NodeID{7}

// A pair is an uplink, a hub in memory, and a bad network between them.
type pair struct {
	hub  *hubtest.Hub
	link *badlink.Link
	up   *uplink.Uplink
}

// join starts all three and ends them with the test.
func join(t testing.TB, hub *hubtest.Hub, bad badlink.Options, o uplink.Options, sources ...uplink.Source) *pair {
	t.Helper()
	certs, err := hubtest.NewCerts()
	if err != nil {
		t.Fatal(err)
	}
	server, err := hubtest.Listen(hub, certs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	bad.Target = server.Addr
	link, err := badlink.Listen(bad)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { link.Close() })
	hubAddr := link.Addr()
	if bad == (badlink.Options{Target: server.Addr}) {
		hubAddr = server.Addr // nothing bad: do not pay for the relay
	}
	conf, err := certs.Config()
	if err != nil {
		t.Fatal(err)
	}
	o.Hubs, o.Node = []string{hubAddr}, me
	o.TLS = func(string) (*tls.Config, error) { return conf, nil }
	o.Sources = func() []uplink.Source { return sources }
	if os.Getenv("SYNCPAIR_LOG") != "" {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	up, err := uplink.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { up.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return &pair{hub, link, up}
}

func stream(name string, u edge.Urgency) *hubtest.Journal {
	return hubtest.NewJournal(wire.NodeStream(me, name), u)
}

// readings are n bodies of about size bytes that compress as badly as an encrypted value does.
func readings(n, size int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = fmt.Appendf(make([]byte, 0, size), `[{"n":"t","v":%d,"x":"`, i)
		x := uint64(i)*2654435761 + 1
		for len(list[i]) < size-3 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			list[i] = append(list[i], "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[x%64])
		}
		list[i] = append(list[i], `"}]`...)
	}
	return list
}

// await polls until ok, and fails the test after limit.
func await(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %v: %s", limit, what)
}

// inOrder fails unless the hub has exactly these bodies.
func inOrder(t testing.TB, h *hubtest.Hub, id wire.StreamID, want [][]byte) {
	t.Helper()
	st := h.Stream(id)
	if len(st.Records) != len(want) {
		t.Fatalf("the hub has %d records, want %d", len(st.Records), len(want))
	}
	for i := range want {
		if string(st.Records[i].Body) != string(want[i]) {
			t.Fatalf("record %d is another one", i)
		}
	}
	t.Logf("%d records once and in order, %d came again and were dropped", len(want), st.Again)
}
