// Package testport gives tests ports on loopback that stay theirs while nobody listens on them.
//
// A port that the system chose (":0") does not stay: once its listener is closed, the system gives the number to
// the next outgoing connection or to the next listener that asks for any, of any program, and who opens the same
// address again finds it in use.
package testport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// What the system gives to whoever asks for any port begins at 32768 on Linux and higher elsewhere.
const (
	firstPort = 10_000
	ports     = 22_000
)

// Addr returns an address on 127.0.0.1 whose port is free for TCP and UDP and stays the test's until it ends: it
// can be listened on, closed and listened on again, by this process or by one it starts. It lies below the ports
// that the system gives away, and on Linux no other test that asks here gets it meanwhile, in whatever process.
func Addr(tb testing.TB) string {
	tb.Helper()
	for range 200 {
		port := firstPort + rand.IntN(ports)
		release, err := reserve(port)
		if err != nil {
			continue
		}
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		if free(addr) {
			tb.Cleanup(release)
			return addr
		}
		release()
	}
	tb.Fatal("no port is free")
	return ""
}

// free reports whether an address can be listened on, both ways.
func free(addr string) bool {
	t, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	defer t.Close()
	u, err := net.ListenPacket("udp", addr)
	if err != nil {
		return false
	}
	u.Close()
	return true
}
