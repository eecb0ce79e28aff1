package site

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"pgregory.net/rapid"
)

func genBatch(t *rapid.T) *batch {
	b := &batch{Now: rapid.Int64().Draw(t, "now"), Writes: []edge.Write{}, Events: []edge.Event{}, Orders: []order{}, Results: []result{}}
	b.Base.Count = rapid.Uint64().Draw(t, "count")
	copy(b.Base.Sum[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "sum"))
	for k, v := range rapid.MapOfN(rapid.StringN(1, 20, 60), rapid.Ptr(rapid.SliceOfN(rapid.Byte(), 0, 40), true), 0, 8).Draw(t, "writes") {
		w := edge.Write{Key: []byte(k)}
		if v != nil {
			w.Value = append([]byte{}, *v...)
		}
		b.Writes = append(b.Writes, w)
	}
	b.Writes = merge(nil, sortedWrites(b.Writes))
	for range rapid.IntRange(0, 3).Draw(t, "events") {
		b.Events = append(b.Events, edge.Event{
			Type: rapid.StringN(1, 5, 20).Draw(t, "type"), Subject: rapid.StringN(0, 5, 20).Draw(t, "subject"),
			Class: edge.Class(rapid.IntRange(0, 3).Draw(t, "class")), Urgency: edge.Urgency(rapid.IntRange(1, 6).Draw(t, "urgency")),
			Time: time.Unix(0, rapid.Int64().Draw(t, "time")).UTC(), Body: rapid.SliceOfN(rapid.Byte(), 1, 30).Draw(t, "body"),
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "orders") {
		b.Orders = append(b.Orders, order{Urgency: edge.Care, Do: byte(rapid.IntRange(1, 2).Draw(t, "do")), Pos: edge.Pos{Epoch: 3, Seq: 4}, Reason: rapid.StringN(0, 5, 20).Draw(t, "reason")})
	}
	for range rapid.IntRange(0, 3).Draw(t, "results") {
		r := result{ID: edge.NewID(), Reply: rapid.SliceOfN(rapid.Byte(), 1, 30).Draw(t, "reply")}
		if rapid.Bool().Draw(t, "refused") {
			r.Reply, r.Err = nil, &edge.Error{Kind: edge.Denied, Msg: rapid.StringN(0, 9, 20).Draw(t, "msg"), Hint: "h"}
		}
		b.Results = append(b.Results, r)
	}
	return b
}

func sortedWrites(ws []edge.Write) []edge.Write {
	m := map[string][]byte{}
	for _, w := range ws {
		m[string(w.Key)] = w.Value
	}
	return sorted(m, "")
}

func TestEntryRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := genBatch(t)
		got, err := decodeEntry(appendBatch(nil, b))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(b, got) {
			t.Fatalf("wrote %+v\nread  %+v", b, got)
		}
	})
}

// Whatever is cut off or changed is noticed or means what it says; it is never half of an entry.
func TestEntryCutShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := appendBatch(nil, genBatch(t))
		n := rapid.IntRange(0, len(e)-1).Draw(t, "n")
		if b, err := decodeEntry(e[:n]); !edge.IsKind(err, edge.Corrupt) {
			t.Fatalf("%d of %d bytes were read as %+v, %v", n, len(e), b, err)
		}
		if _, err := decodeEntry(append(e, 0)); !edge.IsKind(err, edge.Corrupt) {
			t.Fatal("what follows an entry was overlooked")
		}
	})
}

func FuzzEntry(f *testing.F) {
	f.Add(mark())
	f.Add(appendBatch(nil, &batch{Writes: []edge.Write{{Key: []byte("a"), Value: []byte("b")}, {Key: []byte("c")}},
		Events:  []edge.Event{{Type: "t", Urgency: edge.Care, Time: time.Unix(1, 0)}},
		Orders:  []order{{Urgency: edge.Care, Do: orderTrim}},
		Results: []result{{Reply: []byte("{}")}, {Err: edge.E(edge.Denied, "no")}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := decodeEntry(data)
		if err != nil {
			if !edge.IsKind(err, edge.Corrupt) {
				t.Fatal(err)
			}
			return
		}
		if b != nil && !bytes.Equal(appendBatch(nil, b), data) {
			t.Fatalf("%x has a second encoding %x", data, appendBatch(nil, b))
		}
	})
}

func FuzzMessage(f *testing.F) {
	for _, m := range []message{
		{kind: askPropose, number: 1, wait: time.Second, cmd: edge.Command{Type: "t", Body: []byte("b")}},
		{kind: askIndex}, {kind: askCall, wait: time.Second, name: "n", body: []byte("b")}, {kind: sayReply, body: []byte("r")}, {kind: sayIndex, index: 5}, {kind: sayError, notRun: true, err: edge.E(edge.Denied, "no")},
		{kind: sayOutcome, out: edge.Outcome{Index: 4, Reply: []byte("r"), Again: true}},
	} {
		f.Add(m.append(nil)[4:])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := decodeMessage(data)
		if err != nil {
			return
		}
		again, err := decodeMessage(m.append(nil)[4:])
		if err != nil || !reflect.DeepEqual(m, again) {
			t.Fatalf("%+v became %+v, %v", m, again, err)
		}
	})
}

func FuzzRows(f *testing.F) {
	f.Add(meta{Index: 4, Now: 5}.append(nil))
	f.Add(appendOutcome(nil, 4, edge.Pos{Seq: 1}, result{Reply: []byte("x")}))
	f.Add(appendQueued(nil, 4, []edge.ID{{1}, {2}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := decodeMeta(data); err == nil && !bytes.Equal(m.append(nil), data) {
			t.Fatal("a meta row has two encodings")
		}
		if o, d, err := decodeOutcome(data); err == nil && !bytes.Equal(appendOutcome(nil, o.Index, o.Pos, result{Digest: d, Reply: o.Reply, Err: o.Err}), data) {
			t.Fatal("an outcome has two encodings")
		}
		if at, ids, err := decodeQueued(data); err == nil && !bytes.Equal(appendQueued(nil, at, ids), data) {
			t.Fatal("a queue row has two encodings")
		}
	})
}
