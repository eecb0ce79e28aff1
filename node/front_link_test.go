package node

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/uplink"
)

// A linkView is what the door says of the settings of the link.
type linkView struct {
	Profile, DayBudget, MonthBudget, BulkWindow struct{ Value, From, File, Hub string }
	By                                          string
}

func (b *box) linkView(token string) (v linkView) {
	b.t.Helper()
	b.must("GET", "/v1/link/settings", token, "", &v)
	return v
}

// TestLinkSettings sets how the link is used over the door: it counts at once, goes before the file, and is there
// after a restart. What cannot be used changes nothing. The hub makes a budget smaller and never larger.
func TestLinkSettings(t *testing.T) {
	t.Parallel() // it mostly waits
	cfg, hubCfg := smallConfig(t), hubConfig(t)
	cfg.Uplink.DayBudget, cfg.Uplink.BulkWindow = 100<<20, "01:00-05:00"
	h, n := start(t, hubCfg), start(t, cfg)
	n.joinTo(h)
	me := n.owner()
	if v := n.linkView(me.Session); v.Profile.Value != "normal" || v.Profile.From != "file" || v.DayBudget.Value != "100MiB" || v.MonthBudget.Value != "0" || v.BulkWindow.Value != "01:00-05:00" || v.By != "" {
		t.Fatalf("at first: %+v", v)
	}
	const want = `{"profile":"metered","dayBudget":"50MiB","monthBudget":"1GB","bulkWindow":""}`
	n.must("PUT", "/v1/link/settings", me.Session, want, nil)
	check := func(when, day, from string) {
		t.Helper()
		v := n.linkView(me.Session)
		if v.Profile.Value != "metered" || v.Profile.From != "portal" || v.Profile.File != "normal" || v.MonthBudget.Value != "1000000000" || v.BulkWindow.Value != "" || v.BulkWindow.From != "portal" || v.By != me.Person.ID {
			t.Errorf("%s: %+v", when, v)
		}
		if v.DayBudget.Value != day || v.DayBudget.From != from {
			t.Errorf("%s: the day's budget is %+v", when, v.DayBudget)
		}
		eventually(t, when+", the uplink", func() error {
			if u := n.up.get(); u == nil || Bytes(u.Status().Budget.Day).String() != day || len(u.Status().Budget.Windows[edge.Bulk]) != 0 {
				return fmt.Errorf("not there yet")
			}
			return nil
		})
	}
	check("set", "50MiB", "portal")
	for _, bad := range []string{`{"profile":"fast"}`, `{"dayBudget":"much"}`, `{"monthBudget":"-1"}`, `{"bulkWindow":"1-5"}`, `{"bulkWindow":"05:00-05:00"}`, `{"dayBudget":"5 MiB x"}`, `{"speed":"1"}`} {
		if status, answer := n.rest("PUT", "/v1/link/settings", me.Session, bad); status != 400 || strings.Contains(answer, "uplink.") {
			t.Errorf("%s: %d %s", bad, status, answer)
		}
	}
	check("after what cannot be used", "50MiB", "portal")
	if status, _ := n.rest("PUT", "/v1/link/settings", "", want); status != 401 {
		t.Errorf("a stranger: %d", status)
	}
	n.stop()
	n = start(t, cfg)
	check("after a restart", "50MiB", "portal")
	for _, c := range []struct{ hub, day, from string }{{"20MiB", "20MiB", "hub"}, {"80MiB", "50MiB", "portal"}, {"10MiB", "10MiB", "hub"}} {
		version, err := h.hub.h.SetDesired(t.Context(), n.ID(), []byte(`{"day_budget":"`+c.hub+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the hub's wish", func() error {
			n.up.kick()
			if r, err := h.hub.h.Reported(t.Context(), n.ID()); err != nil || r.Version != version || r.Err != "" {
				return fmt.Errorf("%+v %v", r, err)
			}
			return nil
		})
		check("the hub asks for "+c.hub, c.day, c.from)
	}
	n.must("PUT", "/v1/link/settings", me.Session, `{}`, nil)
	if v := n.linkView(me.Session); v.Profile.From != "file" || v.BulkWindow.Value != "01:00-05:00" || v.DayBudget.From != "hub" {
		t.Errorf("given back to the file: %+v", v)
	}
}

