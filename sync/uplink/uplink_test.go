package uplink_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/uplink/hubtest"
	"github.com/aielon/edge/sync/wire"
)

var me = edge.NodeID{7}

func journal(name string, u edge.Urgency) *hubtest.Journal {
	return hubtest.NewJournal(wire.NodeStream(me, name), u)
}

func bodies(n int) (list [][]byte) {
	for i := range n {
		list = append(list, fmt.Appendf(nil, `[{"n":"temperature","u":"Cel","v":%d.5}]`, i))
	}
	return list
}

// A world is an uplink that reaches a hub through pipes in a synctest bubble.
type world struct {
	*testing.T
	hub   *hubtest.Hub
	up    *uplink.Uplink
	o     uplink.Options
	dials atomic.Int64
	down  atomic.Bool // dialling fails
	delay time.Duration
	end   func()

	mu   sync.Mutex
	last wire.Link
}

// live runs f in a bubble with the uplink running, and ends everything afterwards.
func live(t *testing.T, o uplink.Options, f func(w *world), sources ...*hubtest.Journal) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, hub: hubtest.New(), o: o, delay: 50 * time.Millisecond}
		w.start(sources...)
		f(w)
		w.end()
	})
}

func (w *world) start(sources ...*hubtest.Journal) {
	o := w.o
	o.Hubs, o.Node = []string{"hub.test:1"}, me
	o.TLS = func(string) (*tls.Config, error) { return nil, nil }
	if o.Sources == nil {
		o.Sources = func() (list []uplink.Source) {
			for _, j := range sources {
				list = append(list, j)
			}
			return list
		}
	}
	up, err := uplink.New(o)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	up.SetDial(func(context.Context, string) (wire.Link, error) {
		w.dials.Add(1)
		if w.down.Load() {
			return nil, errors.New("no network")
		}
		a, b := hubtest.Pipe(w.delay)
		wg.Go(func() { w.hub.Serve(ctx, b) })
		w.mu.Lock()
		w.last = a
		w.mu.Unlock()
		return a, nil
	})
	w.up = up
	wg.Go(func() { up.Run(ctx) })
	w.end = func() { cancel(); wg.Wait() }
}

// rest lets d pass in the bubble, and then all that is due come to rest.
func rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// cut breaks the link.
func (w *world) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last.Close(nil)
}

// whole fails unless the hub has exactly the n records of a journal, in order.
func (w *world) whole(j *hubtest.Journal, n int) {
	w.Helper()
	got := w.hub.Stream(j.ID()).Records
	if len(got) != n {
		w.Fatalf("the hub has %d records of %s, want %d; %+v", len(got), j.ID().Name, n, w.up.Status().LastError)
	}
	for i, want := range bodies(n) {
		if string(got[i].Body) != string(want) {
			w.Fatalf("record %d is %s, want %s", i, got[i].Body, want)
		}
	}
	if mark, _ := j.Mark(); mark != j.Head() {
		w.Errorf("the mark is %v, the head %v", mark, j.Head())
	}
}

func TestDeliversInOrderAndMovesTheMark(t *testing.T) {
	j := journal("readings.telemetry", edge.Telemetry)
	j.Append(bodies(3000)...)
	live(t, uplink.Options{}, func(w *world) {
		rest(time.Minute)
		w.whole(j, 3000)
		s := w.up.Status()
		if !s.Connected || s.Transport != "quic" || s.Streams[0].Waiting != 0 || s.LastAck.IsZero() {
			w.Errorf("status %+v", s)
		}
		if h := w.up.Report(t.Context()); h.Level != edge.OK {
			w.Errorf("report %+v", h)
		}
	}, j)
}

func TestSendsWhatComesLater(t *testing.T) {
	j := journal("readings.critical", edge.Critical)
	live(t, uplink.Options{}, func(w *world) {
		rest(time.Hour)
		j.Append(bodies(1)...)
		rest(110 * time.Millisecond)
		w.whole(j, 1)
		if n := w.dials.Load(); n != 1 {
			w.Errorf("%d connections in an idle hour", n)
		}
	}, j)
}

