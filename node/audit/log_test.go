package audit

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// The tree is that of RFC 6962 as the library computes it: same roots, same proofs, from tiles that were written and
// read again at any size.
func TestTreeIsTheLibrarys(t *testing.T) {
	s := openMemory(t)
	defer s.Close()
	var hashes []tlog.Hash
	read := tlog.HashReaderFunc(func(ix []int64) (out []tlog.Hash, err error) {
		for _, i := range ix {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	tr := newTree()
	for n := int64(0); n < 1100; n++ {
		leaf := tlog.RecordHash(fmt.Append(nil, n))
		more, err := tlog.StoredHashesForRecordHash(n, leaf, read)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, more...)
		tr.add(leaf)
		want, err := tlog.TreeHash(n+1, read)
		if err != nil || tr.root() != want {
			t.Fatalf("%d: %v", n+1, err)
		}
		if n%241 == 0 || n == 1099 || n == 511 || n == 512 {
			if err := s.Commit(t.Context(), func(b *state.Batch) { tr.write(b, stream, 1) }); err != nil {
				t.Fatal(err)
			}
			v := s.View()
			if tr, err = loadTree(v, stream, 1, n+1); err != nil || tr.root() != want {
				t.Fatalf("read again at %d: %v", n+1, err)
			}
			v.Close()
		}
	}
	v := s.View()
	defer v.Close()
	ours := &stored{v: v, stream: stream, epoch: 1}
	for _, c := range [][2]int64{{1100, 1}, {1100, 256}, {1100, 777}, {1024, 512}, {1000, 999}, {300, 300}} {
		p, err := tlog.ProveTree(c[0], c[1], ours)
		q, _ := tlog.ProveTree(c[0], c[1], read)
		if err != nil || fmt.Sprint(p) != fmt.Sprint(q) {
			t.Errorf("growth %v: %v", c, err)
		}
		r, err := tlog.ProveRecord(c[0], c[1]-1, ours)
		u, _ := tlog.ProveRecord(c[0], c[1]-1, read)
		if err != nil || fmt.Sprint(r) != fmt.Sprint(u) {
			t.Errorf("record %v: %v", c, err)
		}
	}
}

// The power goes at every single commit of the follower: the commit is lost, or it gets through and nobody is told.
// After a start everything is as if nothing had happened.
func TestPowerCutsLeaveNothingToMend(t *testing.T) {
	who := newPerson(t, 1)
	const n = 40
	sound := newWorld(t, who, 7, names(n)...)
	defer sound.close()
	sound.upTo()
	for _, through := range []bool{false, true} {
		cuts := 0
		for at := int64(1); ; at++ {
			w := newWorld(t, who, 7, names(n)...)
			if through {
				w.fault.through.Store(at)
			} else {
				w.fault.lose.Store(at)
			}
			err := w.follow()
			if err == nil {
				err = w.log.Checkpoint(t.Context())
			}
			if err == nil { // there were fewer commits
				w.close()
				break
			}
			cuts++
			if at%2 == 0 { // a start; otherwise the process goes on and tries again
				w.open(7)
			}
			w.upTo()
			if w.log.tree.root() != sound.log.tree.root() || w.log.row.Size != n || w.log.row.Signed != n {
				t.Errorf("through %v, commit %d: another tree", through, at)
			}
			if r := w.verify(VerifyOptions{}); r.Err() != nil {
				t.Errorf("through %v, commit %d: %q", through, at, r.Problems)
			}
			w.open(7)
			w.upTo()
			w.close()
		}
		if cuts < 4 {
			t.Errorf("only %d commits were cut", cuts)
		}
	}
}

func TestRecordsSeenTwiceChangeNothing(t *testing.T) {
	w := newWorld(t, newPerson(t, 1), 5, names(12)...)
	defer w.close()
	w.upTo()
	root := w.log.tree.root()
	for r, err := range w.log.Read(t.Context(), edge.Pos{}) {
		if err != nil {
			t.Fatal(err)
		}
		if err := w.log.Follow(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if r.Pos.Seq == 12 {
			r.Pos.Sum[0] ^= 1
			if err := w.log.Follow(t.Context(), r); !edge.IsKind(err, edge.Conflict) {
				t.Errorf("another record at the same place: %v", err)
			}
		}
	}
	if w.log.tree.root() != root || w.log.tree.size != 12 {
		t.Error("the tree has changed")
	}
}

func TestEachEpochHasATree(t *testing.T) {
	w := newWorld(t, newPerson(t, 1), 1000, names(5)...)
	defer w.close()
	if err := w.follow(); err != nil {
		t.Fatal(err)
	}
	w.begin(0x20)
	w.write(names(3)...)
	w.upTo()
	v := w.store.View()
	list, err := Trees(v, stream)
	v.Close()
	if err != nil || len(list) != 2 || list[0].Size != 5 || list[0].Signed != 5 || list[1].Size != 3 || list[1].Signed != 3 {
		t.Fatalf("%v %+v", err, list)
	}
	r := w.verify(VerifyOptions{})
	if r.Err() != nil || len(r.Epochs) != 2 || r.Epochs[0].Uncovered+r.Epochs[1].Uncovered != 0 {
		t.Fatalf("%+v", r)
	}
	w.set(epochKey(treePrefix, stream, 0x20), func(b []byte) []byte {
		return []byte(strings.ReplaceAll(string(b), "readings.ledger#20", "readings.ledger#30"))
	})
	if r := w.verify(VerifyOptions{}); r.Err() == nil {
		t.Error("a tree of another epoch was taken")
	}
}

// Records that went before they were seen end the tree, loudly; the next epoch has one again.
func TestGapsEndTheTree(t *testing.T) {
	w := newWorld(t, newPerson(t, 1), 4, names(10)...)
	defer w.close()
	w.upTo()
	w.write("a", "b")
	w.write("c", "d")
	w.trim(12)
	var alarm error
	w.log.o.Alarm = func(err error) { alarm = err }
	w.upTo()
	if alarm == nil || w.log.tree.size != 10 || w.log.Report(t.Context()).Level != edge.Degraded {
		t.Fatalf("%v, %d", alarm, w.log.tree.size)
	}
	w.begin(0x20)
	w.write("e")
	w.upTo()
	w.open(4)
	if h := w.log.Report(t.Context()); h.Level != edge.OK || w.log.tree.size != 1 {
		t.Errorf("%+v", h)
	}
	r := w.verify(VerifyOptions{})
	if r.Err() != nil || r.Epochs[0].Lost == "" || r.Epochs[1].Lost != "" {
		t.Errorf("%+v", r)
	}
}

func TestCheckpointsKeptAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var kept []bool
		newest := -1
		for range rapid.IntRange(1, 1500).Draw(t, "checkpoints") {
			gone := thin(kept)
			var next []bool
			for i, c := range kept {
				if len(gone) > 0 && gone[0] == i {
					gone = gone[1:]
					if i == newest || i >= len(kept)-keepNewest {
						t.Fatalf("%d of %d was dropped", i, len(kept))
					}
					continue
				}
				if i == newest {
					newest = len(next)
				}
				next = append(next, c)
			}
			kept = append(next, rapid.IntRange(0, 99).Draw(t, "cosigned") == 0)
			if kept[len(kept)-1] {
				newest = len(kept) - 1
			}
			if len(kept) > maxCheckpoints {
				t.Fatalf("%d are kept", len(kept))
			}
		}
	})
}

// The whole part: a runner drives the log over a journal that grows, and the end of the node makes a checkpoint.
func TestRunner(t *testing.T) {
	w := newWorld(t, newPerson(t, 1), 1000, names(600)...)
	defer w.close()
	ctx, cancel := context.WithCancel(t.Context())
	signed := make(chan Head, 4)
	w.log.o.Signed = func(h Head) { signed <- h }
	w.log.o.Every = 500
	done := make(chan error)
	go func() { done <- w.log.Run(ctx) }()
	first := <-signed
	if first.Size < 500 {
		t.Errorf("%+v", first)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.open(500)
	w.upTo()
	if r := w.verify(VerifyOptions{}); r.Err() != nil || r.Epochs[0].Uncovered != 0 {
		t.Errorf("%+v", r)
	}
}
