package limits

import (
	"errors"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
)

func from(addr string) call.Request { return call.Request{Peer: netip.MustParseAddr(addr)} }

func TestBudgets(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := New(Options{Stranger: Rate{1, 3}, Address: Rate{10, 10}, Caller: Rate{1, 2}, Keys: 64, Now: func() time.Time { return now }})
	for i := range 3 {
		if err := l.Principal(from("192.0.2.1"), 1); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	err := l.Principal(from("192.0.2.1"), 2)
	var slow *problem.Throttled
	if !errors.As(err, &slow) || slow.After != 2*time.Second || problem.Status(err) != 429 {
		t.Fatalf("%v", err)
	}
	if err := l.Principal(from("192.0.2.2"), 1); err != nil {
		t.Fatal("another address pays for the first:", err)
	}
	now = now.Add(2 * time.Second)
	if err := l.Principal(from("192.0.2.1"), 2); err != nil {
		t.Fatal("waiting did not help:", err)
	}
	known := from("192.0.2.1")
	known.Caller = auth.Caller{Actor: edge.Actor{Kind: edge.Person, ID: "a"}}
	if err := l.Principal(known, 100); err != nil {
		t.Fatal("a cost above the burst can never be paid:", err)
	}
	if l.Principal(known, 1) == nil {
		t.Fatal("it cost nothing")
	}
	local := call.Request{Credentials: auth.Credentials{Local: true}}
	for range 100 {
		if l.Principal(local, 1) != nil || l.Address(local) != nil {
			t.Fatal("the box's own user is held back")
		}
	}
}

func TestOneLineOfIPv6IsOneAddress(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := New(Options{Stranger: Rate{1, 1}, Address: Rate{1, 1}, Caller: Rate{1, 1}, Keys: 64, Now: func() time.Time { return now }})
	if l.Address(from("2001:db8::1")) != nil || l.Address(from("2001:db8::2")) == nil || l.Address(from("2001:db8:0:1::1")) != nil || l.Address(from("::ffff:192.0.2.1")) != nil || l.Address(from("192.0.2.1")) == nil {
		t.Fatal("a /64 is not one address, or more than it")
	}
}

// A flood of addresses neither fills the memory nor shuts out who was there before.
func TestManyAddresses(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := New(Options{Stranger: Rate{1, 5}, Address: Rate{1, 5}, Caller: Rate{1, 5}, Keys: 160, Now: func() time.Time { return now }})
	l.Address(from("192.0.2.1"))
	for i := range 10_000 {
		l.Address(from("10." + strconv.Itoa(i>>16) + "." + strconv.Itoa(i>>8&255) + "." + strconv.Itoa(i&255)))
	}
	n := 0
	for i := range l.address.part {
		n += len(l.address.part[i].by)
	}
	if n > 160 || l.Address(from("192.0.2.1")) != nil {
		t.Fatalf("%d addresses are kept", n)
	}
	now = now.Add(time.Minute)
	if l.Address(from("203.0.113.9")) != nil {
		t.Fatal("old addresses were not forgotten")
	}
}

func BenchmarkAddress(b *testing.B) {
	l, r := New(Default()), from("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		l.Address(r)
	}
}
