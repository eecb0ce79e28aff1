// Package hub is the far end of the sync: it takes the records of many nodes, each once and in order,
// stores them durably before it says so, and sends nodes their configuration, commands and time. A hub
// may have a hub: what it stores it offers as sources, origins untouched.
//
// The ways of a record: a lane's reader checks that its sender may write the stream and has credit, and
// queues it (session.go, queue.go). One goroutine takes from the queues fairly, urgent first, unpacks,
// judges against the stream's cursor (judge.go) and commits many streams at once (intake.go). What is
// stored is acknowledged (outbox.go).
package hub
