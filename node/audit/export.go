package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/node/state"
)

// A Line is one line of an export: a record, a checkpoint that the records after it are proved by, or a gap.
type Line struct {
	Checkpoint string      `json:"checkpoint,omitempty"` // a signed note
	Keys       []Statement `json:"keys,omitempty"`       // by whose keys it is signed

	Gap string `json:"gap,omitempty"` // records that were removed, in words

	Epoch   string          `json:"epoch,omitempty"` // hexadecimal: JSON numbers are too short for it
	Seq     uint64          `json:"seq,omitempty"`
	Time    string          `json:"time,omitempty"`
	Type    string          `json:"type,omitempty"`
	Subject string          `json:"subject,omitempty"`
	Class   string          `json:"class,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
	Raw     []byte          `json:"raw,omitempty"` // of a body that is no JSON

	Record []byte           `json:"record,omitempty"` // the canonical encoding, which the leaf hash is over
	Proof  tlog.RecordProof `json:"proof,omitempty"`  // that the record is part of the checkpoint above
}

// ExportOptions say what is exported.
type ExportOptions struct {
	Keys   Keys // statements besides those that lie beside the trees
	Proofs bool // add to every record the proof that it is part of the newest checkpoint
	All    bool // other records of the journal too; only audit records otherwise
}

// Export writes the records of a journal as lines of JSON, oldest first. It fails with Corrupt where it meets damage,
// after what came before it.
func Export(ctx context.Context, to io.Writer, s Source, o ExportOptions) error {
	out := bufio.NewWriter(to)
	x := &exporter{s: s, o: o, out: json.NewEncoder(out), trees: s.Trees()}
	x.out.SetEscapeHTML(false)
	defer x.trees.Close()
	kept, err := Kept(x.trees)
	if err != nil {
		return err
	}
	x.ks = append(slices.Clone(o.Keys), kept...)
	for rec, err := range journal.NewReader(s.Journal, s.Stream, nil).Read(ctx, edge.Pos{}) {
		if gap, ok := errors.AsType[*edge.Gap](err); ok {
			err = x.out.Encode(Line{Gap: gap.Error()})
		} else if err == nil {
			err = x.record(rec)
		}
		if err != nil {
			return errors.Join(err, out.Flush())
		}
	}
	return out.Flush()
}

type exporter struct {
	s      Source
	o      ExportOptions
	out    *json.Encoder
	trees  *state.View
	ks     Keys
	epoch  uint64
	head   Head
	hashes *stored
}

func (x *exporter) record(r edge.Record) error {
	if r.Pos.Epoch != x.epoch {
		if err := x.begin(r.Pos.Epoch); err != nil {
			return err
		}
	}
	if !x.o.All && !Is(r.Event) {
		return nil
	}
	l := Line{Epoch: strconv.FormatUint(r.Pos.Epoch, 16), Seq: r.Pos.Seq, Time: r.Time.UTC().Format("2006-01-02T15:04:05.999999999Z"), Type: r.Type, Subject: r.Subject, Class: classNames[r.Class]}
	if json.Valid(r.Body) {
		l.Body = r.Body
	} else {
		l.Raw = r.Body
	}
	if x.o.Proofs && int64(r.Pos.Seq) <= x.head.Size {
		p, err := tlog.ProveRecord(x.head.Size, int64(r.Pos.Seq)-1, x.hashes)
		if err != nil {
			return internal(err)
		}
		l.Record, l.Proof = edge.AppendEvent(nil, r.Event), p
	}
	return x.out.Encode(l)
}

// begin writes the newest checkpoint of an epoch, where proofs are asked for.
func (x *exporter) begin(epoch uint64) error {
	x.epoch, x.head = epoch, Head{}
	sizes := sizesOf(x.trees, x.s.Keep(), epoch)
	if !x.o.Proofs || len(sizes) == 0 {
		return x.trees.Err()
	}
	b, err := x.trees.Get(numberKey(checkpointPrefix, x.s.Keep(), epoch, sizes[0]))
	if err != nil {
		return err
	}
	c, err := x.ks.Open(b)
	if err != nil {
		return err
	}
	x.head, x.hashes = c.Head, &stored{v: x.trees, stream: x.s.Keep(), epoch: epoch}
	l := Line{Checkpoint: string(b)}
	for _, s := range append(slices.Clone(c.Signed), c.Cosigned...) {
		i := slices.IndexFunc(x.ks, func(k Statement) bool { return k.Node == s.Node })
		if i >= 0 && !slices.ContainsFunc(l.Keys, func(k Statement) bool { return k.Node == s.Node }) {
			l.Keys = append(l.Keys, x.ks[i])
		}
	}
	return x.out.Encode(l)
}

// Checked is what CheckExport found.
type Checked struct {
	Proved   int         // records that are part of a signed checkpoint
	Unproved int         // records without a proof
	Signed   []Signature // by whom the checkpoints are signed and cosigned, each once
}

// maxLine bounds a line of an export, in bytes.
const maxLine = 8 << 20

// CheckExport proves the records of an export without the journal. nodes are those whose checkpoints count; nil: of
// any node the export has keys of. It fails with Denied on the first record that is not part of its checkpoint, or that
// is not what its line says, and with Invalid on what is no export.
func CheckExport(r io.Reader, nodes []edge.NodeID) (got Checked, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	var head Head
	for n := 1; in.Scan(); n++ {
		var l Line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return got, edge.E(edge.Invalid, "line %d is not one of an export: %w", n, err)
		}
		switch {
		case l.Checkpoint != "":
			head, err = got.checkpoint(l, nodes)
		case l.Record != nil:
			err = got.record(l, head)
		case l.Seq > 0:
			got.Unproved++
		}
		if err != nil {
			return got, edge.E(edge.KindOf(err), "line %d: %w", n, err)
		}
	}
	if err := in.Err(); err != nil {
		return got, edge.E(edge.Invalid, "the export cannot be read: %w", err)
	}
	return got, nil
}

func (g *Checked) checkpoint(l Line, nodes []edge.NodeID) (Head, error) {
	for _, k := range l.Keys {
		if err := k.Check(); err != nil {
			return Head{}, err
		}
	}
	c, err := Keys(l.Keys).Open([]byte(l.Checkpoint))
	if err != nil {
		return Head{}, err
	}
	if !slices.ContainsFunc(c.Signed, func(s Signature) bool { return nodes == nil || slices.Contains(nodes, s.Node) }) {
		return Head{}, edge.E(edge.Denied, "the checkpoint of %s is not signed by a node that counts", clip(c.Origin))
	}
	for _, s := range append(c.Signed, c.Cosigned...) {
		if !slices.ContainsFunc(g.Signed, func(t Signature) bool { return t.Node == s.Node }) {
			g.Signed = append(g.Signed, s)
		}
	}
	return c.Head, nil
}

func (g *Checked) record(l Line, h Head) error {
	e, rest, err := edge.DecodeEvent(l.Record)
	if err != nil || len(rest) > 0 {
		return edge.E(edge.Denied, "the encoding of record %d is not one of a record", l.Seq)
	}
	if err := CheckRecord(h, l.Proof, l.Seq, e); err != nil {
		return err
	}
	body := []byte(l.Body)
	if l.Raw != nil {
		body = l.Raw
	}
	if l.Time != e.Time.UTC().Format("2006-01-02T15:04:05.999999999Z") || l.Type != e.Type || l.Subject != e.Subject || l.Class != classNames[e.Class] || !bytes.Equal(body, e.Body) {
		return edge.E(edge.Denied, "record %d is not what its line says", l.Seq)
	}
	g.Proved++
	return nil
}
