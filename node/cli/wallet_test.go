package cli

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// ask calls the door of a node.
func ask(t *testing.T, n *node.Node, token, path, body string) (out struct {
	ID, Session, Code string
	Person            struct{ ID string }
}) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+n.DoorAddr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 || json.Unmarshal(b, &out) != nil {
		t.Fatal(path, res.Status, string(b), err)
	}
	return out
}

// moneyNode is a node with one transfer, that runs until stop.
func moneyNode(t *testing.T) (data string, stop func()) {
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
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- n.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := n.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	code, err := n.SetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mira := ask(t, n, "", "/v1/setup", `{"code":"`+code+`","login":"mira","password":"purple camel teacup"}`)
	in := ask(t, n, mira.Session, "/v1/invitations", `{"roles":["wallet-officer"]}`)
	till := ask(t, n, "", "/v1/invitations/accept", `{"code":"`+in.Code+`","login":"till","password":"seven quiet lanterns"}`)
	var ids []string
	for _, kind := range []string{"CASH", "INCOME"} {
		ids = append(ids, ask(t, n, till.Session, "/v1/wallet/accounts", `{"kind":"`+kind+`","asset":"IDR","fund":"general"}`).ID)
	}
	ask(t, n, till.Session, "/v1/wallet/transfers", fmt.Sprintf(`{"transfer":{"id":%q,"debit":%q,"credit":%q,"amount":"1250"}}`, edge.NewID(), ids[0], ids[1]))
	return c.DataDir, stop
}

// siteRow rewrites the first row of the site's store whose key holds a text, as somebody does who has the box.
func siteRow(t *testing.T, data, holds string, change func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "keys", "storage.key"))
	if err != nil {
		t.Fatal(err)
	}
	storage, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	key, err := hkdf.Key(sha256.New, storage, nil, "aielon-edge/store/site", 32)
	if err != nil {
		t.Fatal(err)
	}
	shelf, err := site.OpenShelf(t.Context(), state.Options{Dir: filepath.Join(data, "site"), Name: "site", Key: key, Reserve: -1, MinFree: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := shelf.Close(); err != nil {
			t.Error(err)
		}
	}()
	s := shelf.Store()
	v := s.View()
	b := state.NewBatch()
	for k, value := range v.Scan(nil) {
		if bytes.Contains(k, []byte(holds)) {
			b.Set(slices.Clone(k), change(slices.Clone(value)))
			break
		}
	}
	v.Close()
	if b.Len() != 1 {
		t.Fatalf("there is no row %q", holds)
	}
	if err := s.CommitAt(b, s.MaxVersion()+1); err != nil {
		t.Fatal(err)
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
}

// The ledger of a node is checked and exported alike while it runs and after; one balance that was changed behind its
// back is found.
func TestWallet(t *testing.T) {
	data, stop := moneyNode(t)
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := Main(t.Context(), append(args, "--data", data), Streams{In: strings.NewReader(""), Out: &out, Err: &out}, "test")
		return code, out.String()
	}
	file := filepath.Join(t.TempDir(), "journal")
	var first []byte
	for _, when := range []string{"running", "stopped"} {
		if code, said := run("wallet", "check"); code != ExitOK || !strings.Contains(said, "1 entries with 1 legs in 1 blocks, 2 accounts") {
			t.Fatalf("%s: exit %d\n%s", when, code, said)
		}
		if code, said := run("wallet", "export", "-o", file); code != ExitOK || said != "" {
			t.Fatalf("%s: exit %d\n%s", when, code, said)
		}
		b, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(b, []byte("12.50 IDR")) || first != nil && !bytes.Equal(first, b) {
			t.Errorf("%s: %s %v", when, b, err)
		}
		first = b
		if code, said := run("wallet", "export", "--format", "balances"); code != ExitOK || !strings.Contains(said, ",IDR,-12.50\n") {
			t.Errorf("%s: exit %d\n%s", when, code, said)
		}
		for _, bad := range [][]string{{"--format", "pdf"}, {"--until", "yesterday"}} {
			if code, said := run(append([]string{"wallet", "export"}, bad...)...); code != ExitUsage {
				t.Errorf("%s: %v: exit %d\n%s", when, bad, code, said)
			}
		}
		if code, said := run("wallet", "export", "-o", filepath.Join(data, "nowhere", "x")); code != ExitUsage {
			t.Errorf("%s: exit %d\n%s", when, code, said)
		}
		if when == "running" {
			stop()
		}
	}
	siteRow(t, data, "wl/s/IDR/general", func(row []byte) []byte { return append(make([]byte, 8), row[8:]...) })
	if code, said := run("wallet", "check"); code != ExitFailed || !strings.Contains(said, "WRONG: ") {
		t.Errorf("exit %d\n%s", code, said)
	}
}
