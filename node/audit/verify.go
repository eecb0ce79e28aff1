package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/node/state"
)

// A Source is a journal and the trees over it, in whatever stores they lie.
type Source struct {
	Stream  string
	Name    string             // under which the trees are kept; empty: the stream
	Node    edge.NodeID        // whose journal it is; zero: the site's
	Site    string             // the site, where it is the site's
	Journal func() *state.View // of the store with the journal
	Trees   func() *state.View // of the store with the trees
}

// Keep is the name under which the trees of the journal are kept.
func (s Source) Keep() string { return cmp.Or(s.Name, s.Stream) }

// VerifyOptions say whom to believe. The zero value believes the statements that lie beside the trees.
type VerifyOptions struct {
	Keys      Keys          // statements known from elsewhere
	Nodes     []edge.NodeID // who may sign checkpoints of the site's journal; nil: whoever's statement is known
	Witnesses []edge.NodeID // who must have cosigned something of every epoch that has records
	Witnessed [][]byte      // notes that witnesses handed out: what they cosigned must be here
	Progress  func(done, of uint64)
}

// A Report is what Verify found of one journal.
type Report struct {
	Stream   string
	Chain    journal.Verified `json:"-"` // the hash chain and the counters of the journal
	Epochs   []EpochReport
	Problems []string // the first difference first; empty where everything is as it was recorded
}

// An EpochReport is what was found of one epoch.
type EpochReport struct {
	Epoch       uint64
	Reason      string // why it was begun
	Origin      string // of its tree; empty where there is none
	Records     uint64 // that are there and were read
	Removed     uint64 // that were removed when they had been delivered; their hashes are there
	Kinds       [4]int // audit records by Kind; 0: other events
	Denied      int
	Tree        int64  // records the tree is of
	Uncovered   uint64 // records no checkpoint is of yet
	Lost        string
	Checkpoints []CheckpointReport
}

// A CheckpointReport is one checkpoint that was compared.
type CheckpointReport struct {
	Head
	Signed   []Signature
	Cosigned []Signature
	Unknown  int  // signatures by keys that are not known
	Outside  bool // it came from a witness and not from this disk
	Matches  bool
}

// maxProblems bounds what is told of a badly damaged journal.
const maxProblems = 50

// Err is nil where nothing is wrong, and Corrupt with the first difference otherwise.
func (r Report) Err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	return edge.E(edge.Corrupt, "the audit of %s does not hold: %s", r.Stream, r.Problems[0]).
		WithHint("keep this disk as it is, and compare with what the hub and the other nodes have")
}

func (r *Report) problem(format string, args ...any) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// Verify recomputes the chain and the trees of a journal from its records, and compares them with every stored
// checkpoint. What is wrong stands in the Report; the error says that not everything could be read, or that ctx ended.
func Verify(ctx context.Context, s Source, o VerifyOptions) (Report, error) {
	w := &verification{s: s, o: o, rep: Report{Stream: s.Stream}}
	v := s.Journal()
	defer v.Close()
	var err error
	if w.rep.Chain, err = journal.Verify(ctx, v, s.Stream, o.Progress); err != nil && !edge.IsKind(err, edge.Corrupt) {
		return w.rep, err
	}
	for _, p := range w.rep.Chain.Problems {
		w.rep.problem("%v", p)
	}
	t := s.Trees()
	defer t.Close()
	w.trees = t
	if err := w.load(); err != nil {
		return w.rep, err
	}
	for _, e := range w.rep.Chain.Epochs {
		if err := w.epoch(ctx, e); err != nil {
			return w.rep, err
		}
	}
	w.orphans()
	return w.rep, nil
}

// A verification is one run of Verify.
type verification struct {
	s       Source
	o       VerifyOptions
	rep     Report
	trees   *state.View
	ks      Keys
	known   map[uint64]Tree
	outside map[uint64][]Checkpoint // of witnesses, by epoch
}

func (w *verification) load() error {
	kept, err := Kept(w.trees)
	if err != nil {
		w.rep.problem("%v", err)
	}
	w.ks = append(slices.Clone(w.o.Keys), kept...)
	list, err := Trees(w.trees, w.s.Keep())
	if err != nil {
		w.rep.problem("%v", err)
	}
	w.known, w.outside = map[uint64]Tree{}, map[uint64][]Checkpoint{}
	for _, t := range list {
		w.known[t.Origin.Epoch] = t
		if t.Origin.Node != w.s.Node || t.Origin.Stream != w.s.Stream {
			w.rep.problem("a tree lies here that is of %s", t.Origin)
		}
	}
	for _, b := range w.o.Witnessed {
		c, err := w.ks.Open(b)
		if err != nil {
			return err
		}
		o, err := ParseOrigin(c.Origin)
		if err != nil {
			return err
		}
		if o.Node != w.s.Node || o.Stream != w.s.Stream || o.Node.IsZero() && o.Site != w.s.Site {
			continue
		}
		if len(c.Cosigned) == 0 {
			return edge.E(edge.Denied, "what is said to come from a witness of %s is not signed by anybody known here", clip(c.Origin)).WithHint("give the witness's statement too")
		}
		w.outside[o.Epoch] = append(w.outside[o.Epoch], c)
	}
	return nil
}

