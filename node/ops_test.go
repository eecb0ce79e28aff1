package node

import (
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
)

func newTx(kind edge.ActorKind) *edgetest.State {
	return edgetest.New(edge.Actor{Kind: kind, ID: "somebody"}, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
}

// try runs a command and, where it fails, takes its writes back as a site does.
func try[In, Out any](tx *edgetest.State, f func(edge.Tx, In) (Out, error), in In) (out Out, err error) {
	err = tx.Try(func(tx edge.Tx) (err error) {
		out, err = f(tx, in)
		return err
	})
	return out, err
}

func own(b byte, addr string) registration {
	return registration{Node: edge.NodeID{b}, Role: pki.JoinNode, Addr: addr, Own: true}
}

func below(site string, node, ca, was byte, role pki.JoinRole) registration {
	r := registration{Site: site, Node: edge.NodeID{node}, SiteCA: edge.NodeID{ca}, Role: role}
	if was != 0 {
		r.Was = edge.NodeID{was}
	}
	return r
}

const fine = edge.Kind(0xff)

func wantKind(t *testing.T, what string, err error, want edge.Kind) {
	t.Helper()
	if want == fine && err != nil || want != fine && !edge.IsKind(err, want) {
		t.Errorf("%s: %v", what, err)
	}
}

func TestMembersOfTheSite(t *testing.T) {
	tx := newTx(edge.Node)
	for _, s := range []struct {
		what string
		in   any
		want edge.Kind
	}{
		{"the first", own(1, "a:1"), fine},
		{"the first again", own(1, "a:1"), fine},
		{"at another address", own(1, "a:2"), fine},
		{"two", own(2, "b:1"), fine}, {"three", own(3, "c:1"), fine}, {"four", own(4, "d:1"), fine}, {"five", own(5, "e:1"), fine},
		{"one too many", own(6, "f:1"), edge.Exhausted},
		{"remove", removal{edge.NodeID{2}}, fine},
		{"room again", own(6, "f:1"), fine},
		{"a removed one comes back", own(2, "b:1"), edge.Denied},
		{"remove a stranger", removal{edge.NodeID{99}}, edge.NotFound},
	} {
		var err error
		switch in := s.in.(type) {
		case registration:
			_, err = try(tx, memberRegister, in)
		case removal:
			_, err = try(tx, memberRemove, in)
		}
		wantKind(t, s.what, err, s.want)
	}
	rows := membersOf(tx)
	if len(rows) != 6 || living(tx) != maxMembers || rows[0].Addr != "a:2" || !rows[1].Removed {
		t.Errorf("%+v", rows)
	}
	if len(tx.Events) != 7 { // six joined, one removed; a new address is no event
		t.Errorf("%d events", len(tx.Events))
	}
}

func TestMembersOfTheRegion(t *testing.T) {
	tx := newTx(edge.Node)
	for _, s := range []struct {
		what string
		in   registration
		want edge.Kind
	}{
		{"a node of a site nobody knows", below("clinic", 1, 10, 0, pki.JoinNode), edge.Denied},
		{"the site joins", below("clinic", 1, 10, 0, pki.JoinSite), fine},
		{"again", below("clinic", 1, 10, 0, pki.JoinSite), fine},
		{"its second node", below("clinic", 2, 10, 0, pki.JoinNode), fine},
		{"another site of that name", below("clinic", 3, 11, 0, pki.JoinSite), edge.Conflict},
		{"a node certified by another", below("clinic", 3, 11, 0, pki.JoinNode), edge.Conflict},
		{"the site's next authority, vouched for by the last", below("clinic", 1, 12, 10, pki.JoinSite), fine},
		{"the last but one, while nodes are still certified by it", below("clinic", 2, 10, 0, pki.JoinNode), fine},
		{"a new node too", below("clinic", 4, 10, 0, pki.JoinNode), fine},
		{"asked again, because the answer was lost", below("clinic", 1, 12, 10, pki.JoinSite), fine},
		{"the one after that", below("clinic", 1, 13, 12, pki.JoinSite), fine},
		{"the first authority is over", below("clinic", 2, 10, 0, pki.JoinNode), edge.Conflict},
		{"who has the old one cannot make another successor", below("clinic", 1, 14, 10, pki.JoinSite), edge.Conflict},
		{"a hub below", below("district", 7, 20, 0, pki.JoinHub), fine},
	} {
		_, err := try(tx, memberRegister, s.in)
		wantKind(t, s.what, err, s.want)
	}
	if _, err := try(tx, memberRemove, removal{edge.NodeID{1}}); err != nil {
		t.Fatal(err)
	}
	_, err := try(tx, memberRegister, below("clinic", 1, 13, 0, pki.JoinNode))
	wantKind(t, "a revoked node", err, edge.Denied)
	if s, ok, err := load[siteRow](tx, []byte(sitePrefix+"district")); !ok || err != nil || !s.Hub {
		t.Errorf("%+v %t %v", s, ok, err)
	}
}

// TestOnlyNodes: people and devices cannot decide who belongs to a site, whatever door they found.
func TestOnlyNodes(t *testing.T) {
	for _, kind := range []edge.ActorKind{edge.Person, edge.Device} {
		tx := newTx(kind)
		_, err1 := try(tx, memberRegister, own(1, "a:1"))
		_, err2 := try(tx, memberRemove, removal{edge.NodeID{1}})
		_, err3 := try(tx, keepAuthority, authorityRow{Export: []byte("x")})
		for _, err := range []error{err1, err2, err3} {
			wantKind(t, "not a node", err, edge.Denied)
		}
		if len(tx.Rows)+len(tx.Events) > 0 {
			t.Error("a refused command wrote something")
		}
	}
}

func TestSettingOps(t *testing.T) {
	tx, zero, one, nine := newTx(edge.Person), uint64(0), uint64(1), uint64(9)
	long := strings.Repeat("x", maxSetting+1)
	for _, s := range []struct {
		what string
		in   SettingSet
		want edge.Kind
	}{
		{"new", SettingSet{Key: "name", Value: "Klinik"}, fine},
		{"only if new, but it is not", SettingSet{Key: "name", Value: "x", If: &zero}, edge.Conflict},
		{"by the version seen", SettingSet{Key: "name", Value: "Clinic", If: &one}, fine},
		{"by a version nobody saw", SettingSet{Key: "name", Value: "x", If: &nine}, edge.Conflict},
		{"only if new", SettingSet{Key: "quiet", Value: "22-06", If: &zero}, fine},
		{"without a name", SettingSet{Value: "x"}, edge.Invalid},
		{"a long name", SettingSet{Key: long[:maxSettingKey+1]}, edge.Invalid},
		{"a long value", SettingSet{Key: "k", Value: long}, edge.Invalid},
		{"just not too long", SettingSet{Key: long[:maxSettingKey], Value: long[:maxSetting]}, fine},
	} {
		_, err := try(tx, settingSet, s.in)
		wantKind(t, s.what, err, s.want)
	}
	got, err := settingGet(tx, SettingGet{"name"})
	if err != nil || got.Value != "Clinic" || got.Version != 2 || got.By != "somebody" {
		t.Errorf("%+v %v", got, err)
	}
	_, err = settingGet(tx, SettingGet{"other"})
	wantKind(t, "a setting nobody made", err, edge.NotFound)
	if n, _, err := load[int](tx, []byte(settingCount)); err != nil || n != 3 {
		t.Errorf("%d settings counted, %v", n, err)
	}
	if err := save(tx, []byte(settingCount), maxSettings); err != nil {
		t.Fatal(err)
	}
	_, err = try(tx, settingSet, SettingSet{Key: "one too many", Value: "x"})
	wantKind(t, "one too many", err, edge.Exhausted)
	_, err = try(tx, settingSet, SettingSet{Key: "name", Value: "still"})
	wantKind(t, "a known one in a full site", err, fine)
}
