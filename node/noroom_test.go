package node

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/node/policy"
)

// fillLedger takes all the room there is for records that may not be shed, but what is kept for alarms.
func (b *box) fillLedger() {
	b.t.Helper()
	for size := 256 << 10; size > 0; {
		e := edge.Event{Type: "test.fill", Class: edge.SiteOnly, Urgency: edge.Ledger, Body: bytes.Repeat([]byte{'x'}, size)}
		switch _, err := b.journals.Append(b.t.Context(), e); {
		case edge.IsKind(err, edge.Exhausted):
			size /= 4
		case err != nil:
			b.t.Fatal(err)
		}
	}
}

// No audit, no access: where there is no room for the record, what is about people is neither shown nor changed, and
// says so. Alarms are taken in, and what needs no record is served.
func TestNoRoomForAudit(t *testing.T) {
	cfg := smallConfig(t)
	cfg.Uplink.Hubs = []string{"127.0.0.1:1"} // what waits for it cannot be trimmed
	b := start(t, cfg)
	owner := b.owner()
	nurse := b.invite(owner.Session, "nurse", `"front-desk"`)
	b.fillLedger()
	for _, tc := range []struct{ method, path, body string }{
		{"GET", "/v1/people", ""},
		{"GET", "/v1/people/" + nurse.Person.ID, ""},
		{"GET", "/v1/audit/records", ""},
		{"PUT", "/v1/people/" + nurse.Person.ID + "/roles", `{"roles":["clinician"]}`},
		{"DELETE", "/v1/people/" + nurse.Person.ID, ""},
		{"POST", "/v1/invitations", `{"roles":["member"]}`},
		{"POST", "/v1/tokens", `{"name":"x","roles":["operator"]}`},
		{"GET", "/v1/search?q=nurse", ""},
	} {
		status, answer := b.rest(tc.method, tc.path, owner.Session, tc.body)
		var p struct {
			Type, Title, Detail, Hint string
			Status                    int
		}
		if tc.path == "/v1/search?q=nurse" && status == 200 && !strings.Contains(answer, "nurse") {
			continue // it shows nobody, and the rest
		}
		if err := json.Unmarshal([]byte(answer), &p); err != nil || status != 507 || p.Status != 507 || p.Type != "/problems/exhausted" || !strings.Contains(p.Detail, "recorded") || p.Hint == "" {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, status, answer)
		}
	}
	if roles, err := b.front.people.RolesOf(nurse.Person.ID); err != nil || !slices.Equal(roles, []string{"front-desk"}) {
		t.Errorf("something was changed: %v %v", roles, err)
	}
	if status, answer := b.rest("GET", "/v1/devices", owner.Session, ""); status != 200 {
		t.Errorf("what needs no record is not served: %d %s", status, answer)
	}
	for i := range 20 {
		if err := b.publish("fridge", "fridge/alarm/high", `{"number":1}`); err != nil {
			t.Fatalf("alarm %d is not taken in: %v", i, err)
		}
	}
}

// A site whose state was replaced has the policies and the people of that state, on the node that runs.
func TestRestoredStateRules(t *testing.T) {
	b := start(t, smallConfig(t))
	owner := b.owner()
	desk := b.invite(owner.Session, "omar", `"front-desk"`)
	b.must("PUT", "/v1/policies/one", owner.Session, `{"text":"forbid (principal, action == Action::\"blobs.write\", resource);"}`, nil)
	was, err := b.site.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var kept bytes.Buffer
	if _, err := was.WriteTo(&kept); err != nil {
		t.Fatal(err)
	}
	was.Release()
	b.must("PUT", "/v1/policies/desk", owner.Session, `{"text":"permit (principal in Role::\"front-desk\", action == Action::\"devices.read\", resource);"}`, nil)
	late := b.invite(owner.Session, "late", `"operator"`)
	can := func(session string, want int) func() error {
		return func() error {
			if status, answer := b.rest("GET", "/v1/devices", session, ""); status != want {
				return edge.E(edge.Unavailable, "%d %s", status, answer)
			}
			return nil
		}
	}
	eventually(t, "the policy counts", can(desk.Session, 200))
	eventually(t, "the newcomer is in", can(late.Session, 200))
	version := b.policies.Engine().Version()
	if err := b.site.Restore(&kept); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	eventually(t, "the policy is gone", can(desk.Session, 403))
	eventually(t, "the newcomer is gone", can(late.Session, 401))
	if d, now := time.Since(began), b.policies.Engine().Version(); d > 5*time.Second || now >= version {
		t.Errorf("after %v, version %d after %d", d, now, version)
	}
}

// A policy that cannot be read any more is told of, in words to this box's own user.
func TestBrokenPolicyIsTold(t *testing.T) {
	b := start(t, smallConfig(t))
	ready := func() (outside, inside string) {
		_, outside = b.rest("GET", "/readyz", "", "")
		_, inside = b.overSocket("GET", "/api/readyz", "")
		return outside, inside
	}
	eventually(t, "all is well", func() error {
		if out, in := ready(); strings.Contains(out+in, "policies") || !strings.HasPrefix(out, "ready\n") {
			return edge.E(edge.Unavailable, "%s %s", out, in)
		}
		return nil
	})
	newer := edgetest.New(edge.Actor{}, time.Now())
	settings, err := json.Marshal(policy.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	newer.Set([]byte("p/v"), []byte(`{"version":9,"settings":`+string(settings)+`}`))
	newer.Set([]byte("p/s/visitors"), []byte(`{"id":"visitors","text":"forbid (principal in Role::\"visitor\", action, resource);","version":9}`))
	if err := b.policies.Refresh(newer); err != nil {
		t.Fatal(err)
	}
	out, in := ready()
	if !strings.Contains(out, "policies: degraded\n") || strings.Contains(out, "visitors") || !strings.Contains(in, "cannot be read: visitors") || !strings.Contains(in, "an owner sets or removes them") {
		t.Errorf("%s\n%s", out, in)
	}
	if err := b.withView(func(v edge.View) error { return b.policies.Reset(v) }); err != nil {
		t.Fatal(err)
	}
	if out, in := ready(); strings.Contains(out+in, "policies") {
		t.Errorf("%s\n%s", out, in)
	}
}
