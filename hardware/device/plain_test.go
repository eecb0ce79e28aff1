package device

import (
	"reflect"
	"testing"
	"time"
)

// FuzzPlainPack compares the quick reader with the one that reads everything: where the quick one takes a
// pack, both must make the same of it.
func FuzzPlainPack(f *testing.F) {
	for _, s := range []string{
		`[{"bn":"urn:dev:fridge-07:","bt":1790000000.123,"n":"temperature","u":"Cel","v":4.52},{"n":"battery","u":"V","v":3.41},{"n":"note","vs":"door \u00fcber"}]`,
		`[{"n":"a","v":1},{"n":"a","v":2,"v":3}]`, `[]`, `[{}]`, `[{"n":"a","v":1e400}]`, `[{"n":"a","v":9007199254740993}]`, `[{"n":"a","vb":true}]`,
		`[{"n":"a","v":-0,"bv":0.1,"bu":"V"},{"n":"b","v":2,"t":-5}]`, `[{"n":"a","vs":"x","v":1}]`, `[{"bver":11,"n":"a","v":1}]`, `[{"n":"a","v":1}] `, `[{"n":"a","v":1}]x`,
		`[{"bn":"x","bt":1e3,"n":"y","v":01}]`, `[{"n_":1,"n":"a","v":1}]`, `[null]`, `[{"n":"a","s":12,"bs":3}]`, "[{\"n\":\"\xff\",\"v\":1}]",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := Message{Device: "fridge-07", Topic: "fridge-07/x", Payload: b, Received: time.Unix(1_790_000_100, 0).UTC()}
		d := New(Options{})
		quick, plain, err1 := d.plainPack(afterAnother(d, m))
		if !plain {
			return
		}
		quick.from, quick.pool = nil, nil
		all, err2 := New(Options{}).anyPack(m)
		if (err1 == nil) != (err2 == nil) || !reflect.DeepEqual(quick, all) {
			t.Fatalf("%q\nquick %+v %v\nall   %+v %v", b, quick, err1, all, err2)
		}
	})
}

// afterAnother lets the decoder read, and release, another device's message first, so that m is read in
// memory that was used before.
func afterAnother(d *Decoder, m Message) Message {
	res, _, _ := d.plainPack(Message{Device: "other", Payload: []byte(`[{"bn":"o","bt":1790000001,"bu":"V","bv":7,"bs":8,"n":"t","v":4.5,"s":2},{"n":"s","vs":"left"},{"n":"x","v":1}]`), Received: m.Received})
	res.Release()
	return m
}

func TestPlainPackTakesTheUsual(t *testing.T) {
	m := Message{Device: "d", Payload: []byte(`[{"bn":"urn:dev:ops:d:","bt":1790000000,"n":"t","u":"Cel","v":4.5},{"n":"s","vs":"ok"}]`), Received: time.Unix(1_790_000_100, 0)}
	res, plain, err := New(Options{}).plainPack(m)
	if err != nil || !plain || len(res.Readings) != 1 || len(res.Readings[0].Samples) != 2 {
		t.Fatal(res, err, plain)
	}
}

func BenchmarkSenML(b *testing.B) {
	m := Message{Device: "d", Payload: []byte(`[{"bn":"urn:dev:fridge-07:","bt":1790000000.123,"n":"temperature","u":"Cel","v":4.52},{"n":"battery","u":"V","v":3.41},{"n":"note","vs":"the door was open for a while"}]`), Received: time.Unix(1_790_000_100, 0)}
	for name, read := range map[string]func(*Decoder, Message) (Result, error){
		"plain": func(d *Decoder, m Message) (Result, error) { r, _, err := d.plainPack(m); return r, err },
		"any":   (*Decoder).anyPack,
	} {
		b.Run(name, func(b *testing.B) {
			d := New(Options{})
			b.ReportAllocs()
			for b.Loop() {
				res, err := read(d, m)
				if err != nil {
					b.Fatal(err)
				}
				res.Release()
			}
		})
	}
}
