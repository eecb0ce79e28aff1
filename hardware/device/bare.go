package device

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aielon/edge/node/edge"
)

// bare reads a payload that is one value: a number, a number with its unit, a switch, or text.
func (d *Decoder) bare(m Message) (Result, error) {
	return d.single(m, bareName(m.Topic, m.Device), d.unitAt(m))
}

// single reads a bare value under a given name.
func (d *Decoder) single(m Message, name, unit string) (Result, error) {
	b := trim(m.Payload)
	if len(b) == 0 {
		return Result{Ignored: "empty"}, nil
	}
	c := collector{samples: make([]edge.Sample, 0, 1), slab: make([]float64, 0, 1)}
	n := scanner{b: b}
	if lit, ok := n.numeral(); ok {
		switch rest := string(bytes.TrimSpace(b[n.i:])); {
		case rest == "":
			c.literal([]byte(name), unit, lit)
		default:
			if u, ok := unitNames(rest); ok {
				c.literal([]byte(name), u, lit)
			}
		}
	}
	if c.skipped > 0 {
		return Result{}, edge.E(edge.Invalid, "the number is too large to be recorded")
	}
	if len(c.samples) == 0 {
		if err := word(&c, name, b); err != nil {
			return Result{}, err
		}
	}
	samples, err := c.done()
	if err != nil || len(samples) == 0 {
		return Result{}, edge.E(edge.Invalid, "the name or the text of the value is too long to be recorded")
	}
	return Result{Readings: []edge.Reading{d.reading(m, samples, time.Time{}, edge.NoClock)}}, nil
}

// word records what is not a number: a switch as a boolean, other text as it is.
func word(c *collector, name string, b []byte) error {
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return edge.E(edge.Invalid, "the message is neither text nor of a binary form that is known here").
			WithHint("SenML in CBOR needs its content type, Sparkplug its topic")
	}
	if len(b) <= 9 {
		switch strings.ToLower(string(b)) {
		case "on", "true", "online", "open", "yes":
			c.boolean([]byte(name), true)
			return nil
		case "off", "false", "offline", "closed", "no":
			c.boolean([]byte(name), false)
			return nil
		case "nan", "-nan", "inf", "-inf", "+inf", "infinity", "-infinity":
			return edge.E(edge.Invalid, "%q is not a number that can be recorded; the sensor may be unplugged", b)
		}
	}
	c.text([]byte(name), string(b))
	return nil
}

// textOnly records text as it is, even where it looks like a number.
func (d *Decoder) textOnly(m Message, name string) (Result, error) {
	b := trim(m.Payload)
	var c collector
	if len(b) == 0 {
		return Result{Ignored: "empty"}, nil
	}
	if !utf8.Valid(b) {
		return Result{}, edge.E(edge.Invalid, "the message is not text")
	}
	c.text([]byte(name), string(b))
	samples, _ := c.done()
	if len(samples) == 0 {
		return Result{}, edge.E(edge.Invalid, "the name or the text of the value is too long to be recorded")
	}
	return Result{Readings: []edge.Reading{d.reading(m, samples, time.Time{}, edge.NoClock)}}, nil
}
