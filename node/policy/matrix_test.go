package policy

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

var update = flag.Bool("update", false, "write testdata/matrix.txt anew")

// noon is a Monday.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func allActions() (names []edge.Permission) {
	for _, p := range Permissions() {
		names = append(names, p.Name)
	}
	return names
}

// The golden file shows every cell, so that a change of policy is seen in review. One line per role and
// permission; P, S, P and C stand for the four classes, small where it is refused, a dot where it is hidden too.
func TestMatrixGolden(t *testing.T) {
	e := newEngine(t)
	lines := map[string]string{}
	var order []string
	for c := range e.Matrix(roleNames(), allActions(), Samples(), noon) {
		key := fmt.Sprintf("%-16s %-20s", c.Role, c.Action)
		if _, ok := lines[key]; !ok {
			order = append(order, key)
		}
		lines[key] += mark(c)
	}
	var b strings.Builder
	for _, key := range order {
		fmt.Fprintf(&b, "%s own %s other %s\n", key, lines[key][:4], lines[key][4:])
	}
	const file = "testdata/matrix.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, old := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(old)) {
		if i >= len(got) || i >= len(old) || got[i] != old[i] {
			t.Fatalf("line %d of %s differs; look at it with go test ./node/policy -update and git diff", i+1, file)
		}
	}
}

func mark(c Cell) string {
	i := strings.Index("public   site     personal clinical", c.Object[strings.IndexByte(c.Object, ' ')+1:]) / 9
	switch {
	case c.Decision.Allow:
		return "PSPC"[i : i+1]
	case c.Decision.Hide:
		return "."
	}
	return "-"
}

// expected is what each role may do, written by hand and not derived from the policies. After a permission stands
// on what: s for what is not about a person, p for that and what is not about health, * for everything, and o for
// one's own beside (alone: for one's own only). Floors keep health data of others from all but clinicians.
var expected = map[string]string{
	"owner": `node.read:s node.manage:s node.backup:s members.manage:s join.invite:s profile.debug:s devices.read:s devices.manage:s readings.read:s
		quarantine.read:s quarantine.manage:s settings.read:s settings.manage:s webhooks.manage:s policy.read:s policy.manage:s
		search.use:s blobs.read:s blobs.write:s health.configure:s community.manage:s community.read:s wallet.report:s
		analytics.read:s analytics.manage:s ai.use:s ai.manage:s
		identity.read:po identity.manage:po sessions.manage:po tokens.manage:po audit.read:po breakglass.review:po breakglass.end:po
		consent.read:po health.erase:po community.people:po`,
	"site-admin": `node.read:s devices.read:s devices.manage:s readings.read:s quarantine.read:s quarantine.manage:s settings.read:s
		settings.manage:s webhooks.manage:s policy.read:s search.use:s blobs.read:s blobs.write:s health.configure:s community.manage:s
		community.read:s analytics.read:s analytics.manage:s ai.use:s ai.manage:s
		identity.read:po identity.manage:po sessions.manage:po tokens.manage:po audit.read:po breakglass.review:po breakglass.end:po
		consent.read:po community.people:po`,
	"operator": `node.read:s node.manage:s node.backup:s members.manage:s join.invite:s profile.debug:s devices.read:s devices.manage:s readings.read:s
		quarantine.read:s quarantine.manage:s settings.read:s settings.manage:s webhooks.manage:s policy.read:s search.use:s blobs.read:s
		analytics.read:s ai.use:s ai.manage:s`,
	"auditor": `audit.read:po identity.read:po breakglass.review:po consent.read:po wallet.read:po node.read:s devices.read:s
		readings.read:s quarantine.read:s settings.read:s policy.read:s search.use:s wallet.report:s analytics.read:s community.read:s`,
	"clinician": `health.lookup:* health.register:* health.merge:* health.agenda:* health.schedule:* health.read:* health.write:*
		health.prescribe:* ai.clinical:* readings.read:* blobs.read:* blobs.write:* consent.read:* consent.manage:* breakglass.open:*
		devices.read:s search.use:s ai.use:s analytics.read:s community.read:s`,
	"front-desk": `health.lookup:p health.register:p health.agenda:p health.schedule:p consent.read:p consent.manage:p blobs.read:p
		blobs.write:p search.use:s ai.use:s community.read:s`,
	"wallet-officer": `wallet.read:p wallet.transfer:p wallet.desk:p wallet.accounts:p wallet.reverse:p wallet.approve:p!
		zakat.apply:p zakat.case:p zakat.assess:p zakat.decide:p! wallet.report:s wallet.reconcile:p search.use:s analytics.read:s ai.use:s community.read:s`,
	"shariah-reviewer": `wallet.read:p wallet.review:p! wallet.rules:s wallet.report:s search.use:s ai.use:s community.read:s`,
	"community-admin": `community.people:p community.join:p community.read:s community.post:s community.announce:s community.events:s
		community.moderate:s community.manage:s search.use:s blobs.read:s blobs.write:s wallet.report:s analytics.read:s ai.use:s`,
	"member": `health.read:o health.agenda:o health.schedule:o consent.read:o consent.manage:o wallet.read:o wallet.transfer:o
		zakat.self:o zakat.apply:o zakat.case:o community.join:o community.people:o blobs.read:o blobs.write:o devices.read:o readings.read:o
		community.read:s community.post:s search.use:s ai.use:s`,
	"device":    `readings.publish:o readings.read:o devices.read:o`,
	"peer-node": `node.read:* devices.read:* devices.enrol:* join.spend:* readings.read:* quarantine.read:* settings.read:* policy.read:* blobs.read:* blobs.write:* sync.pull:* sync.push:*`,
	"hub":       `node.read:s devices.read:s readings.read:s blobs.read:s wallet.report:s community.read:s analytics.read:s sync.pull:s sync.push:s`,
}

