package site

import (
	"strings"

	"github.com/aielon/edge/node/edge"
)

// recentMost bounds what the sequencer remembers, in bytes of keys and values.
const recentMost = 2 << 20

// recent are rows that this leader's batches wrote a moment ago: what is changed is often changed again, and
// a handler that reads it need not go to the store. They are what the state holds as long as its head is the
// one they belong to; every other batch moves the head. The sequencer's goroutine owns it.
type recent struct {
	head head
	rows map[string][]byte // nil: deleted
	size int
}

// over returns base with the rows in front of it, where they belong to the state at h.
func (r *recent) over(base edge.View, h head) edge.View {
	if r.rows == nil || r.head != h {
		return base
	}
	return &remembered{base, r.rows}
}

// applied adds the writes of a batch that took the state from one head to the next.
func (r *recent) applied(from, to head, ws []edge.Write) {
	if r.rows == nil || r.head != from || r.size > recentMost {
		r.rows, r.size = map[string][]byte{}, 0
	}
	r.head = to
	for _, w := range ws {
		if key := string(w.Key); key == keyRetention || !strings.HasPrefix(key, "\x00") {
			old, had := r.rows[key]
			if r.size += len(w.Value) - len(old); !had {
				r.size += len(key)
			}
			r.rows[key] = w.Value
		}
	}
}

// remembered is a view that knows some rows by heart.
type remembered struct {
	edge.View
	rows map[string][]byte
}

// Get implements edge.View.
func (v *remembered) Get(key []byte) ([]byte, error) {
	if b, ok := v.rows[string(key)]; ok {
		return valueOf(edge.Write{Value: b})
	}
	return v.View.Get(key)
}
