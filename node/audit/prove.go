package audit

import (
	"context"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
)

// A Proven is one record with what proves it from the newest checkpoint of its epoch.
type Proven struct {
	Record     edge.Record
	Leaf       []byte           // the canonical encoding, of which the leaf of the tree is the hash
	Checkpoint Checkpoint       // zero where there is none yet
	Note       []byte           // the checkpoint as it is signed
	Proof      tlog.RecordProof // nil where the checkpoint is not of the record
	Err        error            // why it is not proven: Unavailable where that is a matter of time, Denied where it is refuted
}

// Prove reads the record with a number and proves it. It fails with NotFound where there is no such record, or none
// that is of the audit, and with Corrupt where the journal is damaged there.
func Prove(ctx context.Context, s Source, keys Keys, epoch, seq uint64) (p Proven, err error) {
	if p.Record, err = recordAt(ctx, s, epoch, seq); err != nil {
		return p, err
	}
	_, p.Leaf = leafHash(p.Record.Event, nil)
	v := s.Trees()
	defer v.Close()
	sizes := sizesOf(v, s.Keep(), epoch)
	if err := v.Err(); err != nil {
		return p, err
	}
	if len(sizes) == 0 {
		p.Err = edge.E(edge.Unavailable, "no checkpoint was made yet").WithHint("one is made within minutes of a record")
		return p, nil
	}
	if p.Note, err = v.Get(numberKey(checkpointPrefix, s.Keep(), epoch, sizes[0])); err != nil {
		return p, err
	}
	kept, err := Kept(v)
	if err != nil {
		return p, err
	}
	if p.Checkpoint, err = append(kept, keys...).Open(p.Note); err != nil {
		p.Err = err
		return p, nil
	}
	if seq > uint64(p.Checkpoint.Size) {
		p.Err = edge.E(edge.Unavailable, "the record is newer than the newest checkpoint").WithHint("the next one is made within minutes")
		return p, nil
	}
	if p.Proof, err = ProveRecord(v, s.Keep(), epoch, seq, p.Checkpoint.Size); err != nil {
		p.Err = err
		return p, nil
	}
	p.Err = CheckRecord(p.Checkpoint.Head, p.Proof, seq, p.Record.Event)
	return p, nil
}

func recordAt(ctx context.Context, s Source, epoch, seq uint64) (edge.Record, error) {
	none := edge.E(edge.NotFound, "there is no audit record %x/%d in %s", epoch, seq, s.Stream).WithHint("old ones are removed once they were delivered; whoever they were delivered to has them")
	if seq == 0 {
		return edge.Record{}, none
	}
	for rec, err := range journal.NewReader(s.Journal, s.Stream, nil).Read(ctx, edge.Pos{Epoch: epoch, Seq: seq - 1}) {
		if edge.IsKind(err, edge.Conflict) || err == nil && (rec.Pos.Epoch != epoch || rec.Pos.Seq != seq || !Is(rec.Event)) {
			break
		}
		if _, gap := errors.AsType[*edge.Gap](err); gap {
			break
		}
		return rec, err
	}
	return edge.Record{}, none
}
