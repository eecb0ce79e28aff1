package device

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/aielon/edge/node/edge"
)

// looksLikeSenML tells a SenML pack from any other JSON array by its first record: it must be an
// object with a base name, or with a name beside a value.
func looksLikeSenML(b []byte) bool {
	b = trim(b[1:])
	if len(b) == 0 || b[0] != '{' {
		return false
	}
	end := bytes.IndexByte(b, '}')
	if end < 0 {
		return false
	}
	first := b[:end]
	has := func(k string) bool { return bytes.Contains(first, []byte(`"`+k+`"`)) }
	return has("bn") || has("n") && (has("v") || has("vs") || has("vb") || has("vd") || has("s"))
}

// A record is one SenML record as it was sent (RFC 8428 section 4).
type record struct {
	bn, bu, n, u      string
	bt, bv, bs, t, ut float64
	v, s              number
	vs                words
	vb                *bool
	vd                []byte
	bver              float64
	exact             string // digits of v where a float does not hold it
	nonFinite         bool
}

// A number is a float that may be missing; by value, because there is one or more in every record.
type number struct {
	f  float64
	is bool
}

// words are a text that may be missing.
type words struct {
	s  string
	is bool
}

func (d *Decoder) senmlJSON(m Message) (Result, error) {
	if res, plain, err := d.plainPack(m); plain {
		return res, err
	}
	return d.anyPack(m)
}

// anyPack reads every pack there may be; plainPack has read the usual ones at a fifth of the cost.
func (d *Decoder) anyPack(m Message) (Result, error) {
	dec := json.NewDecoder(bytes.NewReader(trim(m.Payload)))
	dec.UseNumber()
	var pack []map[string]any
	if err := dec.Decode(&pack); err != nil {
		return Result{}, edge.E(edge.Invalid, "the message is not a SenML pack: %w", err)
	}
	if dec.More() {
		return Result{}, edge.E(edge.Invalid, "something follows the end of the SenML pack")
	}
	if err := checkLen(len(pack)); err != nil {
		return Result{}, err
	}
	return d.pack(m, new(workspace), each(pack, func(r *record, fields map[string]any) error {
		for k, v := range fields {
			if err := r.set(k, v); err != nil {
				return err
			}
		}
		return nil
	}))
}

// each hands out records one after the other.
func each[T any](list []T, read func(*record, T) error) func(*record) (bool, error) {
	i := 0
	return func(r *record) (bool, error) {
		if i == len(list) {
			return false, nil
		}
		i++
		return true, read(r, list[i-1])
	}
}

func checkLen(n int) error {
	if n > MaxSamples {
		return edge.E(edge.Invalid, "the message has more than %d values", MaxSamples)
	}
	return nil
}

func (d *Decoder) senmlCBOR(m Message) (Result, error) {
	mode, err := cbor.DecOptions{MaxNestedLevels: MaxDepth, MaxArrayElements: 2 * MaxSamples, MaxMapPairs: 64,
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthAllowed, TagsMd: cbor.TagsAllowed}.DecMode()
	if err != nil {
		return Result{}, edge.E(edge.Internal, "the CBOR reader cannot be set up: %w", err)
	}
	var pack []map[any]any
	if err := mode.Unmarshal(m.Payload, &pack); err != nil {
		return Result{}, edge.E(edge.Invalid, "the message is not a SenML pack in CBOR: %w", err)
	}
	if err := checkLen(len(pack)); err != nil {
		return Result{}, err
	}
	return d.pack(m, new(workspace), each(pack, func(r *record, fields map[any]any) error {
		for k, v := range fields {
			if err := r.set(cborLabel(k), v); err != nil {
				return err
			}
		}
		return nil
	}))
}

// cborLabel gives the name of a CBOR key (RFC 8428 table 4).
func cborLabel(k any) string {
	var n int64
	switch k := k.(type) {
	case uint64:
		n = int64(min(k, 99))
	case int64:
		n = k
	case string:
		return k
	default:
		return ""
	}
	if n < -6 || n > 8 {
		return ""
	}
	return [...]string{"bs", "bv", "bu", "bt", "bn", "bver", "n", "u", "v", "vs", "vb", "s", "t", "ut", "vd"}[n+6]
}

// pack resolves records against the base fields before them (RFC 8428 section 4.6), in the memory of w.
func (d *Decoder) pack(m Message, w *workspace, next func(*record) (bool, error)) (Result, error) {
	var newest time.Time
	c, r := &w.c, &w.rec // one record for all: a pack may have hundreds
	for {
		*r = record{bn: r.bn, bu: r.bu, bt: r.bt, bv: r.bv, bs: r.bs, bver: r.bver}
		more, err := next(r)
		if err != nil {
			return Result{}, err
		}
		if !more {
			break
		}
		if err := c.resolve(m, r, &newest); err != nil {
			return Result{}, err
		}
	}
	samples, err := c.done()
	if err != nil {
		return Result{}, err
	}
	switch {
	case len(samples) == 0 && c.skipped > 0:
		return Result{}, edge.E(edge.Invalid, "none of the pack's values can be recorded")
	case len(samples) == 0:
		return Result{Ignored: "no values"}, nil
	}
	w.reading[0] = d.reading(m, samples, newest, edge.Exact)
	return Result{Readings: w.reading[:], Skipped: c.skipped}, nil
}

