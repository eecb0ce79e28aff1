package node

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
	fulltext "github.com/aielon/edge/node/search"
)

// searchFollower and peopleFollower are the names under which the journals know how far the search index has come: with
// what was done, and with what people look for all day.
const (
	searchFollower = "search"
	peopleFollower = "search.people"
)

// searchPace is how long changes gather before they are indexed: a commit for each of them would wear the disk out.
const searchPace = 500 * time.Millisecond

// Audit records come with everything anybody does, and to index one costs more than to write it. So it may take a
// twentieth of one core at most, a few at a time, in whose shadow nobody has to wait long.
const (
	auditTurn = 32
	auditRest = 19
)

// A finder is the search index of this node with what keeps it up to date. Every node has its own, made from the
// state it has; it lies in the store of the readings, because a store of its own costs memory.
type finder struct {
	index *fulltext.Index
	feeds []*feed
}

// openSearch opens the index. A damaged one is no reason not to start: it is made again when it is deleted.
func (n *Node) openSearch(context.Context) (err error) {
	f := &finder{}
	if f.index, err = fulltext.Open(n.readings, n.part("search")); err != nil {
		return err
	}
	site, own := n.siteJournal(edge.Ledger), n.journals.Journal(edge.Ledger)
	f.feeds = []*feed{
		n.newFeed(f.index, n.siteFeed(), n.marks.Source(site), journal.FollowOptions{}),
		n.newFeed(f.index, n.auditFeed(site, kindAudit), latest{n.marks.Source(site)}, journal.FollowOptions{Turn: auditTurn, Rest: auditRest}),
		n.newFeed(f.index, n.auditFeed(own, kindOwn), latest{own}, journal.FollowOptions{Turn: auditTurn, Rest: auditRest}),
	}
	n.finder = f
	return nil
}

// parts are what reads ahead and what follows.
func (f *finder) parts() []edge.Part {
	parts := []edge.Part{f.index}
	for _, x := range f.feeds {
		parts = append(parts, x)
	}
	return parts
}

// Report implements edge.Reporter.
func (f *finder) Report(ctx context.Context) (worst edge.Health) {
	for _, x := range f.feeds {
		if h := x.runner.Report(ctx); h.Level > worst.Level {
			worst = h
		}
	}
	if worst.Level != edge.OK {
		worst.Hint = "what is found may be old; the search goes on by itself"
	}
	return worst
}

// A feed keeps the kinds of documents that come from one journal.
type feed struct {
	name   string
	kinds  []string
	index  *fulltext.Index
	source journal.Source
	follow *fulltext.Follower
	runner *journal.Runner
	view   func() (edge.View, func())
}

func (n *Node) newFeed(ix *fulltext.Index, f fulltext.Feed, s journal.Source, o journal.FollowOptions) *feed {
	o.Gather = searchPace
	o.Logger, o.View = n.part("search"), func() (edge.View, func()) {
		v := n.site.View()
		return v, v.Close
	}
	x := &feed{name: f.Name + " of " + s.Stream(), kinds: f.Kinds, index: ix, source: owned{s}, follow: fulltext.NewFollower(ix, f), view: o.View}
	x.runner = journal.NewRunner(x.follow, o, x.source)
	return x
}

// Name implements edge.Part.
func (f *feed) Name() string { return f.name }

// Run implements edge.Part. An index that was never made, or was made by another version, is made first.
func (f *feed) Run(ctx context.Context) error {
	for _, k := range f.kinds {
		made, err := f.index.Made(k)
		if err != nil {
			return err
		}
		if !made {
			if err := f.rebuild(ctx); err != nil {
				return err
			}
			break
		}
	}
	return f.runner.Run(ctx)
}

func (f *feed) rebuild(ctx context.Context) error {
	head := f.source.Head() // before the view is opened: the view shows at least this
	v, done := f.view()
	defer done()
	if err := f.follow.Rebuild(ctx, v); err != nil {
		return err
	}
	return f.source.SetMark(ctx, f.follow.Name(), head)
}

// An owned journal may have another history than the follower saw, as on a node that was set back. All the follower has
// is a gap then: it is rebuilt.
type owned struct{ journal.Source }

// Read implements edge.Journal.
func (g owned) Read(ctx context.Context, after edge.Pos) iter.Seq2[edge.Record, error] {
	return func(yield func(edge.Record, error) bool) {
		for r, err := range g.Source.Read(ctx, after) {
			if edge.IsKind(err, edge.Conflict) {
				err = &edge.Gap{From: after, To: g.Head(), Reason: "the journal has another history"}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// A latest journal has nothing that is too old to be in the index: who is further behind goes on with what will stay
// in it.
type latest struct{ journal.Source }

// Read implements edge.Journal.
func (l latest) Read(ctx context.Context, after edge.Pos) iter.Seq2[edge.Record, error] {
	if head := l.Head(); after.Epoch == head.Epoch && after.Seq+maxAuditFound < head.Seq {
		after = edge.Pos{Epoch: head.Epoch, Seq: head.Seq - maxAuditFound}
	}
	return l.Source.Read(ctx, after)
}

// newest yields the last records of a journal, most of them, oldest first.
func newest(ctx context.Context, j edge.Journal, most uint64) iter.Seq2[edge.Record, error] {
	from := j.Head()
	if from.Sum = [32]byte{}; from.Seq > most {
		from.Seq -= most
	} else {
		from = edge.Pos{}
	}
	return func(yield func(edge.Record, error) bool) {
		for r, err := range j.Read(ctx, from) {
			if _, gap := errors.AsType[*edge.Gap](err); gap {
				continue
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}
