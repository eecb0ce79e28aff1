package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// rewritten compares w's trees with a journal of other records, whose chain is sound: somebody who has the keys of the
// store has written it anew.
func rewritten(t fataler, w *world, records []string) Report {
	t.Helper()
	other := newWorld(t, w.who, 1, records...)
	defer other.close()
	return w.verifyWith(other.store, VerifyOptions{})
}

// Every record of a small log changed, removed, moved and doubled, with checkpoints everywhere from one to all.
func TestEveryTamperingIsFound(t *testing.T) {
	who := newPerson(t, 1)
	const most = 5
	for n := 1; n <= most; n++ {
		var worlds []*world
		for every := int64(1); every <= int64(n); every++ {
			w := newWorld(t, who, every, names(n)...)
			w.upTo()
			if r := w.verify(VerifyOptions{}); r.Err() != nil || r.Epochs[0].Uncovered != 0 || r.Epochs[0].Kinds[Access] != n {
				t.Fatalf("%d records, a checkpoint every %d: %+v", n, every, r)
			}
			worlds = append(worlds, w)
		}
		for what, records := range tamperings(n) {
			other := newWorld(t, who, 1, records...)
			for i, w := range worlds {
				if r := w.verifyWith(other.store, VerifyOptions{}); !edge.IsKind(r.Err(), edge.Corrupt) {
					t.Errorf("%d records, a checkpoint every %d: %s: %v", n, i+1, what, r.Err())
				}
			}
			other.close()
		}
		for _, w := range worlds {
			w.close()
		}
	}
}

// tamperings are all histories that differ from that of n records by one act, other than by adding at the end.
func tamperings(n int) map[string][]string {
	out := map[string][]string{}
	for i := range n {
		changed := names(n)
		changed[i] = "forged"
		out[fmt.Sprintf("record %d changed", i+1)] = changed
		out[fmt.Sprintf("record %d removed", i+1)] = slices.Delete(names(n), i, i+1)
		out[fmt.Sprintf("a record inserted before %d", i+1)] = slices.Insert(names(n), i, "forged")
		for j := range i {
			moved := names(n)
			moved[i], moved[j] = moved[j], moved[i]
			out[fmt.Sprintf("records %d and %d exchanged", j+1, i+1)] = moved
		}
	}
	return out
}

func TestTheFirstDifferenceIsNamed(t *testing.T) {
	w := newWorld(t, newPerson(t, 1), 2, names(700)...)
	defer w.close()
	w.upTo()
	records := names(700)
	records[299], records[600] = "forged", "forged"
	r := rewritten(t, w, records)
	if len(r.Problems) == 0 || !strings.Contains(r.Problems[0], "record 300 ") {
		t.Errorf("%q", r.Problems)
	}
}

func TestLargerLogs(t *testing.T) {
	who := newPerson(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 90).Draw(t, "records")
		w := newWorld(t, who, int64(rapid.IntRange(1, 30).Draw(t, "every")), names(n)...)
		defer w.close()
		w.upTo()
		more := rapid.IntRange(0, 20).Draw(t, "more")
		list := names(n + more)
		w.write(list[n:]...)
		w.upTo()
		if r := w.verify(VerifyOptions{}); r.Err() != nil {
			t.Fatalf("%q", r.Problems)
		}
		i := rapid.IntRange(0, n+more-1).Draw(t, "at")
		switch rapid.IntRange(0, 2).Draw(t, "act") {
		case 0:
			list[i] = "forged"
		case 1:
			list = slices.Delete(list, i, i+1)
		case 2:
			list = slices.Insert(list, i, "forged")
		}
		if r := rewritten(t, w, list); r.Err() == nil {
			t.Fatalf("not found at %d", i)
		}
	})
}

// set writes under a key behind the program's back, with the store's own keys.
func (w *world) set(key []byte, change func([]byte) []byte) {
	w.Helper()
	v := w.store.View()
	b, err := v.Get(key)
	v.Close()
	if err != nil {
		w.Fatal(err)
	}
	b = change(b)
	if err := w.store.Commit(context.Background(), func(out *state.Batch) {
		if out.Delete(key); b != nil {
			out.Set(key, b)
		}
	}); err != nil {
		w.Fatal(err)
	}
}

func flip(b []byte) []byte { b[len(b)/2] ^= 1; return b }
func gone([]byte) []byte   { return nil }

func TestStoredHashesAndCheckpointsAreCompared(t *testing.T) {
	who := newPerson(t, 1)
	for name, spoil := range map[string]func(w *world){
		"a full tile":           func(w *world) { w.set(tileKey(stream, epoch1, tileID{0, 0}), flip) },
		"an upper tile":         func(w *world) { w.set(tileKey(stream, epoch1, tileID{1, 0}), flip) },
		"the newest tile":       func(w *world) { w.set(tileKey(stream, epoch1, tileID{0, 1}), flip) },
		"a tile gone":           func(w *world) { w.set(tileKey(stream, epoch1, tileID{0, 0}), gone) },
		"a checkpoint":          func(w *world) { w.set(numberKey(checkpointPrefix, stream, epoch1, 300), flip) },
		"the newest checkpoint": func(w *world) { w.set(numberKey(checkpointPrefix, stream, epoch1, 300), gone) },
		"the row of the tree":   func(w *world) { w.set(epochKey(treePrefix, stream, epoch1), flip) },
		"somebody else's checkpoint": func(w *world) {
			w.set(numberKey(checkpointPrefix, stream, epoch1, 300), func(b []byte) []byte {
				c, err := Keys{w.who.key.statement}.Open(b)
				if err != nil {
					w.Fatal(err)
				}
				signed, err := newPerson(w, 3).key.sign(c.Head)
				if err != nil {
					w.Fatal(err)
				}
				return signed
			})
		},
		"a checkpoint of another root": func(w *world) {
			signed, err := w.who.key.sign(Head{Origin: w.log.row.Origin, Size: 300, Root: tlog.Hash{1}})
			if err != nil {
				w.Fatal(err)
			}
			w.set(numberKey(checkpointPrefix, stream, epoch1, 300), func([]byte) []byte { return signed })
		},
	} {
		w := newWorld(t, who, 1000, names(300)...)
		w.upTo()
		if r := w.verify(VerifyOptions{}); r.Err() != nil {
			t.Fatalf("%q", r.Problems)
		}
		spoil(w)
		if r := w.verify(VerifyOptions{}); r.Err() == nil {
			t.Errorf("%s: not found", name)
		}
		w.close()
	}
}

// What was removed because the hub has it is still covered by its hashes.
func TestRemovedRecordsStayProved(t *testing.T) {
	w := newWorld(t, newPerson(t, 1), 10, names(40)...)
	defer w.close()
	w.upTo()
	w.trim(25)
	w.write("r41")
	w.upTo()
	r := w.verify(VerifyOptions{})
	if r.Err() != nil || r.Epochs[0].Removed != 25 || r.Epochs[0].Records != 16 {
		t.Fatalf("%+v", r)
	}
	w.set(tileKey(stream, epoch1, tileID{0, 0}), func(b []byte) []byte { b[3*32] ^= 1; return b })
	if r := w.verify(VerifyOptions{}); r.Err() == nil || !strings.Contains(r.Problems[0], "between record 1 and record") {
		t.Errorf("%q", r.Problems)
	}
}

func (w *world) trim(upTo uint64) {
	w.Helper()
	v := w.store.View()
	defer v.Close()
	w.commit(func(b *state.Batch) error {
		_, err := w.chain.Trim(v, b, edge.Pos{Epoch: epoch1, Seq: upTo}, 1000, start)
		return err
	})
}
