package audit

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
)

func TestExportCanBeProvedAlone(t *testing.T) {
	w, x := newWorld(t, newPerson(t, 1), 1000, names(300)...), newWitnessWorld(t, 2)
	defer w.close()
	defer x.store.Close()
	w.upTo()
	if err := Keep(t.Context(), w.store, w.who.key.statement); err != nil {
		t.Fatal(err)
	}
	if _, err := w.log.Gather(t.Context(), x.post(w)); err != nil {
		t.Fatal(err)
	}
	w.trim(10)
	w.write("later")
	var out bytes.Buffer
	src := Source{Stream: stream, Node: w.who.id, Journal: w.store.View, Trees: w.store.View}
	if err := Export(t.Context(), &out, src, ExportOptions{Proofs: true}); err != nil {
		t.Fatal(err)
	}
	got, err := CheckExport(bytes.NewReader(out.Bytes()), []edge.NodeID{w.who.id})
	if err != nil || got.Proved != 290 || got.Unproved != 1 || len(got.Signed) != 2 {
		t.Fatalf("%v %+v", err, got)
	}
	if _, err := CheckExport(bytes.NewReader(out.Bytes()), []edge.NodeID{{9}}); !edge.IsKind(err, edge.Denied) {
		t.Errorf("signed by nobody who counts: %v", err)
	}
	for name, spoil := range map[string][2]string{
		"another actor":  {`"id":"r20"`, `"id":"r21"`},
		"another number": {`"seq":20,`, `"seq":21,`},
		"another type":   {`"type":"audit.access"`, `"type":"audit.change"`},
		"another proof":  {`"proof":["`, `"proof":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","`},
		"no line":        {"{", "["},
	} {
		bad := strings.Replace(out.String(), spoil[0], spoil[1], 1)
		if bad == out.String() {
			t.Fatalf("%s: there is no %s", name, spoil[0])
		}
		if _, err := CheckExport(strings.NewReader(bad), nil); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
}

func BenchmarkFollow(b *testing.B) {
	w := newWorld(b, newPerson(b, 1), 1000)
	defer w.close()
	e := record("r1")
	r := edge.Record{Pos: edge.Pos{Epoch: epoch1}, Event: e}
	b.ReportAllocs()
	for b.Loop() {
		r.Pos.Seq++
		if err := w.log.Follow(b.Context(), r); err != nil {
			b.Fatal(err)
		}
		if r.Pos.Seq%256 == 0 {
			if err := w.log.save(b.Context(), nil); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func bigTree(b *testing.B) *world {
	w := newWorld(b, newPerson(b, 1), 1<<40)
	r := edge.Record{Pos: edge.Pos{Epoch: epoch1}, Event: record("r1")}
	for range 100_000 {
		r.Pos.Seq++
		if err := w.log.Follow(b.Context(), r); err != nil {
			b.Fatal(err)
		}
		if r.Pos.Seq%256 == 0 {
			if err := w.log.save(b.Context(), nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := w.log.Checkpoint(b.Context()); err != nil {
		b.Fatal(err)
	}
	return w
}

func BenchmarkProofs(b *testing.B) {
	w := bigTree(b)
	defer w.close()
	v := w.store.View()
	defer v.Close()
	b.Run("record of 100000", func(b *testing.B) {
		n := uint64(0)
		for b.Loop() {
			n = n*31%100_000 + 1
			if _, err := ProveRecord(v, stream, epoch1, n, 100_000); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("growth to 100000", func(b *testing.B) {
		n := int64(0)
		for b.Loop() {
			n = n*31%100_000 + 1
			if _, err := ProveGrowth(v, stream, epoch1, n, 100_000); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("checkpoint", func(b *testing.B) {
		for b.Loop() {
			if _, err := w.who.key.sign(Head{Origin: w.log.row.Origin, Size: 1, Root: w.log.tree.root()}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	w := newWorld(b, newPerson(b, 1), 1000, names(10_000)...)
	defer w.close()
	w.upTo()
	b.ReportMetric(float64(len(edge.AppendEvent(nil, record("r1000")))), "bytes/record")
	for b.Loop() {
		if r := w.verify(VerifyOptions{}); r.Err() != nil {
			b.Fatal(r.Problems)
		}
	}
}
