package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// A Store keeps streams in an unmanaged state.Store, which it closes only if it is asked to.
type Store struct {
	s     *state.Store
	z     *wire.Codec
	owned bool

	mu      sync.Mutex
	streams map[wire.StreamID]store.Stream // guarded by mu: as on disk, with what is being committed
	forks   map[wire.StreamID]int          // guarded by mu: epochs of each stream
}

// Open reads the streams of s. Close closes s too where owned.
func Open(s *state.Store, z *wire.Codec, owned bool) (*Store, error) {
	b := &Store{s: s, z: z, owned: owned, streams: map[wire.StreamID]store.Stream{}, forks: map[wire.StreamID]int{}}
	v := s.View()
	defer v.Close()
	for _, value := range v.Scan([]byte("hs/")) {
		row, err := decodeStream(value)
		if err != nil {
			return nil, err
		}
		b.streams[row.ID] = row
		for range v.Scan(forkPrefix(row.ID)) {
			b.forks[row.ID]++
		}
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	return b, nil
}

// Close ends the store.
func (b *Store) Close() error {
	if b.owned {
		return b.s.Close()
	}
	return nil
}

// A write is one Append on its way through the group committer.
type write struct {
	b     *Store
	a     store.Append
	block []byte // packed before it is queued: the committer's goroutine has better things to do
	old   store.Stream
	knew  bool
	taken bool
	res   store.Result
	done  *sync.WaitGroup
	err   error
}

// Commit puts every Append into the queue of the group committer and waits for all of them.
func (b *Store) Commit(ctx context.Context, list []store.Append) ([]store.Result, error) {
	var wg sync.WaitGroup
	writes := make([]*write, len(list))
	for i, a := range list {
		if err := a.Check(); err != nil {
			return nil, err
		}
		writes[i] = &write{b: b, a: a, done: &wg}
		if a.Fork == nil {
			writes[i].block = encodeBlock(b.z, a)
		}
	}
	out := make([]store.Result, len(list))
	for _, w := range writes {
		wg.Add(1)
		if err := b.s.Submit(w); err != nil {
			w.err = err
			wg.Done()
		}
	}
	wg.Wait() // what is queued will be done within one commit; ctx cannot call it back
	for i, w := range writes {
		if out[i] = w.res; w.err != nil {
			out[i].Err = w.err
		}
	}
	return out, nil
}

// Prepare runs on the committer's goroutine, in order.
func (w *write) Prepare(batch *state.Batch, _ time.Time) {
	b := w.b
	b.mu.Lock()
	defer b.mu.Unlock()
	w.old, w.knew = b.streams[w.a.ID]
	w.res.Cursor = w.old.Cursor
	switch {
	case w.old.Frozen != "":
		w.res.Err = edge.E(edge.Denied, "stream %s is frozen: %s", w.a.ID, w.old.Frozen)
		return
	case w.old.Cursor != w.a.From:
		w.res.Err = store.Conflict(w.a.ID, w.a.From, w.old.Cursor)
		return
	case w.a.Fork != nil && b.forks[w.a.ID] >= store.MaxEpochs:
		w.res.Err = edge.E(edge.Exhausted, "stream %s has had %d epochs, more are not kept", w.a.ID, store.MaxEpochs)
		return
	}
	now := w.old.Apply(w.a)
	b.streams[w.a.ID] = now
	w.taken, w.res.Cursor = true, now.Cursor
	batch.Set(streamKey(w.a.ID), encodeStream(now))
	if w.a.Fork != nil {
		b.forks[w.a.ID]++
		batch.Set(forkKey(w.a.ID, w.a.To.Epoch), encodeFork(*w.a.Fork))
	} else {
		b.setBlock(batch, blockKey(w.a.ID, w.a.To), w.block)
	}
	setRows(batch, w.a.Rows)
}

// Done undoes what Prepare did in memory when nothing was kept. After Unavailable the state.Store takes
// no more writes, so what memory holds does not matter any more.
func (w *write) Done(err error) {
	defer w.done.Done()
	w.err = err
	if err == nil || !w.taken {
		return
	}
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	if w.knew {
		w.b.streams[w.a.ID] = w.old
	} else {
		delete(w.b.streams, w.a.ID)
	}
	if w.a.Fork != nil {
		w.b.forks[w.a.ID]--
	}
}

// setBlock splits a block that is longer than the store's longest value.
func (b *Store) setBlock(batch *state.Batch, key, block []byte) {
	limit := b.s.MaxValue() - 1
	parts := (len(block) + limit - 1) / limit
	batch.Set(key, append([]byte{byte(parts)}, block[:min(limit, len(block))]...))
	for n := 1; n < parts; n++ {
		batch.Set(partKey(key, n), block[n*limit:min((n+1)*limit, len(block))])
	}
}

func (b *Store) unit(v *state.View, key, value []byte) (store.Unit, error) {
	if len(value) == 0 {
		return store.Unit{}, edge.E(edge.Corrupt, "a block of the hub is empty")
	}
	block := value[1:]
	for n := 1; n < int(value[0]); n++ {
		part, err := v.Get(partKey(key, n))
		if err != nil {
			return store.Unit{}, edge.E(edge.Corrupt, "a part of a block is missing: %w", err)
		}
		block = append(block, part...)
	}
	return decodeBlock(b.z, block)
}

func setRows(batch *state.Batch, rows []store.Row) {
	for _, r := range rows {
		if r.Value == nil {
			batch.Delete(rowKey(r.Site, r.Kind, r.Key))
		} else {
			batch.Set(rowKey(r.Site, r.Kind, r.Key), r.Value)
		}
	}
}

// Stream answers from what is committed and fsynced. Memory runs ahead of the disk while a commit is under
// way, and a peer forgets what a cursor covers.
func (b *Store) Stream(_ context.Context, id wire.StreamID) (store.Stream, error) {
	v := b.s.View()
	defer v.Close()
	value, err := v.Get(streamKey(id))
	if edge.IsKind(err, edge.NotFound) {
		return store.Stream{}, edge.E(edge.NotFound, "there is no stream %s", id)
	}
	if err != nil {
		return store.Stream{}, err
	}
	return decodeStream(value)
}

// Streams answers as Stream does.
func (b *Store) Streams(_ context.Context, origin string) iter.Seq2[store.Stream, error] {
	return func(yield func(store.Stream, error) bool) {
		v := b.s.View()
		defer v.Close()
		for _, value := range v.Scan([]byte("hs/")) {
			row, err := decodeStream(value)
			if (err != nil || origin == "" || row.ID.Origin == origin) && !yield(row, err) {
				return
			}
		}
		if err := v.Err(); err != nil {
			yield(store.Stream{}, err)
		}
	}
}

// Freeze sets or clears the reason.
func (b *Store) Freeze(ctx context.Context, id wire.StreamID, why string, rows ...store.Row) error {
	return b.change(ctx, id, func(s *store.Stream, batch *state.Batch) {
		s.Frozen = why
		setRows(batch, rows)
	})
}

// change rewrites the row of a stream on the committer's goroutine, so that no Append comes between.
func (b *Store) change(ctx context.Context, id wire.StreamID, f func(*store.Stream, *state.Batch)) error {
	known := true
	err := b.s.Commit(ctx, func(batch *state.Batch) {
		b.mu.Lock()
		defer b.mu.Unlock()
		var s store.Stream
		if s, known = b.streams[id]; !known {
			return
		}
		f(&s, batch)
		batch.Set(streamKey(id), encodeStream(s))
		b.streams[id] = s
	})
	if err == nil && !known {
		return edge.E(edge.NotFound, "there is no stream %s", id)
	}
	return err
}

// Forks lists the epochs of a stream.
func (b *Store) Forks(_ context.Context, id wire.StreamID) ([]store.Fork, error) {
	v := b.s.View()
	defer v.Close()
	return forks(v, id)
}

func forks(v *state.View, id wire.StreamID) (list []store.Fork, err error) {
	for _, value := range v.Scan(forkPrefix(id)) {
		f, err := decodeFork(value)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, v.Err()
}

// Read opens a view for as long as it is ranged over.
func (b *Store) Read(ctx context.Context, id wire.StreamID, after edge.Pos) iter.Seq2[edge.Record, error] {
	return func(yield func(edge.Record, error) bool) {
		v := b.s.View()
		defer v.Close()
		value, err := v.Get(streamKey(id))
		var s store.Stream
		var fs []store.Fork
		if err == nil {
			s, err = decodeStream(value)
		}
		if err == nil {
			fs, err = forks(v, id)
		}
		if err != nil {
			yield(edge.Record{}, err)
			return
		}
		units := func(epoch, seq uint64) iter.Seq2[store.Unit, error] { return b.units(v, id, epoch, seq) }
		store.Walk(ctx, s, fs, after, units)(yield)
	}
}

func (b *Store) units(v *state.View, id wire.StreamID, epoch, seq uint64) iter.Seq2[store.Unit, error] {
	return func(yield func(store.Unit, error) bool) {
		for key, value := range v.ScanFrom(epochPrefix(id, epoch), blockKey(id, edge.Pos{Epoch: epoch, Seq: seq + 1})) {
			u, err := b.unit(v, key, value)
			if !yield(u, err) || err != nil {
				return
			}
		}
		if err := v.Err(); err != nil {
			yield(store.Unit{}, err)
		}
	}
}

// Raw finds one record by its block.
func (b *Store) Raw(_ context.Context, id wire.StreamID, epoch, seq uint64) (wire.Item, error) {
	v := b.s.View()
	defer v.Close()
	for u, err := range b.units(v, id, epoch, seq-1) {
		if err != nil {
			return wire.Item{}, err
		}
		if i := seq - u.From.Seq - 1; u.From.Seq < seq && i < uint64(len(u.Items)) {
			return u.Items[i], nil
		}
		break
	}
	return wire.Item{}, edge.E(edge.NotFound, "record %d of epoch %x of stream %s is not kept", seq, epoch, id)
}

// trimStep bounds the deletions of one commit.
const trimStep = 500

// Trim deletes whole blocks.
func (b *Store) Trim(ctx context.Context, id wire.StreamID, upTo edge.Pos) (uint64, error) {
	var total uint64
	for {
		keys, gone, err := b.old(id, upTo)
		if err != nil || len(keys) == 0 {
			return total, err
		}
		err = b.change(ctx, id, func(s *store.Stream, batch *state.Batch) {
			for _, k := range keys {
				batch.Delete(k)
			}
			s.Counts.Trimmed += gone.Records
			s.Counts.TrimmedSize += gone.Bytes
		})
		if err != nil {
			return total, err
		}
		total += gone.Records
	}
}

// Extents yields the blocks.
func (b *Store) Extents(_ context.Context, id wire.StreamID) iter.Seq2[store.Extent, error] {
	return func(yield func(store.Extent, error) bool) {
		v := b.s.View()
		defer v.Close()
		for key, value := range v.Scan(blocksOf(id)) {
			u, err := b.unit(v, key, value)
			if !yield(u.Extent(), err) || err != nil {
				return
			}
		}
		if err := v.Err(); err != nil {
			yield(store.Extent{}, err)
		}
	}
}

// old lists the keys of blocks that end at or before a position, and what they come to.
func (b *Store) old(id wire.StreamID, upTo edge.Pos) (keys [][]byte, gone store.Extent, err error) {
	v := b.s.View()
	defer v.Close()
	last := blockKey(id, upTo)
	for key, value := range v.Scan(blocksOf(id)) {
		if bytes.Compare(key, last) > 0 || len(keys) >= trimStep {
			break
		}
		u, err := b.unit(v, key, value)
		if err != nil {
			return nil, gone, err
		}
		e := u.Extent()
		gone.Records, gone.Bytes = gone.Records+e.Records, gone.Bytes+e.Bytes
		keys = append(keys, key)
		for n := 1; n < int(value[0]); n++ {
			keys = append(keys, partKey(key, n))
		}
	}
	return keys, gone, v.Err()
}

// Put writes rows.
func (b *Store) Put(ctx context.Context, rows ...store.Row) error {
	for _, r := range rows {
		if err := checkRow(r); err != nil {
			return err
		}
	}
	return b.s.Commit(ctx, func(batch *state.Batch) { setRows(batch, rows) })
}

func checkRow(r store.Row) error {
	if strings.Contains(r.Site+r.Kind, "/") || len(r.Key) > 1024 || len(r.Value) > store.MaxRow {
		return edge.E(edge.Invalid, "row %s/%s cannot be stored: a site and a kind have no slash, a value has up to %d bytes", r.Site, r.Kind, store.MaxRow)
	}
	return nil
}

// Row returns one row.
func (b *Store) Row(_ context.Context, site, kind, key string) (store.Row, error) {
	v := b.s.View()
	defer v.Close()
	value, err := v.Get(rowKey(site, kind, key))
	if edge.IsKind(err, edge.NotFound) {
		return store.Row{}, edge.E(edge.NotFound, "the hub has no %s %q of site %q", kind, key, site)
	}
	return store.Row{Site: site, Kind: kind, Key: key, Value: value}, err
}

// Rows scans one site, or all of them.
func (b *Store) Rows(_ context.Context, site, kind, prefix string) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		v := b.s.View()
		defer v.Close()
		start := "hr/"
		if site != "" {
			start = string(rowKey(site, kind, prefix))
		}
		for key, value := range v.Scan([]byte(start)) {
			f := strings.SplitN(string(key), "/", 4)
			if len(f) != 4 || f[2] != kind || !strings.HasPrefix(f[3], prefix) {
				continue
			}
			if !yield(store.Row{Site: f[1], Kind: kind, Key: f[3], Value: value}, nil) {
				return
			}
		}
		if err := v.Err(); err != nil && !errors.Is(err, context.Canceled) {
			yield(store.Row{}, err)
		}
	}
}
