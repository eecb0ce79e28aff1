package audit

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A Request asks a witness to cosign a checkpoint. It carries whatever the witness needs, so that it can be sent over
// anything.
type Request struct {
	Checkpoint []byte         `json:"checkpoint"` // signed by the keys of By
	By         Statement      `json:"by"`
	OldSize    int64          `json:"old_size"`        // what the witness is believed to have cosigned last; 0: nothing
	Proof      tlog.TreeProof `json:"proof,omitempty"` // that the tree has grown from OldSize; empty where that is 0 or the checkpoint's own size
}

// An Answer is what a witness says. Without a Cosignature it says only how far it is: ask again with a proof from there.
type Answer struct {
	Size        int64     `json:"size"`                  // of the tree the witness cosigned last, the requested one included
	Checkpoint  []byte    `json:"checkpoint,omitempty"`  // that one, where it is not the requested one
	Cosignature []byte    `json:"cosignature,omitempty"` // a line to be added to the checkpoint
	By          Statement `json:"by"`                    // whose keys it is by
}

// maxProof is more hashes than the proof of any tree has; maxRequest bounds an encoded request or answer, in bytes.
const (
	maxProof   = 64
	MaxRequest = 64 << 10
)

// ParseRequest reads a request that was sent as JSON. It fails with Invalid.
func ParseRequest(b []byte) (q Request, err error) {
	if len(b) > MaxRequest {
		return q, edge.E(edge.Invalid, "a request to cosign may have %d bytes, this one has %d", MaxRequest, len(b))
	}
	if err := json.Unmarshal(b, &q); err != nil {
		return Request{}, edge.E(edge.Invalid, "a request to cosign cannot be read: %w", err)
	}
	if len(q.Proof) > maxProof || q.OldSize < 0 {
		return Request{}, edge.E(edge.Invalid, "a request to cosign has a proof no tree can have")
	}
	return q, nil
}

// A Fork is what a witness was shown that cannot both be true: two checkpoints of one journal without a proof that
// one grew from the other.
type Fork struct {
	Time  time.Time      `json:"time"`
	By    edge.NodeID    `json:"by"`  // who signed the newer
	Had   []byte         `json:"had"` // the checkpoint cosigned before
	Got   []byte         `json:"got"` // the one that does not go with it
	Old   int64          `json:"old"` // the size the proof claims to be from
	Proof tlog.TreeProof `json:"proof,omitempty"`
}

// Encode returns the fork as JSON.
func (f Fork) Encode() []byte {
	b, _ := json.Marshal(f) // plain fields always encode
	return b
}

// WitnessOptions say for whom a witness vouches. Store and Key are required.
type WitnessOptions struct {
	Store  Store
	Key    *Key
	Speaks func(n edge.NodeID, o Origin) bool // whether a node may sign checkpoints of a site's journal; nil: none may
	Now    func() time.Time                   // default time.Now
	Alarm  func(Fork, error)                  // told after the evidence is durable; must not block
	Logger *slog.Logger                       // default: silent
}

// Bounds of what a witness keeps.
const (
	maxWitnessed = 4096 // epochs of one journal
	maxForks     = 16   // of one tree; what comes after is refused and not kept
)

// A Witness cosigns checkpoints of other nodes, each only if the tree has grown from the one it cosigned before. It
// remembers before it answers, so that it never vouches for two histories.
type Witness struct {
	o  WitnessOptions
	mu sync.Mutex // one request at a time: what is compared must not change before it is stored
}

