// Package journal keeps append-only, hash-chained journals in a state store: they can be read from
// anywhere, followed for ever, and pruned without breaking the chain.
//
// A journal has one stream name, "readings.telemetry". It is a list of epochs; within an epoch the
// sequence numbers are dense from 1. The records of one commit lie in blocks, one value each, so that
// storing, sealing, reading and removing cost is paid per commit and not per record. What was removed,
// and why, stays on record as a gap: a reader is told once and goes on.
//
// Set is the local journals of one node, one for each urgency, on the group committer of their store.
// Chain is the pure writer beneath, also used where somebody else commits (a site's replicated state).
// Reader reads a journal in any store. Runner drives a follower with a durable mark.
package journal
