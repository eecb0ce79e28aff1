package proc

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Addr returns an address on loopback that is free for TCP and UDP now and stays the node's over restarts:
// it lies below the ports that the system gives to outgoing connections.
func Addr(tb testing.TB) string {
	tb.Helper()
	for range 200 {
		addr := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000))
		t, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		u, err := net.ListenPacket("udp", addr)
		t.Close()
		if err != nil {
			continue
		}
		u.Close()
		return addr
	}
	tb.Fatal("no port is free")
	return ""
}
