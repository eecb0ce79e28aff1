package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aielon/edge/cluster/raftlog"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

const restoredMark = "restored"

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

