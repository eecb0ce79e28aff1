package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/aielon/edge/hardware/mqtt"
	"github.com/aielon/edge/node/api/devicesv1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/node/state"
)

// needs is what tests, benchmarks and properties have in common.
type needs interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func openReadings(t needs, budget int64) (set *journal.Set, r *Readings, end func()) {
	t.Helper()
	s, err := state.Open(context.Background(), state.Options{InMemory: true, Name: "readings", Key: bytes.Repeat([]byte{7}, 32), MemTable: 8 << 20, Reserve: -1, MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	set, err = journal.OpenSet(s, journal.SetOptions{Family: "readings", Origin: edge.NodeID{1}, Budgets: map[edge.Urgency]journal.Budget{edge.Telemetry: {Bytes: budget}}})
	if err != nil {
		t.Fatal(err)
	}
	return set, NewReadings(set), func() { set.Close(); s.Close() }
}

func reading(device string, u edge.Urgency, value float64) edge.Event {
	r := edge.Reading{Device: device, Received: time.Unix(1e9, 0), Samples: []edge.Sample{{Name: "temperature", Unit: "Cel", Value: &value}}}
	return edge.Event{Type: edge.TypeReading, Subject: device, Class: edge.SiteOnly, Urgency: u, Body: r.AppendSenML(nil)}
}

func put(t needs, s *journal.Set, events ...edge.Event) {
	t.Helper()
	if _, err := s.Append(context.Background(), events...); err != nil {
		t.Fatal(err)
	}
}

// all follows the pages of a list to the end.
func all(t needs, r *Readings, in *devicesv1.ListReadingsRequest) (list []*devicesv1.Reading, pages int) {
	t.Helper()
	for pages = 1; ; pages++ {
		out, err := r.List(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		if in.PageSize > 0 && len(out.GetReadings()) > int(in.PageSize) {
			t.Fatalf("a page of %d where %d were asked for", len(out.GetReadings()), in.PageSize)
		}
		list = append(list, out.GetReadings()...)
		if in.PageToken = out.GetNextPageToken(); in.PageToken == "" {
			return list, pages
		}
		if pages > 10_000 {
			t.Fatal("the pages have no end")
		}
	}
}

// What a list shows, however it is cut into pages, is what the journals hold: over epochs, after trimming, with
// records that were stored late.
func TestListReadings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		set, r, end := openReadings(rt, int64(rapid.SampledFrom([]int{0, 4000}).Draw(rt, "budget")))
		defer end()
		clock := time.Unix(1e9, 0)
		for range rapid.IntRange(0, 25).Draw(rt, "commits") {
			if rapid.IntRange(0, 9).Draw(rt, "epoch") == 0 {
				if err := set.NewEpoch(context.Background(), "test"); err != nil {
					rt.Fatal(err)
				}
			}
			var group []edge.Event
			for range rapid.IntRange(1, 5).Draw(rt, "group") {
				clock = clock.Add(time.Duration(rapid.IntRange(1, 1000).Draw(rt, "seconds")) * time.Second)
				e := reading(rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "device"), rapid.SampledFrom([]edge.Urgency{edge.Telemetry, edge.Critical}).Draw(rt, "urgency"), 1)
				e.Time = clock.Add(-time.Duration(rapid.IntRange(0, 600).Draw(rt, "late")) * time.Second)
				if rapid.IntRange(0, 9).Draw(rt, "other") == 0 {
					e.Type = "device.noted"
				}
				group = append(group, e)
			}
			put(rt, set, group...)
		}
		checkLists(rt, set, r, clock)
	})
}

