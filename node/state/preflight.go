package state

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/dgraph-io/badger/v4"
)

// A preflight looks at the files of a store before Badger does: Badger panics on some damage, calls
// damaged keys missing on other, and on a damaged MANIFEST deletes tables.
type preflight struct {
	edge.Redacted

	s        *Store
	dir      string
	key      []byte // of SUMS
	sums     *sums  // never nil after load
	fresh    bool   // there is no store yet
	manifest badger.Manifest
	registry *badger.KeyRegistry
	have     uint64 // highest index that tables and logs hold without a gap
}

// remove takes files away that hold nothing.
func (p *preflight) remove(names ...string) error {
	for _, n := range names {
		if err := os.Remove(filepath.Join(p.dir, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return p.ioError(err)
		}
	}
	return nil
}

// sweep removes Badger's value log and its statistics: no value of ours ever goes there (see
// Options.valueThreshold), and a kill between making and sizing such a file would keep Badger from opening.
func (p *preflight) sweep() error {
	entries, err := os.ReadDir(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return p.ioError(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".vlog") || e.Name() == "DISCARD" {
			if err := p.remove(e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// check is the whole flight. After it failed nothing has been changed; after it succeeded SUMS on disk
// speaks of no table that Badger might write anew.
func (p *preflight) check(ctx context.Context) error {
	if err := p.inventory(); err != nil {
		return err
	}
	if !p.fresh {
		if err := p.compare(ctx); err != nil {
			return err
		}
	}
	if p.s.reading.Load() {
		if err := p.cutForReading(); err != nil {
			return err
		}
		return p.sweepForReading()
	}
	return p.sweep()
}

// compare looks at everything that was stored.
func (p *preflight) compare(ctx context.Context) error {
	had, err := loadSums(p.dir, p.key)
	if err == nil && had != nil {
		p.sums = had
	} else if err != nil && !errors.Is(err, errSums) {
		return p.ioError(err)
	}
	if err := p.keyRegistry(had != nil); err != nil {
		return err
	}
	if err != nil {
		p.s.log.Warn("the file of sums is damaged; every table is checked in full instead")
	}
	if err := p.readManifest(); err != nil {
		return err
	}
	if err := p.tables(ctx); err != nil {
		return err
	}
	if err := p.logs(); err != nil {
		return err
	}
	if err := p.syncLogs(); err != nil {
		return err
	}
	return p.prune()
}

// inventory refuses a directory in which Badger would quietly begin anew.
func (p *preflight) inventory() error {
	p.sums = &sums{tables: map[uint64]fileSum{}}
	entries, err := os.ReadDir(p.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return p.ioError(err)
	}
	var manifest, registry bool
	var rest string
	for _, e := range entries {
		switch n := e.Name(); {
		case n == manifestName:
			manifest = true
		case n == registryName:
			registry = true
		case n == sumsName, strings.HasSuffix(n, ".sst"), strings.HasSuffix(n, ".mem"):
			rest = n
		}
	}
	switch {
	case rest == "" && p.s.witness.last > 0:
		return p.missing(p.s.witness.last)
	case rest == "":
		p.fresh = true // new, or killed while it was being created: nothing can have been stored
		return p.remove(manifestName, registryName)
	case manifest && registry:
		return nil
	case !manifest:
		return p.damaged(manifestName, "it is missing, though "+rest+" is there")
	default:
		return p.damaged(registryName, "it is missing, though "+rest+" is there")
	}
}

// keyRegistry tells a wrong key from a damaged registry: SUMS, where it is authentic, proves the key.
func (p *preflight) keyRegistry(proven bool) error {
	name := filepath.Join(p.dir, registryName)
	if proven {
		if err := p.prefix(registryName, p.sums.registry); err != nil {
			return err
		}
	}
	reg, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{
		Dir: p.dir, ReadOnly: true, EncryptionKey: p.s.badgerKey(), EncryptionKeyRotationDuration: keyRotation,
	})
	if errors.Is(err, badger.ErrEncryptionKeyMismatch) {
		return edge.E(edge.Invalid, "the key does not fit the store %q: %w", p.s.opt.Name, err).
			WithHint("give the key this node was set up with; if it is that key, %s is damaged", name)
	}
	if err != nil {
		return p.damaged(registryName, err.Error())
	}
	p.registry = reg
	return nil
}

// prefix compares the beginning of a file that only grows with its sum.
func (p *preflight) prefix(name string, want fileSum) error {
	got, err := sumFile(filepath.Join(p.dir, name), int64(want.size), false)
	if err != nil {
		return p.ioError(err)
	}
	if got.size == want.size && got.sum == want.sum {
		return nil
	}
	if got.inode != want.inode && name == manifestName {
		return nil // Badger wrote it anew since; readManifest checks what it can
	}
	return p.damaged(name, "its content has changed")
}

func (p *preflight) readManifest() error {
	if p.sums.manifest.size > 0 {
		if err := p.prefix(manifestName, p.sums.manifest); err != nil {
			return err
		}
	}
	f, err := os.Open(filepath.Join(p.dir, manifestName))
	if err != nil {
		return p.ioError(err)
	}
	defer f.Close()
	var end int64
	p.manifest, end, err = badger.ReplayManifestFile(f, 0, p.s.opt.badger(p.s.badgerKey()))
	if err != nil {
		return p.damaged(manifestName, err.Error())
	}
	b, err := os.ReadFile(filepath.Join(p.dir, manifestName))
	if err != nil {
		return p.ioError(err)
	}
	if rest := b[min(int(end), len(b)):]; int(end) < int(p.sums.manifest.size) || holdsRecord(rest) {
		return p.damaged(manifestName, "it ends in the middle")
	}
	return nil
}

// holdsRecord reports whether a whole record of a MANIFEST lies somewhere in b. In the remains of one
// torn append there can be none; where there is one, a length before it was damaged, and Badger would
// cut the file there and delete the tables the rest names.
func holdsRecord(b []byte) bool {
	if len(b) > 8 && crc32.Checksum(b[8:], castagnoli) == binary.BigEndian.Uint32(b[4:]) {
		return true // all of the last record, but for its length
	}
	for i := 1; i+8 < len(b); i++ {
		n := int(binary.BigEndian.Uint32(b[i:]))
		if n == 0 || n > len(b)-i-8 {
			continue
		}
		if crc32.Checksum(b[i+8:i+8+n], castagnoli) == binary.BigEndian.Uint32(b[i+4:]) {
			return true
		}
	}
	return false
}

// tables compares every table with its sum, and reads those in full that have none yet.
func (p *preflight) tables(ctx context.Context) error {
	var ids []uint64
	for id := range p.manifest.Tables {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var done atomic.Int64
	stop := p.progress("tables are being checked", len(ids), &done)
	defer stop()
	return parallel(ctx, ids, func(id uint64) error {
		defer done.Add(1)
		if want, ok := p.sums.tables[id]; ok {
			return p.table(id, want)
		}
		return p.unsummed(id)
	})
}

func (p *preflight) table(id uint64, want fileSum) error {
	name := tableName(p.dir, id)
	got, err := sumFile(name, -1, false)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p.damaged(filepath.Base(name), "it is missing")
	case err != nil:
		return p.damaged(filepath.Base(name), err.Error())
	case got.size != want.size || got.sum != want.sum:
		return p.damaged(filepath.Base(name), "its content has changed")
	}
	return nil
}

func (p *preflight) unsummed(id uint64) error {
	_, err := p.s.readTable(p.registry, id, p.manifest.Tables[id], true)
	if err != nil {
		return p.damaged(filepath.Base(tableName(p.dir, id)), err.Error())
	}
	return nil
}

// prune makes SUMS forget tables that are gone: Badger gives their numbers to new ones.
func (p *preflight) prune() error {
	n := len(p.sums.tables)
	for id := range p.sums.tables {
		if _, ok := p.manifest.Tables[id]; !ok {
			delete(p.sums.tables, id)
		}
	}
	if len(p.sums.tables) == n || p.s.reading.Load() { // nothing is written anew under their numbers then
		return nil
	}
	if err := p.sums.store(p.dir, p.key); err != nil {
		return p.ioError(err)
	}
	return nil
}

func (p *preflight) damaged(file, how string) error {
	return edge.E(edge.Corrupt, "the store %q is damaged in %s: %s", p.s.opt.Name, file, how).WithHint(hintDamaged)
}

func (p *preflight) ioError(err error) error {
	return edge.E(edge.Unavailable, "the store %q cannot be read: %w", p.s.opt.Name, err)
}

// progress logs how far a slow check got, each second from the first on.
func (p *preflight) progress(what string, total int, done *atomic.Int64) (stop func()) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				p.s.log.Info("a check takes a while", "check", what, "done", done.Load(), "of", total)
			case <-quit:
				return
			}
		}
	})
	return func() { close(quit); wg.Wait() }
}

// parallel calls f for all ids on as many goroutines as there are processors, and stops at the first error.
func parallel(ctx context.Context, ids []uint64, f func(uint64) error) error {
	var (
		wg    sync.WaitGroup
		next  atomic.Int64
		first atomic.Pointer[error]
	)
	for range min(runtime.GOMAXPROCS(0), len(ids)) {
		wg.Go(func() {
			for first.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(ids) {
					return
				}
				err := context.Cause(ctx)
				if err == nil {
					err = f(ids[i])
				}
				if err != nil {
					first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if e := first.Load(); e != nil {
		return *e
	}
	return nil
}

// compactionNeed is Store.compactionNeed before Badger is open.
func (p *preflight) compactionNeed() int64 {
	size := make([]int64, 256)
	for id, m := range p.manifest.Tables {
		if st, err := os.Stat(tableName(p.dir, id)); err == nil {
			size[m.Level] += st.Size()
		}
	}
	return needFor(size, p.s.opt.MemTable)
}
