package badgerstore

import (
	"bytes"
	"testing"

	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/hub/storetest"
	"github.com/aielon/edge/sync/wire"
)

func opener(tb testing.TB) storetest.Opener {
	dir := tb.TempDir()
	z, err := wire.NewCodec(2)
	if err != nil {
		tb.Fatal(err)
	}
	var last store.Store
	tb.Cleanup(func() {
		if last != nil {
			last.Close()
		}
		z.Close()
	})
	return func(tb testing.TB) store.Store {
		if last != nil {
			last.Close()
		}
		s, err := state.Open(tb.Context(), state.Options{Dir: dir, Name: "hub", Key: bytes.Repeat([]byte{7}, 32), MemTable: 16 << 20, Reserve: -1})
		if err != nil {
			tb.Fatal(err)
		}
		b, err := Open(s, z, true)
		if err != nil {
			tb.Fatal(err)
		}
		last = b
		return b
	}
}

func TestStore(t *testing.T) { storetest.Run(t, opener) }