func checkLists(rt *rapid.T, set *journal.Set, r *Readings, clock time.Time) {
	in := &devicesv1.ListReadingsRequest{Device: rapid.SampledFrom([]string{"", "a", "c"}).Draw(rt, "of"), PageSize: rapid.Int32Range(1, 7).Draw(rt, "size"), Critical: rapid.Bool().Draw(rt, "critical")}
	if rapid.Bool().Draw(rt, "has since") {
		in.Since = timestamppb.New(time.Unix(1e9+rapid.Int64Range(-100, clock.Unix()-1e9).Draw(rt, "since"), 0))
	}
	if rapid.Bool().Draw(rt, "has until") {
		in.Until = timestamppb.New(time.Unix(1e9+rapid.Int64Range(0, clock.Unix()-1e9+100).Draw(rt, "until"), 0))
	}
	if in.Since != nil && in.Until != nil && !in.Since.AsTime().Before(in.Until.AsTime()) {
		in.Until = nil
	}
	want := map[string]bool{}
	for _, u := range []edge.Urgency{edge.Telemetry, edge.Critical} {
		for rec, err := range set.Journal(u).Read(context.Background(), edge.Pos{}) {
			if err == nil && rec.Type == edge.TypeReading && (in.Device == "" || in.Device == rec.Subject) && (!in.Critical || u == edge.Critical) &&
				(in.Since == nil || !rec.Time.Before(in.Since.AsTime())) && (in.Until == nil || rec.Time.Before(in.Until.AsTime())) {
				want[u.String()+position(rec.Pos)] = true
			}
		}
	}
	got, _ := all(rt, r, in)
	for i, m := range got {
		if !want[m.GetUrgency()+m.GetPosition()] {
			rt.Fatalf("%v was not asked for, or comes twice", m)
		}
		delete(want, m.GetUrgency()+m.GetPosition())
		if i > 0 && m.GetTime().AsTime().Sub(got[i-1].GetTime().AsTime()) > 600*time.Second {
			rt.Fatalf("%v comes after %v", m, got[i-1])
		}
	}
	if len(want) > 0 {
		rt.Fatalf("%d are missing of %d", len(want), len(want)+len(got))
	}
}

