package wire

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aielon/edge/node/edge"
)

// sum fills a hash with a pattern.
func sum(b byte) (s [32]byte) {
	for i := range s {
		s[i] = b + byte(i)
	}
	return s
}

// samples has every frame once, every field set.
func samples(t testing.TB) []Frame {
	at := time.Date(2026, 11, 22, 8, 1, 2, 3456789, time.UTC)
	node, site := NodeStream(edge.NodeID(sum(9)), "readings.telemetry"), SiteStream("al-noor", "site.ledger")
	pos := edge.Pos{Epoch: 1 << 40, Seq: 300, Sum: sum(1)}
	to := edge.Pos{Epoch: 1 << 40, Seq: 307, Sum: sum(2)}
	x := Extra{{"a", "1"}, {"b", "2"}}
	id := edge.ID{5, 6, 7}
	batch := build(t, ordinary(3, 5), 3).Seal(testCodec(t), DictReadings)
	return []Frame{
		&Hello{Version, [16]byte{1, 2}, 7, "v1.2", true, at, edge.Exact, []uint32{1, 500}, x},
		&Welcome{Version, [16]byte{3}, at, []Credit{{edge.Critical, 1 << 20}, {edge.Bulk, 9}}, 3, []uint32{1}, x},
		&Cursors{[]Cursor{{node, pos, false}, {site, to, true}}, true},
		batch,
		&Ack{[]Done{{node, pos}, {site, to}}},
		&Nack{node, pos, Busy, 1500 * time.Millisecond, "later"},
		&Skip{site, edge.Bulk, pos, to, 7, "shed: disk budget"},
		&Epoch{node, edge.Telemetry, edge.Genesis(node.String(), 9, pos), pos, "restored"},
		&ErrorFrame{edge.Denied, "no"},
		&Goaway{Replaced, "newer", time.Second, time.Minute, []string{"hub2:8484"}},
		&Cmd{id, edge.NodeID(sum(3)), 4, "restart", []byte("now"), at, at.Add(time.Hour), []byte{1, 2, 3}},
		&Twin{5, 4, sum(4), []byte(`{"a":1}`)},
		&Credit{edge.Care, 1 << 33},
		&Time{at, at.Add(1), at.Add(2)},
		&Ping{77}, &Pong{78},
		&Policy{2, 3 << 30, 1 << 20, 20000, 30 * time.Second, []Window{{0x41, time.Hour, 5 * time.Hour}}, x},
		&Receipt{edge.NodeID(sum(6)), site, pos, at, []byte{9, 9}},
		&Reported{5, sum(4), []byte(`{}`), "why"},
		&CmdResult{id, DoneError, at, "failed", []byte{0}},
		&Object{ObjectID(sum(7)), 20 << 20},
		&Chunk{ObjectID(sum(7)), 319, []byte("the last of it")},
		&Have{ObjectID(sum(7)), false, 12, []byte{0x06, 0x80}},
		&Have{ObjectID(sum(7)), true, 320, []byte{}},
		&Want{ObjectID(sum(8))},
		&Decline{ObjectID(sum(7)), edge.Exhausted, 10 * time.Minute, "no room"},
		&Backlog{at, []Waiting{{edge.Critical, 3, at.Add(-time.Hour), 1, 2, 4}, {edge.Bulk, maxTold, time.Time{}, 0, 0, 5}}, x},
	}
}

func TestRoundTrip(t *testing.T) {
	var stream []byte
	all := samples(t)
	for _, f := range all {
		b, err := AppendFrame(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		got, rest, err := DecodeFrame(b)
		if err != nil || len(rest) != 0 || !reflect.DeepEqual(got, f) {
			t.Fatalf("%T\n got %+v\nwant %+v, %v", f, got, f, err)
		}
		for cut := range b { // cut anywhere: an error, never a panic
			if _, _, err := DecodeFrame(b[:cut]); err == nil {
				t.Fatalf("%T cut at %d was read", f, cut)
			}
		}
		stream = append(stream, b...)
	}
	r := NewReader(iotest.OneByteReader(bytes.NewReader(append(stream, 98, 3, 1, 2, 3))))
	for _, f := range all {
		got, _, err := r.Next()
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Fatalf("%T: %v", f, err)
		}
	}
	if _, _, err := r.Next(); err != io.EOF || r.Skipped != 1 {
		t.Fatalf("%v, %d skipped", err, r.Skipped)
	}
}

// The bytes of version 1 never change: nodes and hubs of all ages meet.
func TestGolden(t *testing.T) {
	var out strings.Builder
	for _, f := range samples(t) {
		if _, packed := f.(*Batch); packed { // what the compressor makes of it may change; its own test below
			continue
		}
		b, err := AppendFrame(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%T %s\n", f, hex.EncodeToString(b))
	}
	b, err := AppendFrame(nil, &Batch{Stream: SiteStream("a", "b"), Urgency: edge.Care, Epoch: 3, First: 4, Count: 1, Before: sum(1), After: sum(2), RawLen: 4, Payload: []byte("\x03abc")})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "*wire.Batch %x\n", b)
	if *update {
		os.WriteFile("testdata/frames.golden", []byte(out.String()), 0o644)
	}
	want, err := os.ReadFile("testdata/frames.golden")
	if err != nil || string(want) != out.String() {
		t.Fatalf("the bytes on the wire have changed (%v):\n%s", err, out.String())
	}
}

