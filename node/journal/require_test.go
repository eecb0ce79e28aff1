package journal

import (
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A follower of one journal holds that one back and no other.
func TestRequiredOfOneUrgency(t *testing.T) {
	keep := map[edge.Urgency]Budget{edge.Ledger: {Keep: time.Nanosecond}, edge.Telemetry: {Keep: time.Nanosecond}}
	s := openTestSet(t, memory(t), SetOptions{Budgets: keep, Required: []string{"uplink"}})
	s.RequireOf(edge.Ledger, "audit")
	s.RequireOf(edge.Ledger, "audit")
	for _, u := range []edge.Urgency{edge.Ledger, edge.Telemetry} {
		p := appendOne(t, s, u, "x")
		if err := s.Journal(u).SetMark(t.Context(), "uplink", p); err != nil {
			t.Fatal(err)
		}
	}
	s.trimNow(t)
	if n := s.Journal(edge.Telemetry).Totals().Trimmed.Records; n != 1 {
		t.Errorf("%d readings were trimmed, which nobody waits for", n)
	}
	ledger := s.Journal(edge.Ledger)
	if n := ledger.Totals().Trimmed.Records; n != 0 {
		t.Errorf("%d records were trimmed before the audit had them", n)
	}
	if err := ledger.Forget(t.Context(), "audit"); !edge.IsKind(err, edge.Conflict) {
		t.Errorf("a required follower was forgotten: %v", err)
	}
	if err := ledger.SetMark(t.Context(), "audit", ledger.Head()); err != nil {
		t.Fatal(err)
	}
	s.trimNow(t)
	if n := ledger.Totals().Trimmed.Records; n != 1 {
		t.Errorf("%d records were trimmed once the audit had them", n)
	}
}
