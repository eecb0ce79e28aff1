package audit

import (
	"context"
	"encoding/json"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A Wish asks a replica for the leaf hashes of a tree, for one that came when the records were removed already.
type Wish struct {
	Epoch uint64 `json:"epoch"`
	From  int64  `json:"from"` // leaves before it are not wanted
}

// A Piece is part of a tree: leaf hashes from Wish.From on, and the newest checkpoint of the tree they are of.
type Piece struct {
	Checkpoint []byte    `json:"checkpoint"`
	By         Statement `json:"by"`
	Leaves     []byte    `json:"leaves"` // 32 bytes each
}

// Bounds of adopting.
const (
	maxPiece = 8192    // leaves of one piece: 256 KiB, and a third more as JSON
	maxAdopt = 1 << 21 // leaves of a tree: 64 MiB while it is proved
)

// ParseWish reads a wish that was sent as JSON. It fails with Invalid.
func ParseWish(b []byte) (w Wish, err error) {
	if err := json.Unmarshal(b, &w); err != nil || w.From < 0 {
		return Wish{}, edge.E(edge.Invalid, "a wish for a part of a tree cannot be read")
	}
	return w, nil
}

// Grant answers a wish from the stored trees. It fails with NotFound where there is no such tree.
func (l *Log) Grant(w Wish) (p Piece, err error) {
	v := l.o.Store.View()
	defer v.Close()
	sizes := sizesOf(v, l.o.Name, w.Epoch)
	if len(sizes) == 0 || w.From > sizes[0] {
		return p, edge.E(edge.NotFound, "there is no tree of epoch %x of %s with more than %d records", w.Epoch, l.Stream(), w.From)
	}
	if p.Checkpoint, err = v.Get(numberKey(checkpointPrefix, l.o.Name, w.Epoch, sizes[0])); err != nil {
		return p, err
	}
	p.By = l.o.Key.statement
	s := &stored{v: v, stream: l.o.Name, epoch: w.Epoch}
	for i := w.From; i < min(sizes[0], w.From+maxPiece); i++ {
		h, err := s.hash(0, i)
		if err != nil {
			return Piece{}, err
		}
		p.Leaves = append(p.Leaves, h[:]...)
	}
	return p, nil
}

// A Giver is another replica of the journal.
type Giver interface {
	Node() edge.NodeID
	Grant(ctx context.Context, w Wish) (Piece, error)
}

// Lost reports whether the newest tree ends before its journal.
func (l *Log) Lost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.row.Lost != ""
}

// Adopt goes on with the tree of another replica where this one's has ended, because records were removed before they
// were seen. The leaves must lead to a root that the replica has signed, contain what this one has, and end with a
// record that is in the journal here. It fails with Denied or Conflict where they do not, and then changes nothing.
func (l *Log) Adopt(ctx context.Context, from Giver) error {
	l.mu.Lock()
	epoch, lost := l.at.Epoch, l.row.Lost != ""
	l.mu.Unlock()
	if !lost {
		return nil
	}
	leaves, c, err := l.fetch(ctx, from, epoch)
	if err != nil {
		return err
	}
	at, err := l.ends(ctx, edge.Pos{Epoch: epoch, Seq: uint64(c.Size) - 1}, leaves[len(leaves)-1])
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.row.Lost == "" || l.at.Epoch != epoch {
		return nil
	}
	t, err := l.proved(leaves, c)
	if err != nil {
		return err
	}
	if err := l.copyTiles(ctx, leaves, epoch); err != nil {
		return err
	}
	l.tree, l.at, l.adopted = t, at, true
	l.row = treeRow{Origin: c.Origin}
	l.o.Logger.InfoContext(ctx, "the audit goes on with the tree of another node", "stream", l.Stream(), "node", from.Node().Short(), "records", c.Size)
	return l.save(ctx, nil)
}

