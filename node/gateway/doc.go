// Package gateway is the node's door for people and programs. In its present form it is read-only: one
// page with the live delivery ledger, the same as JSON, health, readiness and Prometheus metrics; and a
// local socket for the command line, open to the node's own user and root.
package gateway
