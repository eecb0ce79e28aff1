package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/devicesv1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/journal"
)

// Readings answers what devices of this node measured, from the journals it keeps of them.
type Readings struct {
	journals [2]*journal.Journal // telemetry, critical
	watchers chan struct{}       // holds one for each who listens
}

// maxWatchers bounds how many may follow the readings of one node at a time.
const maxWatchers = 64

// NewReadings returns what reads a set of journals.
func NewReadings(s *journal.Set) *Readings {
	return &Readings{journals: [2]*journal.Journal{s.Journal(edge.Telemetry), s.Journal(edge.Critical)}, watchers: make(chan struct{}, maxWatchers)}
}

// Register makes r answer the methods of aielon.devices.v1 whose home is the node.
func (r *Readings) Register(l *gateway.Locals) {
	gateway.Local(l, r.List)
	gateway.Local(l, r.Quarantine)
	gateway.LocalStream(l, r.Watch)
}

// List returns readings, newest first.
func (r *Readings) List(ctx context.Context, in *devicesv1.ListReadingsRequest) (*devicesv1.ListReadingsResponse, error) {
	size, err := edge.PageSize(in.GetPageSize(), 100, 5000)
	if err != nil {
		return nil, err
	}
	q := r.search(edge.TypeReading, in.GetDevice(), size)
	if in.GetCritical() {
		q.name, q.journals[0] = q.name+" critical", nil
	}
	if q.since, err = bound(in.GetSince(), "since", math.MinInt64); err != nil {
		return nil, err
	}
	if q.until, err = bound(in.GetUntil(), "until", math.MaxInt64); err != nil {
		return nil, err
	}
	found, next, err := q.run(ctx, in.GetPageToken())
	if err != nil {
		return nil, err
	}
	out := &devicesv1.ListReadingsResponse{NextPageToken: next}
	for _, rec := range found {
		out.Readings = append(out.Readings, readingOf(rec.Record))
	}
	return out, nil
}

// search is for events of a type about one device, or all.
func (r *Readings) search(typ, device string, size int) search {
	return search{name: fmt.Sprintf("%s %q", typ, device), size: size, since: math.MinInt64, until: math.MaxInt64, journals: [2]backward{r.journals[0], r.journals[1]},
		wants: func(rec edge.Record) bool { return rec.Type == typ && (device == "" || rec.Subject == device) }}
}

// Quarantine returns messages that could not be read, newest first.
func (r *Readings) Quarantine(ctx context.Context, in *devicesv1.ListQuarantineRequest) (*devicesv1.ListQuarantineResponse, error) {
	size, err := edge.PageSize(in.GetPageSize(), 50, 500)
	if err != nil {
		return nil, err
	}
	q := r.search(edge.TypeQuarantined, in.GetDevice(), size)
	found, next, err := q.run(ctx, in.GetPageToken())
	if err != nil {
		return nil, err
	}
	out := &devicesv1.ListQuarantineResponse{NextPageToken: next}
	for _, rec := range found {
		m := &devicesv1.Quarantined{Device: rec.Subject, Time: timestamppb.New(rec.Time), Position: position(rec.Pos)}
		var b asideBody
		if err := json.Unmarshal(rec.Body, &b); err != nil {
			m.Payload, m.Reason = rec.Body, "the record of this message cannot be read"
		} else {
			m.Topic, m.Reason, m.ContentType, m.Payload = valid(b.Topic), valid(b.Reason), valid(b.Type), b.Payload
		}
		out.Messages = append(out.Messages, m)
	}
	return out, nil
}

// readingOf is a record as the schema has it. A body that cannot be read, which another version may have written,
// is told as the data of one sample without a name: nothing is left out, and nothing guessed.
func readingOf(rec edge.Record) *devicesv1.Reading {
	out := &devicesv1.Reading{Device: valid(rec.Subject), Time: timestamppb.New(rec.Time), Urgency: rec.Urgency.String(), Position: position(rec.Pos)}
	body, err := edge.ParseSenML(rec.Body)
	if err != nil {
		out.Samples = []*devicesv1.Sample{{Value: &devicesv1.Sample_Data{Data: rec.Body}}}
		return out
	}
	for _, s := range body.Samples {
		out.Samples = append(out.Samples, sampleOf(s))
	}
	return out
}