// fetch gets all leaves up to the newest checkpoint of the other replica.
func (l *Log) fetch(ctx context.Context, from Giver, epoch uint64) (leaves []tlog.Hash, c Checkpoint, err error) {
	for c.Size == 0 || int64(len(leaves)) < c.Size {
		p, err := from.Grant(ctx, Wish{Epoch: epoch, From: int64(len(leaves))})
		if err != nil {
			return nil, c, err
		}
		if c, err = l.judge(p, from.Node(), epoch); err != nil {
			return nil, c, err
		}
		n := len(p.Leaves) / tlog.HashSize
		if n == 0 || len(p.Leaves)%tlog.HashSize != 0 || int64(len(leaves)+n) > c.Size {
			return nil, c, edge.E(edge.Denied, "node %s sends hashes that are not those of its tree", from.Node().Short())
		}
		if c.Size > maxAdopt {
			return nil, c, edge.E(edge.Exhausted, "a tree of %d records is too large to be taken over; %d are the most", c.Size, maxAdopt).WithHint("begin a new epoch of the site's journals")
		}
		for i := range n {
			leaves = append(leaves, tlog.Hash(p.Leaves[i*tlog.HashSize:]))
		}
	}
	return leaves, c, nil
}

// judge proves that a piece is of the right tree, and that whoever sent it says so.
func (l *Log) judge(p Piece, node edge.NodeID, epoch uint64) (Checkpoint, error) {
	if err := p.By.Check(); err != nil {
		return Checkpoint{}, err
	}
	c, err := Keys{p.By}.Open(p.Checkpoint)
	if err != nil {
		return c, err
	}
	o, err := ParseOrigin(c.Origin)
	if err != nil {
		return c, err
	}
	if _, at := l.o.Place(); p.By.Node != node || len(c.Signed) != 1 || o.Node != l.o.Node || o.Stream != l.Stream() || o.Epoch != epoch || o.Site != at {
		return c, edge.E(edge.Denied, "node %s sends the tree of %s, which it has not signed or which was not asked for", node.Short(), clip(c.Origin))
	}
	return c, nil
}

// ends finds the record behind a position in the journal here, and compares it with the last leaf.
func (l *Log) ends(ctx context.Context, after edge.Pos, leaf tlog.Hash) (edge.Pos, error) {
	for r, err := range l.Read(ctx, after) {
		if err != nil {
			return edge.Pos{}, edge.E(edge.Unavailable, "the tree of another node ends where there is no record here: %w", err)
		}
		if h, _ := leafHash(r.Event, nil); h != leaf || r.Pos.Epoch != after.Epoch || r.Pos.Seq != after.Seq+1 {
			return edge.Pos{}, edge.E(edge.Conflict, "the tree of another node has another record at %v", r.Pos)
		}
		return r.Pos, nil
	}
	return edge.Pos{}, edge.E(edge.Unavailable, "the tree of another node reaches further than the journal here")
}

// proved makes the tree and compares it with the checkpoint and with what is here. The caller holds mu.
func (l *Log) proved(leaves []tlog.Hash, c Checkpoint) (*tree, error) {
	t := newTree()
	for _, h := range leaves {
		t.add(h)
		t.written()
		if t.size == l.tree.size && t.root() != l.tree.root() {
			return nil, edge.E(edge.Conflict, "the tree of another node does not contain the %d records of this one", t.size)
		}
	}
	if t.root() != c.Root || t.size < l.tree.size {
		return nil, edge.E(edge.Denied, "the hashes another node sent are not those it has signed")
	}
	return t, nil
}

// tilesAtOnce is how many tiles one commit writes, 8 KiB each.
const tilesAtOnce = 32

// copyTiles writes the tiles of a proved tree. Until its row is written they are nobody's; where there were some
// before, these are the same.
func (l *Log) copyTiles(ctx context.Context, leaves []tlog.Hash, epoch uint64) error {
	t := newTree()
	write := func() error {
		err := l.o.Store.Commit(ctx, func(b *state.Batch) { t.write(b, l.o.Name, epoch) })
		t.written()
		return err
	}
	for _, h := range leaves {
		t.add(h)
		if len(t.full) >= tilesAtOnce {
			if err := write(); err != nil {
				return err
			}
		}
	}
	return write()
}
