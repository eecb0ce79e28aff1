package device

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// A shape says how a dialect's JSON differs from anybody's.
type shape struct {
	known    []entity // what discovery announced for this topic
	switches bool     // "ON" and "OFF" are booleans
	skip     string   // a top-level member that describes and does not measure
	tempUnit string   // unit of temperatures, "" for Celsius
}

// readJSON reads one object, or an array of objects, each of which may carry its own time.
func (d *Decoder) readJSON(m Message, prefix string, sh shape) (res Result, err error) {
	s := scanner{d: d, m: &m, b: m.Payload, sh: sh, path: make([]byte, 0, 96)}
	s.b = trim(s.b)
	s.path = append(s.path, prefix...)
	s.base = len(s.path)
	if len(s.b) > 0 && s.b[0] == '[' {
		err = s.list(&res)
	} else {
		err = s.one(&res)
	}
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return Result{}, err
	}
	if len(res.Readings) == 0 && res.Skipped == 0 && res.Ignored == "" {
		res.Ignored = "no values"
	}
	if len(res.Readings) == 0 && res.Skipped > 0 {
		return Result{}, edge.E(edge.Invalid, "none of the message's %d values can be recorded", res.Skipped)
	}
	return res, nil
}

// one reads a message that is one value.
func (s *scanner) one(res *Result) error {
	if err := s.value(); err != nil {
		return err
	}
	return s.finish(res)
}

// list reads a message that is an array. Elements with a time of their own become readings of their own.
func (s *scanner) list(res *Result) error {
	s.depth = 1
	s.i = 1
	var common collector
	for n := 0; ; n++ {
		more, err := s.next(']', n == 0)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if n >= MaxSamples {
			return edge.E(edge.Invalid, "the message has more than %d elements", MaxSamples)
		}
		if err := s.element(n, res, &common); err != nil {
			return err
		}
	}
	s.c = common
	return s.finish(res)
}

func (s *scanner) element(n int, res *Result, common *collector) error {
	s.c = collector{}
	mark := len(s.path)
	timed := s.peek() == '{' && s.timeAhead()
	if !timed {
		s.c = *common
		s.push(strconv.AppendInt(nil, int64(n), 10))
	}
	err := s.value()
	s.path = s.path[:mark]
	if err != nil {
		return err
	}
	if timed {
		return s.finish(res)
	}
	*common = s.c
	return nil
}

// timeAhead looks whether the object at hand begins with a time, or has one anywhere near its front.
// It is a hint only: without it the element's values are named by their index.
func (s *scanner) timeAhead() bool {
	head := s.b[s.i:min(len(s.b), s.i+512)]
	if i := bytes.IndexByte(head, '}'); i >= 0 && !bytes.Contains(head[:i], []byte(`{`)) {
		head = head[:i]
	}
	for _, k := range []string{`"ts"`, `"time"`, `"Time"`, `"timestamp"`, `"measured_at"`, `"datetime"`} {
		if bytes.Contains(head, []byte(k)) {
			return true
		}
	}
	return false
}

func (s *scanner) finish(res *Result) error {
	samples, err := s.c.done()
	if err != nil {
		return err
	}
	res.Skipped += s.c.skipped
	if len(samples) == 0 {
		return nil
	}
	limit := edge.Exact
	if s.c.zoneless {
		limit = edge.Plausible
	}
	s.name(samples)
	res.Readings = append(res.Readings, s.d.reading(*s.m, samples, s.c.at, limit))
	return nil
}

// name gives samples the units discovery announced for them.
func (s *scanner) name(samples []edge.Sample) {
	for _, e := range s.sh.known {
		for i := range samples {
			x := &samples[i]
			if e.Unit != "" && x.Value != nil && strings.HasSuffix(x.Name, e.Path) && len(x.Name)-len(e.Path) == s.lead() {
				x.Unit = e.Unit
			}
		}
	}
}

// lead is how many bytes of a sample's name come before its path within the payload.
func (s *scanner) lead() int {
	if s.base == 0 {
		return 0
	}
	return s.base + 1
}
