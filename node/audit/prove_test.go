package audit

import (
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/aielon/edge/node/edge"
)

func TestProve(t *testing.T) {
	w := newWorld(t, newPerson(t, 1), 1000, names(40)...)
	defer w.close()
	src := Source{Stream: stream, Node: w.who.id, Journal: w.store.View, Trees: w.store.View}
	if p, err := Prove(t.Context(), src, nil, epoch1, 7); err != nil || !edge.IsKind(p.Err, edge.Unavailable) || len(p.Note) > 0 {
		t.Errorf("before any checkpoint: %v %+v", err, p.Err)
	}
	w.upTo()
	if err := Keep(t.Context(), w.store, w.who.key.statement); err != nil {
		t.Fatal(err)
	}
	p, err := Prove(t.Context(), src, nil, epoch1, 7)
	if err != nil || p.Err != nil || p.Record.Pos.Seq != 7 || len(p.Checkpoint.Signed) != 1 {
		t.Fatalf("%v %+v", err, p)
	}
	if err := tlog.CheckRecord(p.Proof, p.Checkpoint.Size, p.Checkpoint.Root, 6, tlog.RecordHash(p.Leaf)); err != nil {
		t.Errorf("what is handed out does not prove it: %v", err)
	}
	w.write("later")
	if p, err := Prove(t.Context(), src, nil, epoch1, 41); err != nil || !edge.IsKind(p.Err, edge.Unavailable) || p.Proof != nil {
		t.Errorf("newer than the checkpoint: %v %+v", err, p.Err)
	}
	w.trim(10)
	for name, at := range map[string][2]uint64{"trimmed": {epoch1, 5}, "not written yet": {epoch1, 42}, "no number": {epoch1, 0}, "another epoch": {epoch1 + 1, 7}, "the largest": {^uint64(0), ^uint64(0)}} {
		if _, err := Prove(t.Context(), src, nil, at[0], at[1]); !edge.IsKind(err, edge.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A record that was written over is shown, and shown to be refuted.
func TestProveRefutes(t *testing.T) {
	w := newWorld(t, newPerson(t, 1), 1000, names(40)...)
	defer w.close()
	w.upTo()
	other := newWorld(t, newPerson(t, 2), 1000, append([]string{"forged"}, names(39)...)...)
	defer other.close()
	if err := Keep(t.Context(), w.store, w.who.key.statement); err != nil {
		t.Fatal(err)
	}
	src := Source{Stream: stream, Node: w.who.id, Journal: other.store.View, Trees: w.store.View}
	p, err := Prove(t.Context(), src, nil, epoch1, 1)
	if err != nil || !edge.IsKind(p.Err, edge.Denied) {
		t.Errorf("%v %v", err, p.Err)
	}
}
