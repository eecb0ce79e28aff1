package device

import (
	"math"
	"strconv"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A collector gathers the samples of one message. Names are built in one buffer and numbers in one
// slab, so that a message of ten values costs a handful of allocations and not thirty.
type collector struct {
	samples []edge.Sample
	names   []byte
	scratch []byte // for a name while it is put together
	ends    []int  // where each sample's name ends in names
	slab    []float64
	texts   []string
	skipped int
	full    bool // more than MaxSamples were there

	at       time.Time // the message's own time, zero where none was found
	zoneless bool
}

// A workspace is the memory that reading one pack takes.
type workspace struct {
	scan    scanner
	rec     record
	c       collector
	reading [1]edge.Reading
}

func (d *Decoder) workspace() *workspace {
	if w, ok := d.spaces.Get().(*workspace); ok {
		return w
	}
	return &workspace{}
}

// reset forgets the message and keeps memory, unless it was a large one.
func (w *workspace) reset() {
	c := w.c
	*w = workspace{}
	if cap(c.samples) > keepSamples {
		return
	}
	clear(c.samples)
	clear(c.texts)
	w.c = collector{samples: c.samples[:0], names: c.names[:0], scratch: c.scratch[:0], ends: c.ends[:0], slab: c.slab[:0], texts: c.texts[:0]}
}

// keepSamples is how many samples' memory is kept for the next message, some 120 bytes each.
const keepSamples = 32

func (c *collector) add(name []byte, s edge.Sample) {
	switch {
	case len(c.samples) >= MaxSamples:
		c.full = true
		return
	case len(name) > MaxName || len(name) == 0:
		c.skipped++
		return
	}
	if cap(c.samples) == 0 {
		c.samples, c.ends, c.names = make([]edge.Sample, 0, 4), make([]int, 0, 8), make([]byte, 0, 96)
	}
	c.names = append(c.names, name...)
	c.ends = append(c.ends, len(c.names))
	c.samples = append(c.samples, s)
}

// number adds a float; what is not finite cannot be recorded and counts as skipped.
func (c *collector) number(name []byte, unit string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		c.skipped++
		return
	}
	c.add(name, edge.Sample{Unit: unit, Value: c.float(v)})
}

func (c *collector) float(v float64) *float64 {
	if len(c.slab) == cap(c.slab) { // values given out stay where they are; a new slab begins
		c.slab = make([]float64, 0, max(8, min(64, 2*cap(c.slab))))
	}
	c.slab = append(c.slab, v)
	return &c.slab[len(c.slab)-1]
}

// hold keeps s for as long as the samples are used.
func (c *collector) hold(s string) *string {
	if len(c.texts) == cap(c.texts) {
		c.texts = make([]string, 0, max(2, min(32, 2*cap(c.texts))))
	}
	c.texts = append(c.texts, s)
	return &c.texts[len(c.texts)-1]
}

func (c *collector) text(name []byte, s string) {
	if len(s) > MaxText {
		c.skipped++
		return
	}
	c.add(name, edge.Sample{Text: &s})
}

func (c *collector) boolean(name []byte, b bool) {
	c.add(name, edge.Sample{Bool: &b})
}

// done hands out the samples with their names. It fails where there were too many to take.
func (c *collector) done() ([]edge.Sample, error) {
	if c.full {
		return nil, edge.E(edge.Invalid, "the message has more than %d values", MaxSamples)
	}
	all, from := string(c.names), 0
	for i := range c.samples {
		s := &c.samples[i]
		s.Name = all[from:c.ends[i]]
		from = c.ends[i]
		if s.Unit == "" && s.Value != nil {
			s.Unit = inferUnit(s.Name, *s.Value)
		}
	}
	return c.samples, nil
}

// literal reads a number as JSON writes it. Whole numbers that a float cannot hold exactly become text,
// digit for digit.
func (c *collector) literal(name []byte, unit string, lit []byte) {
	if v, ok := short(lit); ok {
		c.number(name, unit, v)
		return
	}
	v, err := strconv.ParseFloat(string(lit), 64)
	if err != nil { // out of range
		c.skipped++
		return
	}
	if isWhole(lit) && math.Abs(v) >= 1<<53 {
		if strconv.FormatFloat(v, 'f', 0, 64) != string(lit) || math.Abs(v) > 1<<53 {
			c.text(name, string(lit))
			return
		}
	}
	c.number(name, unit, v)
}

// pow10 are the powers of ten a float64 holds exactly.
func pow10(n int) float64 {
	p := 1.0
	for range n {
		p *= 10
	}
	return p
}

// short reads decimals of up to 15 digits without exponent, exactly: both the digits and the power of
// ten are whole numbers a float64 holds, and one division rounds once.
func short(lit []byte) (float64, bool) {
	neg := len(lit) > 0 && lit[0] == '-'
	if neg {
		lit = lit[1:]
	}
	if len(lit) == 0 || len(lit) > 16 {
		return 0, false
	}
	var n uint64
	digits, after := 0, -1
	for i, c := range lit {
		switch {
		case c >= '0' && c <= '9':
			n = n*10 + uint64(c-'0')
			digits++
		case c == '.' && after < 0:
			after = i
		default:
			return 0, false
		}
	}
	if digits == 0 || digits > 15 {
		return 0, false
	}
	v := float64(n)
	if after >= 0 {
		v /= pow10(len(lit) - 1 - after)
	}
	if neg {
		v = -v
	}
	return v, true
}

func isWhole(lit []byte) bool {
	for i, c := range lit {
		if (c < '0' || c > '9') && !(i == 0 && c == '-') {
			return false
		}
	}
	return true
}
