package policy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/api/policyv1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
)

const onlyByDay = `forbid (principal in Role::"front-desk", action, resource) when { context.hour < 7 };`

func newSite(t *testing.T) (*edgetest.State, Ops) {
	t.Helper()
	return edgetest.New(edge.Actor{Kind: edge.Person, ID: "amina"}, noon), Ops{base: newEngine(t)}
}

// try evaluates a command and hands back its answer.
func try[In, Out any](s *edgetest.State, f func(edge.Tx, In) (Out, error), in In) (out Out, err error) {
	err = s.Try(func(tx edge.Tx) error {
		out, err = f(tx, in)
		return err
	})
	return out, err
}

func (s countState) events(typ string) (n int) {
	for _, e := range s.Events {
		if e.Type == typ {
			n++
		}
	}
	return n
}

type countState struct{ *edgetest.State }

func TestPoliciesOfASite(t *testing.T) {
	s, o := newSite(t)
	p, err := try(s, o.Set, NewPolicy{Ref: Ref{ID: "by-day"}, Text: onlyByDay, Note: "the desk is shut at night"})
	if err != nil || p.Version != 1 || !p.Forbid || p.By != "amina" || !p.Set.Equal(noon) {
		t.Fatalf("got %+v, %v", p, err)
	}
	rows := len(s.Rows)
	for name, in := range map[string]NewPolicy{
		"the same once more":       {Ref: Ref{ID: "by-day"}, Text: onlyByDay},
		"a version it never had":   {Ref: Ref{ID: "by-day", Version: 7}, Text: onlyByDay},
		"a version of one unknown": {Ref: Ref{ID: "other", Version: 1}, Text: onlyByDay},
	} {
		if _, err := try(s, o.Set, in); !edge.IsKind(err, edge.Conflict) {
			t.Errorf("%s: got %v, want Conflict", name, err)
		}
	}
	if _, err := try(s, o.Set, NewPolicy{Ref: Ref{ID: "bad"}, Text: `permit (principal in Role::"doctor", action, resource);`}); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("got %v, want Invalid", err)
	}
	if len(s.Rows) != rows || len(s.Events) != 1 {
		t.Errorf("a refused policy left %d rows and %d events", len(s.Rows), len(s.Events))
	}
	if p, err = try(s, o.Set, NewPolicy{Ref: Ref{ID: "by-day", Version: 1}, Text: strings.Replace(onlyByDay, "7", "8", 1)}); err != nil || p.Version != 2 {
		t.Errorf("replaced: %+v, %v", p, err)
	}
	if _, err := try(s, o.Remove, Ref{ID: "by-day", Version: 1}); !edge.IsKind(err, edge.Conflict) {
		t.Errorf("got %v, want Conflict", err)
	}
	if _, err := try(s, o.Remove, Ref{ID: "none"}); !edge.IsKind(err, edge.NotFound) {
		t.Errorf("got %v, want NotFound", err)
	}
	list, err := LoadState(s)
	if err != nil || list.Version != 2 || !reflect.DeepEqual(list.Policies, []SitePolicy{p}) {
		t.Errorf("listed %+v, %v; want %+v", list, err, p)
	}
	if _, err := try(s, o.Remove, Ref{ID: "by-day", Version: 2}); err != nil {
		t.Error(err)
	}
	if list, err = LoadState(s); err != nil || list.Version != 3 || len(list.Policies) != 0 {
		t.Errorf("after its end: %+v, %v", list, err)
	}
	var e PolicyEvent
	if err := json.Unmarshal(s.Events[2].Body, &e); err != nil || !e.Removed || e.Version != 2 || e.Actor != "amina" || s.Events[2].Urgency != edge.Ledger {
		t.Errorf("its end is told as %s", s.Events[2].Body)
	}
}

