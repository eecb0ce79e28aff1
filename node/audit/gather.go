package audit

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A Cosigner is a witness as its client sees it, over whatever connects the two.
type Cosigner interface {
	Node() edge.NodeID // who answers, as the connection proves it
	Cosign(ctx context.Context, q Request) (Answer, error)
}

// gatherEpochs is how many trees of a journal are brought to a witness, the newest first: an old one does not grow.
const gatherEpochs = 8

// Gather has a witness cosign the newest checkpoint of every recent tree of the journal, where it has not done so, and
// adds its signatures. It returns how many were added. It fails with Conflict where the witness has cosigned
// something that this node's tree does not contain: either this node was restored from a backup and must begin a new
// epoch, or somebody has rewritten its records.
func (l *Log) Gather(ctx context.Context, w Cosigner) (added int, err error) {
	v := l.o.Store.View()
	trees, err := Trees(v, l.o.Name)
	v.Close()
	if err != nil {
		return 0, err
	}
	for _, t := range trees[max(0, len(trees)-gatherEpochs):] {
		if t.Signed == 0 {
			continue
		}
		ok, err := l.gather(ctx, w, t)
		if err != nil {
			return added, err
		}
		if ok {
			added++
		}
	}
	return added, nil
}

func (l *Log) gather(ctx context.Context, w Cosigner, t Tree) (bool, error) {
	q, done, err := l.request(w.Node(), t)
	if err != nil || done {
		return false, err
	}
	for try := 0; ; try++ {
		a, err := w.Cosign(ctx, q)
		if err != nil {
			return false, err
		}
		if a.By.Node != w.Node() {
			return false, edge.E(edge.Denied, "node %s answers with the keys of node %s", w.Node().Short(), a.By.Node.Short())
		}
		if err := Keep(ctx, l.o.Store, a.By); err != nil {
			return false, err
		}
		switch {
		case len(a.Cosignature) > 0:
			return true, l.cosign(ctx, t.Origin.Epoch, t.Signed, Keys{l.o.Key.statement, a.By}, a.Cosignature)
		case a.Size > t.Signed && t.Origin.Node.IsZero():
			return false, nil // another replica was there first; what this one has will be part of the next
		case a.Size > t.Signed:
			return false, edge.E(edge.Conflict, "node %s has cosigned %d records of %s, of which there are only %d here", w.Node().Short(), a.Size, t.Origin, t.Size).
				WithHint("was this node restored from a backup? Then begin a new epoch of its journals")
		case try > 0:
			return false, edge.E(edge.Unavailable, "node %s does not say from where it wants a proof", w.Node().Short())
		}
		if err := l.prove(&q, t, a.Size); err != nil {
			return false, err
		}
	}
}

// request asks for the newest checkpoint of a tree, from the newest that the witness is known to have cosigned.
func (l *Log) request(witness edge.NodeID, t Tree) (q Request, done bool, err error) {
	v := l.o.Store.View()
	defer v.Close()
	ks, err := Kept(v)
	if err != nil {
		return q, false, err
	}
	q.By = l.o.Key.statement
	if q.Checkpoint, err = v.Get(numberKey(checkpointPrefix, l.o.Name, t.Origin.Epoch, t.Signed)); err != nil {
		return q, false, err
	}
	old, err := cosignedBy(v, append(ks, q.By), l.o.Name, t.Origin.Epoch, witness)
	if err != nil || old == t.Signed {
		return q, old == t.Signed && err == nil, err
	}
	return q, false, prove(v, &q, l.o.Name, t, old)
}

// cosignedBy is the size of the newest checkpoint that a witness cosigned, 0 where there is none.
func cosignedBy(v *state.View, ks Keys, stream string, epoch uint64, witness edge.NodeID) (int64, error) {
	for _, size := range sizesOf(v, stream, epoch) {
		b, err := v.Get(numberKey(checkpointPrefix, stream, epoch, size))
		if err != nil {
			return 0, err
		}
		c, err := ks.Open(b)
		if err != nil {
			return 0, err
		}
		for _, s := range c.Cosigned {
			if s.Node == witness {
				return size, nil
			}
		}
	}
	return 0, v.Err()
}

func (l *Log) prove(q *Request, t Tree, old int64) error {
	v := l.o.Store.View()
	defer v.Close()
	return prove(v, q, l.o.Name, t, old)
}

func prove(v *state.View, q *Request, stream string, t Tree, old int64) (err error) {
	q.OldSize, q.Proof = old, tlog.TreeProof{}
	if old == 0 || old == t.Signed {
		return nil
	}
	q.Proof, err = ProveGrowth(v, stream, t.Origin.Epoch, old, t.Signed)
	return err
}
