package node

import (
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
)

// waitingList is how many objects the uplink is shown at a time.
const waitingList = 256

// Store implements uplink.Objects.
func (b *blobs) Store() *blob.Store { return b.s }

// Waiting implements uplink.Objects: the smallest first, so that an image does not wait for a backup.
func (b *blobs) Waiting() []blob.Hash {
	b.mu.Lock()
	var list []blob.Hash
	for h, row := range b.rows {
		if row.State == blobWaiting {
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(x, y blob.Hash) int {
		return cmp.Or(cmp.Compare(b.rows[x].Size, b.rows[y].Size), b.rows[x].Added.Compare(b.rows[y].Added))
	})
	b.mu.Unlock()
	return list[:min(len(list), waitingList)]
}

// Delivered implements uplink.Objects.
func (b *blobs) Delivered(ctx context.Context, h blob.Hash) error {
	_, err := b.update(ctx, h, func(old BlobInfo, found bool, c *blobCounts) (BlobInfo, bool) {
		if old.State == blobWaiting {
			c.OnHub++
			old.State, old.Trouble = blobOnHub, ""
		}
		return old, found
	})
	return err
}

// Refused implements uplink.Objects. What is not whole here is lost unless somebody puts it again.
func (b *blobs) Refused(ctx context.Context, h blob.Hash, err error) {
	_, e := b.update(ctx, h, func(old BlobInfo, found bool, c *blobCounts) (BlobInfo, bool) {
		if old.State == blobWaiting && !b.whole(h, err) {
			old.State = blobLost
		}
		old.Trouble = err.Error()
		return old, found
	})
	if e != nil {
		b.log.Warn("what became of an object cannot be noted", "object", h.String(), "error", e)
	}
}

// whole reports whether an object that did not get through is still what it was.
func (b *blobs) whole(h blob.Hash, err error) bool {
	if !edge.IsKind(err, edge.Corrupt) && !edge.IsKind(err, edge.NotFound) {
		return true
	}
	r, err := b.s.Get(h)
	if err != nil {
		return !edge.IsKind(err, edge.Corrupt) && !edge.IsKind(err, edge.NotFound)
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err == nil
}

// Wanted implements uplink.Objects.
func (b *blobs) Wanted() (list []blob.Hash) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for h, row := range b.rows {
		if row.State == blobWanted && len(list) < waitingList {
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(x, y blob.Hash) int { return b.rows[x].Added.Compare(b.rows[y].Added) })
	return list
}

// Fetched implements uplink.Objects. The record of it tells the hub.
func (b *blobs) Fetched(ctx context.Context, h blob.Hash) {
	size, err := b.s.Size(h)
	if err == nil {
		_, err = b.update(ctx, h, func(old BlobInfo, found bool, _ *blobCounts) (BlobInfo, bool) {
			if old.State == blobWanted {
				old.State, old.Size, old.Trouble = blobFetched, size, ""
			}
			return old, found
		})
	}
	if err == nil {
		_, err = b.n.journals.Append(ctx, edge.Event{Type: TypeFetched, Subject: h.String(), Class: edge.SiteOnly, Urgency: edge.Community, Time: b.n.keys.trust.Now()})
	}
	if err != nil {
		b.log.Warn("that an object came from the hub cannot be noted", "object", h.String(), "error", err)
	}
}

// Missed implements uplink.Objects.
func (b *blobs) Missed(ctx context.Context, h blob.Hash, err error) {
	b.update(ctx, h, func(old BlobInfo, found bool, _ *blobCounts) (BlobInfo, bool) { // nothing is written: trouble is of the moment
		old.Trouble = err.Error()
		return old, found
	})
}
