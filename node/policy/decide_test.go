package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// ask makes a request that is allowed as far as proof goes, and lets a test change it.
func ask(role string, action edge.Permission, change ...func(*Request)) Request {
	q := Request{
		Caller: auth.Caller{
			Actor: edge.Actor{Kind: edge.Person, ID: "amina"}, Roles: strings.Fields(role),
			Strength: auth.Passkey, Since: noon, Until: noon.Add(time.Hour),
		},
		Action:  action,
		Object:  Object{Type: "thing", ID: "1", Class: edge.Public},
		Context: Context{Door: "rest", Now: noon},
	}
	for _, c := range change {
		c(&q)
	}
	return q
}

func TestProof(t *testing.T) {
	e := newEngine(t)
	always := newEngine(t)
	always.settings.AlwaysTwo = true
	password := func(q *Request) { q.Caller.Strength = auth.Password }
	alone := func(q *Request) { q.Caller.Strength, q.Context.NoSecondFactor = auth.Password, true }
	old := func(q *Request) { q.Caller.Since = noon.Add(-15*time.Minute - time.Second) }
	for _, c := range []struct {
		name  string
		e     *Engine
		q     Request
		why   Why
		need  auth.Strength
		fresh bool
	}{
		{"somebody unknown", e, ask("", "node.read", func(q *Request) { q.Caller = auth.Caller{} }), NotProven, auth.Token, false},
		{"a claim without proof", e, ask("owner", "node.read", func(q *Request) { q.Caller.Strength = auth.None }), NotProven, auth.Token, false},
		{"a proof of nobody", e, ask("owner", "node.read", func(q *Request) { q.Caller.ID = "" }), NotProven, auth.Token, false},
		{"a proof that ended this moment", e, ask("owner", "node.read", func(q *Request) { q.Caller.Until = noon }), Expired, auth.Token, false},
		{"a proof without end", e, ask("owner", "node.read", func(q *Request) { q.Caller.Until = time.Time{} }), Expired, auth.Token, false},
		{"logging in with an old session", e, ask("", "identity.enter", func(q *Request) { q.Caller.Until = noon }), Permitted, 0, false},
		{"logging in", e, ask("", "identity.enter", func(q *Request) { q.Caller = auth.Caller{} }), Permitted, 0, false},
		{"an open door to what is not public", e, ask("", "community.public", func(q *Request) { q.Caller, q.Object.Class = auth.Caller{}, edge.SiteOnly }), NotProven, auth.Token, false},
		{"something dangerous, two factors", e, ask("owner", "policy.manage", func(q *Request) { q.Caller.Strength = auth.TwoFactor }), Permitted, 0, false},
		{"something dangerous, password only", e, ask("owner", "policy.manage", password), TooWeak, auth.TwoFactor, false},
		{"something dangerous, has but a password", e, ask("owner", "policy.manage", alone), Permitted, 0, false},
		{"the same where two are always asked for", always, ask("owner", "policy.manage", alone), TooWeak, auth.TwoFactor, false},
		{"has but a password, long ago", e, ask("owner", "policy.manage", alone, old), TooWeak, auth.Password, true},
		{"a token of one who has but a password", e, ask("owner", "policy.manage", alone, func(q *Request) { q.Caller.Strength = auth.Token }), TooWeak, auth.Password, false},
		{"something dangerous, long ago", e, ask("owner", "node.backup", old), TooWeak, auth.TwoFactor, true},
		{"something dangerous, 15 minutes ago", e, ask("owner", "node.backup", func(q *Request) { q.Caller.Since = noon.Add(-15 * time.Minute) }), Permitted, 0, false},
		{"proven in the future", e, ask("owner", "node.backup", func(q *Request) { q.Caller.Since = noon.Add(2 * time.Minute) }), TooWeak, auth.TwoFactor, true},
		{"never proven", e, ask("owner", "node.backup", func(q *Request) { q.Caller.Since = time.Time{} }), TooWeak, auth.TwoFactor, true},
		{"on the box itself", e, ask("owner", "node.backup", old, password, func(q *Request) { q.Context.Local = true }), Permitted, 0, false},
		{"not dangerous, long ago", e, ask("owner", "node.read", old, password), Permitted, 0, false},
		{"one's own password with a token", e, ask("member", "identity.self", func(q *Request) { q.Caller.Strength, q.Object.Subject = auth.Token, "amina" }), TooWeak, auth.Password, false},
		{"a program with a powerful role", e, ask("owner", "policy.manage", func(q *Request) { q.Caller.Kind, q.Caller.Strength = edge.Service, auth.Token }), TooWeak, auth.TwoFactor, false},
		{"a program that says it has no second factor", e, ask("owner", "policy.manage", func(q *Request) {
			q.Caller.Kind, q.Context.NoSecondFactor, q.Caller.Strength = edge.Service, true, auth.Password
		}), TooWeak, auth.TwoFactor, false},
		{"a program on the box", e, ask("owner", "policy.manage", func(q *Request) { q.Caller.Kind, q.Caller.Strength, q.Context.Local = edge.Service, auth.Token, true }), TooWeak, auth.TwoFactor, false},
		{"not permitted, and weak: nothing is said of strength", e, ask("member", "policy.manage", password), NotPermitted, 0, false},
		{"no time", e, ask("owner", "node.read", func(q *Request) { q.Context.Now = time.Time{} }), NotKnown, 0, false},
		{"no such permission", e, ask("owner", "node.explode"), NotKnown, 0, false},
		{"no permission named", e, ask("owner", ""), NotKnown, 0, false},
		{"no such purpose", e, ask("owner", "node.read", func(q *Request) { q.Context.Purpose = "fun" }), NotKnown, 0, false},
		{"no such class", e, ask("owner", "node.read", func(q *Request) { q.Object.Class = 9 }), NotKnown, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := c.e.Decide(c.q)
			if d.Why != c.why || d.Allow != (c.why == Permitted) || d.NeedStrength != c.need || d.Again != c.fresh {
				t.Errorf("got %+v, want %v, strength %d, again %v", d, c.why, c.need, c.fresh)
			}
			if !d.Allow && (d.Reason == "" || d.Hint == "" && c.why != NotProven) {
				t.Errorf("a refusal without words: %+v", d)
			}
		})
	}
}

