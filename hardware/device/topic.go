package device

import "strings"

// filler lists words of topics that say how a message is sent and not what it is about.
func filler(w string) bool {
	switch lower(w) {
	case "", "v1", "v2", "v3", "api", "devices", "device", "me", "telemetry", "tele", "stat", "data", "state", "states", "status",
		"sensor", "sensors", "attributes", "value", "values", "up", "uplink", "json", "payload", "event", "events", "message", "messages",
		"publish", "pub", "out", "from", "site", "iot", "mqtt", "measurement", "measurements", "reading", "readings":
		return true
	}
	return false
}

// topicPrefix is what of a topic belongs into the names of samples: what follows the device's own
// name, or the whole topic where that does not occur, less the words that say nothing.
func topicPrefix(topic, device string) string {
	rest := afterDevice(topic, device)
	for { // the common case, nothing left, costs nothing
		head, tail, more := strings.Cut(rest, "/")
		if !filler(head) {
			break
		}
		if !more {
			return ""
		}
		rest = tail
	}
	keep := make([]string, 0, 4)
	for w := range strings.SplitSeq(rest, "/") {
		if !filler(w) {
			keep = append(keep, w)
		}
	}
	return strings.Join(keep, "/")
}

func afterDevice(topic, device string) string {
	if device == "" {
		return topic
	}
	for rest := topic; ; {
		head, tail, more := strings.Cut(rest, "/")
		if head == device {
			return tail
		}
		if !more {
			return topic
		}
		rest = tail
	}
}

// bareName names the only value of a message by its topic; something must be left.
func bareName(topic, device string) string {
	if p := topicPrefix(topic, device); p != "" {
		return p
	}
	if i := strings.LastIndexByte(topic, '/'); i >= 0 && i < len(topic)-1 {
		return topic[i+1:]
	}
	if topic == "" {
		return "value"
	}
	return strings.TrimSuffix(topic, "/")
}

// under joins a prefix and a name. A sub-device that carries the identity's own name adds nothing.
func under(prefix, name string) string {
	switch {
	case prefix == "":
		return name
	case name == "":
		return prefix
	}
	return prefix + "/" + name
}