// A batch packed by the release that first shipped the dictionary opens for ever.
func TestGoldenPacked(t *testing.T) {
	f := build(t, ordinary(3, 5), 3).Seal(testCodec(t), DictReadings)
	if *update {
		b, _ := AppendFrame(nil, f)
		os.WriteFile("testdata/batch.golden", b, 0o644)
	}
	b, err := os.ReadFile("testdata/batch.golden")
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := DecodeFrame(b)
	if err != nil {
		t.Fatal(err)
	}
	items, err := testCodec(t).Open(got.(*Batch))
	if err != nil || len(items) != 5 || items[4].Pos != f.To() {
		t.Fatalf("%d records, %v", len(items), err)
	}
}

func TestRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"unknown and may not be skipped": {99, 0},
		"control over its cap":           {4, 0x81, 0x80, 0x04},
		"batch over its cap":             {7, 0x81, 0x80, 0x80, 0x01},
		"length of 2^62":                 {7, 255, 255, 255, 255, 255, 255, 255, 255, 0x3f},
		"length not in shortest form":    {4, 0x81, 0x00},
		"type not in shortest form":      {0x84, 0x00, 0},
		"a number that never ends":       bytes.Repeat([]byte{0x80}, 20),
		"something behind the end":       {4, 2, 1, 1},
		"many cursors promised":          {5, 3, 1, 0x90, 0x03},
		"urgency 0":                      {25, 2, 0, 1},
		"chunk over its cap":             append([]byte{18, 0xc1, 0x80, 0x04}, make([]byte, 65601)...),
		"chunk beyond the largest":       append(append([]byte{18, 37}, make([]byte, 32)...), 0x80, 0x80, 0x10, 1, 0),
		"object too large":               append(append([]byte{16, 37}, make([]byte, 32)...), 0x81, 0x80, 0x80, 0x80, 0x40),
		"have whose next is here":        append(append([]byte{20, 36}, make([]byte, 34)...), 1, 1),
		"have with bits of nothing":      append(append([]byte{20, 37}, make([]byte, 34)...), 2, 2, 0),
		"batch damaged":                  {7, 5, 1, 2, 3, 4, 5},
	} {
		if _, _, err := DecodeFrame(b); !edge.IsKind(err, edge.Invalid) && !edge.IsKind(err, edge.Corrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := NewReader(bytes.NewReader(b)).Next(); err == nil {
			t.Errorf("%s: the reader took it", name)
		}
	}
	if _, err := AppendFrame(nil, &Twin{Doc: make([]byte, MaxControl)}); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("a frame over its cap was written: %v", err)
	}
}

// A promise of a megabyte without the megabyte must not cost one.
func TestPromiseIsCheap(t *testing.T) {
	head := putUint(putUint(nil, uint64(TBatch)), MaxBatch)
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			NewReader(bytes.NewReader(head)).Next()
		}
	})
	if r.AllocedBytesPerOp() > 40<<10 {
		t.Fatalf("%d bytes allocated", r.AllocedBytesPerOp())
	}
}

func TestStreamID(t *testing.T) {
	n := edge.NodeID(sum(1)).String()
	for _, c := range []struct {
		id StreamID
		ok bool
	}{
		{StreamID{n, "readings.telemetry"}, true},
		{StreamID{"site:al-noor", "a"}, true},
		{StreamID{"site:" + strings.Repeat("x", 59), "a"}, true}, // as long as a node id
		{StreamID{"site:" + strings.Repeat("x", 64), "a"}, true},
		{StreamID{"site:" + strings.Repeat("x", 65), "a"}, false},
		{StreamID{strings.ToUpper(n), "a"}, false},
		{StreamID{"site:", "a"}, false},
		{StreamID{"site:a/b", "a"}, false},
		{StreamID{"other", "a"}, false},
		{StreamID{n, ""}, false},
		{StreamID{n, "a b"}, false},
		{StreamID{n, strings.Repeat("a", 65)}, false},
	} {
		if err := c.id.Check(); (err == nil) != c.ok {
			t.Errorf("%v: %v", c.id, err)
		}
		if !c.ok {
			continue
		}
		d := dec{b: putStream(nil, c.id)}
		if got := d.stream(); got != c.id || d.end() != nil {
			t.Errorf("%v came back as %v, %v", c.id, got, d.err)
		}
	}
}

