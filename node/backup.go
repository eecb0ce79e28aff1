package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
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
	if err := os.WriteFile(filepath.Join(n.cfg.DataDir, lastBackup), nil, 0o600); err != nil {
		n.log.Warn("the time of the backup cannot be kept", "error", err)
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
