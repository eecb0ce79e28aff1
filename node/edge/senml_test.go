package edge

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawReading(t *rapid.T) Reading {
	ms := func(name string) time.Time {
		return time.UnixMilli(rapid.Int64Range(-1e12, 4e12).Draw(t, name)).UTC()
	}
	r := Reading{Device: rapid.String().Draw(t, "device"), Received: ms("received"), Confidence: Confidence(rapid.IntRange(0, 3).Draw(t, "clock"))}
	if rapid.Bool().Draw(t, "has time") {
		r.DeviceTime = ms("device time")
	}
	for range rapid.IntRange(1, 4).Draw(t, "samples") {
		s := Sample{Name: rapid.String().Draw(t, "name"), Unit: rapid.String().Draw(t, "unit")}
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			s.Value = new(rapid.Float64().Draw(t, "value"))
		case 1:
			s.Text = new(rapid.String().Draw(t, "text"))
		case 2:
			s.Bool = new(rapid.Bool().Draw(t, "flag"))
		case 3:
			s.Data = rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "data")
		}
		if rapid.Bool().Draw(t, "own time") {
			s.Time = ms("time")
		}
		r.Samples = append(r.Samples, s)
	}
	return r
}

func TestSenMLComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawReading(t)
		got, err := ParseSenML(want.AppendSenML(nil))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\n%+v\n%+v, %v", want.AppendSenML(nil), want, got, err)
		}
	})
}

// What was read, and can be written, is read the same again: nothing a body says makes it panic or change.
func FuzzParseSenML(f *testing.F) {
	v := 21.5
	f.Add(Reading{Device: "bp-1", Received: time.Unix(1e9, 0), Samples: []Sample{{Name: "t", Unit: "Cel", Value: &v}}}.AppendSenML(nil))
	for _, s := range []string{`[]`, `[{}]`, `[{"bt":1e308,"t":-1e308,"v":null,"vd":""}]`, `{"n":"x"}`, `[{"v":1e400}]`, `[{"clock":256}]`, `null`, `[{"vs":"\ud800"}]`, `[{"bn":"urn:dev:ops:"}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseSenML(b)
		if err != nil {
			if !IsKind(err, Corrupt) {
				t.Fatal(err)
			}
			return
		}
		if len(r.Samples) == 0 || r.Received.Year() < 1900 || r.Received.Year() > 2200 {
			return // no device's reading; times beyond are held at a bound
		}
		one := r.AppendSenML(nil)
		again, err := ParseSenML(one)
		if err != nil || !bytes.Equal(again.AppendSenML(nil), one) {
			t.Fatalf("%s\n%s, %v", one, again.AppendSenML(nil), err)
		}
	})
}

// A device whose clock is off by a century keeps its times: they are told against the box's own.
func TestSenMLFarTimes(t *testing.T) {
	want := Reading{Device: "old", Received: time.UnixMilli(-1e12).UTC(), Samples: []Sample{{Name: "t", Text: new("x"), Time: time.UnixMilli(4e12).UTC()}}}
	if got, err := ParseSenML(want.AppendSenML(nil)); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
}
