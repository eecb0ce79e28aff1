package policy

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// people's ids are few, so that they meet.
func drawID(t *rapid.T, label string) string {
	return rapid.SampledFrom([]string{"", "amina", "bilal", "zaid"}).Draw(t, label)
}

func drawRoles(t *rapid.T) []string {
	names := append(roleNames(), "clinician@ward:2", "front-desk@ward:3", "doctor", "")
	return rapid.SliceOfN(rapid.SampledFrom(names), 0, 4).Draw(t, "roles")
}

func drawTime(t *rapid.T, label string) time.Time {
	return noon.Add(time.Duration(rapid.IntRange(-300, 300).Draw(t, label)) * time.Minute)
}

func drawRequest(t *rapid.T) Request {
	q := Request{
		Caller: auth.Caller{
			Actor:    edge.Actor{Kind: rapid.SampledFrom([]edge.ActorKind{edge.Nobody, edge.Person, edge.Person, edge.Device, edge.Node, edge.Service}).Draw(t, "kind"), ID: drawID(t, "caller")},
			Roles:    drawRoles(t),
			Strength: auth.Strength(rapid.IntRange(0, int(auth.Passkey)).Draw(t, "strength")),
			Since:    drawTime(t, "since"), Until: drawTime(t, "until"),
		},
		Action: rapid.SampledFrom(allActions()).Draw(t, "action"),
		Object: Object{
			Type: rapid.SampledFrom([]string{"Condition", "account"}).Draw(t, "type"), ID: rapid.SampledFrom([]string{"", "1"}).Draw(t, "id"),
			Class: edge.Class(rapid.IntRange(0, 3).Draw(t, "class")), Owner: drawID(t, "owner"), Subject: drawID(t, "subject"),
		},
		Context: Context{
			Door: "rest", Now: noon, Purpose: rapid.SampledFrom(append(Purposes(), "")).Draw(t, "purpose"),
			Local: rapid.Bool().Draw(t, "local"), NoSecondFactor: rapid.Bool().Draw(t, "no second factor"), Online: rapid.Bool().Draw(t, "online"),
		},
	}
	if rapid.Bool().Draw(t, "labels") {
		q.Object.Labels = map[string]string{"ward": rapid.SampledFrom([]string{"2", "3"}).Draw(t, "ward")}
		if rapid.Bool().Draw(t, "role label") {
			q.Object.Labels[LabelRole] = rapid.SampledFrom(roleNames()).Draw(t, "role given")
		}
	}
	if rapid.Bool().Draw(t, "consent") {
		q.Context.Consent = &Consent{Subject: drawID(t, "consent of"), Deny: rapid.Bool().Draw(t, "deny"), Provisions: []Provision{{
			Deny: rapid.Bool().Draw(t, "provision denies"), Actors: []string{drawID(t, "actor")}, Until: drawTime(t, "provision ends"),
		}}}
	}
	if rapid.Bool().Draw(t, "grant") {
		from := drawTime(t, "grant from")
		q.Context.BreakGlass = &BreakGlass{ID: "g", Who: drawID(t, "who"), Subject: drawID(t, "about"), From: from, Until: from.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "minutes")) * time.Minute)}
	}
	return q
}

// fullEngine has policies of a site, of all sorts.
func fullEngine(t testing.TB) *Engine {
	t.Helper()
	e, err := newEngine(t).With(State{Version: 3, Settings: DefaultSettings(), Policies: []SitePolicy{
		{ID: "a-permit", Text: `permit (principal in Role::"front-desk", action == Action::"health.read", resource) when { context.hour < 18 };`},
		{ID: "b-permit", Text: `permit (principal, action, resource) when { resource.type == "account" && principal.strength > 2 };`},
		{ID: "c-forbid", Forbid: true, Text: `forbid (principal is Person, action in Action::"writes", resource) when { resource.hasTag("ward") && resource.getTag("ward") == "3" } unless { context.online };`},
		{ID: "e-forbid", Forbid: true, Text: `forbid (principal, action, resource) when { {a: resource}.a.id == "1" && principal in Role::"hub" };`},
		{ID: "f-forbid", Forbid: true, Text: `forbid (principal, action in Action::"settings", resource) when { {a: context}.a.purpose == "research" };`},
		{ID: "d-forbid", Forbid: true, Text: `forbid (principal, action in [Action::"wallet", Action::"node.read"], resource) when { context has addr && context.addr.isInRange(ip("10.0.0.0/8")) };`},
	}})
	if err != nil || len(e.broken) > 0 {
		t.Fatal(err, e.broken)
	}
	return e
}