func TestListReadingsRefuses(t *testing.T) {
	set, r, end := openReadings(t, 0)
	defer end()
	put(t, set, reading("a", edge.Telemetry, 1), reading("a", edge.Telemetry, 2))
	page, err := r.List(t.Context(), &devicesv1.ListReadingsRequest{PageSize: 1, Device: "a"})
	if err != nil || len(page.GetReadings()) != 1 || page.GetNextPageToken() == "" {
		t.Fatal(page, err)
	}
	q := r.search(edge.TypeReading, "a", 0)
	q.since, q.until = 0, 1
	for what, in := range map[string]*devicesv1.ListReadingsRequest{
		"a negative page":             {PageSize: -1},
		"a huge page":                 {PageSize: 1e9},
		"no token":                    {PageToken: "AAAA"},
		"a token of another search":   {PageSize: 1, Device: "b", PageToken: page.GetNextPageToken()},
		"a token of other times":      {PageSize: 1, Device: "a", Since: timestamppb.New(time.Unix(1, 0)), PageToken: page.GetNextPageToken()},
		"a token of another version":  {Device: "a", Since: timestamppb.New(time.Unix(0, 0)), Until: timestamppb.New(time.Unix(0, 1)), PageToken: edge.PageToken(q.of(), []byte("short"))},
		"no time":                     {Since: &timestamppb.Timestamp{Nanos: -1}},
		"a time range of nothing":     {Since: timestamppb.New(time.Unix(9, 0)), Until: timestamppb.New(time.Unix(9, 0))},
		"a time range from the wrong": {Since: timestamppb.New(time.Unix(9, 0)), Until: timestamppb.New(time.Unix(8, 0))},
	} {
		if _, err := r.List(t.Context(), in); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	wide := &devicesv1.ListReadingsRequest{Since: timestamppb.New(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)), Until: timestamppb.New(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))}
	if got, _ := all(t, r, wide); len(got) != 2 {
		t.Errorf("of all times: %d", len(got))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.List(ctx, &devicesv1.ListReadingsRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// The work for one page has a bound, whatever is asked for, and the next page goes on from there.
func TestListReadingsIsBounded(t *testing.T) {
	set, r, end := openReadings(t, 0)
	defer end()
	put(t, set, reading("rare", edge.Telemetry, 1))
	group := slices.Repeat([]edge.Event{reading("noisy", edge.Telemetry, 2)}, 1000)
	for range maxLooked/1000 + 5 {
		put(t, set, group...)
	}
	first, err := r.List(t.Context(), &devicesv1.ListReadingsRequest{Device: "rare"})
	if err != nil || len(first.GetReadings()) != 0 || first.GetNextPageToken() == "" {
		t.Fatalf("%d readings, %v", len(first.GetReadings()), err)
	}
	got, pages := all(t, r, &devicesv1.ListReadingsRequest{Device: "rare"})
	if len(got) != 1 || pages != 2 || got[0].GetSamples()[0].GetNumber() != 1 || got[0].GetSamples()[0].GetUnit() != "Cel" {
		t.Fatalf("%v on %d pages", got, pages)
	}
	big := edge.Event{Type: edge.TypeReading, Subject: "big", Urgency: edge.Critical, Body: []byte(`[{"n":"x","vs":"` + strings.Repeat("a", 700<<10) + `"}]`)}
	put(t, set, big)
	put(t, set, big)
	if page, err := r.List(t.Context(), &devicesv1.ListReadingsRequest{}); err != nil || len(page.GetReadings()) != 1 {
		t.Errorf("a page holds %d of 700 KiB, %v", len(page.GetReadings()), err)
	}
	if got, _ := all(t, r, &devicesv1.ListReadingsRequest{Device: "big"}); len(got) != 2 {
		t.Errorf("%d of 2", len(got))
	}
}

func TestListQuarantine(t *testing.T) {
	set, r, end := openReadings(t, 0)
	defer end()
	bad := func(device, topic string, payload []byte, u edge.Urgency) edge.Event {
		return aside(edge.TypeQuarantined, mqtt.Publish{Device: device, Topic: topic, Payload: payload, Properties: map[string]string{"content-type": "text/x"}}, u, "it is no JSON")
	}
	put(t, set, bad("a", "a/t", []byte{0, 255}, edge.Telemetry), reading("a", edge.Telemetry, 1), bad("b", "b/alarm", nil, edge.Critical))
	put(t, set, edge.Event{Type: edge.TypeQuarantined, Subject: "\xff", Urgency: edge.Telemetry, Body: []byte("of another version")})
	out, err := r.Quarantine(t.Context(), &devicesv1.ListQuarantineRequest{})
	if err != nil || len(out.GetMessages()) != 3 || out.GetNextPageToken() != "" {
		t.Fatal(out, err)
	}
	if m := out.GetMessages()[0]; m.GetDevice() != "\ufffd" && string(m.GetPayload()) != "of another version" {
		t.Error(m)
	}
	one, err := r.Quarantine(t.Context(), &devicesv1.ListQuarantineRequest{Device: "a", PageSize: 1})
	if err != nil || len(one.GetMessages()) != 1 {
		t.Fatal(one, err)
	}
	if m := one.GetMessages()[0]; m.GetTopic() != "a/t" || m.GetReason() != "it is no JSON" || m.GetContentType() != "text/x" || !bytes.Equal(m.GetPayload(), []byte{0, 255}) {
		t.Error(m)
	}
	if _, err := r.List(t.Context(), &devicesv1.ListReadingsRequest{PageToken: one.GetNextPageToken()}); one.GetNextPageToken() != "" && !edge.IsKind(err, edge.Invalid) {
		t.Errorf("a token of another list: %v", err)
	}
}

// A body that another version wrote is shown as it is.
func TestReadingOfUnknownForm(t *testing.T) {
	m := readingOf(edge.Record{Pos: edge.Pos{Epoch: 10, Seq: 7}, Event: edge.Event{Subject: "a", Urgency: edge.Critical, Body: []byte("v2")}})
	if string(m.GetSamples()[0].GetData()) != "v2" || m.GetPosition() != "a/7" || m.GetUrgency() != "critical" {
		t.Error(m)
	}
}

func FuzzReadingOf(f *testing.F) {
	f.Add("a", reading("a", edge.Telemetry, 21.5).Body)
	f.Add("\xff", []byte(`[{"n":"\ud800","vs":"x"},{"vb":true},{"vd":"AA=="},{}]`))
	f.Fuzz(func(t *testing.T, device string, body []byte) {
		m := readingOf(edge.Record{Event: edge.Event{Subject: device, Body: body, Urgency: edge.Telemetry}})
		for _, s := range append([]*devicesv1.Sample{{Name: m.GetDevice()}}, m.GetSamples()...) {
			if !strings.Contains(s.GetName()+s.GetUnit()+s.GetText(), "\ufffd") && s.GetName() != valid(s.GetName()) {
				t.Fatalf("%q is no text", s.GetName())
			}
		}
	})
}

// listen follows until n readings came, and returns their values.
func listen(ctx context.Context, r *Readings, device string, got chan<- float64) error {
	return r.Watch(ctx, &devicesv1.WatchReadingsRequest{Device: device}, func(m *devicesv1.Reading) error {
		got <- m.GetSamples()[0].GetNumber()
		return nil
	})
}

func TestWatchReadings(t *testing.T) {
	set, r, end := openReadings(t, 0)
	defer end()
	put(t, set, reading("a", edge.Telemetry, 1)) // before: not shown
	ctx, cancel := context.WithCancelCause(t.Context())
	got, ended := make(chan float64, 100), make(chan error, 1)
	go func() { ended <- listen(ctx, r, "a", got) }()
	for len(r.watchers) == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(10 * time.Millisecond)
	put(t, set, reading("b", edge.Telemetry, 2), reading("a", edge.Telemetry, 3))
	if err := set.NewEpoch(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	if v := <-got; v != 3 {
		t.Errorf("%v", v)
	}
	put(t, set, reading("a", edge.Critical, 4))
	if v := <-got; v != 4 {
		t.Errorf("%v", v)
	}
	lost := edge.E(edge.Denied, "no more")
	cancel(lost)
	if err := <-ended; !errors.Is(err, lost) || len(r.watchers) != 0 {
		t.Errorf("%v, %d still there", err, len(r.watchers))
	}
}

// Who listens slowly holds nothing up, costs no memory, and goes on with the newest.
func TestWatchReadingsSlowly(t *testing.T) {
	set, r, end := openReadings(t, 0)
	defer end()
	release, got := make(chan struct{}), make(chan float64)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go r.Watch(ctx, &devicesv1.WatchReadingsRequest{}, func(m *devicesv1.Reading) error {
		<-release
		select {
		case got <- m.GetSamples()[0].GetNumber():
		case <-ctx.Done():
		}
		return nil
	})
	for len(r.watchers) == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(10 * time.Millisecond)
	put(t, set, slices.Repeat([]edge.Event{reading("a", edge.Telemetry, 1)}, 500)...)
	time.Sleep(300 * time.Millisecond)
	for range 2 * maxBehind / 1000 {
		put(t, set, slices.Repeat([]edge.Event{reading("a", edge.Telemetry, 2)}, 1000)...)
	}
	close(release)
	n := 0
	for give := time.After(10 * time.Second); ; n++ {
		put(t, set, reading("a", edge.Telemetry, 3)) // the newest is shown, sooner or later
		select {
		case v := <-got:
			if v == 3 {
				if n > maxBehind/2 {
					t.Errorf("%d old ones came first", n)
				}
				return
			}
		case <-give:
			t.Fatalf("nothing new after %d", n)
		}
	}
}

func TestWatchReadingsHasRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Readings{watchers: make(chan struct{}, maxWatchers)}
		ctx, cancel := context.WithCancel(t.Context())
		r.journals = [2]*journal.Journal{}
		for range maxWatchers {
			r.watchers <- struct{}{}
		}
		cancel()
		if err := r.Watch(ctx, &devicesv1.WatchReadingsRequest{}, nil); !edge.IsKind(err, edge.Unavailable) {
			t.Error(err)
		}
	})
}

func TestReadingsAreServed(t *testing.T) {
	_, r, end := openReadings(t, 0)
	defer end()
	r.Register(gateway.NewLocals())
}

// BenchmarkListReadings is the newest 500 readings of one of 50 devices among a million records.
func BenchmarkListReadings(b *testing.B) {
	set, r, end := openReadings(b, 4<<30)
	defer end()
	for i := range 1000 {
		group := make([]edge.Event, 1000)
		for k := range group {
			group[k] = reading(fmt.Sprint("device-", (i*1000+k)%50), edge.Telemetry, float64(i))
		}
		put(b, set, group...)
	}
	for b.Loop() {
		in := &devicesv1.ListReadingsRequest{Device: "device-7", PageSize: 500}
		out, err := r.List(b.Context(), in)
		if err != nil || len(out.GetReadings()) != 500 {
			b.Fatal(len(out.GetReadings()), err)
		}
	}
}
