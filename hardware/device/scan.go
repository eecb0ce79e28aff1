package device

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/aielon/edge/node/edge"
)

// A scanner walks JSON once, strictly (RFC 8259), except that it knows the NaN and Infinity some
// firmware prints and counts them as skipped.
type scanner struct {
	d     *Decoder
	m     *Message
	b     []byte
	text  string // b, where strings are to be parts of it
	i     int
	depth int
	base  int // length of the prefix in path
	path  []byte
	sh    shape
	c     collector
}

func (s *scanner) bad(what string) error {
	return edge.E(edge.Invalid, "the message is not good JSON at byte %d: %s", s.i, what)
}

func (s *scanner) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\n' || s.b[s.i] == '\t' || s.b[s.i] == '\r') {
		s.i++
	}
}

func (s *scanner) peek() byte {
	s.space()
	if s.i >= len(s.b) {
		return 0
	}
	return s.b[s.i]
}

func (s *scanner) end() error {
	if s.peek(); s.i < len(s.b) {
		return s.bad("something follows its end")
	}
	return nil
}

// next moves to the next member or element, and reports false at the closing bracket.
func (s *scanner) next(closing byte, first bool) (bool, error) {
	c := s.peek()
	if c == closing {
		s.i++
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, s.bad("a comma or a closing bracket is missing")
	}
	s.i++
	if s.peek() == closing {
		return false, s.bad("a value is missing after a comma")
	}
	return true, nil
}

func (s *scanner) value() error {
	switch c := s.peek(); {
	case c == '"':
		return s.stringValue()
	case c == '{':
		return s.nested(s.object)
	case c == '[':
		return s.nested(s.array)
	case c == '-' || c >= '0' && c <= '9':
		return s.numberValue()
	case c == 0 && s.i >= len(s.b):
		return s.bad("it ends too early")
	}
	return s.word()
}

func (s *scanner) nested(read func() error) error {
	if s.depth++; s.depth > MaxDepth {
		return edge.E(edge.Invalid, "the message has objects more than %d deep", MaxDepth)
	}
	s.i++
	err := read()
	s.depth--
	return err
}

func (s *scanner) object() error {
	for first := true; ; first = false {
		more, err := s.next('}', first)
		if err != nil || !more {
			return err
		}
		if s.peek() != '"' {
			return s.bad("a name in quotes is missing")
		}
		key, err := s.quoted()
		if err != nil {
			return err
		}
		if s.peek() != ':' {
			return s.bad("a colon is missing")
		}
		s.i++
		if err := s.member(key); err != nil {
			return err
		}
	}
}

func (s *scanner) member(key []byte) error {
	top := s.depth == 1 || s.depth == 2 && s.b[0] == '['
	if top && isTimeKey(key) && s.time() {
		return nil
	}
	if top && s.sh.skip != "" && string(key) == s.sh.skip {
		keep := s.c
		err := s.value()
		s.c = keep
		return err
	}
	mark := len(s.path)
	if !(top && string(key) == "values") { // {"ts":…,"values":{…}} wraps what could stand alone
		s.push(key)
	} else if c := s.peek(); c != '{' {
		s.push(key)
	}
	err := s.value()
	s.path = s.path[:mark]
	return err
}

func (s *scanner) push(key []byte) {
	if len(s.path) > 0 {
		s.path = append(s.path, '/')
	}
	for _, c := range key {
		if c < 0x20 || c == 0x7f {
			c = '_'
		}
		s.path = append(s.path, c)
	}
}

// time takes the value at hand for the message's time, and leaves it alone where it is none.
func (s *scanner) time() bool {
	from := s.i
	switch c := s.peek(); {
	case c == '"':
		if v, err := s.quoted(); err == nil {
			if t, ok := s.d.textTime(string(v), s.m.Received); ok {
				_, zoned := parseRFC3339(string(v))
				s.c.at, s.c.zoneless = t, !zoned
				return true
			}
		}
	case c >= '0' && c <= '9':
		if lit, ok := s.numeral(); ok {
			if t, ok := numberTime(lit); ok {
				s.c.at = t
				return true
			}
		}
	}
	s.i = from
	return false
}

func (s *scanner) array() error {
	for n := 0; ; n++ {
		more, err := s.next(']', n == 0)
		if err != nil || !more {
			return err
		}
		mark := len(s.path)
		s.path = append(s.path, '/')
		s.path = strconv.AppendInt(s.path, int64(n), 10)
		if s.base == 0 && mark == 0 {
			s.path = strconv.AppendInt(s.path[:0], int64(n), 10)
		}
		held := s.c
		err = s.value()
		s.path = s.path[:mark]
		if err != nil {
			return err
		}
		if n >= maxArray { // read on for the sake of good form, keep none of it
			held.skipped++
			s.c = held
		}
	}
}

