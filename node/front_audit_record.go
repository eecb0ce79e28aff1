package node

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"

	"github.com/aielon/edge/node/api/auditv1"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
)

// What a proof of a record came to.
const (
	proven   = "proven"
	waiting  = "waiting"
	refuted  = "refuted"
	unproven = "unproven"
)

// proven shows one record and proves it.
func (b *auditBook) proven(ctx context.Context, in *auditv1.GetAuditRecordRequest) (*auditv1.ProvenRecord, error) {
	epoch, err := strconv.ParseUint(in.GetEpoch(), 16, 64)
	seq, err2 := strconv.ParseUint(in.GetNumber(), 10, 64)
	if err != nil || err2 != nil {
		return nil, edge.E(edge.Invalid, "%q/%q is no position in a journal", in.GetEpoch(), in.GetNumber())
	}
	s, err := b.n.auditOf().source(in.GetJournal())
	if err != nil {
		return nil, err
	}
	p, err := audit.Prove(ctx, s, nil, epoch, seq)
	if err != nil {
		return nil, err
	}
	return provenMessage(s.Stream, p), nil
}

func provenMessage(stream string, p audit.Proven) *auditv1.ProvenRecord {
	out := &auditv1.ProvenRecord{Record: auditMessage(stream, p.Record), State: proven, Leaf: p.Leaf}
	if e, ok := errors.AsType[*edge.Error](p.Err); ok {
		out.Text = valid(e.Msg)
	}
	switch {
	case p.Err == nil:
	case edge.IsKind(p.Err, edge.Unavailable):
		out.State = waiting
	case edge.IsKind(p.Err, edge.Denied):
		out.State = refuted
	default:
		out.State = unproven
	}
	if len(p.Note) > 0 {
		out.Origin = p.Checkpoint.Origin
		out.Checkpoint = &auditv1.AuditCheckpoint{Size: p.Checkpoint.Size, Root: base64.StdEncoding.EncodeToString(p.Checkpoint.Root[:]), Signed: signatureMessages(p.Checkpoint.Signed), Cosigned: signatureMessages(p.Checkpoint.Cosigned), Note: string(p.Note)}
	}
	for _, h := range p.Proof {
		out.Proof = append(out.Proof, h[:])
	}
	return out
}
