package lockout

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
)

func start() time.Time { return time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC) }

func addr(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }

// wrong makes one wrong try and reports how long it would have had to wait.
func wrong(t *testing.T, g *Guard, c Caller, now time.Time) time.Duration {
	t.Helper()
	_, err := g.Enter(c, now)
	var soon *TooSoon
	if err != nil && (!edge.IsKind(err, edge.Exhausted) || !errors.As(err, &soon)) {
		t.Fatal(err)
	}
	if soon == nil {
		return 0
	}
	return soon.After
}

func TestDelaysGrowAndStop(t *testing.T) {
	g, now := New(), start()
	c := Caller{Account: "mira", Addr: addr(1)}
	var waits []time.Duration
	for i := range 16 {
		c.Addr = addr(i) // from everywhere
		w := wrong(t, g, c, now)
		waits = append(waits, w)
		now = now.Add(w)
		if w > 0 && wrong(t, g, c, now) != 0 {
			t.Fatalf("after the %v it was told to wait, it must wait again", w)
		}
	}
	want := []time.Duration{0, 0, 0, 0, 0, 1e9, 2e9, 4e9, 8e9, 16e9, 32e9, MaxDelay, MaxDelay, MaxDelay, MaxDelay, MaxDelay}
	for i := range want {
		if waits[i] != want[i] {
			t.Fatalf("waits %v, want %v", waits, want)
		}
	}
}

// Tries made at the same time count before any of them is judged.
func TestTriesAtTheSameTime(t *testing.T) {
	g, now := New(), start()
	var in atomic.Int32
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if _, err := g.Enter(Caller{Account: "mira", Addr: addr(i)}, now); err == nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != freeAccount {
		t.Errorf("%d tries went through at once, want %d", in.Load(), freeAccount)
	}
}

// Whoever keeps an account delayed does not keep its owner out, nor the other people behind the same address.
func TestAClinicIsNotLockedOut(t *testing.T) {
	g, d, now := New(), Devices{Key: make([]byte, KeyBytes)}, start()
	cookie := d.Issue("mira", now)
	for i := range 1000 {
		wrong(t, g, Caller{Account: "mira", Addr: addr(1)}, now)
		wrong(t, g, Caller{Account: fmt.Sprint("someone", i), Addr: addr(1)}, now)
	}
	known := Caller{Account: "mira", Device: d.Known(cookie, "mira", now), Addr: addr(1)}
	if known.Device == "" || wrong(t, g, known, now) != 0 {
		t.Error("a browser its owner used before has to wait for what strangers did")
	}
	if w := wrong(t, g, Caller{Account: "mira", Addr: addr(2)}, now.Add(MaxDelay+time.Second)); w != 0 {
		t.Errorf("after a minute the owner has to wait %v more on a new browser", w)
	}
	if w := wrong(t, g, Caller{Account: "omar", Addr: addr(2)}, now); w != 0 {
		t.Errorf("another person from another address has to wait %v", w)
	}
}

// A stolen cookie is not a way round: it is counted itself, and is of no use for other accounts.
func TestACookieIsNoPass(t *testing.T) {
	g, d, now := New(), Devices{Key: make([]byte, KeyBytes)}, start()
	cookie := d.Issue("mira", now)
	if d.Known(cookie, "omar", now) != "" || d.Known(cookie, "mira", now.Add(DeviceLife)) != "" {
		t.Error("a cookie counts for another account, or after its time")
	}
	c := Caller{Account: "mira", Device: d.Known(cookie, "mira", now), Addr: addr(1)}
	for range freeDevice {
		wrong(t, g, c, now)
	}
	if wrong(t, g, c, now) == 0 {
		t.Error("a known browser may guess for ever")
	}
	other := Devices{Key: append(make([]byte, KeyBytes-1), 1)}
	if other.Known(cookie, "mira", now) != "" || (Devices{}).Known((Devices{}).Issue("mira", now), "mira", now) != "" {
		t.Error("a cookie of another key, or of none, is taken")
	}
}

