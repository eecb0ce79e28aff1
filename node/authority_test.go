package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/join"
)

func keptRow(t *testing.T, ca, next *pki.Authority) (r succeeding) {
	t.Helper()
	for _, x := range []struct {
		ca   *pki.Authority
		into *[]byte
	}{{ca, &r.CA}, {next, &r.Next}} {
		if x.ca == nil {
			continue
		}
		b, err := x.ca.Export(nil)
		if err != nil {
			t.Fatal(err)
		}
		*x.into = b
	}
	return r
}

func newCA(t *testing.T, site string) *pki.Authority {
	t.Helper()
	ca, err := pki.NewAuthority(pki.ScopeSite, site, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// TestSuccessionOps: the site's authority is replaced only by who knows which one it replaces.
func TestSuccessionOps(t *testing.T) {
	tx := newTx(edge.Node)
	a, b, c, other := newCA(t, "clinic"), newCA(t, "clinic"), newCA(t, "clinic"), newCA(t, "bakery")
	put := func(what string, was [2]edge.NodeID, ca, next *pki.Authority, want edge.Kind) {
		t.Helper()
		r := keptRow(t, ca, next)
		r.Was = was
		_, err := try(tx, succeed, r)
		wantKind(t, what, err, want)
	}
	none := edge.NodeID{}
	put("nothing is kept yet", [2]edge.NodeID{}, a, nil, edge.Invalid)
	if _, err := try(tx, keepAuthority, authorityRow{Export: keptRow(t, a, nil).CA, Secret: []byte("s")}); err != nil {
		t.Fatal(err)
	}
	put("another site's", [2]edge.NodeID{a.ID(), none}, other, nil, edge.Invalid)
	put("the successor", [2]edge.NodeID{a.ID(), none}, a, b, fine)
	put("a second successor, by a leader that does not know of the first", [2]edge.NodeID{a.ID(), none}, a, c, edge.Conflict)
	if _, err := try(tx, keepAuthority, authorityRow{Export: keptRow(t, a, nil).CA, Secret: []byte("s")}); err != nil {
		t.Fatal(err)
	}
	put("joining a hub meanwhile did not forget it", [2]edge.NodeID{a.ID(), b.ID()}, b, nil, fine)
	put("again, by who has not heard", [2]edge.NodeID{a.ID(), b.ID()}, b, nil, edge.Conflict)
	row, _, err := load[authorityRow](tx, []byte(authorityKey))
	if err != nil || string(row.Secret) != "s" || len(row.Next) > 0 {
		t.Errorf("%v %d bytes of a next one, %v", row.Secret, len(row.Next), err)
	}
	if len(tx.Events) != 1 || tx.Events[0].Type != "site.authority-changed" {
		t.Errorf("%+v", tx.Events)
	}
	_, err = try(newTx(edge.Person), succeed, succeeding{})
	wantKind(t, "a person", err, edge.Denied)
	_, err = try(newTx(edge.Person), memberTrust, trusting{})
	wantKind(t, "a person", err, edge.Denied)
	put("no authority at all", [2]edge.NodeID{b.ID(), none}, nil, nil, edge.Invalid)
}

// TestSuccessionAtANode: a node whose authority is about to end gets another one by itself, and what it
// certifies is certified by that.
func TestSuccessionAtANode(t *testing.T) {
	hub, n := start(t, hubConfig(t)), start(t, smallConfig(t))
	n.joinTo(hub)
	old := n.keys.site.Load()
	eventually(t, "the authority is in the site's state", func() error {
		st, err := n.stand()
		if err == nil && (st.CA == nil || st.CA.Cross() == nil) {
			err = fmt.Errorf("%+v", st)
		}
		return err
	})
	next := newCA(t, n.keys.trust.Site())
	st, err := n.stand()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.keepStand(t.Context(), join.Stand{CA: st.CA, Next: next}); err != nil {
		t.Fatal(err)
	}
	n.succession.Wake() // what the clock would do in a year and a half
	eventually(t, "the successor takes over", func() error {
		n.succession.Wake()
		ca, c := n.keys.site.Load(), n.keys.id.Chain(pki.UseSite)
		if ca.ID() != next.ID() || ca.Cross() == nil || c.Leaf.CheckSignatureFrom(ca.Root()) != nil || !c.Cross() {
			return fmt.Errorf("%s certifies, the successor is %s", ca.ID().Short(), next.ID().Short())
		}
		return nil
	})
	if old.ID() == next.ID() || len(n.keys.trust.Roots(pki.RootSite)) != 2 {
		t.Error("this test shows nothing")
	}
	n.up.restart()
	n.number(1)
	n.delivered()
}

// TestToldTime: the hub's word is about the clock the uplink has, which is not the system's where that is
// wrong. A box three years ahead must not take its own clock for the hub's, for the floor never falls.
func TestToldTime(t *testing.T) {
	n := start(t, smallConfig(t))
	right := time.Now().Add(-100 * time.Hour) // as if the system's clock were ahead by that
	for range 3 {
		now, _ := n.clock()
		n.tellTime(right.Sub(now), time.Second)
		if d := n.keys.trust.Now().Sub(right); d.Abs() > time.Minute {
			t.Fatalf("the clock is off by %v", d)
		}
	}
	n.tellTime(time.Hour, 6*time.Second) // too uncertain
	if d := n.keys.trust.Now().Sub(right); d.Abs() > time.Minute {
		t.Errorf("an uncertain word was believed")
	}
}
