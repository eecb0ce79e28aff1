package node

import (
	"context"
	"encoding/base64"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/auditv1"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// shownTrees bounds the trees of one journal that are shown, the newest.
const shownTrees = 16

// state shows the trees with their newest checkpoints.
func (b *auditBook) state(ctx context.Context, _ *auditv1.GetAuditStateRequest) (*auditv1.AuditState, error) {
	h := b.n.trail.Report(ctx)
	out := &auditv1.AuditState{Level: h.Level.String(), Text: h.Msg, Hint: h.Hint}
	a := b.n.auditOf()
	v := a.readings()
	defer v.Close()
	ks, err := audit.Kept(v)
	if err != nil {
		return nil, err
	}
	for i, j := range b.journals {
		s, err := a.source(j.Stream())
		if err != nil {
			return nil, err
		}
		trees, err := audit.Trees(v, s.Keep())
		if err != nil {
			return nil, err
		}
		for _, t := range trees[max(len(trees)-shownTrees, 0):] {
			m, err := treeMessage(v, ks, s, t)
			if err != nil {
				return nil, err
			}
			if h := b.journals[i].Head(); h.Epoch == t.Origin.Epoch && h.Seq > t.At.Seq {
				m.Behind = h.Seq - t.At.Seq
			}
			out.Trees = append(out.Trees, m)
		}
	}
	return out, nil
}

func treeMessage(v *state.View, ks audit.Keys, s audit.Source, t audit.Tree) (*auditv1.AuditTree, error) {
	m := &auditv1.AuditTree{Journal: s.Stream, Epoch: strconv.FormatUint(t.Origin.Epoch, 16), Origin: t.Origin.String(), Size: t.Size, Signed: t.Signed, Lost: t.Lost}
	var newest []byte
	for _, signed := range audit.Checkpoints(v, s.Keep(), t.Origin.Epoch) {
		newest = append(newest[:0], signed...)
	}
	if err := v.Err(); err != nil || len(newest) == 0 {
		return m, err
	}
	c, err := ks.Open(newest)
	if err != nil {
		return nil, err
	}
	m.Checkpoint = &auditv1.AuditCheckpoint{Size: c.Size, Root: base64.StdEncoding.EncodeToString(c.Root[:]), Signed: signatureMessages(c.Signed), Cosigned: signatureMessages(c.Cosigned), Note: string(newest)}
	return m, nil
}

func signatureMessages(list []audit.Signature) (out []*auditv1.AuditSignature) {
	for _, s := range list {
		m := &auditv1.AuditSignature{Node: s.Node.String()}
		if !s.Time.IsZero() {
			m.Time = timestamppb.New(s.Time)
		}
		out = append(out, m)
	}
	return out
}

// tellEvery is how often a verification says how far it is.
const tellEvery = 500 * time.Millisecond

// verify recomputes the journals and says how far it is.
func (b *auditBook) verify(ctx context.Context, in *auditv1.VerifyAuditRequest, send func(*auditv1.AuditVerification) error) error {
	leave, err := enter(b.checks, "verify or export the audit")
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var witnesses []edge.NodeID
	for _, w := range in.GetWitnesses() {
		id, err := edge.ParseNodeID(w)
		if err != nil {
			return err
		}
		witnesses = append(witnesses, id)
	}
	a := b.n.auditOf()
	for _, stream := range (AuditRequest{Streams: in.GetJournals()}).streams() {
		s, err := a.source(stream)
		if err != nil {
			return err
		}
		told := time.Now()
		progress := func(done, of uint64) {
			if time.Since(told) < tellEvery {
				return
			}
			told = time.Now()
			if err := send(&auditv1.AuditVerification{Journal: stream, Checked: done, Of: of}); err != nil {
				cancel(err)
			}
		}
		r, err := audit.Verify(ctx, s, audit.VerifyOptions{Witnesses: witnesses, Progress: progress})
		if err != nil {
			return err
		}
		if err := send(verified(r)); err != nil {
			return err
		}
	}
	return nil
}

func verified(r audit.Report) *auditv1.AuditVerification {
	out := &auditv1.AuditVerification{Journal: r.Stream, Checked: r.Chain.Found.Records, Of: r.Chain.Claimed.Stored.Records, Done: true, Holds: r.Err() == nil}
	for _, p := range r.Problems {
		out.Problems = append(out.Problems, valid(p))
	}
	for _, e := range r.Epochs {
		m := &auditv1.AuditEpoch{Epoch: strconv.FormatUint(e.Epoch, 16), Reason: valid(e.Reason), Origin: e.Origin, Records: e.Records, Removed: e.Removed, Uncovered: e.Uncovered,
			Decisions: int32(e.Kinds[audit.Decision]), Accesses: int32(e.Kinds[audit.Access]), Changes: int32(e.Kinds[audit.Change]), Denied: int32(e.Denied), Checkpoints: int32(len(e.Checkpoints))}
		if n := len(e.Checkpoints); n > 0 {
			m.Cosigned = signatureMessages(e.Checkpoints[n-1].Cosigned)
		}
		out.Epochs = append(out.Epochs, m)
	}
	return out
}

// exportPart is how many bytes of an export are sent at once.
const exportPart = 64 << 10

// export hands out the records as lines of JSON.
func (b *auditBook) export(ctx context.Context, in *auditv1.ExportAuditRequest, send func(*httpbody.HttpBody) error) error {
	leave, err := enter(b.checks, "verify or export the audit")
	if err != nil {
		return err
	}
	defer leave()
	w := &parts{kind: "application/x-ndjson", send: send}
	if err := b.n.auditOf().Export(ctx, w, AuditRequest{Streams: in.GetJournals(), Proofs: in.GetProofs()}); err != nil {
		return err
	}
	return w.flush()
}

// parts makes messages of what is written.
type parts struct {
	kind string // media type
	send func(*httpbody.HttpBody) error
	buf  []byte
}

// Write implements io.Writer.
func (p *parts) Write(b []byte) (int, error) {
	p.buf = append(p.buf, b...)
	if len(p.buf) < exportPart {
		return len(b), nil
	}
	return len(b), p.flush()
}

func (p *parts) flush() error {
	err := p.send(&httpbody.HttpBody{ContentType: p.kind, Data: p.buf})
	p.buf = nil
	return err
}
