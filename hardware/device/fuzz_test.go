package device

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
)

// sound checks what must hold of every result, whatever was sent.
func sound(t *testing.T, d *Decoder, m Message) {
	t.Helper()
	r, err := d.Decode(m)
	if err != nil {
		if !edge.IsKind(err, edge.Invalid) {
			t.Fatalf("an error of kind %v: %v", edge.KindOf(err), err)
		}
		return
	}
	if len(r.Readings) == 0 && r.Ignored == "" && len(m.Payload) > 0 {
		t.Fatalf("nothing came of %q and nobody says why", m.Payload)
	}
	n := 0
	for _, x := range r.Readings {
		n += len(x.Samples)
		for _, s := range x.Samples {
			if s.Name == "" || len(s.Name) > MaxName || !finite(s.Value) || !finite(s.Sum) {
				t.Fatalf("sample %+v", s)
			}
			if s.Text != nil && !utf8.ValidString(*s.Text) {
				t.Fatalf("text %q is not UTF-8", *s.Text)
			}
		}
		if b := x.AppendSenML(nil); !json.Valid(b) {
			t.Fatalf("bad SenML: %s", b)
		}
	}
	if n > 2*MaxSamples*maxArray {
		t.Fatalf("%d samples", n)
	}
}

func fuzzTopic(f *testing.F, topic, contentType string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	d := New(Options{Remember: 64})
	f.Fuzz(func(t *testing.T, b []byte) {
		sound(t, d, Message{Device: "d1", Topic: topic, Payload: b, ContentType: contentType, Received: now})
	})
}

func FuzzJSON(f *testing.F) {
	fuzzTopic(f, "d1/up", "", `{"a":[1,{"b":"c\u0041"}],"ts":1772366400000}`, `[{"n":"x","v":1}]`, `[1,2]`, `21.5 °C`, `{"a":-Infinity}`)
}
func FuzzSenMLCBOR(f *testing.F) {
	fuzzTopic(f, "d1/up", "application/senml+cbor", "\x81\xa3\x21\x61x\x00\x61n\x02\x01")
}
func FuzzSparkplug(f *testing.F) {
	fuzzTopic(f, "spBv1.0/g/NBIRTH/e/d", "", string(plug(1, plugM("a", 1, 9, 12, 1))), string(plug(1, plugM("", 1, 9, 13, 1))))
}
func FuzzDiscovery(f *testing.F) {
	fuzzTopic(f, "homeassistant/sensor/x/config", "", `{"~":"z","stat_t":"~/kitchen","val_tpl":"{{ value_json['h'] | float }}"}`)
}
func FuzzTasmota(f *testing.F) {
	fuzzTopic(f, "tele/x/SENSOR", "", `{"Time":"2026-03-01T12:00:00","A":{"Temperature":1},"TempUnit":"F"}`)
}
func FuzzZigbee(f *testing.F) {
	fuzzTopic(f, "zigbee2mqtt/x", "", `{"state":"ON","last_seen":1772366400000}`)
}
func FuzzTopic(f *testing.F) {
	for _, s := range []string{"a/sensor/b/state", "tele/x/LWT", "spBv1.0/g/NDATA/e", "zigbee2mqtt/x/availability", "//", ""} {
		f.Add(s, []byte("1"))
	}
	d := New(Options{Remember: 64})
	f.Fuzz(func(t *testing.T, topic string, b []byte) {
		if !utf8.ValidString(topic) || strings.ContainsAny(topic, "\x00+#") || topic == "" {
			t.Skip()
		}
		sound(t, d, Message{Device: "d1", Topic: topic, Payload: b, Received: now})
	})
}

// TestNumbersAreExact: what JSON says and what is recorded are the same number, or the same digits.
func TestNumbersAreExact(t *testing.T) {
	d := New(Options{})
	rapid.Check(t, func(rt *rapid.T) {
		f := rapid.Float64().Draw(rt, "f")
		if math.IsNaN(f) || math.IsInf(f, 0) {
			rt.Skip()
		}
		b, _ := json.Marshal(map[string]float64{"q": f})
		r, err := d.Decode(Message{Device: "d1", Topic: "x", Payload: b, Received: now})
		if err != nil {
			rt.Fatal(err)
		}
		s := r.Readings[0].Samples[0]
		if s.Value != nil && *s.Value != f || s.Text != nil && !strings.Contains(string(b), *s.Text) {
			rt.Fatalf("%s became %+v", b, s)
		}
		i := rapid.Int64().Draw(rt, "i")
		b, _ = json.Marshal(map[string]int64{"q": i})
		r, _ = d.Decode(Message{Device: "d1", Topic: "x", Payload: b, Received: now})
		s = r.Readings[0].Samples[0]
		if s.Value != nil && int64(*s.Value) != i || s.Text != nil && !strings.Contains(string(b), ":"+*s.Text) {
			rt.Fatalf("%s became %+v", b, s)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for name, m := range map[string]Message{
		"flat JSON of 6": {Topic: "devices/d1/telemetry", Payload: []byte(`{"temperature":21.5,"humidity":40.25,"pressure":1013.2,"battery":88,"rssi":-61,"ok":true}`)},
		"JSON with time": {Topic: "devices/d1/telemetry", Payload: []byte(`{"time":"2026-03-01T12:00:00Z","temperature":21.5}`)},
		"bare number":    {Topic: "devices/d1/temperature", Payload: []byte(`21.5`)},
		"SenML of 3":     {Topic: "devices/d1/up", Payload: []byte(`[{"bn":"d1:","bt":1772366400,"n":"voltage","u":"V","v":120.1},{"n":"current","t":-5,"v":1.2},{"n":"power","u":"W","v":1.3}]`)},
		"Sparkplug of 3": {Topic: "spBv1.0/g/NBIRTH/d1", Payload: plug(1772366400000, plugM("Temp", 1, 9, 12, 1), plugM("Count", 2, 8, 11, 5), plugM("Neg", 3, 3, 10, 7))},
		"Tasmota sensor": {Topic: "tele/d1/SENSOR", Payload: []byte(`{"Time":"2026-03-01T12:00:00","DS18B20":{"Id":"01131B123456","Temperature":17.8},"TempUnit":"C"}`)},
	} {
		b.Run(name, func(b *testing.B) {
			d := New(Options{})
			m.Device, m.Received = "d1", now
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Decode(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStandardJSON is the yardstick: the standard library on the flat message of BenchmarkDecode.
func BenchmarkStandardJSON(b *testing.B) {
	in := []byte(`{"temperature":21.5,"humidity":40.25,"pressure":1013.2,"battery":88,"rssi":-61,"ok":true}`)
	b.ReportAllocs()
	for b.Loop() {
		var v map[string]any
		if err := json.Unmarshal(in, &v); err != nil {
			b.Fatal(err)
		}
	}
}
