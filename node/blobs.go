package node

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/state"
)

const (
	blobPrefix  = "blob/"
	maxBlobs    = 100_000 // that a node knows of at a time
	maxBlobName = 200     // bytes

	unfinished = 7 * 24 * time.Hour // after which the beginning of an object that came no further is forgotten
)

// What became of a blob.
const (
	blobWaiting = "waiting" // the hub does not have it yet
	blobOnHub   = "on the hub"
	blobHere    = "here"    // it is not meant for a hub
	blobWanted  = "wanted"  // it is to be fetched from the hub
	blobFetched = "fetched" // it came from the hub
	blobLost    = "damaged" // it is not whole here any more, and the hub does not have it
)

// TypeBlob is the event type of a large object that was taken in. The record does not wait for the object:
// it is small and goes in its own class, so that what refers to an image is known before the image is there.
const TypeBlob = "blob.kept"

// TypeFetched is the event type of a large object that came from the hub.
const TypeFetched = "blob.fetched"

// BlobInfo is one large object of this node.
type BlobInfo struct {
	Hash    string    `json:"hash"` // SHA-256 of the content
	Size    int64     `json:"size"`
	Name    string    `json:"name,omitempty"`
	Added   time.Time `json:"added"`
	State   string    `json:"state"`
	Trouble string    `json:"trouble,omitempty"` // why it does not get through for now
	Owed    bool      `json:"owed,omitempty"`    // the record that says it was taken in is not written yet
}

// blobCounts add up over all blobs this node ever took in for its hub.
type blobCounts struct {
	Accepted, OnHub, Removed uint64 // lost is what is left
}

// blobs are the large objects of this node: the files, and a row for each that says whether the hub has it.
type blobs struct {
	n   *Node
	s   *blob.Store
	log *slog.Logger

	change  sync.Mutex // held while rows are changed on disk and in memory
	telling sync.Mutex // held while a record that is owed is written

	mu     sync.Mutex // guards what follows
	rows   map[blob.Hash]BlobInfo
	counts blobCounts
}

var blobCountsKey = []byte("blobs")

func (n *Node) openBlobs(context.Context) (err error) {
	b := &blobs{n: n, log: n.part("blobs"), rows: map[blob.Hash]BlobInfo{}}
	b.s, err = blob.Open(blob.Options{Dir: filepath.Join(n.cfg.DataDir, "blobs"), Key: n.keys.derive("store/blobs"), Limit: int64(n.cfg.Storage.Blobs),
		MinFree: int64(n.cfg.Storage.MinFree), Logger: b.log})
	if err != nil {
		return err
	}
	n.onClose(b.s.Close)
	n.blobs = b
	v := n.readings.View()
	defer v.Close()
	if b.counts, _, err = load[blobCounts](v, blobCountsKey); err != nil {
		return err
	}
	for k, value := range v.Scan([]byte(blobPrefix)) {
		var row BlobInfo
		h, err := blob.ParseHash(strings.TrimPrefix(string(k), blobPrefix))
		if err == nil {
			err = json.Unmarshal(value, &row)
		}
		if err != nil {
			return edge.E(edge.Corrupt, "the row of blob %q cannot be read: %w", k, err)
		}
		b.rows[h] = row
	}
	return v.Err()
}

// put takes in a large object of size bytes, or of a size that is not known (-1). When it returns, the
// object is durable and will be delivered, and a record says so.
func (b *blobs) put(ctx context.Context, r io.Reader, size int64, name string) (BlobInfo, error) {
	if len(name) > maxBlobName {
		return BlobInfo{}, edge.E(edge.Invalid, "the name of an object may have %d bytes", maxBlobName)
	}
	if err := b.room(size); err != nil {
		return BlobInfo{}, err
	}
	h, err := b.s.Put(ctx, r, int64(b.n.cfg.Storage.Blobs))
	if err != nil {
		return BlobInfo{}, err
	}
	row := BlobInfo{Hash: h.String(), Name: name, Added: b.n.keys.trust.Now(), State: blobWaiting}
	if row.Size, err = b.s.Size(h); err != nil {
		return BlobInfo{}, err
	}
	if row.Owed = true; b.n.cfg.Role == "hub" {
		row.State, row.Owed = blobHere, false
	}
	kept, err := b.keep(ctx, h, row)
	if err != nil || !kept.Owed {
		return kept, err
	}
	b.n.up.kick()
	return b.tell(ctx, h)
}