// quoted reads a string. What it returns aliases the payload unless there were escapes.
func (s *scanner) quoted() ([]byte, error) {
	from := s.i + 1
	plain := true
	for i := from; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			s.i = i + 1
			if plain {
				return s.b[from:i], nil
			}
			return s.unquote(s.b[from-1 : i+1])
		case c == '\\':
			plain = false
			i++
		case c < 0x20:
			s.i = i
			return nil, s.bad("a control character stands in a string")
		case c >= utf8.RuneSelf:
			if r, n := utf8.DecodeRune(s.b[i:]); r == utf8.RuneError && n == 1 {
				s.i = i
				return nil, s.bad("a string is not UTF-8")
			} else {
				i += n - 1
			}
		}
	}
	return nil, s.bad("a string does not end")
}

func (s *scanner) unquote(quoted []byte) ([]byte, error) {
	var out string
	if err := json.Unmarshal(quoted, &out); err != nil {
		return nil, s.bad("a string has a wrong escape")
	}
	return []byte(out), nil
}

// numeral reads a number by the letter of RFC 8259 section 6.
func (s *scanner) numeral() ([]byte, bool) {
	from, b := s.i, s.b
	digits := func() bool {
		at := s.i
		for s.i < len(b) && b[s.i] >= '0' && b[s.i] <= '9' {
			s.i++
		}
		return s.i > at
	}
	if s.i < len(b) && b[s.i] == '-' {
		s.i++
	}
	lead := s.i
	if !digits() || b[lead] == '0' && s.i > lead+1 {
		return nil, false
	}
	if s.i < len(b) && b[s.i] == '.' {
		if s.i++; !digits() {
			return nil, false
		}
	}
	if s.i < len(b) && (b[s.i] == 'e' || b[s.i] == 'E') {
		if s.i++; s.i < len(b) && (b[s.i] == '+' || b[s.i] == '-') {
			s.i++
		}
		if !digits() {
			return nil, false
		}
	}
	return b[from:s.i], true
}

func (s *scanner) numberValue() error {
	if bytes.HasPrefix(s.b[s.i:], []byte("-I")) || bytes.HasPrefix(s.b[s.i:], []byte("-i")) || bytes.HasPrefix(s.b[s.i:], []byte("-n")) {
		s.i++
		return s.word()
	}
	lit, ok := s.numeral()
	if !ok {
		return s.bad("a number is not well formed")
	}
	if len(s.path) == 0 {
		s.path = append(s.path, bareName(s.m.Topic, s.m.Device)...)
	}
	s.c.literal(s.path, s.unit(), lit)
	return nil
}

// unit is the unit of the value at hand where the dialect says so.
func (s *scanner) unit() string {
	if s.sh.tempUnit == "" {
		return ""
	}
	if i := bytes.LastIndexByte(s.path, '/'); unitOfWord(lower(string(s.path[i+1:]))) == "Cel" {
		return s.sh.tempUnit
	}
	return ""
}

func (s *scanner) stringValue() error {
	v, err := s.quoted()
	if err != nil {
		return err
	}
	if s.sh.switches && (string(v) == "ON" || string(v) == "OFF") {
		s.c.boolean(s.path, len(v) == 2)
		return nil
	}
	if len(v) > 0 && len(v) <= 16 && (v[0] == '-' || v[0] >= '0' && v[0] <= '9') && s.measure(v) {
		return nil
	}
	s.c.text(s.path, string(v))
	return nil
}

// measure takes "21.5" for a number where its name says that it measures something.
func (s *scanner) measure(v []byte) bool {
	n := scanner{b: v}
	lit, ok := n.numeral()
	if !ok || n.i != len(v) {
		return false
	}
	f, err := strconv.ParseFloat(string(lit), 64)
	if err != nil || inferUnit(string(s.path), f) == "" {
		return false
	}
	s.c.literal(s.path, s.unit(), lit)
	return true
}

func (s *scanner) word() error {
	from := s.i
	for s.i < len(s.b) && (s.b[s.i]|0x20 >= 'a' && s.b[s.i]|0x20 <= 'z') {
		s.i++
	}
	switch w := string(s.b[from:s.i]); w {
	case "true", "false":
		s.c.boolean(s.path, w == "true")
	case "null":
	case "NaN", "nan", "NAN", "Infinity", "inf", "Inf", "INF":
		s.c.skipped++
	default:
		s.i = from
		return s.bad("neither a value nor a name stands here")
	}
	return nil
}
