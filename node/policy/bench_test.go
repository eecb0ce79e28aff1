package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

func clinicianReads() Request {
	return Request{
		Caller: auth.Caller{
			Actor: edge.Actor{Kind: edge.Person, ID: "nurse-1", Site: "clinic"}, Roles: []string{"clinician", "member"},
			Strength: auth.Password, Since: noon.Add(-time.Hour), Until: noon.Add(time.Hour),
		},
		Action:  "health.read",
		Object:  Object{Type: "Observation", ID: "42", Class: edge.Clinical, Subject: "patient-7", Labels: map[string]string{"ward": "2"}},
		Context: Context{Door: "rest", Now: noon},
	}
}

func BenchmarkDecide(b *testing.B) {
	e := newEngine(b)
	allowed := clinicianReads()
	denied := clinicianReads()
	denied.Caller.Roles = []string{"front-desk", "member"}
	full, err := e.With(crowd(MaxPolicies))
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		e    *Engine
		q    Request
	}{{"allowed", e, allowed}, {"denied", e, denied}, {"allowed with 64 policies of the site", full, allowed}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.e.Decide(c.q)
			}
		})
	}
	b.Run("allowed, on all processors", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				e.Decide(allowed)
			}
		})
	})
}

// crowd is as many policies as a site may have, all of which matter to every question.
func crowd(n int) State {
	s := State{Version: 1, Settings: DefaultSettings()}
	for i := range n {
		s.Policies = append(s.Policies, SitePolicy{ID: fmt.Sprintf("night-%d", i), Version: 1, Forbid: true, Text: fmt.Sprintf(
			`forbid (principal, action, resource) when { resource.hasTag("ward") && resource.getTag("ward") == "x%d" && context.hour >= 22 };`, i)})
	}
	return s
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWithAFullSite(b *testing.B) {
	e := newEngine(b)
	for b.Loop() {
		if _, err := e.With(crowd(MaxPolicies)); err != nil {
			b.Fatal(err)
		}
	}
}
