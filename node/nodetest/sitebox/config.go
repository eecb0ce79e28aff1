package sitebox

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/aielon/edge/node"
)

// Config is a small node of a site on loopback.
func Config(data, cluster string) node.Config {
	c := node.Default()
	c.DataDir, c.Site = data, "clinic"
	c.Log.Level = "warn"
	c.Door.Addr, c.MQTT.Addr, c.Cluster.Addr = "127.0.0.1:0", "127.0.0.1:0", cluster
	c.Storage.Reserve, c.Storage.MinFree, c.Storage.Readings = 1<<20, 32<<20, 16<<20
	c.Host.Every = 0
	return c
}

// Addr returns an address on loopback that is free for TCP and UDP now and stays so over restarts: it lies
// below the ports that the system gives to outgoing connections.
func Addr(tb testing.TB) string {
	tb.Helper()
	for range 200 {
		addr := fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000))
		t, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		u, err := net.ListenPacket("udp", addr)
		t.Close()
		if err == nil {
			u.Close()
			return addr
		}
	}
	tb.Fatal("no port is free")
	return ""
}
