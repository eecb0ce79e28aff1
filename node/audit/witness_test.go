package audit

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A post carries requests to a witness as bytes, like a connection.
type post struct {
	w    *Witness
	from edge.NodeID
	node edge.NodeID
}

func (p post) Node() edge.NodeID { return p.node }

func (p post) Cosign(ctx context.Context, q Request) (a Answer, err error) {
	b, err := json.Marshal(q)
	if err != nil {
		return a, err
	}
	if q, err = ParseRequest(b); err != nil {
		return a, err
	}
	if a, err = p.w.Cosign(ctx, p.from, q); err != nil {
		return a, err
	}
	if b, err = json.Marshal(a); err != nil {
		return a, err
	}
	a = Answer{}
	err = json.Unmarshal(b, &a)
	return a, err
}

type witnessWorld struct {
	who    person
	store  *state.Store
	fault  *faulty
	w      *Witness
	alarms []error
}

func newWitnessWorld(t fataler, seed byte) *witnessWorld {
	t.Helper()
	x := &witnessWorld{who: newPerson(t, seed), store: openMemory(t)}
	x.fault = &faulty{Store: x.store}
	x.open(t)
	return x
}

func (x *witnessWorld) open(t fataler) {
	t.Helper()
	var err error
	x.w, err = NewWitness(WitnessOptions{Store: x.fault, Key: x.who.key, Now: func() time.Time { return start.Add(time.Hour) },
		Alarm: func(_ Fork, err error) { x.alarms = append(x.alarms, err) }})
	if err != nil {
		t.Fatal(err)
	}
}

func (x *witnessWorld) post(w *world) post { return post{x.w, w.who.id, x.who.id} }

func TestGrowthIsCosigned(t *testing.T) {
	w, x := newWorld(t, newPerson(t, 1), 1000, names(3)...), newWitnessWorld(t, 2)
	defer w.close()
	defer x.store.Close()
	list := names(700)
	for _, n := range []int{3, 4, 256, 257, 600} {
		w.write(list[int(w.chain.Head().Seq):n]...)
		w.upTo()
		x.open(t) // what it remembers is on its disk
		if added, err := w.log.Gather(t.Context(), x.post(w)); err != nil || added != 1 {
			t.Fatalf("%d records: %d, %v", n, added, err)
		}
		if added, err := w.log.Gather(t.Context(), x.post(w)); err != nil || added != 0 {
			t.Fatalf("again with %d records: %d, %v", n, added, err)
		}
	}
	r := w.verify(VerifyOptions{Witnesses: []edge.NodeID{x.who.id}})
	if r.Err() != nil {
		t.Fatalf("%q", r.Problems)
	}
	newest := r.Epochs[0].Checkpoints[len(r.Epochs[0].Checkpoints)-1]
	if len(newest.Cosigned) != 1 || newest.Cosigned[0].Node != x.who.id || !newest.Cosigned[0].Time.Equal(start.Add(time.Hour)) || newest.Size != 600 {
		t.Errorf("%+v", newest)
	}
	if r := w.verify(VerifyOptions{Witnesses: []edge.NodeID{{9}}}); r.Err() == nil {
		t.Error("a witness that never signed was not missed")
	}
	if len(x.alarms) > 0 {
		t.Errorf("%v", x.alarms)
	}
}

// A node's disk was lost and the audit's part of it came back older: the witness is asked from too early a size first.
func TestWitnessSaysHowFarItIs(t *testing.T) {
	w, x := newWorld(t, newPerson(t, 1), 1000, names(10)...), newWitnessWorld(t, 2)
	defer w.close()
	defer x.store.Close()
	w.upTo()
	if _, err := w.log.Gather(t.Context(), x.post(w)); err != nil {
		t.Fatal(err)
	}
	w.set(numberKey(checkpointPrefix, stream, epoch1, 10), gone)
	w.write("more")
	w.upTo()
	if added, err := w.log.Gather(t.Context(), x.post(w)); err != nil || added != 1 {
		t.Errorf("%d, %v", added, err)
	}
}

// Root on a node changes a record after it was cosigned, and makes chain, tree and checkpoints anew, with the node's
// own keys. On the node's own disk nothing is wrong; the witness finds it.
func TestRewrittenNodeIsFoundByItsWitness(t *testing.T) {
	who, x := newPerson(t, 1), newWitnessWorld(t, 2)
	defer x.store.Close()
	w := newWorld(t, who, 1000, names(20)...)
	defer w.close()
	w.upTo()
	if _, err := w.log.Gather(t.Context(), x.post(w)); err != nil {
		t.Fatal(err)
	}
	forged := names(20)
	forged[4] = "somebody.else"
	for _, more := range []int{0, 15} {
		evil := newWorld(t, who, 1000, append(forged, names(more)...)...)
		evil.upTo()
		if r := evil.verify(VerifyOptions{}); r.Err() != nil {
			t.Fatalf("the rewriting is not thorough: %q", r.Problems)
		}
		alarms := len(x.alarms)
		if _, err := evil.log.Gather(t.Context(), x.post(evil)); !edge.IsKind(err, edge.Conflict) {
			t.Errorf("%d more records: %v", more, err)
		}
		if len(x.alarms) != alarms+1 {
			t.Errorf("%d alarms", len(x.alarms))
		}
		v := x.store.View()
		list, err := Witnessed(v)
		v.Close()
		if err != nil || len(list) != 1 || len(list[0].Forks) != alarms+1 {
			t.Fatalf("%v %+v", err, list)
		}
		r := evil.verify(VerifyOptions{Keys: Keys{x.who.key.statement}, Witnessed: [][]byte{list[0].Checkpoint}})
		if r.Err() == nil || !strings.Contains(r.Problems[0], "has cosigned") {
			t.Errorf("%q", r.Problems)
		}
		if r := w.verify(VerifyOptions{Keys: Keys{x.who.key.statement}, Witnessed: [][]byte{list[0].Checkpoint}}); r.Err() != nil {
			t.Errorf("the sound node: %q", r.Problems)
		}
		evil.close()
	}
	w.write("more") // the sound node is frozen too: who of the two is sound, a person must find out
	w.upTo()
	if _, err := w.log.Gather(t.Context(), x.post(w)); !edge.IsKind(err, edge.Conflict) {
		t.Errorf("%v", err)
	}
}