func TestResumesAfterCutsWithoutDoubles(t *testing.T) {
	j := journal("readings.telemetry", edge.Telemetry)
	j.Append(bodies(20_000)...)
	live(t, uplink.Options{}, func(w *world) {
		for range 20 {
			rest(3 * time.Second)
			w.cut()
		}
		rest(time.Minute)
		w.whole(j, 20_000)
		if w.dials.Load() < 5 {
			w.Errorf("the link was cut 20 times and made %d times", w.dials.Load())
		}
	}, j)
}

func TestHubRestoredFromBackupGetsTheGapAgain(t *testing.T) {
	j := journal("ledger", edge.Ledger)
	j.Append(bodies(500)...)
	live(t, uplink.Options{}, func(w *world) {
		rest(10 * time.Second)
		w.whole(j, 500)
		w.hub.Forget(j.ID(), 200)
		w.cut()
		rest(10 * time.Second)
		w.whole(j, 500)
	}, j)
}

func TestNodeThatLostRecordsBeginsANewEpoch(t *testing.T) {
	j := journal("ledger", edge.Ledger)
	j.Append(bodies(100)...)
	var doubts atomic.Int64
	o := uplink.Options{Calls: uplink.Callbacks{Doubt: func(_ context.Context, id wire.StreamID, hub edge.Pos) error {
		if id != j.ID() || hub.Seq != 100 {
			return errors.New("doubt about something else")
		}
		doubts.Add(1)
		j.NewEpoch("the store lost records")
		return nil
	}}}
	live(t, o, func(w *world) {
		rest(10 * time.Second)
		w.cut()
		j.Lose(30)
		rest(10 * time.Second)
		if doubts.Load() != 1 {
			w.Fatalf("%d doubts", doubts.Load())
		}
		j.Append(bodies(5)...)
		rest(10 * time.Second)
		st := w.hub.Stream(j.ID())
		if len(st.Records) != 105 || len(st.Epochs) != 2 || st.Again != 0 {
			w.Errorf("%d records, %d epochs, %d came again", len(st.Records), len(st.Epochs), st.Again)
		}
	}, j)
}

func TestGapsAreDeclared(t *testing.T) {
	j := journal("readings.telemetry", edge.Telemetry)
	j.Append(bodies(100)...)
	j.Shed(40)
	live(t, uplink.Options{}, func(w *world) {
		rest(10 * time.Second)
		st := w.hub.Stream(j.ID())
		if len(st.Records) != 60 || len(st.Skips) != 1 || st.Skips[0].Count != 40 || st.Pos != j.Head() {
			w.Errorf("%d records, gaps %+v, at %v of %v", len(st.Records), st.Skips, st.Pos, j.Head())
		}
	}, j)
}

func TestSeveralEpochsGoInOrder(t *testing.T) {
	j := journal("care", edge.Care)
	j.Append(bodies(10)...)
	j.NewEpoch("restored")
	j.Append(bodies(10)...)
	live(t, uplink.Options{}, func(w *world) {
		rest(10 * time.Second)
		st := w.hub.Stream(j.ID())
		if len(st.Records) != 20 || len(st.Epochs) != 2 || st.Pos != j.Head() {
			w.Errorf("%d records in %d epochs, at %v of %v", len(st.Records), len(st.Epochs), st.Pos, j.Head())
		}
	}, j)
}

// The hub refuses one record for ever. After three refusals it is kept aside and the stream goes on.
func TestPoisonDoesNotStopTheStream(t *testing.T) {
	j := journal("readings.telemetry", edge.Telemetry)
	j.Append(bodies(10)...)
	var aside []edge.Record
	o := uplink.Options{Calls: uplink.Callbacks{Poisoned: func(_ context.Context, _ wire.StreamID, r edge.Record, reason string) error {
		aside = append(aside, r)
		return nil
	}}}
	live(t, o, func(w *world) {
		var tries atomic.Int64
		w.hub.Refuse(func(b *wire.Batch) *wire.Nack {
			at := w.hub.Stream(b.Stream).Pos
			if at.Seq == 0 || at.Seq == 10 { // nothing after the tenth record for some time
				if at.Seq == 10 {
					tries.Add(1)
					return &wire.Nack{Stream: b.Stream, Pos: at, Reason: wire.Gap, Text: "cannot be read"}
				}
			}
			return nil
		})
		rest(10 * time.Second)
		j.Append(bodies(5)...)
		rest(30 * time.Second)
		st := w.hub.Stream(j.ID())
		if len(aside) != 1 || aside[0].Pos.Seq != 11 || tries.Load() != 3 {
			w.Errorf("aside %v after %d tries", aside, tries.Load())
		}
		if len(st.Records) != 14 || len(st.Skips) != 1 || st.Pos != j.Head() {
			w.Errorf("%d records, gaps %v", len(st.Records), st.Skips)
		}
	}, j)
}

