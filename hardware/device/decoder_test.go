package device

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/aielon/edge/node/edge"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// show writes a result as a test can compare it: name=value unit, one per sample, readings apart by |.
func show(r Result) string {
	var all []string
	for _, x := range r.Readings {
		var out []string
		for _, s := range x.Samples {
			v := ""
			switch {
			case s.Value != nil:
				v = fmt.Sprint(*s.Value)
			case s.Text != nil:
				v = fmt.Sprintf("%q", *s.Text)
			case s.Bool != nil:
				v = fmt.Sprint(*s.Bool)
			case s.Data != nil:
				v = fmt.Sprintf("%x", s.Data)
			}
			if s.Sum != nil {
				v += fmt.Sprintf("(sum %v)", *s.Sum)
			}
			if s.Unit != "" {
				v += " " + s.Unit
			}
			if !s.Time.IsZero() {
				v += " @" + s.Time.Sub(x.Received).String()
			}
			out = append(out, s.Name+"="+v)
		}
		t := ""
		if !x.DeviceTime.IsZero() {
			t = fmt.Sprintf(" clock %v %d", x.DeviceTime.Sub(x.Received), x.Confidence)
		}
		all = append(all, strings.Join(out, ", ")+t)
	}
	if r.Ignored != "" {
		all = append(all, "ignored: "+r.Ignored)
	}
	if r.Skipped > 0 {
		all = append(all, fmt.Sprintf("skipped %d", r.Skipped))
	}
	return strings.Join(all, " | ")
}

