package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// How many checkpoints of one tree are kept: the newest ones all, older ones ever more sparsely.
const (
	maxCheckpoints = 256
	keepNewest     = 64
)

// Checkpoint makes one of all records there are, unless there is one. It returns once that is durable.
func (l *Log) Checkpoint(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sign(ctx)
}

// sign makes a checkpoint of the newest tree and writes it together with the hashes it is of. The caller holds mu.
func (l *Log) sign(ctx context.Context) error {
	if l.row.Lost != "" || l.tree.size == 0 || l.tree.size == l.row.Signed {
		return nil
	}
	h := Head{Origin: l.row.Origin, Size: l.tree.size, Root: l.tree.root()}
	signed, err := l.o.Key.sign(h)
	if err != nil {
		return err
	}
	gone, err := l.spare()
	if err != nil {
		return err
	}
	err = l.save(ctx, func(b *state.Batch, row *treeRow) {
		row.Signed = h.Size
		b.Set(numberKey(checkpointPrefix, l.o.Name, l.at.Epoch, h.Size), signed)
		for _, key := range gone {
			b.Delete(key)
		}
	})
	if err == nil && l.o.Signed != nil {
		l.o.Signed(h)
	}
	return err
}

// spare lists the keys of checkpoints that need not be kept any more.
func (l *Log) spare() (gone [][]byte, err error) {
	v := l.o.Store.View()
	defer v.Close()
	var keys [][]byte
	var cosigned []bool
	for k, b := range v.Scan(epochKey(checkpointPrefix, l.o.Name, l.at.Epoch)) {
		keys, cosigned = append(keys, k), append(cosigned, bytes.Count(b, []byte("\n— ")) > 1)
	}
	for _, i := range thin(cosigned) {
		gone = append(gone, keys[i])
	}
	return gone, v.Err()
}

// thin says which checkpoints, ascending, may go before another one comes: every second of those that are not
// among the newest, but never the newest that somebody cosigned.
func thin(cosigned []bool) (gone []int) {
	if len(cosigned) < maxCheckpoints {
		return nil
	}
	proof := len(cosigned) - 1
	for proof >= 0 && !cosigned[proof] {
		proof--
	}
	for i := 1; i < len(cosigned)-keepNewest; i += 2 {
		if i != proof {
			gone = append(gone, i)
		}
	}
	return gone
}

// A Tree says how far one tree has come.
type Tree struct {
	Origin Origin
	Size   int64    // records that are stored in it
	At     edge.Pos // the newest record it has looked at
	Signed int64    // size of its newest checkpoint
	Lost   string   // why it ends before its journal, empty where it does not
}

// maxTrees bounds the trees that are looked at, the newest first.
const maxTrees = 4096

// Trees lists the stored trees of a journal, oldest first.
func Trees(v *state.View, stream string) (list []Tree, err error) {
	for _, b := range v.Scan(under(treePrefix, stream)) {
		r, err := decodeTreeRow(b)
		if err != nil {
			return nil, err
		}
		o, _ := ParseOrigin(r.Origin) // decodeTreeRow has tried
		list = append(list, Tree{Origin: o, Size: r.Size, At: r.At, Signed: r.Signed, Lost: r.Lost})
		if len(list) > maxTrees {
			list = list[1:]
		}
	}
	return list, v.Err()
}

// Checkpoints yields the stored checkpoints of a tree by size, as they are signed.
func Checkpoints(v *state.View, stream string, epoch uint64) func(yield func(size int64, signed []byte) bool) {
	return func(yield func(int64, []byte) bool) {
		for k, b := range v.Scan(epochKey(checkpointPrefix, stream, epoch)) {
			if !yield(lastNumber(k), b) {
				return
			}
		}
	}
}

// Newest returns the newest checkpoint of the newest tree, or NotFound.
func Newest(v *state.View, stream string) ([]byte, error) {
	_, b, err := v.Last(under(checkpointPrefix, stream))
	if edge.IsKind(err, edge.NotFound) {
		return nil, edge.E(edge.NotFound, "there is no checkpoint of %s yet", clip(stream))
	}
	return b, err
}

// ProveGrowth proves that the tree of size contains the tree of old, both of which a stored tree has reached.
func ProveGrowth(v *state.View, stream string, epoch uint64, old, size int64) (tlog.TreeProof, error) {
	if old < 1 || size < old {
		return nil, edge.E(edge.Invalid, "a tree of %d records cannot have grown from one of %d", size, old)
	}
	p, err := tlog.ProveTree(size, old, &stored{v: v, stream: stream, epoch: epoch})
	return p, internal(err)
}

// ProveRecord proves that a record (its number is seq) is part of the tree of size.
func ProveRecord(v *state.View, stream string, epoch, seq uint64, size int64) (tlog.RecordProof, error) {
	if seq < 1 || seq > uint64(size) {
		return nil, edge.E(edge.Invalid, "record %d is not part of a tree of %d records", seq, size)
	}
	p, err := tlog.ProveRecord(size, int64(seq)-1, &stored{v: v, stream: stream, epoch: epoch})
	return p, internal(err)
}

// internal gives errors of the library a kind; those of our own reader have one.
func internal(err error) error {
	if err == nil || edge.KindOf(err) != edge.Internal {
		return err
	}
	return edge.E(edge.Internal, "a proof cannot be made: %w", err)
}

// CheckRecord proves that an event lies at seq in the tree a checkpoint is of. It fails with Denied.
func CheckRecord(h Head, p tlog.RecordProof, seq uint64, e edge.Event) error {
	leaf, _ := leafHash(e, nil)
	if seq < 1 || seq > uint64(h.Size) || tlog.CheckRecord(p, h.Size, h.Root, int64(seq)-1, leaf) != nil {
		return edge.E(edge.Denied, "record %d is not what the checkpoint of %d records of %s is of", seq, h.Size, clip(h.Origin))
	}
	return nil
}

// cosign adds a cosignature to a stored checkpoint.
func (l *Log) cosign(ctx context.Context, epoch uint64, size int64, ks Keys, line []byte) error {
	l.mu.Lock() // nobody may remove the checkpoint meanwhile, nor add another signature
	defer l.mu.Unlock()
	key := numberKey(checkpointPrefix, l.o.Name, epoch, size)
	v := l.o.Store.View()
	signed, err := v.Get(key)
	v.Close()
	if err != nil {
		return err
	}
	if signed, err = ks.merge(signed, line); err != nil {
		return err
	}
	return l.o.Store.Commit(ctx, func(b *state.Batch) { b.Set(key, signed) })
}

// sizesOf lists the sizes of stored checkpoints of a tree, descending.
func sizesOf(v *state.View, stream string, epoch uint64) (sizes []int64) {
	for k := range v.Scan(epochKey(checkpointPrefix, stream, epoch)) {
		sizes = append(sizes, int64(binary.BigEndian.Uint64(k[len(k)-8:])))
	}
	slices.Reverse(sizes)
	return sizes
}