// tell writes the record of an object that was taken in. A crash, or a journal without room, may come between the
// row and the record; whoever puts the object again is not told that it is kept before the record is there too.
func (b *blobs) tell(ctx context.Context, h blob.Hash) (BlobInfo, error) {
	b.telling.Lock()
	defer b.telling.Unlock()
	b.mu.Lock()
	row := b.rows[h]
	b.mu.Unlock()
	if !row.Owed {
		return row, nil
	}
	body, err := json.Marshal(struct {
		Hash string `json:"hash"`
		Size int64  `json:"size"`
		Name string `json:"name,omitempty"`
	}{row.Hash, row.Size, row.Name})
	if err != nil {
		return row, edge.E(edge.Internal, "the record of an object cannot be written: %w", err)
	}
	e := edge.Event{Type: TypeBlob, Subject: row.Hash, Class: edge.SiteOnly, Urgency: edge.Community, Time: row.Added, Body: body}
	if !wroteLast(ctx, b.n.journals.Journal(e.Urgency), e) {
		if _, err := b.n.journals.Append(ctx, e); err != nil {
			return row, err
		}
	}
	return b.update(ctx, h, func(old BlobInfo, found bool, _ *blobCounts) (BlobInfo, bool) {
		old.Owed = false
		return old, found
	})
}

// room makes some, where need be, by deleting what the hub has, oldest first.
func (b *blobs) room(size int64) error {
	b.mu.Lock()
	var have []BlobInfo
	for _, row := range b.rows {
		if row.State == blobOnHub {
			have = append(have, row)
		}
	}
	n := len(b.rows)
	b.mu.Unlock()
	slices.SortFunc(have, func(x, y BlobInfo) int { return x.Added.Compare(y.Added) })
	for _, row := range have {
		if n < maxBlobs && b.s.Used()+max(size, 0)+size/512 < int64(b.n.cfg.Storage.Blobs) {
			return nil
		}
		if err := b.remove(context.Background(), row.Hash); err != nil {
			return err
		}
		n--
	}
	if n >= maxBlobs {
		return edge.E(edge.Exhausted, "%d objects are kept here, more than that cannot be", maxBlobs).WithHint("remove some with: aielon-edge blobs remove")
	}
	return nil
}

// keep writes a new row. One that is there already stays, unless its content had been lost.
func (b *blobs) keep(ctx context.Context, h blob.Hash, row BlobInfo) (BlobInfo, error) {
	gone := false
	got, err := b.update(ctx, h, func(old BlobInfo, found bool, c *blobCounts) (BlobInfo, bool) {
		switch {
		case !b.s.Has(h):
			gone = true
			return old, found
		case found && old.State != blobLost && old.State != blobWanted:
			return old, true
		case (!found || old.State != blobLost) && row.State == blobWaiting: // what had been lost was counted before
			c.Accepted++
		}
		return row, true
	})
	if gone && err == nil {
		err = edge.E(edge.Unavailable, "the object was removed while it was put").WithHint("put it again")
	}
	return got, err
}

// update changes one row and the counts in one transaction; f returns false to remove the row, and the
// file with it.
func (b *blobs) update(ctx context.Context, h blob.Hash, f func(old BlobInfo, found bool, c *blobCounts) (BlobInfo, bool)) (BlobInfo, error) {
	b.change.Lock()
	defer b.change.Unlock()
	row, stays, err := b.write(ctx, h, f)
	if err != nil || stays {
		return row, err
	}
	return row, b.drop(ctx, h)
}

// drop deletes the file of an object that has no row, unless the hub's nodes have brought it too. It is
// called with change held, so that nobody who puts the same content believes it to be here.
func (b *blobs) drop(ctx context.Context, h blob.Hash) error {
	if b.n.hub != nil {
		if used, err := b.n.hub.h.HasObject(ctx, h); used || err != nil {
			return err
		}
	}
	return b.s.Delete(h)
}

// write is called with change held.
func (b *blobs) write(ctx context.Context, h blob.Hash, f func(old BlobInfo, found bool, c *blobCounts) (BlobInfo, bool)) (BlobInfo, bool, error) {
	b.mu.Lock()
	old, found := b.rows[h]
	counts := b.counts
	b.mu.Unlock()
	row, stays := f(old, found, &counts)
	if row == old && stays == found {
		return row, true, nil
	}
	trouble := row.Trouble
	if row.Trouble = old.Trouble; row == old && stays { // a trouble is of the moment and not written down
		row.Trouble = trouble
		b.mu.Lock()
		b.rows[h] = row
		b.mu.Unlock()
		return row, true, nil
	}
	row.Trouble = ""
	value, err := json.Marshal(row)
	sums, err2 := json.Marshal(counts)
	if err = cmp.Or(err, err2); err != nil {
		return row, true, edge.E(edge.Internal, "the row of an object cannot be written: %w", err)
	}
	err = b.n.readings.Commit(ctx, func(out *state.Batch) {
		out.Set(blobCountsKey, sums)
		if key := []byte(blobPrefix + h.String()); stays {
			out.Set(key, value)
		} else {
			out.Delete(key)
		}
	})
	if err != nil {
		return old, true, err
	}
	row.Trouble = trouble
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counts = counts
	if stays {
		b.rows[h] = row
	} else {
		delete(b.rows, h)
	}
	return row, stays, nil
}

