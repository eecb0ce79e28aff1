package site

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/aielon/edge/node/edge"
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
	Number uint64 // above that of every epoch before
	Reason string
}

// A ClockRequest sets the site's clock forward to where an operator says it should be.
type ClockRequest struct {
	Time time.Time
}

// own returns the evaluation of one of the site's own commands.
func (q *sequencer) own(name string) (func(*batch, edge.Command) evaluated, bool) {
	switch name {
	case OpTrim:
		return ownCommand(trim), true
	case OpEpoch:
		return ownCommand(newEpoch), true
	case OpClock:
		return q.setClock, true
	}
	return nil, false
}

// ownCommand wraps what all of them share: who may ask, and how the body is read.
func ownCommand[In any](f func(In) ([]order, error)) func(*batch, edge.Command) evaluated {
	return func(_ *batch, c edge.Command) evaluated {
		var in In
		if err := decodeOwn(c, &in); err != nil {
			return refused(err)
		}
		orders, err := f(in)
		if err != nil {
			return refused(err)
		}
		return evaluated{Change: edge.Change{Reply: []byte("{}")}, orders: orders, cost: answerCost, lasting: true}
	}
}

// refused is a command that came to err.
func refused(err error) evaluated {
	e := refusal(err)
	return evaluated{Change: edge.Change{Err: e}, cost: answerCost + 2*maxSentence, lasting: lasting(e)}
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

func trim(in TrimRequest) ([]order, error) {
	if !in.Urgency.Valid() {
		return nil, edge.E(edge.Invalid, "there is no urgency %d", in.Urgency)
	}
	return []order{{Urgency: in.Urgency, Do: orderTrim, Pos: in.Upto}}, nil
}

func newEpoch(in EpochRequest) (os []order, err error) {
	for _, u := range edge.Urgencies() {
		os = append(os, order{Urgency: u, Do: orderEpoch, Pos: edge.Pos{Epoch: in.Number}, Reason: in.Reason})
	}
	return os, nil
}

// setClock moves the site's clock forward; from then on the node's own clock fits it again. It cannot be
// moved back: what happened would lie in the future.
func (q *sequencer) setClock(b *batch, c edge.Command) evaluated {
	var in ClockRequest
	if err := decodeOwn(c, &in); err != nil {
		return refused(err)
	}
	at := in.Time.UnixNano()
	if y := in.Time.Year(); at <= b.Now || y > 2261 || y < 1971 {
		return refused(edge.E(edge.Invalid, "the site's clock stands at %s and can only be set to a later time", time.Unix(0, b.Now).UTC().Format(time.RFC3339)))
	}
	return evaluated{Change: edge.Change{Reply: []byte("{}")}, now: at, cost: answerCost, lasting: true}
}
