package gateway

import (
	"net/netip"
	"testing"
	"time"
)

func TestFloods(t *testing.T) {
	f, now := newFloods(), time.Unix(1e9, 0)
	evil, good := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for range floodRefusals - 1 {
		if f.refused(evil, now) {
			t.Fatal("hung up too early")
		}
	}
	if !f.refused(evil, now) || !f.banned(evil, now) || f.banned(good, now) || f.refused(good, now) {
		t.Fatal("the flood was not noticed, or somebody else was blamed")
	}
	now = now.Add(floodAway)
	if f.banned(evil, now) {
		t.Fatal("it is kept away for ever")
	}
	now = now.Add(time.Second)
	if f.refused(evil, now) {
		t.Fatal("old refusals still count")
	}
	for range 2 * floodRefusals {
		if f.refused(netip.MustParseAddr("127.0.0.1"), now) {
			t.Fatal("the box's own programs were shut out")
		}
	}
	a := netip.MustParseAddr("10.0.0.0")
	for range 3 * floodPeers {
		a = a.Next()
		f.refused(a, now)
	}
	if len(f.by) > floodPeers {
		t.Fatalf("%d addresses are watched", len(f.by))
	}
}
