package object

import (
	"testing"
	"time"

	"github.com/aielon/edge/sync/wire"
)

// On a simulated line with a standing bottleneck the pacer fills most of it and keeps the queue short.
func TestPacerKeepsTheQueueShort(t *testing.T) {
	for _, rate := range []float64{25_000, 125_000, 1_250_000} { // bytes/s
		const trip = 100 * time.Millisecond
		start := time.Unix(1_000_000, 0)
		now, free := start, start // free: when the bottleneck has sent all it was given
		var sent, tail uint64
		var worst time.Duration
		type reading struct {
			at  time.Time
			rtt time.Duration
		}
		var echoes []reading
		latest := trip
		p := NewPacer(func() wire.Stats {
			for len(echoes) > 0 && !echoes[0].at.After(now) {
				latest, echoes = echoes[0].rtt, echoes[1:]
			}
			return wire.Stats{Latest: latest, Smoothed: latest, Sent: sent}
		})
		for now.Sub(start) < 60*time.Second {
			now = now.Add(max(0, p.book(now, wire.Piece)))
			sent += wire.Piece
			if free.Before(now) {
				free = now
			}
			if free.Sub(now).Seconds()*rate > 64<<10 {
				continue // the queue is full
			}
			free = free.Add(time.Duration(wire.Piece / rate * 1e9))
			echoes = append(echoes, reading{free.Add(trip), free.Add(trip).Sub(now)})
			if now.Sub(start) > 20*time.Second {
				tail += wire.Piece
				worst = max(worst, free.Sub(now))
			}
		}
		use := float64(tail) / 40 / rate
		t.Logf("%.0f kbit/s: %.0f %% of the line, queue at most %v", rate/125, 100*use, worst.Round(time.Millisecond))
		if use < .6 || worst > 500*time.Millisecond {
			t.Errorf("%.0f kbit/s: %.0f %% of the line, queue %v", rate/125, 100*use, worst)
		}
	}
}
