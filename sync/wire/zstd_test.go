package wire

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/klauspost/compress/dict"
	"github.com/klauspost/compress/zstd"

	"github.com/aielon/edge/node/edge"
)

var (
	update  = flag.Bool("update", false, "write the golden files anew")
	newDict = flag.Bool("dict", false, "make the dictionary anew; a released one must keep its bytes, so give it a new id")
)

// ordinary makes readings as clinics and mosques have them: cold chains, rooms, oximeters, meters.
func ordinary(seed uint64, n int) []edge.Record {
	r := rand.New(rand.NewPCG(seed, 7))
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(seed) * 37 * time.Hour)
	f := func(mean, dev float64) *float64 {
		v := float64(int((mean+r.NormFloat64()*dev)*100)) / 100
		return &v
	}
	pos := edge.Genesis("test", seed+1, edge.Pos{})
	var out []edge.Record
	for range n {
		at = at.Add(time.Duration(r.IntN(20_000)) * time.Millisecond)
		rd := edge.Reading{Received: at, Confidence: edge.Confidence(r.IntN(4))}
		if rd.Confidence > edge.Implausible {
			rd.DeviceTime = at.Add(-time.Duration(r.IntN(900)) * time.Millisecond)
		}
		b, open := f(3.4, .2), r.IntN(10) == 0
		switch k := r.IntN(5); k {
		case 0:
			rd.Device = fmt.Sprintf("fridge-%02d", r.IntN(20))
			rd.Samples = []edge.Sample{{Name: "temperature", Unit: "Cel", Value: f(4.5, 1)}, {Name: "door", Bool: &open}, {Name: "battery", Unit: "V", Value: b}}
		case 1:
			rd.Device = fmt.Sprintf("room-%d", r.IntN(40))
			rd.Samples = []edge.Sample{{Name: "temperature", Unit: "Cel", Value: f(24, 2)}, {Name: "humidity", Unit: "%RH", Value: f(40, 6)}, {Name: "co2", Unit: "ppm", Value: f(600, 90)}}
		case 2:
			rd.Device = fmt.Sprintf("oximeter-%d", r.IntN(9))
			rd.Samples = []edge.Sample{{Name: "spo2", Unit: "%", Value: f(97, 1)}, {Name: "pulse", Unit: "beat/min", Value: f(78, 9)}}
		case 3:
			rd.Device = fmt.Sprintf("meter-%d", r.IntN(6))
			rd.Samples = []edge.Sample{{Name: "power", Unit: "W", Value: f(900, 300)}, {Name: "voltage", Unit: "V", Value: f(230, 4)}, {Name: "energy", Unit: "kWh", Value: f(48211, 3)}}
		case 4:
			rd.Device = fmt.Sprintf("%016x", r.Uint64N(50)*0x9e3779b97f4a7c15)
			rd.Samples = []edge.Sample{{Name: "level", Unit: "%", Value: f(60, 20)}, {Name: "rssi", Unit: "dBm", Value: f(-90, 9)}}
		}
		e := edge.Event{Type: edge.TypeReading, Subject: rd.Device, Class: edge.SiteOnly, Urgency: edge.Telemetry, Time: at, Body: rd.AppendSenML(nil)}
		pos = pos.Next(edge.AppendEvent(nil, e))
		out = append(out, edge.Record{Pos: pos, Event: e})
	}
	return out
}

func testCodec(t testing.TB) *Codec {
	t.Helper()
	c, err := NewCodec(2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func build(t testing.TB, recs []edge.Record, seed uint64) *Builder {
	t.Helper()
	b := NewBuilder(SiteStream("alnoor", "readings.telemetry"), edge.Telemetry, edge.Genesis("test", seed+1, edge.Pos{}), MaxRaw)
	for _, r := range recs {
		if ok, err := b.Add(r); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	return b
}

// TestDictionaryMake writes the dictionary; what it learns from is not what the others measure.
func TestDictionaryMake(t *testing.T) {
	if !*newDict {
		t.Skip("only with -dict")
	}
	var in [][]byte
	for seed := range uint64(400) {
		n := []int{1, 1, 2, 4, 8}[seed%5]
		in = append(in, build(t, ordinary(1000+seed, n), 1000+seed).raw)
	}
	d, err := dict.BuildZstdDict(in, dict.Options{MaxDictSize: 6 << 10, HashBytes: 6, ZstdDictID: DictReadings, ZstdLevel: zstd.SpeedFastest})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("dict1.zdict", d, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", len(d))
}

// The dictionary must earn its place: at least 1.3 times fewer bytes for batches of 1 to 8 records.
func TestDictionaryPays(t *testing.T) {
	c := testCodec(t)
	for _, n := range []int{1, 2, 4, 8, 64, 256} {
		var raw, none, with, frames int
		for seed := range uint64(40) {
			recs := ordinary(seed, n)
			a := build(t, recs, seed)
			raw += a.Size()
			none += len(a.Seal(c, 0).Payload)
			f := build(t, recs, seed).Seal(c, DictReadings)
			with += len(f.Payload)
			b, err := AppendFrame(nil, f)
			if err != nil {
				t.Fatal(err)
			}
			frames += len(b)
		}
		per := func(total int) float64 { return float64(total) / float64(40*n) }
		t.Logf("%3d records: raw %.0f, zstd %.1f, with the dictionary %.1f, on the wire with head %.1f bytes a record; gain %.2f",
			n, per(raw), per(none), per(with), per(frames), float64(none)/float64(with))
		if n <= 8 && float64(none) < 1.3*float64(with) {
			t.Errorf("%d records: the dictionary saves too little: %d against %d bytes", n, none, with)
		}
	}
}
