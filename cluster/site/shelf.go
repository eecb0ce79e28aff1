package site

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// currentFile names the directory that holds the site's store. Replacing the file replaces the store.
const currentFile = "CURRENT"

// A Shelf holds the store a site lives in, and can put another one in its place so that a crash at any
// moment leaves either the old or the new one.
//
//	<dir>/CURRENT            one line: the name of the directory in use
//	<dir>/state-<number>/    the store; others than CURRENT's are leftovers and are removed by OpenShelf
type Shelf struct {
	edge.Redacted

	opt state.Options // Dir is the shelf's own

	mu    sync.RWMutex // guards the rest
	store *state.Store
	name  string // of the directory in use
}

// FirstState is the directory of dir in which a shelf keeps its first store. A restore from a backup
// puts the store there, into an otherwise empty dir.
func FirstState(dir string) string { return filepath.Join(dir, "state-1") }

// OpenShelf opens the site's store below o.Dir, creating it where there is none. Managed is implied. It
// fails like state.Open.
func OpenShelf(ctx context.Context, o state.Options) (*Shelf, error) {
	o.Managed = true
	s := &Shelf{opt: o, name: "state-1"}
	if !o.InMemory {
		if err := s.tidy(); err != nil {
			return nil, err
		}
	}
	st, err := s.open(ctx, s.name)
	if err != nil {
		return nil, err
	}
	s.store = st
	return s, nil
}

// tidy finds the directory in use and removes leftovers of a replacement that did not come to its end.
func (s *Shelf) tidy() error {
	if err := os.MkdirAll(s.opt.Dir, 0o700); err != nil {
		return edge.E(edge.Unavailable, "the directory of the site's state cannot be made: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(s.opt.Dir, currentFile))
	if err == nil {
		s.name = strings.TrimSpace(string(b))
		var n int
		if _, err := fmt.Sscanf(s.name, "state-%d", &n); err != nil || s.name != fmt.Sprintf("state-%d", n) {
			return edge.E(edge.Corrupt, "%s names no state of this site", filepath.Join(s.opt.Dir, currentFile))
		}
	} else if !os.IsNotExist(err) {
		return edge.E(edge.Unavailable, "the state in use cannot be found out: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(s.opt.Dir, "state-*"))
	if err != nil {
		return edge.E(edge.Internal, "%w", err)
	}
	for _, dir := range old {
		if filepath.Base(dir) != s.name {
			if err := os.RemoveAll(dir); err != nil {
				return edge.E(edge.Unavailable, "a leftover of the site's state cannot be removed: %w", err)
			}
		}
	}
	return nil
}

func (s *Shelf) open(ctx context.Context, name string) (*state.Store, error) {
	o := s.opt
	if !o.InMemory {
		o.Dir = filepath.Join(s.opt.Dir, name)
	}
	return state.Open(ctx, o)
}

// Store is the store in use. A restore replaces it: ask again rather than keep it.
func (s *Shelf) Store() *state.Store {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.store
}

// view opens the newest state. Holding the lock keeps the store from being replaced in between.
func (s *Shelf) view() *state.View {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.store.View()
}

// fresh opens an empty store beside the one in use.
func (s *Shelf) fresh(ctx context.Context) (st *state.Store, name string, err error) {
	var n int
	fmt.Sscanf(s.name, "state-%d", &n)
	name = fmt.Sprintf("state-%d", n+1)
	if !s.opt.InMemory {
		if err := os.RemoveAll(filepath.Join(s.opt.Dir, name)); err != nil {
			return nil, "", edge.E(edge.Unavailable, "a leftover of the site's state cannot be removed: %w", err)
		}
	}
	st, err = s.open(ctx, name)
	return st, name, err
}

// drop closes and removes a store that fresh opened.
func (s *Shelf) drop(st *state.Store, name string) {
	st.Close()
	if !s.opt.InMemory {
		os.RemoveAll(filepath.Join(s.opt.Dir, name))
	}
}

// replace makes a synced store that fresh opened the one in use. Readers of the old one finish first, for
// as long as Close of the old one lets them; its directory is removed then, or by the next OpenShelf.
func (s *Shelf) replace(st *state.Store, name string) error {
	if !s.opt.InMemory {
		if err := writeSynced(s.opt.Dir, currentFile, name+"\n"); err != nil {
			return edge.E(edge.Unavailable, "the new state of the site cannot be put in place: %w", err)
		}
	}
	s.mu.Lock()
	old, was := s.store, s.name
	s.store, s.name = st, name
	s.mu.Unlock()
	if err := old.Close(); err == nil && !s.opt.InMemory {
		os.RemoveAll(filepath.Join(s.opt.Dir, was))
	}
	return nil
}

// Close closes the store in use.
func (s *Shelf) Close() error { return s.Store().Close() }

// writeSynced replaces a file so that a power cut leaves either the old or the new content.
func writeSynced(dir, name, content string) error {
	tmp := filepath.Join(dir, name+".new")
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, filepath.Join(dir, name))
	}
	if err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
