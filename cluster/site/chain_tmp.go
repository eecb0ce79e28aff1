package site

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

type chain struct {
	stream string
	pos    edge.Pos
}

func loadChain(v *state.View, stream, origin string) (*chain, error) {
	c := &chain{stream: stream}
	b, err := v.Get([]byte("jh/" + stream))
	if edge.IsKind(err, edge.NotFound) {
		c.pos = edge.Genesis(origin+"/"+stream, 1, edge.Pos{})
		return c, nil
	}
	r := &reader{b: b}
	c.pos = r.pos()
	return c, err
}

func (c *chain) head() edge.Pos { return c.pos }

func (c *chain) append(b *state.Batch, es []edge.Event) error {
	for _, e := range es {
		c.pos = c.pos.Next(edge.AppendEvent(nil, e))
	}
	if len(es) > 0 {
		b.Set([]byte("jh/"+c.stream), appendPos(nil, c.pos))
	}
	return nil
}

func (c *chain) obey(b *state.Batch, o order, now int64) error { return nil }
