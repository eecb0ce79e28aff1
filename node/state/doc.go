// Package state is the storage engine of a node: Badger, opened small, keyed, sealed, guarded against a
// full disk and against flipped bits, with a group committer in front of it and backups behind it.
//
// The contract. What Commit, Submit and (after Sync) CommitAt confirmed survives a kill and a power cut.
// A value that is read is the value that was written under that key, or the read fails with Corrupt.
// Damage that Badger hides (it drops the rest of a log behind one flipped bit, and calls a key missing
// whose block is damaged) is looked for before Badger opens, and makes Open fail with Corrupt while
// nothing has been touched. A full disk makes writes fail with Exhausted; reads go on.
//
// See DESIGN.md for how and why.
package state
