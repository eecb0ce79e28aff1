package audit

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// A replica gives parts of its tree, as bytes.
type giver struct {
	w     *world
	spoil func(*Piece)
}

func (g giver) Node() edge.NodeID { return g.w.who.id }

func (g giver) Grant(_ context.Context, q Wish) (p Piece, err error) {
	b, err := json.Marshal(q)
	if err != nil {
		return p, err
	}
	if q, err = ParseWish(b); err != nil {
		return p, err
	}
	if p, err = g.w.log.Grant(q); err != nil {
		return p, err
	}
	if g.spoil != nil {
		g.spoil(&p)
	}
	return p, nil
}

// A replica that came when the first records were gone takes the tree of another, and is from then on like it.
func TestAdoptedTreeGoesOn(t *testing.T) {
	who := newPerson(t, 1)
	const n = 20_000 // more than one piece
	old := newWorld(t, who, 1<<40, names(n)...)
	defer old.close()
	old.upTo()
	late := newWorld(t, who, 1<<40, names(n)...)
	defer late.close()
	late.trim(15_000)
	if err := late.follow(); err != nil || !late.log.Lost() {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Piece){
		"another leaf":      func(p *Piece) { p.Leaves[40] ^= 1 },
		"half a leaf":       func(p *Piece) { p.Leaves = p.Leaves[:50] },
		"nothing":           func(p *Piece) { p.Leaves = nil },
		"another signature": func(p *Piece) { p.By = newPerson(t, 3).key.statement },
		"another tree": func(p *Piece) {
			p.Checkpoint, _ = who.key.sign(Head{Origin: Origin{"north", "clinic-1", who.id, stream, 7}.String(), Size: n})
		},
	} {
		if err := late.log.Adopt(t.Context(), giver{old, spoil}); !edge.IsKind(err, edge.Denied) || !late.log.Lost() {
			t.Errorf("%s: %v", name, err)
		}
	}
	late.fault.lose.Store(3) // the power goes in the middle; the next try does it
	if err := late.log.Adopt(t.Context(), giver{w: old}); !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("%v", err)
	}
	late.open(1 << 40)
	if err := late.follow(); err != nil {
		t.Fatal(err)
	}
	if err := late.log.Adopt(t.Context(), giver{w: old}); err != nil || late.log.Lost() {
		t.Fatal(err)
	}
	more := slices.Concat(names(n), []string{"x", "y"})[n:]
	for _, w := range []*world{old, late} {
		w.write(more...)
		w.upTo()
	}
	if late.log.tree.root() != old.log.tree.root() {
		t.Error("the trees differ")
	}
	late.open(1 << 40)
	if r := late.verify(VerifyOptions{}); r.Err() != nil || r.Epochs[0].Lost != "" {
		t.Errorf("%q", r.Problems)
	}
}

func TestForeignTreeIsNotAdopted(t *testing.T) {
	who := newPerson(t, 1)
	forged := names(40)
	forged[3] = "forged"
	evil, late := newWorld(t, who, 1000, forged...), newWorld(t, who, 1000, names(10)...)
	defer evil.close()
	defer late.close()
	evil.upTo()
	late.upTo()
	late.write(names(40)[10:]...)
	late.trim(20)
	if err := late.follow(); err != nil || !late.log.Lost() {
		t.Fatal(err)
	}
	if err := late.log.Adopt(t.Context(), giver{w: evil}); !edge.IsKind(err, edge.Conflict) || late.log.tree.size != 10 {
		t.Errorf("%v, %d", err, late.log.tree.size)
	}
}
