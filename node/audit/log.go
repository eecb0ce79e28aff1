package audit

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/node/state"
)

// LogOptions say of which journal a tree is kept. Store, Journal, Place and Key are required.
type LogOptions struct {
	Store    Store
	Journal  journal.Source               // the ledger journal of this node or of the site
	Name     string                       // under which the trees are kept, default the journal's stream; another for a journal that took another's place
	Node     edge.NodeID                  // whose journal it is; zero: the site's
	Place    func() (region, site string) // asked when a tree is begun
	Key      *Key                         // signs checkpoints
	Every    int64                        // records between two checkpoints, default 1000
	Interval time.Duration                // the longest a record waits for its checkpoint, default 10 minutes
	Now      func() time.Time             // default time.Now
	Signed   func(Head)                   // told after a checkpoint is durable; must not block
	Alarm    func(error)                  // told once for each tree that cannot go on; must not block
	Logger   *slog.Logger                 // default: silent
}

// Defaults and bounds of a Log.
const (
	defaultEvery    = 1000
	defaultInterval = 10 * time.Minute
	writeEvery      = 256  // records whose hashes wait in memory, at most until the turn of the follower ends
	maxUnwritten    = 4096 // records; with more the follower waits until the store takes them
)

// A Log keeps the Merkle trees of one journal, one for each epoch, and makes checkpoints of them. It follows the
// journal and is its own mark: where it has come is written together with the hashes, so that a crash leaves
// nothing to mend but records to read again.
type Log struct {
	edge.Journal // what it follows
	o            LogOptions

	mu    sync.Mutex // guards the rest
	row   treeRow    // of the newest tree, as it is stored; Lost is ahead of that
	at    edge.Pos   // the newest record that is in the tree, or was passed over
	tree  *tree
	kept  edge.Pos  // at, as it is stored
	since time.Time // when the oldest record without a checkpoint came
	again []byte    // memory for encodings
	err   error     // why checkpoints are not made, nil while they are

	adopted bool // at was set back: whoever reads must begin there
}

// A treeRow is what is stored of a tree besides its hashes.
type treeRow struct {
	Origin string   `json:"origin"`
	Size   int64    `json:"size"`           // records in the tree
	At     edge.Pos `json:"at"`             // the newest record looked at
	Signed int64    `json:"signed"`         // size of the newest checkpoint
	Lost   string   `json:"lost,omitempty"` // why the tree ends before its journal
}

var (
	_ edge.Follower  = (*Log)(nil)
	_ journal.Source = (*Log)(nil)
	_ edge.Reporter  = (*Log)(nil)
)

// OpenLog opens the trees of a journal. It fails with Invalid, and with Corrupt where what is stored cannot be read.
func OpenLog(o LogOptions) (*Log, error) {
	if o.Store == nil || o.Journal == nil || o.Place == nil || o.Key == nil {
		return nil, edge.E(edge.Invalid, "the audit of a journal needs a store, the journal, a place and a key")
	}
	if o.Name == "" {
		o.Name = o.Journal.Stream()
	}
	if o.Every <= 0 {
		o.Every = defaultEvery
	}
	if o.Interval <= 0 {
		o.Interval = defaultInterval
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Log{Journal: o.Journal, o: o, tree: newTree()}
	return l, l.load()
}

func (l *Log) load() error {
	v := l.o.Store.View()
	defer v.Close()
	_, b, err := v.Last(under(treePrefix, l.o.Name))
	if edge.IsKind(err, edge.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if l.row, err = decodeTreeRow(b); err != nil {
		return err
	}
	if l.tree, err = loadTree(v, l.o.Name, l.row.At.Epoch, l.row.Size); err != nil {
		return err
	}
	l.at, l.kept = l.row.At, l.row.At
	if l.row.Size > l.row.Signed {
		l.since = l.o.Now()
	}
	return nil
}

func decodeTreeRow(b []byte) (r treeRow, err error) {
	if err := json.Unmarshal(b, &r); err != nil || r.Size < 0 || r.At.Epoch == 0 || r.Signed > r.Size {
		return treeRow{}, edge.E(edge.Corrupt, "the row of an audit's tree cannot be read")
	}
	if _, err := ParseOrigin(r.Origin); err != nil {
		return treeRow{}, edge.E(edge.Corrupt, "the row of an audit's tree cannot be read: %w", err)
	}
	return r, nil
}

// Name implements edge.Follower.
func (l *Log) Name() string { return "audit" }

// gather is how long records gather before they are hashed together.
const gather = 50 * time.Millisecond

// Run follows the journal and makes checkpoints until ctx ends.
func (l *Log) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var timer sync.WaitGroup
	timer.Go(func() { l.remind(ctx) })
	defer timer.Wait()
	defer cancel()
	o := journal.FollowOptions{Gather: gather, Accept: func(*edge.Gap) bool { return true }, Logger: l.o.Logger}
	if err := journal.NewRunner(l, o, l).Run(ctx); err != nil {
		return err
	}
	l.last(context.WithoutCancel(ctx))
	return nil
}

// lastWait bounds how long the end of a node waits for its last checkpoint.
const lastWait = 3 * time.Second

// last makes the checkpoint that covers what a node did before it was stopped. Without it nothing is lost: the
// records are in the journal, and the next start goes on.
func (l *Log) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastWait)
	defer cancel()
	if err := l.Checkpoint(ctx); err != nil {
		l.o.Logger.InfoContext(ctx, "the last checkpoint of the audit waits for the next start", "stream", l.Stream(), "error", err)
	}
}