// Whether a request is allowed is what Cedar says of all policies with all attributes: sorting the rules, taking
// their heads as given and leaving attributes out changes nothing.
func TestShortcutsDecideAsCedarDoes(t *testing.T) {
	e := fullEngine(t)
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		l := e.lanes[q.Action]
		f, roles := e.establish(q, l, nil)
		short := newScene(q, l, roles, f)
		got := e.judge(short)

		whole := *l
		whole.attrs = attrs{principalAttrs(), objectAttrs(), contextAttrs()}
		s := newScene(q, &whole, roles, f)
		all := cedar.PolicyMap{}
		for _, r := range slices.Concat(e.builtin, e.extra) {
			if !(l.Anchor && r.site && r.forbid) {
				all[r.id] = r.policy
			}
		}
		verdict, diag := cedar.Authorize(all, s, s.request())
		if len(diag.Errors) > 0 {
			t.Fatalf("a policy cannot be evaluated: %v", diag.Errors)
		}
		var ids []string
		for _, r := range diag.Reasons {
			ids = append(ids, string(r.PolicyID))
		}
		slices.Sort(ids)
		if got.Allow != bool(verdict) || !slices.Equal(got.Policies, ids) {
			t.Fatalf("decided %v by %v, Cedar says %v by %v", got.Allow, got.Policies, verdict, ids)
		}
	})
}

// Another role takes nothing away, unless a prohibition names that role.
func TestMoreRolesAllowMore(t *testing.T) {
	e := newEngine(t)
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		before := e.Decide(q)
		q.Caller.Roles = append(slices.Clone(q.Caller.Roles), rapid.SampledFrom(roleNames()).Draw(t, "another role"))
		after := e.Decide(q)
		if before.Allow && !after.Allow && after.Why != Forbidden {
			t.Fatalf("a role took a right away without a prohibition: %+v, then %+v", before, after)
		}
		if before.Allow && !after.Allow {
			for _, id := range after.Policies {
				if !slices.Contains([]string{"floor.hub", "floor.hub.reads", "floor.auditor"}, id) {
					t.Fatalf("%s is for no role, but came with one", id)
				}
			}
		}
	})
}

func TestScopesOnlyNarrow(t *testing.T) {
	e := fullEngine(t)
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		q.Caller.Scopes = nil
		whole := e.Decide(q)
		scopes := []string{}
		for _, a := range rapid.SliceOfN(rapid.SampledFrom(allActions()), 0, 5).Draw(t, "scopes") {
			scopes = append(scopes, string(a), strings.SplitN(string(a), ".", 2)[0]+".*")
		}
		q.Caller.Scopes = scopes
		some := e.Decide(q)
		if some.Allow && !whole.Allow {
			t.Fatalf("scopes gave a right: %+v, without: %+v", some, whole)
		}
		q.Caller.Scopes = []string{}
		none := e.Decide(q)
		if none.Allow && !some.Allow || none.Allow && proven(q) && !e.lanes[q.Action].Open {
			t.Fatalf("fewer scopes allow more: %+v, then %+v", some, none)
		}
	})
}

func TestNobodyGetsWhatIsNotPublic(t *testing.T) {
	e := fullEngine(t)
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		switch rapid.IntRange(0, 4).Draw(t, "what is missing") {
		case 0:
			q.Caller.Kind = edge.Nobody
		case 1:
			q.Caller.Strength = auth.None
		case 2:
			q.Caller.ID = ""
		case 3:
			q.Caller.Until = noon
		default:
			q.Caller = auth.Caller{}
		}
		d, l := e.Decide(q), e.lanes[q.Action]
		if want := l.Open && max(l.Class, q.Object.Class) == edge.Public; d.Allow != want {
			t.Fatalf("without proof %s of class %d is %+v", q.Action, q.Object.Class, d)
		}
		if !d.Allow && d.Why != NotProven && d.Why != Expired {
			t.Fatalf("somebody unknown was not asked to log in: %+v", d)
		}
	})
}

