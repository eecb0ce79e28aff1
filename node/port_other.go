//go:build !linux

package node

import "syscall"

// giveUpSilent does nothing here: silent peers are noticed by keep-alive, and by the protocols' own
// timeouts.
func giveUpSilent(_, _ string, _ syscall.RawConn) error { return nil }
