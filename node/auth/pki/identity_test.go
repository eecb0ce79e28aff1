package pki

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aielon/edge/node/edge"
)

func TestIdentityIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "auth")
	i, err := LoadOrCreate(dir)
	check(t, err)
	w := newWorld(t)
	ca := must(NewAuthority(ScopeSite, "clinic-a", w.time))
	chain := must(ca.IssueLeaf(must(i.CSR()), Name{Site: "clinic-a", Region: LocalRegion, ID: i.ID()}, 0))
	check(t, i.Install(UseSite, chain))
	again, err := LoadOrCreate(dir)
	check(t, err)
	if again.ID() != i.ID() || again.Chain(UseSite) == nil || again.Chain(UseSite).Name != i.Chain(UseSite).Name || again.Chain(UseHub) != nil {
		t.Fatal("the identity came back as another")
	}
	for _, name := range []string{"node.key", "site.pem"} {
		st, err := os.Stat(filepath.Join(dir, name))
		check(t, err)
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, st.Mode())
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestIdentityRefusals(t *testing.T) {
	for _, tt := range []struct {
		what  string
		spoil func(path string)
		kind  edge.Kind
		words string
	}{
		{"readable by others", func(p string) { os.Chmod(p, 0o644) }, edge.Denied, "chmod 600"},
		{"readable by the group", func(p string) { os.Chmod(p, 0o640) }, edge.Denied, "chmod 600"},
		{"empty", func(p string) { os.WriteFile(p, nil, 0o600) }, edge.Corrupt, "backup"},
		{"torn", func(p string) { os.Truncate(p, 60) }, edge.Corrupt, "backup"},
		{"huge", func(p string) { os.Truncate(p, 10<<20) }, edge.Corrupt, "too long"},
		{"a directory", func(p string) { os.Remove(p); os.Mkdir(p, 0o700) }, edge.Denied, "chmod"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			dir := t.TempDir()
			must(LoadOrCreate(dir))
			tt.spoil(filepath.Join(dir, "node.key"))
			_, err := LoadOrCreate(dir)
			refused(t, err, tt.kind)
			if !strings.Contains(err.Error(), tt.words) {
				t.Errorf("%v does not help", err)
			}
		})
	}
}

func TestDamagedChainIsAMissingOne(t *testing.T) {
	dir := t.TempDir()
	i := must(LoadOrCreate(dir))
	check(t, os.WriteFile(filepath.Join(dir, "site.pem"), []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0o600))
	again, err := LoadOrCreate(dir)
	check(t, err)
	if again.ID() != i.ID() || again.Chain(UseSite) != nil {
		t.Error("a damaged chain was used")
	}
}

func TestTwoProcessesAgreeOnOneKey(t *testing.T) {
	dir := t.TempDir()
	ids := make([]edge.NodeID, 8)
	var g sync.WaitGroup
	for n := range ids {
		g.Go(func() {
			if i, err := LoadOrCreate(dir); err == nil {
				ids[n] = i.ID()
			}
		})
	}
	g.Wait()
	for _, id := range ids {
		if id != ids[0] || id.IsZero() {
			t.Fatalf("different keys were made: %v", ids)
		}
	}
}

func TestInstallRefusesOthersCertificates(t *testing.T) {
	w := newWorld(t)
	a, b := w.site("clinic-a"), w.site("clinic-b")
	before := a.ID.Chain(UseSite)
	for what, err := range map[string]error{
		"another node's": a.ID.Install(UseSite, b.ID.Chain(UseSite).DER),
		"nothing":        a.ID.Install(UseSite, nil),
		"a CA's":         a.ID.Install(UseSite, [][]byte{a.ca.Root().Raw}),
		"a hub's":        w.hub.ID.Install(UseSite, w.hub.ID.Chain(UseHub).DER),
		"garbage":        a.ID.Install(UseSite, [][]byte{{1, 2, 3}}),
	} {
		if err == nil {
			t.Errorf("%s certificate was installed", what)
		}
	}
	if a.ID.Chain(UseSite) != before {
		t.Error("a refused chain took the place of a good one")
	}
}
