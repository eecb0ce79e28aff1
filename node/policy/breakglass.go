package policy

import (
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// Limits on access in an emergency.
const (
	MaxBreakGlass  = 4 * time.Hour
	MinReason      = 10  // characters
	MaxReason      = 500 // bytes
	MaxOpenGrants  = 256
	KeepEndedFor   = 90 * 24 * time.Hour // after that a grant is in the audit log only
	maxEndedGrants = 2048
)

// BreakGlass is a grant: one person may get at the record of one other for a while, whatever that one agreed to.
// It gives no role and helps with treating only.
type BreakGlass struct {
	ID      string    `json:"id"`
	Who     string    `json:"who"`
	Subject string    `json:"subject"`
	Reason  string    `json:"reason"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"` // exclusive
	Ended   time.Time `json:"ended,omitzero"`
	EndedBy string    `json:"ended_by,omitempty"`
}

// Open reports whether the grant holds at a time.
func (b BreakGlass) Open(now time.Time) bool {
	return !now.Before(b.From) && now.Before(b.Until) && b.Until.Sub(b.From) <= MaxBreakGlass && b.Ended.IsZero()
}

// grant is the id of the grant a request comes with, where it is the caller's, about this subject, and open.
func grant(c auth.Caller, o Object, x Context) string {
	b := x.BreakGlass
	if b == nil || c.Kind != edge.Person || b.Who != c.ID || b.Subject == "" || b.Subject != o.Subject || !b.Open(x.Now) {
		return ""
	}
	return b.ID
}