func TestDecode(t *testing.T) {
	for _, c := range []struct{ topic, payload, want string }{
		// bare
		{"d1/temperature", "21.5", "temperature=21.5 Cel"},
		{"d1/temperature", " 21.5 °C\r\n", "temperature=21.5 Cel"},
		{"sensors/d1/room/humidity", "40\x00", "room/humidity=40 %RH"},
		{"d1/relay", "ON", "relay=true"},
		{"d1/door", "hello door", `door="hello door"`},
		{"d1", "5", "d1=5"},
		{"d1/x", "", "ignored: empty"},
		{"d1/weight", "12 apples", `weight="12 apples"`},
		{"d1/count", "9007199254740993", `count="9007199254740993"`},
		{"d1/count", "9007199254740992", "count=9.007199254740992e+15"},
		// JSON
		{"devices/d1/telemetry", `{"temperature":21.5,"humidity":40,"battery":88,"ok":true,"fw":"1.2"}`,
			`temperature=21.5 Cel, humidity=40 %RH, battery=88 %EL, ok=true, fw="1.2"`},
		{"devices/d1/room1", `{"temp":-0.5}`, "room1/temp=-0.5 Cel"},
		{"v1/devices/me/telemetry", `{"ts":1772366400000,"values":{"temp":"21.5","pressure":1013.2}}`, "temp=21.5 Cel, pressure=1013.2 hPa clock 0s 3"},
		{"d1/up", `{"a":{"b":[1,2,{"c":null}]},"s":"x\u0041"}`, `a/b/0=1, a/b/1=2, s="xA"`},
		{"d1/up", `{"temperature":nan,"humidity":40}`, "humidity=40 %RH | skipped 1"},
		{"d1/up", `{}`, "ignored: no values"},
		{"d1/up", `{"id":18446744073709551615,"big":1e300}`, `id="18446744073709551615", big=1e+300`},
		{"d1/up", `{"time":"2026-03-01T11:59:59Z","v":1}`, "v=1 clock -1s 3"},
		{"d1/up", `{"time":"1970-01-01T00:00:09Z","v":1}`, "v=1 clock -492323h59m51s 1"},
		{"d1/up", `{"time":"2027-03-01T00:00:00Z","v":1}`, "v=1 clock 8748h0m0s 1"},
		{"d1/up", `{"timestamp":1772362800,"v":1}`, "v=1 clock -1h0m0s 2"},
		{"d1/up", `{"timestamp":1772362800.5,"v":1}`, "v=1 clock -59m59.5s 2"},
		{"d1/up", `{"ts":1772366400000000000,"v":1}`, "v=1 clock 0s 3"},
		{"d1/up", `{"time":77,"v":1}`, "time=77, v=1"},
		{"d1/up", `[{"ts":1772362800000,"temp":1},{"ts":1772366400000,"temp":2}]`, "temp=1 Cel clock -1h0m0s 2 | temp=2 Cel clock 0s 3"},
		{"d1/up", `[3,{"t":4}]`, "0=3, 1/t=4"},
		{"d1/up", `{"battery":3.05,"temp_f":70,"temperature_2":5}`, "battery=3.05 V, temp_f=70 degF, temperature_2=5 Cel"},
		// SenML (the examples of RFC 8428 section 5.1)
		{"d1/up", `[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]`, "urn:dev:ow:10e2073a01080063=23.1 Cel"},
		{"d1/up", `[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},{"n":"current","u":"A","v":1.2}]`,
			"urn:dev:ow:10e2073a01080063:voltage=120.1 V, urn:dev:ow:10e2073a01080063:current=1.2 A"},
		{"d1/up", `[{"bn":"urn:dev:ops:d1:","bt":1772366400,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},{"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3}]`,
			"voltage=120.1 V @0s, current=1.2 A @-5s, current=1.3 A @-4s clock 0s 3"},
		{"d1/up", `[{"n":"x","t":-60,"v":1}]`, "x=1 @-1m0s clock -1m0s 2"},
		{"d1/up", `[{"bn":"x","bv":100,"bs":1},{"v":1.5},{"vb":false,"n":"b"},{"vs":"t","n":"s"},{"vd":"aGk","n":"d"},{"s":2,"n":"e"}]`,
			`x=101.5, xb=false, xs="t", xd=6869, xe=(sum 3)`},
		// Zigbee2MQTT
		{"zigbee2mqtt/kitchen/window", `{"battery":97,"contact":false,"last_seen":"2026-03-01T12:00:01.000Z","linkquality":105,"voltage":3015,"device":{"ieeeAddr":"0x00"}}`,
			"kitchen/window/battery=97 %EL, kitchen/window/contact=false, kitchen/window/linkquality=105, kitchen/window/voltage=3015 mV clock 1s 3"},
		{"zigbee2mqtt/plug/availability", `{"state":"online"}`, "plug/online=true"},
		{"zigbee2mqtt/plug/availability", `offline`, "plug/online=false"},
		{"zigbee2mqtt/bridge/state", `{"state":"offline"}`, "bridge/online=false"},
		{"zigbee2mqtt/bridge/devices", `[{}]`, "ignored: the bridge's own papers"},
		{"zigbee2mqtt/plug/set", `{"state":"ON"}`, "ignored: a command"},
		{"zigbee2mqtt/plug", `{"state":"ON","power":5.1,"update":{"state":"idle"}}`, `plug/state=true, plug/power=5.1 W, plug/update/state="idle"`},
		// Tasmota
		{"tele/d1/SENSOR", `{"Time":"2026-03-01T12:00:00","DS18B20":{"Id":"01131B123456","Temperature":17.8},"TempUnit":"C"}`,
			`DS18B20/Id="01131B123456", DS18B20/Temperature=17.8 Cel, TempUnit="C" clock 0s 2`},
		{"tele/sonoff/SENSOR", `{"Time":"2026-03-01T12:00:00","AM2301":{"Temperature":70.1,"Humidity":44.0},"TempUnit":"F"}`,
			`sonoff/AM2301/Temperature=70.1 degF, sonoff/AM2301/Humidity=44 %RH, sonoff/TempUnit="F" clock 0s 2`},
		{"tele/d1/STATE", `{"Time":"2026-03-01T12:00:00","UptimeSec":910,"POWER":"ON","Wifi":{"RSSI":70,"Signal":-65}}`,
			"UptimeSec=910 s, POWER=true, Wifi/RSSI=70, Wifi/Signal=-65 clock 0s 2"},
		{"tele/d1/LWT", "Online", "online=true"},
		{"stat/d1/POWER", "OFF", "power=false"},
		{"d1/tele/SENSOR", `{"Time":"2026-03-01T12:00:00","ENERGY":{"Power":60,"Voltage":230}}`, "ENERGY/Power=60 W, ENERGY/Voltage=230 V clock 0s 2"},
		// ESPHome
		{"d1/sensor/living_room_temperature/state", "21.3", "living_room_temperature=21.3 Cel"},
		{"d1/binary_sensor/door/state", "OFF", "door=false"},
		{"d1/text_sensor/version/state", "2024", `version="2024"`},
		{"d1/light/lamp/state", `{"state":"ON","brightness":255}`, "lamp/state=true, lamp/brightness=255"},
		{"d1/switch/relay/command", "ON", "ignored: a command"},
		{"d1/debug", "[D][sensor:094]: 'x'", "ignored: a log line"},
	} {
		t.Run(c.topic, func(t *testing.T) {
			d := New(Options{})
			r, err := d.Decode(Message{Device: "d1", Topic: c.topic, Payload: []byte(c.payload), Received: now})
			if err != nil {
				t.Fatalf("%s: %v", c.payload, err)
			}
			if got := show(r); got != c.want {
				t.Errorf("%s\n got %s\nwant %s", c.payload, got, c.want)
			}
			for _, x := range r.Readings {
				if x.Device != "d1" || !x.Received.Equal(now) {
					t.Errorf("reading of %q at %v", x.Device, x.Received)
				}
			}
		})
	}
}

