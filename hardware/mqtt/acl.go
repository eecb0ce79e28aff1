package mqtt

import (
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aielon/edge/node/edge"
)

// A Question is whether a device may use a topic.
type Question struct {
	Device Device
	Topic  string // of a message; a filter where Device wants to read, and then all its topics are meant
	Write  bool   // the device publishes, else it reads
	Own    bool   // a pattern of the device covers it
}

// rights are a device's patterns with its ID put in. They are replaced, never changed.
type rights struct {
	Device
	publish, subscribe []string
	ask                func(Question) bool // nil: the patterns decide alone
	verdicts           verdicts
}

// verdicts are the answers of the current second: what is asked may look at the clock, and a device that is busy
// asks for the same thing a thousand times.
type verdicts struct {
	mu     sync.Mutex // guards what follows
	second int64
	known  map[use]bool
}

type use struct {
	topic string
	write bool
}

// maxVerdicts bounds the answers kept for one session.
const maxVerdicts = 64

// may decides by the policies where there are some, else by the patterns.
func (r *rights) may(topic string, write bool, patterns []string) bool {
	own := anyCovers(patterns, topic)
	if r.ask == nil {
		return own
	}
	v, u, now := &r.verdicts, use{topic, write}, time.Now().Unix()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.second != now || len(v.known) >= maxVerdicts {
		v.second = now
		clear(v.known)
	}
	yes, known := v.known[u]
	if !known {
		yes = r.ask(Question{r.Device, topic, write, own})
		if v.known == nil {
			v.known = map[use]bool{}
		}
		v.known[u] = yes
	}
	return yes
}

// newRights checks a device as the authenticator gave it. An ID with a wildcard in it would widen its
// own patterns, so it is refused.
func newRights(d Device, ask func(Question) bool) (*rights, error) {
	if d.ID == "" || len(d.ID) > 128 || !utf8.ValidString(d.ID) || strings.ContainsAny(d.ID, "/+#$") || strings.ContainsFunc(d.ID, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return nil, edge.E(edge.Invalid, "%q cannot be the name of an MQTT device", d.ID)
	}
	r := &rights{Device: d, ask: ask}
	for _, p := range d.Publish {
		r.publish = append(r.publish, strings.ReplaceAll(p, "%d", d.ID))
	}
	for _, p := range d.Subscribe {
		r.subscribe = append(r.subscribe, strings.ReplaceAll(p, "%d", d.ID))
	}
	return r, nil
}

// mayPublish decides on a topic. Topics that begin with $ belong to the broker (MQTT 5 section 4.7.2).
func (r *rights) mayPublish(topic string) bool {
	return r != nil && topic != "" && topic[0] != '$' && r.may(topic, true, r.publish)
}

// mayRead decides on a filter or a topic: every topic the filter matches must be allowed.
func (r *rights) mayRead(filter string) bool {
	if r == nil {
		return false
	}
	if f, shared := unshare(filter); shared {
		filter = f
	}
	if filter == "" || filter[0] == '$' && !r.Operator {
		return false
	}
	return r.may(filter, false, r.subscribe)
}

// mayUse decides on a client identifier.
func (r *rights) mayUse(clientID string) bool {
	if r.AnyClientID || clientID == r.ID {
		return true
	}
	rest, ok := strings.CutPrefix(clientID, r.ID)
	return ok && strings.ContainsRune("-_:./", rune(rest[0]))
}

// unshare takes $share/<group>/ off a filter. The engine takes any case for the prefix, so do we.
func unshare(filter string) (string, bool) {
	head, rest, ok := strings.Cut(filter, "/")
	if !strings.EqualFold(head, "$share") {
		return filter, false
	}
	_, rest, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return "", true
	}
	return rest, true
}

func anyCovers(patterns []string, filter string) bool {
	for _, p := range patterns {
		if covers(p, filter) {
			return true
		}
	}
	return false
}

// covers reports whether pattern matches every topic that filter matches. A filter without wildcards is
// a topic. Wildcards of the pattern do not reach topics that begin with $ (MQTT 5 section 4.7.2).
func covers(pattern, filter string) bool {
	if filter != "" && filter[0] == '$' && (pattern == "" || pattern[0] != '$') {
		return false
	}
	for {
		p, pRest, pMore := strings.Cut(pattern, "/")
		if p == "#" {
			return true
		}
		f, fRest, fMore := strings.Cut(filter, "/")
		if f == "#" || p != "+" && p != f {
			return false
		}
		switch {
		case !pMore && !fMore:
			return true
		case !fMore: // a/# matches a as well
			return pRest == "#"
		case !pMore:
			return false
		}
		pattern, filter = pRest, fRest
	}
}

// goodTopic checks a topic name (MQTT 5 section 4.7.3) and our limits on it.
func (l *Limits) goodTopic(t string) bool {
	return t != "" && len(t) <= l.TopicLength && strings.Count(t, "/") < l.TopicLevels && !strings.ContainsAny(t, "+#\x00")
}

// goodFilter checks a topic filter (MQTT 5 sections 4.7.1 and 4.8.2) and our limits on it.
func (l *Limits) goodFilter(f string) bool {
	rest, shared := unshare(f)
	if shared {
		group, _, _ := strings.Cut(strings.TrimPrefix(f[len("$share"):], "/"), "/")
		if !strings.HasPrefix(f, "$share/") || group == "" || strings.ContainsAny(group, "+#") {
			return false
		}
	}
	if rest == "" || len(f) > l.TopicLength || strings.Count(f, "/") >= l.TopicLevels+2 || strings.ContainsRune(f, 0) {
		return false
	}
	for rest != "" {
		level, after, more := strings.Cut(rest, "/")
		if strings.ContainsAny(level, "+#") && len(level) > 1 || level == "#" && more {
			return false
		}
		rest = after
	}
	return true
}
