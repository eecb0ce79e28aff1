package device

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/aielon/edge/node/edge"
)

// An entity is one value that discovery announced on one topic.
type entity struct {
	Path string // within the payload, "" for a bare value
	Name string
	Unit string
}

// maxEntities bounds what may be announced for one topic, and in one message.
const maxEntities = 64

// config is the part of a Home Assistant discovery message that is about reading values. Every key has
// a long and a short form.
type config struct {
	Base       string                     `json:"~"`
	Name       *string                    `json:"name"`
	State      string                     `json:"state_topic"`
	StateShort string                     `json:"stat_t"`
	Unit       string                     `json:"unit_of_measurement"`
	UnitShort  string                     `json:"unit_of_meas"`
	Template   string                     `json:"value_template"`
	TplShort   string                     `json:"val_tpl"`
	Class      string                     `json:"device_class"`
	ClassShort string                     `json:"dev_cla"`
	Object     string                     `json:"object_id"`
	ObjShort   string                     `json:"obj_id"`
	Parts      map[string]json.RawMessage `json:"components"`
	PartsShort map[string]json.RawMessage `json:"cmps"`
}

// discovery learns from homeassistant/<component>/[<node>/]<object>/config. It records nothing.
func (d *Decoder) discovery(m Message) (Result, error) {
	b := trim(m.Payload)
	if len(b) == 0 {
		return Result{Ignored: "discovery withdrawn"}, nil
	}
	var c config
	if err := json.Unmarshal(b, &c); err != nil {
		return Result{}, edge.E(edge.Invalid, "the discovery message cannot be read: %w", err)
	}
	if !utf8.Valid(b) {
		return Result{}, edge.E(edge.Invalid, "the discovery message is not UTF-8")
	}
	res := Result{Ignored: "discovery"}
	all := []config{c}
	for _, parts := range []map[string]json.RawMessage{c.Parts, c.PartsShort} {
		for _, raw := range parts {
			part := config{Base: c.Base, State: c.State, StateShort: c.StateShort}
			if err := json.Unmarshal(raw, &part); err != nil {
				return Result{}, edge.E(edge.Invalid, "a part of the discovery message cannot be read: %w", err)
			}
			all = append(all, part)
		}
	}
	if len(all) > maxEntities {
		return Result{}, edge.E(edge.Invalid, "a discovery message announces more than %d values", maxEntities)
	}
	for _, c := range all {
		if l, ok := d.announced(c); ok {
			d.learn(m.Device, l)
			res.Learnt = append(res.Learnt, l)
		}
	}
	return res, nil
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (d *Decoder) announced(c config) (Learnt, bool) {
	topic := either(c.State, c.StateShort)
	if rest, ok := strings.CutPrefix(topic, "~"); ok {
		topic = c.Base + rest
	} else if rest, ok := strings.CutSuffix(topic, "~"); ok {
		topic = rest + c.Base
	}
	if topic == "" || len(topic) > 512 {
		return Learnt{}, false
	}
	path, ok := templatePath(either(c.Template, c.TplShort))
	if !ok {
		d.unknown.Add(1)
	}
	l := Learnt{Topic: topic, Path: path, Unit: haUnit(either(c.Unit, c.UnitShort), either(c.Class, c.ClassShort))}
	if c.Name != nil {
		l.Name = *c.Name
	}
	l.Name = either(l.Name, either(c.Object, c.ObjShort))
	if len(l.Name) > MaxName || len(l.Path) > MaxName || !ok && l.Unit != "" {
		l.Unit = "" // a value computed by a template that is not understood may be of another unit than the one sent
	}
	return l, ok
}

// haUnit makes a SenML unit of Home Assistant's, which writes % for several things.
func haUnit(unit, class string) string {
	if unit == "%" {
		switch class {
		case "humidity", "moisture":
			return "%RH"
		case "battery":
			return "%EL"
		}
	}
	u, _ := unitNames(unit)
	if len(u) > 32 {
		return ""
	}
	return u
}

func (d *Decoder) learn(device string, l Learnt) {
	key := device + "\n" + l.Topic
	d.mu.Lock()
	defer d.mu.Unlock()
	old, _ := d.topics.get(key)
	next := make([]entity, 0, len(old)+1) // replaced, not changed: messages may be reading the old one
	for _, e := range old {
		if e.Path != l.Path {
			next = append(next, e)
		}
	}
	if len(next) < maxEntities {
		next = append(next, entity{l.Path, l.Name, l.Unit})
	}
	d.topics.put(key, next)
}

// templatePath understands the value templates that only pick a value: {{ value }}, {{ value_json.a.b }},
// {{ value_json['a'] }}, with filters that do not change what the value is.
func templatePath(t string) (path string, ok bool) {
	t = strings.TrimSpace(t)
	if t == "" {
		return "", true
	}
	t, ok1 := strings.CutPrefix(t, "{{")
	t, ok2 := strings.CutSuffix(t, "}}")
	if !ok1 || !ok2 || strings.ContainsAny(t, "{}") {
		return "", false
	}
	expr, filters, _ := strings.Cut(t, "|")
	if filters != "" && !harmless(filters) {
		return "", false
	}
	expr = strings.TrimSpace(expr)
	if expr == "value" {
		return "", true
	}
	rest, ok := strings.CutPrefix(expr, "value_json")
	if !ok || rest == "" {
		return "", false
	}
	return steps(rest)
}

func harmless(filters string) bool {
	for f := range strings.SplitSeq(filters, "|") {
		name, _, _ := strings.Cut(strings.TrimSpace(f), "(")
		switch strings.TrimSpace(name) {
		case "float", "int", "round", "default", "is_defined", "string", "trim":
		default:
			return false
		}
	}
	return true
}

// steps reads .a, ['a'], ["a"] and [0] one after another.
func steps(s string) (path string, ok bool) {
	for s != "" {
		var word string
		switch s[0] {
		case '.':
			end := 1
			for end < len(s) && s[end] != '.' && s[end] != '[' {
				end++
			}
			word, s = s[1:end], s[end:]
		case '[':
			in, rest, found := strings.Cut(s[1:], "]")
			if !found {
				return "", false
			}
			word, s = strings.Trim(strings.TrimSpace(in), `'"`), rest
		default:
			return "", false
		}
		if word == "" || strings.ContainsAny(word, " +-*/%()") {
			return "", false
		}
		path = under(path, word)
	}
	return path, true
}
