package node

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/edge"
)

// image copies what a running node has on its disk, as a kill at this moment would leave it.
func (b *box) image() Config {
	b.t.Helper()
	c := smallConfig(b.t)
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		b.t.Fatal(err)
	}
	for _, part := range []string{"keys", "site", "log", "readings"} { // the log after the state, so that it has all the state stands on
		graft(b.t, b.cfg, c, part)
	}
	return c
}

// graft puts a file or folder of one node in the place of another's.
func graft(t testing.TB, from, to Config, part string) {
	t.Helper()
	src, dst := filepath.Join(from.DataDir, part), filepath.Join(to.DataDir, part)
	err := os.RemoveAll(dst)
	if st, serr := os.Stat(src); err == nil && serr == nil && !st.IsDir() {
		var raw []byte
		if raw, err = os.ReadFile(src); err == nil {
			err = os.WriteFile(dst, raw, 0o600)
		}
	} else if err == nil {
		err = os.CopyFS(dst, os.DirFS(src))
	}
	if err != nil {
		t.Fatal(err)
	}
	private(t, to.DataDir)
}

func (b *box) setting(key, value string) {
	b.t.Helper()
	if err := b.propose(b.t.Context(), OpSettingSet, SettingSet{Key: key, Value: value}, nil); err != nil {
		b.t.Fatal(err)
	}
}

// local reads a setting as a person does who asks this very node.
func (n *Node) local(ctx context.Context, key string) (string, error) {
	body, err := json.Marshal(SettingGet{Key: key})
	if err != nil {
		return "", err
	}
	reply, _, err := n.site.Ask(ctx, OpSettingGet, body, site.Local)
	if err != nil {
		return "", err
	}
	var s Setting
	return s.Value, json.Unmarshal(reply, &s)
}

const witnessOf = "site/state-1/WITNESS"

// TestNothingOldAfterAnUncleanStart ends a node at a moment at which its state is on the disk to different
// degrees. From the moment it is ready, and for whoever asks before that, it shows what it had acknowledged, or
// it does not start and says why.
func TestNothingOldAfterAnUncleanStart(t *testing.T) {
	t.Parallel() // it mostly waits
	b := start(t, smallConfig(t))
	b.setting("colour", "old")
	early := b.image()
	for range 20 {
		b.setting("colour", "on its way")
	}
	b.setting("colour", "new")
	late := b.image()
	b.stop()

	mix := func(state, log, witness Config) Config {
		c := smallConfig(t)
		if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
			t.Fatal(err)
		}
		for part, from := range map[string]Config{"keys": late, "readings": late, "log": log, "site": state} {
			graft(t, from, c, part)
		}
		graft(t, witness, c, witnessOf)
		return c
	}
	for name, c := range map[string]Config{"killed": late, "the state lost its end": mix(early, late, late), "the witness too": mix(early, late, early)} {
		t.Run(name, func(t *testing.T) {
			n, err := New(t.Context(), c, Options{Logger: slog.New(slog.DiscardHandler), Version: "test"})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { err := n.Run(ctx); n.Close(); done <- err }()
			defer func() { cancel(); <-done }()
			if got, err := n.local(t.Context(), "colour"); err != nil || got != "new" {
				t.Errorf("the first who asks gets %q, %v", got, err)
			}
			if err := n.WaitReady(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("state and log lost their end", func(t *testing.T) {
		c := mix(early, early, late)
		n, err := New(t.Context(), c, Options{Logger: slog.New(slog.DiscardHandler), Version: "test"})
		if !edge.IsKind(err, edge.Corrupt) {
			t.Errorf("the node starts: %v", err)
		}
		if err == nil {
			n.Close()
		}
	})
}