// NewWitness returns a Witness that goes on from what is stored.
func NewWitness(o WitnessOptions) (*Witness, error) {
	if o.Store == nil || o.Key == nil {
		return nil, edge.E(edge.Invalid, "a witness needs a store and a key")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Witness{o: o}, nil
}

// A witnessed row is what a witness remembers of one tree.
type witnessed struct {
	Size       int64     `json:"size"`
	Root       tlog.Hash `json:"root"`
	Checkpoint []byte    `json:"checkpoint"` // with the witness's own signature
	Forks      int       `json:"forks,omitempty"`
}

// Cosign answers a request. from is the node that asks, as the connection proved it; a checkpoint of a node's own
// journal must be that node's. It fails with Invalid or Denied for what is no checkpoint, or not of somebody who may
// speak for the journal, and with Conflict for one that did not grow from what was cosigned before: then the evidence
// is kept, and of this tree nothing is cosigned any more.
func (w *Witness) Cosign(ctx context.Context, from edge.NodeID, q Request) (Answer, error) {
	c, o, err := w.read(from, q)
	if err != nil {
		return Answer{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	had, err := w.had(o)
	if err != nil {
		return Answer{}, err
	}
	switch {
	case had.Forks > 0:
		return Answer{}, w.forked(ctx, o, had, q, c, "was forked before")
	case had.Size == 0:
		return w.vouch(ctx, o, c)
	case had.Size == c.Size && had.Root != c.Root:
		return Answer{}, w.forked(ctx, o, had, q, c, "has another root with the same number of records")
	case had.Size == c.Size:
		return w.vouch(ctx, o, c)
	case had.Size > c.Size, q.OldSize != had.Size:
		return Answer{Size: had.Size, Checkpoint: had.Checkpoint, By: w.o.Key.statement}, nil
	case tlog.CheckTree(q.Proof, c.Size, c.Root, had.Size, had.Root) != nil:
		return Answer{}, w.forked(ctx, o, had, q, c, "does not contain what was cosigned before")
	}
	return w.vouch(ctx, o, c)
}

// read proves who signed the checkpoint, and that it may.
func (w *Witness) read(from edge.NodeID, q Request) (Checkpoint, Origin, error) {
	if err := q.By.Check(); err != nil {
		return Checkpoint{}, Origin{}, err
	}
	if len(q.Proof) > maxProof {
		return Checkpoint{}, Origin{}, edge.E(edge.Invalid, "a request to cosign has a proof no tree can have")
	}
	c, err := Keys{q.By}.Open(q.Checkpoint)
	if err != nil {
		return Checkpoint{}, Origin{}, err
	}
	o, err := ParseOrigin(c.Origin)
	if err != nil {
		return Checkpoint{}, Origin{}, err
	}
	may := q.By.Node == from && o.Node == from
	if o.Node.IsZero() {
		may = q.By.Node == from && w.o.Speaks != nil && w.o.Speaks(from, o)
	}
	if !may || len(c.Signed) != 1 {
		return Checkpoint{}, Origin{}, edge.E(edge.Denied, "node %s may not sign checkpoints of %s", from.Short(), clip(c.Origin))
	}
	return c, o, nil
}

func (w *Witness) had(o Origin) (had witnessed, err error) {
	v := w.o.Store.View()
	defer v.Close()
	b, err := v.Get(epochKey(witnessPrefix, o.journal(), o.Epoch))
	switch {
	case edge.IsKind(err, edge.NotFound):
		return had, w.room(v, o)
	case err != nil:
		return had, err
	}
	if err := json.Unmarshal(b, &had); err != nil || had.Size < 1 {
		return had, edge.E(edge.Corrupt, "what was cosigned of %s cannot be read", clip(o.String()))
	}
	return had, nil
}

// room refuses yet another epoch of a journal that had ever so many.
func (w *Witness) room(v *state.View, o Origin) error {
	n := 0
	for range v.Scan(under(witnessPrefix, o.journal())) {
		n++
	}
	if n >= maxWitnessed {
		return edge.E(edge.Exhausted, "%d epochs of %s were cosigned already", n, clip(o.journal()))
	}
	return v.Err()
}

// vouch cosigns a checkpoint and remembers that before anybody is told.
func (w *Witness) vouch(ctx context.Context, o Origin, c Checkpoint) (Answer, error) {
	line, err := w.o.Key.cosign(c.Head, w.o.Now())
	if err != nil {
		return Answer{}, err
	}
	row := witnessed{Size: c.Size, Root: c.Root, Checkpoint: append([]byte(c.text()+"\n"), line...)}
	if err := w.put(ctx, o, row, nil); err != nil {
		return Answer{}, err
	}
	return Answer{Size: c.Size, Cosignature: line, By: w.o.Key.statement}, nil
}

func (w *Witness) put(ctx context.Context, o Origin, row witnessed, f *Fork) error {
	b, _ := json.Marshal(row) // plain fields always encode
	return w.o.Store.Commit(ctx, func(out *state.Batch) {
		out.Set(epochKey(witnessPrefix, o.journal(), o.Epoch), b)
		if f != nil {
			out.Set(numberKey(forkPrefix, o.journal(), o.Epoch, int64(row.Forks)), f.Encode())
		}
	})
}

// forked keeps the evidence, raises the alarm and refuses.
func (w *Witness) forked(ctx context.Context, o Origin, had witnessed, q Request, c Checkpoint, why string) error {
	who := o.Node
	if who.IsZero() {
		who = q.By.Node
	}
	e := edge.E(edge.Conflict, "the audit of %s %s: somebody may have rewritten it", clip(o.journal()), why).
		WithHint("keep the disk of node %s as it is, and compare its records with what was delivered", who.Short())
	if had.Forks >= maxForks {
		return e
	}
	f := Fork{Time: w.o.Now().UTC(), By: who, Had: had.Checkpoint, Got: q.Checkpoint, Old: q.OldSize, Proof: q.Proof}
	had.Forks++
	if err := w.put(ctx, o, had, &f); err != nil {
		w.o.Logger.ErrorContext(ctx, "the evidence of a rewritten audit cannot be kept", "origin", c.Origin, "node", who.Short(), "error", err)
	}
	w.o.Logger.ErrorContext(ctx, "an audit was rewritten", "origin", c.Origin, "node", who.Short(), "why", why)
	if w.o.Alarm != nil {
		w.o.Alarm(f, e)
	}
	return e
}

// A Vouched is what a witness cosigned last of one tree.
type Vouched struct {
	Checkpoint []byte // a note whose one signature is the witness's
	Forks      []Fork
}

// Witnessed lists what this node has cosigned last of every tree, for a person who compares it with what the
// other node shows.
func Witnessed(v *state.View) (list []Vouched, err error) {
	for k, b := range v.Scan([]byte(witnessPrefix)) {
		var row witnessed
		if err := json.Unmarshal(b, &row); err != nil {
			return nil, edge.E(edge.Corrupt, "what was cosigned cannot be read: %w", err)
		}
		one := Vouched{Checkpoint: row.Checkpoint}
		for _, e := range v.Scan(append([]byte(forkPrefix), k[len(witnessPrefix):]...)) {
			var f Fork
			if err := json.Unmarshal(e, &f); err != nil {
				return nil, edge.E(edge.Corrupt, "the evidence of a fork cannot be read: %w", err)
			}
			one.Forks = append(one.Forks, f)
		}
		list = append(list, one)
	}
	return list, v.Err()
}
