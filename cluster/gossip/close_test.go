package gossip

import (
	"net"
	"sync"
	"testing"
	"time"
)

// A node that is spoken to while it closes must close all the same: memberlist's transport waits for those
// who hand over what they received.
func TestClosesWhileOthersSpeak(t *testing.T) {
	for range 20 {
		g := open(t, nil, nil)
		c, err := net.Dial("udp", g.Addr())
		if err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		var speaker sync.WaitGroup
		speaker.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					c.Write([]byte("who is there"))
				}
			}
		})
		time.Sleep(time.Millisecond)
		closed := make(chan error, 1)
		go func() { closed <- g.Close() }()
		select {
		case <-closed:
		case <-time.After(10 * time.Second):
			t.Fatal("it does not close")
		}
		close(stop)
		speaker.Wait()
		c.Close()
	}
}
