// Package syncpair tests the two ends of the sync against each other over a bad network: a node's uplink,
// a hub, and between them a relay that delays, loses, cuts and rebinds.
package syncpair
