// Package stored reads what stopped nodes and hubs have on their disks, and compares it.
package stored

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/sync/hub/badgerstore"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// open opens one store of a stopped node.
func open(tb testing.TB, data, dir, name string) *state.Store {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(data, "keys", "storage.key"))
	if err != nil {
		tb.Fatal(err)
	}
	root, err := hex.DecodeString(string(bytes.TrimSpace(b)))
	if err != nil {
		tb.Fatal(err)
	}
	key, err := hkdf.Key(sha256.New, root, nil, "aielon-edge/store/"+name, 32)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := state.Open(tb.Context(), state.Options{Dir: filepath.Join(data, dir), Name: name, Key: key, Reserve: -1})
	if err != nil {
		tb.Fatalf("the store %s of %s cannot be opened: %v", name, data, err)
	}
	return s
}

// Readings opens the readings of a stopped node until close is called.
func Readings(tb testing.TB, data string) (s *state.Store, close func() error) {
	tb.Helper()
	s = open(tb, data, "readings", "readings")
	return s, s.Close
}

// Hub opens the Badger store of a stopped hub.
func Hub(tb testing.TB, data string) store.Store {
	tb.Helper()
	z, err := wire.NewCodec(1)
	if err != nil {
		tb.Fatal(err)
	}
	h, err := badgerstore.Open(open(tb, data, "hub", "hub"), z, true)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// Compared is what Compare found.
type Compared struct {
	Records  uint64 // alike on both sides, in order
	Epochs   int
	Distinct uint64            // different messages of devices among them
	Again    uint64            // messages that a device sent again because no acknowledgement reached it
	Last     map[string]uint64 // newest number of each device
}

// Compare fails at the first record of a stream that the hub has and the node has not, or the other way
// round, or has at another place, or with other content; and at the first message of a device that came
// before one with a smaller number, or after one that is missing.
func Compare(ctx context.Context, readings *state.Store, hub store.Store, id wire.StreamID) (Compared, error) {
	out := Compared{Last: map[string]uint64{}}
	local := journal.NewReader(readings.View, id.Name, nil)
	next, stop := iter.Pull2(hub.Read(ctx, id, edge.Pos{}))
	defer stop()
	var at edge.Pos
	for want, err := range local.Read(ctx, edge.Pos{}) {
		if err != nil {
			return out, fmt.Errorf("the node's journal %s after %v: %w", id.Name, at, err)
		}
		got, err, ok := next()
		if !ok || err != nil {
			return out, fmt.Errorf("the hub has nothing where the node has record %v: %w", want.Pos, err)
		}
		if got.Pos != want.Pos || got.Type != want.Type || got.Subject != want.Subject || !bytes.Equal(got.Body, want.Body) {
			return out, fmt.Errorf("the node has %v %s, the hub has %v %s", want.Pos, want.Body, got.Pos, got.Body)
		}
		if want.Pos.Epoch != at.Epoch {
			out.Epochs++
			at = edge.Pos{}
		}
		if want.Pos.Seq != at.Seq+1 {
			return out, fmt.Errorf("record %v follows %v", want.Pos, at)
		}
		at = want.Pos
		if err := out.count(want); err != nil {
			return out, err
		}
		out.Records++
	}
	if more, err, ok := next(); ok {
		return out, fmt.Errorf("the hub has record %v, which the node does not have (%v)", more.Pos, err)
	}
	return out, nil
}

var number = regexp.MustCompile(`"n":"[^"]*count"[^}]*?"v":(\d+)`)

// count follows the numbers in what devices said.
func (c *Compared) count(r edge.Record) error {
	m := number.FindSubmatch(r.Body)
	if m == nil {
		return nil
	}
	n, err := strconv.ParseUint(string(m[1]), 10, 64)
	if err != nil {
		return err
	}
	switch last := c.Last[r.Subject]; {
	case n == last:
		c.Again++
	case n == last+1:
		c.Last[r.Subject] = n
		c.Distinct++
	default:
		return fmt.Errorf("%s: message %d of %s comes after %d", r.Pos, n, r.Subject, last)
	}
	return nil
}