// An account of one's own does not clear the count of the address one guesses from.
func TestOwnSuccessDoesNotClearTheAddress(t *testing.T) {
	g, now := New(), start()
	through := 0
	for i := range 10 * freeAddress {
		if wrong(t, g, Caller{Account: fmt.Sprint("victim", i), Addr: addr(1)}, now) == 0 {
			through++
		}
		if try, err := g.Enter(Caller{Account: "attacker", Addr: addr(1)}, now); err == nil {
			try.Right()
		}
	}
	if through > freeAddress {
		t.Errorf("%d guesses went through from one address at once", through)
	}
}

func TestRightEndsTheCountOfTheAccount(t *testing.T) {
	g, now := New(), start()
	c := Caller{Account: "mira", Addr: addr(1)}
	for range freeAccount - 1 {
		wrong(t, g, c, now)
	}
	try, err := g.Enter(c, now)
	if err != nil {
		t.Fatal(err)
	}
	try.Right()
	for range freeAccount {
		if wrong(t, g, c, now) != 0 {
			t.Fatal("the count did not begin anew")
		}
	}
}

// Half a proof clears nothing: otherwise whoever knows the password could go on guessing the code.
func TestHalfClearsNothing(t *testing.T) {
	g, now := New(), start()
	c := Caller{Account: "mira", Addr: addr(1)}
	for range freeAccount - 1 {
		wrong(t, g, c, now)
	}
	try, _ := g.Enter(c, now)
	try.Void()
	wrong(t, g, c, now)
	if wrong(t, g, c, now) == 0 {
		t.Error("a right password gave new free tries")
	}
}

// A flood of names stays within its memory and does not push out the account that is under attack.
func TestFloodKeepsTheCount(t *testing.T) {
	g, now := New(), start()
	g.limit = 256
	for range 40 { // a long attack
		wrong(t, g, Caller{Account: "mira", Addr: addr(1)}, now)
		now = now.Add(MaxDelay)
	}
	for i := range 20_000 {
		wrong(t, g, Caller{Account: fmt.Sprint("name", i), Addr: addr(i)}, now)
	}
	if g.Entries() > 256 {
		t.Errorf("%d entries are kept", g.Entries())
	}
	if wrong(t, g, Caller{Account: "mira", Addr: addr(9)}, now.Add(-MaxDelay/2)) == 0 {
		t.Error("a flood of names cleared the count of the account")
	}
}

func TestNetwork(t *testing.T) {
	for a, want := range map[string]string{"10.1.2.3": "10.1.2.3", "::ffff:10.1.2.3": "10.1.2.3", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64"} {
		if got := network(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s counts as %s, want %s", a, got, want)
		}
	}
	if network(netip.Addr{}) == "" {
		t.Error("no address must count as one")
	}
}

// Whatever happens in whatever order: nobody waits longer than a minute, and whoever was told a time may come
// after it.
func TestNobodyWaitsLonger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, now := New(), start()
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(-30, 90).Draw(t, "wait")) * time.Second)
			c := Caller{Account: rapid.SampledFrom([]string{"mira", "omar"}).Draw(t, "account"), Device: rapid.SampledFrom([]string{"", "tablet"}).Draw(t, "device"), Addr: addr(rapid.IntRange(1, 3).Draw(t, "addr"))}
			try, err := g.Enter(c, now)
			if err != nil {
				var soon *TooSoon
				if !errors.As(err, &soon) || soon.After > MaxDelay || soon.After <= 0 {
					t.Fatalf("told to wait %v", err)
				}
				if _, err := g.Enter(c, now.Add(soon.After+time.Second)); err != nil {
					t.Fatalf("came when it was told to, and was told %v", err)
				}
				continue
			}
			switch rapid.IntRange(0, 3).Draw(t, "outcome") {
			case 0:
				try.Right()
				try.Right()
			case 1:
				try.Void()
			}
		}
	})
}

func FuzzKnown(f *testing.F) {
	d := Devices{Key: make([]byte, KeyBytes)}
	rand.Read(d.Key) // each process that fuzzes has its own good cookie
	good := d.Issue("mira", start())
	f.Add(good)
	f.Add("aek_")
	f.Fuzz(func(t *testing.T, cookie string) {
		if cookie != good && d.Known(cookie, "mira", start()) != "" {
			t.Errorf("%q is taken", cookie)
		}
	})
}
