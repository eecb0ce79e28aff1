package edge

import (
	"context"
	"iter"
)

// A Journal is an append-only, hash-chained sequence of records that can be read from anywhere and
// followed for ever. It may consist of several epochs, read one after the other.
type Journal interface {
	// Stream is the name under which the journal is delivered, "readings.telemetry".
	Stream() string
	// Head is the position of the newest durable record.
	Head() Pos
	// Read yields the records after a position, oldest first, up to the head at the time of the call.
	// Where retention or shedding removed the next records it yields a *Gap error once and goes on after
	// the gap. Any other error ends the sequence.
	Read(ctx context.Context, after Pos) iter.Seq2[Record, error]
	// Wait returns once the journal has a record after the position, or ctx ends.
	Wait(ctx context.Context, after Pos) error
}

// A Gap is the error a reader meets where records were shed or trimmed before it came by.
type Gap struct {
	From, To Pos // records after From, up to and including To, are gone
	Count    uint64
	Reason   string // "shed: disk budget", "trimmed"
}

// Error says how many records are gone and why.
func (g *Gap) Error() string {
	return E(NotFound, "%d records up to %v are gone: %s", g.Count, g.To, g.Reason).Error()
}

// A Follower is something derived from a journal: an index, a live page, a webhook, the uplink. One that gathers
// records and also has Flush(context.Context) error is flushed before a mark is moved over what it followed.
type Follower interface {
	Name() string
	// Follow takes one record. It may see a record twice.
	Follow(ctx context.Context, r Record) error
	// Rebuild starts over from state when the follower fell behind retention.
	Rebuild(ctx context.Context, v View) error
}
