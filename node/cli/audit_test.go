package cli

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/state"
)

// A row is one block of records as it lies in the store.
type row struct{ key, value []byte }

// stoppedNode is the data directory of a node that refused somebody a few times and was stopped.
func stoppedNode(t *testing.T) (data string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cli")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := node.Default()
	c.DataDir, c.Site = filepath.Join(dir, "data"), "clinic"
	c.Door.Addr, c.MQTT.Addr = "127.0.0.1:0", "127.0.0.1:0"
	c.Storage.Reserve, c.Storage.MinFree, c.Storage.Readings = 1<<20, 32<<20, 16<<20
	n, err := node.New(t.Context(), c, node.Options{Logger: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { err := n.Run(ctx); over <- err }()
	for i := range 8 {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+n.DoorAddr()+"/v1/status", nil)
		r.Header.Set("Authorization", fmt.Sprint("Bearer worn-out-", i))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != 401 {
			t.Fatal(res.Status)
		}
	}
	stop()
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	return c.DataDir
}

// behind opens the store of a stopped node as somebody does who has the box and its keys.
func behind(t *testing.T, data string, f func(*state.Store)) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "keys", "storage.key"))
	if err != nil {
		t.Fatal(err)
	}
	storage, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	key, err := hkdf.Key(sha256.New, storage, nil, "aielon-edge/store/readings", 32)
	if err != nil {
		t.Fatal(err)
	}
	s, err := state.Open(t.Context(), state.Options{Dir: filepath.Join(data, "readings"), Name: "readings", Key: key, Reserve: -1, MinFree: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	f(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, s *state.Store, rows ...row) {
	t.Helper()
	if err := s.Commit(t.Context(), func(b *state.Batch) {
		for _, r := range rows {
			if r.value == nil {
				b.Delete(r.key)
			} else {
				b.Set(r.key, r.value)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// TestAuditVerifyFindsTampering changes, removes and swaps audit records behind the back of a stopped node, with its
// own keys, and has the command look.
func TestAuditVerifyFindsTampering(t *testing.T) {
	data := stoppedNode(t)
	verify := func() (code int, said string) {
		var out bytes.Buffer
		code = Main(t.Context(), []string{"audit", "verify", "--data", data}, Streams{In: strings.NewReader(""), Out: &out, Err: &out}, "test")
		return code, out.String()
	}
	if code, said := verify(); code != 0 || !strings.Contains(said, "8 refusals") {
		t.Fatalf("untouched: exit %d\n%s", code, said)
	}
	var blocks []row
	behind(t, data, func(s *state.Store) {
		v := s.View()
		defer v.Close()
		for k, b := range v.Scan([]byte("j/readings.ledger\x00")) {
			blocks = append(blocks, row{slices.Clone(k), slices.Clone(b)})
		}
	})
	if len(blocks) < 4 {
		t.Fatalf("there are %d blocks", len(blocks))
	}
	a, b, last := blocks[1], blocks[2], blocks[len(blocks)-1]
	changed := slices.Clone(a.value)
	at := bytes.Index(changed, []byte("denied"))
	if at < 0 {
		t.Fatalf("%q holds no refusal", changed)
	}
	changed[at] ^= 1
	for _, tc := range []struct {
		name string
		rows []row
	}{
		{"a word changed", []row{{a.key, changed}}},
		{"removed in the middle", []row{{a.key, nil}}},
		{"removed at the end", []row{{last.key, nil}}},
		{"two swapped", []row{{a.key, b.value}, {b.key, a.value}}},
		{"one twice", []row{{b.key, a.value}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			behind(t, data, func(s *state.Store) { put(t, s, tc.rows...) })
			if code, said := verify(); code == 0 || said == "" {
				t.Errorf("not found:\n%s", said)
			} else {
				t.Logf("exit %d: %s", code, said[strings.LastIndex(strings.TrimSpace(said), "\n")+1:])
			}
			behind(t, data, func(s *state.Store) { put(t, s, a, b, last) })
		})
	}
	if code, said := verify(); code != 0 {
		t.Errorf("put back: exit %d\n%s", code, said)
	}
}
