package state

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// badgerLog is Badger's logger on slog. What Badger calls information is for its developers: debug.
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(f string, a ...any)   { l.log.Error("badger reports", "text", line(f, a)) }
func (l badgerLog) Warningf(f string, a ...any) { l.log.Warn("badger reports", "text", line(f, a)) }
func (l badgerLog) Infof(f string, a ...any)    { l.debug(f, a) }
func (l badgerLog) Debugf(f string, a ...any)   { l.debug(f, a) }

// debug formats nothing unless somebody listens: Badger calls it for every write.
func (l badgerLog) debug(f string, a []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) { // Badger has no context to pass
		l.log.Debug("badger reports", "text", line(f, a))
	}
}

func line(f string, a []any) string { return strings.TrimSpace(fmt.Sprintf(f, a...)) }
