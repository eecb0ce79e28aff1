package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub"
)

// TestAddBacklogs adds up what nodes say, with one that never said anything, and one that is revoked.
func TestAddBacklogs(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	word := func(said time.Time, oldest time.Time, records, lost, apart, shed uint64) toldBacklog {
		return toldBacklog{Backlog: hub.Backlog{Said: said, Classes: []hub.Waiting{{Class: edge.Care, Records: records, Oldest: oldest, Lost: lost, Apart: apart, Shed: shed}}}, said: true}
	}
	gone := word(at.Add(-48*time.Hour), at.Add(-50*time.Hour), 1000, 7, 0, 0)
	gone.gone = true
	for name, c := range map[string]struct {
		missing uint64
		list    []toldBacklog
		want    *nodev1.Site
	}{
		"nobody said anything":      {2, []toldBacklog{{}, {}, {gone: true}}, &nodev1.Site{Lost: 2, Silent: 2}},
		"two said it":               {0, []toldBacklog{word(at, at.Add(-time.Hour), 5, 0, 0, 1), word(at.Add(-time.Minute), time.Time{}, 0, 0, 0, 2)}, &nodev1.Site{Waiting: 5, Shed: 3, WaitingSaid: stamp(at.Add(-time.Minute)), WaitingSince: stamp(at.Add(-time.Hour))}},
		"a gap that is accounted":   {3, []toldBacklog{word(at, time.Time{}, 0, 1, 3, 0)}, &nodev1.Site{Lost: 1, WaitingSaid: stamp(at)}},
		"a gap that is not":         {5, []toldBacklog{word(at, time.Time{}, 0, 1, 3, 0)}, &nodev1.Site{Lost: 3, WaitingSaid: stamp(at)}},
		"lost at the node only":     {0, []toldBacklog{word(at, time.Time{}, 0, 4, 9, 0)}, &nodev1.Site{Lost: 4, WaitingSaid: stamp(at)}},
		"a revoked one never comes": {0, []toldBacklog{gone, word(at, time.Time{}, 1, 0, 0, 0)}, &nodev1.Site{Waiting: 1, Lost: 7, WaitingSaid: stamp(at)}},
	} {
		s := &nodev1.Site{Lost: c.missing}
		if addBacklogs(s, c.list); s.String() != c.want.String() {
			t.Errorf("%s: %v, want %v", name, s, c.want)
		}
	}
}

// TestHubShowsWhatWaits has a node gather records without a link and come back: the hub shows what waited at first,
// then that nothing does, and keeps the word while it is down.
func TestHubShowsWhatWaits(t *testing.T) {
	hubCfg, cfg := hubConfig(t), smallConfig(t)
	h, n := start(t, hubCfg), start(t, cfg)
	n.joinTo(h)
	n.number(1)
	n.delivered()
	if err := n.link.update(func(l *link) { l.Held = true }); err != nil {
		t.Fatal(err)
	}
	n.up.restart()
	for i := range 7 {
		n.number(i + 2)
	}
	clinic := func() *nodev1.Site {
		for _, s := range h.hub.sites(t.Context()) {
			if s.Site == "clinic" {
				return s
			}
		}
		return &nodev1.Site{}
	}
	list := n.backlog(t.Context())
	if len(list) != 1 || list[0].Class != edge.Telemetry || list[0].Records != 7 || list[0].Oldest.IsZero() {
		t.Fatalf("the node would say %+v", list)
	}
	if err := n.link.update(func(l *link) { l.Held = false }); err != nil {
		t.Fatal(err)
	}
	n.up.restart()
	n.delivered()
	n.stop() // says the last word
	eventually(t, "the last word", func() error {
		if s := clinic(); s.WaitingSaid == nil || s.Waiting != 0 || s.Lost != 0 || s.Silent != 0 || s.Online {
			return fmt.Errorf("%v", s)
		}
		return nil
	})
	before := clinic().WaitingSaid.AsTime()
	h.stop()
	h = start(t, hubCfg)
	if s := clinic(); s.WaitingSaid == nil || !s.WaitingSaid.AsTime().Equal(before) {
		t.Errorf("after a restart of the hub: %v, it was said %v", s, before)
	}
}
