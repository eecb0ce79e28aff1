package edge

import "io"

// An Entry is one committed entry of a site's log. Indexes ascend and may skip numbers: the log keeps
// some for itself.
type Entry struct {
	Index uint64
	Data  []byte // the Applier's to keep
}

// An Applier is the replicated state a log drives. Apply and Restore are called by one goroutine at a
// time; Applied, Snapshot and Sync may be called by others while Apply runs, never while Restore does.
type Applier interface {
	// Apply takes committed entries in order and returns one error (or nil) for each. An entry whose
	// Index is not above Applied was taken before and is skipped, with a nil error: applying is
	// idempotent. It need not fsync: the log keeps every entry until Sync has made it durable here. An
	// error refuses its entry on every replica alike and is handed to whoever appended it; where the
	// state itself can no longer be trusted or written, the error is of kind Corrupt or Exhausted, the
	// entry is not counted by Applied, and the log stops applying.
	Apply(entries []Entry) []error
	// Applied is the highest index the state contains. After a power cut it may be lower than it was,
	// never lower than at the last Sync.
	Applied() uint64
	// Snapshot takes hold of the state as it is now.
	Snapshot() (Snapshot, error)
	// Restore replaces the whole state by what WriteTo wrote elsewhere, durably, and only after all of it
	// was read and found sound. On an error the state is as before. It fails with Corrupt.
	Restore(r io.Reader) error
	// Sync returns once everything applied before the call survives a power cut.
	Sync() error
}

// A Snapshot is the state at one index, unmoved by what is applied later.
type Snapshot interface {
	Index() uint64
	// WriteTo writes the whole state in the form Restore reads.
	io.WriterTo
	// Release lets go of it. It may be called at any time, and twice.
	Release()
}
