package state

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/aielon/edge/node/edge"
)

// keepEvery is how soon a new table gets its sum, and keepIdle how many looks without a change end the
// looking: an idle store writes nothing and wakes nobody.
const (
	keepEvery = 2 * time.Second
	keepIdle  = 5
)

// A keeper keeps SUMS up to date with Badger's tables.
type keeper struct {
	edge.Redacted

	s    *Store
	key  []byte
	mu   sync.Mutex    // guards sums, and that one at a time writes SUMS
	sums *sums         // replaced, never changed
	kick chan struct{} // a commit happened; holds one
}

// run looks at tables and free space for a while after each commit, and sleeps otherwise.
func (k *keeper) run(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-k.kick:
		}
		if !k.active(stop) {
			return
		}
	}
}

// active is the loop while there is something to look at. It is false where stop ended it.
func (k *keeper) active(stop <-chan struct{}) bool {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	due, idle := time.Now().Add(keepEvery), 0
	for idle < keepIdle {
		select {
		case <-stop:
			return false
		case now := <-t.C:
			k.s.guard.watch()
			if now.Before(due) {
				continue
			}
			due = now.Add(keepEvery)
			idle++
			if k.changed() {
				idle = 0
			}
		}
	}
	return true
}

// changed brings SUMS up to date and reports whether tables changed or commits came since the last time.
func (k *keeper) changed() bool {
	changed, err := k.update()
	if err != nil {
		k.s.log.Error("the sums of the tables could not be written", "error", err)
	}
	k.s.guard.need.Store(k.s.compactionNeed())
	select {
	case <-k.kick:
		return true
	default:
		return changed
	}
}

// wake is called after a commit.
func (k *keeper) wake() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// update sums new tables, forgets those that are gone, and stores SUMS if that changed anything.
// A table in the MANIFEST is complete and synced (Badger's CreateTable syncs before the entry is made), and
// the MANIFEST is synced here before a sum speaks of it.
func (k *keeper) update() (changed bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	dir := k.s.opt.Dir
	m, err := sumFile(filepath.Join(dir, manifestName), -1, true)
	if err != nil || m == k.sums.manifest {
		return false, err
	}
	live, err := readManifestFile(dir, k.s.opt.badger(k.s.badgerKey()))
	if err != nil {
		return false, err
	}
	next := sums{manifest: m, registry: k.sums.registry, tables: map[uint64]fileSum{}}
	if next.registry, err = sumFile(filepath.Join(dir, registryName), -1, true); err != nil {
		return false, err
	}
	for id := range live.Tables {
		sum, ok := k.sums.tables[id]
		if !ok {
			if sum, ok = k.table(id); !ok {
				continue
			}
		}
		next.tables[id] = sum
	}
	if err := next.store(dir, k.key); err != nil {
		return false, err
	}
	k.sums = &next
	return true, nil
}

// table sums one table. It is false for one that Badger removed meanwhile: it empties a file before it
// unlinks it, and only after the MANIFEST says that the table is gone.
func (k *keeper) table(id uint64) (fileSum, bool) {
	name := tableName(k.s.opt.Dir, id)
	before, err := os.Stat(name)
	if err != nil {
		return fileSum{}, false
	}
	sum, err := sumFile(name, -1, true)
	if err != nil || int64(sum.size) != before.Size() {
		return fileSum{}, false
	}
	after, err := os.Stat(name)
	if err != nil || after.Size() != before.Size() {
		return fileSum{}, false
	}
	sum.inode = 0
	return sum, true
}

// readManifestFile reads the MANIFEST of a directory that may be in use: a half-written end is left out.
func readManifestFile(dir string, o badger.Options) (badger.Manifest, error) {
	f, err := os.Open(filepath.Join(dir, manifestName))
	if err != nil {
		return badger.Manifest{}, err
	}
	m, _, err := badger.ReplayManifestFile(f, 0, o)
	return m, errors.Join(err, f.Close())
}

// compactionNeed is how many bytes Badger may need at once for what it does in the background: the tables
// of a compaction are written before those they replace are removed, and waiting memtables become tables.
func (s *Store) compactionNeed() int64 {
	if s.opt.InMemory {
		return 0
	}
	var size []int64
	for _, l := range s.db.Load().Levels() {
		size = append(size, l.Size)
	}
	return needFor(size, s.opt.MemTable)
}

// deepNeed is the most that merging one table into a level below the base takes, as Badger limits the
// overlap of tables.
const deepNeed = 32 << 20

// needFor adds up: memtables that become tables; level 0, which is merged as a whole into the highest level
// that holds anything; and one merge further down at the same time.
func needFor(size []int64, memTable int64) int64 {
	need := 3*memTable + size[0]
	var deep int64
	base := true
	for _, n := range size[1:] {
		switch {
		case n == 0:
		case base:
			need += n
			base = false
		default:
			deep += n
		}
	}
	return need + min(deep, deepNeed)
}

// tables returns the sums as they are now. The caller may not change them.
func (k *keeper) tables() map[uint64]fileSum {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sums.tables
}

// lives reports whether the MANIFEST names a table now.
func (k *keeper) lives(id uint64) bool {
	m, err := readManifestFile(k.s.opt.Dir, k.s.opt.badger(k.s.badgerKey()))
	_, ok := m.Tables[id]
	return err != nil || ok
}