func TestBuilder(t *testing.T) {
	recs := ordinary(1, 6)
	c := testCodec(t)
	b := NewBuilder(SiteStream("a", "b"), edge.Telemetry, edge.Genesis("test", 2, edge.Pos{}), 3*len(recs[0].Body))
	if b.Seal(c, 0) != nil {
		t.Fatal("an empty batch")
	}
	if _, err := b.Add(recs[1]); !edge.IsKind(err, edge.Corrupt) {
		t.Fatalf("a record that does not follow: %v", err)
	}
	n := 0
	for i := 0; i < len(recs); {
		ok, err := b.Add(recs[i])
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			i++
			continue
		}
		f := b.Seal(c, 0)
		items, err := c.Open(f)
		if err != nil || len(items) != int(f.Count) || items[len(items)-1].Pos != f.To() {
			t.Fatal(err)
		}
		n += len(items)
	}
	if n += b.Len(); n != len(recs) || b.After() != recs[5].Pos {
		t.Fatalf("%d records", n)
	}
	big := edge.Event{Type: "x", Urgency: edge.Bulk, Time: time.Unix(1, 0), Body: make([]byte, edge.MaxBody)}
	x := NewBuilder(SiteStream("a", "b"), edge.Bulk, edge.Pos{Epoch: 1}, 100)
	if ok, err := x.Add(edge.Record{Pos: edge.Pos{Epoch: 1}.Next(edge.AppendEvent(nil, big)), Event: big}); !ok || err != nil {
		t.Fatal("the largest record must fit", ok, err)
	}
	if _, err := AppendFrame(nil, x.Seal(c, 0)); err != nil {
		t.Fatal(err)
	}
}

// A megabyte out of a kilobyte is what the announced length says, or it is refused with little memory.
func TestBomb(t *testing.T) {
	c := testCodec(t)
	huge := c.encoder(0).EncodeAll(make([]byte, 1<<30/8), nil) // 128 MiB
	f := &Batch{Stream: SiteStream("a", "b"), Urgency: edge.Bulk, Epoch: 1, First: 1, Count: 1, Packing: Zstd, RawLen: 1000, Payload: huge}
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Open(f); !edge.IsKind(err, edge.Corrupt) {
				b.Fatal(err)
			}
		}
	})
	if r.AllocedBytesPerOp() > 1<<20 {
		t.Fatalf("a bomb of %d bytes cost %d", len(huge), r.AllocedBytesPerOp())
	}
	f.RawLen = MaxRaw + 1
	if _, err := c.Open(f); !edge.IsKind(err, edge.Invalid) {
		t.Fatal(err)
	}
	f.Packing, f.Dict = Shared, 99
	if _, err := c.Open(f); !edge.IsKind(err, edge.Invalid) {
		t.Fatal(err)
	}
}

func TestTimeOffset(t *testing.T) {
	base := time.Unix(1000, 0)
	f := Time{T1: base, T2: base.Add(5*time.Second + 100*time.Millisecond), T3: base.Add(5*time.Second + 110*time.Millisecond)}
	ahead, delay := f.Offset(base.Add(210 * time.Millisecond))
	if ahead != 5*time.Second || delay != 200*time.Millisecond {
		t.Fatal(ahead, delay)
	}
}

// FuzzFrame: whatever comes, no panic, and what is read is written back byte for byte.
func FuzzFrame(f *testing.F) {
	for _, x := range samples(f) {
		b, _ := AppendFrame(nil, x)
		f.Add(b)
	}
	f.Add([]byte{98, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, rest, err := DecodeFrame(b)
		got, n, rerr := NewReader(bytes.NewReader(b)).Next()
		if err != nil {
			return
		}
		if fr == nil {
			return // skipped; the reader went on
		}
		if rerr != nil || n != len(b)-len(rest) || !reflect.DeepEqual(got, fr) {
			t.Fatalf("two readers differ: %v %v", got, rerr)
		}
		again, err := AppendFrame(nil, fr)
		if err != nil || !bytes.Equal(again, b[:len(b)-len(rest)]) {
			t.Fatalf("not canonical:\n%x\n%x", b, again)
		}
	})
}

// FuzzBatch: whatever is in a payload, opening it is right or refused, and bounded.
func FuzzBatch(f *testing.F) {
	c := testCodec(f)
	b := build(f, ordinary(1, 3), 1)
	good := b.Seal(c, DictReadings)
	f.Add(good.Payload, good.Packing, good.Dict, good.RawLen, good.Count)
	f.Add([]byte{1, 2}, uint8(0), uint32(0), uint32(2), uint32(1))
	f.Fuzz(func(t *testing.T, payload []byte, packing uint8, dict, rawLen, count uint32) {
		x := *good
		x.Payload, x.Packing, x.Dict, x.RawLen, x.Count = payload, packing%3, dict, rawLen, count%MaxRecords
		items, err := c.Open(&x)
		if err == nil && (len(items) != int(x.Count) || items[len(items)-1].Pos != x.To()) {
			t.Fatal("opened, and wrong")
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	c := testCodec(b)
	recs := ordinary(1, 64)
	b.ReportAllocs()
	for b.Loop() {
		build(b, recs, 1).Seal(c, DictReadings)
	}
	b.ReportMetric(float64(b.N)*64/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkOpen(b *testing.B) {
	c := testCodec(b)
	f := build(b, ordinary(1, 64), 1).Seal(c, DictReadings)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Open(f); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*64/b.Elapsed().Seconds(), "records/s")
}
