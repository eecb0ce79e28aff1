package nodetest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/testport"
)

// backup is an archive of a node and a copy of its storage key.
func (s *siteNode) backup(t *testing.T) (archive []byte, key string) {
	t.Helper()
	var w bytes.Buffer
	if err := s.n.Backup(t.Context(), &w); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(s.cfg.DataDir, "keys", "storage.key"))
	if err == nil {
		key = filepath.Join(t.TempDir(), "copy.key")
		err = os.WriteFile(key, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w.Bytes(), key
}

// burn destroys what a node had on its disk.
func (s *siteNode) burn(t *testing.T) {
	t.Helper()
	s.stop()
	if err := os.RemoveAll(s.cfg.DataDir); err != nil {
		t.Fatal(err)
	}
}

func (s *siteNode) restore(t *testing.T, archive []byte, o node.RestoreOptions) (node.Restored, error) {
	t.Helper()
	return node.Restore(t.Context(), s.cfg, bytes.NewReader(archive), o)
}

func siteOfThree(t *testing.T) []*siteNode {
	t.Helper()
	all := []*siteNode{newSiteNode(t), newSiteNode(t), newSiteNode(t)}
	all[0].start(t)
	all[0].set(t, "made", "it")
	for _, s := range all[1:] {
		s.joinTo(t, all[0])
	}
	for _, s := range all {
		s.voters(t, 3)
		s.has(t, "made", "it")
	}
	return all
}

// TestRestoredNodeComesBack restores one node of a site, the founder, that leads or follows, while the others
// run. It takes their state, and there is one log, however old the backup and wherever the node is now.
func TestRestoredNodeComesBack(t *testing.T) {
	t.Parallel() // it mostly waits
	all := siteOfThree(t)
	gone, rest := all[0], all[1:]
	id := gone.id()
	archive, key := gone.backup(t)
	rest[0].set(t, "after", "the backup")
	gone.burn(t)
	if _, err := gone.restore(t, archive, node.RestoreOptions{KeyFile: key, NewSite: true}); !edge.IsKind(err, edge.Conflict) {
		t.Fatalf("a second site of the same name could be begun beside the first: %v", err)
	}
	if _, err := os.Stat(gone.cfg.DataDir); !os.IsNotExist(err) {
		t.Fatalf("the refused restore left something: %v", err)
	}
	rest[0].set(t, "while", "it was gone")
	gone.cfg.Cluster.Addr = testport.Addr(t)
	info, err := gone.restore(t, archive, node.RestoreOptions{KeyFile: key})
	if err != nil || info.Peers != 2 {
		t.Fatalf("%+v, %v", info, err)
	}
	gone.start(t)
	for k, v := range map[string]string{"made": "it", "after": "the backup", "while": "it was gone"} {
		gone.has(t, k, v)
	}
	if gone.id() != id {
		t.Error("the restored node has another id")
	}
	gone.set(t, "by", "the restored")
	for _, s := range all {
		s.has(t, "by", "the restored")
		s.voters(t, 3)
	}
	head := func(s *siteNode) string {
		st, err := s.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st.Site
	}
	if head(gone) != head(rest[0]) {
		t.Error("the restored node is of another site")
	}
	for _, name := range []string{"away", "restored"} {
		if _, err := os.Stat(filepath.Join(gone.cfg.DataDir, name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
}

// TestRestoredNodeWaitsForItsSite restores a node whose site is off. It serves nothing, begins nothing, says
// why, and comes back by itself once the others are there.
func TestRestoredNodeWaitsForItsSite(t *testing.T) {
	t.Parallel() // it mostly waits
	all := siteOfThree(t)
	gone, rest := all[2], all[:2]
	archive, key := gone.backup(t)
	gone.burn(t)
	rest[0].set(t, "last", "word")
	for _, s := range rest {
		s.stop()
	}
	if _, err := gone.restore(t, archive, node.RestoreOptions{KeyFile: key}); err != nil {
		t.Fatal(err)
	}
	gone.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := gone.n.WaitReady(ctx); !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("ready without its site: %v", err)
	}
	short, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	if got, err := gone.Get(short, "made", false); err == nil {
		t.Errorf("it answers %+v", got)
	}
	rest[0].start(t)
	time.Sleep(500 * time.Millisecond) // one of three: with the restored one it must not make a quorum
	if _, voters, err := rest[0].Leader(t.Context()); err != nil || voters != 3 {
		t.Errorf("%d voters, %v", voters, err)
	}
	if id, _, _ := gone.Leader(t.Context()); id != "" {
		t.Error("a node that has forgotten its votes helps to elect a leader")
	}
	rest[1].start(t)
	gone.has(t, "last", "word")
	gone.set(t, "back", "again")
	rest[0].has(t, "back", "again")
}

// TestSiteBegunAnew begins a site anew from a backup after all of it was switched off, and then switches on two
// old nodes that nobody has told. The two logs never meet.
func TestSiteBegunAnew(t *testing.T) {
	t.Parallel() // it mostly waits
	all := siteOfThree(t)
	archive, key := all[0].backup(t)
	all[0].set(t, "after", "the backup")
	for _, s := range all {
		s.stop()
	}
	all[0].burn(t)
	if info, err := all[0].restore(t, archive, node.RestoreOptions{KeyFile: key, NewSite: true}); err != nil || info.Peers != 0 {
		t.Fatalf("%+v, %v", info, err)
	}
	anew, old := all[0], all[1:]
	for _, s := range old {
		s.start(t)
	}
	anew.start(t)
	anew.set(t, "side", "new")
	old[0].set(t, "side", "old")
	anew.set(t, "more", "new")
	old[1].has(t, "side", "old")
	old[1].has(t, "after", "the backup")
	anew.has(t, "side", "new")
	anew.has(t, "after", "")
	eventually(t, "one member", func(ctx context.Context) error {
		st, err := anew.Status(ctx)
		if err == nil && len(st.Members) != 1 {
			err = fmt.Errorf("%+v", st.Members)
		}
		return err
	})
	old[1].stop()
	old[1].joinTo(t, anew) // moves over, with its old key
	old[1].has(t, "side", "new")
	anew.has(t, "more", "new")
}
