package audit

import (
	"context"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
)

type unmarked struct{ *journal.Reader }

func (unmarked) Mark(string) edge.Pos                            { return edge.Pos{} }
func (unmarked) SetMark(context.Context, string, edge.Pos) error { return nil }

// delivered is the log a witness keeps of a journal that was delivered to it.
func (x *witnessWorld) delivered(t fataler, from *world) *Log {
	t.Helper()
	l, err := OpenLog(LogOptions{Store: x.fault, Journal: unmarked{from.reader()}, Name: "delivered/" + stream, Node: from.who.id, Key: x.who.key,
		Place: func() (string, string) { return "region", "site" }})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A hub vouches for what was delivered to it, without the node's help, and finds the node that shows something else.
func TestMirror(t *testing.T) {
	who, x := newPerson(t, 1), newWitnessWorld(t, 2)
	defer x.store.Close()
	w := newWorld(t, who, 1000, names(20)...)
	defer w.close()
	for _, n := range []int{20, 20, 300} {
		w.write(names(n)[w.chain.Head().Seq:]...)
		if err := x.w.Mirror(t.Context(), x.delivered(t, w)); err != nil {
			t.Fatal(err)
		}
	}
	w.upTo()
	if _, err := w.log.Gather(t.Context(), x.post(w)); err != nil { // the node itself may ask too
		t.Fatal(err)
	}
	v := x.store.View()
	list, err := Witnessed(v)
	v.Close()
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %d", err, len(list))
	}
	o := VerifyOptions{Keys: Keys{x.who.key.statement}, Witnessed: [][]byte{list[0].Checkpoint}}
	if r := w.verify(o); r.Err() != nil {
		t.Errorf("%q", r.Problems)
	}
	forged := names(300)
	forged[100] = "forged"
	evil := newWorld(t, who, 1000, forged...)
	defer evil.close()
	evil.write("more")
	evil.upTo()
	if r := evil.verify(o); r.Err() == nil {
		t.Error("not found on the node's disk")
	}
	if _, err := evil.log.Gather(t.Context(), x.post(evil)); !edge.IsKind(err, edge.Conflict) || len(x.alarms) != 1 {
		t.Errorf("%v %v", err, x.alarms)
	}
}

// The other way round: the node had something else cosigned than it delivered.
func TestMirrorFindsWhatWasNotDelivered(t *testing.T) {
	who, x := newPerson(t, 1), newWitnessWorld(t, 2)
	defer x.store.Close()
	w, evil := newWorld(t, who, 1000, names(20)...), newWorld(t, who, 1000, "forged")
	defer w.close()
	defer evil.close()
	evil.write(names(10)...)
	evil.upTo()
	if _, err := evil.log.Gather(t.Context(), x.post(evil)); err != nil {
		t.Fatal(err)
	}
	if err := x.w.Mirror(t.Context(), x.delivered(t, w)); !edge.IsKind(err, edge.Conflict) || len(x.alarms) != 1 {
		t.Errorf("%v %v", err, x.alarms)
	}
	if err := x.w.Mirror(t.Context(), x.delivered(t, w)); err != nil || len(x.alarms) != 1 {
		t.Errorf("the alarm is raised again: %v %v", err, x.alarms)
	}
}
