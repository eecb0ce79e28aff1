package edge

import "context"

// A Part is something that runs for as long as the node does. Run returns nil when ctx ends.
type Part interface {
	Name() string
	Run(ctx context.Context) error
}

// A Level says how well a part is.
type Level uint8

const (
	OK       Level = iota
	Degraded       // works, but somebody should look
	Failed         // does not work
)

// String returns ok, degraded or failed.
func (l Level) String() string { return [...]string{"ok", "degraded", "failed"}[min(l, Failed)] }

// Health is how a part is, in words an operator can act on.
type Health struct {
	Level Level
	Msg   string
	Hint  string
}

// A Reporter tells how it is. Report must answer quickly and from memory.
type Reporter interface {
	Report(ctx context.Context) Health
}
