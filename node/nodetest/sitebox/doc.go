// Package sitebox is what tests of a whole site need: configurations of nodes on loopback, and a client of
// a node's local socket whose every call can be given up and tells what is known of its outcome.
package sitebox
