package uplink

import (
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

func at(s string) time.Time {
	t, err := time.ParseInLocation("Mon 2006-01-02 15:04", s, time.UTC)
	if err != nil {
		panic(err)
	}
	return t
}

func TestWindows(t *testing.T) {
	night := Window{From: time.Hour, To: 5 * time.Hour}
	over := Window{From: 22 * time.Hour, To: 2 * time.Hour, Days: 1 << time.Friday}
	for _, c := range []struct {
		w    Window
		when string
		want bool
	}{
		{night, "Mon 2026-11-23 00:59", false}, {night, "Mon 2026-11-23 01:00", true},
		{night, "Mon 2026-11-23 04:59", true}, {night, "Mon 2026-11-23 05:00", false},
		{over, "Fri 2026-11-27 21:59", false}, {over, "Fri 2026-11-27 22:00", true},
		{over, "Sat 2026-11-28 01:59", true}, {over, "Sat 2026-11-28 02:00", false},
		{over, "Fri 2026-11-27 01:00", false}, {over, "Sat 2026-11-28 23:00", false},
	} {
		if got := c.w.holds(at(c.when)); got != c.want {
			t.Errorf("%+v at %s: %v", c.w, c.when, got)
		}
	}
	if got := nextWindow([]Window{night}, at("Mon 2026-11-23 06:00")); !got.Equal(at("Tue 2026-11-24 01:00")) {
		t.Errorf("the next night begins %v", got)
	}
	if got := nextWindow([]Window{over}, at("Sat 2026-11-28 12:00")); !got.Equal(at("Fri 2026-12-04 22:00")) {
		t.Errorf("the next Friday begins %v", got)
	}
}

func TestBudgetStopsBulkAndSparesTheUrgent(t *testing.T) {
	now := at("Mon 2026-11-23 12:00")
	m := meter{budget: Budget{Day: 10_000_000, Reserve: 1_000_000}}
	sent := uint64(0)
	for {
		if ok, _, _ := m.may(now, edge.Bulk); !ok {
			break
		}
		m.add(now, 1300)
		sent += 1300
	}
	if sent < 9_900_000 || sent > 10_100_000 {
		t.Errorf("bulk stopped at %d bytes of a budget of 10,000,000", sent)
	}
	_, why, until := m.may(now, edge.Telemetry)
	if why == "" || !until.Equal(at("Tue 2026-11-24 00:00")) {
		t.Errorf("%q until %v", why, until)
	}
	for _, c := range []edge.Urgency{edge.Critical, edge.Ledger, edge.Care} {
		if ok, why, _ := m.may(now, c); !ok {
			t.Errorf("%v may not send: %s", c, why)
		}
	}
	m.add(now, 1_000_000)
	if ok, _, _ := m.may(now, edge.Ledger); ok {
		t.Error("ledger goes on after its reserve")
	}
	if ok, _, _ := m.may(now, edge.Critical); !ok {
		t.Error("an emergency was stopped by a data budget")
	}
	if ok, _, _ := m.may(now.AddDate(0, 0, 1), edge.Bulk); !ok {
		t.Error("the next day did not bring a new budget")
	}
}

func TestMonthAndClockJumps(t *testing.T) {
	m := meter{budget: Budget{Month: 1000}}
	now := at("Mon 2026-11-23 12:00")
	m.add(now, 1000)
	ok, _, until := m.may(now, edge.Community)
	if ok || !until.Equal(at("Tue 2026-12-01 00:00")) {
		t.Errorf("ok %v until %v", ok, until)
	}
	if ok, _, _ := m.may(time.Unix(0, 0).UTC(), edge.Community); !ok {
		t.Error("a clock at 1970 locks the link")
	}
}

func TestForecast(t *testing.T) {
	night := map[edge.Urgency][]Window{edge.Bulk: {{From: time.Hour, To: 5 * time.Hour}}}
	now := at("Mon 2026-11-23 12:00")
	for _, c := range []struct {
		name    string
		b       Budget
		class   edge.Urgency
		waiting uint64
		want    string
	}{
		{"unlimited", Budget{}, edge.Telemetry, 3600 * 1000, "Mon 2026-11-23 13:00"},
		{"one night", Budget{Windows: night}, edge.Bulk, 3600 * 1000, "Tue 2026-11-24 02:00"},
		{"two nights", Budget{Windows: night}, edge.Bulk, 5 * 3600 * 1000, "Wed 2026-11-25 02:00"},
		{"a budget a day", Budget{Day: 3600 * 1000}, edge.Telemetry, 2*3600*1000 + 1800*1000, "Wed 2026-11-25 00:30"},
		{"others", Budget{Windows: night}, edge.Telemetry, 60_000, "Mon 2026-11-23 12:01"},
	} {
		m := meter{budget: c.b}
		if got := m.forecast(now, c.class, c.waiting, 1000); !got.Equal(at(c.want)) {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
	if m := (&meter{budget: Budget{Day: 1}}); !m.forecast(now, edge.Bulk, 1<<40, 1000).IsZero() {
		t.Error("a forecast for what will never be done")
	}
}

func TestBudgetValidate(t *testing.T) {
	bad := []Budget{
		{Windows: map[edge.Urgency][]Window{edge.Critical: {{To: time.Hour}}}},
		{Windows: map[edge.Urgency][]Window{edge.Bulk: {{From: 25 * time.Hour}}}},
		{Windows: map[edge.Urgency][]Window{edge.Bulk: {{From: -1}}}},
	}
	for _, b := range bad {
		if err := b.Validate(); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%+v: %v", b, err)
		}
	}
}