// TestLinkPolicy shows what the hub said in a session where it made a difference, and only then.
func TestLinkPolicy(t *testing.T) {
	window := map[edge.Urgency][]uplink.Window{edge.Bulk: {{From: time.Hour, To: 5 * time.Hour}}}
	for name, c := range map[string]struct {
		given, inForce uplink.Budget
		month, bulk    string
	}{
		"no word":   {uplink.Budget{Month: 9 << 20, Windows: window}, uplink.Budget{Month: 9 << 20, Windows: window}, "file", "file"},
		"tightened": {uplink.Budget{Month: 9 << 20}, uplink.Budget{Month: 5 << 20, Windows: window}, "hub", "hub"},
		"first":     {uplink.Budget{}, uplink.Budget{Month: 5 << 20}, "hub", "file"},
	} {
		out := &nodev1.LinkSettings{MonthBudget: linkBudget(Bytes(c.given.Month), nil, 0), BulkWindow: linkSetting("", nil)}
		addPolicy(out, c.given, c.inForce)
		if out.GetMonthBudget().GetFrom() != c.month || out.GetBulkWindow().GetFrom() != c.bulk || c.bulk == "hub" && out.GetBulkWindow().GetValue() != "01:00-05:00" {
			t.Errorf("%s: %v", name, out)
		}
	}
}

// TestHoldLink holds the link over the door, takes in 100 readings, is restarted, and lets the link go on: everything
// waits meanwhile, nothing is lost, and all of it is on the hub in the end.
func TestHoldLink(t *testing.T) {
	cfg, hubCfg := smallConfig(t), hubConfig(t)
	h, n := start(t, hubCfg), start(t, cfg)
	n.joinTo(h)
	me := n.owner()
	n.number(0)
	n.delivered()
	var link struct{ Held, Connected bool }
	n.must("POST", "/v1/link/hold", me.Session, `{"held":true}`, &link)
	if !link.Held {
		t.Fatalf("held: %+v", link)
	}
	eventually(t, "the end of the session", func() error {
		if s := h.hub.h.Sessions(); len(s) > 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	for i := range 100 {
		n.number(i + 1)
	}
	telemetry := func() (row struct{ Accepted, OnHub, Waiting, Lost json.Number }) {
		var l struct {
			Rows []struct {
				Class                          string
				Accepted, OnHub, Waiting, Lost json.Number
			}
			Total struct{ Lost json.Number }
		}
		n.must("GET", "/v1/ledger", "", "", &l)
		for _, r := range l.Rows {
			if r.Class == edge.Telemetry.String() {
				row.Accepted, row.OnHub, row.Waiting, row.Lost = r.Accepted, r.OnHub, r.Waiting, r.Lost
			}
		}
		if l.Total.Lost != "" && l.Total.Lost != "0" {
			t.Errorf("lost %s", l.Total.Lost)
		}
		return row
	}
	waits := func(when string) {
		t.Helper()
		if r := telemetry(); r.Waiting != "100" {
			t.Fatalf("%s: %+v", when, r)
		}
		if got := numbers(h.hubHas(telemetryOf(n))); len(got) != 1 {
			t.Fatalf("%s: the hub has %v", when, got)
		}
	}
	waits("held")
	n.stop()
	n = start(t, cfg)
	time.Sleep(500 * time.Millisecond) // long enough to connect, if it were to
	waits("held, after a restart")
	n.must("POST", "/v1/link/hold", me.Session, `{"held":false}`, &link)
	n.delivered()
	if r := telemetry(); r.Accepted != r.OnHub || r.Accepted == "" {
		t.Errorf("at last: %+v", r)
	}
	got := numbers(h.hubHas(telemetryOf(n)))
	for i := range 101 {
		if got[i] != 1 {
			t.Errorf("the hub has number %d %d times", i, got[i])
		}
	}
	eventually(t, "what the hub shows", func() error {
		for _, s := range h.hub.sites(t.Context()) {
			if s.GetSite() == "clinic" && s.GetLost() == 0 && s.GetWaitingSaid() != nil {
				return nil
			}
		}
		return fmt.Errorf("nothing yet")
	})
}