func TestRefused(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9)
	many := "{" + strings.Repeat(`"a":1,`, MaxSamples) + `"b":1}`
	for name, c := range map[string]Message{
		"too deep":            {Topic: "d1/up", Payload: []byte(deep)},
		"too many":            {Topic: "d1/up", Payload: []byte(many)},
		"too long":            {Topic: "d1/up", Payload: make([]byte, MaxPayload+1)},
		"half":                {Topic: "d1/up", Payload: []byte(`{"a":1`)},
		"comma":               {Topic: "d1/up", Payload: []byte(`{"a":1,}`)},
		"leading zero":        {Topic: "d1/up", Payload: []byte(`{"a":01}`)},
		"tail":                {Topic: "d1/up", Payload: []byte(`{"a":1} x`)},
		"not UTF-8":           {Topic: "d1/up", Payload: []byte("{\"a\":\"\xff\"}")},
		"binary":              {Topic: "d1/up", Payload: []byte{0xde, 0xad, 0, 1}},
		"nan":                 {Topic: "d1/up", Payload: []byte("nan")},
		"only NaN":            {Topic: "d1/up", Payload: []byte(`{"t":NaN}`)},
		"huge number":         {Topic: "d1/up", Payload: []byte("1e999")},
		"SenML two values":    {Topic: "d1/up", Payload: []byte(`[{"n":"a","v":1,"vs":"x"}]`)},
		"SenML must":          {Topic: "d1/up", Payload: []byte(`[{"n":"a","v":1,"new_":"x"}]`)},
		"SenML no name":       {Topic: "d1/up", Payload: []byte(`[{"v":1}]`), ContentType: "application/senml+json"},
		"SenML type":          {Topic: "d1/up", Payload: []byte(`[{"n":"a","v":"1"}]`)},
		"SenML version":       {Topic: "d1/up", Payload: []byte(`[{"bver":11,"n":"a","v":1}]`)},
		"CBOR rubbish":        {Topic: "d1/up", Payload: []byte{0x81, 0xff}, ContentType: "application/senml+cbor"},
		"Sparkplug rubbish":   {Topic: "spBv1.0/g/NDATA/e", Payload: []byte("hello")},
		"Sparkplug topic":     {Topic: "spBv1.0/g", Payload: nil},
		"Sparkplug alias":     {Topic: "spBv1.0/g/NDATA/e", Payload: plug(0, plugM("", 7, 9, 12, 0))},
		"discovery rubbish":   {Topic: "homeassistant/sensor/x/config", Payload: []byte("{")},
		"SenML many":          {Topic: "d1/up", Payload: []byte("[" + strings.Repeat(`{"n":"a","v":1},`, MaxSamples) + `{"n":"a","v":1}]`)},
		"array of too many":   {Topic: "d1/up", Payload: []byte("[" + strings.Repeat("1,", MaxSamples) + "1]")},
		"control in a string": {Topic: "d1/up", Payload: []byte("{\"a\":\"\x01\"}")},
	} {
		c.Device, c.Received = "d1", now
		r, err := New(Options{}).Decode(c)
		if err == nil {
			t.Errorf("%s was read: %s", name, show(r))
		} else if !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v is %v", name, err, edge.KindOf(err))
		}
	}
}

// plug and plugM write Sparkplug payloads by hand.
func plug(at uint64, metrics ...[]byte) []byte {
	var b []byte
	if at > 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, 1, protowire.VarintType), at)
	}
	for _, m := range metrics {
		b = protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), m)
	}
	return protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), 1)
}

