package edge

import (
	"encoding/json"
	"math"
	"strings"
	"time"
)

// pack is what AppendSenML writes of one sample. Labels nobody knows are skipped (RFC 8428 section 4.4).
type pack struct {
	BaseName string   `json:"bn"`
	BaseTime float64  `json:"bt"`
	Clock    uint8    `json:"clock"`
	DevTime  *float64 `json:"devtime"`
	Name     string   `json:"n"`
	Unit     string   `json:"u"`
	Value    *float64 `json:"v"`
	Text     *string  `json:"vs"`
	Bool     *bool    `json:"vb"`
	Data     []byte   `json:"vd"`
	Sum      *float64 `json:"s"`
	Time     *float64 `json:"t"`
}

// ParseSenML reads what AppendSenML wrote. Times are good to the millisecond. It fails with Corrupt.
func ParseSenML(b []byte) (r Reading, err error) {
	var list []pack
	if err := json.Unmarshal(b, &list); err != nil {
		return Reading{}, E(Corrupt, "the body of a reading cannot be read: %w", err)
	}
	for i, p := range list {
		if i == 0 {
			r.Device = strings.TrimSuffix(strings.TrimPrefix(p.BaseName, "urn:dev:ops:"), ":")
			r.Received, r.Confidence = at(p.BaseTime), Confidence(p.Clock)
			if p.DevTime != nil {
				r.DeviceTime = at(*p.DevTime)
			}
		}
		s := Sample{Name: p.Name, Unit: p.Unit, Value: p.Value, Text: p.Text, Bool: p.Bool, Data: p.Data, Sum: p.Sum}
		if p.Time != nil {
			s.Time = r.Received.Add(millis(*p.Time))
		}
		r.Samples = append(r.Samples, s)
	}
	return r, nil
}

// at is a time given in seconds, and millis a span.
func at(seconds float64) time.Time { return time.Unix(0, 0).Add(millis(seconds)).UTC() }

func millis(seconds float64) time.Duration {
	const most = math.MaxInt64 / int64(time.Millisecond) // 292 years
	return time.Duration(min(max(math.Round(seconds*1e3), -float64(most)), float64(most))) * time.Millisecond
}
