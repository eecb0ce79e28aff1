package edge

import (
	"context"
	"iter"
	"time"
)

// ActorKind says what sort of principal acts.
type ActorKind uint8

const (
	Nobody ActorKind = iota
	Person
	Device
	Node
	Service
)

// An Actor is who asks, as the door it came through proved it.
type Actor struct {
	Kind ActorKind
	ID   string
	Site string
}

// A Command asks a service for a change. It is evaluated once, on the leader.
type Command struct {
	ID      ID     // chosen by the client; makes retries harmless
	Type    string // "wallet.transfer"
	Actor   Actor  // as the gateway proved it
	Body    []byte
	Request string // id of the request it came with, for logs and audit; not part of what is asked for
	Way     *Way   // how it came to this node; not part of what is asked for. Nil: that is on record already
}

// A Way is how a command came to a node and why it was let in, for the audit record that is part of the command's own
// transaction. It stays on the node: a command that another node is to evaluate leaves without it.
type Way struct {
	Redacted

	Door, Session, Address string // as the audit writes them
	Policies               []string
	Reason, Glass          string
	// Leave records all this here. It is called before the command is handed to another node, which does not happen
	// where it fails.
	Leave func(context.Context) error
}

// An Outcome is the answer to a command. A retry of the same command gets the same Outcome.
type Outcome struct {
	Pos   Pos    // of the site's ledger journal after the command; readers may ask to wait for it
	Index uint64 // commit index of the batch that carried it
	Reply []byte
	Err   *Error // the command was evaluated and refused; nothing but this refusal was kept
	Again bool   // this is the remembered answer to an earlier try
}

// A Write sets a key, or deletes it where Value is nil.
type Write struct {
	Key, Value []byte
}

// A Change is what evaluating a command came to. It is data with no code behind it.
type Change struct {
	Writes []Write
	Events []Event
	Reply  []byte
	Err    *Error
}

// A View is the state of one site at one commit index. Values it returns are the caller's to keep.
type View interface {
	// Get returns NotFound where there is no such key and Corrupt where the stored value is not what was written.
	Get(key []byte) ([]byte, error)
	// Scan yields keys with prefix in ascending order. It stops after the first error it yields; errors
	// come with a nil key through Err.
	Scan(prefix []byte) iter.Seq2[[]byte, []byte]
	// Err returns the first error a Scan met, so that a loop over Scan ends with a check of Err.
	Err() error
	// Index is the commit index the view shows.
	Index() uint64
}

// Tx is the state of one site as one command sees it, and the only thing a handler may depend on.
type Tx interface {
	View
	Set(key, value []byte)
	Delete(key []byte)
	Emit(Event)
	Now() time.Time // never runs backwards within a site
	Actor() Actor
}

// A Proposer gets a command evaluated, replicated and applied. An error of kind Unavailable means the
// outcome is unknown: propose again with the same ID.
type Proposer interface {
	Propose(ctx context.Context, c Command) (Outcome, error)
}

// A Log is an ordered, replicated, durable sequence of entries. Append returns once the entry is
// committed by the quorum and applied here. Its errors are of kind Unavailable when the outcome is unknown.
type Log interface {
	Append(ctx context.Context, entry []byte) (index uint64, err error)
}
