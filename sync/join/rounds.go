package join

import (
	"log/slog"
	"sync"
)

// rounds is what a loop that looks again and again has: a way to be woken, and the error of its latest look.
// Its zero value is ready.
type rounds struct {
	once sync.Once
	kick chan struct{}

	mu   sync.Mutex // guards last
	last error
}

// Wake asks for a look at once: a hub or a neighbour came within reach, or this node leads now, so what waits
// for that need not wait for the end of its pause. Where nothing is due it costs nothing on the wire.
func (r *rounds) Wake() {
	select {
	case r.woken() <- struct{}{}:
	default:
	}
}

func (r *rounds) woken() chan struct{} {
	r.once.Do(func() { r.kick = make(chan struct{}, 1) })
	return r.kick
}

// note keeps the error of a look, and logs it with msg unless the look before said the same; log may be nil.
func (r *rounds) note(log *slog.Logger, msg string, err error) {
	r.mu.Lock()
	was := r.last
	r.last = err
	r.mu.Unlock()
	if err != nil && log != nil && (was == nil || was.Error() != err.Error()) {
		log.Warn("a round went wrong", "what", msg, "err", err)
	}
}

// trouble is the error of the latest look, nil where it went well.
func (r *rounds) trouble() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}
