package badlink_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge/testport"
	"github.com/aielon/edge/sync/badlink"
)

// echo answers datagrams and TCP streams, on one port.
func echo(t *testing.T) string {
	t.Helper()
	addr := testport.Addr(t)
	u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close(); l.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, a, err := u.ReadFromUDP(b)
			if err != nil {
				return
			}
			u.WriteToUDP(b[:n], a)
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	return addr
}

func open(t *testing.T, o badlink.Options) *badlink.Link {
	t.Helper()
	if o.Target == "" {
		o.Target = echo(t)
	}
	l, err := badlink.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, network string, l *badlink.Link) net.Conn {
	t.Helper()
	c, err := net.Dial(network, l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// count reads datagrams until none came for quiet.
func count(c net.Conn, quiet time.Duration) (n int) {
	b := make([]byte, 2048)
	for {
		c.SetReadDeadline(time.Now().Add(quiet))
		if _, err := c.Read(b); err != nil {
			return n
		}
		n++
	}
}

// within runs measure up to three times, since another program may take the processor at any moment,
// and fails unless one figure is within 5 % of want.
func within(t *testing.T, want float64, measure func() float64) {
	t.Helper()
	var got float64
	for range 3 {
		if got = measure(); got > 0.95*want && got < 1.05*want {
			return
		}
	}
	t.Errorf("measured %.0f bit/s on a link of %.0f", got, want)
}

func TestUDPRateWithinFivePercent(t *testing.T) {
	within(t, 400_000, func() float64 { return udpRate(t) })
}

func udpRate(t *testing.T) float64 {
	l := open(t, badlink.Options{Up: badlink.Shape{Rate: 400_000, Queue: 1 << 20}})
	c := dial(t, "udp", l)
	began := time.Now()
	for range 60 {
		c.Write(make([]byte, 1000))
	}
	b := make([]byte, 2048)
	for i := range 60 {
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(b); err != nil {
			t.Fatalf("datagram %d: %v", i, err)
		}
	}
	return 60 * 1000 * 8 / time.Since(began).Seconds()
}

func TestTCPRateWithinFivePercent(t *testing.T) {
	within(t, 4_000_000, func() float64 { return tcpRate(t) })
}

func tcpRate(t *testing.T) float64 {
	l := open(t, badlink.Options{Up: badlink.Shape{Rate: 4_000_000, Queue: 64 << 10}})
	c := dial(t, "tcp", l)
	const size = 600_000
	began := time.Now()
	go c.Write(make([]byte, size))
	if _, err := io.CopyN(io.Discard, c, size); err != nil {
		t.Fatal(err)
	}
	return size * 8 / time.Since(began).Seconds()
}

func TestDelay(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		s := badlink.Shape{Delay: 40 * time.Millisecond}
		c := dial(t, network, open(t, badlink.Options{Up: s, Down: s}))
		best := time.Hour
		for range 5 {
			began := time.Now()
			c.Write([]byte("salam"))
			if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(began))
		}
		if best < 80*time.Millisecond || best > 110*time.Millisecond {
			t.Errorf("%s: round trip %v over 2 × 40 ms", network, best)
		}
	}
}

func TestLossAndDuplicatesAreMetered(t *testing.T) {
	l := open(t, badlink.Options{Up: badlink.Shape{Loss: 0.2}, Down: badlink.Shape{Duplicate: 0.5}, Seed: 3})
	c := dial(t, "udp", l)
	came := make(chan int)
	go func() { came <- count(c, 500*time.Millisecond) }()
	for i := range 1000 {
		c.Write([]byte("x"))
		if i%20 == 0 {
			time.Sleep(time.Millisecond) // keep within the sockets' buffers
		}
	}
	n := <-came
	up, down := l.Meter(badlink.Up), l.Meter(badlink.Down)
	if up.Lost < 150 || up.Lost > 250 || up.OutPackets+up.Lost != up.InPackets {
		t.Errorf("up: %+v, want a loss near 200 of 1000", up)
	}
	if uint64(n) != down.OutPackets || down.Duplicated < 300 || down.OutPackets != down.InPackets+down.Duplicated {
		t.Errorf("down: %d came, %+v", n, down)
	}
}

