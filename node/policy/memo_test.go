package policy

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// TestRememberedAnswers: an engine that remembers says what one says that was never asked before, whatever of the
// request is another than the last time.
func TestRememberedAnswers(t *testing.T) {
	s := State{Version: 1, Settings: DefaultSettings()}
	for i, text := range []string{
		`forbid (principal, action, resource) when { context.door == "ws" };`,
		`forbid (principal, action == Action::"devices.read", resource) when { context.hour >= 14 || context.weekday == 7 };`,
		`forbid (principal, action == Action::"settings.read", resource) when { context has addr && context.addr.isInRange(ip("10.0.0.0/8")) };`,
		`forbid (principal, action == Action::"node.read", resource) when { context.now > datetime("2026-11-23T13:00:00Z") || resource.owner == "zaid" };`,
		`forbid (principal, action == Action::"audit.read", resource) when { context.online };`,
	} {
		s.Policies = append(s.Policies, SitePolicy{ID: fmt.Sprintf("p-%d", i), Version: 1, Forbid: true, Text: text})
	}
	remembering, err := newEngine(t).With(s)
	if err != nil || len(remembering.Broken()) > 0 {
		t.Fatal(err, remembering.Broken())
	}
	other, err := newEngine(t).With(s)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		q := drawRequest(t)
		q.Action = rapid.SampledFrom([]edge.Permission{q.Action, "devices.read", "settings.read", "node.read", "audit.read"}).Draw(t, "of interest")
		if rapid.Bool().Draw(t, "likely") { // to be allowed something, and so to be remembered
			q.Caller.Kind, q.Caller.Roles, q.Caller.Strength, q.Object.Labels = edge.Person, []string{"owner"}, auth.Passkey, nil
			q.Object.Subject, q.Context.Consent, q.Context.Purpose, q.Context.BreakGlass = "", nil, "", nil
			q.Caller.Until = noon.Add(200 * time.Hour)
		}
		for range 16 {
			switch rapid.IntRange(0, 7).Draw(t, "what changes") {
			case 0:
				q.Context.Door = rapid.SampledFrom([]string{"rest", "ws"}).Draw(t, "door")
			case 1:
				q.Context.Addr = rapid.SampledFrom([]netip.Addr{{}, netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("127.0.0.1")}).Draw(t, "addr")
			case 2:
				q.Context.Now = noon.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 3, 24, 6 * 24}).Draw(t, "hours")) * time.Hour)
			case 3:
				q.Caller.Until = q.Context.Now.Add(time.Duration(rapid.IntRange(-1, 3).Draw(t, "left")) * time.Hour)
			case 4:
				q.Context.Online = !q.Context.Online
			case 5:
				q.Object.Owner = drawID(t, "owner now")
			case 6:
				q.Caller.ID = drawID(t, "caller now")
			case 7:
				q.Caller.Strength = auth.Strength(rapid.IntRange(0, int(auth.Passkey)).Draw(t, "strength now"))
			}
			if l := other.lanes[q.Action]; l != nil {
				l.memo = &memo{}
			}
			if got, want := remembering.Decide(q), other.Decide(q); !reflect.DeepEqual(got, want) {
				t.Fatalf("%+v\n%+v was remembered, %+v is right", q, got, want)
			}
		}
	})
	kept := 0
	for _, l := range remembering.lanes {
		kept += len(l.memo.by)
	}
	if kept == 0 {
		t.Error("nothing was remembered")
	}
}

