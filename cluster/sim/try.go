package sim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/edge"
)

// try asks one node once.
func (r *Run) try(ctx context.Context, s *site.Site, o op, cmd edge.Command) (string, error) {
	if o.do == "get" || o.do == "count" {
		mode := site.Strict
		if r.Mutant == StaleReads {
			mode = site.Local
		}
		b, _, err := s.Ask(ctx, o.do, cmd.Body, mode)
		return string(b), err
	}
	out, err := s.Propose(ctx, cmd)
	if err != nil {
		return "", err
	}
	if out.Err != nil {
		return "", out.Err
	}
	if out.Again {
		r.fired("again")
	}
	r.h.ack(acked{cmd, o, out})
	return string(out.Reply), r.atOnce(ctx, s, cmd, out)
}

// atOnce asks for a command again as soon as it is answered, when what comes after it may be under
// evaluation already: the answer must be the same.
func (r *Run) atOnce(ctx context.Context, s *site.Site, cmd edge.Command, out edge.Outcome) error {
	if cmd.ID[15]%2 == 0 {
		return nil
	}
	again, err := s.Propose(ctx, cmd)
	if err == nil && (!again.Again || again.Index != out.Index || string(again.Reply) != string(out.Reply)) {
		return fmt.Errorf("%s was answered with %s at %d and a moment later with %s at %d", cmd.Type, out.Reply, out.Index, again.Reply, again.Index)
	}
	return nil
}

// wrapLog makes the log forget answers and repeat itself: an append that got through and one that did not
// both look like lost leadership, and now and then an entry is appended twice.
func (r *Run) wrapLog(node int, l edge.Log) edge.Log {
	return &flakyLog{Log: l, r: r, rng: rand.New(rand.NewPCG(r.Seed, uint64(200+node)))}
}

type flakyLog struct {
	edge.Log
	r   *Run
	mu  sync.Mutex // guards rng
	rng *rand.Rand
}

func (l *flakyLog) Append(ctx context.Context, entry []byte) (uint64, error) {
	l.mu.Lock()
	chance := l.rng.IntN(100)
	l.mu.Unlock()
	unknown := edge.E(edge.Unavailable, "sim: leadership lost")
	switch {
	case chance < 4:
		l.r.fired("append lost")
		return 0, unknown
	case chance < 8:
		l.r.fired("append got through")
		l.Log.Append(ctx, entry)
		return 0, unknown
	case chance < 14:
		l.r.fired("append twice")
		index, err := l.Log.Append(ctx, entry)
		l.Log.Append(ctx, entry)
		return index, err
	}
	return l.Log.Append(ctx, entry)
}

// forgeBase makes every batch fit the state it meets, as if there were no check.
func forgeBase(_ int, a edge.Applier) edge.Applier { return &forger{a.(*syncing)} }

type forger struct{ *syncing }

func (f *forger) Apply(entries []edge.Entry) (errs []error) {
	for _, e := range entries {
		if len(e.Data) > 42 {
			e.Data = bytes.Clone(e.Data)
			count, sum := f.Site.Head()
			binary.BigEndian.PutUint64(e.Data[2:], count)
			copy(e.Data[10:], sum[:])
		}
		errs = append(errs, f.syncing.Apply([]edge.Entry{e})...)
	}
	return errs
}

// verify checks the promises once all is quiet.
func (r *Run) verify() error {
	if err := r.settle(); err != nil {
		return err
	}
	var err error
	want := map[string]int{}
	for _, a := range r.h.done {
		if a.op.do == "add" {
			want[a.op.key]++
		}
	}
	for _, n := range r.c.Nodes() {
		err = errors.Join(err, r.replica(n, want))
	}
	return errors.Join(err, r.remembered())
}

// settle waits until all replicas are at one index.
func (r *Run) settle() error {
	for range 600 {
		same := true
		for _, n := range r.c.Nodes() {
			same = same && n.Site().Applied() == r.c.Node(1).Site().Applied()
		}
		if same {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	err := errors.New("the replicas did not come together")
	for _, n := range r.c.Nodes() {
		err = fmt.Errorf("%w; n%d is at %d: %v", err, n.Number, n.Site().Applied(), errors.Join(n.Err(), n.Site().Err()))
	}
	return err
}

// replica compares one replica with the first, and with what was acknowledged.
func (r *Run) replica(n *Node, want map[string]int) (err error) {
	s, first := n.Site(), r.c.Node(1).Site()
	if dump(n) != dump(r.c.Node(1)) {
		c1, s1 := first.Head()
		c2, s2 := s.Head()
		err = fmt.Errorf("n%d differs from n1: head %d/%x and %d/%x", n.Number, c2, s2[:4], c1, s1[:4])
	}
	v := s.View()
	defer v.Close()
	adds := 0
	for key, n := range want {
		adds += n
		got, cerr := count(v, key)
		if got != n {
			cerr = errors.Join(cerr, fmt.Errorf("%d additions to %s were acknowledged and %d were made", n, key, got))
		}
		err = errors.Join(err, cerr)
	}
	events := 0
	for rec, jerr := range s.Journal(edge.Ledger).Read(context.Background(), edge.Pos{}) {
		if jerr != nil {
			return errors.Join(err, jerr)
		}
		if rec.Type == "sim.added" {
			events++
		}
	}
	if events != adds {
		err = errors.Join(err, fmt.Errorf("%d additions are in the journal of n%d and %d were acknowledged", events, n.Number, adds))
	}
	st := s.Stats()
	r.note("restored", st.Restored)
	r.note("refused base", st.TurnedOff)
	r.note("doubt", st.Doubts)
	r.note("ahead", st.Ahead)
	r.note("given up", st.GivenUp)
	return err
}

func (r *Run) note(what string, n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Fired[what] += int(n)
}

// dump sums up everything a replica holds.
func dump(n *Node) [32]byte {
	h := sha256.New()
	if err := n.shelf.WriteAt(h, n.Site().Applied()); err != nil {
		return [32]byte{}
	}
	return [32]byte(h.Sum(nil))
}

// remembered asks for every acknowledged command once more: each must get its first answer.
func (r *Run) remembered() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i, a := range r.h.done {
		out, err := r.c.nodes[1+i%(len(r.c.nodes)-1)].Site().Propose(ctx, a.cmd)
		if err != nil {
			return err
		}
		if !out.Again || string(out.Reply) != string(a.out.Reply) || out.Index != a.out.Index || out.Pos != a.out.Pos {
			return fmt.Errorf("%s %s was answered with %s at %d and is now answered with %s at %d (again: %v)",
				a.op.do, a.op.key, a.out.Reply, a.out.Index, out.Reply, out.Index, out.Again)
		}
	}
	return nil
}
