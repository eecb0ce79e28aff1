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
