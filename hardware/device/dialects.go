package device

import (
	"bytes"
	"strings"
)

// zigbee reads what Zigbee2MQTT publishes under its usual base topic. A bridge is one identity with
// many sensors behind it, so the sensor's name leads the names of its samples.
func (d *Decoder) zigbee(m Message) (Result, error) {
	name := strings.TrimPrefix(m.Topic, "zigbee2mqtt/")
	if strings.HasPrefix(name, "bridge/") {
		if name == "bridge/state" {
			return d.availability(m, "bridge/online")
		}
		return Result{Ignored: "the bridge's own papers"}, nil
	}
	if n, ok := strings.CutSuffix(name, "/availability"); ok {
		return d.availability(m, under(own(n, m.Device), "online"))
	}
	for _, verb := range []string{"/set", "/get"} {
		if strings.HasSuffix(name, verb) || strings.Contains(name, verb+"/") {
			return Result{Ignored: "a command"}, nil
		}
	}
	if b := trim(m.Payload); len(b) == 0 || b[0] != '{' {
		return d.single(m, own(name, m.Device), "") // one topic per attribute
	}
	return d.flat(m, own(name, m.Device), shape{switches: true, skip: "device"})
}

// availability reads online and offline, bare or as {"state":"online"}.
func (d *Decoder) availability(m Message, name string) (Result, error) {
	b := trim(m.Payload)
	switch {
	case bytes.Contains(b, []byte("online")):
		m.Payload = []byte("true")
	case bytes.Contains(b, []byte("offline")):
		m.Payload = []byte("false")
	}
	return d.single(m, name, "")
}

// own drops a sub-device's name where it is the identity's name anyway.
func own(name, device string) string {
	if name == device {
		return ""
	}
	if rest, ok := strings.CutPrefix(name, device+"/"); ok && device != "" {
		return rest
	}
	return name
}

// isTasmota knows tele/<device>/SENSOR and the other order, <device>/tele/SENSOR.
func isTasmota(topic string) bool {
	a, rest, ok := strings.Cut(topic, "/")
	if !ok {
		return false
	}
	if a == "tele" || a == "stat" || a == "cmnd" {
		return true
	}
	_, last := cutLast(rest)
	return (strings.HasPrefix(rest, "tele/") || strings.HasPrefix(rest, "stat/")) && last == strings.ToUpper(last) && last != ""
}

func (d *Decoder) tasmota(m Message) (Result, error) {
	head, kind := cutLast(m.Topic)
	if strings.HasPrefix(m.Topic, "cmnd/") {
		return Result{Ignored: "a command"}, nil
	}
	name := strings.TrimPrefix(strings.TrimPrefix(head, "tele/"), "stat/")
	name = strings.TrimSuffix(strings.TrimSuffix(name, "/tele"), "/stat")
	name = own(name, m.Device)
	b := trim(m.Payload)
	switch {
	case kind == "LWT":
		return d.availability(m, under(name, "online"))
	case kind == "LOGGING":
		return Result{Ignored: "a log line"}, nil
	case len(b) == 0 || b[0] != '{':
		return d.single(m, under(name, strings.ToLower(kind)), "")
	}
	sh := shape{switches: true}
	if bytes.Contains(b, []byte(`"TempUnit":"F"`)) {
		sh.tempUnit = "degF"
	}
	return d.flat(m, name, sh)
}

func cutLast(topic string) (head, last string) {
	i := strings.LastIndexByte(topic, '/')
	if i < 0 {
		return "", topic
	}
	return topic[:i], topic[i+1:]
}

// isESPHome knows <node>/<component>/<object>/state and the node's own <node>/debug.
func isESPHome(topic string) bool {
	_, component, _, last := esphomeParts(topic)
	switch component {
	case "sensor", "binary_sensor", "text_sensor", "switch", "light", "climate", "number", "select", "cover", "fan", "lock", "button", "event":
		return last == "state" || last == "command" || component == "climate"
	case "":
		return last == "debug" && strings.Count(topic, "/") == 1
	}
	return false
}

// esphomeParts gives the last three levels and what is before them, nothing but the last where there
// are fewer than four.
func esphomeParts(topic string) (node, component, object, last string) {
	node, last = cutLast(topic)
	node, object = cutLast(node)
	node, component = cutLast(node)
	if node == "" {
		return "", "", "", last
	}
	return node, component, object, last
}

func (d *Decoder) esphome(m Message) (Result, error) {
	node, component, object, last := esphomeParts(m.Topic)
	switch {
	case last == "debug":
		return Result{Ignored: "a log line"}, nil
	case last == "command":
		return Result{Ignored: "a command"}, nil
	}
	name := under(own(node, m.Device), object)
	if last != "state" {
		name = under(name, last)
	}
	if b := trim(m.Payload); len(b) > 0 && b[0] == '{' {
		return d.flat(m, name, shape{switches: true})
	}
	unit := d.unitAt(m)
	if component == "text_sensor" || component == "select" {
		return d.textOnly(m, name)
	}
	return d.single(m, name, unit)
}

func (d *Decoder) unitAt(m Message) string {
	for _, e := range d.known(m) {
		if e.Path == "" {
			return e.Unit
		}
	}
	return ""
}
