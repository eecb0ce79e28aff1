package node

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/sys/unix"

	"github.com/aielon/edge/cluster/raftlog"
	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A backup is one file:
//
//	"AEBK1\n"
//	sections, in this order: "head" (JSON), "keys" (sealed), "readings", "site" (backups of package state)
//
// Each section is its name in 16 bytes, then chunks: 4 bytes length, big endian, 1 to 1 MiB, and so many
// bytes; a length of 0 ends it. The head is repeated as authenticated data of the keys and as metadata of
// each store's backup, so that parts of two backups cannot be mixed.
const (
	backupMagic = "AEBK1\n"
	backupChunk = 1 << 20
	maxHead     = 64 << 10
	maxKeys     = 4 << 20
	maxKeyFiles = 64
)

// BackupHead says whose backup it is.
type BackupHead struct {
	Format  int         `json:"format"`
	ID      string      `json:"id"` // random
	Node    edge.NodeID `json:"node"`
	Site    string      `json:"site"`
	Role    string      `json:"role"`
	Version string      `json:"version"`
	Created time.Time   `json:"created"`
}

// serveBackup streams a backup while the node goes on. A failure in the middle cuts the stream short,
// which whoever restores notices.
func (n *Node) serveBackup(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := n.Backup(r.Context(), w); err != nil {
		n.log.Error("a backup ended early", "error", err)
		panic(http.ErrAbortHandler) // the reader sees a broken stream and not a short file
	}
}

// Backup writes everything this node needs to live again on another box, except its storage key.
func (n *Node) Backup(ctx context.Context, w io.Writer) error {
	id := make([]byte, 16)
	rand.Read(id)
	head, err := json.Marshal(BackupHead{Format: 1, ID: hex.EncodeToString(id), Node: n.ID(), Site: n.keys.trust.Site(), Role: n.cfg.Role, Version: n.version, Created: time.Now().UTC()})
	if err != nil {
		return edge.E(edge.Internal, "the backup's head cannot be written: %w", err)
	}
	sealed, err := n.keys.seal(head)
	if err != nil {
		return err
	}
	out := &sectionWriter{w: w}
	out.raw([]byte(backupMagic))
	out.section("head", func(w io.Writer) error { _, err := w.Write(head); return err })
	out.section("keys", func(w io.Writer) error { _, err := w.Write(sealed); return err })
	for _, s := range []*state.Store{n.readings, n.shelf.Store()} {
		out.section(s.Name(), func(w io.Writer) error { _, err := s.BackupAs(ctx, w, n.ID().String(), head); return err })
	}
	return out.err
}

// seal packs the files of the keys directory, the storage key left out.
func (k *keys) seal(head []byte) ([]byte, error) {
	files := map[string][]byte{}
	list, err := os.ReadDir(k.dir)
	if err != nil {
		return nil, edge.E(edge.Internal, "the keys cannot be listed: %w", err)
	}
	for _, f := range list {
		if f.Name() == "storage.key" || !f.Type().IsRegular() || strings.Contains(f.Name(), ".before-") {
			continue
		}
		if files[f.Name()], err = os.ReadFile(filepath.Join(k.dir, f.Name())); err != nil {
			return nil, edge.E(edge.Internal, "a key cannot be read: %w", err)
		}
	}
	return k.sealFiles(files, head)
}

func (k *keys) sealFiles(files map[string][]byte, head []byte) ([]byte, error) {
	plain, err := json.Marshal(files)
	if err != nil {
		return nil, edge.E(edge.Internal, "the keys cannot be packed: %w", err)
	}
	aead, err := chacha20poly1305.NewX(k.derive("backup/keys"))
	if err != nil {
		return nil, edge.E(edge.Internal, "the keys cannot be sealed: %w", err)
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, plain, head), nil
}

