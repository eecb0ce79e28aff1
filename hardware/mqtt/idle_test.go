package mqtt

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// TestIdleClients keeps the memory of a client that says nothing within its budget. Both ends of each
// connection are in this process, so the client's own buffer of 4 KiB is counted and taken off.
func TestIdleClients(t *testing.T) {
	w := start(t, func(o *Options) { o.Limits.SessionsPer = 1000 })
	use := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)

		return int64(m.HeapInuse + m.StackInuse)
	}
	before := use()
	const n = 300
	keep := make([]*raw, n)
	for i := range keep {
		keep[i] = w.enter(t, "op", func(o *connectOpt) { o.id = fmt.Sprint("idle", i) })
	}
	time.Sleep(50 * time.Millisecond)
	per := (use()-before)/n - 4096
	t.Logf("%d bytes of memory for each idle client", per)
	if per > 36<<10 {
		t.Errorf("an idle client costs %d bytes", per)
	}
	runtime.KeepAlive(keep)
}
