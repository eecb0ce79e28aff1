package site

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/aielon/edge/node/edge"
)

func snapshotOf(t testing.TB, s *Site) []byte {
	t.Helper()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Release()
	var b bytes.Buffer
	if n, err := snap.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("%d of %d bytes, %v", n, b.Len(), err)
	}
	return b.Bytes()
}

func onDisk(t *testing.T) string { return filepath.Join(t.TempDir(), "site") }

func TestSnapshotMakesAnEqualReplica(t *testing.T) {
	_, sites := testSites(t, 1, nil)
	c := command("add", addIn{"x"})
	propose(t, sites[0], c)
	for range 30 {
		propose(t, sites[0], command("put", putIn{"k", "v"}))
	}
	snap := snapshotOf(t, sites[0])
	dir := onDisk(t)
	sh := testShelf(t, dir)
	s, err := Open(Options{Shelf: sh, Mux: testMux(), Site: "clinic", Node: edge.NodeID{9}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(bytes.NewReader(snap)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(snapshotOf(t, s), snap) || s.Applied() != sites[0].Applied() {
		t.Fatal("the restored replica differs")
	}
	sh.Close()
	left, _ := filepath.Glob(filepath.Join(dir, "state-*"))
	if len(left) != 1 || filepath.Base(left[0]) != "state-2" {
		t.Fatalf("left over: %q", left)
	}
	// A crash after the new state was begun, before it was in use, leaves the old one.
	if err := os.Mkdir(filepath.Join(dir, "state-3"), 0o700); err != nil {
		t.Fatal(err)
	}
	sh = testShelf(t, dir)
	defer sh.Close()
	if s, err = Open(Options{Shelf: sh, Mux: testMux(), Site: "clinic", Node: edge.NodeID{9}}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(snapshotOf(t, s), snap) {
		t.Fatal("the replica differs after a restart")
	}
	l := &testLog{index: s.Applied(), sites: []*Site{s}}
	if err := l.goOn(sites[0], s); err != nil {
		t.Fatal(err)
	}
}

// goOn feeds both sites the same next entries and compares them.
func (l *testLog) goOn(a, b *Site) error {
	e := &batch{Now: 1 << 60, Writes: []edge.Write{{Key: []byte("k"), Value: []byte("v")}}}
	e.Base.Count, e.Base.Sum = a.Head()
	e.Events = []edge.Event{{Type: "t", Urgency: edge.Ledger}}
	for _, s := range []*Site{a, b} {
		if err := s.Apply([]edge.Entry{{Index: l.index + 1, Data: appendBatch(nil, e)}})[0]; err != nil {
			return err
		}
	}
	if a.Journal(edge.Ledger).Head() != b.Journal(edge.Ledger).Head() {
		return edge.E(edge.Internal, "the journals differ")
	}
	return nil
}

func TestDamagedSnapshotChangesNothing(t *testing.T) {
	_, sites := testSites(t, 1, nil)
	propose(t, sites[0], command("put", putIn{"k", "new"}))
	snap := snapshotOf(t, sites[0])
	_, others := testSites(t, 1, nil)
	propose(t, others[0], command("put", putIn{"k", "old"}))
	before := snapshotOf(t, others[0])
	rng := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		bad := bytes.Clone(snap)
		at := rng.IntN(len(bad))
		if rng.IntN(2) == 0 {
			bad = bad[:at]
		} else {
			bad[at] ^= 1 << rng.IntN(8)
		}
		err := others[0].Restore(bytes.NewReader(bad))
		if err == nil || edge.KindOf(err) == edge.Internal {
			t.Fatalf("damage at %d: %v", at, err)
		}
	}
	if !bytes.Equal(before, snapshotOf(t, others[0])) {
		t.Fatal("a damaged snapshot changed the state")
	}
	propose(t, others[0], command("put", putIn{"k", "newer"}))
}

// A view that is open while the store is replaced shows what it showed.
func TestReadersDuringRestore(t *testing.T) {
	_, sites := testSites(t, 1, nil)
	propose(t, sites[0], command("put", putIn{"k", "one"}))
	snap := snapshotOf(t, sites[0])
	propose(t, sites[0], command("put", putIn{"k", "two"}))
	v := sites[0].View()
	done := make(chan error, 1)
	go func() { done <- sites[0].Restore(bytes.NewReader(snap)) }()
	for range 1000 {
		if b, err := v.Get([]byte("r/k")); err != nil || string(b) != "two" {
			t.Fatalf("%s, %v", b, err)
		}
	}
	v.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	reply, _, err := sites[0].Ask(context.Background(), "get", []byte(`{"Key":"k"}`), Local)
	if err != nil || string(reply) != `"one"` {
		t.Fatalf("%s, %v", reply, err)
	}
}

func TestReopen(t *testing.T) {
	dir := onDisk(t)
	sh := testShelf(t, dir)
	_, sites := testSites(t, 1, func(o *Options) { o.Shelf = sh })
	c := command("add", addIn{"x"})
	first := propose(t, sites[0], c)
	if err := sites[0].Sync(); err != nil {
		t.Fatal(err)
	}
	sh.Close()
	sh = testShelf(t, dir)
	l, again := testSites(t, 1, func(o *Options) { o.Shelf = sh })
	l.index = again[0].Applied()
	if out := propose(t, again[0], c); !out.Again || string(out.Reply) != string(first.Reply) || out.Pos != first.Pos {
		t.Fatalf("%+v, first %+v", out, first)
	}
	if out := propose(t, again[0], command("add", addIn{"x"})); string(out.Reply) != "2" {
		t.Fatalf("%+v", out)
	}
}
