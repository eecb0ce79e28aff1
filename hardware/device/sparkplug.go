package device

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/aielon/edge/node/edge"
)

// maxAliases bounds the names one Sparkplug edge node may announce.
const maxAliases = 4096

// A plugNode is what the births of one edge node announced. It is replaced, never changed, so that a
// message being read keeps the names it began with.
type plugNode struct {
	names map[uint64]plugName
}

type plugName struct {
	name, unit string
	datatype   uint64
}

// A metric is one Sparkplug metric as it was sent (Sparkplug 3.0, section 6.4.6).
type metric struct {
	name     string
	alias    uint64
	hasAlias bool
	at       uint64 // milliseconds
	datatype uint64
	null     bool
	unit     string
	kind     protowire.Number // field that held the value, 0 where none did
	bits     uint64
	bytes    []byte
}

// sparkplug reads spBv1.0/<group>/<type>/<edge node>[/<device>].
func (d *Decoder) sparkplug(m Message) (Result, error) {
	w := strings.Split(m.Topic, "/")
	if len(w) >= 2 && w[1] == "STATE" || len(w) >= 3 && w[2] == "STATE" {
		return Result{Ignored: "the state of a host"}, nil
	}
	if len(w) < 4 || len(w) > 5 {
		return Result{}, edge.E(edge.Invalid, "the topic is not one of Sparkplug: group, type and edge node are expected")
	}
	prefix := own(w[3], m.Device)
	if len(w) == 5 {
		prefix = under(prefix, own(w[4], m.Device))
	}
	node := m.Device + "\n" + w[1] + "/" + w[3]
	switch kind := w[2]; kind {
	case "NBIRTH", "DBIRTH", "NDATA", "DDATA":
		return d.plugData(m, node, prefix, kind)
	case "NDEATH", "DDEATH":
		m.Payload = []byte("false")
		return d.single(m, under(prefix, "online"), "")
	case "NCMD", "DCMD":
		return Result{Ignored: "a command"}, nil
	default:
		return Result{}, edge.E(edge.Invalid, "%q is not a message type of Sparkplug", clip(kind))
	}
}

func (d *Decoder) plugData(m Message, node, prefix, kind string) (Result, error) {
	metrics, at, err := plugPayload(m.Payload)
	if err != nil {
		return Result{}, err
	}
	if strings.HasSuffix(kind, "BIRTH") {
		if err := d.born(node, kind == "NBIRTH", metrics); err != nil {
			return Result{}, err
		}
	}
	d.mu.Lock()
	known, _ := d.aliases.get(node)
	d.mu.Unlock()
	var c collector
	if strings.HasSuffix(kind, "BIRTH") {
		c.boolean([]byte(under(prefix, "online")), true)
	}
	for i := range metrics {
		if err := metrics[i].resolve(known); err != nil {
			return Result{}, err
		}
		metrics[i].sample(&c, prefix, at)
	}
	samples, err := c.done()
	if err != nil {
		return Result{}, err
	}
	if len(samples) == 0 {
		if c.skipped > 0 {
			return Result{}, edge.E(edge.Invalid, "none of the message's %d values can be recorded", c.skipped)
		}
		return Result{Ignored: "no values"}, nil
	}
	return Result{Readings: []edge.Reading{d.reading(m, samples, milli(at), edge.Exact)}, Skipped: c.skipped}, nil
}

func milli(ms uint64) time.Time {
	if ms == 0 || ms > 1<<50 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

// born keeps the names behind aliases. A node's birth forgets what was known, a device's adds to it.
func (d *Decoder) born(node string, fresh bool, metrics []metric) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := &plugNode{names: map[uint64]plugName{}}
	if old, ok := d.aliases.get(node); ok && !fresh {
		for k, v := range old.names {
			next.names[k] = v
		}
	}
	for _, x := range metrics {
		if x.name != "" && x.hasAlias {
			next.names[x.alias] = plugName{strings.Clone(x.name), strings.Clone(x.unit), x.datatype}
		}
	}
	if len(next.names) > maxAliases {
		return edge.E(edge.Invalid, "a Sparkplug edge node announced more than %d names", maxAliases)
	}
	d.aliases.put(node, next)
	return nil
}

func (x *metric) resolve(known *plugNode) error {
	if !x.hasAlias || x.name != "" && x.datatype != 0 {
		if x.name == "" {
			return edge.E(edge.Invalid, "a Sparkplug metric has neither name nor alias")
		}
		return nil
	}
	if known != nil {
		if k, ok := known.names[x.alias]; ok {
			if x.name == "" {
				x.name = k.name
			}
			if x.datatype == 0 {
				x.datatype = k.datatype
			}
			if x.unit == "" {
				x.unit = k.unit
			}
			return nil
		}
	}
	if x.name != "" {
		return nil
	}
	return edge.E(edge.Invalid, "the Sparkplug alias %d was never announced", x.alias).
		WithHint("the edge node must send its birth message again; ask it to by its Node Control/Rebirth")
}

