package uplink

import (
	"math/rand/v2"
	"time"
)

const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// A backoff spaces out attempts to connect: full jitter, so that a thousand nodes that lost one hub do
// not come back together.
type backoff struct {
	failures int
	floor    time.Duration // what the hub asked for
}

// fail returns how long to wait after one more failure.
func (b *backoff) fail() time.Duration {
	top := min(firstRetry<<min(b.failures, 20), lastRetry)
	b.failures++
	return max(b.floor, 0) + rand.N(top) + 50*time.Millisecond
}

func (b *backoff) reset() { b.failures = 0 }

// keepalive steps are what middle boxes were seen to tolerate.
var keepalives = [...]time.Duration{25 * time.Second, 50 * time.Second, 90 * time.Second, 120 * time.Second}

// A keepalive finds the longest pause after which the path still carries packets back.
type keepalive struct {
	step int
	held int // pauses of this length in a row that did no harm
}

func (k *keepalive) every() time.Duration { return keepalives[k.step] }

// success grows the pause after three in a row were harmless.
func (k *keepalive) success() {
	if k.held++; k.held >= 3 && k.step < len(keepalives)-1 {
		k.step, k.held = k.step+1, 0
	}
}

// failure halves the pause.
func (k *keepalive) failure() {
	half := k.every() / 2
	k.held = 0
	for k.step > 0 && k.every() > half {
		k.step--
	}
}