func TestPoliciesOfASiteAreBounded(t *testing.T) {
	s, o := newSite(t)
	for i := range MaxPolicies {
		if _, err := try(s, o.Set, NewPolicy{Ref: Ref{ID: fmt.Sprint("p", i)}, Text: onlyByDay}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := try(s, o.Set, NewPolicy{Ref: Ref{ID: "one-more"}, Text: onlyByDay}); !edge.IsKind(err, edge.Exhausted) {
		t.Errorf("got %v, want Exhausted", err)
	}
	if _, err := try(s, o.Set, NewPolicy{Ref: Ref{ID: "p0", Version: 1}, Text: onlyByDay}); err != nil {
		t.Errorf("a full site cannot replace one: %v", err)
	}
}

func TestLiveFollowsTheSite(t *testing.T) {
	s, o := newSite(t)
	l, err := NewLive()
	if err != nil {
		t.Fatal(err)
	}
	night := ask("front-desk", "health.lookup", func(q *Request) { q.Context.Now = noon.Add(-7 * time.Hour) })
	night.Caller.Since = night.Context.Now
	check := func(when string, version uint64, allow bool) {
		t.Helper()
		if err := l.Refresh(s); err != nil {
			t.Fatal(err)
		}
		if d := l.Engine().Decide(night); d.Allow != allow || l.Engine().Version() != version {
			t.Errorf("%s: version %d, %+v; want %d, %v", when, l.Engine().Version(), d, version, allow)
		}
	}
	check("at first", 0, true)
	if _, err := try(s, o.Set, NewPolicy{Ref: Ref{ID: "by-day"}, Text: onlyByDay}); err != nil {
		t.Fatal(err)
	}
	check("with a policy", 1, false)
	same := l.Engine()
	check("with the same", 1, false)
	if l.Engine() != same {
		t.Error("an engine was made anew though nothing had changed")
	}
	if _, err := try(s, o.Configure, Settings{AlwaysTwo: true, FreshSeconds: 60}); err != nil {
		t.Fatal(err)
	}
	check("with a setting", 2, false)
	if got := l.Engine().settings; got != (Settings{AlwaysTwo: true, FreshSeconds: 60}) {
		t.Errorf("settings are %+v", got)
	}
	for _, bad := range []Settings{{}, {FreshSeconds: 59}, {FreshSeconds: 3601}} {
		if _, err := try(s, o.Configure, bad); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%+v: got %v, want Invalid", bad, err)
		}
	}

	// rows that cannot be read: the engine stays
	good := s.Rows["p/v"]
	s.Rows["p/v"] = []byte("{")
	if err := l.Refresh(s); !edge.IsKind(err, edge.Corrupt) || l.Engine().Version() != 2 {
		t.Errorf("got %v and version %d, want Corrupt and the engine as it was", err, l.Engine().Version())
	}
	if err := l.Reset(s); !edge.IsKind(err, edge.Corrupt) || l.Engine().Version() != 2 {
		t.Errorf("reset: got %v and version %d, want Corrupt and the engine as it was", err, l.Engine().Version())
	}
	s.Rows["p/v"] = good

	// another state, with a lower version
	s2, o2 := newSite(t)
	if _, err := try(s2, o2.Configure, DefaultSettings()); err != nil {
		t.Fatal(err)
	}
	if err := l.Refresh(s2); err != nil || l.Engine().Version() != 2 {
		t.Errorf("an older view replaced a newer engine: %v, version %d", err, l.Engine().Version())
	}
	if err := l.Reset(s2); err != nil || l.Engine().Version() != 1 || !l.Engine().Decide(night).Allow {
		t.Errorf("a state that was replaced is not followed: %v, version %d", err, l.Engine().Version())
	}
}

func TestAPolicyThatCannotBeReadAnyMore(t *testing.T) {
	s, o := newSite(t)
	permit := `permit (principal in Role::"member", action == Action::"node.read", resource);`
	for id, text := range map[string]string{"gives": permit, "takes": onlyByDay} {
		if _, err := try(s, o.Set, NewPolicy{Ref: Ref{ID: id}, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"gives", "takes"} {
		k := policyPrefix + id
		s.Rows[k] = []byte(strings.NewReplacer("member", "knight", "front-desk", "knight").Replace(string(s.Rows[k])))
		l, err := NewLive()
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Refresh(s); err != nil {
			t.Fatal(err)
		}
		e := l.Engine()
		if b := e.Broken(); len(b) == 0 || !strings.Contains(b[0].Err.Error(), "knight") {
			t.Errorf("broken policies are not named: %v", b)
		}
		shut := id == "takes"
		for action, want := range map[edge.Permission]bool{"node.read": !shut, "policy.manage": true, "identity.enter": true} {
			if d := e.Decide(ask("owner", action)); d.Allow != want {
				t.Errorf("%s broken, an owner may %s: %+v, want %v", id, action, d, want)
			}
		}
		if d := e.Decide(ask("member", "node.read")); d.Allow {
			t.Errorf("a permission that cannot be read permits: %+v", d)
		}
		if d := e.Decide(ask("device", "readings.publish", func(q *Request) { q.Caller.Kind, q.Object.Owner = edge.Device, "amina" })); !d.Allow {
			t.Errorf("a device is shut out: %+v", d)
		}
	}
}

func TestBreakGlass(t *testing.T) {
	s, o := newSite(t)
	for name, in := range map[string]Emergency{
		"no reason":         {Subject: "bilal"},
		"hardly a reason":   {Subject: "bilal", Reason: "need it"},
		"two lines":         {Subject: "bilal", Reason: "found on\nthe floor"},
		"a book":            {Subject: "bilal", Reason: strings.Repeat("a", MaxReason+1)},
		"too long":          {Subject: "bilal", Reason: "found on the floor", Minutes: 241},
		"less than nothing": {Subject: "bilal", Reason: "found on the floor", Minutes: -1},
		"so long it wraps":  {Subject: "bilal", Reason: "found on the floor", Minutes: 1 << 62},
		"nobody":            {Reason: "found on the floor"},
		"a path":            {Subject: "bilal/../x", Reason: "found on the floor"},
		"oneself":           {Subject: "amina", Reason: "found on the floor"},
	} {
		if _, err := try(s, o.Open, in); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: got %v, want Invalid", name, err)
		}
	}
	s.By.Kind = edge.Service
	if _, err := try(s, o.Open, Emergency{Subject: "bilal", Reason: "found on the floor"}); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a program opened a record: %v", err)
	}
	s.By.Kind = edge.Person
	if len(s.Rows) != 0 || len(s.Events) != 0 {
		t.Fatalf("refusals left %d rows and %d events", len(s.Rows), len(s.Events))
	}

	b, err := try(s, o.Open, Emergency{Subject: "bilal", Reason: "found on the floor", Minutes: 30})
	if err != nil || b.Who != "amina" || !b.Until.Equal(noon.Add(30*time.Minute)) {
		t.Fatalf("got %+v, %v", b, err)
	}
	if e := s.Events[0]; e.Type != Opened || e.Urgency != edge.Critical || e.Class != edge.Personal || e.Subject != "person:bilal" || strings.Contains(string(e.Body), "floor") || !strings.Contains(string(e.Body), b.ID) {
		t.Errorf("the alarm is %+v: %s", e, e.Body)
	}
	if _, err := try(s, o.Open, Emergency{Subject: "bilal", Reason: "found on the floor"}); !edge.IsKind(err, edge.Conflict) {
		t.Errorf("opened twice: %v", err)
	}
	found, err := FindBreakGlass(s, "amina", "bilal")
	if err != nil || found == nil || !reflect.DeepEqual(*found, b) {
		t.Errorf("found %+v, %v; want %+v", found, err, b)
	}
	for _, other := range [][2]string{{"bilal", "amina"}, {"amina", "zaid"}, {"", ""}, {"amina", "bilal/x"}} {
		if found, err := FindBreakGlass(s, other[0], other[1]); err != nil || found != nil {
			t.Errorf("%v: found %+v, %v", other, found, err)
		}
	}

	s.By.ID = "zaid"
	if _, err := try(s, o.Close, GrantRef{ID: b.ID}); !edge.IsKind(err, edge.NotFound) {
		t.Errorf("somebody gave back what another opened: %v", err)
	}
	if _, err := try(s, o.End, GrantRef{ID: "none"}); !edge.IsKind(err, edge.NotFound) {
		t.Errorf("got %v, want NotFound", err)
	}
	s.Time = noon.Add(10 * time.Minute)
	ended, err := try(s, o.End, GrantRef{ID: b.ID})
	if err != nil || ended.EndedBy != "zaid" || ended.Open(s.Time) || (countState{s}).events(Ended) != 1 {
		t.Errorf("ended: %+v, %v", ended, err)
	}
	if again, err := try(s, o.End, GrantRef{ID: b.ID}); err != nil || !reflect.DeepEqual(again, ended) || (countState{s}).events(Ended) != 1 {
		t.Errorf("ended twice: %+v, %v", again, err)
	}
	s.By.ID = "amina"
	b2, err := try(s, o.Open, Emergency{Subject: "bilal", Reason: "found on the floor again"})
	if err != nil || !b2.Until.Equal(s.Time.Add(time.Hour)) {
		t.Errorf("opened after its end: %+v, %v", b2, err)
	}
	if closed, err := try(s, o.Close, GrantRef{ID: b2.ID}); err != nil || closed.EndedBy != "amina" {
		t.Errorf("given back: %+v, %v", closed, err)
	}
	if all, err := ListGrants(s, GrantQuery{All: true}, s.Time); err != nil || len(all.Grants) != 2 {
		t.Errorf("listed %+v, %v", all, err)
	}
	if open, err := ListGrants(s, GrantQuery{}, s.Time); err != nil || len(open.Grants) != 0 {
		t.Errorf("listed as open %+v, %v", open, err)
	}
}

func TestGrantsAreListedAsTheyStandNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := edgetest.New(edge.Actor{Kind: edge.Person, ID: "amina"}, time.Now())
		o := Ops{base: newEngine(t)}
		if _, err := try(s, o.Open, Emergency{Subject: "bilal", Reason: "found on the floor", Minutes: 5}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{1, 0} {
			if l, err := o.listEmergencies(s, &policyv1.ListEmergencyAccessRequest{}); err != nil || len(l.GetAccess()) != want {
				t.Errorf("listed %+v, %v, want %d", l, err, want)
			}
			time.Sleep(5 * time.Minute)
		}
	})
}

