package policy

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/policyv1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
)

// do sends a message through the table of operations, as a site does.
func do[Out proto.Message](t *testing.T, m *edge.Mux, s *edgetest.State, op string, in proto.Message, out Out) Out {
	t.Helper()
	body, err := proto.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var reply []byte
	if a, missing := m.Asker(op); missing == nil {
		reply, err = a(s, body)
	} else if h, missing := m.Handler(op); missing == nil {
		err = s.Try(func(tx edge.Tx) (err error) { reply, err = h(tx, body); return err })
	} else {
		t.Fatal(missing)
	}
	if err == nil {
		err = proto.Unmarshal(reply, out)
	}
	if err != nil {
		t.Fatalf("%s: %v", op, err)
	}
	return out
}

// What goes in by a message is what comes out by another.
func TestMessages(t *testing.T) {
	s, o := newSite(t)
	m := edge.NewMux()
	Register(m, o.base)
	p := do(t, m, s, "policy.set_policy", &policyv1.SetPolicyRequest{Id: "by-day", Text: onlyByDay, Note: "at night"}, &policyv1.Policy{})
	want := &policyv1.Policy{Id: "by-day", Text: onlyByDay, Note: "at night", Forbid: true, Version: 1, Set: timestamppb.New(noon), By: "amina"}
	if !proto.Equal(p, want) {
		t.Errorf("set %v", p)
	}
	do(t, m, s, "policy.set_proof_settings", &policyv1.SetProofSettingsRequest{AlwaysTwo: true, FreshSeconds: 77}, &policyv1.ProofSettings{})
	list := do(t, m, s, "policy.list_policies", &policyv1.ListPoliciesRequest{}, &policyv1.ListPoliciesResponse{})
	if !proto.Equal(list, &policyv1.ListPoliciesResponse{Policies: []*policyv1.Policy{want}, Settings: &policyv1.ProofSettings{AlwaysTwo: true, FreshSeconds: 77}, Changes: 2}) {
		t.Errorf("listed %v", list)
	}
	do(t, m, s, "policy.remove_policy", &policyv1.RemovePolicyRequest{Id: "by-day", IfVersion: 1}, &policyv1.Policy{})

	in := &policyv1.SetConsentRequest{Subject: "bilal", Deny: true, Source: "form 12", Provisions: []*policyv1.Provision{{Purposes: []string{"treatment"}, Roles: []string{"clinician"},
		Actors: []string{"zaid"}, Types: []string{"patient"}, Labels: []string{"a=b"}, From: timestamppb.New(noon), Until: timestamppb.New(noon.Add(time.Hour))}}}
	do(t, m, s, "policy.set_consent", in, &policyv1.Consent{})
	if none := do(t, m, s, "policy.get_consent", &policyv1.GetConsentRequest{Subject: "nobody"}, &policyv1.Consent{}); none.GetSubject() != "nobody" || none.GetVersion() != 0 {
		t.Fatalf("nothing written down is told as %v", none)
	}
	c := do(t, m, s, "policy.get_consent", &policyv1.GetConsentRequest{Subject: "bilal"}, &policyv1.Consent{})
	if !proto.Equal(c, &policyv1.Consent{Subject: "bilal", Deny: true, Source: "form 12", Provisions: in.Provisions, Version: 1, Set: timestamppb.New(noon), By: "amina"}) {
		t.Errorf("agreed to %v", c)
	}
	do(t, m, s, "policy.remove_consent", &policyv1.RemoveConsentRequest{Subject: "bilal", IfVersion: 1}, &policyv1.RemoveConsentResponse{})
	if found, err := FindConsent(s, "bilal"); err != nil || found != nil {
		t.Errorf("it is still there: %v %v", found, err)
	}
}