// expect answers one cell from the table. An exclamation mark takes one's own away: four eyes.
func expect(role string, p Permission, s Sample) bool {
	class := max(p.Class, s.Class)
	if p.Open && class == edge.Public && role != "device" && !(role == "hub" && p.Write) {
		return true
	}
	person := role != "device" && role != "peer-node" && role != "hub"
	if person && s.Own && (p.Name == "identity.self" || p.Name == "identity.whoami") {
		return true
	}
	for _, entry := range strings.Fields(expected[role]) {
		name, on, _ := strings.Cut(entry, ":")
		if name != string(p.Name) || strings.Contains(on, "!") && s.Own {
			continue
		}
		limit := map[byte]edge.Class{'s': edge.SiteOnly, 'p': edge.Personal, '*': edge.Clinical}
		if l, ok := limit[on[0]]; ok && class <= l {
			return true
		}
		return strings.Contains(on, "o") && s.Own
	}
	return false
}

func TestMatrixIsAsWrittenByHand(t *testing.T) {
	e, cells := newEngine(t), 0
	for _, role := range roleNames() {
		for _, p := range Permissions() {
			for _, s := range Samples() {
				d := e.Decide(e.sample(role, p.Name, s, noon))
				if want := expect(role, p, s); d.Allow != want {
					t.Errorf("%s, %s, %s: allowed is %v, want %v (%v %v)", role, p.Name, s.Name, d.Allow, want, d.Why, d.Policies)
				}
				if !d.Allow && (d.Reason == "" || d.Hint == "") {
					t.Errorf("%s, %s, %s: a refusal without words: %+v", role, p.Name, s.Name, d)
				}
				cells++
			}
		}
	}
	if want := len(Roles()) * len(Permissions()) * len(Samples()); cells != want {
		t.Errorf("%d cells were looked at, want %d", cells, want)
	}
	for role := range expected {
		for _, entry := range strings.Fields(expected[role]) {
			if name, _, _ := strings.Cut(entry, ":"); e.lanes[edge.Permission(name)] == nil {
				t.Errorf("the expectations of %s name %s, which does not exist", role, name)
			}
		}
	}
}