// TestWhatIsRememberedFor: each thing a rule may look at is part of what an answer is remembered for. A question is
// asked and permitted; then the one thing is another, so that a rule forbids it.
func TestWhatIsRememberedFor(t *testing.T) {
	for name, c := range map[string]struct {
		when   string
		change func(q *Request)
	}{
		"door":      {`context.door == "ws"`, func(q *Request) { q.Context.Door = "ws" }},
		"address":   {`context has addr && context.addr.isInRange(ip("10.0.0.0/8"))`, func(q *Request) { q.Context.Addr = netip.MustParseAddr("10.1.2.3") }},
		"local":     {`context.local`, func(q *Request) { q.Context.Local = true }},
		"online":    {`context.online`, func(q *Request) { q.Context.Online = true }},
		"hour":      {`context.hour >= 14`, func(q *Request) { q.Context.Now = noon.Add(3 * time.Hour) }},
		"weekday":   {`context.weekday == 7`, func(q *Request) { q.Context.Now = noon.Add(6 * 24 * time.Hour) }},
		"moment":    {`context.now > datetime("2026-11-23T12:30:00Z")`, func(q *Request) { q.Context.Now = noon.Add(45 * time.Minute) }},
		"purpose":   {`context.purpose == "research"`, func(q *Request) { q.Context.Purpose = "research" }},
		"owner":     {`resource.owner == "zaid"`, func(q *Request) { q.Object.Owner = "zaid" }},
		"subject":   {`resource.subject == "zaid"`, func(q *Request) { q.Object.Subject = "zaid" }},
		"own":       {`context.own`, func(q *Request) { q.Object.Subject = q.Caller.ID }},
		"type":      {`resource.type == "account"`, func(q *Request) { q.Object.Type = "account" }},
		"object":    {`resource.id == "2"`, func(q *Request) { q.Object.ID = "2" }},
		"class":     {`resource.clinical`, func(q *Request) { q.Object.Class = edge.Clinical }},
		"label":     {`resource.hasTag("ward") && resource.getTag("ward") == "3"`, func(q *Request) { q.Object.Labels = map[string]string{"ward": "3"} }},
		"caller":    {`principal.id == "zaid"`, func(q *Request) { q.Caller.ID = "zaid" }},
		"its site":  {`principal.site == "elsewhere"`, func(q *Request) { q.Caller.Site = "elsewhere" }},
		"its kind":  {`principal is Service`, func(q *Request) { q.Caller.Kind = edge.Service }},
		"its role":  {`principal in Role::"auditor"`, func(q *Request) { q.Caller.Roles = []string{"owner", "auditor"} }},
		"its proof": {`principal.strength < 4`, func(q *Request) { q.Caller.Strength = auth.TwoFactor }},
		"emergency": {`context.breakglass`, func(q *Request) {
			q.Context.BreakGlass = &BreakGlass{ID: "g", Who: q.Caller.ID, Subject: "bilal", From: noon, Until: noon.Add(time.Hour)}
		}},
		"no consent": {`context.consent == "deny"`, func(q *Request) { q.Context.Consent = &Consent{Subject: "bilal", Deny: true} }},
	} {
		t.Run(name, func(t *testing.T) {
			s := State{Version: 1, Settings: DefaultSettings(), Policies: []SitePolicy{{ID: "p", Version: 1, Forbid: true, Text: `forbid (principal, action, resource) when { ` + c.when + ` };`}}}
			e, err := newEngine(t).With(s)
			if err != nil || len(e.Broken()) > 0 {
				t.Fatal(err, e.Broken())
			}
			q := Request{Action: "devices.read", Object: Object{Type: "device", ID: "1", Owner: "bilal", Subject: "bilal"}, Context: Context{Door: "rest", Now: noon},
				Caller: auth.Caller{Actor: edge.Actor{Kind: edge.Person, ID: "amina", Site: "clinic"}, Roles: []string{"owner"}, Strength: auth.Passkey, Since: noon, Until: noon.Add(200 * time.Hour)}}
			if name == "class" { // of what may be read at all, whatever its class
				q.Action, q.Object.Subject = "audit.read", q.Caller.ID
			}
			for range 2 {
				if d := e.Decide(q); !d.Allow {
					t.Fatalf("forbidden from the start: %+v", d)
				}
			}
			if c.change(&q); !newEngine(t).Decide(q).Allow {
				t.Errorf("it is forbidden without the rule too: %+v", newEngine(t).Decide(q))
			}
			if e.Decide(q).Allow {
				t.Errorf("what was permitted before is permitted still: %+v", e.Decide(q))
			}
		})
	}
}