func TestCreditIsKept(t *testing.T) {
	j := journal("readings.telemetry", edge.Telemetry)
	j.Append(bodies(5000)...)
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, hub: hubtest.New(), delay: 20 * time.Millisecond}
		w.hub.Credit = 8 << 10
		var under, most atomic.Int64
		w.hub.OnFrame(func(_ wire.Link, f wire.Frame) {
			if b, ok := f.(*wire.Batch); ok {
				most.Store(max(most.Load(), under.Add(int64(len(b.Payload)))))
			}
		})
		w.start(j)
		rest(5 * time.Minute)
		w.whole(j, 5000)
		w.end()
	})
}

func TestBusyHubIsLeftAlone(t *testing.T) {
	j := journal("readings.telemetry", edge.Telemetry)
	j.Append(bodies(10)...)
	live(t, uplink.Options{}, func(w *world) {
		began := time.Now()
		var tries atomic.Int64
		w.hub.Refuse(func(b *wire.Batch) *wire.Nack {
			tries.Add(1)
			if time.Since(began) < 20*time.Second {
				return &wire.Nack{Stream: b.Stream, Pos: w.hub.Stream(b.Stream).Pos, Reason: wire.Busy, Retry: 5 * time.Second}
			}
			return nil
		})
		rest(time.Minute)
		w.whole(j, 10)
		if n := tries.Load(); n > 6 {
			w.Errorf("%d tries in 20 s although 5 s were asked for", n)
		}
	}, j)
}

func TestFrozenStreamStopsAndIsShown(t *testing.T) {
	a, b := journal("ledger", edge.Ledger), journal("care", edge.Care)
	a.Append(bodies(5)...)
	b.Append(bodies(5)...)
	live(t, uplink.Options{}, func(w *world) {
		w.hub.Refuse(func(f *wire.Batch) *wire.Nack {
			if f.Stream == a.ID() {
				return &wire.Nack{Stream: f.Stream, Reason: wire.Frozen, Text: "two records at one place"}
			}
			return nil
		})
		rest(10 * time.Second)
		w.whole(b, 5)
		if h := w.up.Report(t.Context()); h.Level != edge.Failed {
			w.Errorf("report %+v", h)
		}
	}, a, b)
}

func TestReconnectBacksOffAndKickDoesNotWait(t *testing.T) {
	j := journal("readings.critical", edge.Critical)
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, hub: hubtest.New()}
		w.down.Store(true)
		w.start(j)
		rest(time.Hour)
		n := w.dials.Load()
		if n < 12 || n > 120 {
			w.Errorf("%d attempts in an hour without a network", n)
		}
		if s := w.up.Status(); s.NextRetry.IsZero() || s.LastError == "" || s.Connected {
			w.Errorf("status %+v", s)
		}
		if h := w.up.Report(t.Context()); h.Level != edge.Degraded {
			w.Errorf("report %+v", h)
		}
		w.down.Store(false)
		j.Append(bodies(1)...)
		w.up.Kick()
		rest(200 * time.Millisecond)
		w.whole(j, 1)
		w.end()
	})
}

