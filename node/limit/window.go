package limit

import "time"

const parts = 10

// A window counts two things over the last while, in ten parts, so that what is old falls out little by little.
// Its owner guards it.
type window struct {
	part time.Duration
	at   int64 // number of the newest part
	n    [parts][2]uint64
}

// roll lets go of what is older than the window. A clock set back counts as standing still.
func (w *window) roll(now time.Time) {
	at := now.UnixNano() / int64(w.part)
	for i := max(w.at+1, at-parts+1); i <= at; i++ {
		w.n[i%parts] = [2]uint64{}
	}
	w.at = max(w.at, at)
}

func (w *window) add(which int) { w.n[w.at%parts][which]++ }

func (w *window) sum() (a, b uint64) {
	for _, n := range w.n {
		a, b = a+n[0], b+n[1]
	}
	return a, b
}

func (w *window) clear() { w.n = [parts][2]uint64{} }
