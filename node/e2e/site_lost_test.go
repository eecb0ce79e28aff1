//go:build fault

package e2e

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestSiteNodeLost lets the leader's box burn down, with its disk and its key, and puts a new one in its
// place with the commands a person would use, while clients write.
func TestSiteNodeLost(t *testing.T) {
	w := newSiteWorld(t, siteBuild(t, "lost"))
	load := newSiteLoad(w)
	time.Sleep(3 * time.Second)
	gone := w.settled(3)
	host := w.boxes[(gone.at+1)%3]
	burnt, from, began := gone.id, time.Since(load.start), time.Now()
	gone.kill()
	if err := os.RemoveAll(gone.data); err != nil {
		t.Fatal(err)
	}
	w.eventually("revoke", func(context.Context) error {
		return exec.Command(host.bin, "nodes", "revoke", "--config", host.config(), burnt).Run()
	})
	w.net.close(false)
	gone.join(host)
	gone.start()
	w.net.close(true)
	w.eventually("node up", func(ctx context.Context) error {
		st, err := gone.Status(ctx)
		gone.id = st.Node
		return err
	})
	w.settled(3)
	took, gap := time.Since(began), load.gap(from, time.Since(load.start))
	load.end()
	if gone.id == burnt {
		t.Error("the new box has the old one's key")
	}
	acked, lost := load.lost(load.readAll())
	t.Logf("a burnt box replaced after %v, write gap %v, %d writes acknowledged, %d lost, load %s", took.Round(time.Millisecond), gap.Round(time.Millisecond), acked, lost, siteMachine())
	if lost > 0 {
		t.Errorf("%d acknowledged writes are lost", lost)
	}
	load.judge(t)
}