// A node that begins its history anew under another region's name is still the same journal.
func TestAnotherNameIsNoFreshStart(t *testing.T) {
	who, x := newPerson(t, 1), newWitnessWorld(t, 2)
	defer x.store.Close()
	w := newWorld(t, who, 1000, names(20)...)
	defer w.close()
	w.upTo()
	if _, err := w.log.Gather(t.Context(), x.post(w)); err != nil {
		t.Fatal(err)
	}
	evil := newWorld(t, who, 1000, "forged")
	defer evil.close()
	evil.log.o.Place = func() (string, string) { return "south", "other" }
	evil.write(names(30)...)
	evil.upTo()
	if _, err := evil.log.Gather(t.Context(), x.post(evil)); !edge.IsKind(err, edge.Conflict) {
		t.Errorf("%v", err)
	}
}

func TestNodeWithLessThanItsWitness(t *testing.T) {
	who, x := newPerson(t, 1), newWitnessWorld(t, 2)
	defer x.store.Close()
	w, restored := newWorld(t, who, 1000, names(20)...), newWorld(t, who, 1000, names(8)...)
	defer w.close()
	defer restored.close()
	w.upTo()
	restored.upTo()
	if _, err := w.log.Gather(t.Context(), x.post(w)); err != nil {
		t.Fatal(err)
	}
	if _, err := restored.log.Gather(t.Context(), x.post(w)); !edge.IsKind(err, edge.Conflict) || len(x.alarms) > 0 {
		t.Errorf("%v %v", err, x.alarms)
	}
}

// The witness's disk fails: it answers nothing it does not remember.
func TestWitnessRemembersBeforeItAnswers(t *testing.T) {
	for _, through := range []bool{false, true} {
		w, x := newWorld(t, newPerson(t, 1), 1000, names(5)...), newWitnessWorld(t, 2)
		w.upTo()
		if through {
			x.fault.through.Store(1)
		} else {
			x.fault.lose.Store(1)
		}
		if _, err := w.log.Gather(t.Context(), x.post(w)); !edge.IsKind(err, edge.Unavailable) {
			t.Errorf("%v", err)
		}
		w.write("more")
		w.upTo()
		if added, err := w.log.Gather(t.Context(), x.post(w)); err != nil || added != 1 || len(x.alarms) > 0 {
			t.Errorf("through %v: %d, %v, %v", through, added, err, x.alarms)
		}
		w.close()
		x.store.Close()
	}
}

func TestWhoMayAskAWitness(t *testing.T) {
	w, x := newWorld(t, newPerson(t, 1), 1000, names(5)...), newWitnessWorld(t, 2)
	defer w.close()
	defer x.store.Close()
	w.upTo()
	q, _, err := w.log.request(x.who.id, Tree{Origin: Origin{Epoch: epoch1}, Signed: 5})
	if err != nil {
		t.Fatal(err)
	}
	other := newPerson(t, 3)
	site, err := other.key.sign(Head{Origin: Origin{Region: "r", Site: "s", Stream: "site.ledger", Epoch: 1}.String(), Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.key.sign(Head{Origin: w.log.row.Origin, Size: 9})
	if err != nil {
		t.Fatal(err)
	}
	stolen := q.By
	stolen.Log = other.key.statement.Log
	for name, c := range map[string]struct {
		from edge.NodeID
		q    Request
	}{
		"another node's connection":    {other.id, q},
		"another node's keys":          {other.id, Request{Checkpoint: foreign, By: other.key.statement}},
		"a changed statement":          {w.who.id, Request{Checkpoint: q.Checkpoint, By: stolen}},
		"a site it is not a member of": {other.id, Request{Checkpoint: site, By: other.key.statement}},
		"a changed checkpoint":         {w.who.id, Request{Checkpoint: []byte(strings.Replace(string(q.Checkpoint), "\n5\n", "\n6\n", 1)), By: q.By}},
	} {
		if _, err := x.w.Cosign(t.Context(), c.from, c.q); !edge.IsKind(err, edge.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	x.w.o.Speaks = func(n edge.NodeID, o Origin) bool { return n == other.id && o.Site == "s" }
	if a, err := x.w.Cosign(t.Context(), other.id, Request{Checkpoint: site, By: other.key.statement}); err != nil || len(a.Cosignature) == 0 {
		t.Errorf("a member: %v", err)
	}
}
