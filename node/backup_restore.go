package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"golang.org/x/sys/unix"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// RestoreOptions say how a backup is to be used.
type RestoreOptions struct {
	KeyFile string // with the storage key of the node that made it; empty: where the configuration or the service manager keeps it
	NewSite bool   // begin the site anew from this backup, although it had other nodes
}

// Restored says what came of a restore.
type Restored struct {
	BackupHead
	Peers int // other nodes of the site, from which this one will take its state; 0 where it begins the site anew
}

// Restore makes a data directory out of a backup. Everything is unpacked and checked beside the target,
// which must be empty or not exist, and put in place in one step at the end.
//
// Where the backup knows other nodes of the site, the restored one comes back as one of them: it brings its keys
// and its own readings, and takes the site's state from the others at its next start. With NewSite it begins the
// site anew from the state in the backup, alone. That is refused with Conflict while one of the others answers.
func Restore(ctx context.Context, cfg Config, r io.Reader, o RestoreOptions) (Restored, error) {
	if err := emptyTarget(cfg.DataDir); err != nil {
		return Restored{}, err
	}
	key, err := findRestoreKey(cfg, o.KeyFile)
	if err != nil {
		return Restored{}, err
	}
	scratch := filepath.Clean(cfg.DataDir) + ".restoring"
	if err := os.RemoveAll(scratch); err != nil {
		return Restored{}, edge.E(edge.Internal, "what an earlier restore left cannot be removed: %w", err)
	}
	defer os.RemoveAll(scratch)
	head, index, err := unpack(ctx, cfg, bufio.NewReaderSize(r, 64<<10), scratch, key)
	if err != nil {
		return Restored{}, err
	}
	peers, err := begin(ctx, cfg, scratch, key, head, index, o.NewSite)
	if err != nil {
		return Restored{}, err
	}
	if err := os.Remove(cfg.DataDir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Restored{}, edge.E(edge.Conflict, "%s cannot give way to the restored data: %w", cfg.DataDir, err)
	}
	if err := os.Rename(scratch, cfg.DataDir); err != nil {
		return Restored{}, edge.E(edge.Internal, "the restored data cannot be put in place: %w", err)
	}
	return Restored{BackupHead: head, Peers: peers}, syncParent(cfg.DataDir)
}

func emptyTarget(dir string) error {
	list, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return edge.E(edge.Invalid, "%s cannot be looked at: %w", dir, err)
	}
	if mounted(dir) {
		return edge.E(edge.Invalid, "%s is a file system of its own, which cannot be put in place in one step", dir).WithHint("restore into a directory below it, and set data_dir to that")
	}
	if len(list) > 0 {
		return edge.E(edge.Conflict, "%s is not empty", dir).WithHint("restore into an empty directory; move the old data aside first, it is never overwritten")
	}
	return nil
}

// mounted reports whether dir lies on another file system than the directory it is in.
func mounted(dir string) bool {
	var here, above unix.Stat_t
	dir = filepath.Clean(dir)
	return unix.Stat(dir, &here) == nil && unix.Stat(filepath.Dir(dir), &above) == nil && here.Dev != above.Dev
}

// A restoreKey is the storage key of the node that made a backup.
type restoreKey struct {
	edge.Redacted

	key    []byte
	beside bool // it is to be kept in the data directory; otherwise it has a place already
}

// findRestoreKey reads the key at keyFile, or where the configuration or the service manager keeps it.
func findRestoreKey(cfg Config, keyFile string) (restoreKey, error) {
	placed := cfg
	if placed.Storage.KeyFile == "" {
		placed.Storage.KeyFile = credential()
	}
	var have []byte
	var err error
	if placed.Storage.KeyFile != "" {
		if have, err = storageKey(placed); err != nil || keyFile == "" {
			return restoreKey{key: have}, err
		}
	}
	if keyFile == "" {
		return restoreKey{}, edge.E(edge.Invalid, "a backup cannot be read without the storage key of the node that made it").WithHint("name the file with --key")
	}
	named := cfg
	named.Storage.KeyFile = keyFile
	key, err := storageKey(named)
	if err == nil && have != nil && !bytes.Equal(key, have) {
		err = edge.E(edge.Conflict, "%s is another storage key than %s, with which the node would start", keyFile, placed.Storage.KeyFile).WithHint("put the backup's key in its place first")
	}
	return restoreKey{key: key, beside: have == nil}, err
}

// unpack reads a whole backup into dir, and tells the index of the site's state.
func unpack(ctx context.Context, cfg Config, r *bufio.Reader, dir string, key restoreKey) (h BackupHead, index uint64, err error) {
	magic := make([]byte, len(backupMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != backupMagic {
		return h, 0, edge.E(edge.Invalid, "this is not a backup of a node")
	}
	head, err := readSection(r, "head", maxHead)
	if err != nil {
		return h, 0, err
	}
	if err := json.Unmarshal(head, &h); err != nil || h.Format != 1 {
		return h, 0, edge.E(edge.Invalid, "this backup was made by another version of the program").WithHint("restore it with the version that made it, then upgrade")
	}
	k := &keys{dir: filepath.Join(dir, "keys"), storage: key.key}
	sealed, err := readSection(r, "keys", maxKeys)
	if err != nil {
		return h, 0, err
	}
	files, err := k.unseal(sealed, head)
	if err != nil {
		return h, 0, err
	}
	if key.beside {
		files["storage.key"] = []byte(hex.EncodeToString(key.key) + "\n")
	}
	if err := k.writeFiles(files); err != nil {
		return h, 0, err
	}
	for _, s := range [][2]string{{"readings", "readings"}, {"site", site.FirstState("site")}} {
		if index, err = restoreStore(ctx, r, k, s[0], filepath.Join(dir, s[1]), head); err != nil {
			return h, 0, err
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return h, 0, edge.E(edge.Corrupt, "the backup has something after its end")
	}
	return h, index, nil
}

// keyName is what a file of the keys directory may be called.
var keyName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

func (k *keys) writeFiles(files map[string][]byte) error {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return edge.E(edge.Internal, "the keys directory cannot be made: %w", err)
	}
	for name, b := range files {
		if err := pki.WritePrivate(filepath.Join(k.dir, name), b); err != nil {
			return err
		}
	}
	return nil
}

func restoreStore(ctx context.Context, r *bufio.Reader, k *keys, name, dir string, head []byte) (uint64, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return 0, edge.E(edge.Internal, "the directory of %s cannot be made: %w", name, err)
	}
	s, err := openSection(r, name)
	if err != nil {
		return 0, err
	}
	info, err := state.Restore(ctx, s, state.Options{Dir: dir, Name: name, Key: k.derive("store/" + name), Managed: name == "site", Reserve: -1})
	switch {
	case s.err != nil:
		return 0, s.err
	case edge.IsKind(err, edge.Invalid): // the key is right, the keys opened with it
		return 0, edge.E(edge.Corrupt, "the part %q of the backup is damaged: %w", name, err).WithHint("use another copy of it; nothing was changed")
	case err != nil:
		return 0, err
	}
	if !bytes.Equal(info.Meta, head) {
		return 0, edge.E(edge.Corrupt, "%s is from another backup", name)
	}
	return info.Index, s.rest()
}

func syncParent(path string) error {
	d, err := os.Open(filepath.Dir(filepath.Clean(path)))
	if err != nil {
		return edge.E(edge.Internal, "the parent directory cannot be opened: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return edge.E(edge.Unavailable, "the disk did not confirm the restore: %w", err)
	}
	return nil
}
