// Package wal keeps numbered records in sealed, append-only segment files: what a raft log needs and no
// more. A record is durable when Append returns. What was durable is either read back as it was written
// or refused as damaged; only what Append never acknowledged may be missing after a power cut.
//
// The file format, and why a torn write can be told from a flipped bit, is written down in frame.go and
// recover.go.
package wal
