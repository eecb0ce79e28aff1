package search

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// version of everything stored: the rows and what the analyzer makes of a text. An index of another version is not
// used; it is made again.
const version = 2

// minBatch is the smallest transaction a store must take: the largest document has to fit one.
const minBatch = 1 << 20

// A Store is what the index lies in: an unmanaged *state.Store, in which all keys beginning with x/ are the index's.
type Store interface {
	View() *state.View
	Commit(ctx context.Context, f func(*state.Batch)) error
	MaxBatch() int
}

// An Index is safe for concurrent use. Writers take turns; readers see whole batches.
type Index struct {
	store Store
	log   *slog.Logger

	write sync.Mutex // held while a batch is put together and committed

	loading sync.Mutex // held while dictionaries are read

	mu    sync.Mutex // guards dicts
	dicts map[part]*dict

	cache  cache
	counts counts
}

// Open returns the index kept in a store. It fails with Invalid where the store's transactions are too small, and
// with what reading fails with. An index of another version is taken out of use; Made tells that all is to be rebuilt.
func Open(store Store, log *slog.Logger) (*Index, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if n := store.MaxBatch(); n < minBatch {
		return nil, edge.E(edge.Invalid, "a search index needs a store with transactions of %d bytes, this one takes %d", minBatch, n)
	}
	ix := &Index{store: store, log: log, dicts: map[part]*dict{}}
	return ix, ix.abandon()
}

// abandon marks what an interrupted rebuild left as dead.
func (ix *Index) abandon() error {
	c, err := ix.begin(false)
	if err != nil {
		return err
	}
	defer c.view.Close()
	if len(c.meta.Staged) == 0 {
		return nil
	}
	for _, g := range c.meta.Staged {
		c.meta.kill(g)
	}
	clear(c.meta.Staged)
	if err := c.commit(); err != nil {
		ix.log.Warn("what an interrupted rebuild of the search index left is removed later", "error", err)
	}
	return nil
}

// Made reports whether documents of a kind were ever indexed or rebuilt in this version of the index. Where not, its
// follower begins with a Rebuild.
func (ix *Index) Made(kind string) (bool, error) {
	v := ix.store.View()
	defer v.Close()
	m, err := loadMeta(v)
	_, ok := m.Kinds[kind]
	return ok, err
}

// A meta is the table of contents. Generations are numbered through all kinds.
type meta struct {
	Version  int               `json:"version"`
	Commit   uint64            `json:"commit"` // how many commits of the index there were
	NextDoc  uint64            `json:"next_doc"`
	NextPart uint32            `json:"next_part"`
	NextGen  uint32            `json:"next_gen"`
	Kinds    map[string]uint32 `json:"kinds"`            // generation that is searched
	Staged   map[string]uint32 `json:"staged,omitempty"` // generation that is being built
	Parts    []partRow         `json:"parts"`
	Dead     []uint32          `json:"dead,omitempty"` // generations to be removed
}

type partRow struct {
	Part  part       `json:"part"`
	Gen   uint32     `json:"gen"`
	Kind  string     `json:"kind"`
	Class edge.Class `json:"class"`
	stats
}

// maxParts bounds the table, and with it the rows of the dictionary: kinds are words of the program, not of its users.
const maxParts = 64

func loadMeta(v *state.View) (m meta, err error) {
	b, err := v.Get([]byte(metaKey))
	switch {
	case edge.IsKind(err, edge.NotFound):
	case err != nil:
		return m, err
	default:
		if err := json.Unmarshal(b, &m); err != nil {
			return m, errDamaged
		}
	}
	if m.Version != version {
		m.retire()
	}
	if m.Kinds == nil {
		m.Kinds = map[string]uint32{}
	}
	if m.Staged == nil {
		m.Staged = map[string]uint32{}
	}
	return m, nil
}

// retire takes everything out of use, because another version wrote it. Numbers go on.
func (m *meta) retire() {
	for _, p := range m.Parts {
		m.kill(p.Gen)
	}
	for _, g := range m.Kinds {
		m.kill(g)
	}
	for _, g := range m.Staged {
		m.kill(g)
	}
	m.Version, m.Kinds, m.Staged = version, nil, nil
}

func (m *meta) kill(gen uint32) {
	for _, g := range m.Dead {
		if g == gen {
			return
		}
	}
	m.Dead = append(m.Dead, gen)
}

func (m *meta) encode() []byte {
	b, _ := json.Marshal(m) // strings, numbers and maps of them
	return b
}

// generation returns the one documents of a kind go to, a new one where there is none.
func (m *meta) generation(kind string, staged bool) uint32 {
	table := m.Kinds
	if staged {
		table = m.Staged
	}
	g, ok := table[kind]
	if !ok {
		m.NextGen++
		g = m.NextGen
		table[kind] = g
	}
	return g
}

// partOf returns the part of a class in a generation, a new one where there is none.
func (m *meta) partOf(gen uint32, kind string, class edge.Class) (part, error) {
	for _, p := range m.Parts {
		if p.Gen == gen && p.Class == class {
			return p.Part, nil
		}
	}
	if len(m.Parts) >= maxParts {
		return 0, edge.E(edge.Exhausted, "the search index has %d kinds of documents already", maxParts)
	}
	m.NextPart++
	m.Parts = append(m.Parts, partRow{Part: part(m.NextPart), Gen: gen, Kind: kind, Class: class})
	return part(m.NextPart), nil
}

// row returns that of a part documents are in.
func (m *meta) row(p part) *partRow {
	for i := range m.Parts {
		if m.Parts[i].Part == p {
			return &m.Parts[i]
		}
	}
	return &partRow{} // the parts of documents outlive them
}

// Run tidies up and reads the dictionaries, so that the first search does not wait for that, and then waits for ctx
// to end. It implements edge.Part; the index works without it.
func (ix *Index) Run(ctx context.Context) error {
	if err := ix.tidy(ctx); err != nil && ctx.Err() == nil {
		ix.log.Warn("what is left of an old search index cannot be removed yet", "error", err)
	}
	if err := ix.warm(ctx); err != nil && ctx.Err() == nil {
		ix.log.Warn("the search index cannot be read ahead", "error", err)
	}
	<-ctx.Done()
	return nil
}

// Name implements edge.Part.
func (ix *Index) Name() string { return "search" }

func (ix *Index) warm(ctx context.Context) error {
	v := ix.store.View()
	defer v.Close()
	m, err := loadMeta(v)
	if err != nil {
		return err
	}
	var parts []part
	for _, p := range m.Parts {
		parts = append(parts, p.Part)
	}
	return ix.load(ctx, parts)
}

func (ix *Index) dict(p part) *dict {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	d, ok := ix.dicts[p]
	if !ok {
		d = &dict{}
		ix.dicts[p] = d
	}
	return d
}

func (ix *Index) forgetDicts(parts []part) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	for _, p := range parts {
		delete(ix.dicts, p)
	}
}
