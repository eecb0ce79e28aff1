package node

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
)

func randomBytes(n int, seed byte) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func (b *box) putBlob(content []byte, name string) BlobInfo {
	b.t.Helper()
	info, err := b.blobs.put(b.t.Context(), bytes.NewReader(content), int64(len(content)), name)
	if err != nil {
		b.t.Fatal(err)
	}
	return info
}

func (b *box) blobState(hash string) string {
	for _, x := range b.blobs.list() {
		if x.Hash == hash {
			return x.State
		}
	}
	return "gone"
}

// Objects put before there is a hub, and in between, reach it, are counted, and survive restarts; a record
// tells of each.
func TestBlobsReachTheHub(t *testing.T) {
	t.Parallel() // it mostly waits
	cfg := smallConfig(t)
	n := start(t, cfg)
	image, backup := randomBytes(300_000, 1), randomBytes(2<<20, 2)
	one := n.putBlob(image, "x-ray.png")
	if again := n.putBlob(image, "copy.png"); again != one || n.blobs.ledger().Accepted != 1 {
		t.Errorf("put twice: %+v", again)
	}
	if _, err := n.blobs.put(t.Context(), strings.NewReader("x"), 1, strings.Repeat("n", 300)); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("a long name: %v", err)
	}
	n.stop()
	n = start(t, cfg)
	hub := start(t, hubConfig(t))
	n.joinTo(hub)
	two := n.putBlob(backup, "backup")
	eventually(t, "both at the hub", func() error {
		if l := n.blobs.ledger(); l.OnHub != 2 {
			return fmt.Errorf("%+v %+v", l, n.blobs.list())
		}
		return nil
	})
	for hash, want := range map[string][]byte{one.Hash: image, two.Hash: backup} {
		r, err := hub.blobs.get(hash)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the hub has %d bytes, %v", len(got), err)
		}
		r.Close()
	}
	tell := 0
	for _, r := range records(t, n.journals.Journal(edge.Community)) {
		if r.Type == TypeBlob {
			tell++
		}
	}
	if l := n.blobs.ledger(); tell != 2 || l.Accepted != 2 || l.Waiting+l.Lost+l.Shed != 0 {
		t.Errorf("%d records of objects, ledger %+v", tell, l)
	}
	n.stop()
	n = start(t, cfg)
	if l := n.ledger().Objects; l == nil || l.OnHub != 2 || l.Lost != 0 || n.blobState(two.Hash) != blobOnHub {
		t.Errorf("after a restart: %+v", l)
	}
	list, err := hub.listBlobs(t.Context())
	if err != nil || len(list) != 2 || list[0].State != "of site clinic" {
		t.Errorf("at the hub %+v %v", list, err)
	}
	if err := hub.removeBlob(t.Context(), one.Hash, "clinic"); err != nil {
		t.Fatal(err)
	}
	h, _ := blob.ParseHash(one.Hash)
	if hub.blobs.s.Has(h) || !n.blobs.s.Has(h) {
		t.Error("removed at the wrong place")
	}
}

