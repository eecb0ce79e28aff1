//go:build fault

package e2e

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// TestSiteRollingUpgrade replaces the program of one node after the other while clients that retry write,
// lets both versions live together after each step, and goes back again.
func TestSiteRollingUpgrade(t *testing.T) {
	older, newer := siteBuild(t, "1.0.0"), siteBuild(t, "1.1.0")
	mixed := time.Duration(siteCount("SITE_MIXED_SECONDS", 20)) * time.Second
	w := newSiteWorld(t, older)
	load := newSiteLoad(w)
	time.Sleep(3 * time.Second)
	var gaps []time.Duration
	for step, bin := range []string{newer, newer, newer, older, older, older} {
		b := w.boxes[step%3]
		leads := w.settled(3) == b
		load.round.Add(1)
		from := time.Since(load.start)
		b.end(syscall.SIGTERM)
		down := time.Since(load.start)
		b.bin = bin
		b.start()
		version := ""
		w.eventually("the new version", func(ctx context.Context) error {
			st, err := b.Status(ctx)
			version = st.Version
			return err
		})
		if want := siteVersion(bin, newer); version != want {
			t.Fatalf("node %d is version %s, want %s", b.at, version, want)
		}
		w.settled(3)
		to := time.Since(load.start)
		gap := load.gap(from, to)
		gaps = append(gaps, gap)
		t.Logf("node %d is %s now (it led: %v): stopping took %v, back after %v, write gap %v, load %s", b.at, version, leads,
			(down - from).Round(time.Millisecond), (to - from).Round(time.Millisecond), gap.Round(time.Millisecond), siteMachine())
		if step%3 != 2 {
			siteMixed(t, w, load, mixed)
		}
	}
	w.settled(3)
	load.end()
	acked, lost := load.lost(load.readAll())
	t.Logf("6 upgrades: write gap p50 %v max %v; %d writes acknowledged, %d lost, %d errors reached a client that retries", sitePercentile(gaps, .5), sitePercentile(gaps, 1), acked, lost, len(load.slow))
	for _, err := range load.slow {
		t.Errorf("a client that retries got an error: %v", err)
	}
	if lost > 0 {
		t.Errorf("%d acknowledged writes are lost", lost)
	}
	if most := sitePercentile(gaps, 1); most > siteGapMost {
		t.Errorf("a write gap of %v, %v is promised", most, siteGapMost)
	}
	load.judge(t)
}

func siteVersion(bin, newer string) string {
	if bin == newer {
		return "1.1.0"
	}
	return "1.0.0"
}

// siteMixed lets two versions live together and makes sure that the site goes on.
func siteMixed(t *testing.T, w *siteWorld, load *siteLoad, d time.Duration) {
	t.Helper()
	versions := map[string]int{}
	for _, b := range w.boxes {
		st, err := b.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		versions[st.Version]++
	}
	if len(versions) != 2 {
		t.Errorf("the versions are not mixed: %v", versions)
	}
	from := time.Since(load.start)
	time.Sleep(d)
	if !load.wrote(from, 10*time.Second) {
		t.Error("nothing could be written with mixed versions")
	}
	t.Logf("mixed %s for %v: longest time without a write %v", fmt.Sprint(versions), d, load.gap(from, time.Since(load.start)).Round(time.Millisecond))
}
