package pki

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
)

func TestTrustIsKept(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a")
	check(t, a.Trust.Revoke(edge.NodeID{1}, edge.NodeID{2}))
	check(t, a.Trust.RevokeSite("clinic-b"))
	again, err := OpenTrust(a.saved, TrustOptions{Clock: w.time})
	check(t, err)
	if !again.RevokedKey(edge.NodeID{1}) || !again.Revoked(Name{Site: "clinic-b"}) || again.RevokedKey(edge.NodeID{3}) || len(again.Roots(RootSite)) != 1 {
		t.Errorf("came back as %+v", again.State())
	}
	if a.Trust.Revoked(Name{Site: "clinic-a"}) {
		t.Error("a site revoked itself")
	}
}

// A revocation that cannot be kept is in force all the same; any other change is not.
func TestTrustWhenTheDiskIsFull(t *testing.T) {
	full := errors.New("no space left")
	trust := must(OpenTrust(TrustState{Site: "a", Region: "b"}, TrustOptions{Save: func(TrustState) error { return full }}))
	if err := trust.Revoke(edge.NodeID{1}); !errors.Is(err, full) || !trust.RevokedKey(edge.NodeID{1}) {
		t.Error(err, trust.State())
	}
	if err := trust.Update(func(s *TrustState) { s.Region = "c" }); !errors.Is(err, full) || trust.Region() != "b" {
		t.Error(err, trust.State())
	}
}

func TestTrustWakesWatchers(t *testing.T) {
	trust := must(OpenTrust(TrustState{Site: "a", Region: "b"}, TrustOptions{}))
	c := trust.Changed()
	check(t, trust.Revoke(edge.NodeID{1}))
	select {
	case <-c:
	default:
		t.Error("nobody was woken")
	}
	select {
	case <-trust.Changed():
		t.Error("woken for nothing")
	default:
	}
}

func TestTrustRefusesRootsOutOfPlace(t *testing.T) {
	w := newWorld(t)
	a, b := w.site("clinic-a"), w.site("clinic-b")
	for what, err := range map[string]error{
		"another site's root": a.Trust.AddRoot(RootSite, b.ca.Root()),
		"a site as a region":  a.Trust.AddRoot(RootAbove, a.ca.Root()),
		"a region as a site":  a.Trust.AddRoot(RootSite, w.region.Root()),
		"a cross certificate": a.Trust.AddRoot(RootAbove, a.ca.Cross()),
		"a leaf":              a.Trust.AddRoot(RootSite, a.ID.Chain(UseSite).Leaf),
	} {
		if !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestTimeIsKeptRarely(t *testing.T) {
	now, saves := testStart, 0
	trust := must(OpenTrust(TrustState{Site: "a", Region: "b"}, TrustOptions{Clock: func() time.Time { return now }, Save: func(TrustState) error { saves++; return nil }}))
	for range 24 * 10 { // ten days, told every hour
		now = now.Add(time.Hour)
		check(t, trust.TellTime(now))
	}
	if saves < 9 || saves > 11 {
		t.Errorf("the time was written %d times in ten days", saves)
	}
}

func TestTimeWithin(t *testing.T) {
	w := newWorld(t)
	a := w.site("clinic-a")
	leaf := a.ID.Chain(UseSite).Leaf
	check(t, a.Trust.TimeWithin(leaf, w.now))
	for _, at := range []time.Time{leaf.NotBefore.Add(-1), leaf.NotAfter.Add(time.Second), {}} {
		refused(t, a.Trust.TimeWithin(leaf, at), edge.Denied)
	}
	a.Trust.Tell(w.now.Add(time.Hour))
	refused(t, a.Trust.TimeWithin(leaf, w.now), edge.Denied) // an old time, though within the leaf's
}

// Whatever the system clock does, time is never before the floor and the floor never falls; after being
// told the time, the clock shows it and goes on from there.
func TestClockProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sys := testStart.Add(time.Duration(rapid.Int64Range(-60*365*24, 10*365*24).Draw(t, "start")) * time.Hour)
		c := NewClock(func() time.Time { return sys }, testStart)
		floor := c.Floor()
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				sys = sys.Add(time.Duration(rapid.Int64Range(0, 1e6).Draw(t, "pass")) * time.Second)
			case 1:
				told := testStart.Add(time.Duration(rapid.Int64Range(-1000, 1000).Draw(t, "told")) * time.Hour)
				ok := !told.Before(floor)
				c.Tell(told)
				if d := c.Now().Sub(told); ok && d.Abs() > skewAllowed {
					t.Fatalf("told %v, shows %v", told, c.Now())
				}
			case 2:
				c.raise(testStart.Add(time.Duration(rapid.Int64Range(-1000, 1000).Draw(t, "raise")) * time.Hour))
			}
			if c.Floor().Before(floor) || c.Now().Before(c.Floor()) {
				t.Fatalf("floor %v after %v, now %v", c.Floor(), floor, c.Now())
			}
			floor = c.Floor()
		}
	})
}
