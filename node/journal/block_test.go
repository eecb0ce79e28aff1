package journal

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/aielon/edge/node/edge"
	"pgregory.net/rapid"
)

const testStream = "readings.telemetry"

func buildBlock(before edge.Pos, events ...edge.Event) (key, value []byte, after edge.Pos) {
	var w builder
	after = before
	for _, e := range events {
		after = w.add(after, e, nil, 1000)
	}
	return blockKey(testStream, after.Epoch, after.Seq), w.value(after), after
}

func readBlock(key, value []byte) ([]edge.Record, error) {
	b, err := openBlock(key, blocksOf(testStream), value)
	if err != nil {
		return nil, err
	}
	return b.decode()
}

func anyEvent(t *rapid.T) edge.Event {
	return edge.Event{
		Type: rapid.StringN(1, 20, edge.MaxType).Draw(t, "type"), Subject: rapid.StringN(0, 20, edge.MaxSubject).Draw(t, "subject"),
		Class: edge.Class(rapid.IntRange(0, 3).Draw(t, "class")), Urgency: edge.Urgency(rapid.IntRange(1, 6).Draw(t, "urgency")),
		Time: unix(rapid.Int64().Draw(t, "time")).UTC(), Body: rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "body"),
	}
}

func TestBlockKeepsWhatWasPut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := edge.Genesis("x", 7, edge.Pos{})
		before.Seq = rapid.Uint64Range(0, 1<<60).Draw(t, "seq")
		events := rapid.SliceOfN(rapid.Custom(anyEvent), 1, 20).Draw(t, "events")
		key, value, after := buildBlock(before, events...)
		got, err := readBlock(key, value)
		if err != nil {
			t.Fatal(err)
		}
		pos := before
		for i, e := range events {
			pos = pos.Next(edge.AppendEvent(nil, e)) // the vocabulary's own chain
			if r := got[i]; r.Pos != pos || !bytes.Equal(edge.AppendEvent(nil, r.Event), edge.AppendEvent(nil, e)) {
				t.Fatalf("record %d is %v %+v, want %v %+v", i, r.Pos, r.Event, pos, e)
			}
		}
		if pos != after || len(got) != len(events) {
			t.Fatalf("the block ends at %v, want %v", after, pos)
		}
	})
}

func TestEveryFlippedBitOfABlockIsNoticed(t *testing.T) {
	key, value, _ := buildBlock(edge.Genesis("x", 7, edge.Pos{}),
		edge.Event{Type: "a", Urgency: 5, Time: unix(5), Body: []byte("first")},
		edge.Event{Type: "b", Subject: "s", Urgency: 5, Time: unix(9), Body: []byte("second")})
	if _, err := readBlock(key, value); err != nil {
		t.Fatal(err)
	}
	for i := range value {
		for bit := range 8 {
			bad := bytes.Clone(value)
			bad[i] ^= 1 << bit
			if got, err := readBlock(key, bad); !edge.IsKind(err, edge.Corrupt) || got != nil {
				t.Fatalf("bit %d of byte %d: %v, %d records", bit, i, err, len(got))
			}
		}
	}
	for n := range value {
		if _, err := readBlock(key, value[:n]); !edge.IsKind(err, edge.Corrupt) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func FuzzBlock(f *testing.F) {
	key, value, _ := buildBlock(edge.Genesis("x", 7, edge.Pos{}), event(5, "hello"), event(5, ""))
	f.Add(key[len(blocksOf(testStream)):], value)
	f.Add([]byte("0123456789abcdef"), make([]byte, blockHeader+100))
	f.Fuzz(func(t *testing.T, at, value []byte) {
		records, err := readBlock(append(blocksOf(testStream), at...), value)
		if err != nil {
			if !edge.IsKind(err, edge.Corrupt) || records != nil {
				t.Fatalf("%v", err)
			}
			return
		}
		events := make([]edge.Event, len(records))
		for i, r := range records {
			events[i] = r.Event
		}
		b, _ := openBlock(append(blocksOf(testStream), at...), blocksOf(testStream), value)
		if _, again, _ := buildBlock(b.before, events...); !bytes.Equal(again, value) {
			t.Fatalf("a block was read that would not have been written:\n%x\n%x", value, again)
		}
	})
}

func FuzzRows(f *testing.F) {
	g := edge.Genesis("a/b", 3, edge.Pos{})
	f.Add(headRow{head: g, tail: g}.encode())
	f.Add(epochsRow{chain: "a/b", list: []Epoch{{Number: 3, First: g, Last: g, Reason: "start"}}}.encode())
	f.Add(gapRow{from: g, to: edge.Pos{Epoch: 3, Seq: 2}, sum: Tally{2, 90}, reason: ReasonShed}.encode())
	f.Add(markRow{pos: g, acked: 1}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeHead(b); err == nil && !bytes.Equal(h.encode(), b) {
			t.Fatalf("head %x", b)
		}
		if g, err := decodeGap(b); err == nil && g.sum.Records != g.to.Seq-g.from.Seq {
			t.Fatalf("gap %x", b)
		}
		if m, err := decodeMark(b); err == nil && !bytes.Equal(m.encode(), b) {
			t.Fatalf("mark %x", b)
		}
		decodeEpochs(b)
	})
}

func TestRowsComeBack(t *testing.T) {
	p := func() (p edge.Pos) {
		p.Epoch, p.Seq = rand.Uint64(), rand.Uint64()
		p.Sum[5] = byte(p.Seq)
		return p
	}
	h := headRow{p(), p(), -5, 6, Tally{1, 2}, Tally{3, 4}, Tally{5, 6}, Tally{7, 8}}
	if got, err := decodeHead(h.encode()); err != nil || got != h {
		t.Errorf("head: %+v, %v", got, err)
	}
	m := markRow{p(), 1, 2, 3}
	if got, err := decodeMark(m.encode()); err != nil || got != m {
		t.Errorf("mark: %+v, %v", got, err)
	}
	g := gapRow{edge.Pos{Epoch: 4, Seq: 1}, edge.Pos{Epoch: 4, Seq: 8}, Tally{7, 100}, 3, 99, "why"}
	if got, err := decodeGap(g.encode()); err != nil || got != g {
		t.Errorf("gap: %+v, %v", got, err)
	}
	first := edge.Genesis("a/b", 3, edge.Pos{})
	second := edge.Genesis("a/b", 9, first)
	e := epochsRow{"a/b", []Epoch{{3, edge.Pos{}, first, first, "one", 1, 0}, {9, first, second, second, "", 2, 7}}}
	got, err := decodeEpochs(e.encode())
	if err != nil || got.chain != e.chain || len(got.list) != 2 || got.list[0] != e.list[0] || got.list[1] != e.list[1] {
		t.Errorf("epochs: %+v, %v", got, err)
	}
	e.list[1].Fork.Seq++
	if _, err := decodeEpochs(e.encode()); !edge.IsKind(err, edge.Corrupt) {
		t.Errorf("a genesis that does not fit its fork: %v", err)
	}
}
