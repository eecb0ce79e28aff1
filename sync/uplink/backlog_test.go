package uplink_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/uplink/hubtest"
	"github.com/aielon/edge/sync/wire"
)

// told gathers what a hub is told of the backlog, and when.
type told struct {
	mu    sync.Mutex
	words []wire.Backlog
	at    []time.Time
}

func (g *told) take(_ wire.Link, f wire.Frame) {
	if b, ok := f.(*wire.Backlog); ok {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.words, g.at = append(g.words, *b), append(g.at, time.Now())
	}
}

func (g *told) all() ([]wire.Backlog, []time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.words), slices.Clone(g.at)
}

// waitingOf lists what waits of a journal that is in memory.
func waitingOf(j *hubtest.Journal) func(context.Context) []wire.Waiting {
	return func(context.Context) []wire.Waiting {
		mark, _ := j.Mark()
		if n := j.Head().Seq - mark.Seq; n > 0 {
			return []wire.Waiting{{Class: j.Urgency(), Records: n}}
		}
		return nil
	}
}

// TestTellsTheBacklog says what waits at the start, then every 30 s at most while it changes, and never when the
// hub has not been heard for a while.
func TestTellsTheBacklog(t *testing.T) {
	j := journal("readings.telemetry", edge.Telemetry)
	j.Append(bodies(300)...)
	var got told
	live(t, uplink.Options{Backlog: waitingOf(j)}, func(w *world) {
		w.hub.OnFrame(got.take)
		rest(10 * time.Minute)
		words, _ := got.all()
		if len(words) != 2 || len(words[0].Classes) != 1 || words[0].Classes[0].Records != 300 || len(words[1].Classes) != 0 {
			t.Fatalf("told %+v", words)
		}
		for range 240 { // four minutes in which something comes every second
			j.Append(bodies(1)...)
			rest(time.Second)
		}
		rest(10 * time.Minute)
		_, at := got.all()
		if len(at) > 2+10 {
			t.Errorf("told %d times", len(at))
		}
		for i := range at[1:] {
			if d := at[i+1].Sub(at[i]); d < 30*time.Second {
				t.Errorf("told again after %v", d)
			}
		}
	}, j)
}

// TestTellsNothingThatWakesALine has records wait for a window for an hour: that alone sends nothing. What waits
// is said with the traffic there is anyway.
func TestTellsNothingThatWakesALine(t *testing.T) {
	bulk := journal("readings.bulk", edge.Bulk)
	var got, heard told
	o := uplink.Options{Backlog: waitingOf(bulk)}
	closed := uplink.Window{From: 4 * time.Hour, To: 5 * time.Hour} // the bubble's clock begins at midnight UTC
	o.Clock = func() (time.Time, edge.Confidence) { return time.Now().UTC(), edge.Exact }
	o.Budget.Windows = map[edge.Urgency][]uplink.Window{edge.Bulk: {closed}}
	live(t, o, func(w *world) {
		w.hub.OnFrame(func(l wire.Link, f wire.Frame) {
			got.take(l, f)
			heard.mu.Lock()
			defer heard.mu.Unlock()
			if _, backlog := f.(*wire.Backlog); !backlog {
				heard.at = append(heard.at, time.Now())
			}
		})
		for range 600 {
			bulk.Append(bodies(1)...)
			rest(time.Second)
		}
		words, at := got.all()
		_, others := heard.all()
		if len(words) < 3 || words[len(words)-1].Classes[0].Records < 400 {
			t.Fatalf("told %+v", words)
		}
		for _, x := range at {
			if !slices.ContainsFunc(others, func(o time.Time) bool { d := x.Sub(o); return d > -time.Second && d < 3*time.Second }) {
				t.Errorf("told at %v, when nothing else went", x)
			}
		}
	}, bulk)
}

// TestMeteredLeavesWithTheLastWord is not kept awake by it.
func TestMeteredLeavesWithTheLastWord(t *testing.T) {
	j := journal("readings.telemetry", edge.Telemetry)
	var got told
	live(t, uplink.Options{Profile: uplink.Metered, Backlog: waitingOf(j)}, func(w *world) {
		w.hub.OnFrame(got.take)
		rest(time.Minute) // it looked for news once, and left
		j.Append(bodies(5)...)
		rest(40 * time.Second)
		if w.up.Connected() {
			t.Error("the link is still up")
		}
		words, _ := got.all()
		if n := len(words); n < 2 || len(words[n-1].Classes) != 0 || words[n-2].Classes[0].Records != 5 {
			t.Errorf("told %+v", words)
		}
		dials := w.dials.Load()
		rest(3 * time.Hour)
		if more, _ := got.all(); len(more) != len(words) || w.dials.Load() != dials {
			t.Errorf("%d words and %d connections in three idle hours", len(more)-len(words), w.dials.Load()-dials)
		}
	}, j)
}