// get opens an object for reading.
func (b *blobs) get(hash string) (io.ReadCloser, error) {
	h, err := blob.ParseHash(hash)
	if err != nil {
		return nil, err
	}
	return b.s.Get(h)
}

// remove deletes an object here, and forgets that it waited. The hub keeps its own.
func (b *blobs) remove(ctx context.Context, hash string) error {
	h, err := blob.ParseHash(hash)
	if err != nil {
		return err
	}
	if !b.known(h) {
		return edge.E(edge.NotFound, "there is no object %s here", h)
	}
	_, err = b.update(ctx, h, func(old BlobInfo, _ bool, c *blobCounts) (BlobInfo, bool) {
		if old.State == blobWaiting {
			c.Removed++
		}
		return old, false
	})
	return err
}

func (b *blobs) known(h blob.Hash) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, found := b.rows[h]
	return found
}

// sweep writes the records that a crash left out, and deletes the files that it left without a row: those that
// had none an hour ago either. A hub's files have their rows in its own store and are left alone.
func (b *blobs) sweep(ctx context.Context, suspects map[blob.Hash]bool) (map[blob.Hash]bool, error) {
	if b.n.hub != nil {
		return nil, nil
	}
	for _, row := range b.list() {
		if h, err := blob.ParseHash(row.Hash); err == nil && row.Owed {
			if _, err := b.tell(ctx, h); err != nil {
				return nil, err
			}
		}
	}
	if _, err := b.s.Expire(time.Now().Add(-unfinished)); err != nil {
		return nil, err
	}
	now := map[blob.Hash]bool{}
	err := b.s.List(func(h blob.Hash, _ int64) bool {
		if !b.known(h) {
			now[h] = true
		}
		return ctx.Err() == nil
	})
	for h := range now {
		if err == nil && suspects[h] {
			err = b.orphan(ctx, h)
		}
	}
	return now, err
}

func (b *blobs) orphan(ctx context.Context, h blob.Hash) error {
	b.change.Lock()
	defer b.change.Unlock()
	if b.known(h) {
		return nil
	}
	return b.drop(ctx, h)
}

// list returns all objects, newest first.
func (b *blobs) list() []BlobInfo {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]BlobInfo, 0, len(b.rows))
	for _, row := range b.rows {
		list = append(list, row)
	}
	slices.SortFunc(list, func(x, y BlobInfo) int { return cmp.Or(y.Added.Compare(x.Added), cmp.Compare(x.Hash, y.Hash)) })
	return list
}

// ledger is the line of large objects; nil where there never was one.
func (b *blobs) ledger() *gateway.LedgerRow {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.counts
	if c.Accepted == 0 {
		return nil
	}
	row := gateway.LedgerRow{Class: "objects", Accepted: c.Accepted, OnHub: c.OnHub, Shed: c.Removed}
	for _, x := range b.rows {
		if x.State == blobWaiting {
			row.Waiting++
		}
	}
	row.Lost = c.Accepted - c.OnHub - c.Removed - row.Waiting
	return &row
}

// want notes that an object is to be fetched from the hub. What is here already is not.
func (b *blobs) want(ctx context.Context, h blob.Hash, name string) error {
	if len(name) > maxBlobName {
		return edge.E(edge.Invalid, "the name of an object may have %d bytes", maxBlobName)
	}
	if err := b.room(0); err != nil {
		return err
	}
	row := BlobInfo{Hash: h.String(), Name: name, Added: b.n.keys.trust.Now(), State: blobWanted}
	_, err := b.update(ctx, h, func(old BlobInfo, found bool, c *blobCounts) (BlobInfo, bool) {
		switch {
		case found && b.s.Has(h):
			return old, true
		case found && old.State != blobOnHub && old.State != blobFetched && old.State != blobHere:
			return old, true // it waits for something already
		}
		return row, true
	})
	if err == nil {
		b.n.up.kick()
	}
	return err
}