func TestReorder(t *testing.T) {
	l := open(t, badlink.Options{Up: badlink.Shape{Reorder: 0.3}, Seed: 5})
	c := dial(t, "udp", l)
	for i := range 100 {
		c.Write([]byte{byte(i)})
	}
	overtaken, last, b := 0, -1, make([]byte, 9)
	for range 100 {
		c.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
		if int(b[0]) < last {
			overtaken++
		}
		last = max(last, int(b[0]))
	}
	if overtaken == 0 {
		t.Error("nothing was overtaken")
	}
}

func TestCutBlackholeAndHealUDP(t *testing.T) {
	l := open(t, badlink.Options{})
	c := dial(t, "udp", l)
	answers := func() bool { c.Write([]byte("x")); return count(c, 100*time.Millisecond) > 0 }
	for _, k := range []struct {
		what string
		do   func()
		want bool
	}{
		{"whole", func() {}, true},
		{"cut up", func() { l.Cut(badlink.Up) }, false},
		{"healed", l.Heal, true},
		{"cut down", func() { l.Cut(badlink.Down) }, false},
		{"black hole", l.Blackhole, false},
		{"healed again", l.Heal, true},
		{"UDP off", func() { l.UDPOff(true) }, false},
		{"UDP on", func() { l.UDPOff(false) }, true},
	} {
		if k.do(); answers() != k.want {
			t.Errorf("%s: answered %v", k.what, !k.want)
		}
	}
	if l.Meter(badlink.Both).Cut == 0 {
		t.Error("cut datagrams were not counted")
	}
}

func TestTCPStallsInABlackHoleAndIsResetByACut(t *testing.T) {
	l := open(t, badlink.Options{})
	c := dial(t, "tcp", l)
	ping := func() error {
		c.SetDeadline(time.Now().Add(150 * time.Millisecond))
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 1))
		return err
	}
	if err := ping(); err != nil {
		t.Fatal(err)
	}
	l.UDPOff(true)
	if err := ping(); err != nil {
		t.Fatalf("TCP must go on without UDP: %v", err)
	}
	l.Blackhole()
	if err := ping(); !errors.Is(err, net.ErrClosed) && !isTimeout(err) {
		t.Fatalf("in a black hole: %v, want a timeout", err)
	}
	l.Heal()
	c.SetDeadline(time.Now().Add(time.Second))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatalf("what stalled must arrive after healing: %v", err)
	}
	l.Cut(badlink.Both)
	if err := ping(); err == nil || isTimeout(err) {
		t.Fatalf("after a cut: %v, want a reset", err)
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func TestTCPCarriesBytesUnchanged(t *testing.T) {
	s := badlink.Shape{Rate: 40_000_000, Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.01, Stall: 10 * time.Millisecond}
	c := dial(t, "tcp", open(t, badlink.Options{Up: s, Down: s}))
	sent := make([]byte, 500_000)
	rand.Read(sent)
	go func() { c.Write(sent); c.(*net.TCPConn).CloseWrite() }()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d of %d bytes, %v", len(got), len(sent), err)
	}
}

func TestRebindChangesTheSourcePort(t *testing.T) {
	u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	l := open(t, badlink.Options{Target: u.LocalAddr().String()})
	c := dial(t, "udp", l)
	seen := map[int]bool{}
	for range 3 {
		c.Write([]byte("x"))
		b := make([]byte, 9)
		u.SetReadDeadline(time.Now().Add(time.Second))
		_, from, err := u.ReadFromUDP(b)
		if err != nil {
			t.Fatal(err)
		}
		seen[from.Port] = true
		u.WriteToUDP([]byte("y"), from)
		c.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := c.Read(b); err != nil {
			t.Fatalf("the answer did not come back: %v", err)
		}
		if l.Rebind() != 1 {
			t.Fatal("no flow was moved")
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d ports seen, want 3", len(seen))
	}
}

func TestCloseEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	l := open(t, badlink.Options{Up: badlink.Shape{Rate: 8000, Delay: time.Second}})
	for range 3 {
		dial(t, "udp", l).Write(make([]byte, 1000))
		go dial(t, "tcp", l).Write(make([]byte, 100_000))
	}
	time.Sleep(20 * time.Millisecond)
	began := time.Now()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(began); d > time.Second {
		t.Errorf("closing took %v", d)
	}
	for range 100 {
		if runtime.NumGoroutine() <= before+4 { // the echo server's own
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

func TestListenRefusesNonsense(t *testing.T) {
	if _, err := badlink.Listen(badlink.Options{Target: "no port here"}); err == nil {
		t.Fatal("a target without a port was taken")
	}
}
