//go:build fault

package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
)

// TestSiteMajorityKilled kills two of three nodes, or all, at the same moment and under load,
// $SITE_MAJORITY_KILLS times (default 12). Nothing that was acknowledged may be missing afterwards, and a
// node that is left alone must go on answering what it has, and say that it cannot change anything.
func TestSiteMajorityKilled(t *testing.T) {
	n := siteCount("SITE_MAJORITY_KILLS", 12)
	w := newSiteWorld(t, siteBuild(t, "majority"))
	load := newSiteLoad(w)
	var back []time.Duration
	for i := range n {
		load.round.Store(int64(i))
		leader := w.settled(3)
		time.Sleep(time.Second)
		for _, b := range w.boxes {
			if i%2 == 0 || b == leader || b.at == (leader.at+1)%3 {
				b.kill()
			}
		}
		if i%2 == 1 {
			siteAlone(t, w.boxes[(leader.at+2)%3])
		}
		began := time.Now()
		for _, b := range w.boxes {
			if b.cmd == nil {
				b.start()
			}
		}
		w.settled(3)
		back = append(back, time.Since(began))
		t.Logf("%2d %d killed: all of the site back after %v, load %s", i+1, 3-i%2, back[i].Round(time.Millisecond), siteMachine())
	}
	load.end()
	acked, lost := load.lost(load.readAll())
	t.Logf("%d times a majority killed: back p50 %v max %v; %d writes acknowledged, %d lost, %d operations given up", n, sitePercentile(back, .5), sitePercentile(back, 1), acked, lost, len(load.slow))
	if lost > 0 {
		t.Errorf("%d acknowledged writes are lost", lost)
	}
	load.judge(t)
}

// siteAlone checks what a node without a quorum may and may not do.
func siteAlone(t *testing.T, b *siteBox) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if s, err := b.Get(ctx, "settled", false); err != nil || s.Value != "yes" {
		t.Errorf("a node alone does not answer what it has: %+v, %v", s, err)
	}
	if _, err := b.Get(ctx, "settled", true); err == nil {
		t.Error("a node alone answers a strict read")
	}
	again, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	if _, err := b.Set(again, edge.NewID(), node.SettingSet{Key: "alone", Value: "x"}); err == nil {
		t.Error("a node alone acknowledges a write")
	}
}