// epoch compares one epoch of the journal with its tree.
func (w *verification) epoch(ctx context.Context, e journal.Epoch) error {
	t, there := w.known[e.Number]
	delete(w.known, e.Number)
	x := &epochWalk{verification: w, t: t, e: e, acc: newTree(), hashes: &stored{v: w.trees, stream: w.s.Keep(), epoch: e.Number}}
	x.out = EpochReport{Epoch: e.Number, Reason: e.Reason, Tree: t.Size, Lost: t.Lost}
	if there {
		x.out.Origin = t.Origin.String()
		x.checkpoints()
	}
	for _, c := range w.outside[e.Number] {
		x.heads = append(x.heads, CheckpointReport{Head: c.Head, Cosigned: c.Cosigned, Unknown: c.Unknown, Outside: true})
	}
	delete(w.outside, e.Number)
	slices.SortStableFunc(x.heads, func(a, b CheckpointReport) int { return int(a.Size - b.Size) })
	err := x.walk(ctx)
	x.finish()
	w.rep.Epochs = append(w.rep.Epochs, x.out)
	return err
}

// orphans tells of trees and of witnesses' memories to which there is no journal any more.
func (w *verification) orphans() {
	for n, t := range w.known {
		if t.Size > 0 && len(w.rep.Chain.Epochs) > 0 && n > w.rep.Chain.Epochs[0].Number {
			w.rep.problem("there is a tree of %d records of %s, but the journal knows nothing of that epoch", t.Size, t.Origin)
		}
	}
	for _, list := range w.outside {
		for _, c := range list {
			w.rep.problem("node %s has cosigned %d records of %s, but the journal knows nothing of that epoch", c.Cosigned[0].Node.Short(), c.Size, c.Origin)
		}
	}
}

// An epochWalk goes over the records of one epoch in the order of their numbers.
type epochWalk struct {
	*verification
	t       Tree
	e       journal.Epoch
	out     EpochReport
	acc     *tree   // over what is there now: records, and stored hashes where records were removed
	hashes  *stored // as they were stored
	heads   []CheckpointReport
	next    int   // the first of heads that was not compared
	good    int64 // size of the newest head that matched
	differs bool  // a difference was told
	scratch []byte
}

// checkpoints opens the stored checkpoints of the tree.
func (x *epochWalk) checkpoints() {
	for size, b := range Checkpoints(x.trees, x.s.Keep(), x.e.Number) {
		c, err := x.ks.Open(b)
		switch {
		case err != nil:
			x.rep.problem("the checkpoint of %d records of %s: %v", size, x.out.Origin, err)
			continue
		case c.Origin != x.out.Origin || c.Size != size:
			x.rep.problem("a checkpoint of %d records of %s lies where one of %d records of %s should be", c.Size, clip(c.Origin), size, x.out.Origin)
			continue
		case !x.mayBe(c):
			x.rep.problem("the checkpoint of %d records of %s is not signed by anybody who may", size, x.out.Origin)
		}
		x.heads = append(x.heads, CheckpointReport{Head: c.Head, Signed: c.Signed, Cosigned: c.Cosigned, Unknown: c.Unknown})
	}
	if x.t.Signed > 0 && (len(x.heads) == 0 || x.heads[len(x.heads)-1].Size < x.t.Signed) {
		x.rep.problem("the newest checkpoint of %s, of %d records, is gone", x.out.Origin, x.t.Signed)
	}
}

func (x *epochWalk) mayBe(c Checkpoint) bool {
	return slices.ContainsFunc(c.Signed, func(s Signature) bool {
		if !x.s.Node.IsZero() {
			return s.Node == x.s.Node
		}
		return x.o.Nodes == nil || slices.Contains(x.o.Nodes, s.Node)
	})
}

func (x *epochWalk) walk(ctx context.Context) error {
	after := edge.Pos{Epoch: x.e.Number}
	r := journal.NewReader(x.s.Journal, x.s.Stream, nil)
	for rec, err := range r.Read(ctx, after) {
		if gap, ok := errors.AsType[*edge.Gap](err); ok {
			if gap.To.Epoch != x.e.Number {
				break
			}
			x.removed(gap)
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			x.rep.problem("after record %d of epoch %x nothing can be read: %v", x.acc.size, x.e.Number, err)
			break
		}
		if rec.Pos.Epoch != x.e.Number {
			break
		}
		x.record(rec)
	}
	return nil
}

// removed takes the hashes of records that are not there any more as they are stored.
func (x *epochWalk) removed(gap *edge.Gap) {
	x.out.Removed += gap.Count
	for x.acc.size < min(int64(gap.To.Seq), x.t.Size) {
		h, err := x.hashes.hash(0, x.acc.size)
		if err != nil {
			x.differ("the hash of record %d of epoch %x is not there: %v", x.acc.size+1, x.e.Number, err)
			return
		}
		x.add(h)
	}
}

