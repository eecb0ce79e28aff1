package device

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Limits on one message.
const (
	MaxPayload = 256 << 10 // bytes
	MaxSamples = 512       // values in one message
	MaxDepth   = 8         // objects and arrays within each other
	MaxName    = 256       // bytes of a sample's name, the topic's part included
	MaxText    = 4096      // bytes of a text value
	maxArray   = 64        // elements of one array
)

// A Message is what a device published, and who the broker proved it to be.
type Message struct {
	Device      string // proven identity
	Topic       string
	Payload     []byte
	ContentType string // MQTT 5, empty where none
	Received    time.Time
	Retained    bool
}

// A Learnt is what Home Assistant discovery told about a value: its name for people and its unit.
type Learnt struct {
	Topic string // where its state arrives
	Path  string // within JSON, "a/b"; empty for a bare value
	Name  string
	Unit  string
}

// A Result is what one message came to. A message has readings, or taught us something, or was
// Ignored for the reason given.
type Result struct {
	Format   string // "json", "senml", "sparkplug", "zigbee2mqtt", "tasmota", "esphome", "homeassistant", "bare"
	Readings []edge.Reading
	Learnt   []Learnt
	Ignored  string // why a message that is well formed has nothing to record; empty otherwise
	Skipped  int    // values that were left out (not finite, too long, of a kind no sample can hold): keep the payload too

	from *workspace // the memory of Readings, where it can be used again
	pool *sync.Pool
}

// Release gives the memory of the Readings back for messages to come. Whoever has encoded them may call it,
// once, and must not touch them afterwards.
func (r *Result) Release() {
	if r.from == nil {
		return
	}
	r.from.reset()
	r.pool.Put(r.from)
	r.Readings, r.from = nil, nil
}

// Options of a Decoder. The zero value is good.
type Options struct {
	Zone *time.Location // of devices that send local time without a zone; nil: UTC
	// Remember bounds what is learnt: devices whose clock is followed, topics announced by discovery,
	// Sparkplug edge nodes. 4096 where zero.
	Remember int
}

// A Decoder reads messages. It is safe for concurrent use.
type Decoder struct {
	zone    *time.Location
	mu      sync.Mutex              // guards the three below
	clocks  *lru[string, time.Time] // device -> newest plausible time it gave
	topics  *lru[string, []entity]  // device + topic -> what discovery announced there
	aliases *lru[string, *plugNode] // device + edge node -> names behind aliases
	unknown atomic.Uint64
	spaces  sync.Pool // of *workspace
}

// New returns a decoder that has learnt nothing yet.
func New(o Options) *Decoder {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Remember <= 0 {
		o.Remember = 4096
	}
	return &Decoder{
		zone:    o.Zone,
		clocks:  newLRU[string, time.Time](o.Remember),
		topics:  newLRU[string, []entity](o.Remember),
		aliases: newLRU[string, *plugNode](max(1, o.Remember/8)),
	}
}

// UnknownTemplates counts the value templates of Home Assistant discovery that were not understood;
// the values behind them are still read, under the names the payload gives them.
func (d *Decoder) UnknownTemplates() uint64 { return d.unknown.Load() }

// Decode reads one message. Its errors are *edge.Error of kind Invalid; the payload is then to be kept
// aside as it is. It does not keep m.Payload.
func (d *Decoder) Decode(m Message) (Result, error) {
	if len(m.Payload) > MaxPayload {
		return Result{}, edge.E(edge.Invalid, "a message of %d bytes is too long to be read; %d is the limit", len(m.Payload), MaxPayload)
	}
	format, read := d.dialect(m)
	r, err := read(d, m)
	r.Format = format
	if err != nil {
		return Result{Format: format}, err
	}
	return r, nil
}

type reader func(*Decoder, Message) (Result, error)

// dialect picks the reader by topic first, because the dialects' topics are theirs by documentation,
// then by content type, then by the first byte.
func (d *Decoder) dialect(m Message) (string, reader) {
	switch {
	case strings.HasPrefix(m.Topic, "spBv1.0/"):
		return "sparkplug", (*Decoder).sparkplug
	case strings.HasSuffix(m.Topic, "/config") && strings.HasPrefix(m.Topic, "homeassistant/"):
		return "homeassistant", (*Decoder).discovery
	case strings.HasPrefix(m.Topic, "zigbee2mqtt/"):
		return "zigbee2mqtt", (*Decoder).zigbee
	case isTasmota(m.Topic):
		return "tasmota", (*Decoder).tasmota
	case isESPHome(m.Topic):
		return "esphome", (*Decoder).esphome
	}
	switch base, _, _ := strings.Cut(m.ContentType, ";"); strings.ToLower(strings.TrimSpace(base)) {
	case "application/senml+json", "application/sensml+json":
		return "senml", (*Decoder).senmlJSON
	case "application/senml+cbor", "application/sensml+cbor":
		return "senml", (*Decoder).senmlCBOR
	case "text/plain":
		return "bare", (*Decoder).bare
	}
	return d.sniff(m)
}

func (d *Decoder) sniff(m Message) (string, reader) {
	b := trim(m.Payload)
	switch {
	case len(b) == 0:
		return "bare", (*Decoder).bare
	case b[0] == '{':
		return "json", (*Decoder).json
	case b[0] == '[' && looksLikeSenML(b):
		return "senml", (*Decoder).senmlJSON
	case b[0] == '[':
		return "json", (*Decoder).json
	case m.Payload[0]>>5 == 4 && len(m.Payload) > 1 && m.Payload[1]>>5 == 5: // a CBOR array of maps
		return "senml", (*Decoder).senmlCBOR
	}
	return "bare", (*Decoder).bare
}

// json reads JSON of no known dialect.
func (d *Decoder) json(m Message) (Result, error) {
	return d.flat(m, topicPrefix(m.Topic, m.Device), shape{})
}

// flat reads JSON into samples under a prefix; how the dialect at hand differs is in sh.
func (d *Decoder) flat(m Message, prefix string, sh shape) (Result, error) {
	sh.known = d.known(m)
	return d.readJSON(m, prefix, sh)
}

// known is what discovery announced for the message's topic.
func (d *Decoder) known(m Message) []entity {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.topics.items) == 0 {
		return nil
	}
	k, _ := d.topics.get(m.Device + "\n" + m.Topic)
	return k
}

// reading puts samples under the identity and clocks of a message.
func (d *Decoder) reading(m Message, samples []edge.Sample, at time.Time, cap edge.Confidence) edge.Reading {
	r := edge.Reading{Device: m.Device, Received: m.Received, Retained: m.Retained, Samples: samples}
	if !at.IsZero() {
		r.DeviceTime, r.Confidence = at, min(d.trust(m.Device, at, m.Received), cap)
	}
	return r
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	for len(b) > 0 {
		switch b[len(b)-1] {
		case ' ', '\t', '\n', '\r', 0: // some firmware sends C strings with their NUL
			b = b[:len(b)-1]
			continue
		}
		break
	}
	return b
}