func plugM(name string, alias, datatype uint64, field protowire.Number, bits uint64) []byte {
	var b []byte
	if name != "" {
		b = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), name)
	}
	if alias > 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), alias)
	}
	if datatype > 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, 4, protowire.VarintType), datatype)
	}
	switch field {
	case 12:
		b = protowire.AppendFixed32(protowire.AppendTag(b, 12, protowire.Fixed32Type), uint32(bits))
	case 13:
		b = protowire.AppendFixed64(protowire.AppendTag(b, 13, protowire.Fixed64Type), bits)
	case 10, 11, 14:
		b = protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), bits)
	}
	return b
}

func TestSparkplug(t *testing.T) {
	d := New(Options{})
	at := uint64(now.UnixMilli())
	send := func(device, topic string, payload []byte) string {
		t.Helper()
		r, err := d.Decode(Message{Device: device, Topic: topic, Payload: payload, Received: now})
		if err != nil {
			return "error: " + err.Error()
		}
		return show(r)
	}
	unit := protowire.AppendBytes(protowire.AppendTag(nil, 9, protowire.BytesType), propEngUnit("°C"))
	birth := plug(at, append(plugM("Temp", 1, 9, 12, uint64(math.Float32bits(21.3))), unit...), plugM("Count", 2, 8, 11, 1<<60), plugM("Neg", 3, 3, 10, uint64(uint32(0xffffffff))))
	steps := []struct {
		device, topic, want string
		b                   []byte
	}{
		{"gw", "spBv1.0/g/NDATA/gw", "error: the Sparkplug alias 1 was never announced (the edge node must send its birth message again; ask it to by its Node Control/Rebirth)", plug(at, plugM("", 1, 0, 12, 0))},
		{"gw", "spBv1.0/g/NBIRTH/gw", `online=true, Temp=21.3 Cel, Count="1152921504606846976", Neg=-1 clock 0s 3`, birth},
		{"gw", "spBv1.0/g/NDATA/gw", "Temp=20 Cel, Neg=-2 clock 0s 3", plug(at, plugM("", 1, 0, 12, uint64(math.Float32bits(20))), plugM("", 3, 0, 10, uint64(uint32(0xfffffffe))))},
		{"other", "spBv1.0/g/NDATA/gw", "error: the Sparkplug alias 1 was never announced (the edge node must send its birth message again; ask it to by its Node Control/Rebirth)", plug(at, plugM("", 1, 0, 12, 0))},
		{"gw", "spBv1.0/g/DBIRTH/gw/pump", "pump/online=true, pump/Run=true clock 0s 3", plug(at, plugM("Run", 9, 11, 14, 1))},
		{"gw", "spBv1.0/g/DDATA/gw/pump", "pump/Run=false clock 0s 3", plug(at, plugM("", 9, 0, 14, 0))},
		{"gw", "spBv1.0/g/DDEATH/gw/pump", "pump/online=false", nil},
		{"gw", "spBv1.0/g/NCMD/gw", "ignored: a command", nil},
		{"gw", "spBv1.0/STATE/host", "ignored: the state of a host", []byte("{}")},
		{"gw", "spBv1.0/g/NBIRTH/gw", "online=true clock 0s 3", plug(at)},
		{"gw", "spBv1.0/g/NDATA/gw", "error: the Sparkplug alias 9 was never announced (the edge node must send its birth message again; ask it to by its Node Control/Rebirth)", plug(at, plugM("", 9, 0, 14, 0))},
	}
	for _, s := range steps {
		if got := send(s.device, s.topic, s.b); got != s.want {
			t.Errorf("%s\n got %s\nwant %s", s.topic, got, s.want)
		}
	}
}

func propEngUnit(u string) []byte {
	b := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "engUnit")
	v := protowire.AppendString(protowire.AppendTag(nil, 8, protowire.BytesType), u)
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), v)
}