func (k *keys) unseal(sealed, head []byte) (map[string][]byte, error) {
	aead, err := chacha20poly1305.NewX(k.derive("backup/keys"))
	if err != nil || len(sealed) < aead.NonceSize() {
		return nil, edge.E(edge.Corrupt, "the backup's keys are cut short")
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], head)
	if err != nil {
		return nil, edge.E(edge.Invalid, "this backup does not open with this storage key, or was changed").WithHint("name the storage key of the node that made it with --key")
	}
	files := map[string][]byte{}
	if err := json.Unmarshal(plain, &files); err != nil || len(files) > maxKeyFiles {
		return nil, edge.E(edge.Corrupt, "the backup's keys cannot be read")
	}
	for name := range files {
		if !keyName.MatchString(name) || name == "storage.key" {
			return nil, edge.E(edge.Corrupt, "the backup holds a key with the name %q", name)
		}
	}
	return files, nil
}

// Restore makes a data directory out of a backup. Everything is unpacked and checked beside the target,
// which must be empty or not exist, and put in place in one step at the end.
func Restore(ctx context.Context, cfg Config, r io.Reader, keyFile string) (BackupHead, error) {
	if err := emptyTarget(cfg.DataDir); err != nil {
		return BackupHead{}, err
	}
	key, err := findRestoreKey(cfg, keyFile)
	if err != nil {
		return BackupHead{}, err
	}
	scratch := filepath.Clean(cfg.DataDir) + ".restoring"
	if err := os.RemoveAll(scratch); err != nil {
		return BackupHead{}, edge.E(edge.Internal, "what an earlier restore left cannot be removed: %w", err)
	}
	defer os.RemoveAll(scratch)
	head, err := unpack(ctx, cfg, bufio.NewReaderSize(r, 64<<10), scratch, key)
	if err != nil {
		return BackupHead{}, err
	}
	if err := os.Remove(cfg.DataDir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return BackupHead{}, edge.E(edge.Conflict, "%s cannot give way to the restored data: %w", cfg.DataDir, err)
	}
	if err := os.Rename(scratch, cfg.DataDir); err != nil {
		return BackupHead{}, edge.E(edge.Internal, "the restored data cannot be put in place: %w", err)
	}
	return head, syncParent(cfg.DataDir)
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

// unpack reads a whole backup into dir.
func unpack(ctx context.Context, cfg Config, r *bufio.Reader, dir string, key restoreKey) (h BackupHead, err error) {
	magic := make([]byte, len(backupMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != backupMagic {
		return h, edge.E(edge.Invalid, "this is not a backup of a node")
	}
	head, err := readSection(r, "head", maxHead)
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(head, &h); err != nil || h.Format != 1 {
		return h, edge.E(edge.Invalid, "this backup was made by another version of the program").WithHint("restore it with the version that made it, then upgrade")
	}
	k := &keys{dir: filepath.Join(dir, "keys"), storage: key.key}
	sealed, err := readSection(r, "keys", maxKeys)
	if err != nil {
		return h, err
	}
	files, err := k.unseal(sealed, head)
	if err != nil {
		return h, err
	}
	if key.beside {
		files["storage.key"] = []byte(hex.EncodeToString(key.key) + "\n")
	}
	if err := k.writeFiles(files); err != nil {
		return h, err
	}
	index := uint64(0)
	for _, s := range [][2]string{{"readings", "readings"}, {"site", site.FirstState("site")}} {
		if index, err = restoreStore(ctx, r, k, s[0], filepath.Join(dir, s[1]), head); err != nil {
			return h, err
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return h, edge.E(edge.Corrupt, "the backup has something after its end")
	}
	return h, k.beginAgain(dir, cfg, h, index)
}

// beginAgain gives the restored site a log that begins where its state ends, with this node as the only
// member, and leaves word that the journals must begin a new epoch.
func (k *keys) beginAgain(dir string, cfg Config, h BackupHead, index uint64) error {
	addr := cfg.Cluster.Advertise
	if addr == "" {
		addr = cfg.Cluster.Addr
	}
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	if err := raftlog.Begin(filepath.Join(dir, "log"), k.derive("log"), h.Node, addr, index); err != nil {
		return err
	}
	return pki.WritePrivate(filepath.Join(dir, restoredMark), []byte("restored from the backup of "+h.Created.Format(time.RFC3339)+"\n"))
}

// keyName is what a file of the keys directory may be called.
var keyName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

const restoredMark = "restored"

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

// forkAfterRestore begins a new epoch of the readings journals at the first start after a restore. The
// site's journals follow as soon as the site can decide.
func (n *Node) forkAfterRestore(ctx context.Context) error {
	why, err := os.ReadFile(filepath.Join(n.cfg.DataDir, restoredMark))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return edge.E(edge.Internal, "the word of the restore cannot be read: %w", err)
	}
	n.restored = strings.TrimSpace(string(why))
	n.forkDue.Store(true)
	return n.journals.NewEpoch(ctx, n.restored)
}

// forkSite is forkAfterRestore for the site's journals; then the word of the restore has done its work.
func (n *Node) forkSite(ctx context.Context) error {
	if n.restored == "" {
		return nil
	}
	if err := n.site.NewEpoch(ctx, n.restored); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(n.cfg.DataDir, restoredMark)); err != nil {
		return edge.E(edge.Internal, "the word of the restore cannot be removed: %w", err)
	}
	n.restored = ""
	n.forkDue.Store(false)
	n.up.kick()
	return nil
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

// A sectionWriter writes the parts of a backup; after an error it writes nothing more.
type sectionWriter struct {
	w   io.Writer
	err error
}

func (s *sectionWriter) raw(b []byte) {
	if s.err == nil {
		_, s.err = s.w.Write(b)
	}
}

func (s *sectionWriter) section(name string, f func(io.Writer) error) {
	var head [16]byte
	copy(head[:], name)
	s.raw(head[:])
	if s.err == nil {
		s.err = f(s)
	}
	s.raw([]byte{0, 0, 0, 0})
}

// Write writes b as chunks of the section under way.
func (s *sectionWriter) Write(b []byte) (int, error) {
	for chunk := range slices.Chunk(b, backupChunk) {
		s.raw(binary.BigEndian.AppendUint32(nil, uint32(len(chunk))))
		s.raw(chunk)
	}
	return len(b), s.err
}

// A section reads one part of a backup.
type section struct {
	r    *bufio.Reader
	left uint32
	end  bool
	err  error // why it cannot be read on
}

func openSection(r *bufio.Reader, want string) (*section, error) {
	var head, name [16]byte
	copy(name[:], want)
	if _, err := io.ReadFull(r, head[:]); err != nil || head != name {
		return nil, edge.E(edge.Corrupt, "the backup ends before its part %q, or has another in its place", want)
	}
	return &section{r: r}, nil
}

// Read implements io.Reader.
func (s *section) Read(b []byte) (int, error) {
	for s.left == 0 && !s.end && s.err == nil {
		var size [4]byte
		if _, err := io.ReadFull(s.r, size[:]); err != nil {
			s.err = cutShort(err)
		} else if s.left = binary.BigEndian.Uint32(size[:]); s.left > backupChunk {
			s.err = edge.E(edge.Corrupt, "the backup is damaged: a chunk of %d bytes", s.left)
		}
		s.end = s.left == 0
	}
	switch {
	case s.err != nil:
		return 0, s.err
	case s.end:
		return 0, io.EOF
	}
	n, err := s.r.Read(b[:min(len(b), int(s.left))])
	s.left -= uint32(n)
	if err != nil {
		s.err = cutShort(err)
	}
	return n, s.err
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return edge.E(edge.Corrupt, "the backup is cut short").WithHint("use another copy of it; nothing was changed")
	}
	return edge.E(edge.Unavailable, "the backup cannot be read on: %w", err)
}

// rest makes sure that the section was read to its end.
func (s *section) rest() error {
	if n, err := io.Copy(io.Discard, s); err != nil || n > 0 {
		return edge.E(edge.Corrupt, "a part of the backup is longer than it should be")
	}
	return nil
}

func readSection(r *bufio.Reader, name string, limit int64) ([]byte, error) {
	s, err := openSection(r, name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(s, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(b)) > limit:
		return nil, edge.E(edge.Corrupt, "the part %q of the backup is too long", name)
	}
	return b, nil
}
