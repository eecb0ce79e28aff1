package hub

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/hub/storetest"
)

// kept says what is left of a stream: how many records, and from which on.
func (w *world) kept(p *storetest.Pen) string {
	w.t.Helper()
	first, n := uint64(0), 0
	for r, err := range w.store.Read(context.Background(), p.ID, edge.Pos{}) {
		if err != nil {
			if strings.Contains(err.Error(), store.TrimmedReason) {
				continue
			}
			w.t.Fatal(err)
		}
		if n++; first == 0 {
			first = r.Pos.Seq
		}
	}
	return fmt.Sprintf("%d from %d", n, first)
}

// fill gives a stream one record a day, of about size bytes each, the last of them today.
func (w *world) fill(p *storetest.Pen, u edge.Urgency, days, size int, today time.Time) {
	w.t.Helper()
	list := []store.Append{p.Open(1)}
	for d := range days {
		a := p.Write(strings.Repeat("x", size))
		a.Time = today.AddDate(0, 0, d+1-days)
		list = append(list, a)
	}
	for _, a := range list {
		a.Urgency = u
		if res, err := w.store.Commit(context.Background(), []store.Append{a}); err != nil || res[0].Err != nil {
			w.t.Fatal(res, err)
		}
	}
}

func TestRetention(t *testing.T) {
	today := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		class edge.Urgency
		keep  Keep
		above int // records a hub above has; -1: there is none
		cold  bool
		want  string
	}{
		"no limit":                {edge.Telemetry, Keep{}, -1, false, "30 from 1"},
		"by age":                  {edge.Telemetry, Keep{Age: 10*24*time.Hour + time.Minute}, -1, false, "11 from 20"},
		"by bytes":                {edge.Bulk, Keep{Bytes: 5 * 1100}, -1, false, "5 from 26"},
		"by both, bytes are less": {edge.Community, Keep{Age: 10 * 24 * time.Hour, Bytes: 3 * 1100}, -1, false, "3 from 28"},
		"another class's":         {edge.Ledger, Keep{Age: time.Hour, Bytes: 1}, -1, false, "30 from 1"},
		"the hub above has none":  {edge.Telemetry, Keep{Age: time.Hour, Bytes: 1}, 0, false, "30 from 1"},
		"the hub above has some":  {edge.Telemetry, Keep{Age: 24 * time.Hour, Bytes: 1}, 7, false, "23 from 8"},
		"frozen":                  {edge.Telemetry, Keep{Age: time.Hour, Bytes: 1}, -1, true, "30 from 1"},
		"a clock of 1970 at the origin is not the hub's": {edge.Telemetry, Keep{Age: 60 * 24 * time.Hour}, -1, false, "30 from 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keep := map[edge.Urgency]Keep{}
			if Droppable(c.class) {
				keep[c.class] = c.keep
			} else {
				keep[edge.Telemetry] = c.keep
			}
			w := newWorld(t, func(o *Options) {
				o.Keep, o.Clock, o.Parent = keep, func() time.Time { return today.Add(time.Second) }, func() bool { return c.above >= 0 }
			})
			p := storetest.NewPen("alnoor", "r")
			w.fill(p, c.class, 30, 1000, today)
			s, err := w.store.Stream(t.Context(), p.ID)
			if err != nil {
				t.Fatal(err)
			}
			if c.above > 0 {
				if err := w.hub.Source(s).Acked(t.Context(), edge.Pos{Epoch: 1, Seq: uint64(c.above)}); err != nil {
					t.Fatal(err)
				}
			}
			if c.cold {
				if err := w.store.Freeze(t.Context(), p.ID, "two histories"); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.hub.Forget(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := w.kept(p); got != c.want {
				t.Errorf("kept are %s, want %s", got, c.want)
			}
			if n, got := w.counts(p.ID), w.hub.Counters(); n.Trimmed != got.Trimmed.Load() || n.TrimmedSize != got.TrimmedBytes.Load() {
				t.Errorf("counted %+v, %d records of %d bytes", n, got.Trimmed.Load(), got.TrimmedBytes.Load())
			}
		})
	}
}

// A node that sends far more than the others does not push out what they sent.
func TestRetentionTakesFromTheLargest(t *testing.T) {
	today := time.Now()
	w := newWorld(t, func(o *Options) { o.Keep = map[edge.Urgency]Keep{edge.Telemetry: {Bytes: 30_000}} })
	loud, quiet := storetest.NewPen("alnoor", "r"), storetest.NewPen("baraka", "r")
	w.fill(loud, edge.Telemetry, 50, 2000, today)
	w.fill(quiet, edge.Telemetry, 10, 500, today)
	if err := w.hub.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.kept(quiet); got != "10 from 1" {
		t.Errorf("of the quiet one are kept %s", got)
	}
	if a, b := w.counts(loud.ID), w.counts(quiet.ID); a.Kept()+b.Kept() > 30_000 || a.Kept() < 20_000 {
		t.Errorf("%d and %d bytes are kept", a.Kept(), b.Kept())
	}
}

// What is forgotten goes in steps, and by itself.
func TestRetentionRuns(t *testing.T) {
	w := newWorld(t, nil)
	p := storetest.NewPen("alnoor", "r")
	w.fill(p, edge.Telemetry, stepPieces+100, 10, time.Now())
	w.stop()
	w.run(func(o *Options) {
		o.Keep, o.Sweep = map[edge.Urgency]Keep{edge.Telemetry: {Age: time.Nanosecond}}, 20*time.Millisecond
	})
	waitFor(t, func() bool { return w.counts(p.ID).Trimmed == stepPieces+100 })
	if s, err := w.store.Stream(t.Context(), p.ID); err != nil || s.Cursor != p.Pos {
		t.Errorf("the cursor is %v, want %v, %v", s.Cursor, p.Pos, err)
	}
}

func TestRetentionOfWhatIsNeverForgotten(t *testing.T) {
	for _, u := range []edge.Urgency{edge.Critical, edge.Ledger, edge.Care} {
		o := Options{Keep: map[edge.Urgency]Keep{u: {Age: time.Hour}}}
		if err := o.keeps(); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%v: %v", u, err)
		}
	}
}
