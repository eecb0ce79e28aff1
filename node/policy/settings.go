package policy

import (
	"time"

	"github.com/aielon/edge/node/edge"
)

// Settings are what a site may turn about how well callers must prove themselves.
type Settings struct {
	// AlwaysTwo asks everybody for a second factor where something dangerous is done. False asks only those who
	// have one registered, so that one person with a password can run a small place.
	AlwaysTwo bool `json:"always_two"`
	// FreshSeconds is how old a proof may be for something dangerous, 60 to 3600.
	FreshSeconds int64 `json:"fresh_seconds"`
}

// DefaultSettings hold until a site changes them.
func DefaultSettings() Settings { return Settings{FreshSeconds: 15 * 60} }

func (s Settings) fresh() time.Duration { return time.Duration(s.FreshSeconds) * time.Second }

func (s Settings) check() error {
	if s.FreshSeconds < 60 || s.FreshSeconds > 3600 {
		return edge.E(edge.Invalid, "a proof may be 60 to 3600 seconds old, not %d", s.FreshSeconds)
	}
	return nil
}
