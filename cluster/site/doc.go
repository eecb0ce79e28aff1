// Package site is the replicated state of one site. Its sequencer, on the leader, evaluates commands one
// after another and puts what they came to into one log entry per batch; its Applier, on every replica,
// applies those entries blindly. DESIGN.md says why that is safe.
package site