func TestScopes(t *testing.T) {
	e := newEngine(t)
	scopes := func(s ...string) func(*Request) { return func(q *Request) { q.Caller.Scopes = s } }
	for _, c := range []struct {
		name string
		q    Request
		why  Why
	}{
		{"none: all the roles give", ask("operator", "devices.read"), Permitted},
		{"an empty list: nothing", ask("operator", "devices.read", func(q *Request) { q.Caller.Scopes = []string{} }), OutOfScope},
		{"the permission", ask("operator", "devices.read", scopes("node.read", "devices.read")), Permitted},
		{"the service", ask("operator", "devices.read", scopes("devices.*")), Permitted},
		{"another service", ask("operator", "devices.read", scopes("node.*")), OutOfScope},
		{"part of the name", ask("operator", "devices.read", scopes("dev.*", "devices", "devices.r*", "*", ".*", "devices.read ")), OutOfScope},
		{"a scope beyond the roles", ask("member", "devices.manage", scopes("devices.manage")), NotPermitted},
		{"what is open to everybody", ask("member", "node.hello", scopes("devices.read")), Permitted},
	} {
		if d := e.Decide(c.q); d.Why != c.why || d.Allow != (c.why == Permitted) {
			t.Errorf("%s: got %+v, want %v", c.name, d, c.why)
		}
	}
}