// A grant that does not hold changes no answer, and one that does changes answers about its subject alone.
func TestAGrantThatDoesNotHoldGivesNothing(t *testing.T) {
	e := fullEngine(t)
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		with := e.Decide(q)
		b := q.Context.BreakGlass
		q.Context.BreakGlass = nil
		without := e.Decide(q)
		holds := b != nil && b.Open(noon) && b.Who == q.Caller.ID && b.Subject == q.Object.Subject && b.Subject != "" && q.Caller.Kind == edge.Person
		if !holds && !reflect.DeepEqual(with, without) {
			t.Fatalf("a grant that does not hold made %+v of %+v", with, without)
		}
		if with.Allow && !without.Allow && (with.BreakGlass == "" || !with.Audit || !e.lanes[q.Action].Care) {
			t.Fatalf("a grant was used without a mark: %+v", with)
		}
		if without.Allow && !with.Allow {
			t.Fatalf("a grant took a right away: %+v", with)
		}
	})
}

// Whatever a site adds, the floor stands, and an owner can still log in and mend the policies.
func TestNoSitePolicyBreaksTheFloorOrLocksTheSite(t *testing.T) {
	base := newEngine(t)
	open, err := base.With(State{Version: 1, Settings: DefaultSettings(), Policies: []SitePolicy{{ID: "all", Text: `permit (principal, action, resource);`}}})
	if err != nil {
		t.Fatal(err)
	}
	shut, err := base.With(State{Version: 1, Settings: DefaultSettings(), Policies: []SitePolicy{{ID: "none", Forbid: true, Text: `forbid (principal, action, resource);`}}})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		l := base.lanes[q.Action]
		f, roles := base.establish(q, l, nil)
		floored := slices.ContainsFunc(base.judge(newScene(q, l, roles, f)).Policies, func(id string) bool { return strings.HasPrefix(id, "floor.") })
		if d := open.Decide(q); floored && d.Allow {
			t.Fatalf("a policy of the site permitted what the floor forbids: %+v", d)
		}
		if before, after := base.Decide(q), shut.Decide(q); after.Allow && !before.Allow || l.Anchor && before.Allow != after.Allow || after.Allow && !l.Anchor {
			t.Fatalf("with everything forbidden, %s went from %+v to %+v", q.Action, before, after)
		}
	})
	for _, a := range []edge.Permission{"policy.manage", "policy.read", "node.hello", "identity.enter"} {
		if d := shut.Decide(ask("owner", a)); !d.Allow {
			t.Errorf("the site is locked: an owner may not %s: %+v", a, d)
		}
	}
}

// The same question has the same answer, and asking leaves the request as it was.
func TestDecideIsPure(t *testing.T) {
	e := fullEngine(t)
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		before := fmt.Sprintf("%+v", q)
		a, b := e.Decide(q), e.Decide(q)
		if !reflect.DeepEqual(a, b) || before != fmt.Sprintf("%+v", q) {
			t.Fatalf("asked twice: %+v, then %+v", a, b)
		}
		if x := e.Explain(q); x.Decision.Allow != a.Allow || x.Decision.Why != a.Why {
			t.Fatalf("explained %+v, decided %+v", x.Decision, a)
		}
	})
}

// A prohibition that cannot be evaluated holds; Cedar alone would leave it out.
func TestAProhibitionThatFailsForbids(t *testing.T) {
	e := newEngine(t)
	rules, err := e.load("fails", []byte(`forbid (principal, action, resource) when { context.hour + 9223372036854775807 > 0 };`))
	if err != nil {
		t.Fatal(err)
	}
	rules[0].id, rules[0].site = "site.fails", true
	permit, err := e.load("fails", []byte(`permit (principal, action, resource) when { context.hour + 9223372036854775807 > 0 };`))
	if err != nil {
		t.Fatal(err)
	}
	permit[0].id = "site.permit"
	e.extra = permit
	e.index()
	if d := e.Decide(ask("owner", "node.read")); !d.Allow {
		t.Errorf("a permission that fails took one away: %+v", d)
	}
	if d := e.Decide(ask("member", "node.read")); d.Allow {
		t.Errorf("a permission that fails permits: %+v", d)
	}
	e.extra = rules
	e.index()
	q := ask("owner", "node.read")
	d := e.Decide(q)
	if d.Allow || d.Why != Forbidden || !slices.Equal(d.Policies, []string{"site.fails"}) {
		t.Errorf("got %+v, want it forbidden by site.fails alone", d)
	}
	if _, diag := cedar.Authorize(cedar.PolicyMap{"x": rules[0].policy}, types.EntityMap{}, cedar.Request{}); len(diag.Errors) != 1 {
		t.Errorf("the policy does not fail, so this test shows nothing")
	}
}
