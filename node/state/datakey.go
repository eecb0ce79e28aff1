package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
)

// ensureDataKey makes the key with which Badger hides keys and tables, where a store has none. Badger itself would
// not: it counts the age of the key that is not there from 1970, finds it younger than keyRotation, and goes on
// without one. A new store gets its registry in one step, an older one has the key appended and hides what is
// written from then on.
func ensureDataKey(dir string, key []byte) error {
	o := badger.KeyRegistryOptions{Dir: dir, EncryptionKey: key} // no rotation: LatestDataKey makes a key each time
	if _, err := os.Stat(filepath.Join(dir, badger.KeyRegistryFileName)); errors.Is(err, fs.ErrNotExist) {
		o.InMemory = true
		reg, err := badger.OpenKeyRegistry(o)
		if err != nil {
			return err
		}
		if _, err := reg.LatestDataKey(); err != nil {
			return err
		}
		o.InMemory = false
		return badger.WriteKeyRegistry(reg, o)
	}
	reg, err := badger.OpenKeyRegistry(o)
	if err != nil {
		return err
	}
	if _, err := reg.DataKey(1); err != nil {
		if _, err := reg.LatestDataKey(); err != nil {
			return errors.Join(err, reg.Close())
		}
	}
	return reg.Close()
}