func TestFloor(t *testing.T) {
	e := newEngine(t)
	all := strings.Join(roleNames(), " ")
	node := func(q *Request) { q.Caller.Kind = edge.Node }
	of := func(class edge.Class, subject string) func(*Request) {
		return func(q *Request) { q.Object.Class, q.Object.Subject = class, subject }
	}
	label := func(role string) func(*Request) {
		return func(q *Request) { q.Object.Labels = map[string]string{LabelRole: role} }
	}
	for _, c := range []struct {
		name, floor string
		q           Request
	}{
		{"a hub that is clinician and owner too", "floor.hub", ask(all, "readings.read", node, of(edge.Clinical, "bilal"))},
		{"a hub changes something", "floor.hub.reads", ask("hub peer-node", "blobs.write", node)},
		{"a device that calls itself owner", "floor.device", ask(all, "devices.manage", func(q *Request) { q.Caller.Kind = edge.Device })},
		{"a device publishes for another", "floor.device", ask("device", "readings.publish", func(q *Request) { q.Caller.Kind, q.Object.Owner = edge.Device, "other" })},
		{"an owner who is auditor changes something", "floor.auditor", ask("owner auditor", "settings.manage")},
		{"an owner reads health data", "floor.clinical", ask("owner site-admin operator front-desk", "health.read", of(edge.Clinical, "bilal"))},
		{"a node manages", "floor.node", ask(all, "members.manage", node)},
		{"a person has devices enrol themselves", "floor.enrol", ask(all, "devices.enrol")},
		{"approving one's own", "floor.four-eyes", ask("wallet-officer", "wallet.approve", func(q *Request) { q.Object.Owner, q.Object.Subject = "amina", "bilal" })},
		{"approving what goes to oneself", "floor.four-eyes", ask("wallet-officer", "zakat.decide", func(q *Request) { q.Object.Owner, q.Object.Subject = "bilal", "amina" })},
		{"an administrator makes an owner", "floor.owner", ask("site-admin", "identity.manage", of(edge.Personal, "bilal"), label("owner"))},
		{"an administrator takes on a role", "floor.promotion", ask("site-admin", "identity.manage", of(edge.Personal, "amina"), label("clinician"))},
		{"an owner's password by another owner", "floor.self", ask("owner", "identity.self", of(edge.Personal, "bilal"))},
	} {
		d := e.Decide(c.q)
		if d.Allow || !strings.Contains(strings.Join(d.Policies, " "), c.floor) {
			t.Errorf("%s: got %+v, want %s", c.name, d, c.floor)
		}
	}
	for name, q := range map[string]Request{
		"an owner takes on a role":       ask("owner", "identity.manage", of(edge.Personal, "amina"), label("clinician")),
		"an owner makes an owner":        ask("owner", "identity.manage", of(edge.Personal, "bilal"), label("owner")),
		"an administrator gives a role":  ask("site-admin", "identity.manage", of(edge.Personal, "bilal"), label("clinician")),
		"an auditor's own password":      ask("auditor", "identity.self", of(edge.Personal, "amina")),
		"another's money is approved":    ask("wallet-officer", "wallet.approve", func(q *Request) { q.Object.Owner, q.Object.Subject = "bilal", "bilal" }),
		"one's own health record":        ask("member", "health.read", of(edge.Clinical, "amina")),
		"a note about oneself by others": ask("member", "health.read", of(edge.Clinical, "amina"), func(q *Request) { q.Object.Owner = "doctor" }),
	} {
		if d := e.Decide(q); !d.Allow {
			t.Errorf("%s: got %+v, want it allowed", name, d)
		}
	}
	// who wrote a note about somebody does not own what it says
	if d := e.Decide(ask("member", "health.read", of(edge.Clinical, "bilal"), func(q *Request) { q.Object.Owner = "amina" })); d.Allow {
		t.Error("the writer of a note about somebody else reads it without a role")
	}
}