func TestEmergencyMessages(t *testing.T) {
	s, o := newSite(t)
	s.Time = time.Now()
	m := edge.NewMux()
	Register(m, o.base)
	var ids []string
	for i := range 5 {
		b := do(t, m, s, "policy.open_emergency_access", &policyv1.OpenEmergencyAccessRequest{Subject: fmt.Sprint("p", i), Reason: "found on the floor"}, &policyv1.EmergencyAccess{})
		if !b.GetOpen() || b.GetEnded() != nil || b.GetReason() != "found on the floor" {
			t.Fatalf("opened %v", b)
		}
		ids = append(ids, b.GetId())
	}
	if b := do(t, m, s, "policy.close_emergency_access", &policyv1.CloseEmergencyAccessRequest{Id: ids[0]}, &policyv1.EmergencyAccess{}); b.GetOpen() || b.GetEndedBy() != "amina" {
		t.Errorf("closed %v", b)
	}
	do(t, m, s, "policy.end_emergency_access", &policyv1.EndEmergencyAccessRequest{Id: ids[1]}, &policyv1.EmergencyAccess{})
	open := slices.Sorted(slices.Values(ids[2:])) // those of one millisecond are in no order
	slices.Sort(ids)
	for all, want := range map[bool][]string{true: ids, false: open} {
		var got []string
		in := &policyv1.ListEmergencyAccessRequest{All: all, PageSize: 2}
		for range 10 {
			out := do(t, m, s, "policy.list_emergency_access", in, &policyv1.ListEmergencyAccessResponse{})
			for _, b := range out.GetAccess() {
				got = append(got, b.GetId())
			}
			if in.PageToken = out.GetNextPageToken(); in.PageToken == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("all %v: listed %v, want %v", all, got, want)
		}
	}
}

func TestExplainMessage(t *testing.T) {
	e := newEngine(t)
	for _, c := range []struct {
		in   *policyv1.ExplainDecisionRequest
		why  string
		says string
	}{
		{&policyv1.ExplainDecisionRequest{Permission: "node.read", Roles: []string{"operator"}}, "permitted", ""},
		{&policyv1.ExplainDecisionRequest{Permission: "health.read", Roles: []string{"clinician"}, Consent: "deny"}, "no_consent", "floor.consent"},
		{&policyv1.ExplainDecisionRequest{Permission: "health.read", Roles: []string{"clinician"}, Consent: "deny", Emergency: true}, "permitted", "clinician.records"},
		{&policyv1.ExplainDecisionRequest{Permission: "health.read", Roles: []string{"member"}}, "forbidden", "floor.clinical"},
		{&policyv1.ExplainDecisionRequest{Permission: "health.read", Roles: []string{"member"}, Own: true}, "permitted", "member.own"},
		{&policyv1.ExplainDecisionRequest{Permission: "node.read", Kind: "nobody"}, "not_proven", ""},
		{&policyv1.ExplainDecisionRequest{Permission: "policy.manage", Roles: []string{"owner"}, ProvenSecondsAgo: 3600}, "too_weak", ""},
		{&policyv1.ExplainDecisionRequest{Permission: "node.read", Roles: []string{"operator"}, Scopes: []string{"search.use"}}, "out_of_scope", ""},
	} {
		x, err := e.ExplainMessage(c.in, noon)
		if err != nil || x.GetWhy() != c.why || x.GetAllowed() != (c.why == "permitted") || x.GetText() == "" {
			t.Errorf("%v: %v, %v", c.in, x, err)
		}
		if c.says != "" && !slices.ContainsFunc(x.GetSteps(), func(s *policyv1.Step) bool { return s.GetPolicy() == c.says && s.GetHolds() == true }) {
			t.Errorf("%v: %s did not hold in %v", c.in, c.says, x.GetSteps())
		}
	}
	for _, in := range []*policyv1.ExplainDecisionRequest{{Permission: "node.fly"}, {Permission: "node.read", Roles: []string{"doctor"}}, {Permission: "node.read", Purpose: "fun"}} {
		if _, err := e.ExplainMessage(in, noon); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%v: %v", in, err)
		}
	}
	if roles := e.RoleMessages(); len(roles) != len(Roles()) || !slices.Contains(roles[0].GetPermissions(), "policy.manage") || slices.Contains(roles[0].GetPermissions(), "health.read") {
		t.Errorf("the owner is %v", roles[0])
	}
	if n := len(PermissionMessages()); n != len(Permissions()) {
		t.Errorf("%d permissions", n)
	}
}
