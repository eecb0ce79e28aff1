package limits

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
	"github.com/aielon/edge/node/limit"
)

func from(addr string) call.Request { return call.Request{Peer: netip.MustParseAddr(addr)} }

func TestBudgets(t *testing.T) {
	now := time.Unix(1e9, 0)
	l, err := New(Options{Stranger: limit.Options{Rate: 1, Burst: 3, Keys: 64}, Address: limit.Options{Rate: 10, Burst: 10, Keys: 64}, Caller: limit.Options{Rate: 1, Burst: 2, Keys: 64}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := l.Principal(from("192.0.2.1"), 1); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	err = l.Principal(from("192.0.2.1"), 2)
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