func TestConsentAndBreakGlass(t *testing.T) {
	e := newEngine(t)
	patient := func(q *Request) {
		q.Object = Object{Type: "Condition", ID: "1", Class: edge.Clinical, Subject: "bilal", Labels: map[string]string{"security": "psychiatry"}}
	}
	consent := func(c Consent) func(*Request) { return func(q *Request) { q.Context.Consent = &c } }
	opened := func(change ...func(*BreakGlass)) func(*Request) {
		b := BreakGlass{ID: "g1", Who: "amina", Subject: "bilal", Reason: "found on the floor", From: noon.Add(-time.Hour), Until: noon.Add(time.Hour)}
		for _, c := range change {
			c(&b)
		}
		return func(q *Request) { q.Context.BreakGlass = &b }
	}
	no := consent(Consent{Subject: "bilal", Deny: true})
	purpose := func(p string) func(*Request) { return func(q *Request) { q.Context.Purpose = p } }
	for _, c := range []struct {
		name  string
		q     Request
		why   Why
		grant string
	}{
		{"nothing said", ask("clinician", "health.read", patient), Permitted, ""},
		{"agreed", ask("clinician", "health.read", patient, consent(Consent{Subject: "bilal"})), Permitted, ""},
		{"refused", ask("clinician", "health.read", patient, no), NoConsent, ""},
		{"refused, one's own", ask("member", "health.read", patient, no, func(q *Request) { q.Caller.ID = "bilal" }), Permitted, ""},
		{"the consent of somebody else", ask("clinician", "health.read", patient, consent(Consent{Subject: "zaid"})), NoConsent, ""},
		{"refused but for this person", ask("clinician", "health.read", patient, consent(Consent{Subject: "bilal", Deny: true, Provisions: []Provision{{Actors: []string{"amina"}}}})), Permitted, ""},
		{"agreed but for this person", ask("clinician", "health.read", patient, consent(Consent{Subject: "bilal", Provisions: []Provision{{Deny: true, Actors: []string{"amina"}}}})), NoConsent, ""},
		{"agreed but for psychiatry", ask("clinician", "health.read", patient, consent(Consent{Subject: "bilal", Provisions: []Provision{{Deny: true, Labels: []string{"security=psychiatry"}}}})), NoConsent, ""},
		{"agreed but for other labels", ask("clinician", "health.read", patient, consent(Consent{Subject: "bilal", Provisions: []Provision{{Deny: true, Labels: []string{"security=hiv"}}}})), Permitted, ""},
		{"a denial outweighs a permission", ask("clinician", "health.read", patient, consent(Consent{Subject: "bilal", Provisions: []Provision{{}, {Deny: true, Types: []string{"Condition"}}}})), NoConsent, ""},
		{"a denial that is over", ask("clinician", "health.read", patient, consent(Consent{Subject: "bilal", Provisions: []Provision{{Deny: true, Until: noon}}})), Permitted, ""},
		{"a denial that has yet to begin", ask("clinician", "health.read", patient, consent(Consent{Subject: "bilal", Provisions: []Provision{{Deny: true, From: noon.Add(1)}}})), Permitted, ""},
		{"agreement of a role", ask("clinician", "health.read", patient, consent(Consent{Subject: "bilal", Deny: true, Provisions: []Provision{{Roles: []string{"clinician"}, Purposes: []string{"treatment"}}}})), Permitted, ""},
		{"research nobody asked about", ask("clinician", "health.read", patient, purpose("research")), NoConsent, ""},
		{"research that was agreed to", ask("clinician", "health.read", patient, purpose("research"), consent(Consent{Subject: "bilal", Deny: true, Provisions: []Provision{{Purposes: []string{"research"}}}})), Permitted, ""},
		{"consent gives no role", ask("front-desk", "health.read", patient, consent(Consent{Subject: "bilal"})), Forbidden, ""},
		{"an emergency", ask("clinician", "health.read", patient, no, opened()), Permitted, "g1"},
		{"an emergency, nothing refused", ask("clinician", "health.write", patient, opened()), Permitted, "g1"},
		{"an emergency is no export", ask("clinician", "health.export", patient, no, opened(), purpose("subject")), NoConsent, ""},
		{"an emergency gives no role", ask("front-desk", "health.read", patient, opened()), Forbidden, ""},
		{"an emergency is no research", ask("clinician", "health.read", patient, opened(), purpose("research")), NoConsent, ""},
		{"of somebody else", ask("clinician", "health.read", patient, no, opened(func(b *BreakGlass) { b.Who = "zaid" })), NoConsent, ""},
		{"about somebody else", ask("clinician", "health.read", patient, no, opened(func(b *BreakGlass) { b.Subject = "zaid" })), NoConsent, ""},
		{"about nobody", ask("clinician", "health.read", patient, no, opened(func(b *BreakGlass) { b.Subject = "" })), NoConsent, ""},
		{"over this moment", ask("clinician", "health.read", patient, no, opened(func(b *BreakGlass) { b.Until = noon })), NoConsent, ""},
		{"not begun", ask("clinician", "health.read", patient, no, opened(func(b *BreakGlass) { b.From = noon.Add(1) })), NoConsent, ""},
		{"too long", ask("clinician", "health.read", patient, no, opened(func(b *BreakGlass) { b.Until = b.From.Add(MaxBreakGlass + 1) })), NoConsent, ""},
		{"revoked", ask("clinician", "health.read", patient, no, opened(func(b *BreakGlass) { b.Ended = noon.Add(-time.Minute) })), NoConsent, ""},
		{"a program", ask("clinician", "health.read", patient, no, opened(), func(q *Request) { q.Caller.Kind = edge.Service }), NoConsent, ""},
	} {
		d := e.Decide(c.q)
		if d.Why != c.why || d.BreakGlass != c.grant || !d.Audit {
			t.Errorf("%s: got %+v, want %v, grant %q and an audit record", c.name, d, c.why, c.grant)
		}
		if c.why == NoConsent && d.Hide {
			t.Errorf("%s: hidden from one who may know of the patient", c.name)
		}
	}
}

