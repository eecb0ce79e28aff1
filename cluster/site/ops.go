package site

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/journal"
	"github.com/aielon/edge/node/state"
)

// The site's own commands. They are in no Mux, so that no door leads to them; the node proposes them
// itself, as a Service or Node.
const (
	OpTrim  = "site.trim"  // TrimRequest: the hub has these records, they may be pruned
	OpEpoch = "site.epoch" // EpochRequest: after a restore, let the hub see a fork instead of merging it
	OpClock = "site.clock" // ClockRequest: the site's clock was left behind, and this is the time
)

// A TrimRequest allows a journal to be pruned up to and including a position.
type TrimRequest struct {
	Urgency edge.Urgency
	Upto    edge.Pos
}

// An EpochRequest begins a new epoch of every journal of the site.
type EpochRequest struct {
	Reason string // at most 128 bytes
}

// A ClockRequest sets the site's clock forward to where an operator says it should be.
type ClockRequest struct {
	Time time.Time
}

// ask proposes one of the site's own commands on behalf of this node.
func (s *Site) ask(ctx context.Context, op string, in any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return edge.E(edge.Internal, "%w", err)
	}
	c := edge.Command{ID: edge.NewID(), Type: op, Actor: edge.Actor{Kind: edge.Node, ID: s.opt.Node.String(), Site: s.opt.Site}, Body: body}
	out, err := s.Propose(ctx, c)
	if err == nil && out.Err != nil {
		err = out.Err
	}
	return err
}

// own returns the evaluation of one of the site's own commands.
func (q *sequencer) own(name string) (func(*batch, *state.View, edge.Command) evaluated, bool) {
	switch name {
	case OpTrim:
		return ownCommand(trim), true
	case OpEpoch:
		return ownCommand(newEpoch), true
	case OpClock:
		return ownCommand(setClock), true
	}
	return nil, false
}

// ownCommand wraps what all of them share: who may ask, and how the body is read.
func ownCommand[In any](f func(*batch, *state.View, In) (evaluated, error)) func(*batch, *state.View, edge.Command) evaluated {
	return func(b *batch, v *state.View, c edge.Command) evaluated {
		var in In
		if err := decodeOwn(c, &in); err != nil {
			return refused(err)
		}
		e, err := f(b, v, in)
		if err != nil {
			return refused(err)
		}
		e.Reply, e.lasting, e.cost = []byte("{}"), true, e.cost+answerCost
		return e
	}
}

// refused is a command that came to err.
func refused(err error) evaluated {
	e := refusal(err)
	return evaluated{Change: edge.Change{Err: e}, cost: answerCost + len(e.Msg) + len(e.Hint) + len(coded(e)), lasting: lasting(e)}
}

func decodeOwn(c edge.Command, in any) error {
	if c.Actor.Kind != edge.Service && c.Actor.Kind != edge.Node {
		return edge.E(edge.Denied, "only a node itself may ask for this")
	}
	d := json.NewDecoder(bytes.NewReader(c.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return edge.E(edge.Invalid, "the body of %s cannot be read: %w", c.Type, err)
	}
	return nil
}

func trim(_ *batch, _ *state.View, in TrimRequest) (evaluated, error) {
	if !in.Urgency.Valid() {
		return evaluated{}, edge.E(edge.Invalid, "there is no urgency %d", in.Urgency)
	}
	return evaluated{orders: []order{{Urgency: in.Urgency, Do: orderTrim, Pos: in.Upto}}, cost: trimBlocks * writeCost}, nil
}

func newEpoch(b *batch, v *state.View, in EpochRequest) (evaluated, error) {
	if in.Reason == "" || len(in.Reason) > 128 {
		return evaluated{}, edge.E(edge.Invalid, "a new epoch needs a reason of 1 to 128 bytes")
	}
	os, err := begin(v, time.Unix(0, b.Now), in.Reason)
	return evaluated{orders: os, cost: len(os) * writeCost}, err
}

// begin orders a new epoch, above all before it, for every journal.
func begin(v *state.View, now time.Time, reason string) (os []order, err error) {
	newest := uint64(0)
	for _, u := range edge.Urgencies() {
		c, err := journal.LoadChain(v, Stream(u))
		if err != nil {
			return nil, err
		}
		newest = max(newest, c.Head().Epoch)
	}
	number := journal.NextEpoch(now, newest)
	for _, u := range edge.Urgencies() {
		os = append(os, order{Urgency: u, Do: orderEpoch, Pos: edge.Pos{Epoch: number}, Reason: reason})
	}
	return os, nil
}

// setClock moves the site's clock forward; from then on the node's own clock fits it again. It cannot be
// moved back: what happened would lie in the future.
func setClock(b *batch, _ *state.View, in ClockRequest) (evaluated, error) {
	at := in.Time.UnixNano()
	if y := in.Time.Year(); at <= b.Now || y > 2261 || y < 1971 {
		return evaluated{}, edge.E(edge.Invalid, "the site's clock stands at %s and can only be set to a later time", time.Unix(0, b.Now).UTC().Format(time.RFC3339))
	}
	return evaluated{now: at}, nil
}