// sample adds the metric's value by its type (Sparkplug 3.0, section 6.4.16).
func (x *metric) sample(c *collector, prefix string, at uint64) {
	if x.null || x.kind == 0 {
		return
	}
	name := []byte(under(prefix, x.name))
	before := len(c.samples)
	switch x.kind {
	case 10, 11:
		x.integer(c, name)
	case 12:
		c.number(name, x.unit, shorten(math.Float32frombits(uint32(x.bits))))
	case 13:
		c.number(name, x.unit, math.Float64frombits(x.bits))
	case 14:
		c.boolean(name, x.bits != 0)
	case 15:
		if !utf8.Valid(x.bytes) {
			c.skipped++
			return
		}
		c.text(name, string(x.bytes))
	case 16:
		if len(x.bytes) > 4*MaxText {
			c.skipped++
			return
		}
		c.add(name, edge.Sample{Data: append([]byte{}, x.bytes...)})
	default: // data sets and templates
		c.skipped++
	}
	if len(c.samples) > before && x.at != 0 && x.at != at {
		c.samples[before].Time = milli(x.at)
	}
}

// shorten turns a float32 into the float64 with the same decimal digits: 21.3 and not 21.299999237.
func shorten(f float32) float64 {
	v, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	if err != nil {
		return float64(f)
	}
	return v
}

func (x *metric) integer(c *collector, name []byte) {
	n := int64(x.bits)
	switch x.datatype {
	case 1:
		n = int64(int8(x.bits))
	case 2:
		n = int64(int16(x.bits))
	case 3:
		n = int64(int32(x.bits))
	case 4:
	case 13: // DateTime, milliseconds
		if t := milli(x.bits); !t.IsZero() {
			c.text(name, t.Format(time.RFC3339Nano))
			return
		}
	default:
		if x.bits > 1<<53 {
			c.text(name, strconv.FormatUint(x.bits, 10))
			return
		}
	}
	if n > 1<<53 || n < -1<<53 {
		c.text(name, strconv.FormatInt(n, 10))
		return
	}
	c.number(name, x.unit, float64(n))
}

// plugPayload reads the message: timestamp = 1, metrics = 2 (sparkplug_b.proto). Unknown fields are passed over.
func plugPayload(b []byte) (metrics []metric, at uint64, err error) {
	err = fields(b, func(num protowire.Number, bits uint64, val []byte) error {
		switch {
		case num == 1 && val == nil:
			at = bits
		case num == 2 && val != nil:
			if len(metrics) >= MaxSamples {
				return edge.E(edge.Invalid, "the message has more than %d values", MaxSamples)
			}
			x, err := plugMetric(val)
			if err != nil {
				return err
			}
			metrics = append(metrics, x)
		}
		return nil
	})
	return metrics, at, err
}

func plugMetric(b []byte) (x metric, err error) {
	err = fields(b, func(num protowire.Number, bits uint64, val []byte) error {
		switch num {
		case 1:
			if !utf8.Valid(val) {
				return edge.E(edge.Invalid, "the name of a Sparkplug metric is not UTF-8")
			}
			x.name = string(val)
		case 2:
			x.alias, x.hasAlias = bits, true
		case 3:
			x.at = bits
		case 4:
			x.datatype = bits
		case 7:
			x.null = bits != 0
		case 9:
			x.unit, err = plugUnit(val)
			return err
		case 10, 11, 12, 13, 14, 15, 16, 17, 18:
			x.kind, x.bits, x.bytes = num, bits, val
		}
		return nil
	})
	return x, err
}

// plugUnit finds the property engUnit: keys = 1, values = 2, with string_value = 8.
func plugUnit(b []byte) (unit string, err error) {
	n, at := 0, -1
	i := 0
	err = fields(b, func(num protowire.Number, _ uint64, val []byte) error {
		switch num {
		case 1:
			if s := string(val); s == "engUnit" || s == "Engineering Units" || s == "unit" {
				at = n
			}
			n++
		case 2:
			if i == at {
				return fields(val, func(num protowire.Number, _ uint64, val []byte) error {
					if num == 8 && len(val) <= 32 && utf8.Valid(val) {
						unit, _ = unitNames(string(val))
					}
					return nil
				})
			}
			i++
		}
		return nil
	})
	return unit, err
}

// fields walks the fields of one protobuf message. Groups are refused; nothing recurses here, so depth
// is bounded by who calls.
func fields(b []byte, each func(num protowire.Number, bits uint64, val []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return broken(n)
		}
		b = b[n:]
		var bits uint64
		var val []byte
		switch typ {
		case protowire.VarintType:
			bits, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			bits, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			bits = uint64(v)
		case protowire.BytesType:
			val, n = protowire.ConsumeBytes(b)
			if val == nil {
				val = []byte{}
			}
		default:
			return edge.E(edge.Invalid, "the message uses a part of protobuf that Sparkplug does not")
		}
		if n < 0 {
			return broken(n)
		}
		b = b[n:]
		if err := each(num, bits, val); err != nil {
			return err
		}
	}
	return nil
}

func broken(n int) error {
	return edge.E(edge.Invalid, "the message is not a Sparkplug payload: %w", protowire.ParseError(n))
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
