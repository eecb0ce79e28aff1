// Package store says what a hub needs of the place where it keeps what it was given: streams of records
// with their cursors, moved in one transaction, and small rows of its own. There are two implementations,
// on Badger and on PostgreSQL, and one conformance test for both (sync/hub/storetest).
package store

import (
	"context"
	"iter"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

// A Stream is what a hub knows of one stream.
type Stream struct {
	ID      wire.StreamID
	Site    string // whose data it is; the first part of every key, so that stores can be spread by site
	Urgency edge.Urgency
	Via     edge.NodeID // the peer who brought it last
	Cursor  edge.Pos    // newest record, of the open epoch
	Frozen  string      // why it takes no more; "" while it does
	Counts  Counts
	Created time.Time
	Updated time.Time // of the last change of the cursor
}

// Counts add up over all epochs of a stream. Every record a sender ever gave a number is in exactly one of
// Accepted, Skipped and Missing.
type Counts struct {
	Accepted    uint64 `json:"accepted"`
	Skipped     uint64 `json:"skipped"`       // declared gone by the sender
	Missing     uint64 `json:"missing"`       // in an old epoch, never sent nor declared when the next began
	Quarantined uint64 `json:"quarantined"`   // of Accepted: could not be read, set aside
	Duplicates  uint64 `json:"duplicates"`    // came again and were dropped
	Bytes       uint64 `json:"bytes"`         // of Accepted, encoded
	Trimmed     uint64 `json:"trimmed"`       // of Accepted: no longer kept
	TrimmedSize uint64 `json:"trimmed_bytes"` // of Bytes: no longer kept
}

// Kept is how many bytes of records are still there, encoded, before the store packs them.
func (c Counts) Kept() uint64 { return c.Bytes - min(c.Bytes, c.TrimmedSize) }

// A Fork is one epoch of a stream.
type Fork struct {
	Genesis edge.Pos // the position before its first record
	From    edge.Pos // the last record of the older epoch that the sender knew
	At      edge.Pos // the last record of the older epoch that the hub had
	Missing uint64   // records of the older epoch between the two that never came
	Reason  string
	Time    time.Time
}

// An Append moves the cursor of one stream: by records, by a declared gap, or into a new epoch. Exactly
// one of Items, Skip and Fork is set.
type Append struct {
	ID         wire.StreamID
	Site       string
	Urgency    edge.Urgency
	Via        edge.NodeID
	Time       time.Time
	From       edge.Pos // the cursor must stand here, or nothing happens
	To         edge.Pos // and stands here afterwards
	Items      []wire.Item
	Poison     map[uint64]string // sequence numbers of Items that could not be read, and why
	Skip       string            // why the records up to To will never come
	Fork       *Fork
	Duplicates uint64 // to be counted
	Rows       []Row  // to be written with it
}

// A Result is what became of one Append.
type Result struct {
	Cursor edge.Pos // where the stream stands now
	// Err is nil, or why nothing of the Append was kept: Conflict where the cursor stood elsewhere, Denied
	// for a frozen stream, Exhausted. Unavailable means that the outcome is unknown.
	Err error
}

// An Extent is the smallest piece of a stream that can be forgotten.
type Extent struct {
	To      edge.Pos  // its end; some stores leave out the sum
	Records uint64    // 0: a declared gap
	Bytes   uint64    // of the records, encoded
	Time    time.Time // when the hub took it in, by its own clock; zero where that is not known
}

// A Row is a small thing of the hub's own: a node's registration, a configuration, a command. A row
// with a nil Value is to be deleted.
type Row struct {
	Site, Kind, Key string
	Value           []byte // up to MaxRow bytes
}

// MaxEpochs bounds the epochs of one stream: a node that is restored every day for almost three years.
const MaxEpochs = 1024

// MaxRow is the longest value of a row.
const MaxRow = 512 << 10

// A Store is safe for concurrent use. Whatever a method confirmed survives a power cut. Errors of kind
// Unavailable mean that the outcome is unknown; of kind Exhausted that nothing was kept.
type Store interface {
	// Commit takes all Appends whose cursor stands where they say, each whole or not at all, and returns
	// a Result for each once they are durable. Of one stream there is at most one Append in a call. An
	// error, instead of results, holds for all of them.
	Commit(ctx context.Context, list []Append) ([]Result, error)
	// Stream returns NotFound for a stream that never was.
	Stream(ctx context.Context, id wire.StreamID) (Stream, error)
	// Streams yields all streams, or those of one origin, in no particular order. What it yields may lag
	// behind Commit by the calls that run at the same time.
	Streams(ctx context.Context, origin string) iter.Seq2[Stream, error]
	// Freeze makes a stream take no more, keeping rows as evidence; why "" lets it go on.
	Freeze(ctx context.Context, id wire.StreamID, why string, rows ...Row) error
	// Forks lists the epochs of a stream, oldest first.
	Forks(ctx context.Context, id wire.StreamID) ([]Fork, error)
	// Read yields the records after a position, oldest first, across epochs, up to the cursor at the time
	// of the call. Declared gaps, records set aside and records no longer kept come as *edge.Gap errors
	// after which it goes on; any other error ends it.
	Read(ctx context.Context, id wire.StreamID, after edge.Pos) iter.Seq2[edge.Record, error]
	// Raw returns the encoding of one record as it came, NotFound where it is not kept.
	Raw(ctx context.Context, id wire.StreamID, epoch, seq uint64) (wire.Item, error)
	// Extents yields what is kept of a stream, oldest first, in pieces that Trim can forget one by one.
	Extents(ctx context.Context, id wire.StreamID) iter.Seq2[Extent, error]
	// Trim forgets records of a stream up to a position, in whole units of the store: what it keeps may
	// begin a little earlier. It returns how many records it forgot.
	Trim(ctx context.Context, id wire.StreamID, upTo edge.Pos) (uint64, error)

	// Put writes rows, all or none.
	Put(ctx context.Context, rows ...Row) error
	// Row returns NotFound where there is none.
	Row(ctx context.Context, site, kind, key string) (Row, error)
	// Rows yields the rows of a kind by site and key, of one site unless site is "", whose keys start with prefix.
	Rows(ctx context.Context, site, kind, prefix string) iter.Seq2[Row, error]
	Close() error
}

// Apply returns the stream as it is after an Append that its cursor allows. It is the one place where
// counts are made, so that all stores count alike.
func (s Stream) Apply(a Append) Stream {
	if s.ID == (wire.StreamID{}) {
		s.ID, s.Site, s.Urgency, s.Created = a.ID, a.Site, a.Urgency, a.Time
	}
	c := &s.Counts
	c.Duplicates += a.Duplicates
	switch {
	case a.Fork != nil:
		c.Missing += a.Fork.Missing
	case a.Skip != "":
		c.Skipped += a.To.Seq - a.From.Seq
	default:
		c.Accepted += uint64(len(a.Items))
		c.Quarantined += uint64(len(a.Poison))
		for _, it := range a.Items {
			c.Bytes += uint64(len(it.Raw))
		}
	}
	s.Via, s.Cursor, s.Updated = a.Via, a.To, a.Time
	return s
}

// Check fails with Internal on an Append that no intake may make.
func (a Append) Check() error {
	set := 0
	for _, b := range []bool{len(a.Items) > 0, a.Skip != "", a.Fork != nil} {
		if b {
			set++
		}
	}
	switch {
	case set != 1 || a.Site == "" || a.ID.Check() != nil || !a.Urgency.Valid():
		return edge.E(edge.Internal, "an append to stream %s is not well formed", a.ID)
	case a.Fork == nil && (a.From.Epoch != a.To.Epoch || a.From.Seq >= a.To.Seq):
		return edge.E(edge.Internal, "an append to stream %s goes nowhere", a.ID)
	case len(a.Items) > 0 && a.To.Seq-a.From.Seq != uint64(len(a.Items)):
		return edge.E(edge.Internal, "an append to stream %s has a gap", a.ID)
	}
	return nil
}

// Conflict is the Err of a Result whose cursor stood elsewhere.
func Conflict(id wire.StreamID, want, have edge.Pos) error {
	return edge.E(edge.Conflict, "stream %s stands at %v and not at %v", id, have, want)
}

// Before reports whether a comes before b in the order epochs and numbers give.
func Before(a, b edge.Pos) bool {
	return a.Epoch < b.Epoch || a.Epoch == b.Epoch && a.Seq < b.Seq
}

// TrimmedReason is what a Gap over records that are no longer kept says.
const TrimmedReason = "trimmed at the hub"

// SetAside is the Reason of a Gap over a record that could not be read.
func SetAside(why string) string { return "set aside: " + why }

// A Gap makes the error Read yields.
func Gap(from, to edge.Pos, why string) *edge.Gap {
	return &edge.Gap{From: from, To: to, Count: to.Seq - from.Seq, Reason: why}
}