// remind makes the checkpoints that are due because of the time.
func (l *Log) remind(ctx context.Context) {
	t := time.NewTicker(max(l.o.Interval/8, time.Second))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			l.due(ctx)
		}
	}
}

func (l *Log) due(ctx context.Context) {
	l.mu.Lock()
	waits := l.row.Lost == "" && l.tree.size > l.row.Signed && l.o.Now().Sub(l.since) >= l.o.Interval
	l.mu.Unlock()
	if !waits {
		return
	}
	if err := l.Checkpoint(ctx); err != nil && ctx.Err() == nil {
		l.o.Logger.WarnContext(ctx, "no checkpoint of the audit can be made", "stream", l.Stream(), "error", err)
	}
}

// Follow implements edge.Follower. A record that is in the tree already changes nothing.
func (l *Log) Follow(ctx context.Context, r edge.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case r.Pos.Epoch < l.at.Epoch, r.Pos.Epoch == l.at.Epoch && r.Pos.Seq < l.at.Seq, r.Pos == l.at:
		return nil
	case r.Pos.Epoch == l.at.Epoch && r.Pos.Seq == l.at.Seq:
		return edge.E(edge.Conflict, "the audit of %s has another record at %v", l.Stream(), r.Pos)
	case r.Pos.Epoch > l.at.Epoch:
		if err := l.begin(ctx, r.Pos.Epoch); err != nil {
			return err
		}
	}
	if l.tree.size-l.row.Size >= maxUnwritten {
		if err := l.save(ctx, nil); err != nil {
			return err
		}
	}
	if l.adopted && r.Pos.Seq != l.at.Seq+1 {
		return edge.E(edge.Unavailable, "the audit of %s goes on after %v", l.Stream(), l.at)
	}
	l.adopted = false
	l.take(r)
	return nil
}

// begin ends the tree there is with a checkpoint and starts that of a new epoch.
func (l *Log) begin(ctx context.Context, epoch uint64) error {
	if err := l.sign(ctx); err != nil {
		return err
	}
	if l.at != l.kept {
		if err := l.save(ctx, nil); err != nil {
			return err
		}
	}
	o := Origin{Node: l.o.Node, Stream: l.Stream(), Epoch: epoch}
	o.Region, o.Site = l.o.Place()
	if err := o.Check(); err != nil {
		return err
	}
	l.row, l.tree, l.at = treeRow{Origin: o.String()}, newTree(), edge.Pos{Epoch: epoch}
	return nil
}

// take makes the next record the newest leaf. Behind a record that was removed before it was seen no tree can go on.
func (l *Log) take(r edge.Record) {
	next := l.at.Seq + 1
	l.at = r.Pos
	if l.row.Lost == "" && r.Pos.Seq != next {
		e := edge.E(edge.NotFound, "the records %d to %d of %s were removed before the audit had seen them: its tree ends at %d", next, r.Pos.Seq-1, l.row.Origin, l.tree.size).
			WithHint("begin a new epoch of the journal; what came before is proved up to there")
		l.row.Lost = e.Msg
		l.o.Logger.Error("the audit has a gap", "error", e)
		if l.o.Alarm != nil {
			l.o.Alarm(e)
		}
	}
	if l.row.Lost != "" {
		return
	}
	if l.tree.size == l.row.Signed {
		l.since = l.o.Now()
	}
	h, again := leafHash(r.Event, l.again)
	l.tree.add(h)
	if l.again = again; cap(again) > 64<<10 {
		l.again = nil
	}
}

// Rebuild implements edge.Follower. What was removed cannot be hashed any more: see take.
func (l *Log) Rebuild(context.Context, edge.View) error { return nil }

// Mark implements journal.Source: the newest record that is in the tree, stored or not.
func (l *Log) Mark(string) edge.Pos {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at
}

// SetMark implements journal.Source. It is where a turn of the follower ends: hashes are written, and a checkpoint is
// made, where that is due.
func (l *Log) SetMark(ctx context.Context, _ string, _ edge.Pos) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.tree.size-l.row.Signed >= l.o.Every:
		return l.sign(ctx)
	case l.tree.size-l.row.Size >= writeEvery, l.row.Lost != "" && l.at.Seq-l.kept.Seq >= writeEvery:
		return l.save(ctx, nil)
	}
	return nil
}

// save writes what is not written, with what more adds. The caller holds mu. Where it fails the tree stays in memory
// as it is: writing it again writes the same, whatever became of the first try.
func (l *Log) save(ctx context.Context, more func(b *state.Batch, row *treeRow)) error {
	row := l.row
	row.Size, row.At = l.tree.size, l.at
	err := l.o.Store.Commit(ctx, func(b *state.Batch) {
		l.tree.write(b, l.o.Name, l.at.Epoch)
		if more != nil {
			more(b, &row)
		}
		j, _ := json.Marshal(row) // plain fields always encode
		b.Set(epochKey(treePrefix, l.o.Name, l.at.Epoch), j)
	})
	if l.err = err; err != nil {
		return err
	}
	l.tree.written()
	l.row, l.kept = row, l.at
	return l.o.Journal.SetMark(ctx, l.Name(), l.at)
}

// Report implements edge.Reporter.
func (l *Log) Report(context.Context) edge.Health {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return edge.Health{Level: edge.Degraded, Msg: "the audit of " + l.Stream() + " cannot be written: " + l.err.Error(), Hint: "free space on the disk of this node"}
	case l.row.Lost != "":
		return edge.Health{Level: edge.Degraded, Msg: l.row.Lost, Hint: "begin a new epoch of the journal; what came before is proved up to there"}
	}
	return edge.Health{}
}