func (x *epochWalk) record(r edge.Record) {
	x.out.Records++
	x.sort(r)
	if r.Pos.Seq == x.t.At.Seq && r.Pos != x.t.At {
		x.differ("the tree of epoch %x was made up to %v, but the journal has %v there", x.e.Number, x.t.At, r.Pos)
	}
	var h tlog.Hash
	h, x.scratch = leafHash(r.Event, x.scratch)
	if x.acc.size != int64(r.Pos.Seq)-1 { // the tree does not reach to where the records begin
		return
	}
	if i := x.acc.size; i < x.t.Size {
		was, err := x.hashes.hash(0, i)
		switch {
		case err != nil:
			x.differ("the hash of record %d of epoch %x is not there: %v", r.Pos.Seq, x.e.Number, err)
		case was != h:
			x.differ("record %d of epoch %x (%s of %s, %s) is not the record the tree was made of", r.Pos.Seq, x.e.Number, r.Type, r.Time.UTC().Format("2006-01-02 15:04:05"), clip(r.Subject))
		}
	}
	x.add(h)
}

// sort counts a record, and tries to read it where it says it is one of ours.
func (x *epochWalk) sort(r edge.Record) {
	if !Is(r.Event) {
		x.out.Kinds[0]++
		return
	}
	a, err := FromEvent(r.Event)
	if err != nil {
		x.rep.problem("record %d of epoch %x: %v", r.Pos.Seq, x.e.Number, err)
		return
	}
	x.out.Kinds[a.Kind]++
	if a.Denied {
		x.out.Denied++
	}
}

// differ tells of the first difference only: what comes after it mostly follows from it.
func (x *epochWalk) differ(format string, args ...any) {
	if !x.differs {
		x.rep.problem(format, args...)
	}
	x.differs = true
}

// add makes a leaf part of what is there now, and compares what that completes: tiles and checkpoints.
func (x *epochWalk) add(h tlog.Hash) {
	x.acc.add(h)
	for id, hs := range x.acc.full {
		x.compare(id, hs)
	}
	x.acc.written()
	for x.next < len(x.heads) && x.heads[x.next].Size <= x.acc.size {
		x.head(&x.heads[x.next])
		x.next++
	}
}

func (x *epochWalk) compare(id tileID, hs []tlog.Hash) {
	if (id.index+1)<<(tileBits*(id.level+1)) > x.t.Size {
		return // behind the end of the tree
	}
	was, err := x.hashes.tile(id)
	if err != nil || !slices.Equal(was, hs) {
		x.differ("the stored hashes of records %d to %d of epoch %x are not those of the records", id.index<<(tileBits*(id.level+1))+1, (id.index+1)<<(tileBits*(id.level+1)), x.e.Number)
	}
}

// head compares one checkpoint with the tree over what is there now.
func (x *epochWalk) head(c *CheckpointReport) {
	if c.Matches = c.Size == x.acc.size && c.Root == x.acc.root(); c.Matches {
		x.good = c.Size
		return
	}
	who := "signed by this node"
	if c.Outside {
		who = "that node " + c.Cosigned[0].Node.Short() + " has cosigned"
	} else if len(c.Cosigned) > 0 {
		who = "signed by this node and cosigned by node " + c.Cosigned[0].Node.Short()
	}
	x.differ("the checkpoint of %d records of %s, %s, is not of the records that are here: the difference lies between record %d and record %d", c.Size, clip(c.Origin), who, x.good+1, c.Size)
}

// finish compares what is left over.
func (x *epochWalk) finish() {
	if x.acc.size >= x.t.Size && x.t.Size > 0 && !x.differs {
		x.edge()
	}
	if x.acc.size < x.t.Size {
		x.differ("the tree of %s is of %d records, but only %d are there", x.out.Origin, x.t.Size, x.acc.size)
	}
	for _, c := range x.heads[x.next:] {
		x.differ("a checkpoint of %s is of %d records, but only %d are there", clip(c.Origin), c.Size, x.acc.size)
	}
	x.out.Checkpoints = x.heads
	x.out.Uncovered = x.e.Last.Seq - min(uint64(x.good), x.e.Last.Seq)
	for _, n := range x.o.Witnesses {
		if x.out.Records+x.out.Removed > 0 && !x.cosigned(n) {
			x.rep.problem("node %s has cosigned no checkpoint of epoch %x", n.Short(), x.e.Number)
		}
	}
}

func (x *epochWalk) cosigned(n edge.NodeID) bool {
	return slices.ContainsFunc(x.heads, func(c CheckpointReport) bool {
		return c.Matches && slices.ContainsFunc(c.Cosigned, func(s Signature) bool { return s.Node == n })
	})
}

// edge compares the tiles at the right edge of the stored tree, which are not full.
func (x *epochWalk) edge() {
	was, err := loadTree(x.trees, x.s.Keep(), x.e.Number, x.t.Size)
	if err != nil {
		x.differ("the newest stored hashes of epoch %x cannot be read: %v", x.e.Number, err)
		return
	}
	if x.acc.size == x.t.Size && was.root() != x.acc.root() {
		x.differ("the newest stored hashes of epoch %x are not those of the records", x.e.Number)
	}
}