func TestAreas(t *testing.T) {
	e := newEngine(t)
	ward := func(w string) func(*Request) {
		return func(q *Request) {
			q.Object.Class, q.Object.Subject, q.Object.Labels = edge.Clinical, "bilal", map[string]string{"ward": w}
		}
	}
	grant := func(q *Request) {
		q.Context.BreakGlass = &BreakGlass{ID: "g", Who: "amina", Subject: "bilal", From: noon, Until: noon.Add(time.Hour)}
	}
	for _, c := range []struct {
		name, role string
		action     edge.Permission
		change     []func(*Request)
		allow      bool
	}{
		{"in the ward", "clinician@ward:2", "health.read", []func(*Request){ward("2")}, true},
		{"in another ward", "clinician@ward:2", "health.read", []func(*Request){ward("3")}, false},
		{"in no ward", "clinician@ward:2", "health.lookup", nil, false},
		{"in another ward, an emergency", "clinician@ward:2", "health.read", []func(*Request){ward("3"), grant}, true},
		{"asking for emergency access", "clinician@ward:2", "breakglass.open", []func(*Request){ward("3")}, true},
		{"two wards", "clinician@ward:2 clinician@ward:3", "health.read", []func(*Request){ward("3")}, true},
		{"the whole role beside", "clinician@ward:2 clinician", "health.read", []func(*Request){ward("9")}, true},
		{"a role that knows no areas", "owner@ward:2", "node.read", []func(*Request){ward("2")}, false},
		{"no value, no label", "clinician@ward:", "health.lookup", nil, false},
		{"no area", "clinician@", "health.lookup", nil, false},
		{"only a key", "clinician@ward", "health.lookup", nil, false},
	} {
		if d := e.Decide(ask(c.role, c.action, c.change...)); d.Allow != c.allow {
			t.Errorf("%s: got %+v, want %v", c.name, d, c.allow)
		}
	}
	for role, ok := range map[string]bool{"clinician": true, "clinician@ward:2": true, "owner@ward:2": false, "clinician@": false, "clinician@ward": false,
		"clinician@ward:": false, "clinician@a b:c": false, "doctor": false, "": false, "hub": false} {
		if err := CheckRole(role, edge.Person); (err == nil) != ok || err != nil && !edge.IsKind(err, edge.Invalid) {
			t.Errorf("CheckRole(%q) = %v", role, err)
		}
	}
	if err := CheckRole("hub", edge.Node); err != nil {
		t.Errorf("a node cannot be a hub: %v", err)
	}
}

