package testport

import (
	"net"
	"runtime"
	"strconv"
	"testing"
)

// The address can be opened again and again, for both protocols, also while connections to it linger.
func TestAddrCanBeReopened(t *testing.T) {
	addr := Addr(t)
	for range 20 {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		u, err := net.ListenPacket("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		s.Close() // the side that closes first is the one that lingers
		c.Close()
		l.Close()
		u.Close()
	}
}

// While nobody listens the address stays the test's.
func TestAddrIsHeld(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("ports are held on Linux only")
	}
	addr := Addr(t)
	_, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	if release, err := reserve(n); err == nil {
		release()
		t.Error("two tests hold one port")
	}
	var held string
	t.Run("until the test ends", func(t *testing.T) { held = Addr(t) })
	_, port, _ = net.SplitHostPort(held)
	n, _ = strconv.Atoi(port)
	release, err := reserve(n)
	if err != nil {
		t.Fatalf("the port is held for longer than its test: %v", err)
	}
	release()
}