func (c *collector) resolve(m Message, r *record, newest *time.Time) error {
	if r.bver > 10 {
		return edge.E(edge.Invalid, "the SenML pack is of version %v; 10 is the newest known here", r.bver)
	}
	values := 0
	for _, has := range [...]bool{r.v.is, r.vs.is, r.vb != nil, r.vd != nil} {
		if has {
			values++
		}
	}
	if values > 1 {
		return edge.E(edge.Invalid, "a SenML record has more than one value (RFC 8428 section 4.2)")
	}
	if values == 0 && !r.s.is {
		if r.nonFinite {
			c.skipped++
		}
		return nil // base fields only
	}
	name := c.name(m.Device, r)
	if len(name) == 0 {
		return edge.E(edge.Invalid, "a SenML record has no name")
	}
	s := edge.Sample{Unit: r.unit(), Bool: r.vb, Data: r.vd}
	if r.v.is {
		s.Value = c.float(r.v.f + r.bv)
	}
	if r.s.is {
		s.Sum = c.float(r.s.f + r.bs)
	}
	switch {
	case r.exact != "" && r.bv == 0:
		s.Value, s.Text = nil, c.hold(r.exact)
	case r.vs.is:
		s.Text = c.hold(r.vs.s)
	}
	if at, ok := moment(r.bt+r.t, m.Received); ok {
		s.Time = at
		if at.After(*newest) {
			*newest = at
		}
	}
	if s.Text != nil && len(*s.Text) > MaxText || len(s.Data) > MaxText*4 || !finite(s.Value) || !finite(s.Sum) {
		c.skipped++
		return nil
	}
	c.add(name, s)
	return nil
}

// name is the record's name without the prefix that says again which device this is.
func (c *collector) name(device string, r *record) []byte {
	c.scratch = append(append(c.scratch[:0], r.bn...), r.n...)
	if rest, ok := bytes.CutPrefix(c.scratch, []byte("urn:dev:ops:")); ok {
		if own := len(device); len(rest) > own && rest[own] == ':' && string(rest[:own]) == device {
			return rest[own+1:]
		}
	}
	return c.scratch
}

func finite(f *float64) bool { return f == nil || !math.IsNaN(*f) && !math.IsInf(*f, 0) }

func (r *record) unit() string {
	if r.u != "" {
		return r.u
	}
	return r.bu
}

// moment makes a time of SenML seconds: below 2^28 they count from now (RFC 8428 section 4.5.3). No time
// at all means now, which the reading says already.
func moment(sec float64, now time.Time) (time.Time, bool) {
	switch {
	case sec == 0 || math.IsNaN(sec) || math.Abs(sec) > 9e9:
		return time.Time{}, false
	case sec < 1<<28:
		return now.Add(time.Duration(sec * float64(time.Second))), true
	}
	whole, part := math.Modf(sec)
	return time.Unix(int64(whole), int64(math.Round(part*1e6))*1000).UTC(), true
}

// set takes one field. A label that ends in "_" must be understood and none is (section 4.4); other
// unknown labels are passed over.
func (r *record) set(label string, v any) error {
	switch label {
	case "n", "bn", "u", "bu":
		s, ok := v.(string)
		if !ok {
			return wrong(label)
		}
		r.setName(label, s)
	case "vs":
		s, ok := v.(string)
		if !ok {
			return wrong(label)
		}
		r.vs = words{s, true}
	case "vb":
		b, ok := v.(bool)
		if !ok {
			return wrong(label)
		}
		r.vb = &b
	case "vd":
		return r.data(v)
	case "v", "s", "t", "ut", "bt", "bv", "bs", "bver":
		return r.number(label, v)
	default:
		if strings.HasSuffix(label, "_") {
			return edge.E(edge.Invalid, "the SenML field %q must be understood and is not", label)
		}
	}
	return nil
}

// setName takes a field that is a name or a unit. It reports false for a label that is none of those.
func (r *record) setName(label, s string) bool {
	switch label {
	case "n":
		r.n = s
	case "bn":
		r.bn = s
	case "u":
		r.u = s
	case "bu":
		r.bu = s
	default:
		return false
	}
	return true
}

func (r *record) data(v any) error {
	switch v := v.(type) {
	case []byte:
		r.vd = v
	case string:
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(v, "="))
		if err != nil {
			return wrong("vd")
		}
		r.vd = b
	default:
		return wrong("vd")
	}
	if r.vd == nil {
		r.vd = []byte{}
	}
	return nil
}

func (r *record) number(label string, v any) error {
	f, exact, ok := toFloat(v)
	if !ok {
		return wrong(label)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		r.nonFinite = true
		if label != "v" && label != "s" {
			return wrong(label)
		}
		return nil
	}
	if label == "v" {
		r.exact = exact
	}
	r.setNumber(label, f)
	return nil
}

// setNumber takes a field that is a number. It reports false for a label that is none of those.
func (r *record) setNumber(label string, f float64) bool {
	switch label {
	case "v":
		r.v = number{f, true}
	case "s":
		r.s = number{f, true}
	case "bver":
		r.bver = f
	case "t":
		r.t = f
	case "ut":
		r.ut = f
	case "bt":
		r.bt = f
	case "bv":
		r.bv = f
	case "bs":
		r.bs = f
	default:
		return false
	}
	return true
}

// toFloat returns a number and, where a float does not hold it exactly, its digits.
func toFloat(v any) (f float64, exact string, ok bool) {
	switch v := v.(type) {
	case json.Number:
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return math.Inf(1), "", true
		}
		if isWhole([]byte(v)) && math.Abs(f) > 1<<53 {
			return f, string(v), true
		}
		return f, "", true
	case float64:
		return v, "", true
	case float32:
		return float64(v), "", true
	case uint64:
		if v > 1<<53 {
			return float64(v), strconv.FormatUint(v, 10), true
		}
		return float64(v), "", true
	case int64:
		if v < -1<<53 || v > 1<<53 {
			return float64(v), strconv.FormatInt(v, 10), true
		}
		return float64(v), "", true
	}
	return 0, "", false
}

func wrong(label string) error {
	return edge.E(edge.Invalid, "the SenML field %q has a value of the wrong type", label)
}
