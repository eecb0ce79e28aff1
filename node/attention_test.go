package node

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// TestAttention: each trouble is told by itself, in words, and a healthy node tells nothing.
func TestAttention(t *testing.T) {
	now := time.Unix(2e9, 0)
	good := facts{now: now, free: 10 << 30, redLine: 64 << 20, certEnds: now.Add(4 * 24 * time.Hour), backup: now.Add(-24 * time.Hour), born: now.Add(-1000 * time.Hour)}
	if list := attention(good); len(list) != 0 {
		t.Fatalf("a healthy node needs %+v", list)
	}
	for _, c := range []struct {
		id, severity string
		change       func(*facts)
	}{
		{"lost", critical, func(f *facts) { f.lost = 1 }},
		{"disk-full", critical, func(f *facts) { f.full, f.free = errors.New("full"), 1 }},
		{"disk-low", warning, func(f *facts) { f.free = 100 << 20 }},
		{"audit", critical, func(f *facts) { f.audit = edge.Health{Level: edge.Failed, Msg: "a record was changed"} }},
		{"audit", warning, func(f *facts) { f.audit = edge.Health{Level: edge.Degraded, Msg: "no room"} }},
		{"certificate", warning, func(f *facts) { f.certEnds = now.Add(47 * time.Hour) }},
		{"certificate", critical, func(f *facts) { f.certEnds = now.Add(-time.Hour) }},
		{"hub", warning, func(f *facts) { f.linkGone = linkPatience }},
		{"backup", warning, func(f *facts) { f.backup = now.Add(-8 * 24 * time.Hour) }},
		{"backup", warning, func(f *facts) { f.backup = time.Time{} }},
		{"time", warning, func(f *facts) { f.timeBehind = true }},
		{"quarantine", warning, func(f *facts) { f.quarantined = quarantineMay + 1 }},
		{"leader", warning, func(f *facts) { f.terms = leadersMay + 1 }},
	} {
		f := good
		c.change(&f)
		list := attention(f)
		if len(list) != 1 || list[0].ID != c.id || list[0].Severity != c.severity || !strings.Contains(list[0].Text, " ") {
			t.Errorf("%s %s: %+v", c.severity, c.id, list)
		}
	}
	f := good
	f.timeBehind, f.lost, f.backup, f.born = true, 3, time.Time{}, now.Add(-time.Hour)
	if list := attention(f); len(list) != 2 || list[0].ID != "lost" {
		t.Errorf("not the worst first, or a new node is told to make a backup: %+v", list)
	}
}

// TestAttendant: growth counts over an hour, and what goes on keeps its beginning.
func TestAttendant(t *testing.T) {
	var a attendant
	now := time.Unix(2e9, 0)
	for i := range 180 {
		f := facts{now: now, free: 1 << 40, backup: now, lost: 1}
		a.link(&f, i >= 60)
		a.growth(&f, moment{now, uint64(i), 7})
		if want := uint64(min(i, 60)); f.quarantined != want || f.terms != 0 || len(a.past) > 62 {
			t.Fatalf("after %d minutes %d more, %d terms, %d kept", i, f.quarantined, f.terms, len(a.past))
		}
		if want := time.Duration(max(i-60, 0)) * time.Minute; f.linkGone != want {
			t.Fatalf("after %d minutes the link is gone for %s, not %s", i, f.linkGone, want)
		}
		if list := a.known(attention(f), now); !list[0].Since.Equal(time.Unix(2e9, 0)) {
			t.Fatalf("%+v", list)
		}
		now = now.Add(time.Minute)
	}
	if list := a.known(nil, now); len(list) != 0 || len(a.since) != 0 {
		t.Error("what is over is remembered")
	}
}

// TestProfiles: pprof is for whoever may see inside, bounded in time, and leaves a record.
func TestProfiles(t *testing.T) {
	b := start(t, smallConfig(t))
	if code, text := b.overSocket("GET", "/api/debug/pprof/goroutine?debug=1", ""); code != 200 || !strings.Contains(text, "goroutine profile") {
		t.Errorf("%d %.80s", code, text)
	}
	if code, _ := b.overSocket("GET", "/api/debug/pprof/cmdline", ""); code != 404 {
		t.Errorf("the command line is shown: %d", code)
	}
	if code, _ := b.overSocket("GET", "/api/debug/pprof/heap?seconds=600", ""); code != 400 {
		t.Errorf("a profile of ten minutes: %d", code)
	}
	if b.front.record.kept.Load() < 1 {
		t.Error("there is no record of it")
	}
	if code, text := get(t, b.DoorURL()+"/debug/pprof/heap"); code != 401 {
		t.Errorf("a stranger: %d %.80s", code, text)
	}
	if list := b.Status(t.Context()).Attention; len(list) != 0 {
		t.Errorf("a new node needs %+v", list)
	}
}
