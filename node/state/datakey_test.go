package state

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// onDisk reports whether a text stands in any file of a store.
func onDisk(t *testing.T, dir, text string) bool {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(text)) {
			t.Logf("%s has it", f.Name())
			return true
		}
	}
	return false
}

// Keys name people and words. Neither a key nor a value may be read off the disk, from a log or from a table.
func TestKeysAreHidden(t *testing.T) {
	for _, managed := range []bool{false, true} {
		o := options1(t, managed)
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		write := func(b *Batch) { b.Set([]byte("canary-key"), []byte("canary-value")) }
		if b := NewBatch(); managed {
			write(b)
			if err := s.CommitAt(b, 1); err != nil {
				t.Fatal(err)
			}
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
		} else {
			commit(t, s, write)
		}
		if onDisk(t, o.Dir, "canary") {
			t.Errorf("managed %v: the log of an open store can be read", managed)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if onDisk(t, o.Dir, "canary") {
			t.Errorf("managed %v: a table can be read", managed)
		}
		s = open(t, o)
		if got := get(t, s, "canary-key"); got != "canary-value" {
			t.Errorf("read %q", got)
		}
	}
}

// A store that was made without a data key hides what is written from now on, and keeps what it has.
func TestStoreWithoutDataKey(t *testing.T) {
	o := options1(t, false)
	key := derive(o.Key, purposeBadger, nil)
	reg, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: o.Dir, EncryptionKey: key})
	if err != nil {
		t.Fatal(err)
	}
	reg.Close()
	full, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	db, err := badger.OpenManaged(full.badger(key))
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	s := open(t, o)
	commit(t, s, func(b *Batch) { b.Set([]byte("canary-key"), []byte("v")) })
	if onDisk(t, o.Dir, "canary") {
		t.Error("the key can be read")
	}
	if got := get(t, s, "canary-key"); got != "v" {
		t.Errorf("read %q", got)
	}
}