// The hub takes everything and answers nothing: the link is given up, and what was on its way is sent again.
func TestDeafHubIsNoticed(t *testing.T) {
	j := journal("readings.telemetry", edge.Telemetry)
	live(t, uplink.Options{}, func(w *world) {
		rest(time.Second)
		w.hub.Deaf(true)
		j.Append(bodies(10)...)
		rest(25 * time.Second)
		if n := w.dials.Load(); n < 2 {
			w.Errorf("%d connections after 25 s of silence", n)
		}
		w.hub.Deaf(false)
		rest(90 * time.Second)
		w.whole(j, 10)
	}, j)
}

func TestSilentPathIsNoticedByKeepalive(t *testing.T) {
	j := journal("readings.telemetry", edge.Telemetry)
	live(t, uplink.Options{}, func(w *world) {
		rest(time.Second)
		w.hub.Deaf(true)
		rest(38 * time.Second) // 1.5 times the first pause of 25 s
		if w.up.Status().Connected && w.dials.Load() < 2 {
			w.Error("a black hole was not noticed within 1.5 pauses")
		}
	}, j)
}

func TestWindowHoldsBulkBack(t *testing.T) {
	b, c := journal("images", edge.Bulk), journal("alarms", edge.Critical)
	b.Append(bodies(10)...)
	c.Append(bodies(10)...)
	o := uplink.Options{Budget: uplink.Budget{Windows: map[edge.Urgency][]uplink.Window{edge.Bulk: {{From: time.Hour, To: 5 * time.Hour}}}}}
	live(t, o, func(w *world) { // a bubble begins on 1 January 2000, midnight UTC
		rest(50 * time.Minute)
		w.whole(c, 10)
		if n := w.hub.Count(b.ID()); time.Now().Hour() == 0 && n != 0 {
			w.Errorf("%d bulk records before their window", n)
		}
		if s := w.up.Status(); s.Streams[0].Held == "" {
			w.Errorf("the page does not say why bulk waits: %+v", s.Streams[0])
		}
		rest(15 * time.Minute)
		w.whole(b, 10)
	}, b, c)
}

func TestMeteredLeavesAndComesBackForData(t *testing.T) {
	j := journal("readings.critical", edge.Critical)
	live(t, uplink.Options{Profile: uplink.Metered}, func(w *world) {
		rest(5 * time.Minute)
		if w.up.Status().Connected {
			w.Error("still connected after five idle minutes")
		}
		j.Append(bodies(3)...)
		w.up.Kick()
		rest(5 * time.Second)
		w.whole(j, 3)
		rest(24 * time.Hour)
		if n := w.dials.Load(); n < 4 || n > 8 {
			w.Errorf("%d connections in a day with four polls", n)
		}
	}, j)
}

func TestNewSourcesAreFoundOnKick(t *testing.T) {
	a, b := journal("a", edge.Telemetry), journal("b", edge.Telemetry)
	b.Append(bodies(3)...)
	var more atomic.Bool
	o := uplink.Options{Sources: func() []uplink.Source {
		if more.Load() {
			return []uplink.Source{a, b}
		}
		return []uplink.Source{a}
	}}
	live(t, o, func(w *world) {
		rest(time.Minute)
		more.Store(true)
		w.up.Kick()
		rest(time.Second)
		w.whole(b, 3)
	})
}

type keeper struct {
	mu    sync.Mutex
	b     []byte
	saves int
}

func (k *keeper) Load(context.Context) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.b, nil
}
func (k *keeper) Save(_ context.Context, b []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.b, k.saves = b, k.saves+1
	return nil
}

func TestCountersSurviveAndAreSavedRarely(t *testing.T) {
	j := journal("readings.telemetry", edge.Telemetry)
	j.Append(bodies(1000)...)
	k := &keeper{}
	var used uint64
	live(t, uplink.Options{Keeper: k}, func(w *world) {
		rest(time.Minute)
		used = w.up.Status().Month
		rest(2 * time.Hour)
	}, j)
	if used == 0 || k.saves > 30 {
		t.Errorf("%d bytes, saved %d times in two idle hours", used, k.saves)
	}
	live(t, uplink.Options{Keeper: k}, func(w *world) {
		rest(time.Second)
		if got := w.up.Status().Month; got < used {
			w.Errorf("%d bytes after a restart, %d before", got, used)
		}
	}, j)
}