func sampleOf(s edge.Sample) *devicesv1.Sample {
	out := &devicesv1.Sample{Name: valid(s.Name), Unit: valid(s.Unit)}
	switch {
	case s.Value != nil:
		out.Value = &devicesv1.Sample_Number{Number: *s.Value}
	case s.Text != nil:
		out.Value = &devicesv1.Sample_Text{Text: valid(*s.Text)}
	case s.Bool != nil:
		out.Value = &devicesv1.Sample_Flag{Flag: *s.Bool}
	case s.Data != nil:
		out.Value = &devicesv1.Sample_Data{Data: s.Data}
	}
	return out
}

// valid is s as text: what a device named itself may be any bytes, which no message can carry.
func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

func position(p edge.Pos) string { return fmt.Sprintf("%x/%d", p.Epoch, p.Seq) }

// bound is a time in Unix nanoseconds, other where none is given. Times beyond what journals hold are no bound.
func bound(t *timestamppb.Timestamp, what string, other int64) (int64, error) {
	switch {
	case t == nil:
		return other, nil
	case !t.IsValid():
		return 0, edge.E(edge.Invalid, "%s is no time", what)
	}
	switch at := t.AsTime(); {
	case at.Year() < 1680:
		return math.MinInt64, nil
	case at.Year() > 2260:
		return math.MaxInt64, nil
	default:
		return at.UnixNano(), nil
	}
}

// Bounds on how a listener is served.
const (
	maxBehind  = 20_000                 // records of all devices; who is further behind goes on with the newest
	watchPause = 200 * time.Millisecond // between two looks, however fast devices are
	watchRoom  = 64                     // readings that wait for the listener
)

// Watch sends what is measured from now on. Who is too slow goes on with the newest: positions tell that something
// is missing between.
func (r *Readings) Watch(ctx context.Context, in *devicesv1.WatchReadingsRequest, send func(*devicesv1.Reading) error) error {
	select {
	case r.watchers <- struct{}{}:
		defer func() { <-r.watchers }()
	default:
		return edge.E(edge.Unavailable, "%d others follow the readings of this node, which is as many as may", maxWatchers).WithHint("list them instead")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wants := func(rec edge.Record) bool {
		return rec.Type == edge.TypeReading && (in.GetDevice() == "" || rec.Subject == in.GetDevice())
	}
	found, ended := make(chan *devicesv1.Reading, watchRoom), make(chan error, len(r.journals))
	for _, j := range r.journals {
		at := j.Head() // before Watch returns to anything else: what comes from now on is seen
		go func() { ended <- tail[*devicesv1.Reading]{j, wants, readingOf, found}.run(ctx, at) }()
	}
	return deliver(ctx, found, ended, send)
}

// deliver sends what tails find until one of them ends, or nobody listens any more.
func deliver[M any](ctx context.Context, found <-chan M, ended <-chan error, send func(M) error) error {
	for {
		select {
		case m := <-found:
			if err := send(m); err != nil {
				return err
			}
		case err := <-ended:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// A tail follows one journal for one listener.
type tail[M any] struct {
	j       edge.Journal
	wants   func(edge.Record) bool
	message func(edge.Record) M
	found   chan<- M
}

func (t tail[M]) run(ctx context.Context, at edge.Pos) error {
	for {
		if err := t.j.Wait(ctx, at); err != nil {
			return err
		}
		if t.behind(at) {
			h := t.j.Head()
			at = edge.Pos{Epoch: h.Epoch, Seq: h.Seq - watchRoom}
		}
		for rec, err := range t.j.Read(ctx, at) {
			var gap *edge.Gap
			if errors.As(err, &gap) {
				at = gap.To
				continue
			}
			if err != nil {
				at = t.j.Head() // another history
				break
			}
			at = rec.Pos
			if t.wants(rec) && !t.tell(ctx, t.message(rec)) && t.behind(at) {
				break
			}
		}
		wait(ctx, watchPause)
	}
}

// tell hands over a reading and reports whether that went without waiting.
func (t tail[M]) tell(ctx context.Context, m M) bool {
	select {
	case t.found <- m:
		return true
	default:
	}
	select {
	case t.found <- m:
	case <-ctx.Done():
	}
	return false
}

func (t tail[M]) behind(at edge.Pos) bool {
	h := t.j.Head()
	return h.Epoch == at.Epoch && h.Seq > at.Seq+maxBehind
}