func TestGrantsAreBounded(t *testing.T) {
	s, o := newSite(t)
	open := func(subject string) error {
		_, err := try(s, o.Open, Emergency{Subject: subject, Reason: "found on the floor"})
		return err
	}
	for i := range MaxOpenGrants {
		if err := open(fmt.Sprint("p", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := open("one-more"); !edge.IsKind(err, edge.Exhausted) {
		t.Errorf("got %v, want Exhausted", err)
	}
	s.Time = s.Time.Add(2 * time.Hour)
	if err := open("p0"); err != nil {
		t.Errorf("all have ended, but %v", err)
	}
	s.Time = s.Time.Add(KeepEndedFor + 3*time.Hour)
	if err := open("last"); err != nil {
		t.Fatal(err)
	}
	if len(s.Rows) != 2 {
		t.Errorf("%d rows are left of grants that ended long ago, want those of the last one", len(s.Rows))
	}
	for i := range maxEndedGrants + 50 {
		id := fmt.Sprintf("0%06d", i)
		if err := set(s, []byte(grantPrefix+id), BreakGlass{ID: id, Who: "w", Subject: id, From: s.Time.Add(-2 * time.Hour), Until: s.Time.Add(-time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := open("another"); err != nil {
		t.Fatal(err)
	}
	if all, err := ListGrants(s, GrantQuery{All: true}, s.Time); err != nil || len(all.Grants) > maxEndedGrants+2 || all.Grants[0].ID == "0000000" {
		t.Errorf("%d grants are kept, the first is %s: %v", len(all.Grants), all.Grants[0].ID, err)
	}
}

func TestConsentRecords(t *testing.T) {
	s, o := newSite(t)
	good := NewConsent{Subject: "bilal", Source: "form 12", Provisions: []Provision{{Deny: true, Roles: []string{"clinician"}, Purposes: []string{"treatment"}, Labels: []string{"security=psychiatry"}}}}
	for name, in := range map[string]NewConsent{
		"nobody":                {},
		"a path":                {Subject: "a/b"},
		"an unknown purpose":    {Subject: "bilal", Provisions: []Provision{{Purposes: []string{"fun"}}}},
		"an unknown role":       {Subject: "bilal", Provisions: []Provision{{Roles: []string{"doctor"}}}},
		"no label":              {Subject: "bilal", Provisions: []Provision{{Labels: []string{"psychiatry"}}}},
		"an empty word":         {Subject: "bilal", Provisions: []Provision{{Actors: []string{""}}}},
		"too many words":        {Subject: "bilal", Provisions: []Provision{{Actors: make([]string, maxPerPart+1)}}},
		"too many provisions":   {Subject: "bilal", Provisions: make([]Provision, MaxProvisions+1)},
		"ends before it begins": {Subject: "bilal", Provisions: []Provision{{From: noon, Until: noon}}},
		"a source of two lines": {Subject: "bilal", Source: "a\nb"},
	} {
		if _, err := try(s, o.Consent, in); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: got %v, want Invalid", name, err)
		}
	}
	if c, err := FindConsent(s, "bilal"); err != nil || c != nil {
		t.Fatalf("found %+v, %v", c, err)
	}
	c, err := try(s, o.Consent, good)
	if err != nil || c.Version != 1 || c.By != "amina" {
		t.Fatalf("got %+v, %v", c, err)
	}
	if _, err := try(s, o.Consent, good); !edge.IsKind(err, edge.Conflict) {
		t.Errorf("written over unseen: %v", err)
	}
	found, err := FindConsent(s, "bilal")
	if err != nil || found == nil || !reflect.DeepEqual(*found, c) {
		t.Errorf("found %+v, %v; want %+v", found, err, c)
	}
	if e := s.Events[0]; e.Type != Consented || e.Urgency != edge.Ledger || e.Class != edge.Personal || strings.Contains(string(e.Body), "psychiatry") {
		t.Errorf("it is told as %+v: %s", e, e.Body)
	}
	for _, v := range []uint64{0, 2} {
		if _, err := try(s, o.Forget, ConsentRef{Subject: "bilal", Version: v}); err == nil {
			t.Errorf("forgot version %d", v)
		}
	}
	if _, err := try(s, o.Forget, ConsentRef{Subject: "bilal", Version: 1}); err != nil {
		t.Error(err)
	}
	if _, err := o.Consented(s, ConsentRef{Subject: "bilal"}); !edge.IsKind(err, edge.NotFound) {
		t.Errorf("got %v, want NotFound", err)
	}
	s.Rows[consentPrefix+"bilal"] = []byte("{")
	if _, err := FindConsent(s, "bilal"); !edge.IsKind(err, edge.Corrupt) {
		t.Errorf("got %v, want Corrupt", err)
	}
}

// Every operation names a permission that exists.
func TestRegister(t *testing.T) {
	m, e := edge.NewMux(), newEngine(t)
	Register(m, e)
	for _, op := range m.Ops() {
		l := e.lanes[op.Needs]
		if l == nil {
			t.Fatalf("%s needs %q, which does not exist", op.Name, op.Needs)
		}
		if _, err := m.Handler(op.Name); (err == nil) != l.Write {
			t.Errorf("%s: a command and %s is %v about writing", op.Name, op.Needs, l.Write)
		}
	}
	if len(m.Ops()) != 11 {
		t.Errorf("%d operations", len(m.Ops()))
	}
}
