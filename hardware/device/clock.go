package device

import (
	"strconv"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

// floor is before any device that could be sending to us was made; a clock below it was never set.
var floor = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// trust judges a device's time against the node's. Old readings of a device that was out of reach are
// plausible as long as they come in order.
func (d *Decoder) trust(device string, at, now time.Time) edge.Confidence {
	diff := at.Sub(now)
	switch {
	case diff.Abs() <= 2*time.Second:
		d.saw(device, at)
		return edge.Exact
	case diff.Abs() <= 24*time.Hour:
		d.saw(device, at)
		return edge.Plausible
	case diff > 0 || at.Before(floor):
		return edge.Implausible
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if last, ok := d.clocks.get(device); ok && at.Before(last) {
		return edge.Implausible
	}
	d.clocks.put(device, at)
	return edge.Plausible
}

func (d *Decoder) saw(device string, at time.Time) {
	d.mu.Lock()
	if last, ok := d.clocks.get(device); !ok || at.After(last) {
		d.clocks.put(device, at)
	}
	d.mu.Unlock()
}

// isTimeKey reports whether a key of an object names the moment the object is about.
func isTimeKey(k []byte) bool {
	if len(k) < 2 || len(k) > 12 {
		return false
	}
	switch string(k) {
	case "time", "Time", "timestamp", "Timestamp", "timeStamp", "ts", "datetime", "dateTime", "DateTime", "date_time",
		"measured_at", "measuredAt", "sampled_at", "reported_at", "recorded_at", "created_at", "epoch", "unixtime",
		"last_seen", "utc", "UTC":
		return true
	}
	return false
}

// numberTime takes a number for a moment by its size: seconds, milliseconds, microseconds or
// nanoseconds since 1970. Numbers below 1973 are more likely an uptime than a time.
func numberTime(s []byte) (time.Time, bool) {
	f, err := strconv.ParseFloat(string(s), 64)
	if err != nil || f < 1e8 || f >= 9e18 {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(string(s), 10, 64)
	switch {
	case f < 1e11:
		return time.Unix(0, int64(f*1e3)*1e6).UTC(), true // milliseconds is what a float of seconds holds
	case err != nil:
		return time.Time{}, false
	case f < 1e14:
		return time.UnixMilli(n).UTC(), true
	case f < 1e17:
		return time.UnixMicro(n).UTC(), true
	}
	return time.Unix(0, n).UTC(), true
}

// textTime reads ISO 8601 and what is commonly sent for it. A time without a zone is taken in the
// decoder's zone, or in UTC where that is nearer to the node's clock.
func (d *Decoder) textTime(s string, now time.Time) (t time.Time, ok bool) {
	if len(s) < 10 || len(s) > 40 || s[0] < '0' || s[0] > '9' {
		return t, false
	}
	if strings.Trim(s, "0123456789.") == "" {
		return numberTime([]byte(s))
	}
	if t, ok := parseRFC3339(s); ok {
		return t, true
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006/01/02 15:04:05", "2006-01-02T15:04"} {
		local, err := time.ParseInLocation(layout, s, d.zone)
		if err != nil {
			continue
		}
		utc, _ := time.Parse(layout, s)
		if utc.Sub(now).Abs() < local.Sub(now).Abs() {
			return utc, true
		}
		return local.UTC(), true
	}
	return t, false
}

func parseRFC3339(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
