package node

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/sync/hub"
	"github.com/aielon/edge/sync/wire"
)

// keyOf copies a node's storage key to where an operator would keep it.
func keyOf(t testing.TB, cfg Config) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(cfg.DataDir, "keys", "storage.key"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.key")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (b *box) backup() []byte {
	b.t.Helper()
	var w bytes.Buffer
	if err := b.Backup(b.t.Context(), &w); err != nil {
		b.t.Fatal(err)
	}
	return w.Bytes()
}

// hubHas reads what the hub keeps of one stream.
func (b *box) hubHas(id wire.StreamID) (list []edge.Record) {
	b.t.Helper()
	sources, err := b.hub.h.Sources(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, s := range sources {
		if s.ID() == id {
			return records(b.t, s)
		}
	}
	return nil
}

func telemetryOf(n *box) wire.StreamID {
	return wire.StreamID{Origin: n.ID().String(), Name: "readings.telemetry"}
}

// TestRestoredNodeDelivers takes a backup of a node under load, lets the node go on for a while, and
// restores the backup on another box. Nothing of what either of the two lives acknowledged is lost at the
// hub or comes twice.
func TestRestoredNodeDelivers(t *testing.T) {
	t.Parallel() // it mostly waits
	hub := start(t, hubConfig(t))
	cfg := smallConfig(t)
	first := start(t, cfg)
	first.joinTo(hub)
	for _, id := range []string{"fridge", "scale"} {
		if _, err := first.RegisterDevice(t.Context(), DeviceInfo{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 200 {
		first.number(i)
	}
	stop, load := make(chan struct{}), make(chan int)
	go func() {
		for i := 200; ; i++ {
			select {
			case <-stop:
				load <- i
				return
			default:
				if err := first.publish("fridge", "fridge/state", fmt.Sprintf(`{"number":%d}`, i)); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	archive := first.backup()
	if _, err := first.RegisterDevice(t.Context(), DeviceInfo{ID: "after-backup"}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	close(stop)
	acked := <-load
	first.delivered()
	id, stream, oldEpoch := first.ID(), telemetryOf(first), first.journals.Journal(edge.Telemetry).Head().Epoch
	first.stop()

	second := smallConfig(t)
	second.Site = "ignored" // the backup knows the site
	head, err := Restore(t.Context(), second, bytes.NewReader(archive), RestoreOptions{KeyFile: keyOf(t, cfg)})
	if err != nil {
		t.Fatal(err)
	}
	if head.Node != id || head.Site != "clinic" || head.Role != "node" || time.Since(head.Created) > time.Minute {
		t.Errorf("head %+v", head)
	}
	for _, dir := range []string{second.DataDir, filepath.Join(second.DataDir, "keys")} {
		if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v %v", dir, st, err)
		}
	}
	again := start(t, second)
	if again.ID() != id {
		t.Errorf("the restored node is %s, want %s", again.ID(), id)
	}
	list, err := again.listDevices(t.Context())
	if err != nil || len(list) != 2 {
		t.Errorf("devices %v %v", list, err)
	}
	j := again.journals.Journal(edge.Telemetry)
	kept := numbers(records(t, j))
	for i := range 200 {
		if kept[i] != 1 {
			t.Fatalf("reading %d is there %d times", i, kept[i])
		}
	}
	if j.Head().Epoch == oldEpoch {
		t.Error("the restored node goes on in the old epoch")
	}
	for i := range 50 {
		again.number(1_000_000 + i)
	}
	eventually(t, "the site's own epoch", func() error { return again.forkedSite() })
	again.delivered()
	got := numbers(hub.hubHas(stream))
	for i := range acked {
		if got[i] != 1 {
			t.Fatalf("the hub has reading %d of %d %d times; %d were in the backup", i, acked, got[i], len(kept))
		}
	}
	for i := range 50 {
		if got[1_000_000+i] != 1 {
			t.Fatalf("the hub has new reading %d %d times", i, got[1_000_000+i])
		}
	}
	streams, err := hub.hub.h.Streams(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		if s.Frozen != "" {
			t.Errorf("%s is frozen: %s", s.ID, s.Frozen)
		}
	}
	if l := again.ledger().Total; l.Lost != 0 {
		t.Errorf("ledger %+v", l)
	}
	if exists(filepath.Join(second.DataDir, restoredMark)) {
		t.Error("the word of the restore is still there: each start would begin an epoch")
	}
	before := j.Head().Epoch
	again.stop()
	if third := start(t, second); third.journals.Journal(edge.Telemetry).Head().Epoch != before {
		t.Error("a second start began another epoch")
	}
}

// forkedSite reports whether the site's ledger is in its second epoch.
func (b *box) forkedSite() error {
	v := b.site.View()
	defer v.Close()
	c, err := journal.LoadChain(v, "site.ledger")
	if err == nil && len(c.Epochs()) < 2 {
		err = fmt.Errorf("%d epochs", len(c.Epochs()))
	}
	return err
}

// smallBackup is an archive of a node with a few readings, its key and the configuration it had.
func smallBackup(t testing.TB) (archive []byte, key string, n *box) {
	t.Helper()
	cfg := smallConfig(t)
	n = start(t, cfg)
	for i := range 20 {
		n.number(i)
	}
	archive = n.backup()
	return archive, keyOf(t, cfg), n
}

// refused restores b and makes sure that it is refused with one of the kinds and leaves nothing behind.
func refused(t *testing.T, what string, b []byte, key string, kinds ...edge.Kind) {
	t.Helper()
	parent := t.TempDir()
	cfg := Default()
	cfg.DataDir = filepath.Join(parent, "new")
	_, err := Restore(t.Context(), cfg, bytes.NewReader(b), RestoreOptions{KeyFile: key})
	if !slices.Contains(kinds, edge.KindOf(err)) || err == nil {
		t.Errorf("%s: %v", what, err)
	}
	if left, _ := os.ReadDir(parent); len(left) > 0 {
		t.Errorf("%s left %v behind", what, left)
	}
}

func TestRestoreRefusesDamage(t *testing.T) {
	t.Parallel() // it mostly waits
	archive, key, n := smallBackup(t)
	other := n.backup()
	n.stop()
	parts, otherParts := sectionsOf(t, archive), sectionsOf(t, other)
	wrong := filepath.Join(t.TempDir(), "wrong.key")
	if err := os.WriteFile(wrong, []byte(strings.Repeat("ab", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := []edge.Kind{edge.Corrupt, edge.Invalid}
	refused(t, "another key", archive, wrong, edge.Invalid)
	refused(t, "no backup", []byte("hello, this is no backup"), key, edge.Invalid)
	refused(t, "nothing", nil, key, edge.Invalid)
	refused(t, "a byte after the end", append(bytes.Clone(archive), 0), key, edge.Corrupt)
	refused(t, "twice", append(bytes.Clone(archive), archive...), key, edge.Corrupt)
	var some sync.WaitGroup // most of the time goes by waiting for the disk
	for i := range 64 {
		some.Go(func() { refused(t, fmt.Sprintf("cut at %d/64", i), archive[:len(archive)*i/64], key, bad...) })
	}
	some.Wait()
	for i := range 64 {
		b, at := bytes.Clone(archive), len(archive)*i/64+i
		b[at] ^= 1 << (i % 8)
		some.Go(func() { refused(t, fmt.Sprintf("a bit of byte %d", at), b, key, bad...) })
	}
	some.Wait()
	for i, name := range []string{"head", "keys", "readings", "site"} {
		mixed := slices.Clone(parts)
		mixed[i] = otherParts[i]
		refused(t, name+" of another backup", whole(mixed), key, bad...)
		refused(t, "without "+name, whole(slices.Delete(slices.Clone(parts), i, i+1)), key, edge.Corrupt)
	}
	refused(t, "stores swapped", whole([][]byte{parts[0], parts[1], parts[3], parts[2]}), key, edge.Corrupt)
	long := bytes.Clone(archive)
	copy(long[len(backupMagic)+16:], []byte{0xff, 0xff, 0xff, 0xff})
	refused(t, "a chunk of 4 GiB", long, key, edge.Corrupt)
}

// sectionsOf cuts an archive into its sections, names and ends included.
func sectionsOf(t testing.TB, archive []byte) (parts [][]byte) {
	t.Helper()
	for b := archive[len(backupMagic):]; len(b) > 0; {
		n := 16
		for {
			size := int(b[n])<<24 | int(b[n+1])<<16 | int(b[n+2])<<8 | int(b[n+3])
			if n += 4 + size; size == 0 {
				break
			}
		}
		parts = append(parts, b[:n])
		b = b[n:]
	}
	if len(parts) != 4 {
		t.Fatalf("%d sections", len(parts))
	}
	return parts
}

func whole(parts [][]byte) []byte {
	return append([]byte(backupMagic), slices.Concat(parts...)...)
}

// forge writes an archive with a head and keys of the test's choice, sealed with the right storage key.
func forge(t testing.TB, key string, head BackupHead, files map[string][]byte) []byte {
	t.Helper()
	k := &keys{dir: t.TempDir()}
	cfg := Default()
	cfg.Storage.KeyFile = key
	var err error
	if k.storage, err = storageKey(cfg); err != nil {
		t.Fatal(err)
	}
	h, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := k.sealFiles(files, h)
	if err != nil {
		t.Fatal(err)
	}
	var w bytes.Buffer
	out := &sectionWriter{w: &w}
	out.raw([]byte(backupMagic))
	for _, s := range []struct {
		name string
		data []byte
	}{{"head", h}, {"keys", sealed}} {
		out.section(s.name, func(w io.Writer) error { _, err := w.Write(s.data); return err })
	}
	return w.Bytes()
}

// TestRestoreRefusesNames gives names that an attacker who has the storage key, but not the box, would
// choose to write elsewhere.
func TestRestoreRefusesNames(t *testing.T) {
	key := filepath.Join(t.TempDir(), "storage.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("0f", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	head := BackupHead{Format: 1, Node: edge.NodeID{1}, Site: "clinic", Created: time.Now()}
	for _, name := range []string{"../authorized_keys", "/etc/passwd", "..", ".", "", ".hidden", "a/b", "storage.key", "a\x00b", strings.Repeat("x", 300)} {
		b := forge(t, key, head, map[string][]byte{"node.key": []byte("k"), name: []byte("x")})
		refused(t, fmt.Sprintf("a key named %q", name), b, key, edge.Corrupt)
	}
	many := map[string][]byte{}
	for i := range maxKeyFiles + 1 {
		many[fmt.Sprint("k", i)] = nil
	}
	refused(t, "too many keys", forge(t, key, head, many), key, edge.Corrupt)
	head.Format = 2
	refused(t, "a newer format", forge(t, key, head, nil), key, edge.Invalid)
}

func TestRestoreTargets(t *testing.T) {
	archive, key, n := smallBackup(t)
	n.stop()
	t.Run("not empty", func(t *testing.T) {
		cfg := smallConfig(t)
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			t.Fatal(err)
		}
		mine := filepath.Join(cfg.DataDir, "mine")
		if err := os.WriteFile(mine, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Restore(t.Context(), cfg, bytes.NewReader(archive), RestoreOptions{KeyFile: key})
		if !edge.IsKind(err, edge.Conflict) {
			t.Error(err)
		}
		if b, err := os.ReadFile(mine); err != nil || string(b) != "precious" {
			t.Errorf("%q %v", b, err)
		}
	})
	t.Run("empty, open to all", func(t *testing.T) {
		cfg := smallConfig(t)
		if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), cfg, bytes.NewReader(archive), RestoreOptions{KeyFile: key}); err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(cfg.DataDir); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%v %v", st, err)
		}
	})
	t.Run("what an earlier restore left", func(t *testing.T) {
		cfg := smallConfig(t)
		if err := os.MkdirAll(filepath.Join(cfg.DataDir+".restoring", "site"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), cfg, bytes.NewReader(archive), RestoreOptions{KeyFile: key}); err != nil {
			t.Fatal(err)
		}
		if exists(cfg.DataDir + ".restoring") {
			t.Error("the scratch directory is left")
		}
	})
	t.Run("no key named", func(t *testing.T) {
		cfg := smallConfig(t)
		if _, err := Restore(t.Context(), cfg, bytes.NewReader(archive), RestoreOptions{KeyFile: ""}); !edge.IsKind(err, edge.Invalid) || exists(cfg.DataDir) {
			t.Error(err, exists(cfg.DataDir))
		}
	})
	t.Run("credentials without a key", func(t *testing.T) {
		cfg := smallConfig(t)
		t.Setenv("CREDENTIALS_DIRECTORY", t.TempDir())
		if _, err := Restore(t.Context(), cfg, bytes.NewReader(archive), RestoreOptions{KeyFile: ""}); !edge.IsKind(err, edge.Invalid) || exists(cfg.DataDir) {
			t.Error(err, exists(cfg.DataDir))
		}
	})
	t.Run("a key kept elsewhere stays there", func(t *testing.T) {
		cfg := smallConfig(t)
		cfg.Storage.KeyFile = key
		if _, err := Restore(t.Context(), cfg, bytes.NewReader(archive), RestoreOptions{KeyFile: ""}); err != nil {
			t.Fatal(err)
		}
		if exists(filepath.Join(cfg.DataDir, "keys", "storage.key")) {
			t.Error("the storage key was copied beside the data")
		}
		start(t, cfg).number(1)
	})
	t.Run("two keys", func(t *testing.T) {
		cfg := smallConfig(t)
		cfg.Storage.KeyFile = filepath.Join(t.TempDir(), "wrong.key")
		if err := os.WriteFile(cfg.Storage.KeyFile, []byte(strings.Repeat("ab", 32)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), cfg, bytes.NewReader(archive), RestoreOptions{KeyFile: key}); !edge.IsKind(err, edge.Conflict) || exists(cfg.DataDir) {
			t.Error(err)
		}
	})
}

// TestCopiedNodeIsNoticed runs a node and a copy of its whole directory, as somebody does who moves a disk
// image and forgets the old box. Both write different things under the same numbers. The hub never mixes
// the two histories, is told what it cannot have, and says that the key is used twice.
func TestCopiedNodeIsNoticed(t *testing.T) {
	t.Parallel() // it mostly waits
	hcfg := hubConfig(t)
	h := start(t, hcfg)
	cfg := smallConfig(t)
	one := start(t, cfg)
	one.joinTo(h)
	one.number(1)
	one.delivered()
	one.stop()
	copied := smallConfig(t)
	if err := os.CopyFS(copied.DataDir, os.DirFS(cfg.DataDir)); err != nil {
		t.Fatal(err)
	}
	private(t, copied.DataDir)
	h.stop()
	one, two := start(t, cfg), start(t, copied)
	for i := range 5 {
		one.number(100 + i)
		two.number(200 + i)
	}
	two.stop()
	h = start(t, hcfg)
	one.delivered()
	one.stop()
	two = start(t, copied)
	eventually(t, "a new epoch", func() error { return h.noticed(one.ID(), hub.AlarmEpoch) })
	ledger := wire.StreamID{Origin: one.ID().String(), Name: "readings.ledger"}
	eventually(t, "word of what the hub cannot have", func() error {
		for _, r := range h.hubHas(ledger) {
			if r.Type == TypeParted && strings.Contains(string(r.Body), `"records":5`) {
				return nil
			}
		}
		return fmt.Errorf("no %s", TypeParted)
	})
	two.number(300)
	two.delivered()
	got := numbers(h.hubHas(telemetryOf(one)))
	for i := range 5 {
		if got[1] != 1 || got[100+i] != 1 || got[200+i] != 1 || got[300] != 1 {
			t.Fatalf("the hub has %v", got)
		}
	}
	if kept := numbers(records(t, two.journals.Journal(edge.Telemetry))); kept[204] != 2 {
		t.Errorf("the copy has lost what the hub cannot have: %v", kept)
	}
	if l := two.ledger().Total; l.Lost != 0 || l.Waiting != 0 || l.Accepted != l.OnHub {
		t.Errorf("the account %+v", l)
	}
	one = start(t, cfg)
	eventually(t, "a clone", func() error { return h.noticed(one.ID(), hub.AlarmClone) })
	h.stop()
	if h = start(t, hcfg); h.noticed(one.ID(), hub.AlarmClone) != nil {
		t.Error("the alarm is gone after a restart of the hub")
	}
}

// noticed fails where the hub has no such alarm about a node.
func (b *box) noticed(id edge.NodeID, kind string) error {
	var kinds []string
	for _, a := range b.hub.h.Alarms() {
		if a.Node == id {
			kinds = append(kinds, a.Kind)
		}
	}
	if !slices.Contains(kinds, kind) {
		return fmt.Errorf("alarms %v", kinds)
	}
	return nil
}

// private gives a copied directory the modes that it had.
func private(t testing.TB, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// FuzzUnpack reads archives nobody made. It must end, refuse, and not take more memory than a small
// multiple of what it is given.
func FuzzUnpack(f *testing.F) {
	archive, key, n := smallBackup(f)
	n.stop()
	cfg := Default()
	cfg.Storage.KeyFile = key
	storage, err := storageKey(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(archive)
	f.Add(archive[:len(archive)/2])
	f.Add([]byte(backupMagic))
	f.Add(forge(f, key, BackupHead{Format: 1}, map[string][]byte{"../x": nil}))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := filepath.Join(t.TempDir(), "scratch")
		h, _, err := unpack(t.Context(), cfg, bufio.NewReader(bytes.NewReader(b)), dir, restoreKey{key: storage})
		switch {
		case err == nil && !bytes.Equal(b, archive):
			t.Fatalf("a forged archive was accepted: %+v", h)
		case err != nil && !edge.IsKind(err, edge.Corrupt) && !edge.IsKind(err, edge.Invalid):
			t.Fatalf("refused with kind %v: %v", edge.KindOf(err), err)
		}
	})
}