// What somebody removes, and what the disk spoils, before it was delivered is not kept quiet.
func TestBlobLedger(t *testing.T) {
	cfg := smallConfig(t)
	cfg.Storage.Blobs = 1 << 20
	n := start(t, cfg)
	a, b := n.putBlob(randomBytes(200_000, 1), "a"), n.putBlob(randomBytes(200_000, 2), "b")
	if err := n.blobs.remove(t.Context(), a.Hash); err != nil {
		t.Fatal(err)
	}
	if err := n.blobs.remove(t.Context(), a.Hash); !edge.IsKind(err, edge.NotFound) {
		t.Errorf("removed twice: %v", err)
	}
	h, _ := blob.ParseHash(b.Hash)
	n.blobs.Refused(t.Context(), h, edge.E(edge.Corrupt, "the hub says so"))
	if s := n.blobState(b.Hash); s != blobWaiting {
		t.Errorf("an object that is whole is %s", s)
	}
	files, _ := filepath.Glob(filepath.Join(cfg.DataDir, "blobs", "*.blob"))
	if len(files) != 1 {
		t.Fatal(files)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	raw[1000] ^= 1
	if err := os.WriteFile(files[0], raw, 0o600); err != nil {
		t.Fatal(err)
	}
	n.blobs.Refused(t.Context(), h, edge.E(edge.Corrupt, "the object is damaged"))
	l := n.blobs.ledger()
	if l.Accepted != 2 || l.Shed != 1 || l.Lost != 1 || l.Waiting != 0 {
		t.Errorf("%+v", l)
	}
	n.putBlob(randomBytes(200_000, 2), "b") // from where it came
	if l := n.blobs.ledger(); l.Accepted != 2 || l.Lost != 0 || l.Waiting != 1 {
		t.Errorf("%+v", l)
	}
	if _, err := n.blobs.put(t.Context(), bytes.NewReader(randomBytes(1<<20, 3)), 1<<20, "c"); !edge.IsKind(err, edge.Exhausted) {
		t.Errorf("more than there is room for: %v", err)
	}
	if err := n.blobs.Delivered(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	n.putBlob(randomBytes(900_000, 4), "d") // what the hub has makes room
	if s := n.blobState(b.Hash); s != "gone" || n.blobs.ledger().OnHub != 1 || n.blobs.ledger().Lost != 0 {
		t.Errorf("b is %s, %+v", s, n.blobs.ledger())
	}
}

// A crash between the file and its row leaves a file that nobody knows. It goes, but not at once.
func TestBlobSweep(t *testing.T) {
	n := start(t, smallConfig(t))
	kept := n.putBlob([]byte("kept"), "")
	h, err := n.blobs.s.Put(t.Context(), strings.NewReader("nobody's"), 100)
	if err != nil {
		t.Fatal(err)
	}
	suspects, err := n.blobs.sweep(t.Context(), nil)
	if err != nil || len(suspects) != 1 || !n.blobs.s.Has(h) {
		t.Errorf("first look: %v %v", suspects, err)
	}
	if _, err := n.blobs.sweep(t.Context(), suspects); err != nil || n.blobs.s.Has(h) || n.blobState(kept.Hash) != blobWaiting {
		t.Errorf("second look: %v", err)
	}
}

// A hub gives a node an object by a signed command; the node fetches it, keeps it and says so in a record.
func TestHubGivesABlob(t *testing.T) {
	hub, n := start(t, hubConfig(t)), start(t, smallConfig(t))
	n.joinTo(hub)
	n.number(1)
	n.delivered()
	content := randomBytes(500_000, 5)
	info := hub.putBlob(content, "dictionary")
	if info.State != blobHere {
		t.Errorf("at the hub it is %s", info.State)
	}
	if _, err := hub.hub.give(t.Context(), n.ID(), strings.Repeat("ab", 32)); !edge.IsKind(err, edge.NotFound) {
		t.Errorf("what is not there was given: %v", err)
	}
	if _, err := hub.hub.give(t.Context(), n.ID(), info.Hash); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the object", func() error {
		if s := n.blobState(info.Hash); s != blobFetched {
			return fmt.Errorf("it is %s: %+v", s, n.blobs.list())
		}
		return nil
	})
	r, err := n.blobs.get(info.Hash)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) || n.blobs.list()[0].Name != "dictionary" {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	eventually(t, "the record of it", func() error {
		for _, r := range records(t, n.journals.Journal(edge.Community)) {
			if r.Type == TypeFetched && r.Subject == info.Hash {
				return nil
			}
		}
		return fmt.Errorf("not there")
	})
	if n.blobs.ledger() != nil {
		t.Error("what comes from the hub stands in the ledger of what goes to it")
	}
}

// The record of an object is written once, wherever a crash came: before it, after it, or with nobody who puts
// the object again.
func TestBlobIsToldOnce(t *testing.T) {
	n := start(t, smallConfig(t))
	told := func(hash string) (k int) {
		for _, r := range records(t, n.journals.Journal(edge.Community)) {
			if r.Type == TypeBlob && r.Subject == hash {
				k++
			}
		}
		return k
	}
	owe := func(row BlobInfo) { // as a crash leaves the row
		t.Helper()
		h, _ := blob.ParseHash(row.Hash)
		if _, err := n.blobs.update(t.Context(), h, func(BlobInfo, bool, *blobCounts) (BlobInfo, bool) { row.Owed = true; return row, true }); err != nil {
			t.Fatal(err)
		}
	}
	through := n.putBlob(randomBytes(1000, 1), "a")
	owe(through)
	if row := n.putBlob(randomBytes(1000, 1), "a"); row.Owed || told(through.Hash) != 1 {
		t.Errorf("the record was written and not noted: %d records, %+v", told(through.Hash), row)
	}
	for i, again := range []bool{true, false} {
		content := randomBytes(1000, byte(10+i))
		h, err := n.blobs.s.Put(t.Context(), bytes.NewReader(content), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		owe(BlobInfo{Hash: h.String(), Size: 1000, Added: n.keys.trust.Now(), State: blobWaiting})
		if again {
			n.putBlob(content, "")
		} else if _, err := n.blobs.sweep(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if told(h.String()) != 1 {
			t.Errorf("put again %v: %d records", again, told(h.String()))
		}
	}
}
