package node

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aielon/edge/cluster/raftlog"
	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/services/wallet/across"
)

// Two files tell the next start that a node was restored: restoredMark why its journals begin a new epoch, and
// awayFile who the other nodes of its site are, where it is to come back to them.
const (
	restoredMark = "restored"
	awayFile     = "away"
)

// begin makes a node out of what was unpacked into dir: one that comes back to its site, or the first of a site
// that begins anew. It returns how many others the former has.
func begin(ctx context.Context, cfg Config, dir string, key restoreKey, h BackupHead, index uint64, newSite bool) (peers int, err error) {
	k := &keys{dir: filepath.Join(dir, "keys"), storage: key.key}
	rows, err := k.othersIn(ctx, dir, h.Node)
	if err != nil {
		return 0, err
	}
	mark := []byte("restored from the backup of " + h.Created.Format(time.RFC3339) + "\n")
	if err := pki.WritePrivate(filepath.Join(dir, restoredMark), mark); err != nil {
		return 0, err
	}
	switch {
	case len(rows) > 0 && !newSite:
		return len(rows), k.comeBack(dir, rows)
	case len(rows) > 0:
		if err := k.noneLives(ctx, cfg, rows); err != nil {
			return 0, err
		}
	}
	return 0, k.beginAnew(dir, cfg, h, index)
}

// othersIn reads from an unpacked state who else belongs to the site.
func (k *keys) othersIn(ctx context.Context, dir string, self edge.NodeID) (rows []memberRow, err error) {
	s, err := state.Open(ctx, state.Options{Dir: filepath.Join(dir, site.FirstState("site")), Name: "site", Key: k.derive("store/site"), Managed: true, Reserve: -1})
	if err != nil {
		return nil, err
	}
	v := s.View()
	for _, m := range membersOf(v) {
		if m.ID != self && !m.Removed {
			rows = append(rows, m)
		}
	}
	err = v.Err()
	v.Close()
	return rows, errors.Join(err, s.Close())
}

// beginAnew gives the restored site a log that begins where its state ends, with this node as the only member.
// Who else was one is forgotten at the first start, see forkSite.
func (k *keys) beginAnew(dir string, cfg Config, h BackupHead, index uint64) error {
	addr := cfg.Cluster.Advertise
	if addr == "" {
		addr = cfg.Cluster.Addr
	}
	if addr == "" {
		addr = nowhereAddr
	}
	if err := k.relink(func(l *link) { l.Joined, l.Peers, l.Members = false, nil, nil }); err != nil {
		return err
	}
	return raftlog.Begin(filepath.Join(dir, "log"), k.derive("log"), h.Node, addr, index)
}

// comeBack prepares a node that takes the site's state from the others. The state in the backup is not used:
// the site may have begun anew since, and then it would not be a part of what the others have.
func (k *keys) comeBack(dir string, rows []memberRow) error {
	if err := os.RemoveAll(filepath.Join(dir, "site")); err != nil {
		return edge.E(edge.Internal, "the old state cannot be removed: %w", err)
	}
	var addrs []string
	for _, r := range rows {
		addrs = append(addrs, r.Addr)
	}
	if err := k.relink(func(l *link) { l.Joined, l.Peers, l.Members = true, addrs, nil }); err != nil {
		return err
	}
	b, err := json.Marshal(rows)
	if err != nil {
		return edge.E(edge.Internal, "the list of the other nodes cannot be written: %w", err)
	}
	if err := pki.WritePrivate(filepath.Join(dir, awayFile), b); err != nil {
		return err
	}
	return raftlog.BeginAway(filepath.Join(dir, "log"), k.derive("log"))
}

func (k *keys) relink(change func(*link)) error {
	f, err := openLink(k)
	if err != nil {
		return err
	}
	return f.update(change)
}

// lifeSign bounds how long the other nodes of a site are given to answer.
const lifeSign = 3 * time.Second

// noneLives refuses to begin a site anew while one of its nodes answers and proves who it is.
func (k *keys) noneLives(ctx context.Context, cfg Config, rows []memberRow) (err error) {
	if k.id, err = pki.LoadOrCreate(k.dir); err != nil {
		return err
	}
	if k.trust, err = k.openTrust(cfg); err != nil {
		return err
	}
	end := pki.NewEndpoint(k.id, k.trust, nil)
	ctx, cancel := context.WithTimeout(ctx, lifeSign)
	defer cancel()
	living := make([]bool, len(rows))
	var wg sync.WaitGroup
	for i, r := range rows {
		wg.Go(func() {
			if c, err := dialNode(ctx, end, r.Addr, pki.ProtoSite, r.ID); err == nil {
				living[i] = true
				c.Close()
			}
		})
	}
	wg.Wait()
	for i, r := range rows {
		if living[i] {
			return edge.E(edge.Conflict, "node %s of this site is on and answers at %s; beginning the site anew would make two sites of one", r.ID.Short(), r.Addr).
				WithHint("restore without --new-site, so that this node takes the state from the others; or switch all of them off first")
		}
	}
	return nil
}

// forkAfterRestore begins a new epoch of the readings journals at the first start after a restore. Where the
// site begins anew, its journals follow as soon as it can decide.
func (n *Node) forkAfterRestore(ctx context.Context) error {
	mark := filepath.Join(n.cfg.DataDir, restoredMark)
	b, err := os.ReadFile(mark)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return edge.E(edge.Internal, "the word of the restore cannot be read: %w", err)
	}
	why := strings.TrimSpace(string(b))
	if err := n.journals.NewEpoch(ctx, why); err != nil {
		return err
	}
	if exists(filepath.Join(n.cfg.DataDir, awayFile)) { // the site itself goes on
		return remove(mark)
	}
	n.restored = why
	n.forkDue.Store(true)
	return nil
}

// forkSite begins a new epoch of the journals of a site that begins anew, right behind the last record of the backup,
// has it wait for what its hub knows of it, and forgets its other nodes, whose logs this one's must never meet; then the
// word of the restore has done its work. Until then nothing else is decided.
func (n *Node) forkSite(ctx context.Context) error {
	if n.restored == "" {
		return nil
	}
	if err := n.site.NewEpoch(ctx, n.restored); err != nil {
		return err
	}
	if err := n.awaitAcross(ctx, n.siteJournal(edge.Ledger).Head().Epoch); err != nil {
		return err
	}
	if err := n.propose(ctx, opMembersAlone, removal{Node: n.ID()}, nil); err != nil {
		return err
	}
	if err := remove(filepath.Join(n.cfg.DataDir, restoredMark)); err != nil {
		return err
	}
	n.restored = ""
	n.forkDue.Store(false)
	n.up.kick()
	return nil
}

// heldBack has people and parts of the node wait until a restored site has begun anew. What it decided before would stand
// in its old epoch, where the hub has something else, and without what it has forgotten.
func (n *Node) heldBack(op string) error {
	if !n.forkDue.Load() || op == site.OpEpoch || op == opMembersAlone || op == across.OpRestored {
		return nil
	}
	return edge.E(edge.Unavailable, "this site was restored and is not ready yet").WithHint("try again in a moment")
}

func remove(mark string) error {
	if err := os.Remove(mark); err != nil && !errors.Is(err, os.ErrNotExist) {
		return edge.E(edge.Internal, "the word of the restore cannot be removed: %w", err)
	}
	return nil
}
