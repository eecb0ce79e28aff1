package pki

import (
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A node of another site of the region is believed for what it signed while its leaf was good, and nobody else is.
func TestSibling(t *testing.T) {
	w := newWorld(t)
	a, b := w.site("alpha"), w.site("beta")
	chain := b.ID.Chain(UseSite).DER
	at := w.now
	if name, key, err := a.Trust.Sibling(chain, at); err != nil || name.Site != "beta" || key == nil {
		t.Fatal(name, err)
	}
	if _, _, err := w.hub.Trust.Sibling(chain, at); err != nil {
		t.Error("the hub's own site does not believe it: ", err)
	}
	w.now = w.now.Add(60 * 24 * time.Hour)
	if _, _, err := a.Trust.Sibling(chain, at); err != nil {
		t.Error("what was signed in time is not believed later: ", err)
	}
	for name, c := range map[string]struct {
		chain [][]byte
		at    time.Time
	}{
		"after its end":      {chain, w.now},
		"before it began":    {chain, at.Add(-30 * 24 * time.Hour)},
		"in the future":      {chain, w.now.Add(time.Hour)},
		"without the region": {chain[:1], at},
		"nothing":            {nil, at},
		"no certificate":     {[][]byte{{1, 2, 3}}, at},
		"of another region":  {newWorld(t).site("beta").ID.Chain(UseSite).DER, at},
	} {
		if _, _, err := a.Trust.Sibling(c.chain, c.at); !edge.IsKind(err, edge.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := a.Trust.Revoke(b.ID.ID()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Trust.Sibling(chain, at); !edge.IsKind(err, edge.Denied) {
		t.Error("a revoked node is believed: ", err)
	}
}
