package node

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aielon/edge/hardware/device"
	"github.com/aielon/edge/hardware/mqtt"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
)

// TypeNoted is the event type of a well-formed message with nothing to record, such as an announcement.
const TypeNoted = "device.noted"

// An intake turns what devices publish into events of the readings journals. What cannot be decoded is
// kept as it came, under TypeQuarantined.
type intake struct {
	journals *journal.Set
	decoder  *device.Decoder
	urgent   func() // called after a critical event was stored

	messages, quarantined, skipped atomic.Uint64
}

// Submit implements mqtt.Intake.
func (in *intake) Submit(m mqtt.Publish, done func(error)) error {
	in.messages.Add(1)
	var one [1]edge.Event // nearly every message is one event
	events := in.events(one[:0], m)
	if len(events) == 1 {
		return in.single(events[0], done)
	}
	g := &group{left: len(events), done: done}
	for i, e := range events {
		err := in.journals.Submit(e, func(_ edge.Pos, err error) { g.one(err, in, e.Urgency) })
		if err != nil && i == 0 {
			return err
		}
		if err != nil {
			g.drop(len(events)-i, err) // the device sends all of it again; what was kept comes twice, nothing is lost
			return nil
		}
	}
	return nil
}

func (in *intake) single(e edge.Event, done func(error)) error {
	u := e.Urgency
	return in.journals.Submit(e, func(_ edge.Pos, err error) {
		in.stored(u, err)
		done(err)
	})
}

// stored tells the uplink that something urgent waits for it.
func (in *intake) stored(u edge.Urgency, err error) {
	if err == nil && u == edge.Critical && in.urgent != nil {
		in.urgent()
	}
}

// events appends what m comes to, which is never nothing.
func (in *intake) events(events []edge.Event, m mqtt.Publish) []edge.Event {
	u := urgencyOf(m.Topic)
	res, err := in.decoder.Decode(device.Message{Device: m.Device, Topic: m.Topic, Payload: m.Payload,
		ContentType: m.Properties["content-type"], Received: m.Received, Retained: m.Retain})
	if err != nil {
		in.quarantined.Add(1)
		return append(events, aside(edge.TypeQuarantined, m, u, err.Error()))
	}
	defer res.Release() // once the events hold what it says
	for _, r := range res.Readings {
		events = append(events, edge.Event{Type: edge.TypeReading, Subject: r.Device, Class: edge.SiteOnly, Urgency: u, Body: r.AppendSenML(make([]byte, 0, len(m.Payload)+senmlRoom))})
	}
	if res.Skipped > 0 {
		in.skipped.Add(uint64(res.Skipped))
		events = append(events, aside(edge.TypeQuarantined, m, u, strconv.Itoa(res.Skipped)+" values of it could not be read"))
	}
	if len(events) == 0 {
		events = append(events, aside(TypeNoted, m, edge.Telemetry, res.Ignored))
	}
	return events
}

// senmlRoom is what a pack may grow by when it gets our base name, times and units, as a rule, in bytes.
const senmlRoom = 152

// urgencyOf lets a device mark an alarm by its topic: a level called "alarm" or "critical".
func urgencyOf(topic string) edge.Urgency {
	for level := range strings.SplitSeq(topic, "/") {
		if level == "alarm" || level == "critical" {
			return edge.Critical
		}
	}
	return edge.Telemetry
}

// asideBody is the body of a message that is kept as it came.
type asideBody struct {
	Topic   string `json:"topic"`
	Reason  string `json:"reason"`
	Type    string `json:"content_type,omitempty"`
	Payload []byte `json:"payload"`
}

func aside(typ string, m mqtt.Publish, u edge.Urgency, why string) edge.Event {
	body, _ := json.Marshal(asideBody{m.Topic, why, m.Properties["content-type"], m.Payload}) // strings and bytes always encode
	return edge.Event{Type: typ, Subject: m.Device, Class: edge.SiteOnly, Urgency: u, Body: body}
}

// A group calls done once, when all events of one message are durable or one of them is known not to be.
type group struct {
	mu   sync.Mutex // guards left, err
	left int
	err  error
	done func(error)
}

func (g *group) one(err error, in *intake, u edge.Urgency) {
	in.stored(u, err)
	g.drop(1, err)
}

func (g *group) drop(n int, err error) {
	g.mu.Lock()
	g.left -= n
	if g.err == nil {
		g.err = err
	}
	last, first := g.left == 0, g.err
	g.mu.Unlock()
	if last {
		g.done(first)
	}
}

// recent keeps the newest events for the page.
type recent struct {
	mu   sync.Mutex // guards list
	list []edge.Event
}

const keepRecent = 12

func (r *recent) add(e edge.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == keepRecent {
		r.list = slices.Delete(r.list, 0, 1)
	}
	r.list = append(r.list, e)
}

func (r *recent) newest() []edge.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Clone(r.list)
	slices.Reverse(list)
	return list
}
