package edge

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// TypeReading is the event type of what a device measured; its body is a SenML pack (RFC 8428).
const TypeReading = "device.reading"

// TypeQuarantined is the event type of a payload that could not be read; nothing of it is dropped.
const TypeQuarantined = "device.quarantined"

// A Sample is one value of a reading. Exactly one of the value fields is set, as HasValue, Text, Bool or
// Data say.
type Sample struct {
	Name  string   // "temperature", "battery/level"
	Unit  string   // SenML unit (RFC 8428 section 12.1), or as the device gave it
	Value *float64 // finite
	Text  *string
	Bool  *bool
	Data  []byte
	Sum   *float64  // integrated value over time, SenML "s"
	Time  time.Time // the device's own time of this value, zero where it gave none
}

// Confidence says how far a device's own clock may be trusted.
type Confidence uint8

const (
	NoClock     Confidence = iota // the device gave no time
	Implausible                   // it gave one that cannot be right (1970, the future)
	Plausible                     // within a day of the node's, or older and in order
	Exact                         // within two seconds of the node's
)

// A Reading is what one message of one device said.
type Reading struct {
	Device     string    // the identity the broker proved, never what the payload claims
	Received   time.Time // the node's clock
	DeviceTime time.Time // the device's clock, zero where it gave none
	Confidence Confidence
	Retained   bool
	Samples    []Sample
}

// AppendSenML appends the reading as a SenML JSON pack. Base name is the device, base time the
// node's; samples that carry their own time keep it relative to the base time.
func (r Reading) AppendSenML(dst []byte) []byte {
	dst = append(dst, '[')
	for i := range r.Samples {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		if i == 0 {
			dst = append(dst, `"bn":`...)
			dst = appendBaseName(dst, r.Device)
			dst = append(dst, `,"bt":`...)
			dst = appendSeconds(dst, r.Received.UnixNano())
			dst = append(dst, `,"clock":`...) // extension label; receivers skip labels they do not know (RFC 8428 section 4.4)
			dst = strconv.AppendUint(dst, uint64(r.Confidence), 10)
			if !r.DeviceTime.IsZero() {
				dst = append(dst, `,"devtime":`...)
				dst = appendSeconds(dst, r.DeviceTime.UnixNano())
			}
			dst = append(dst, ',')
		}
		dst = r.Samples[i].appendFields(dst, r.Received)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendBaseName writes the device as a URN (RFC 9039 section 4.1), quoted.
func appendBaseName(dst []byte, device string) []byte {
	if !plain(device) {
		return appendJSONString(dst, "urn:dev:ops:"+device+":")
	}
	dst = append(dst, `"urn:dev:ops:`...)
	dst = append(dst, device...)
	return append(dst, ':', '"')
}

func (s *Sample) appendFields(dst []byte, base time.Time) []byte {
	dst = append(dst, `"n":`...)
	dst = appendJSONString(dst, s.Name)
	if s.Unit != "" {
		dst = append(dst, `,"u":`...)
		dst = appendJSONString(dst, s.Unit)
	}
	switch {
	case s.Value != nil:
		dst = append(dst, `,"v":`...)
		dst = appendFloat(dst, *s.Value)
	case s.Text != nil:
		dst = append(dst, `,"vs":`...)
		dst = appendJSONString(dst, *s.Text)
	case s.Bool != nil:
		dst = append(dst, `,"vb":`...)
		dst = strconv.AppendBool(dst, *s.Bool)
	case s.Data != nil:
		b, _ := json.Marshal(s.Data)
		dst = append(dst, `,"vd":`...)
		dst = append(dst, b...)
	}
	if s.Sum != nil {
		dst = append(dst, `,"s":`...)
		dst = appendFloat(dst, *s.Sum)
	}
	if !s.Time.IsZero() {
		dst = append(dst, `,"t":`...)
		dst = appendSeconds(dst, s.Time.UnixNano()-base.UnixNano())
	}
	return dst
}

func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// appendSeconds writes nanoseconds as seconds with millisecond precision, without going through a float.
func appendSeconds(dst []byte, ns int64) []byte {
	if ns < 0 {
		dst, ns = append(dst, '-'), -ns
	}
	dst = strconv.AppendInt(dst, ns/1e9, 10)
	if ms := ns % 1e9 / 1e6; ms != 0 {
		dst = append(dst, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	}
	return dst
}

// appendJSONString quotes s; the common case, plain ASCII, costs one pass.
func appendJSONString(dst []byte, s string) []byte {
	if !plain(s) {
		b, _ := json.Marshal(s)
		return append(dst, b...)
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// plain reports whether encoding/json would write s as it is.
func plain(s string) bool {
	const low = ^uint64(1<<' '-1) &^ (1<<'"' | 1<<'&' | 1<<'<' | 1<<'>')
	const high = ^uint64(0) &^ (1 << ('\\' - 64))
	masks := [2]uint64{low, high}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || masks[c>>6]>>(c&63)&1 == 0 {
			return false
		}
	}
	return true
}
