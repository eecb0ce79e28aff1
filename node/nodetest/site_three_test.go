package nodetest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/testport"
	"github.com/aielon/edge/node/nodetest/sitebox"
)

// A siteNode is one node of a site inside this process.
type siteNode struct {
	*sitebox.Client
	cfg    node.Config
	log    *slog.Logger // nil: what it logs is thrown away
	n      *node.Node
	cancel context.CancelFunc
	done   chan error
}

func (s *siteNode) id() string { return s.n.ID().String() }

// newSiteNode prepares a node that does not run yet. Its directory has a short name: a socket's path may
// have 107 bytes.
func newSiteNode(t *testing.T) *siteNode {
	t.Helper()
	dir, err := os.MkdirTemp("", "site")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	data := filepath.Join(dir, "data")
	s := &siteNode{Client: sitebox.NewClient(data), cfg: sitebox.Config(data, testport.Addr(t))}
	t.Cleanup(s.stop)
	return s
}

func (s *siteNode) start(t *testing.T) {
	t.Helper()
	log := s.log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if os.Getenv("SITE_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("at", s.cfg.Cluster.Addr)
	}
	n, err := node.New(t.Context(), s.cfg, node.Options{Logger: log, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.n, s.cancel, s.done = n, cancel, make(chan error, 1)
	go func() { err := n.Run(ctx); n.Close(); s.done <- err }()
}

func (s *siteNode) stop() {
	if s.cancel != nil {
		s.cancel()
		<-s.done
		s.Close()
	}
	s.cancel = nil
}

// joinTo makes s one of host's site, and starts it.
func (s *siteNode) joinTo(t *testing.T, host *siteNode) {
	t.Helper()
	inv, err := host.Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := node.Join(t.Context(), s.cfg, node.JoinRequest{Addr: inv.Addr, Code: inv.Code}); err != nil {
		t.Fatal(err)
	}
	s.start(t)
}

// eventually repeats f until it is content.
func eventually(t *testing.T, what string, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var before error
	for {
		one, done := context.WithTimeout(ctx, 5*time.Second)
		err := f(one)
		done()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s: %v; before that: %v", what, err, before)
		}
		before = err
		time.Sleep(10 * time.Millisecond)
	}
}

// set proposes until it is decided.
func (s *siteNode) set(t *testing.T, key, value string) {
	t.Helper()
	id := edge.NewID()
	eventually(t, "set "+key, func(ctx context.Context) error {
		_, err := s.Set(ctx, id, node.SettingSet{Key: key, Value: value})
		return err
	})
}

// has waits until s itself, without asking anybody, has a value.
func (s *siteNode) has(t *testing.T, key, value string) {
	t.Helper()
	eventually(t, "read "+key, func(ctx context.Context) error {
		got, err := s.Get(ctx, key, false)
		if err == nil && got.Value != value {
			err = fmt.Errorf("it is %q and should be %q", got.Value, value)
		}
		return err
	})
}

func (s *siteNode) voters(t *testing.T, want int) (leader string) {
	t.Helper()
	eventually(t, "voters", func(ctx context.Context) error {
		id, n, err := s.Leader(ctx)
		if err == nil && (n != want || id == "") {
			err = fmt.Errorf("%d vote and %q leads", n, id)
		}
		leader = id
		return err
	})
	return leader
}

func TestSiteOfThree(t *testing.T) {
	t.Parallel() // it mostly waits
	all := []*siteNode{newSiteNode(t), newSiteNode(t), newSiteNode(t)}
	all[0].start(t)
	all[0].set(t, "before", "anybody joined")
	eventually(t, "removing the only node is refused", func(ctx context.Context) error { // once it has registered itself
		err := all[0].Call(ctx, "POST", "/v1/nodes/"+all[0].id()+"/revoke", nil, nil)
		if edge.IsKind(err, edge.Conflict) {
			return nil
		}
		return fmt.Errorf("the answer is %v", err)
	})
	for _, s := range all[1:] {
		s.joinTo(t, all[0])
	}
	for _, s := range all {
		s.voters(t, 3)
	}
	for i, s := range all {
		s.has(t, "before", "anybody joined")
		s.set(t, fmt.Sprint("by-", i), "x")
	}
	for _, s := range all {
		for i := range all {
			s.has(t, fmt.Sprint("by-", i), "x")
		}
	}
	t.Run("leader stops", func(t *testing.T) { leaderStops(t, all) })
	t.Run("address changes", func(t *testing.T) { addressChanges(t, all) })
	t.Run("node is removed", func(t *testing.T) { all = nodeIsRemoved(t, all) })
	t.Run("only voter is removed", func(t *testing.T) { voterIsRemoved(t, all) })
}

func leaderStops(t *testing.T, all []*siteNode) {
	lead := all[0].voters(t, 3)
	var gone *siteNode
	var rest []*siteNode
	for _, s := range all {
		if s.id() == lead {
			gone = s
		} else {
			rest = append(rest, s)
		}
	}
	gone.stop()
	rest[0].set(t, "without", "the leader")
	rest[1].has(t, "without", "the leader")
	eventually(t, "a strict read", func(ctx context.Context) error {
		_, err := rest[1].Get(ctx, "without", true)
		return err
	})
	gone.start(t)
	gone.has(t, "without", "the leader")
	gone.set(t, "back", "again")
	for _, s := range all {
		s.has(t, "back", "again")
	}
}

// addressChanges gives a node that does not lead another address, as a box that comes back on another
// network has. The leader must find it again.
func addressChanges(t *testing.T, all []*siteNode) {
	lead := all[0].voters(t, 3)
	mover, other := all[0], all[1]
	if mover.id() == lead {
		mover, other = all[1], all[0]
	}
	mover.stop()
	mover.cfg.Cluster.Addr = testport.Addr(t)
	other.set(t, "moved", "while away")
	mover.start(t)
	mover.has(t, "moved", "while away")
	mover.set(t, "moved", "and back")
	other.has(t, "moved", "and back")
	other.voters(t, 3)
}

// nodeIsRemoved removes a node that does not lead. It must neither change nor strictly read anything from
// then on, nor come back with the key it has, and must not disturb the others.
func nodeIsRemoved(t *testing.T, all []*siteNode) (rest []*siteNode) {
	lead := all[0].voters(t, 3)
	out, rest := all[2], all[:2:2]
	if out.id() == lead {
		out, rest = all[0], all[1:]
	}
	eventually(t, "remove", func(ctx context.Context) error {
		return rest[0].Call(ctx, "POST", "/v1/nodes/"+out.id()+"/revoke", nil, nil)
	})
	for _, s := range rest {
		s.voters(t, 1)
	}
	rest[0].set(t, "private", "not for those who left")
	rest[1].has(t, "private", "not for those who left")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := out.Set(ctx, edge.NewID(), node.SettingSet{Key: "private", Value: "taken"}); err == nil {
		t.Error("a removed node could still change something")
	}
	if _, err := out.Get(ctx, "private", true); err == nil {
		t.Error("a removed node could still read strictly")
	}
	if got, err := out.Get(t.Context(), "private", false); err != nil || got.Version != 0 {
		t.Errorf("a removed node still hears news: %+v, %v", got, err)
	}
	rest[1].has(t, "private", "not for those who left")
	inv, err := rest[0].Invite(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out.stop()
	if _, err := node.Join(t.Context(), out.cfg, node.JoinRequest{Addr: inv.Addr, Code: inv.Code}); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a removed node came back with its old key: %v", err)
	}
	return rest
}

// voterIsRemoved removes the leader of two nodes, of which only it votes. The other must take over.
func voterIsRemoved(t *testing.T, two []*siteNode) {
	out, heir := two[0], two[1]
	if heir.voters(t, 1) == heir.id() {
		out, heir = heir, out
	}
	eventually(t, "remove", func(ctx context.Context) error {
		return heir.Call(ctx, "POST", "/v1/nodes/"+out.id()+"/revoke", nil, nil)
	})
	eventually(t, "take over", func(ctx context.Context) error {
		st, err := heir.Status(ctx)
		if err == nil && (len(st.Members) != 1 || !st.Members[0].Leader) {
			err = fmt.Errorf("the members are %+v", st.Members)
		}
		return err
	})
	heir.has(t, "private", "not for those who left")
	heir.set(t, "private", "still not")
}
