// Package raftlog is the replicated log of a site: hashicorp/raft over mutually authenticated TLS, with a
// sealed log on disk and a state machine that keeps itself (edge.Applier). Append returns once an entry
// is durable on a quorum and applied here.
//
// Why a stranger or a former member cannot disturb a site, why snapshots need not be copied to disk, and
// what was measured, stands in DESIGN.md.
package raftlog