func TestWhatIsHiddenAndAudited(t *testing.T) {
	e := newEngine(t)
	about := func(class edge.Class, id string) func(*Request) {
		return func(q *Request) { q.Object = Object{Type: "x", ID: id, Class: class, Subject: "bilal"} }
	}
	for _, c := range []struct {
		name        string
		q           Request
		hide, audit bool
	}{
		{"another's record", ask("member", "health.read", about(edge.Clinical, "1")), true, true},
		{"all records", ask("member", "health.read", about(edge.Clinical, "")), false, true},
		{"changing what one may read", ask("auditor", "identity.manage", about(edge.Personal, "1")), false, true},
		{"changing what one may not read", ask("member", "identity.manage", about(edge.Personal, "1")), true, true},
		{"a device", ask("member", "devices.manage", about(edge.SiteOnly, "1")), false, true},
		{"out of scope: nobody learns that it exists", ask("clinician", "health.read", about(edge.Clinical, "1"), func(q *Request) { q.Caller.Scopes = []string{"node.read"} }), true, true},
		{"out of scope, before the look-up", ask("clinician", "health.read", about(edge.Clinical, ""), func(q *Request) { q.Caller.Scopes = []string{"node.read"} }), false, true},
		{"too weak: the person knows of it", ask("owner", "identity.manage", about(edge.Personal, "1"), func(q *Request) { q.Caller.Strength = auth.Password }), false, true},
		{"a stranger is told to log in", ask("", "health.read", about(edge.Clinical, "1"), func(q *Request) { q.Caller = auth.Caller{} }), false, false},
		{"reading what is not about people", ask("owner", "node.read"), false, false},
		{"changing it", ask("owner", "settings.manage"), false, true},
		{"totals of money", ask("owner", "wallet.report"), false, true},
		{"one's own account", ask("member", "identity.whoami", func(q *Request) { q.Object.Subject = "amina" }), false, true},
		{"looking into a node", ask("owner", "profile.debug"), false, true},
		{"a reading, which has its own journal", ask("device", "readings.publish", func(q *Request) { q.Caller.Kind, q.Object.Owner = edge.Device, "amina" }), false, false},
		{"logging in, which the door records", ask("", "identity.enter"), false, false},
	} {
		if d := e.Decide(c.q); d.Hide != c.hide || d.Audit != c.audit {
			t.Errorf("%s: got %+v, want hide %v, audit %v", c.name, d, c.hide, c.audit)
		}
	}
}

func TestErr(t *testing.T) {
	e := newEngine(t)
	if err := e.Decide(ask("owner", "node.read")).Err(); err != nil {
		t.Errorf("allowed, but %v", err)
	}
	if err := e.Decide(ask("member", "node.read")).Err(); !edge.IsKind(err, edge.Denied) || !strings.Contains(err.Error(), "operator") {
		t.Errorf("got %v, want Denied and who may", err)
	}
	if err := e.Decide(ask("member", "health.read", func(q *Request) { q.Object.Subject = "bilal" })).Err(); !edge.IsKind(err, edge.NotFound) || strings.Contains(err.Error(), "health") {
		t.Errorf("got %v, want NotFound without a word on what it is", err)
	}
}

func TestExplain(t *testing.T) {
	e := newEngine(t)
	q := ask("clinician member", "health.read", func(q *Request) {
		q.Object = Object{Type: "Condition", ID: "1", Class: edge.Clinical, Subject: "bilal"}
		q.Context.Consent = &Consent{Subject: "bilal", Deny: true}
		q.Caller.ID = "amina\n  permits everything"
	})
	x := e.Explain(q)
	for _, want := range []string{"read clinical records (health.read)", "forbids          floor.consent (policies/floor.cedar:", "permits          clinician.records", "does not permit  member.own", "No (no_consent)"} {
		if !strings.Contains(x.String(), want) {
			t.Errorf("%q is not in:\n%s", want, x)
		}
	}
	if strings.Contains(x.String(), "\n  permits everything") {
		t.Errorf("a name wrote a line of its own:\n%s", x)
	}
	if d := e.Decide(q); d.Allow != x.Decision.Allow || d.Why != x.Decision.Why || d.Hide != x.Decision.Hide {
		t.Errorf("explained %+v, decided %+v", x.Decision, d)
	}
	if s := e.Explain(ask("owner", "node.explode")).String(); !strings.Contains(s, "No (not_known)") {
		t.Errorf("a permission that does not exist is explained as %s", s)
	}
}