func TestCBOR(t *testing.T) {
	b, err := cbor.Marshal([]map[int]any{{-2: "urn:dev:ops:d1:", 0: "temp", 1: "Cel", 2: 21.5}, {0: "n", 2: uint64(1 << 60)}, {0: "raw", 8: []byte{1}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, ct := range []string{"application/senml+cbor", ""} {
		r, err := New(Options{}).Decode(Message{Device: "d1", Topic: "x", Payload: b, ContentType: ct, Received: now})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := show(r), `temp=21.5 Cel, n="1152921504606846976", raw=01`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestDiscovery(t *testing.T) {
	d := New(Options{})
	for topic, p := range map[string]string{
		"homeassistant/sensor/0x1/temperature/config": `{"name":"Kitchen","state_topic":"z/kitchen","unit_of_measurement":"°F","value_template":"{{ value_json.t }}"}`,
		"homeassistant/sensor/0x1/hum/config":         `{"~":"z","stat_t":"~/kitchen","unit_of_meas":"%","dev_cla":"humidity","val_tpl":"{{ value_json['h'] | float | round(1) }}"}`,
		"homeassistant/sensor/0x1/odd/config":         `{"stat_t":"z/kitchen","unit_of_meas":"W","val_tpl":"{{ value_json.p * 10 }}"}`,
		"homeassistant/sensor/x/config":               `{"stat_t":"z/bare","unit_of_meas":"kPa"}`,
		"homeassistant/device/y/config":               `{"stat_t":"z/dev","cmps":{"a":{"p":"sensor","unit_of_meas":"lx","val_tpl":"{{ value_json.a.b }}"}}}`,
	} {
		r, err := d.Decode(Message{Device: "d1", Topic: topic, Payload: []byte(p), Received: now})
		if err != nil || r.Ignored != "discovery" {
			t.Fatalf("%s: %v %v", topic, r, err)
		}
	}
	if d.UnknownTemplates() != 1 {
		t.Errorf("%d unknown templates", d.UnknownTemplates())
	}
	for _, c := range [][3]string{
		{"d1", "z/kitchen", "z/kitchen/t=70 degF, z/kitchen/h=40 %RH, z/kitchen/p=3"},
		{"d2", "z/kitchen", "z/kitchen/t=70, z/kitchen/h=40, z/kitchen/p=3"},
	} {
		r, err := d.Decode(Message{Device: c[0], Topic: c[1], Payload: []byte(`{"t":70,"h":40,"p":3}`), Received: now})
		if err != nil || show(r) != c[2] {
			t.Errorf("got %s, %v; want %s", show(r), err, c[2])
		}
	}
	r, _ := d.Decode(Message{Device: "d1", Topic: "z/bare", Payload: []byte("5"), Received: now})
	if show(r) != "z/bare=5 kPa" {
		t.Error(show(r))
	}
	r, _ = d.Decode(Message{Device: "d1", Topic: "z/dev", Payload: []byte(`{"a":{"b":5}}`), Received: now})
	if show(r) != "z/dev/a/b=5 lx" {
		t.Error(show(r))
	}
}

func TestTemplatePath(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "{{ value }}": "", "{{ value | float }}": "", "{{value_json.a}}": "a", "{{ value_json['a b'] }}": "!",
		"{{ value_json.a['b'].c }}": "a/b/c", `{{ value_json["a"][0] }}`: "a/0", "{{ value_json.a | int * 2 }}": "!", "{% if x %}": "!", "{{ states('x') }}": "!",
	} {
		got, ok := templatePath(in)
		if !ok {
			got = "!"
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	d := New(Options{Remember: 8})
	for i := range 100 {
		m := Message{Device: fmt.Sprint("d", i), Topic: "homeassistant/sensor/x/config", Payload: []byte(`{"stat_t":"a","unit_of_meas":"V"}`), Received: now}
		d.Decode(m)
		d.Decode(Message{Device: m.Device, Topic: "spBv1.0/g/NBIRTH/e", Payload: plug(1, plugM("a", 1, 1, 10, 1)), Received: now})
		d.Decode(Message{Device: m.Device, Topic: "x", Payload: []byte(`{"ts":1772366400,"a":1}`), Received: now})
	}
	if n := len(d.topics.items); n > 8 {
		t.Errorf("%d topics are remembered", n)
	}
	if n := len(d.aliases.items); n > 8 {
		t.Errorf("%d edge nodes are remembered", n)
	}
	if n := len(d.clocks.items); n > 8 {
		t.Errorf("%d clocks are remembered", n)
	}
}

func TestOldReadingsInOrder(t *testing.T) {
	d := New(Options{})
	for _, c := range []struct {
		ts   string
		want edge.Confidence
	}{{"2025-01-01T00:00:00Z", edge.Plausible}, {"2025-01-02T00:00:00Z", edge.Plausible}, {"2024-01-01T00:00:00Z", edge.Implausible}, {"2026-03-01T12:00:00Z", edge.Exact}, {"2025-06-01T00:00:00Z", edge.Implausible}} {
		r, err := d.Decode(Message{Device: "d1", Topic: "x", Payload: []byte(`{"time":"` + c.ts + `","v":1}`), Received: now})
		if err != nil || r.Readings[0].Confidence != c.want {
			t.Errorf("%s: got %v, %v", c.ts, r.Readings, err)
		}
	}
}
