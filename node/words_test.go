package node

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/cluster/gossip"
	"github.com/aielon/edge/hardware/mqtt"
	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/api/schemas"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/policy"
	"github.com/aielon/edge/services/wallet"
	"github.com/aielon/edge/sync/uplink"
)

// The portal has words for every code this node sends to it, in every language. What a code comes from is asked
// here, so that a new one cannot be forgotten there.
func TestThePortalHasWordsForEveryCode(t *testing.T) {
	all := everyCode()
	for _, p := range start(t, hubConfig(t)).partStatus(t.Context()) {
		all["part"].add(strings.ReplaceAll(p.Name, " ", "-"))
	}
	for _, lang := range []string{"en", "id", "ms", "ur", "ar"} {
		words := catalogue(t, lang)
		for section, codes := range all {
			for code := range codes {
				if words[section][strings.ReplaceAll(code, ".", "-")] == "" {
					t.Errorf("%s has no words for %s %q", lang, section, code)
				}
			}
		}
	}
}

func catalogue(t *testing.T, lang string) (words map[string]map[string]string) {
	t.Helper()
	for _, dir := range []string{"", "codes"} {
		b, err := os.ReadFile(filepath.Join("portal", "web", "src", "i18n", dir, lang+".json"))
		if err == nil {
			err = json.Unmarshal(b, &words)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return words
}

type codes map[string]bool

func (c codes) add(list ...string) {
	for _, s := range list {
		c[s] = true
	}
}

// everyCode is all of them, by the section of the portal's texts that names them.
func everyCode() map[string]codes {
	all := map[string]codes{"op": {}, "permission": {}, "area": {}, "role": {}, "roleDoc": {}, "event": {}, "thing": {}, "auditReason": {}, "problemKind": {}, "level": {}, "part": {}, "attentionOf": {}, "attentionDo": {}, "class": {}}
	for _, p := range policy.Permissions() {
		all["permission"].add(string(p.Name))
		all["area"].add(p.Service())
	}
	for _, r := range policy.Roles() {
		all["role"].add(r.Name)
		all["roleDoc"].add(r.Name)
	}
	for _, e := range eventTypes() {
		all["event"].add(e.GetType())
		kind, _, _ := strings.Cut(e.GetType(), ".")
		all["thing"].add(kind)
	}
	operations(all["op"], all["thing"])
	for w := policy.NotKnown; w <= policy.TooWeak; w++ {
		all["auditReason"].add(w.String())
	}
	for k := edge.Internal; k <= edge.Corrupt; k++ {
		all["problemKind"].add(k.String())
	}
	for l := edge.OK; l <= edge.Failed; l++ {
		all["level"].add(l.String())
	}
	for u := edge.Critical; u <= edge.Bulk; u++ {
		all["class"].add(u.String())
	}
	// Parts that not every node has.
	all["part"].add((*uplink.Uplink)(nil).Name(), (*gossip.Gossip)(nil).Name(), (*mqtt.Bridge)(nil).Name())
	long := 1000 * time.Hour
	for _, f := range []facts{
		{now: time.Now(), lost: 1, free: 1, redLine: 1, certEnds: time.Now(), audit: edge.Health{Level: edge.Failed}, linkGone: long, timeBehind: true, quarantined: 1000, terms: 1000, clearing: []string{"a and b"}},
		{full: edge.E(edge.Exhausted, "full")},
	} {
		for _, a := range attention(f) {
			all["attentionOf"].add(a.ID)
			all["attentionDo"].add(a.ID)
		}
	}
	return all
}

// operations are those of the doors, those that only nodes ask for and the records of which people see, and those
// that are no method: doors and pages without one.
func operations(ops, things codes) {
	for _, f := range schemas.All() {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				m := f.Services().Get(i).Methods().Get(j)
				ops.add(api.OpName(m))
				things.add(api.RuleOf(m).GetObject())
			}
		}
	}
	for _, op := range siteOps(nil, wallet.New()).Ops() {
		ops.add(op.Name)
		service, _, _ := strings.Cut(op.Name, ".")
		things.add(service)
	}
	ops.add("node.connect", "node.get_metrics", "node.profile", "mqtt.connect", "oauth.token_issued", "oauth.token_refused", TypeForked)
}
