package state

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2"
	"github.com/dgraph-io/ristretto/v2/z"
)

// readTable opens one of Badger's tables beside Badger and returns the highest index in it. With full it
// checks Badger's checksum of every block. Badger panics on a damaged index; here that is an error.
func (s *Store) readTable(reg *badger.KeyRegistry, id uint64, m badger.TableManifest, full bool) (highest uint64, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("its index is damaged: %v", firstLine(r))
		}
	}()
	key, err := reg.DataKey(m.KeyID)
	if err != nil {
		return 0, err
	}
	cache, err := ristretto.NewCache(&ristretto.Config[uint64, *fb.TableIndex]{NumCounters: 100, MaxCost: 64 << 20, BufferItems: 64})
	if err != nil {
		return 0, err
	}
	defer cache.Close()
	o := table.Options{
		ReadOnly: true, BlockSize: 4096, TableSize: 2 << 20, DataKey: key, Compression: m.Compression,
		ChkMode: options.NoVerification, IndexCache: cache,
	}
	if full {
		o.ChkMode = options.OnTableRead
	}
	f, err := z.OpenMmapFile(tableName(s.opt.Dir, id), os.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	t, err := table.OpenTable(f, o)
	if err != nil {
		return 0, err
	}
	return t.MaxVersion(), errors.Join(t.Close(-1))
}

// firstLine keeps a panic's page of text readable.
func firstLine(r any) string {
	s := fmt.Sprint(r)
	for i, c := range s {
		if c == '\n' && i > 0 {
			return s[:i]
		}
	}
	return s[:min(len(s), 200)]
}
